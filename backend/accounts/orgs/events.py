"""What happens to an organisation."""

from typing import ClassVar
from uuid import UUID

from backend.core.auth import Role
from backend.core.events import Event


class MemberInvited(Event, frozen=True):
    name: ClassVar[str] = "member.invited"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    invitation_id: UUID
    role: Role
    by_name: str
    email: str = ""


class InvitationChanged(Event, frozen=True):
    """Sent again or withdrawn; `how` says which."""

    name: ClassVar[str] = "member.invitation_changed"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    invitation_id: UUID
    how: str
    email: str = ""


class MemberJoined(Event, frozen=True):
    name: ClassVar[str] = "member.joined"
    scope: ClassVar[str] = "organization:read"
    audited: ClassVar[bool] = True
    user_id: UUID
    role: Role
    user_name: str = ""


class MemberChanged(Event, frozen=True):
    name: ClassVar[str] = "member.changed"
    scope: ClassVar[str] = "organization:read"
    audited: ClassVar[bool] = True
    user_id: UUID
    role: Role
    user_name: str = ""


class MemberLeft(Event, frozen=True):
    name: ClassVar[str] = "member.left"
    scope: ClassVar[str] = "organization:read"
    audited: ClassVar[bool] = True
    user_id: UUID
    user_name: str = ""


class OrganizationRenamed(Event, frozen=True):
    name: ClassVar[str] = "organization.renamed"
    scope: ClassVar[str] = "organization:read"
    audited: ClassVar[bool] = True
    organization_name: str


class OrganizationDeleted(Event, frozen=True):
    """Into the bin."""

    name: ClassVar[str] = "organization.deleted"
    scope: ClassVar[str] = "organization:read"
    audited: ClassVar[bool] = True
    organization_name: str


class OrganizationRestored(Event, frozen=True):
    name: ClassVar[str] = "organization.restored"
    scope: ClassVar[str] = "organization:read"
    audited: ClassVar[bool] = True
    organization_name: str
