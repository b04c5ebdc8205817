"""Following the facts: from a cursor, as long as the caller's access lasts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from uuid import UUID

from litestar.connection import ASGIConnection
from sqlalchemy import text

from backend.core import events
from backend.core.auth import credential_of
from backend.core.errors import BadRequest, Unauthorized
from backend.core.resources import Resources
from backend.edge.feed.tail import BATCH, GREW, Position, Tail, Told, read, reset


class InvalidEventId(BadRequest):
    """Last-Event-ID must be the id of an event of this stream."""


_REACHED = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
_OLDEST = text("SELECT xid::text, id FROM events ORDER BY id LIMIT 1")


class Start(NamedTuple):
    """After which fact to begin, and whether some after an older one may be gone."""

    position: Position
    reset: bool


async def begin(resources: Resources, cursor: str) -> Start:
    """After an event id `xid.id`, or now if that is empty. Asked before the stream opens: who has it open misses nothing."""
    position = _parse(cursor) if cursor else None
    if position is not None:
        async with resources.database.read() as db:
            if not await _is_lost(db, position):
                return Start(position, reset=False)
    return Start(await now(resources), reset=position is not None)


async def take_in_restored(resources: Resources) -> None:
    """Facts that came with a dump of another PostgreSQL have transaction ids that this one has not reached: they would be waited
    for, and told as new when it has."""
    restored = "UPDATE events SET xid = '1' WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())"
    await resources.database.rows(restored)


async def now(resources: Resources) -> Position:
    async with resources.database.read() as db:
        return _parse(await events.position(db))


def _parse(cursor: str) -> Position:
    xid, _, number = cursor.partition(".")
    if not (xid.isascii() and xid.isdigit() and number.isascii() and number.isdigit()):
        raise InvalidEventId
    if int(xid) >= 1 << 63 or int(number) >= 1 << 63:
        raise InvalidEventId
    return int(xid), int(number)


async def follow(
    resources: Resources,
    connection: ASGIConnection[Any, Any, Any, Any],
    start: Start,
    workspace_id: UUID | None,
    *,
    keep_alive: float,
) -> AsyncIterator[Told | None]:
    """Facts after `start`, for ever, and None every `keep_alive` seconds. Ends when the caller's access does: who holds the
    credential is asked again then, and whenever anybody's access changed."""
    tail, credential = resources.kept.get(Tail), credential_of(connection, resources.settings)
    assert tail is not None
    clock = asyncio.get_running_loop().time
    position, actor, due = start.position, None, clock() + keep_alive
    with resources.live.bell(GREW, "access") as bell, resources.live.bell("access") as changed:
        if start.reset:
            yield reset(position)
        while not resources.live.draining.is_set():
            if actor is None or changed.heard() or clock() >= due:
                actor = await resources.authenticate(credential) if credential else None
                if actor is None:
                    raise Unauthorized
            if clock() >= due:
                yield None
                due = clock() + keep_alive
            facts, more = tail.after(position), False
            if facts is None:
                end = tail.end  # what is read from the table after this has all up to here
                facts = await read(resources.database, position, list(actor.grants), workspace_id)
                more = len(facts) == BATCH
                position = position if more else max(position, end)
            if facts:
                position = max(position, facts[-1].position)
            for fact in facts:
                if fact.is_for(actor, workspace_id):
                    yield fact
            if not more:
                await bell.wait(max(0.0, due - clock()))


async def _is_lost(db: Any, position: Position) -> bool:
    """Whether facts after `position` may have been dropped already (it lies before the oldest one kept), or it was of a database
    that went further than this one, which is a backup then: its facts would be waited for."""
    oldest, reached = (await db.execute(_OLDEST)).one_or_none(), await db.scalar(_REACHED)
    if position[0] > int(reached):
        return True
    return oldest is not None and position < (int(oldest.xid), oldest.id - 1) and oldest.id > 1
