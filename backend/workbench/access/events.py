"""What happens to access."""

from typing import ClassVar
from uuid import UUID

from backend.core.auth import Access
from backend.core.events import Event


class AccessChanged(Event, frozen=True):
    """`access` is null where it is the role's again. `whose` and `workspace_name` are for readers."""

    name: ClassVar[str] = "workspace.access_changed"
    scope: ClassVar[str] = "organization:read"
    audited: ClassVar[bool] = True
    access: Access | None
    user_id: UUID | None = None
    team_id: UUID | None = None
    whose: str = ""
    workspace_name: str = ""
