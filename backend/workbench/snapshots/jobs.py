"""The timer: a snapshot of every session whose files changed, and the end of timed ones after a month."""

import logging
import time
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from backend.core.db import now
from backend.core.jobs import every
from backend.core.resources import Resources
from backend.workbench.sessions.models import Session, Status
from backend.workbench.snapshots import service
from backend.workbench.snapshots.models import Snapshot

log = logging.getLogger(__name__)

KEPT = timedelta(days=30)


class Looked(dict[UUID, float]):
    """When sessions were looked at last (seconds, monotonic), by their ids. A look goes through all files of one: many sessions
    lie unchanged for weeks, and are not to be gone through each minute."""


@every(timedelta(minutes=1))
async def take_timed(resources: Resources) -> None:
    """Looks at sessions that had no snapshot, and no look, for `snapshot_minutes`, and takes one where files changed."""
    minutes = resources.settings.snapshot_minutes
    if minutes == 0:
        return
    a_while = timedelta(minutes=minutes)
    recent = select(Snapshot.id).where(
        Snapshot.session_id == Session.id,
        Snapshot.created_at.between(now() - a_while, now() + a_while),  # later ones are a clock's that was ahead
    )
    async with resources.database.begin() as db:
        query = select(Session).where(Session.status == Status.READY, ~recent.exists())
        due = (await db.scalars(query)).all()
    resources.kept.put(looked := resources.kept.get(Looked) or Looked())
    moment = time.monotonic()
    for gone in looked.keys() - {session.id for session in due}:
        del looked[gone]
    for session in due:
        if session.id in looked and moment - looked[session.id] < 60 * minutes:
            continue
        looked[session.id] = moment
        try:
            await service.take_if_changed(resources, session)
        except Exception:  # one broken working copy must not keep the others from theirs
            log.exception("no timed snapshot of session %s", session.id)


@every(timedelta(hours=6))
async def drop_old(resources: Resources) -> None:
    async with resources.database.begin() as db:
        query = select(Snapshot, Session).join(Session, Session.id == Snapshot.session_id)
        old = (await db.execute(query.where(Snapshot.reason == "timer", Snapshot.created_at < now() - KEPT))).all()
    for snapshot, session in old:
        await service.drop(resources, session, [snapshot])
