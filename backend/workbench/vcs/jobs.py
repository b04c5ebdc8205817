"""The timer that keeps repositories small."""

import logging
from datetime import timedelta

from sqlalchemy import select

from backend.core import tidying
from backend.core.jobs import every
from backend.core.resources import Resources
from backend.workbench.sessions import disk
from backend.workbench.sessions.models import Session, Status

log = logging.getLogger(__name__)


@every(timedelta(hours=6))
async def tidy(resources: Resources) -> None:
    """Of every session that is ready, and of its workspace."""
    async with resources.database.begin() as db:
        sessions = (await db.scalars(select(Session).where(Session.status == Status.READY))).all()
    for session in sessions:
        for place in await disk.places_of(resources, session):
            try:
                if tidying.is_due(place.bare):
                    await tidying.pack(place)
                if tidying.is_due(place.git_dir):
                    await resources.in_thread(tidying.slim, place)
            except Exception:  # one that is broken must not keep the others from it
                log.exception("repository %s of session %s was not tidied", place.repository, session.id)
