"""Teams on the wire."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.accounts.orgs.schemas import Name


class TeamWrite(msgspec.Struct, forbid_unknown_fields=True):
    name: Name


class Team(msgspec.Struct):
    id: UUID
    name: str
    members: list[UUID]
    created_at: datetime
