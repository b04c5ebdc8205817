"""That people were told of something."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class Notified(Event, frozen=True):
    """These people have a new notification."""

    name: ClassVar[str] = "notification.created"
    scope: ClassVar[str] = "workspaces:read"
    user_ids: list[UUID]
