"""People: adding one, checking and changing a password."""

import re
from typing import Any
from uuid import UUID

import anyio.to_thread
from anyio import CapacityLimiter
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.users.models import User, UserSettings
from backend.core import crypto
from backend.core.db import now
from backend.core.errors import Conflict, Invalid, NotFound, clash

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,189}")
_hashing = CapacityLimiter(2)  # argon2 takes 64 MiB and all of a core for 0.1 s


class EmailTaken(Conflict):
    """There is an account with that e-mail address: sign in instead."""


class InvalidEmail(Invalid):
    """That is not an e-mail address."""


class NoSuchUser(NotFound):
    """There is no account with that e-mail address."""


def normal_email(email: str) -> str:
    """The form that is stored and compared. Raises InvalidEmail."""
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise InvalidEmail
    return email


async def hash_password(password: str) -> str:
    return await anyio.to_thread.run_sync(crypto.hash_password, password, limiter=_hashing)


async def password_fits(user: User | None, password: str) -> bool:
    """Whether it is that user's password; takes the same time when there is no such user."""
    stored = (
        user.password_hash
        if user is not None and user.password_hash
        else await anyio.to_thread.run_sync(crypto.unknown_user)
    )
    fits = await anyio.to_thread.run_sync(crypto.verify_password, stored, password, limiter=_hashing)
    return fits and user is not None and bool(user.password_hash)


async def by_email(db: AsyncSession, email: str) -> User | None:
    return await db.scalar(select(User).where(User.email == email))


async def get(db: AsyncSession, user_id: UUID) -> User | None:
    return await db.get(User, user_id)


async def add(db: AsyncSession, *, email: str, name: str, password_hash: str, owns_installation: bool = False) -> User:
    user = User(email=email, name=name.strip(), password_hash=password_hash, owns_installation=owns_installation)
    db.add(user)
    with clash("uq_users_email", EmailTaken):
        await db.flush()
    return user


async def settings_of(db: AsyncSession, user_id: UUID) -> dict[str, Any]:
    """Empty for somebody who never set anything."""
    return await db.scalar(select(UserSettings.settings).where(UserSettings.user_id == user_id)) or {}


async def keep_settings(db: AsyncSession, user_id: UUID, settings: dict[str, Any]) -> None:
    values = {"settings": settings, "updated_at": now()}
    kept = insert(UserSettings).values(user_id=user_id, **values)
    await db.execute(kept.on_conflict_do_update(index_elements=["user_id"], set_=values))
