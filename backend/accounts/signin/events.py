"""What happens to sign-ins, told to each organisation of the person."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs import repository as organizations
from backend.core.events import Event, emit


class SignedIn(Event, frozen=True):
    name: ClassVar[str] = "member.signed_in"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID
    browser: str


class SignedOut(Event, frozen=True):
    name: ClassVar[str] = "member.signed_out"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID
    browser: str


class LoginFailed(Event, frozen=True):
    """Somebody did not get in as that member: `attempts` of theirs failed within the last quarter of an hour. Told at the
    first, the tenth and the hundredth, so that whoever guesses cannot fill the log."""

    name: ClassVar[str] = "member.login_failed"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID
    from_address: str
    browser: str
    attempts: int


class PasswordChanged(Event, frozen=True):
    """`how`: changed, or reset by a link."""

    name: ClassVar[str] = "member.password_changed"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID
    how: str


class EmailChanged(Event, frozen=True):
    name: ClassVar[str] = "member.email_changed"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID


class SecondFactorChanged(Event, frozen=True):
    """`how`: on, off, recovery codes renewed, or recovery code used."""

    name: ClassVar[str] = "member.second_factor_changed"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID
    how: str


async def tell(db: AsyncSession, user_id: UUID, kind: Callable[..., Event], **fields: Any) -> None:
    """The event in each organisation of that person."""
    for organization, _ in await organizations.of_user(db, user_id):
        await emit(db, kind(organization_id=organization.id, user_id=user_id, **fields))
