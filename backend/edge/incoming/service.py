"""Webhooks in: receiving a delivery once, applying rules to it once, and the integrations themselves."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import crypto, outside
from backend.core.auth import Actor
from backend.core.db import Database, new_id
from backend.core.errors import Invalid, NotFound, Unauthorized
from backend.core.events import emit
from backend.core.resources import Resources
from backend.edge.incoming import providers, repository, rules, schemas
from backend.edge.incoming.batches import Batches
from backend.edge.incoming.events import WebhookReceived
from backend.edge.incoming.models import ReceivedDelivery, WebhookIntegration, sealed_of
from backend.edge.incoming.providers import PROVIDERS
from backend.edge.incoming.repository import Addressed, New, Settled, Waiting
from backend.ledger.secrets.vault import vault
from backend.workbench.access import mentions
from backend.workbench.mirrors import service as mirrors
from backend.workbench.workspaces import service as workspaces

READ, WRITE = "workspaces:read", "workspaces:write"
ASSIGNED: Final = "tasks:read"
TOPIC: Final = "incoming"
NOT_JSON: Final = "the body is not a JSON object: choose the content type application/json at the provider"
BATCH: Final = 200
TOKEN_LENGTH: Final = 43
MIRRORED: Final = {
    "github": ("pull_request", "issue_comment", "check_", "status"),
    "gitlab": ("merge_request", "note", "pipeline", "build"),
    "bitbucket": ("pullrequest:", "repo:commit_status"),
}
"""Events after which mirrored pull requests look again, by how their names begin."""


class NoSuchIntegration(NotFound):
    """There is no such webhook integration."""


class NoSuchAddress(NotFound):
    """No webhook integration has this address, or it is disabled: copy the address again."""


class NoSuchReceived(NotFound):
    """There is no such delivery of this integration; they are kept for 30 days."""


class NoSuchAssignee(Invalid):
    """A rule's `assignee` is nobody who may see the workspace's tasks."""


class BadSignature(Unauthorized):
    """The signature does not fit the body: is the secret at the provider the one of this integration?"""


class TooOld(Unauthorized):
    """The signed time is more than five minutes off: this is a replay, or a clock is wrong."""


# --- receiving


class Receiving:
    """The two statements that each delivery waits for, done together for all that come at the same moment."""

    def __init__(self, database: Database) -> None:
        self.addressed = Batches[str, Addressed | None](partial(repository.addressed, database))
        self.keep = Batches[New, bool](partial(repository.keep, database))


async def receive(resources: Resources, token: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Verifies a delivery and keeps it; False when it is here already. What no rule matches is settled by that; what becomes of
    the others is the processor's."""
    is_one = len(token) == TOKEN_LENGTH and token.isascii() and token.isprintable()
    receiving = resources.kept.get(Receiving)
    if receiving is None:
        raise RuntimeError("nothing is received by a process without the lifespan of this feature")
    found = await receiving.addressed(token) if is_one else None
    if found is None:
        raise NoSuchAddress
    provider = PROVIDERS[found.provider]
    secret = vault(resources.data).open(found.key_id, found.sealed, of=sealed_of(found.id))
    if not providers.is_signed(provider, secret, headers, body):
        raise BadSignature
    payload = _decoded(body)
    if found.provider == "linear" and not providers.is_timely(payload):
        raise TooOld
    key = providers.first(headers, provider.delivery)[:200].replace("\x00", "") or hashlib.sha256(body).hexdigest()
    wanted = {*provider.delivery, *provider.event, *providers.KEPT_HEADERS}
    kept = {name: value[:500].replace("\x00", "") for name, value in headers.items() if name in wanted}
    settled, tasks = _judge(provider, msgspec.json.decode(found.rules, type=list[schemas.Rule]), kept, payload)
    waits = tasks or (isinstance(payload, dict) and _mirrored(found.provider, settled.event))
    if waits:
        settled = settled._replace(state="received")
    new = await receiving.keep(New(new_id(), found.id, key, msgspec.json.encode(kept).decode(), body, *settled))
    if new and waits:
        resources.live.ring(TOPIC)
    return new


def _decoded(body: bytes) -> Any:
    """The payload; None for what is not JSON."""
    try:
        return outside.decoded(body)
    except ValueError:
        return None


def _mirrored(provider: str, event: str) -> bool:
    """Whether mirrored pull requests may have to look again after such an event."""
    return event.startswith(MIRRORED.get(provider, ()))


def _judge(
    provider: providers.Provider, asked: list[schemas.Rule], headers: Mapping[str, Any], payload: Any
) -> tuple[Settled, list[rules.Wanted]]:
    """What comes of a delivery, and the tasks that rules ask for."""
    if not isinstance(payload, dict):
        return Settled("failed", "", NOT_JSON), []
    event, wanted = rules.apply(provider, asked, headers, payload)
    event = _storable(event)[:200]
    return Settled("done", event) if wanted else Settled("ignored", event, "no rule matches it"), wanted


def _storable(of_stranger: str) -> str:
    """Without what PostgreSQL cannot keep: NUL, and halves of surrogate pairs."""
    return of_stranger.replace("\x00", "").encode(errors="replace").decode()


# --- what comes of it


async def process(resources: Resources) -> bool:
    """Applies rules to the oldest deliveries that wait, in one transaction: what came of each is told exactly once. Whether
    more may wait."""
    async with resources.database.begin() as db:
        found = await repository.waiting(db, BATCH)
        if found:
            integrations = await repository.integrations(db, {one.integration_id for one in found})
            await repository.settle(
                db, {one.id: await _apply(db, one, integrations[one.integration_id]) for one in found}
            )
    return len(found) == BATCH


async def _apply(db: AsyncSession, one: Waiting, integration: WebhookIntegration) -> Settled:
    asked = msgspec.convert(integration.rules, list[schemas.Rule])
    payload = _decoded(one.body)
    settled, wanted = _judge(PROVIDERS[integration.provider], asked, one.headers, payload)
    if isinstance(payload, dict) and _mirrored(integration.provider, settled.event):
        about = mirrors.spoken_of(payload)
        if await mirrors.remind(db, integration.workspace_id, integration.provider, about) and not wanted:
            settled = Settled("done", settled.event, "a mirrored pull request looks again")
    place = integration.organization_id, integration.workspace_id
    for task in wanted:
        if task.assignee and await mentions.named(db, *place, task.assignee, scope=ASSIGNED) is None:
            settled = settled._replace(note=f"{task.assignee} is nobody who may see its task: give the rule another")
        fact = WebhookReceived(
            organization_id=integration.organization_id,
            workspace_id=integration.workspace_id,
            integration_id=integration.id,
            delivery_id=one.id,
            provider=integration.provider,
            event=settled.event,
            title=_storable(task.title),
            body=_storable(task.body),
            url=_storable(task.url)[:2000],
            labels=[_storable(label) for label in task.labels],
            assignee=task.assignee,
        )
        await emit(db, fact)
    return settled


async def replay(db: AsyncSession, integration: WebhookIntegration, delivery_id: UUID) -> ReceivedDelivery:
    """Rules are applied to it once more, as they are now."""
    found = await repository.find_delivery(db, integration.id, delivery_id)
    if found is None:
        raise NoSuchReceived
    found.state, found.processed_at, found.note = "received", None, ""
    return found


# --- integrations


async def get(db: AsyncSession, actor: Actor, integration_id: UUID, scope: str) -> WebhookIntegration:
    found = await repository.find(db, actor, integration_id)
    if found is None:
        raise NoSuchIntegration
    actor.require(found.organization_id, scope, found.workspace_id)
    return found


async def create(
    resources: Resources, db: AsyncSession, actor: Actor, data: schemas.IntegrationCreate
) -> schemas.IntegrationCreated:
    workspace = await workspaces.get(db, actor, data.workspace_id, WRITE)
    secret = data.secret or crypto.new_token()
    asked = data.rules if data.rules is not None else [schemas.Rule(list(PROVIDERS[data.provider].default))]
    await _check_assignees(db, workspace.organization_id, workspace.id, asked)
    id = new_id()
    key_id, sealed = vault(resources.data).seal(secret, of=sealed_of(id))
    row = WebhookIntegration(
        id=id,
        organization_id=workspace.organization_id,
        workspace_id=workspace.id,
        provider=data.provider,
        name=data.name or data.provider,
        token=crypto.new_token(),
        key_id=key_id,
        sealed=sealed,
        rules=msgspec.to_builtins(asked),
    )
    db.add(row)
    await db.flush()
    return schemas.IntegrationCreated(**msgspec.structs.asdict(show(row)), secret=secret)


async def update(
    resources: Resources, db: AsyncSession, row: WebhookIntegration, data: schemas.IntegrationUpdate
) -> WebhookIntegration:
    if not isinstance(data.secret, UnsetType):
        row.key_id, row.sealed = vault(resources.data).seal(data.secret, of=sealed_of(row.id))
    if not isinstance(data.rules, UnsetType):
        await _check_assignees(db, row.organization_id, row.workspace_id, data.rules)
        row.rules = msgspec.to_builtins(data.rules)
    for name in ("name", "enabled"):
        if (value := getattr(data, name)) is not UNSET:
            setattr(row, name, value)
    await db.flush()
    await db.refresh(row)
    return row


async def _check_assignees(
    db: AsyncSession, organization_id: UUID, workspace_id: UUID, asked: list[schemas.Rule]
) -> None:
    """Raises NoSuchAssignee."""
    for name in dict.fromkeys(rule.assignee for rule in asked if rule.assignee):
        if await mentions.named(db, organization_id, workspace_id, name, scope=ASSIGNED) is None:
            raise NoSuchAssignee(
                f"{name} is nobody who may see the workspace's tasks: name a member by e-mail address, or what stands before "
                "its @, or a team.",
                assignee=name,
            )


def show(row: WebhookIntegration) -> schemas.Integration:
    return schemas.Integration(
        id=row.id,
        organization_id=row.organization_id,
        workspace_id=row.workspace_id,
        provider=row.provider,  # type: ignore[arg-type]
        name=row.name,
        path=f"/api/v1/webhooks/incoming/{row.token}",
        rules=msgspec.convert(row.rules, list[schemas.Rule]),
        enabled=row.enabled,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
