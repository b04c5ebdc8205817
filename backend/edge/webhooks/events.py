"""What happens to webhooks themselves."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class WebhookEvent(Event, frozen=True):
    scope: ClassVar[str] = "admin"
    webhook_id: UUID


class WebhookChanged(WebhookEvent, frozen=True):
    """Made, changed or removed, or its secret rotated; `how` says which."""

    name: ClassVar[str] = "webhook.changed"
    audited: ClassVar[bool] = True
    how: str


class WebhookFailing(WebhookEvent, frozen=True):
    """Several attempts in a row failed: it rests between attempts until one succeeds."""

    name: ClassVar[str] = "webhook.failing"
    error: str


class WebhookRecovered(WebhookEvent, frozen=True):
    name: ClassVar[str] = "webhook.recovered"


class WebhookDisabled(WebhookEvent, frozen=True):
    """Nothing got through for days, or it answered 410: nothing is sent until somebody enables it again."""

    name: ClassVar[str] = "webhook.disabled"
    audited: ClassVar[bool] = True
    error: str
