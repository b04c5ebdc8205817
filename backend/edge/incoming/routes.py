"""POST /webhooks/incoming/{token}, and /webhook-integrations."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from backend.core.auth import Me, anyone, scope
from backend.core.db import Db
from backend.core.paging import Cursor, Limit, Page, decode, page
from backend.core.resources import Hands
from backend.edge.incoming import repository, schemas, service
from backend.edge.incoming.models import ReceivedDelivery
from backend.edge.incoming.service import READ, WRITE
from backend.ledger.receipts.service import OnceOnly

ACCEPTED = 202
ONE = "/webhook-integrations/{integration_id:uuid}"


@post("/webhooks/incoming/{token:str}", guards=[anyone], status_code=ACCEPTED, request_max_body_size=5_000_000)
async def receive_webhook(
    request: Request[Any, Any, Any], resources: Hands, token: FromPath[str]
) -> Response[schemas.Accepted]:
    """Where a provider posts its events. 202 once it is kept, 200 when it was kept before, 401 where the signature of the body
    does not fit. What comes of it is shown by the integration's deliveries."""
    new = await service.receive(resources, token, request.headers, await request.body())
    if new:
        return Response(schemas.Accepted("accepted"), status_code=ACCEPTED)
    return Response(schemas.Accepted("duplicate"), status_code=200)


@get("/webhook-integrations", guards=[scope(READ)])
async def list_webhook_integrations(
    db: Db, actor: Me, workspace_id: FromQuery[UUID | None] = None, limit: Limit = 50, cursor: Cursor = ""
) -> Page[schemas.Integration]:
    """Of all workspaces, or of one; oldest first."""
    after = decode(cursor, tuple[datetime, UUID])
    rows = await repository.list_page(db, actor, workspace_id=workspace_id, after=after, limit=limit)
    return page(rows, limit, service.show, lambda row: (row.created_at, row.id))


@post("/webhook-integrations", guards=[scope(WRITE)])
async def create_webhook_integration(
    resources: Hands, actor: Me, once: OnceOnly, data: JSONBody[schemas.IntegrationCreate]
) -> schemas.IntegrationCreated:
    """Enter its `path` (below this server's address) and `secret` at the provider. Where the provider makes the secret (Linear,
    Sentry), give it here or by PUT."""
    async with resources.database.begin() as db:
        await once.claim(db)
        made = await service.create(resources, db, actor, data)
        await once.seal_secret(db, made.id)
    return made


@get(ONE, guards=[scope(READ)])
async def get_webhook_integration(db: Db, actor: Me, integration_id: FromPath[UUID]) -> schemas.Integration:
    return service.show(await service.get(db, actor, integration_id, READ))


@put(ONE, guards=[scope(WRITE)])
async def update_webhook_integration(
    resources: Hands, actor: Me, integration_id: FromPath[UUID], data: JSONBody[schemas.IntegrationUpdate]
) -> schemas.Integration:
    async with resources.database.begin() as db:
        row = await service.get(db, actor, integration_id, WRITE)
        return service.show(await service.update(resources, db, row, data))


@delete(ONE, guards=[scope(WRITE)])
async def delete_webhook_integration(db: Db, actor: Me, integration_id: FromPath[UUID]) -> None:
    """With everything that it received. Its address answers 404 from now on."""
    await db.delete(await service.get(db, actor, integration_id, WRITE))


@get(f"{ONE}/deliveries", guards=[scope(READ)])
async def list_received_deliveries(
    db: Db, actor: Me, integration_id: FromPath[UUID], limit: Limit = 50, cursor: Cursor = ""
) -> Page[schemas.Received]:
    """Of the last 30 days, newest first."""
    row = await service.get(db, actor, integration_id, READ)
    before = decode(cursor, tuple[datetime, UUID])
    rows = await repository.deliveries(db, row.id, before=before, limit=limit)
    return page(rows, limit, lambda one: schemas.Received(*one), lambda one: (one.received_at, one.id))


@get(f"{ONE}/deliveries/{{delivery_id:uuid}}", guards=[scope(READ)])
async def get_received_delivery(
    db: Db, actor: Me, integration_id: FromPath[UUID], delivery_id: FromPath[UUID]
) -> schemas.ReceivedDetail:
    """What was sent, and what came of it."""
    row = await service.get(db, actor, integration_id, READ)
    found = await repository.find_delivery(db, row.id, delivery_id)
    if found is None:
        raise service.NoSuchReceived
    shown = msgspec.structs.asdict(show(found))
    return schemas.ReceivedDetail(**shown, headers=found.headers, body=found.body.decode(errors="replace"))


@post(f"{ONE}/deliveries/{{delivery_id:uuid}}/replay", guards=[scope(WRITE)], status_code=ACCEPTED)
async def replay_received_delivery(
    resources: Hands, actor: Me, integration_id: FromPath[UUID], delivery_id: FromPath[UUID]
) -> schemas.Received:
    """Apply the rules to it once more, as they are now."""
    async with resources.database.begin() as db:
        row = await service.get(db, actor, integration_id, WRITE)
        shown = show(await service.replay(db, row, delivery_id))
    resources.live.ring(service.TOPIC)
    return shown


def show(row: ReceivedDelivery) -> schemas.Received:
    return schemas.Received(row.id, row.delivery_key, row.event, row.state, row.note, row.received_at, row.processed_at)


router = Router(
    "/",
    route_handlers=[
        receive_webhook,
        list_webhook_integrations,
        create_webhook_integration,
        get_webhook_integration,
        update_webhook_integration,
        delete_webhook_integration,
        list_received_deliveries,
        get_received_delivery,
        replay_received_delivery,
    ],
    tags=["webhooks"],
)
