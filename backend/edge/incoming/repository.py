"""Queries on integrations and deliveries. The two that each delivery waits for go straight through asyncpg."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.auth import Actor
from backend.core.db import Database
from backend.edge.incoming.models import ReceivedDelivery, WebhookIntegration
from backend.workbench.workspaces import repository as workspaces
from backend.workbench.workspaces.models import Workspace


class Addressed(NamedTuple):
    """The integration that an address is of."""

    id: UUID
    provider: str
    key_id: str
    sealed: bytes
    rules: str


_ADDRESSED = (
    "SELECT w.token, w.id, w.provider, w.key_id, w.sealed, w.rules FROM webhook_integrations w"
    " JOIN organizations o ON o.id = w.organization_id AND o.deleted_at IS NULL WHERE w.token = ANY($1) AND w.enabled"
)


async def addressed(database: Database, tokens: Sequence[str]) -> list[Addressed | None]:
    """For each token, whose it is."""
    found = {row[0]: Addressed(*row[1:]) for row in await database.rows(_ADDRESSED, list(set(tokens)))}
    return [found.get(token) for token in tokens]


class Settled(NamedTuple):
    """What comes of a delivery: `received` waits for the processor."""

    state: str
    event: str
    note: str = ""


class New(NamedTuple):
    """A delivery to keep."""

    id: UUID
    integration_id: UUID
    delivery_key: str
    headers: str
    body: bytes
    state: str
    event: str
    note: str


_KEEP = """
INSERT INTO received_deliveries (id, integration_id, delivery_key, headers, body, state, event, note, digest, received_at)
SELECT n.*, sha256(n.body), now()
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::bytea[], $6::text[], $7::text[], $8::text[])
    AS n (id, integration_id, delivery_key, headers, body, state, event, note)
ON CONFLICT DO NOTHING RETURNING id
"""


async def keep(database: Database, new: Sequence[New]) -> list[bool]:
    """For each, whether it was not here yet. The database says so, whoever else receives the same at the same time."""
    kept = {row[0] for row in await database.rows(_KEEP, *map(list, zip(*new, strict=True)))}
    return [one.id in kept for one in new]


def visible(actor: Actor) -> Any:
    """The integrations of the workspaces that `actor` sees."""
    seen = workspaces.visible(actor).with_only_columns(Workspace.id)
    return select(WebhookIntegration).where(WebhookIntegration.workspace_id.in_(seen))


async def find(db: AsyncSession, actor: Actor, integration_id: UUID) -> WebhookIntegration | None:
    found: WebhookIntegration | None = await db.scalar(visible(actor).where(WebhookIntegration.id == integration_id))
    return found


async def list_page(
    db: AsyncSession, actor: Actor, *, workspace_id: UUID | None, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[WebhookIntegration]:
    """Oldest first, one more than `limit`."""
    query = visible(actor)
    if workspace_id is not None:
        query = query.where(WebhookIntegration.workspace_id == workspace_id)
    if after is not None:
        query = query.where(tuple_(WebhookIntegration.created_at, WebhookIntegration.id) > after)
    rows = await db.scalars(query.order_by(WebhookIntegration.created_at, WebhookIntegration.id).limit(limit + 1))
    return list(rows)


async def find_delivery(db: AsyncSession, integration_id: UUID, delivery_id: UUID) -> ReceivedDelivery | None:
    mine = ReceivedDelivery.id == delivery_id, ReceivedDelivery.integration_id == integration_id
    return await db.scalar(select(ReceivedDelivery).where(*mine))


async def deliveries(
    db: AsyncSession, integration_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Any]:
    """Newest first, one more than `limit`, without their bodies."""
    wanted = (
        ReceivedDelivery.id,
        ReceivedDelivery.delivery_key,
        ReceivedDelivery.event,
        ReceivedDelivery.state,
        ReceivedDelivery.note,
        ReceivedDelivery.received_at,
        ReceivedDelivery.processed_at,
    )
    query = select(*wanted).where(ReceivedDelivery.integration_id == integration_id)
    if before is not None:
        query = query.where(tuple_(ReceivedDelivery.received_at, ReceivedDelivery.id) < before)
    newest = query.order_by(ReceivedDelivery.received_at.desc(), ReceivedDelivery.id.desc())
    return (await db.execute(newest.limit(limit + 1))).all()


class Waiting(NamedTuple):
    """A delivery of which nothing has come yet: a rule matched it, or it is to be replayed."""

    id: UUID
    integration_id: UUID
    headers: dict[str, Any]
    body: bytes


async def waiting(db: AsyncSession, limit: int) -> list[Waiting]:
    """The oldest ones, locked for this transaction."""
    columns = ReceivedDelivery.id, ReceivedDelivery.integration_id, ReceivedDelivery.headers, ReceivedDelivery.body
    query = select(*columns).where(ReceivedDelivery.state == "received").order_by(ReceivedDelivery.received_at)
    rows = (await db.execute(query.limit(limit).with_for_update(skip_locked=True))).all()
    return [Waiting(*row) for row in rows]


async def integrations(db: AsyncSession, ids: set[UUID]) -> dict[UUID, WebhookIntegration]:
    rows = await db.scalars(select(WebhookIntegration).where(WebhookIntegration.id.in_(ids)))
    return {row.id: row for row in rows}


_SETTLE = text(
    "UPDATE received_deliveries d SET state = s.state, event = s.event, note = s.note, processed_at = now()"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:events AS text[]), CAST(:notes AS text[]))"
    " AS s (id, state, event, note) WHERE d.id = s.id"
)


async def settle(db: AsyncSession, settled: Mapping[UUID, Settled]) -> None:
    """All of a batch in one statement."""
    states, events, notes = map(list, zip(*settled.values(), strict=True))
    await db.execute(_SETTLE, {"ids": list(settled), "states": states, "events": events, "notes": notes})


async def forget_old(db: AsyncSession, *, most: int) -> None:
    await db.execute(text("DELETE FROM received_deliveries WHERE received_at < now() - interval '30 days'"))
    await db.execute(
        text(
            "DELETE FROM received_deliveries d USING (SELECT id, row_number() OVER (PARTITION BY integration_id"
            " ORDER BY received_at DESC) AS place FROM received_deliveries WHERE state <> 'received') old"
            " WHERE old.id = d.id AND old.place > :most"
        ),
        {"most": most},
    )
