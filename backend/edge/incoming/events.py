"""What comes of a delivery."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class WebhookReceived(Event, frozen=True):
    """A delivery that a rule matched, with what a task of it needs."""

    name: ClassVar[str] = "webhook.received"
    scope: ClassVar[str] = "workspaces:read"
    integration_id: UUID
    delivery_id: UUID
    provider: str
    event: str
    title: str
    body: str
    url: str
    labels: list[str]
    assignee: str | None
