"""What happens to API keys."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class KeyChanged(Event, frozen=True):
    """Made or revoked: `how` says which. `prefix` is how the key begins, as lists show it."""

    name: ClassVar[str] = "key.changed"
    scope: ClassVar[str] = "admin"
    audited: ClassVar[bool] = True
    key_id: UUID
    key_name: str
    prefix: str
    how: str
