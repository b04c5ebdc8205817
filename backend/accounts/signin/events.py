"""What happens to sign-ins, told to each organisation of the person."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class SignedIn(Event, frozen=True):
    name: ClassVar[str] = "member.signed_in"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID
    browser: str
