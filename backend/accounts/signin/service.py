"""Signing in: the first account, sign-up, login with throttling that locks nobody out, and ending sign-ins.

Throttling counts wrong passwords of (account, place) and of the place alone, never of the account alone: whoever guesses from
elsewhere slows down himself, not the owner. A place is an address, or a browser that is known to that account: it signed in
before, or opened a link to reset the password.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection
from sqlalchemy import Delete, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.factors import service as factors
from backend.accounts.orgs import service as orgs
from backend.accounts.signin import jobs
from backend.accounts.signin.events import PasswordChanged, SecondFactorChanged, SignedIn, SignedOut, tell
from backend.accounts.signin.known import known_browser, known_cookie_name
from backend.accounts.signin.models import WINDOW, EmailToken, FailedLogin, SignIn
from backend.accounts.signin.schemas import Login, PasswordChange, Register, Setup
from backend.accounts.users import service as users
from backend.accounts.users.models import Installation, User
from backend.core import crypto
from backend.core.auth import Actor, Call, calling, is_secure
from backend.core.db import Database, new_id, now
from backend.core.errors import Forbidden, NotFound, TooMany, Unauthorized
from backend.core.jobs import enqueue
from backend.core.live import notify
from backend.core.settings import Settings

WRONG_PER_ACCOUNT = 10
WRONG_PER_PLACE = 100
TOLD_AT = (1, 10, 100)
"""Which failures of an account within the window the audit log tells."""


class WrongCredentials(Unauthorized):
    """E-mail address or password is wrong."""


class RegistrationClosed(Forbidden):
    """Sign-up is closed here: ask a member of the organisation for an invitation."""


class AlreadySetUp(NotFound):
    """That link is used up, or older than the server's last start, which printed another. Where there is an account, sign in;
    a lost password is set anew by `codeyard reset-password`."""


class TooManyAttempts(TooMany):
    """Too many wrong passwords from here: wait, reset the password, or use a browser in which you have signed in before."""


class MfaRequired(Unauthorized):
    """The password is right; send the `code` of your authenticator app, or a recovery code, too."""


class Browser:
    """Where a sign-in comes from: address and User-Agent, cut to what is worth keeping, and the cookie of a known browser."""

    def __init__(self, address: str, agent: str, known: str) -> None:
        self.address = address[:64]
        self.agent = "".join(c for c in agent[:300] if c.isprintable())
        self.known = known

    def place(self, data: Path, account: bytes) -> str:
        """Where wrong passwords for `account` are counted."""
        name = known_browser(data, account, self.known)
        return f"browser {name}" if name else self.address


def browser_of(request: ASGIConnection[Any, Any, Any, Any]) -> Browser:
    known = known_cookie_name(secure=is_secure(request, request.app.state.resources.settings))
    address = request.client.host if request.client else ""
    return Browser(address, request.headers.get("user-agent", ""), request.cookies.get(known, ""))


async def offer_setup(db: AsyncSession) -> str | None:
    """A fresh one-time token while nobody has an account yet, else None. Older tokens stop working."""
    installation = await db.scalar(select(Installation).with_for_update())
    if installation is None:
        installation = Installation()
        db.add(installation)
    if await db.scalar(select(User.id).limit(1)) is not None:
        return None
    token = secrets.token_urlsafe(24)
    installation.setup_hash = crypto.digest(token)
    return token


async def check_setup(db: AsyncSession, token: str) -> None:
    """Raises AlreadySetUp."""
    if await db.scalar(select(Installation.id).where(Installation.setup_hash == crypto.digest(token))) is None:
        raise AlreadySetUp


async def set_up(db: AsyncSession, data: Setup, password_hash: str) -> User:
    """The first account, which owns the installation. Of two at once, one gets it: the token is used up by the UPDATE."""
    used = update(Installation).where(Installation.setup_hash == crypto.digest(data.token)).values(setup_hash=None)
    if await db.scalar(used.returning(Installation.id)) is None:
        raise AlreadySetUp
    email = users.normal_email(data.email)
    user = await users.add(db, email=email, name=data.name, password_hash=password_hash, owns_installation=True)
    await orgs.create(db, user, data.organization)
    return user


async def register(db: AsyncSession, settings: Settings, data: Register, password_hash: str) -> User:
    if not data.invitation and not settings.registration:
        raise RegistrationClosed
    email = users.normal_email(data.email)
    user = await users.add(db, email=email, name=data.name, password_hash=password_hash)
    if data.invitation:
        await orgs.accept(db, user, data.invitation)
    if data.organization or not data.invitation:
        await orgs.create(db, user, data.organization or f"{data.name.strip()}'s organisation"[:200])
    return user


async def check_login(database: Database, folder: Path, data: Login, browser: Browser) -> User:
    """The user whose password that is. The slow hash runs with no transaction open. Raises WrongCredentials,
    MfaRequired, WrongCode or, with Retry-After, TooManyAttempts."""
    account = crypto.digest(data.email.strip().lower())
    async with database.begin() as db:
        await throttle(db, account, browser.place(folder, account))
        user = await users.by_email(db, data.email.strip().lower()) if "\x00" not in data.email else None
    if not await users.password_fits(user, data.password) or user is None:
        await _count_failure(database, folder, account, browser, user)
        raise WrongCredentials
    await check_code(database, folder, user, account, browser, data.code)
    return user


async def check_code(
    database: Database, folder: Path, user: User, account: bytes, browser: Browser, code: str | None
) -> None:
    """The second factor, where there is one. A wrong code counts like a wrong password. Raises MfaRequired, WrongCode."""
    async with database.begin() as db:
        if await factors.find(db, user.id) is None:
            return
    if not code:
        raise MfaRequired
    try:
        async with database.begin() as db:
            if await factors.check(db, folder, user.id, code):
                calling.set(Call(Actor(name=user.name, user_id=user.id, grants={}), browser.address))
                await tell(db, user.id, SecondFactorChanged, how="recovery code used")
    except factors.WrongCode:
        await _count_failure(database, folder, account, browser, user)
        raise


async def check_second(database: Database, folder: Path, user: User, browser: Browser, code: str) -> None:
    """The second factor of who is signed in, throttled like a login. Raises NoFactor, WrongCode, TooManyAttempts."""
    account = crypto.digest(user.email)
    async with database.begin() as db:
        await throttle(db, account, browser.place(folder, account))
        if await factors.find(db, user.id) is None:
            raise factors.NoFactor
    await check_code(database, folder, user, account, browser, code)


async def _count_failure(database: Database, folder: Path, account: bytes, browser: Browser, user: User | None) -> None:
    """The log is written by a job, which an account that does not exist gets, too: how long the answer takes says nothing."""
    async with database.begin() as db:
        db.add(FailedLogin(account=account, place=browser.place(folder, account), at=now()))
        await db.flush()
        recent = FailedLogin.account == account, FailedLogin.at > now() - WINDOW
        attempts = await db.scalar(select(func.count()).select_from(FailedLogin).where(*recent)) or 0
        if attempts in TOLD_AT:
            failure = jobs.Failure(user.id if user else None, browser.address, browser.agent, attempts)
            await enqueue(db, jobs.tell_failure, failure)


async def throttle(db: AsyncSession, account: bytes, place: str, *, refusal: type[TooMany] = TooManyAttempts) -> None:
    recent = FailedLogin.at.between(now() - WINDOW, now() + WINDOW)  # later ones are a clock's that was ahead
    here = FailedLogin.place == place
    count = func.count().filter(FailedLogin.account == account)
    oldest = func.min(FailedLogin.at)
    of_account, of_place, since = (await db.execute(select(count, func.count(), oldest).where(recent, here))).one()
    if of_account >= WRONG_PER_ACCOUNT or of_place >= WRONG_PER_PLACE:
        seconds = max(1, int((since + WINDOW - now()).total_seconds()))
        raise refusal(headers={"Retry-After": str(seconds)}, retry_after=seconds)


async def sign_in(db: AsyncSession, settings: Settings, user: User, browser: Browser) -> tuple[SignIn, str]:
    """A new sign-in and the secret for its cookie."""
    secret = crypto.new_token()
    row = SignIn(
        id=new_id(),
        user_id=user.id,
        hash=crypto.digest(secret),
        csrf_token=secrets.token_urlsafe(24),
        address=browser.address,
        browser=browser.agent,
        last_used_at=now(),
        expires_at=now() + timedelta(days=settings.session_days),
    )
    db.add(row)
    await db.flush()
    calling.set(Call(Actor(name=user.name, user_id=user.id, grants={}), browser.address))
    await tell(db, user.id, SignedIn, browser=browser.agent)
    return row, secret


async def sign_out(db: AsyncSession, actor: Actor) -> None:
    """Ends the sign-in that asks; its sockets close."""
    await _end(db, delete(SignIn).where(SignIn.id == actor.sign_in_id))


async def list_sign_ins(db: AsyncSession, actor: Actor) -> Sequence[SignIn]:
    query = select(SignIn).where(SignIn.user_id == actor.user_id, SignIn.expires_at > now())
    return (await db.scalars(query.order_by(SignIn.last_used_at.desc()))).all()


async def end_sign_in(db: AsyncSession, actor: Actor, sign_in_id: UUID) -> None:
    mine = delete(SignIn).where(SignIn.id == sign_in_id, SignIn.user_id == actor.user_id)
    if not await _end(db, mine):
        raise NotFound("There is no such sign-in.")


async def _end(db: AsyncSession, which: Delete) -> bool:
    """Whether there was one."""
    ended = await db.scalar(which.returning(SignIn))
    if ended is None:
        return False
    await tell(db, ended.user_id, SignedOut, browser=ended.browser)
    await notify(db, "access")
    return True


async def change_password(database: Database, actor: Actor, data: PasswordChange) -> None:
    """Sets a new password and ends every other sign-in of the person."""
    user = await person_with_password(database, actor, data.current)
    password_hash = await users.hash_password(data.new)
    async with database.begin() as db:
        await set_password(db, user.id, password_hash, how="changed", keep=actor.sign_in_id)


async def person_with_password(database: Database, actor: Actor, password: str) -> User:
    """Whoever asks, if that is their password. Wrong ones are counted for this sign-in: a cookie that was taken does not lead to
    the password by guessing. Raises WrongCredentials, TooManyAttempts."""
    asked, place = crypto.digest(f"password {actor.id}"), f"sign-in {actor.sign_in_id}"
    async with database.begin() as db:
        await throttle(db, asked, place)
        user = await users.get(db, actor.id)
    if user is None or not await users.password_fits(user, password):
        async with database.begin() as db:
            db.add(FailedLogin(account=asked, place=place, at=now()))
        raise WrongCredentials("The current password is wrong.")
    return user


async def end_others(db: AsyncSession, user_id: UUID, *, keep: UUID | None = None) -> None:
    """Ends all sign-ins of a person but `keep`, sockets included."""
    others = delete(SignIn).where(SignIn.user_id == user_id)
    await db.execute(others.where(SignIn.id != keep) if keep is not None else others)
    await notify(db, "access")


async def set_password(
    db: AsyncSession, user_id: UUID, password_hash: str, *, how: str, keep: UUID | None = None
) -> None:
    """A password change ends all sign-ins but `keep`, sockets included, and the links to set another one or to change the
    address: whoever had the old one may have asked for them."""
    await db.execute(update(User).where(User.id == user_id).values(password_hash=password_hash))
    over = EmailToken.user_id == user_id, EmailToken.purpose.in_(("reset", "change"))
    await db.execute(delete(EmailToken).where(*over))
    await tell(db, user_id, PasswordChanged, how=how)
    await end_others(db, user_id, keep=keep)
