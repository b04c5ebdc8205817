"""What happens to linked identities, told to each organisation of the person."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class IdentityChanged(Event, frozen=True):
    """`how`: linked or unlinked."""

    name: ClassVar[str] = "member.identity_changed"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID
    provider: str
    how: str
