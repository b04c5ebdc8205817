"""What happens to teams."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class TeamChanged(Event, frozen=True):
    """Made, renamed, deleted, or somebody joined or left: `change` says which."""

    name: ClassVar[str] = "team.changed"
    scope: ClassVar[str] = "organization:read"
    audited: ClassVar[bool] = True
    team_id: UUID
    team_name: str
    change: str
    user_id: UUID | None = None
