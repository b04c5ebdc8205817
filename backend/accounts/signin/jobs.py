"""Telling of failed logins; dropping sign-ins that have expired and failed logins that no longer count."""

from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy import delete

from backend.accounts.signin.events import LoginFailed, tell
from backend.accounts.signin.models import WINDOW, FailedLogin, SignIn
from backend.core.db import now
from backend.core.jobs import every, job
from backend.core.resources import Resources


class Failure(msgspec.Struct):
    """`user_id` is null where there is no such account."""

    user_id: UUID | None
    from_address: str
    browser: str
    attempts: int


@job(Failure)
async def tell_failure(data: Failure, resources: Resources) -> None:
    """A second run, after a crash, tells it twice: better than not at all."""
    if data.user_id is None:
        return
    fields = {"from_address": data.from_address, "browser": data.browser, "attempts": data.attempts}
    async with resources.database.begin() as db:
        await tell(db, data.user_id, LoginFailed, **fields)


@every(timedelta(hours=1))
async def prune_sign_ins(resources: Resources) -> None:
    async with resources.database.begin() as db:
        await db.execute(delete(SignIn).where(SignIn.expires_at < now()))
        await db.execute(delete(FailedLogin).where(FailedLogin.at < now() - WINDOW))
