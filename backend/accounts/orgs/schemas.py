"""Organisations on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.core.auth import Role

Name = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=r"^[^\S\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$(?!\n)")
]


class OrganizationCreate(msgspec.Struct, forbid_unknown_fields=True):
    name: Name


class Organization(msgspec.Struct):
    """`role` is the caller's own, null for a key."""

    id: UUID
    name: str
    slug: str
    role: Role | None


class Member(msgspec.Struct):
    user_id: UUID
    email: str
    name: str
    role: Role
    created_at: datetime


class RoleShown(msgspec.Struct):
    """One role and its rights; `access` says which of them can be given in a single workspace."""

    role: str
    scopes: list[str]
    in_workspaces: bool


class Roles(msgspec.Struct):
    """What each role may, and what each scope means."""

    roles: list[RoleShown]
    scopes: dict[str, str]


class MemberUpdate(msgspec.Struct, forbid_unknown_fields=True):
    role: Role


class InvitationCreate(msgspec.Struct, forbid_unknown_fields=True):
    email: Annotated[str, Meta(max_length=254)]
    role: Role = Role.MEMBER
    days: Annotated[int, Meta(ge=1, le=365)] = 7


class Invitation(msgspec.Struct):
    id: UUID
    email: str
    role: Role
    expires_at: datetime
    created_at: datetime


class NewInvitation(Invitation):
    """The only answer that carries `invitation`, the code to register with. `mailed`: a mail server is asked to deliver it;
    else it is for the one who invites to pass on."""

    invitation: str = ""
    mailed: bool = False


class InvitationCode(msgspec.Struct, forbid_unknown_fields=True):
    invitation: Annotated[str, Meta(max_length=200)]


class InvitationShown(msgspec.Struct):
    """What whoever holds the code may know."""

    organization: str
    email: str
    role: Role
    expires_at: datetime
