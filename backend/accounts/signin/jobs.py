"""Dropping sign-ins that have expired and failed logins that no longer count."""

from datetime import timedelta

from sqlalchemy import delete

from backend.accounts.signin.models import FailedLogin, SignIn
from backend.accounts.signin.service import WINDOW
from backend.core.db import now
from backend.core.jobs import every
from backend.core.resources import Resources


@every(timedelta(hours=1))
async def prune_sign_ins(resources: Resources) -> None:
    async with resources.database.begin() as db:
        await db.execute(delete(SignIn).where(SignIn.expires_at < now()))
        await db.execute(delete(FailedLogin).where(FailedLogin.at < now() - WINDOW))
