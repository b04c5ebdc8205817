"""What happens to a workspace."""

from typing import ClassVar

from backend.core.events import Event


class WorkspaceEvent(Event, frozen=True):
    """`workspace_id` is always set."""

    scope: ClassVar[str] = "workspaces:read"
    workspace_name: str = ""


class WorkspaceCreated(WorkspaceEvent, frozen=True):
    name: ClassVar[str] = "workspace.created"


class WorkspaceUpdated(WorkspaceEvent, frozen=True):
    name: ClassVar[str] = "workspace.updated"


class WorkspaceDeleted(WorkspaceEvent, frozen=True):
    name: ClassVar[str] = "workspace.deleted"
    audited: ClassVar[bool] = True


class WorkspaceRestored(WorkspaceEvent, frozen=True):
    name: ClassVar[str] = "workspace.restored"
    audited: ClassVar[bool] = True
