"""Webhooks: the rules on endpoints, their secrets and deliveries. The sender does the sending."""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs import service as orgs
from backend.core import outside
from backend.core.auth import Actor
from backend.core.db import new_id, now
from backend.core.errors import Conflict, Invalid, NotFound
from backend.core.events import emit, scopes_by_name
from backend.core.live import notify
from backend.core.resources import Resources
from backend.edge.webhooks import repository, schemas, signing
from backend.edge.webhooks.events import WebhookChanged
from backend.edge.webhooks.models import WebhookDelivery, WebhookEndpoint
from backend.ledger.secrets import service as secrets
from backend.workbench.workspaces import service as workspaces

MOST: Final = 50
BOTH_VALID: Final = timedelta(hours=24)
LIFE: Final = timedelta(hours=25)


class NoSuchWebhook(NotFound):
    """There is no such webhook in this organisation."""


class NoSuchDelivery(NotFound):
    """There is no such delivery of this webhook; they are kept for 30 days."""


class BadWebhookUrl(Invalid):
    """`url` must be https://host/…, without credentials in it and of a public address; whoever runs the server can allow
    others by CODEYARD_ALLOW_PRIVATE_WEBHOOKS."""


class NoSuchEvent(Invalid):
    """There is no such kind of event: GET /organizations/{id}/webhook-events lists them."""


class TooManyWebhooks(Conflict):
    """An organisation can have 50 webhooks: remove one first."""


class WebhookIsDisabled(Conflict):
    """The webhook is disabled: enable it first, then what is pending is sent."""


def part(webhook_id: UUID) -> str:
    return f"webhook:{webhook_id}"


async def check_url(resources: Resources, url: str) -> None:
    """Raises BadWebhookUrl. A name is resolved again at each delivery; asking here says at once what would fail there."""
    allow_private = resources.settings.allow_private_webhooks
    if not outside.is_plain_url(url):
        raise BadWebhookUrl
    parts = urlsplit(url)
    if parts.scheme != "https" and not allow_private:
        raise BadWebhookUrl
    try:
        await outside.resolve(parts.hostname or "", parts.port or 443, allow_private=allow_private)
    except outside.NotPublic:
        raise BadWebhookUrl from None
    except OSError:
        raise BadWebhookUrl(f"The host {parts.hostname} is not known.") from None


def check_events(filters: list[str]) -> None:
    known = set(scopes_by_name())
    groups = {f"{name.partition('.')[0]}.*" for name in known}
    for name in filters:
        if name not in known | groups:
            words = f"There is no kind of event {name}: GET /organizations/{{id}}/webhook-events lists them."
            raise NoSuchEvent(words, known=sorted(groups))


async def get(db: AsyncSession, actor: Actor, organization_id: UUID, webhook_id: UUID) -> WebhookEndpoint:
    orgs.require(actor, organization_id, "admin")
    found = await repository.find(db, organization_id, webhook_id)
    if found is None:
        raise NoSuchWebhook
    return found


async def create(
    resources: Resources, db: AsyncSession, actor: Actor, organization_id: UUID, data: schemas.WebhookCreate
) -> schemas.WebhookCreated:
    if data.workspace_id is not None:
        workspace = await workspaces.get(db, actor, data.workspace_id)
        if workspace.organization_id != organization_id:
            raise workspaces.NoSuchWorkspace
    if await repository.count(db, organization_id) >= MOST:
        raise TooManyWebhooks
    row = WebhookEndpoint(id=new_id(), organization_id=organization_id, **msgspec.structs.asdict(data))
    db.add(row)
    await db.flush()
    secret = signing.new_secret()
    await secrets.put(db, resources.data, organization_id, organization_id, {"current": secret}, part=part(row.id))
    await _say(db, row, "created")
    return schemas.WebhookCreated(**msgspec.structs.asdict(show(row)), secret=secret)


async def update(db: AsyncSession, row: WebhookEndpoint, data: schemas.WebhookUpdate) -> WebhookEndpoint:
    if data.enabled is True and not row.enabled:
        row.xid, row.event_id = func.pg_current_xact_id(), 0  # what happened meanwhile is not sent
    for name, value in msgspec.structs.asdict(data).items():
        if value is not UNSET:
            setattr(row, name, value)
    if data.enabled is True or not isinstance(data.url, UnsetType):
        await rouse(db, row)
    await db.flush()
    await db.refresh(row)
    await _say(db, row, "updated")
    return row


async def rouse(db: AsyncSession, row: WebhookEndpoint) -> None:
    """Ends a rest: what is due is sent at once."""
    if row.failures:
        row.failures, row.failing_since, row.paused_until, row.last_error = 0, None, None, ""
    await notify(db, "webhooks")


async def remove(db: AsyncSession, row: WebhookEndpoint) -> None:
    await secrets.forget(db, row.organization_id, part=part(row.id))
    await db.delete(row)
    await _say(db, row, "removed")


async def rotate(resources: Resources, db: AsyncSession, row: WebhookEndpoint) -> schemas.Secret:
    """A new secret. The one before signs beside it for a day, so that receivers can be changed in between."""
    kept = (await secrets.read(db, resources.data, row.organization_id, part=part(row.id)))[part(row.id)]
    values = {"current": signing.new_secret(), "previous": kept["current"]}
    await secrets.put(db, resources.data, row.organization_id, row.organization_id, values, part=part(row.id))
    row.previous_until = now() + BOTH_VALID
    await _say(db, row, "secret rotated")
    return schemas.Secret(values["current"], row.previous_until)


async def ping(db: AsyncSession, row: WebhookEndpoint) -> WebhookDelivery:
    """A delivery of the type `ping`, sent at once."""
    if not row.enabled:
        raise WebhookIsDisabled
    body = {"type": "ping", "timestamp": now().isoformat(), "organization_id": row.organization_id,
            "workspace_id": row.workspace_id, "session_id": None, "data": {"webhook_id": row.id}}  # fmt: skip
    made = WebhookDelivery(
        id=new_id(),
        endpoint_id=row.id,
        event="ping",
        body=msgspec.json.encode(body).decode(),
        due_at=now(),
        give_up_at=now() + LIFE,
    )
    db.add(made)
    await rouse(db, row)
    await db.flush()
    return made


async def redeliver(db: AsyncSession, row: WebhookEndpoint, delivery_id: UUID) -> WebhookDelivery:
    """Sends it again, with a day of attempts anew. Its id stays: who has it already can tell."""
    if not row.enabled:
        raise WebhookIsDisabled
    found = await repository.find_delivery(db, row.id, delivery_id, lock=True)
    if found is None:
        raise NoSuchDelivery
    found.state, found.tries, found.due_at, found.give_up_at = "pending", 0, now(), now() + LIFE
    found.finished_at = None
    await rouse(db, row)
    await db.flush()
    return found


async def give_up(db: AsyncSession) -> None:
    """Those whose day is over while their endpoint rested, and everything older than 30 days."""
    await db.execute(
        text(
            "UPDATE webhook_deliveries SET state = 'failed', due_at = NULL, finished_at = now(),"
            " error = 'the endpoint did not answer for a day' WHERE due_at IS NOT NULL AND give_up_at < now()"
        )
    )
    await db.execute(text("DELETE FROM webhook_deliveries WHERE created_at < now() - interval '30 days'"))


async def _say(db: AsyncSession, row: WebhookEndpoint, how: str) -> None:
    await emit(
        db,
        WebhookChanged(organization_id=row.organization_id, workspace_id=row.workspace_id, webhook_id=row.id, how=how),
    )


def show(row: WebhookEndpoint) -> schemas.Webhook:
    return schemas.Webhook(
        id=row.id,
        organization_id=row.organization_id,
        workspace_id=row.workspace_id,
        url=row.url,
        events=row.events,
        description=row.description,
        enabled=row.enabled,
        status="disabled" if not row.enabled else "failing" if row.failures else "ok",
        failing_since=row.failing_since,
        paused_until=row.paused_until,
        last_error=row.last_error,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def show_delivery(row: WebhookDelivery) -> schemas.Delivery:
    return schemas.Delivery(
        id=row.id,
        event=row.event,
        state=row.state,  # type: ignore[arg-type]
        tries=row.tries,
        status=row.status,
        error=row.error,
        next_attempt_at=row.due_at,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
