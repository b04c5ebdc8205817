"""What happens to services when nobody waits: those of a deleted session end with it, and its volumes at the purge."""

import shutil
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete

from backend.core.db import now
from backend.core.events import on
from backend.core.jobs import every
from backend.core.resources import Resources
from backend.ledger.secrets.service import forget_ownerless
from backend.workbench.services import repository
from backend.workbench.services.conductor import Conductor
from backend.workbench.services.models import Operation
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions.events import SessionDeleted, SessionPurged
from runtimes.spec import CanWatch


@on(SessionDeleted)
async def put_away_services(event: SessionDeleted, resources: Resources) -> None:
    """A worker without a driver leaves it to the server, which sees within seconds that nothing should run."""
    if event.session_id is None:
        return
    async with resources.database.begin() as db:
        await repository.want_nothing(db, event.session_id)
    if (conductor := resources.kept.get(Conductor)) is not None:
        await conductor.put_away(event.session_id)


@on(SessionPurged)
async def remove_volumes(event: SessionPurged, resources: Resources) -> None:
    if resources.runtime is not None and event.session_id is not None:
        await resources.runtime.remove_group(str(event.session_id))
        await resources.in_thread(shutil.rmtree, resources.data / "logs" / str(event.session_id), ignore_errors=True)


@every(timedelta(minutes=10))
async def sweep(resources: Resources) -> None:
    """What the engine holds of sessions that are no more: a crash between their purge and ours leaves it."""
    driver = resources.runtime
    if not isinstance(driver, CanWatch):
        return
    for group in await driver.groups():
        try:
            async with resources.database.begin() as db:
                known = await sessions.get(db, UUID(group)) is not None
        except ValueError:
            known = False
        if not known:
            await driver.remove_group(group)


@every(timedelta(hours=1))
async def forget_old(resources: Resources) -> None:
    async with resources.database.begin() as db:
        await db.execute(delete(Operation).where(Operation.finished_at < now() - timedelta(days=30)))
        await forget_ownerless(db)
