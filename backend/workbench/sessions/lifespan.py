"""At the start: sessions that were being made when the server last ended are taken back, since nobody was told of them; those
that were coming out of the bin come out."""

import contextlib
import logging
from collections.abc import AsyncIterator

from sqlalchemy import delete, select

from backend.core.resources import Resources
from backend.ledger.receipts.service import forget_unfinished
from backend.workbench.sessions import disk
from backend.workbench.sessions.models import Session, Status
from backend.workbench.sessions.service import come_back

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    async with resources.database.begin() as db:
        query = select(Session).where(Session.status == Status.STARTING, Session.is_default.is_(False))
        unfinished = (await db.scalars(query)).all()
        restoring = (await db.scalars(select(Session).where(Session.status == Status.RESTORING))).all()
        await forget_unfinished(db)
    for session in unfinished:
        await disk.remove(resources, session)
        async with resources.database.begin() as db:
            await db.execute(delete(Session).where(Session.id == session.id, Session.status == Status.STARTING))
    for session in restoring:
        try:
            await come_back(resources, session)
        except Exception:
            log.exception("session %s could not be restored; it lies in the bin", session.id)
    yield
