"""Tasks on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from backend.agents.tasks.models import Status
from backend.workbench.pulls.schemas import Author, Labels, Markdown, Title

Url = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\x00-\x20\x7f]+$(?!\n)")]


class Link(msgspec.Struct, forbid_unknown_fields=True):
    """A `session` or `pull` of the workspace by its id, or an `issue` at a provider by its URL."""

    kind: Literal["session", "pull", "issue"]
    id: UUID | None = None
    url: Url | None = None


Links = Annotated[list[Link], Meta(max_length=50)]


class TaskCreate(msgspec.Struct, forbid_unknown_fields=True):
    """For a person or a team; where neither is named, for the first member whom the body mentions (`@name`). The others are
    told."""

    title: Title
    body: Markdown = ""
    status: Status = Status.TODO
    assignee_id: UUID | None = None
    team_id: UUID | None = None
    labels: Labels = []
    links: Links = []


class TaskUpdate(msgspec.Struct, forbid_unknown_fields=True):
    title: Title | UnsetType = UNSET
    body: Markdown | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    assignee_id: UUID | UnsetType | None = UNSET
    team_id: UUID | UnsetType | None = UNSET
    labels: Labels | UnsetType = UNSET
    links: Links | UnsetType = UNSET


class Task(msgspec.Struct):
    id: UUID
    workspace_id: UUID
    number: int
    title: str
    body: str
    status: Status
    position: int
    assignee_id: UUID | None
    team_id: UUID | None
    labels: list[str]
    links: list[Link]
    author: Author
    created_at: datetime
    updated_at: datetime


class TaskManagement(msgspec.Struct, forbid_unknown_fields=True):
    """Many at once, all or nothing. With `order`, the tasks come in the order given, before the others of their column, or
    right after the task that `after` names."""

    workspace_id: UUID
    task_ids: Annotated[list[UUID], Meta(min_length=1, max_length=200)]
    status: Status | UnsetType = UNSET
    assignee_id: UUID | UnsetType | None = UNSET
    team_id: UUID | UnsetType | None = UNSET
    add_labels: Labels = []
    remove_labels: Labels = []
    order: bool = False
    after: UUID | None = None
    delete: bool = False
