"""Queries on endpoints and deliveries. What is done for every fact is one statement each, straight through asyncpg."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import Database, new_id
from backend.edge.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

BATCH = 200
LEASE = timedelta(seconds=60)
AT_ONCE = 4
"""Deliveries under way to one endpoint; one while it fails."""


async def find(db: AsyncSession, organization_id: UUID, webhook_id: UUID) -> WebhookEndpoint | None:
    mine = WebhookEndpoint.id == webhook_id, WebhookEndpoint.organization_id == organization_id
    return await db.scalar(select(WebhookEndpoint).where(*mine))


async def of_organization(db: AsyncSession, organization_id: UUID) -> Sequence[WebhookEndpoint]:
    query = select(WebhookEndpoint).where(WebhookEndpoint.organization_id == organization_id)
    return (await db.scalars(query.order_by(WebhookEndpoint.created_at, WebhookEndpoint.id))).all()


async def count(db: AsyncSession, organization_id: UUID) -> int:
    query = select(func.count()).where(WebhookEndpoint.organization_id == organization_id)
    return await db.scalar(query) or 0


async def find_delivery(
    db: AsyncSession, endpoint_id: UUID, delivery_id: UUID, *, lock: bool = False
) -> WebhookDelivery | None:
    query = select(WebhookDelivery).where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id)
    return await db.scalar(query.with_for_update() if lock else query)


async def deliveries(
    db: AsyncSession, endpoint_id: UUID, *, state: str, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[WebhookDelivery]:
    """Newest first, one more than `limit`."""
    query = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    if state:
        query = query.where(WebhookDelivery.state == state)
    if before is not None:
        query = query.where(tuple_(WebhookDelivery.created_at, WebhookDelivery.id) < before)
    newest = query.order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc())
    return (await db.scalars(newest.limit(limit + 1))).all()


async def with_attempts(
    db: AsyncSession, endpoint_id: UUID, delivery_id: UUID
) -> tuple[WebhookDelivery, list[WebhookAttempt]] | None:
    """A delivery and its attempts, oldest first, by one statement: an attempt that ends meanwhile is in both or in neither."""
    query = (
        select(WebhookDelivery, WebhookAttempt)
        .outerjoin(WebhookAttempt, WebhookAttempt.delivery_id == WebhookDelivery.id)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.endpoint_id == endpoint_id)
        .order_by(WebhookAttempt.id)
    )
    rows = (await db.execute(query)).all()
    return (rows[0][0], [attempt for _, attempt in rows if attempt is not None]) if rows else None


# --- what the sender does

_FAN_OUT = f"""
WITH ours AS (SELECT * FROM webhook_endpoints WHERE enabled FOR UPDATE SKIP LOCKED),
found AS (
    SELECT ours.id AS endpoint_id, ours.events, ours.workspace_id AS wanted, e.*
    FROM ours CROSS JOIN LATERAL (
        SELECT * FROM events e
        WHERE e.organization_id = ours.organization_id AND (e.xid, e.id) > (ours.xid, ours.event_id)
            AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY e.xid, e.id LIMIT {BATCH}
    ) e
),
made AS (
    INSERT INTO webhook_deliveries
        (id, endpoint_id, event_id, event, body, state, tries, due_at, give_up_at, error, created_at)
    SELECT gen_random_uuid(), endpoint_id, id, name,
        jsonb_build_object(
            'type', name, 'timestamp', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'organization_id', organization_id, 'workspace_id', workspace_id, 'session_id', session_id, 'data', data
        )::text,
        'pending', 0, now(), now() + interval '25 hours', '', now()
    FROM found
    WHERE (wanted IS NULL OR wanted = workspace_id)
        AND (events = '[]' OR events ? name OR events ? (split_part(name, '.', 1) || '.*'))
    ON CONFLICT DO NOTHING
),
last AS (SELECT DISTINCT ON (endpoint_id) endpoint_id, xid, id FROM found ORDER BY endpoint_id, xid DESC, id DESC)
UPDATE webhook_endpoints w SET xid = last.xid, event_id = last.id FROM last WHERE w.id = last.endpoint_id
RETURNING (SELECT count(*) FROM found WHERE found.endpoint_id = w.id)
"""  # noqa: S608 - a constant of ours


async def fan_out(database: Database) -> bool:
    """Makes deliveries of the facts that endpoints were not looked at for yet, each exactly once however many servers do this;
    whether there are more. Only facts of transactions that everybody agrees are over are read, as the feed does."""
    return any(row[0] == BATCH for row in await database.rows(_FAN_OUT))


_CLAIM = f"""
WITH busy AS (SELECT * FROM unnest($1::uuid[], $2::int[]) AS t (endpoint_id, count)),
picked AS (
    SELECT d.id FROM webhook_endpoints e LEFT JOIN busy ON busy.endpoint_id = e.id CROSS JOIN LATERAL (
        SELECT d.id, d.due_at FROM webhook_deliveries d WHERE d.endpoint_id = e.id AND d.due_at <= now()
        ORDER BY d.due_at
        LIMIT greatest(0, CASE WHEN e.failures = 0 THEN {AT_ONCE} ELSE 1 END - coalesce(busy.count, 0))
        FOR UPDATE SKIP LOCKED
    ) d
    WHERE e.enabled AND (e.failures > 0) = $3 AND (e.paused_until IS NULL OR e.paused_until <= now())
    ORDER BY d.due_at LIMIT $4
)
UPDATE webhook_deliveries d SET tries = d.tries + 1, due_at = now() + $5
FROM picked, webhook_endpoints e WHERE d.id = picked.id AND e.id = d.endpoint_id
RETURNING d.id, d.endpoint_id, d.body, d.tries, e.organization_id, e.url, e.previous_until, e.failures
"""  # noqa: S608 - a constant of ours


class Claimed(NamedTuple):
    """A delivery that is ours to send until its lease ends."""

    id: UUID
    endpoint_id: UUID
    body: str
    tries: int
    organization_id: UUID
    url: str
    previous_until: datetime | None
    failures: int


async def claim(database: Database, busy: Mapping[UUID, int], *, failing: bool, most: int) -> list[Claimed]:
    """Up to `most` due deliveries, of endpoints that fail or of the others; the attempt is counted before it is made."""
    if most <= 0:
        return []
    rows = await database.rows(_CLAIM, list(busy), list(busy.values()), failing, most, LEASE)
    return [Claimed(*row) for row in rows]


class Outcome(msgspec.Struct):
    """What came of an attempt."""

    headers: dict[str, str]
    milliseconds: int
    status: int | None = None
    error: str = ""
    answer_headers: dict[str, str] = {}
    answer: str = ""
    retry_after: int = 0


_RECORD = """
WITH d AS (
    UPDATE webhook_deliveries SET state = $2::varchar, due_at = now() + $3::interval, status = $4::int, error = $5::varchar,
        finished_at = CASE WHEN $2::varchar = 'pending' THEN NULL ELSE now() END
    WHERE id = $1 RETURNING id
)
INSERT INTO webhook_attempts (id, delivery_id, headers, status, error, answer_headers, answer, milliseconds, created_at)
SELECT $6, d.id, $7, $4::int, $5::varchar, $8, $9, $10, now() FROM d
"""


async def record(
    database: Database, delivery_id: UUID, state: str, again_after: timedelta | None, outcome: Outcome
) -> None:
    """The attempt, and what becomes of the delivery, in one statement."""
    await database.rows(
        _RECORD,
        delivery_id,
        state,
        again_after,
        outcome.status,
        outcome.error,
        new_id(),
        msgspec.json.encode(outcome.headers).decode(),
        msgspec.json.encode(outcome.answer_headers).decode(),
        outcome.answer,
        outcome.milliseconds,
    )
