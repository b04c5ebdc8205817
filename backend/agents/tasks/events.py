"""What happens to tasks. `by` is the person who did it, null for a key or a webhook."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class TaskEvent(Event, frozen=True):
    """`assigned` and `assigned_team` are who is newly to do it, `mentioned` and `mentioned_teams` who else is newly named in its
    body."""

    scope: ClassVar[str] = "tasks:read"
    task_id: UUID
    number: int
    title: str
    by: UUID | None
    by_name: str
    assigned: UUID | None = None
    assigned_team: UUID | None = None
    mentioned: tuple[UUID, ...] = ()
    mentioned_teams: tuple[UUID, ...] = ()


class TaskCreated(TaskEvent, frozen=True):
    name: ClassVar[str] = "task.created"


class TaskUpdated(TaskEvent, frozen=True):
    name: ClassVar[str] = "task.updated"


class TaskDeleted(TaskEvent, frozen=True):
    name: ClassVar[str] = "task.deleted"
