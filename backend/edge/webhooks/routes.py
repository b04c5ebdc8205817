"""/organizations/{id}/webhooks: endpoints, their secrets, what was delivered to them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UnsetType

from backend.accounts.orgs import service as orgs
from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.events import kinds
from backend.core.paging import Cursor, Limit, Page, decode, page
from backend.core.resources import Hands
from backend.edge.webhooks import repository, schemas, service
from backend.ledger.receipts.service import OnceOnly

ACCEPTED = 202
ADMIN = [scope("admin")]
ONE = "/webhooks/{webhook_id:uuid}"


@get("/webhook-events", guards=ADMIN)
async def list_webhook_events(actor: Me, organization_id: FromPath[UUID]) -> Page[schemas.EventKind]:
    """The kinds of facts that a webhook can ask for."""
    orgs.require(actor, organization_id, "admin")
    return Page([schemas.EventKind(kind.name, " ".join((kind.__doc__ or "").split())) for kind in kinds()])


@get("/webhooks", guards=ADMIN)
async def list_webhooks(db: Db, actor: Me, organization_id: FromPath[UUID]) -> Page[schemas.Webhook]:
    orgs.require(actor, organization_id, "admin")
    return Page([service.show(row) for row in await repository.of_organization(db, organization_id)])


@post("/webhooks", guards=ADMIN)
async def create_webhook(
    resources: Hands, actor: Me, once: OnceOnly, organization_id: FromPath[UUID], data: JSONBody[schemas.WebhookCreate]
) -> schemas.WebhookCreated:
    """Facts are POSTed to `url` from now on, signed as Standard Webhooks has it by the `secret` of this answer. Answer 2xx within
    15 seconds; anything else is tried again for a day. One may come twice: its `webhook-id` tells."""
    orgs.require(actor, organization_id, "admin")
    await service.check_url(resources, data.url)
    service.check_events(data.events)
    async with resources.database.begin() as db:
        await once.claim(db)
        made = await service.create(resources, db, actor, organization_id, data)
        await once.seal_secret(db, made.id)
    return made


@get(ONE, guards=ADMIN)
async def get_webhook(
    db: Db, actor: Me, organization_id: FromPath[UUID], webhook_id: FromPath[UUID]
) -> schemas.Webhook:
    return service.show(await service.get(db, actor, organization_id, webhook_id))


@put(ONE, guards=ADMIN)
async def update_webhook(
    resources: Hands,
    actor: Me,
    organization_id: FromPath[UUID],
    webhook_id: FromPath[UUID],
    data: JSONBody[schemas.WebhookUpdate],
) -> schemas.Webhook:
    orgs.require(actor, organization_id, "admin")
    if not isinstance(data.url, UnsetType):
        await service.check_url(resources, data.url)
    if not isinstance(data.events, UnsetType):
        service.check_events(data.events)
    async with resources.database.begin() as db:
        row = await service.get(db, actor, organization_id, webhook_id)
        return service.show(await service.update(db, row, data))


@delete(ONE, guards=ADMIN)
async def delete_webhook(db: Db, actor: Me, organization_id: FromPath[UUID], webhook_id: FromPath[UUID]) -> None:
    """With everything that was and is to be delivered to it."""
    await service.remove(db, await service.get(db, actor, organization_id, webhook_id))


@post(f"{ONE}/ping", guards=ADMIN, status_code=ACCEPTED)
async def ping_webhook(
    db: Db, actor: Me, organization_id: FromPath[UUID], webhook_id: FromPath[UUID]
) -> schemas.Delivery:
    """Send a delivery of type `ping` now; its own address says what came of it."""
    row = await service.get(db, actor, organization_id, webhook_id)
    return service.show_delivery(await service.ping(db, row))


@post(f"{ONE}/rotate-secret", guards=ADMIN, status_code=200)
async def rotate_webhook_secret(
    resources: Hands, actor: Me, organization_id: FromPath[UUID], webhook_id: FromPath[UUID]
) -> schemas.Secret:
    """A new secret. For 24 hours each delivery bears two signatures, the new one's and the old one's."""
    async with resources.database.begin() as db:
        row = await service.get(db, actor, organization_id, webhook_id)
        return await service.rotate(resources, db, row)


@get(f"{ONE}/deliveries", guards=ADMIN)
async def list_webhook_deliveries(
    db: Db,
    actor: Me,
    organization_id: FromPath[UUID],
    webhook_id: FromPath[UUID],
    only: Annotated[Literal["", "pending", "delivered", "failed"], QueryParameter(name="state")] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[schemas.Delivery]:
    """Of the last 30 days, newest first."""
    row = await service.get(db, actor, organization_id, webhook_id)
    before = decode(cursor, tuple[datetime, UUID])
    rows = await repository.deliveries(db, row.id, state=only, before=before, limit=limit)
    return page(rows, limit, service.show_delivery, lambda one: (one.created_at, one.id))


@get(f"{ONE}/deliveries/{{delivery_id:uuid}}", guards=ADMIN)
async def get_webhook_delivery(
    db: Db, actor: Me, organization_id: FromPath[UUID], webhook_id: FromPath[UUID], delivery_id: FromPath[UUID]
) -> schemas.DeliveryDetail:
    """What was sent, and what was answered to each attempt."""
    row = await service.get(db, actor, organization_id, webhook_id)
    found = await repository.with_attempts(db, row.id, delivery_id)
    if found is None:
        raise service.NoSuchDelivery
    delivery, attempts = found
    shown = msgspec.structs.asdict(service.show_delivery(delivery))
    return schemas.DeliveryDetail(
        **shown,
        body=delivery.body,
        attempts=[msgspec.convert(one, schemas.Attempt, from_attributes=True) for one in attempts],
    )


@post(f"{ONE}/deliveries/{{delivery_id:uuid}}/redeliver", guards=ADMIN, status_code=ACCEPTED)
async def redeliver_webhook(
    db: Db, actor: Me, organization_id: FromPath[UUID], webhook_id: FromPath[UUID], delivery_id: FromPath[UUID]
) -> schemas.Delivery:
    """Send it again, under the id that it had."""
    row = await service.get(db, actor, organization_id, webhook_id)
    return service.show_delivery(await service.redeliver(db, row, delivery_id))


router = Router(
    "/organizations/{organization_id:uuid}",
    route_handlers=[
        list_webhook_events,
        list_webhooks,
        create_webhook,
        get_webhook,
        update_webhook,
        delete_webhook,
        ping_webhook,
        rotate_webhook_secret,
        list_webhook_deliveries,
        get_webhook_delivery,
        redeliver_webhook,
    ],
    tags=["webhooks"],
)
