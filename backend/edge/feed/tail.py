"""The newest facts, read once for everybody who follows them: a hundred open pages would ask the database a hundred times for
each. Who has fallen behind what is kept reads the table itself, until it has caught up.

Ids commit out of order, so a position is (transaction id, id), and only rows of transactions that everybody agrees are over
are read: nothing can appear behind a position later.
"""

import logging
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from backend.core.auth import Actor
from backend.core.db import Database, is_away
from backend.core.events import scopes_by_name
from backend.core.live import Live

log = logging.getLogger(__name__)

GREW: Final = "events.read"
"""Rung, in this process alone, when there is more to take from the tail."""
BATCH: Final = 200
_KEPT: Final = 1000
_HELD_BACK: Final = 0.05  # seconds: one whose transaction an older one holds back has had its ring
_POLL: Final = 15.0  # seconds until what no ring told is seen

_SOME_HELD_BACK = "SELECT EXISTS (SELECT 1 FROM events WHERE xid >= pg_snapshot_xmin(pg_current_snapshot())) AS some"
_AFTER = (
    "SELECT xid::text, id, name, organization_id, workspace_id, session_id, data::text, created_at FROM events"
    " WHERE (xid, id) > ($1::text::xid8, $2::bigint) AND xid < pg_snapshot_xmin(pg_current_snapshot())"
)
_IN_ORDER = f" ORDER BY xid, id LIMIT {BATCH}"
_OF_SOME = " AND organization_id = ANY($3::uuid[]) AND ($4::uuid IS NULL OR workspace_id = $4)"

Position = tuple[int, int]
"""Transaction id and event id."""


class Fact(msgspec.Struct):
    """One event on the wire. `id` is the cursor to resume after."""

    id: str
    name: str
    organization_id: UUID | None
    workspace_id: UUID | None
    session_id: UUID | None
    data: dict[str, Any]
    created_at: datetime | None


class Told(NamedTuple):
    """A fact, encoded once for all who may read it."""

    position: Position
    name: str
    text: str
    scope: str = ""
    organization_id: UUID | None = None
    workspace_id: UUID | None = None

    @property
    def id(self) -> str:
        return "{}.{}".format(*self.position)

    def is_for(self, actor: Actor, workspace_id: UUID | None) -> bool:
        """Whether `actor` may read it, and asked for its workspace, or for all."""
        if self.organization_id is None or workspace_id not in (None, self.workspace_id):
            return False
        return actor.may(self.organization_id, self.scope, self.workspace_id)


class Tail:
    """The last `_KEPT` facts of all organisations. Lives as long as the server, whose event loop it is in."""

    def __init__(self, database: Database, live: Live, end: Position) -> None:
        self._database = database
        self._live = live
        self._facts: deque[Told] = deque()
        self._begin = self.end = end

    def after(self, position: Position) -> Sequence[Told] | None:
        """What came after `position`; None where some of that is not kept any more."""
        if position < self._begin:
            return None
        found: list[Told] = []
        for fact in reversed(self._facts):
            if fact.position <= position:
                break
            found.append(fact)
        return found[::-1]

    async def run(self) -> None:
        """Until cancelled."""
        with self._live.bell("events") as bell:
            while True:
                try:
                    wait = await self._read()
                except Exception as error:
                    log.log(logging.INFO if is_away(error) else logging.ERROR, "the feed waits: %r", error)
                    wait = _POLL  # its return rings
                await bell.wait(wait)

    async def _read(self) -> float:
        """Takes up what is new; after how many seconds to look again, if nothing rings. Whether some are held back is asked
        first: what comes free between the two questions is read, or rings."""
        [held_back] = await self._database.rows(_SOME_HELD_BACK)
        facts = await read(self._database, self.end)
        if facts:
            self._facts.extend(facts)
            self.end = facts[-1].position
            while len(self._facts) > _KEPT:
                self._begin = self._facts.popleft().position
            self._live.ring(GREW)
        return 0 if len(facts) == BATCH else _HELD_BACK if held_back["some"] else _POLL


async def read(
    database: Database, after: Position, organizations: Sequence[UUID] | None = None, workspace_id: UUID | None = None
) -> list[Told]:
    """The next `BATCH` facts at most: of everybody, or of some organisations and perhaps one workspace."""
    position = str(after[0]), after[1]
    if organizations is None:
        rows = await database.rows(_AFTER + _IN_ORDER, *position)
    else:
        rows = await database.rows(_AFTER + _OF_SOME + _IN_ORDER, *position, organizations, workspace_id)
    scopes = scopes_by_name()
    return [_told(row, scopes.get(row["name"], "admin")) for row in rows]


def _told(row: Any, scope: str) -> Told:
    position = int(row["xid"]), row["id"]
    organization_id, workspace_id = row["organization_id"], row["workspace_id"]
    fact = Fact(
        id="{}.{}".format(*position),
        name=row["name"],
        organization_id=organization_id,
        workspace_id=workspace_id,
        session_id=row["session_id"],
        data=msgspec.json.decode(row["data"]),
        created_at=row["created_at"],
    )
    return Told(position, fact.name, msgspec.json.encode(fact).decode(), scope, organization_id, workspace_id)


def reset(position: Position) -> Told:
    """What is told where some facts before `position` are gone."""
    fact = Fact("{}.{}".format(*position), "reset", None, None, None, {}, None)
    return Told(position, fact.name, msgspec.json.encode(fact).decode())
