"""Webhook integrations on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from backend.accounts.orgs.schemas import Name

Provider = Literal["github", "gitlab", "bitbucket", "linear", "sentry"]
Secret = Annotated[str, Meta(min_length=8, max_length=200)]
Pattern = Annotated[str, Meta(min_length=1, max_length=100)]
Label = Annotated[str, Meta(min_length=1, max_length=50)]
Value = Annotated[str, Meta(max_length=200)]


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """Makes a task of a delivery whose event matches one of `events` (`issues.opened`, `pull_request.*`) and whose payload has,
    at each dotted path of `where`, that value or one of those. `{{title}}`, `{{url}}`, `{{event}}` and `{{any.path}}` of the
    payload stand in `title` and `body`."""

    events: Annotated[list[Pattern], Meta(min_length=1, max_length=50)]
    where: Annotated[dict[Pattern, Value | list[Value]], Meta(max_length=20)] = {}
    title: Annotated[str, Meta(min_length=1, max_length=300)] = "{{title}}"
    body: Annotated[str, Meta(max_length=5000)] = "{{url}}"
    labels: Annotated[list[Label], Meta(max_length=20)] = []
    assignee: Annotated[str, Meta(max_length=200)] | None = None


Rules = Annotated[list[Rule], Meta(max_length=50)]


class IntegrationCreate(msgspec.Struct, forbid_unknown_fields=True):
    """`secret` is what the provider signs with; one is made where it is left out. Without `rules`, new issues become tasks."""

    workspace_id: UUID
    provider: Provider
    name: Name | None = None
    secret: Secret | None = None
    rules: Rules | None = None


class IntegrationUpdate(msgspec.Struct, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    secret: Secret | UnsetType = UNSET
    rules: Rules | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class Integration(msgspec.Struct):
    """`path` is what the provider posts to, below this server's address."""

    id: UUID
    organization_id: UUID
    workspace_id: UUID
    provider: Provider
    name: str
    path: str
    rules: list[Rule]
    enabled: bool
    created_at: datetime
    updated_at: datetime


class IntegrationCreated(Integration, kw_only=True):
    """`secret` is shown this once."""

    secret: str


class Accepted(msgspec.Struct):
    """`duplicate`: it is here already, by its id or its body."""

    status: Literal["accepted", "duplicate"]


class Received(msgspec.Struct):
    """`state` is received until rules were applied, then done (a rule matched), ignored (none did) or failed; `note` says
    more."""

    id: UUID
    delivery_id: str
    event: str
    state: str
    note: str
    received_at: datetime
    processed_at: datetime | None


class ReceivedDetail(Received):
    """With what was sent. What is not UTF-8 in `body` is replaced."""

    headers: dict[str, Any] = {}
    body: str = ""
