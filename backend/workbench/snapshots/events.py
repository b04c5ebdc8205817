"""What happens to snapshots."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class SnapshotTaken(Event, frozen=True):
    name: ClassVar[str] = "snapshot.taken"
    scope: ClassVar[str] = "vcs:read"
    snapshot_id: UUID
    reason: str


class SnapshotRestored(Event, frozen=True):
    """The working copy is another one now."""

    name: ClassVar[str] = "snapshot.restored"
    scope: ClassVar[str] = "vcs:read"
    snapshot_id: UUID
