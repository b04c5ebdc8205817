"""Notifications on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta


class Notification(msgspec.Struct):
    """`kind`: review_requested, approved, changes_requested, reviewed, commented, mentioned, assigned, merged, closed, invited.
    `about` is "pull" or "task", with its `number` in the workspace, or "invitation", with the organisation's name as `title`."""

    id: UUID
    organization_id: UUID
    workspace_id: UUID | None
    kind: str
    about: str
    number: int | None
    title: str
    by_name: str
    created_at: datetime
    read_at: datetime | None


class Unread(msgspec.Struct):
    unread: int


class MarkRead(msgspec.Struct, forbid_unknown_fields=True):
    """These, or with null all."""

    ids: Annotated[list[UUID], Meta(max_length=200)] | None = None
