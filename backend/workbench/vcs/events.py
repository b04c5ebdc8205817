"""What happens to a session's history and working copy."""

from typing import ClassVar

from backend.core.events import Event


class VcsEvent(Event, frozen=True):
    scope: ClassVar[str] = "vcs:read"


class Committed(VcsEvent, frozen=True):
    name: ClassVar[str] = "vcs.committed"
    commit_id: str


class WorkingCopyChanged(VcsEvent, frozen=True):
    """By a discard, a rollback or a merge; `how` says which."""

    name: ClassVar[str] = "vcs.working_copy_changed"
    how: str


class Pushed(VcsEvent, frozen=True):
    name: ClassVar[str] = "vcs.pushed"
    branch: str
