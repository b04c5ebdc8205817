"""At the start: sessions that were being made when the server last ended are taken back; nobody was told of them."""

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy import delete, select

from backend.core.resources import Resources
from backend.ledger.receipts.service import forget_unfinished
from backend.workbench.sessions import disk
from backend.workbench.sessions.models import Session, Status


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    async with resources.database.begin() as db:
        query = select(Session).where(Session.status == Status.STARTING, Session.is_default.is_(False))
        unfinished = (await db.scalars(query)).all()
        await forget_unfinished(db)
    for session in unfinished:
        await disk.remove(resources, session)
        async with resources.database.begin() as db:
            await db.execute(delete(Session).where(Session.id == session.id, Session.status == Status.STARTING))
    yield
