"""What happens to an organisation."""

from typing import ClassVar
from uuid import UUID

from backend.core.auth import Role
from backend.core.events import Event


class MemberInvited(Event, frozen=True):
    name: ClassVar[str] = "member.invited"
    scope: ClassVar[str] = "admin"
    invitation_id: UUID
    role: Role


class MemberJoined(Event, frozen=True):
    name: ClassVar[str] = "member.joined"
    scope: ClassVar[str] = "organization:read"
    user_id: UUID
    role: Role


class MemberChanged(Event, frozen=True):
    name: ClassVar[str] = "member.changed"
    scope: ClassVar[str] = "organization:read"
    user_id: UUID
    role: Role


class MemberLeft(Event, frozen=True):
    name: ClassVar[str] = "member.left"
    scope: ClassVar[str] = "organization:read"
    user_id: UUID
