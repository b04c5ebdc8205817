"""At the start: workspaces that were being made when the server last ended are taken back; nobody was told of them. Clones go
on by themselves: they are jobs."""

import contextlib
from collections.abc import AsyncIterator

from sqlalchemy import select, text

from backend.core.resources import Resources
from backend.ledger.receipts.service import Once
from backend.workbench.provisioning.jobs import forget
from backend.workbench.sessions.models import Session, Status


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    async with resources.database.begin() as db:
        query = select(Session).where(Session.status == Status.STARTING, Session.is_default)
        queued = text(
            "NOT EXISTS (SELECT FROM pgqueuer WHERE position(sessions.id::text IN convert_from(payload, 'UTF8')) > 0)"
        )
        unfinished = (await db.scalars(query.where(queued))).all()
    for session in unfinished:
        await forget(resources, session.workspace_id, Once.none())
    yield
