"""Queries on sessions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, and_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.auth import Actor
from backend.core.db import Database
from backend.workbench.sessions.models import Session, Status

READ = "sessions:read"


def visible(actor: Actor, scope: str = READ) -> Select[Session]:
    """The sessions, not in the bin, of workspaces where `actor` has `scope`. Every read for a caller starts here."""
    return select(Session).where(_ours(actor, scope), Session.deleted_at.is_(None))


def _ours(actor: Actor, scope: str) -> ColumnElement[bool]:
    return actor.sees(Session.organization_id, Session.workspace_id, scope)


async def find(
    db: AsyncSession, actor: Actor, session_id: UUID, *, scope: str = READ, binned: bool = False
) -> Session | None:
    if not binned:
        return await db.scalar(visible(actor, scope).where(Session.id == session_id))
    return await db.scalar(
        select(Session).where(_ours(actor, scope), Session.id == session_id, Session.deleted_at.is_not(None))
    )


async def list_page(
    db: AsyncSession,
    actor: Actor,
    *,
    workspace_id: UUID | None,
    deleted: bool,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Session]:
    """Oldest first, one more than `limit`."""
    in_bin = Session.deleted_at.is_not(None) if deleted else Session.deleted_at.is_(None)
    query = select(Session).where(and_(_ours(actor, READ), in_bin))
    if workspace_id is not None:
        query = query.where(Session.workspace_id == workspace_id)
    if after is not None:
        query = query.where(tuple_(Session.created_at, Session.id) > after)
    return (await db.scalars(query.order_by(Session.created_at, Session.id).limit(limit + 1))).all()


async def get(db: AsyncSession, session_id: UUID) -> Session | None:
    return await db.get(Session, session_id)


async def of_workspace(db: AsyncSession, workspace_id: UUID) -> list[Session]:
    """All that are not in the bin, the default one first."""
    mine = Session.workspace_id == workspace_id, Session.deleted_at.is_(None)
    query = select(Session).where(*mine).order_by(Session.is_default.desc(), Session.created_at)
    return list(await db.scalars(query))


_LOOK_UP = "SELECT * FROM sessions WHERE id = $1 AND deleted_at IS NULL"


async def look_up(database: Database, session_id: UUID) -> Session | None:
    """A session that is not in the bin, detached, by one statement outside of any transaction: every file that is read or
    written waits for this. Whether the caller may see it is the caller's to ask."""
    found = await database.rows(_LOOK_UP, session_id)
    if not found:
        return None
    fields = dict(found[0])
    if fields["status_reason"] is not None:
        fields["status_reason"] = msgspec.json.decode(fields["status_reason"])
    return Session(**fields)


async def mark_active(database: Database, session_id: UUID) -> None:
    """`last_active_at` is true to the minute: each write that is not in it would be a row written for each file saved."""
    await database.rows("UPDATE sessions SET last_active_at = now() WHERE id = $1", session_id)


async def branches(db: AsyncSession, workspace_id: UUID) -> set[str]:
    """The branch names taken in a workspace, by sessions in the bin too."""
    return set(await db.scalars(select(Session.branch).where(Session.workspace_id == workspace_id)))


async def leave_starting(
    db: AsyncSession, session_id: UUID, status: Status, reason: dict[str, str] | None = None
) -> bool:
    """False if somebody else has moved it on already: a deletion while it started sticks."""
    on_the_way = Session.status.in_([Status.STARTING, Status.RESTORING])
    still = update(Session).where(Session.id == session_id, on_the_way)
    moved = await db.scalar(still.values(status=status, status_reason=reason).returning(Session.id))
    return moved is not None
