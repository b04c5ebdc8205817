"""Workspaces on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from backend.accounts.orgs.schemas import Name

IdleMinutes = Annotated[
    int,
    Meta(
        ge=0,
        le=43_200,
        description="Services stop after so many minutes without use; 0 is never, null as the server has it.",
    ),
]
Description = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*$(?!\n)")]
Branch = Annotated[
    str, Meta(max_length=250, pattern=r"^([^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]*)?$(?!\n)")
]


class WorkspaceCreate(msgspec.Struct, forbid_unknown_fields=True):
    """Empty, or with the history of `clone_url`, of which `branch` (left out, the default one) is checked out. `organization_id`
    may be left out by who has one only. `clone_token` is used for this clone and not kept; without one, the caller's connection
    to that host is used where there is one: the oldest, or that of `connection_id`."""

    name: Name
    organization_id: UUID | None = None
    description: Description = ""
    clone_url: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None
    clone_token: Annotated[str, Meta(max_length=1000)] | None = None
    connection_id: UUID | None = None
    branch: Branch = ""


class WorkspaceUpdate(msgspec.Struct, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    idle_minutes: IdleMinutes | UnsetType | None = UNSET


class WorkspaceDuplicate(msgspec.Struct, forbid_unknown_fields=True):
    """A copy with repositories and every session as it stands. `with_secrets` copies the values of its services' secrets and
    variables, too, which needs `services:write`: what runs there can read them."""

    name: Name
    with_secrets: bool = False


class Workspace(msgspec.Struct):
    id: UUID
    organization_id: UUID
    name: str
    slug: str
    description: str
    default_session_id: UUID
    idle_minutes: int | None
    created_at: datetime
    updated_at: datetime


class DefaultSession(msgspec.Struct):
    session_id: UUID
