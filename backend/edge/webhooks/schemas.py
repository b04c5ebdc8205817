"""Webhooks on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

Url = Annotated[str, Meta(min_length=1, max_length=2000)]
Description = Annotated[str, Meta(max_length=200)]
Filter = Annotated[str, Meta(pattern=r"^[a-z_]+\.(\*|[a-z_]+)$(?!\n)", max_length=80)]
Filters = Annotated[list[Filter], Meta(max_length=100, description="`session.created`, `session.*`; none is all.")]
State = Literal["pending", "delivered", "failed"]


class WebhookCreate(msgspec.Struct, forbid_unknown_fields=True):
    """Facts of the whole organisation, or of one workspace."""

    url: Url
    events: Filters = []
    workspace_id: UUID | None = None
    description: Description = ""


class WebhookUpdate(msgspec.Struct, forbid_unknown_fields=True):
    """`enabled: true` also ends a rest: what is pending is sent at once."""

    url: Url | UnsetType = UNSET
    events: Filters | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Webhook(msgspec.Struct):
    """`failing`: attempts fail in a row since `failing_since`; the next is not before `paused_until`."""

    id: UUID
    organization_id: UUID
    workspace_id: UUID | None
    url: str
    events: list[str]
    description: str
    enabled: bool
    status: Literal["ok", "failing", "disabled"]
    failing_since: datetime | None
    paused_until: datetime | None
    last_error: str
    created_at: datetime
    updated_at: datetime


class Secret(msgspec.Struct):
    """`secret` (`whsec_` and base64, as Standard Webhooks has it) is shown this once. After a rotation the one before signs too,
    until `previous_until`."""

    secret: str
    previous_until: datetime | None = None


class WebhookCreated(Webhook, kw_only=True):
    """`secret` is shown this once."""

    secret: str


class EventKind(msgspec.Struct):
    """A kind of fact that can be sent."""

    name: str
    description: str


class Delivery(msgspec.Struct):
    """`status` and `error` are those of the last attempt; `next_attempt_at` is null once it is over."""

    id: UUID
    event: str
    state: State
    tries: int
    status: int | None
    error: str
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


class Attempt(msgspec.Struct):
    """What was sent beside the body, and the beginning of the answer (4 KiB)."""

    created_at: datetime
    milliseconds: int
    headers: dict[str, Any]
    status: int | None
    error: str
    answer_headers: dict[str, Any]
    answer: str


class DeliveryDetail(Delivery):
    """With the body as it is sent and each attempt, oldest first."""

    body: str = ""
    attempts: list[Attempt] = []
