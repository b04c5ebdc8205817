"""Queries on previews: straight ones, since every request through a preview waits for them."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.signin.authenticate import by_sign_in
from backend.core.auth import with_reads
from backend.core.db import Database, now
from backend.workbench.previews.models import PreviewVisibility, Visibility
from backend.workbench.previews.signing import Claims

SCOPE = "services:read"

_CHOSEN = "SELECT visibility, set_by FROM preview_visibility WHERE session_id = $1 AND service = $2 AND port = $3"
_KEY = "SELECT scopes, organization_id FROM api_keys WHERE id = $1 AND (expires_at IS NULL OR expires_at > now())"
_USE = "INSERT INTO preview_entries (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id"


class Viewer(msgspec.Struct, frozen=True):
    """Whoever a pass was given to, as they are now. `csrf_token` must not reach an app."""

    id: UUID
    may_read: bool
    is_person: bool
    csrf_token: str = ""


async def chosen(database: Database, session_id: UUID, service: str, port: int) -> tuple[Visibility, UUID | None]:
    """(visibility, who chose it)."""
    found = await database.rows(_CHOSEN, session_id, service, port)
    if not found:
        return Visibility.ORGANIZATION, None
    return Visibility(found[0]["visibility"]), found[0]["set_by"]


async def viewer(
    database: Database, kind: str, subject: UUID, organization_id: UUID, workspace_id: UUID
) -> Viewer | None:
    """Whose sign-in or key `subject` is; None when the sign-in is over or the key revoked."""
    if kind == "key":
        found = await database.rows(_KEY, subject)
        if not found:
            return None
        scopes = with_reads(frozenset(msgspec.json.decode(found[0]["scopes"], type=list[str])))
        return Viewer(subject, SCOPE in scopes and found[0]["organization_id"] == organization_id, is_person=False)
    actor = await by_sign_in(database, subject)
    if actor is None:
        return None
    may = actor.may(organization_id, SCOPE, workspace_id)
    return Viewer(actor.id, may, is_person=True, csrf_token=actor.csrf_token)


async def use(database: Database, claims: Claims) -> bool:
    """Whether this is the entry's first use."""
    until = datetime.fromtimestamp(claims.expires, UTC)
    return bool(await database.rows(_USE, claims.id, until))


async def of_session(db: AsyncSession, session_id: UUID) -> dict[tuple[str, int], Visibility]:
    """What was chosen, by service name and port."""
    rows = await db.scalars(select(PreviewVisibility).where(PreviewVisibility.session_id == session_id))
    return {(row.service, row.port): row.visibility for row in rows}


async def choose(
    db: AsyncSession, session_id: UUID, service: str, port: int, visibility: Visibility, by: UUID | None
) -> None:
    values = {"visibility": visibility, "set_by": by, "updated_at": now()}
    row = insert(PreviewVisibility).values(session_id=session_id, service=service, port=port, **values)
    await db.execute(row.on_conflict_do_update(index_elements=["session_id", "service", "port"], set_=values))
