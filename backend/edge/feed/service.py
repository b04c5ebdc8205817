"""Following the events table. Ids commit out of order, so a cursor is (transaction id, id) and only rows of transactions
that everybody agrees are over are read: nothing can appear behind a cursor later.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection
from sqlalchemy import text

from backend.core import events
from backend.core.auth import Actor, credential_of
from backend.core.errors import BadRequest, Unauthorized
from backend.core.events import scopes_by_name
from backend.core.resources import Resources

BATCH = 200
HELD_BACK = 0.05


class Fact(msgspec.Struct):
    """One event on the wire. `id` is the cursor to resume after."""

    id: str
    name: str
    organization_id: UUID | None
    workspace_id: UUID | None
    session_id: UUID | None
    data: dict[str, Any]
    created_at: datetime | None


class InvalidEventId(BadRequest):
    """Last-Event-ID must be the id of an event of this stream."""


_OLDEST = text("SELECT xid::text, id FROM events ORDER BY id LIMIT 1")
_HELD_BACK = text("SELECT EXISTS (SELECT 1 FROM events WHERE xid >= pg_snapshot_xmin(pg_current_snapshot()))")
_NEXT = text(
    "SELECT xid::text AS xid, id, name, organization_id, workspace_id, session_id, data, created_at FROM events"
    " WHERE organization_id = ANY(:organizations) AND (xid, id) > (CAST(CAST(:xid AS text) AS xid8), CAST(:id AS bigint))"
    " AND xid < pg_snapshot_xmin(pg_current_snapshot())"
    " AND (CAST(:workspace AS uuid) IS NULL OR workspace_id = :workspace)"
    " ORDER BY xid, id LIMIT :batch"
)


class Start(NamedTuple):
    """(transaction id, event id) of the last fact seen, and whether some after an older one may be gone."""

    position: tuple[int, int]
    reset: bool


async def begin(resources: Resources, cursor: str) -> Start:
    """After an event id `xid.id`, or now if that is empty. Asked before the stream opens: who has it open misses nothing."""
    position = _parse(cursor) if cursor else None
    async with resources.database.read() as db:
        if position is not None and not await _is_too_old(db, position):
            return Start(position, reset=False)
        return Start(_parse(await events.position(db)), reset=position is not None)


def _parse(cursor: str) -> tuple[int, int]:
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
) -> AsyncIterator[Fact | None]:
    """Facts after `start`, for ever; None when nothing happened for `keep_alive` seconds. Ends when the caller's access does:
    each wake asks again who holds the credential."""
    credential = credential_of(connection, resources.settings)
    scopes = scopes_by_name()
    position = start.position
    with resources.live.bell("events", "access") as bell:
        if start.reset:
            yield Fact(f"{position[0]}.{position[1]}", "reset", None, None, None, {}, None)
        while not resources.live.draining.is_set():
            actor = await resources.authenticate(credential) if credential else None
            if actor is None:
                raise Unauthorized
            facts, position, more, held_back = await _batch(resources, actor, position, workspace_id, scopes)
            for fact in facts:
                yield fact
            if more:
                continue
            # a row of a transaction that an older, still open one holds back: its own ring is over, so look again soon
            await bell.wait(HELD_BACK if held_back else keep_alive)
            if not facts:
                yield None


async def _is_too_old(db: Any, position: tuple[int, int]) -> bool:
    """Whether facts after `position` may have been dropped already: it lies before the oldest one kept."""
    oldest = (await db.execute(_OLDEST)).one_or_none()
    return oldest is not None and position < (int(oldest.xid), oldest.id - 1) and oldest.id > 1


async def _batch(
    resources: Resources, actor: Actor, position: tuple[int, int], workspace_id: UUID | None, scopes: dict[str, str]
) -> tuple[list[Fact], tuple[int, int], bool, bool]:
    """The next facts, the position after them, whether there are more, and whether some wait for an older transaction. The last
    is asked first: one that ends between the two questions is in the batch, or rings."""
    values = {
        "organizations": list(actor.grants),
        "xid": str(position[0]),
        "id": position[1],
        "workspace": workspace_id,
        "batch": BATCH,
    }
    async with resources.database.read() as db:
        held_back = bool((await db.execute(_HELD_BACK)).scalar_one())
        rows = (await db.execute(_NEXT, values)).all()
    facts = [
        Fact(f"{r.xid}.{r.id}", r.name, r.organization_id, r.workspace_id, r.session_id, r.data, r.created_at)
        for r in rows
        if actor.may(r.organization_id, scopes.get(r.name, "admin"), r.workspace_id)
    ]
    if rows:
        position = (int(rows[-1].xid), rows[-1].id)
    return facts, position, len(rows) == BATCH, held_back
