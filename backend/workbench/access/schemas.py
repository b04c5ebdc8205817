"""Access to a workspace, on the wire."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.core.auth import Access


class AccessWrite(msgspec.Struct, forbid_unknown_fields=True):
    access: Access


class Mine(msgspec.Struct):
    """What the caller may here, all told."""

    scopes: list[str]


class Grant(msgspec.Struct):
    """What one person or one team has here; the other id is null."""

    user_id: UUID | None
    team_id: UUID | None
    access: Access
    created_at: datetime
