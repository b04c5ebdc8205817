"""E-mail addresses: proving that one reads them, changing them, and setting a new password by them.

A link works once, and only the newest of its kind. Asking for one says nothing about whether the account exists.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.mail import service as mail
from backend.accounts.signin import service
from backend.accounts.signin.events import EmailChanged, tell
from backend.accounts.signin.models import EmailToken, FailedLogin
from backend.accounts.users import service as users
from backend.accounts.users.models import User
from backend.core import crypto
from backend.core.db import Database, now
from backend.core.errors import Forbidden, TooMany, clash
from backend.core.settings import Settings

VERIFY_FOR = timedelta(days=3)
RESET_FOR = timedelta(hours=1)
IF_NOT = "If you did not ask for it, do nothing."


class TooManyLinks(TooMany):
    """Too many links were asked for in a quarter of an hour: wait, and look for the last one in the mail, spam included."""


class InvalidLink(Forbidden):
    """That link is not valid any more: ask for a new one."""


async def send_verification(db: AsyncSession, settings: Settings, user: User, email: str | None = None) -> None:
    """To the address of the account, or to the one that it is to change to."""
    token = await _issue(db, user.id, "change" if email else "verify", email or user.email, VERIFY_FOR)
    at = mail.link(settings, f"/verify-email?token={token}")
    text = f"Open this link to say that the address is yours:\n\n{at}\n\nIt works for three days. {IF_NOT}\n"
    await mail.send(db, settings, email or user.email, "Your e-mail address at Codeyard", text)


async def ask_verification(db: AsyncSession, settings: Settings, user: User, email: str | None = None) -> None:
    """`send_verification` for somebody who asks for it, to whichever address: askings are counted for each person. Raises
    TooManyLinks."""
    await _count(db, f"verify {user.id}")
    await send_verification(db, settings, user, email)


async def verify(db: AsyncSession, settings: Settings, token: str) -> None:
    """The address is read by its account; where it is a new one, it takes the old one's place, which is told of it. Raises
    InvalidLink, EmailTaken."""
    used = await _use(db, token, ("verify", "change"))
    before = await db.scalar(select(User.email).where(User.id == used.user_id).with_for_update())
    values = {"email": used.email, "email_verified_at": now()}
    still = update(User).where(User.id == used.user_id)
    if used.purpose == "verify":  # it may have changed since
        still = still.where(User.email == used.email)
    with clash("uq_users_email", users.EmailTaken):
        if await db.scalar(still.values(**values).returning(User.id)) is None:
            raise InvalidLink
    if used.purpose == "change" and before and before != used.email:
        await tell(db, used.user_id, EmailChanged)
        text = (
            f"Your account at Codeyard has the address {used.email} from now on: sign in with that one.\n\n"
            "If it was not you who changed it, tell whoever runs the server at once.\n"
        )
        await mail.send(db, settings, before, "Your account at Codeyard has another e-mail address", text)


async def ask_reset(database: Database, settings: Settings, email: str) -> None:
    """Sends the link if there is such an account. Askings are counted for each account, so that nobody floods a box, and nowhere
    else: the link is the way out for whom somebody else's wrong passwords keep waiting."""
    address = email.strip().lower()
    async with database.begin() as db:
        await _count(db, f"reset {address}")
        user = await users.by_email(db, address) if "\x00" not in email else None
        if user is None:
            return
        token = await _issue(db, user.id, "reset", user.email, RESET_FOR)
        at = mail.link(settings, f"/reset-password?token={token}")
        text = f"Open this link to set a new password:\n\n{at}\n\nIt works for an hour, once. {IF_NOT}\n"
        await mail.send(db, settings, user.email, "A new password for Codeyard", text)


async def reset(database: Database, token: str, password: str) -> str:
    """Sets the password, ends every sign-in and forgets wrong passwords; a second factor stays. The address of the account.
    Raises InvalidLink."""
    password_hash = await users.hash_password(password)
    async with database.begin() as db:
        used = await _use(db, token, ("reset",))
        await service.set_password(db, used.user_id, password_hash, how="reset")
        await db.execute(delete(FailedLogin).where(FailedLogin.account == crypto.digest(used.email)))
        mine = update(User).where(User.id == used.user_id, User.email == used.email)
        await db.execute(mine.values(email_verified_at=now()))
    return used.email


async def _count(db: AsyncSession, what: str) -> None:
    asked = crypto.digest(what)
    place = f"link {asked.hex()[:40]}"
    await service.throttle(db, asked, place, refusal=TooManyLinks)
    db.add(FailedLogin(account=asked, place=place, at=now()))


async def _issue(db: AsyncSession, user_id: UUID, purpose: str, email: str, lasts: timedelta) -> str:
    token = crypto.new_token()
    await db.execute(delete(EmailToken).where(EmailToken.user_id == user_id, EmailToken.purpose == purpose))
    db.add(
        EmailToken(hash=crypto.digest(token), user_id=user_id, purpose=purpose, email=email, expires_at=now() + lasts)
    )
    return token


async def _use(db: AsyncSession, token: str, purposes: tuple[str, ...]) -> EmailToken:
    used = delete(EmailToken).where(EmailToken.hash == crypto.digest(token), EmailToken.purpose.in_(purposes))
    found: EmailToken | None = await db.scalar(used.where(EmailToken.expires_at > now()).returning(EmailToken))
    if found is None:
        raise InvalidLink
    return found
