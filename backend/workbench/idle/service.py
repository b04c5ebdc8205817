"""When a session is idle, and what is done about it.

In use is what has a viewer (a socket, a stream, a request), traffic through a preview, or a service that computes. A shell
without a viewer that computes is found by its container's use. Only services stop: shells stay, they cost next to nothing and
somebody comes back to them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.auth import Actor
from backend.core.db import now
from backend.core.events import emit
from backend.core.resources import Resources
from backend.workbench.idle import schemas
from backend.workbench.idle.events import SessionIdle, SessionRested
from backend.workbench.services import definition as definitions
from backend.workbench.services import repository as runtimes
from backend.workbench.services import service as services
from backend.workbench.services.conductor import IDLE
from backend.workbench.services.models import UP, Runtime
from backend.workbench.services.watchers import Watchers
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions.models import Session
from backend.workbench.workspaces.models import Workspace

BUSY: Final = 0.1
"""Processors that a session's containers use together, on average over a minute, from which on they compute. Dev servers that
poll for changes stay below it."""
RECENT: Final = 60.0
"""Seconds for which what has just been used counts as in use."""
WARNING: Final = timedelta(minutes=5)
"""How long before the end it is told; half of the time where that is less."""


class Idlers:
    """When each running session was last in use, and who was told. One a server, in its event loop."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.busy: dict[UUID, datetime] = {}
        self.told: dict[UUID, datetime] = {}
        self.started = now()

    async def look(self) -> None:
        """Tells of the sessions that are about to be stopped, and stops those whose time has come."""
        async with self.resources.database.begin() as db:
            rows = [row for row in await runtimes.alive(db) if row.state in UP and row.desired == "running"]
            found = {session_id: await sessions.get(db, session_id) for session_id in {row.session_id for row in rows}}
            limits = {id: await minutes_of(self.resources, db, session) for id, session in found.items() if session}
        for gone in set(self.busy) - set(found):
            self.busy.pop(gone)
            self.told.pop(gone, None)
        for session_id, session in found.items():
            if session is not None:
                of_it = [row for row in rows if row.session_id == session_id]
                await self._judge(session, of_it, limits[session_id])

    async def _judge(self, session: Session, rows: Sequence[Runtime], minutes: int) -> None:
        shown = self.show(session, rows, minutes)
        if shown.stops_at is None or shown.idle_since is None:
            self.told.pop(session.id, None)
            return
        reason = (
            f"Nobody had it open, nothing came through its previews and nothing computed since "
            f"{shown.idle_since:%H:%M} UTC; this workspace stops services after {minutes} min."
        )
        where = {
            "organization_id": session.organization_id,
            "workspace_id": session.workspace_id,
            "session_id": session.id,
        }
        if now() >= shown.stops_at:
            async with self.resources.database.begin() as db:
                await emit(db, SessionRested(**where, reason=reason))
            why = {"code": IDLE, "message": reason, "remedy": "Start it when it is needed again."}
            for row in rows:
                if row.name != definitions.WORKBENCH:
                    await services.conductor(self.resources).note(row.id, reason=why)
            await services.ask(self.resources, session, "stop-all")
            self.busy.pop(session.id, None)
            self.told.pop(session.id, None)
        elif self.told.get(session.id) != shown.stops_at and now() >= shown.stops_at - warning(minutes):
            self.told[session.id] = shown.stops_at
            async with self.resources.database.begin() as db:
                await emit(db, SessionIdle(**where, stops_at=shown.stops_at, reason=reason))

    def show(self, session: Session, rows: Sequence[Runtime], minutes: int) -> schemas.Idleness:
        """How it is with a session of whose services `rows` are up, the workbench container among them."""
        in_use = self.uses(session.id, rows)
        moment = now()
        if in_use:
            self.busy[session.id] = moment
        served = [row for row in rows if row.name != definitions.WORKBENCH]
        since = max(
            self.busy.get(session.id, self.started), *(row.started_at or self.started for row in served), self.started
        )
        away = self.resources.attendance.away(session.id)
        if away is not None:
            since = max(since, moment - timedelta(seconds=away))
        idle = bool(served) and not in_use
        ends = max(since + timedelta(minutes=minutes), session.kept_until or since) if idle and minutes else None
        return schemas.Idleness(
            minutes=minutes,
            in_use=in_use,
            idle_since=since if idle else None,
            stops_at=ends,
            kept_until=session.kept_until if session.kept_until and session.kept_until > moment else None,
        )

    def uses(self, session_id: UUID, rows: Sequence[Runtime]) -> list[str]:
        """By what it is used right now."""
        found = []
        away = self.resources.attendance.away(session_id)
        if away is not None and away < RECENT:
            found.append("somebody has it open" if away == 0 else "somebody used it a moment ago")
        watchers = self.resources.kept.get(Watchers)
        spent = 0.0
        for row in rows:
            samples = list(watchers.samples.get(row.id, ()) if watchers else ())[-60:]
            spent += sum(sample.cpu for sample in samples) / len(samples) if samples else 0.0
        if spent >= BUSY:
            found.append(f"its services compute ({spent:.1f} processors)")
        return found


def warning(minutes: int) -> timedelta:
    return min(WARNING, timedelta(minutes=minutes) / 2)


async def minutes_of(resources: Resources, db: AsyncSession, session: Session) -> int:
    """What applies to the session, 0 for never."""
    workspace = await db.get(Workspace, session.workspace_id)
    chosen = workspace.idle_minutes if workspace is not None else None
    return resources.settings.idle_minutes if chosen is None else chosen


async def show(resources: Resources, actor: Actor, session_id: UUID) -> schemas.Idleness:
    session = await services.enter(resources, actor, session_id, services.READ)
    async with resources.database.begin() as db:
        rows = [row for row in (await runtimes.of_session(db, session.id)).values() if row.state in UP]
        minutes = await minutes_of(resources, db, session)
    idlers = resources.kept.get(Idlers)
    if idlers is None:
        raise services.NoRuntime
    return idlers.show(session, rows, minutes)


async def keep(resources: Resources, actor: Actor, session_id: UUID, hours: int) -> schemas.Idleness:
    """Until so many hours from now; 0 ends it. The answer is how it is then."""
    session = await services.enter(resources, actor, session_id, services.WRITE)
    until = now() + timedelta(hours=hours) if hours else None
    async with resources.database.begin() as db:
        await db.execute(update(Session).where(Session.id == session.id).values(kept_until=until))
    return await show(resources, actor, session_id)
