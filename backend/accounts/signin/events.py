"""What happens to sign-ins, told to each organisation of the person."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs import repository as organizations
from backend.accounts.users.models import User
from backend.core.events import Event, emit


class SignInEvent(Event, frozen=True, kw_only=True):
    """For who administers an organisation that `user_id` is in."""

    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    user_id: UUID
    user_name: str = ""


class SignedIn(SignInEvent, frozen=True):
    name: ClassVar[str] = "member.signed_in"
    browser: str


class SignedOut(SignInEvent, frozen=True):
    name: ClassVar[str] = "member.signed_out"
    browser: str


class LoginFailed(SignInEvent, frozen=True):
    """Somebody did not get in as that member: `attempts` of theirs failed within the last quarter of an hour. Told at the
    first, the tenth and the hundredth, so that whoever guesses cannot fill the log."""

    name: ClassVar[str] = "member.login_failed"
    from_address: str
    browser: str
    attempts: int


class PasswordChanged(SignInEvent, frozen=True):
    """`how`: changed, or reset by a link."""

    name: ClassVar[str] = "member.password_changed"
    how: str


class EmailChanged(SignInEvent, frozen=True):
    name: ClassVar[str] = "member.email_changed"


class SecondFactorChanged(SignInEvent, frozen=True):
    """`how`: on, off, recovery codes renewed, or recovery code used."""

    name: ClassVar[str] = "member.second_factor_changed"
    how: str


async def tell(db: AsyncSession, user_id: UUID, kind: Callable[..., Event], **fields: Any) -> None:
    """The event in each organisation of that person."""
    user = await db.get_one(User, user_id)
    for organization, _ in await organizations.of_user(db, user_id):
        await emit(db, kind(organization_id=organization.id, user_id=user_id, user_name=user.name, **fields))
