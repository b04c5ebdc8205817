"""Queries of the terminals. They have no table: the keeper remembers them, under the labels they were opened with."""

from typing import NamedTuple
from uuid import UUID

from backend.core.auth import Actor
from backend.core.db import Database


class Entrance(NamedTuple):
    """A session, as far as its terminals need it. `owns_installation`: whether the caller's key was made by that owner."""

    id: UUID
    organization_id: UUID
    workspace_id: UUID
    status: str
    owns_installation: bool


_ENTRANCE = (
    "SELECT s.id, s.organization_id, s.workspace_id, s.status, coalesce(u.owns_installation, false) FROM sessions s"
    " LEFT JOIN api_keys k ON k.id = $2 LEFT JOIN users u ON u.id = k.created_by"
    " WHERE s.id = $1 AND s.organization_id = ANY($3) AND s.deleted_at IS NULL"
)


async def entrance(database: Database, actor: Actor, session_id: UUID) -> Entrance | None:
    """The session, not in the bin, of an organisation that `actor` belongs to. One short statement: after a restart every
    viewer comes back at once."""
    found = await database.rows(_ENTRANCE, session_id, actor.key_id, list(actor.grants))
    return Entrance(*found[0]) if found else None
