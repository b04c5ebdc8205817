"""Queries on workspaces."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Integer, Row, Select, Uuid, any_, bindparam, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from backend.core.auth import Actor
from backend.workbench.workspaces.models import Repository, Workspace

READ = "workspaces:read"

WorkspaceRow = Row[UUID, UUID, str, str, str, UUID, datetime, datetime]

_COLUMNS = (
    Workspace.id,
    Workspace.organization_id,
    Workspace.name,
    Workspace.slug,
    Workspace.description,
    Workspace.default_session_id,
    Workspace.created_at,
    Workspace.updated_at,
)

_LIST = (
    select(*_COLUMNS)
    .where(
        Workspace.organization_id == any_(bindparam("organizations", type_=ARRAY(Uuid))), Workspace.deleted_at.is_(None)
    )
    .order_by(Workspace.created_at, Workspace.id)
    .limit(bindparam("rows", type_=Integer))
)
_LIST_AFTER = _LIST.where(
    tuple_(Workspace.created_at, Workspace.id)
    > tuple_(bindparam("time", type_=DateTime(timezone=True)), bindparam("id", type_=Uuid))
)


def visible(actor: Actor) -> Select[Workspace]:
    """The workspaces, not in the bin, that `actor` may see. Every read on a caller's behalf starts here."""
    return select(Workspace).where(
        Workspace.organization_id.in_(actor.organizations(READ)), Workspace.deleted_at.is_(None)
    )


async def find(db: AsyncSession, actor: Actor, workspace_id: UUID, *, binned: bool = False) -> Workspace | None:
    """One that `actor` may see; with `binned`, one that lies in the bin."""
    if not binned:
        return await db.scalar(visible(actor).where(Workspace.id == workspace_id))
    seen = Workspace.organization_id.in_(actor.organizations(READ))
    return await db.scalar(
        select(Workspace).where(seen, Workspace.id == workspace_id, Workspace.deleted_at.is_not(None))
    )


async def list_page(
    db: AsyncConnection, actor: Actor, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[WorkspaceRow]:
    """Oldest first, one more than `limit`. Everybody loads this list all the time, so: plain rows, outside of any
    transaction, and a statement made once, which SQLAlchemy then neither builds nor matches to its columns again."""
    values = {"organizations": actor.organizations(READ), "rows": limit + 1}
    if after is None:
        return (await db.execute(_LIST, values)).all()
    return (await db.execute(_LIST_AFTER, values | {"time": after[0], "id": after[1]})).all()


async def list_binned(db: AsyncSession, actor: Actor) -> Sequence[WorkspaceRow]:
    seen = Workspace.organization_id.in_(actor.organizations(READ)), Workspace.deleted_at.is_not(None)
    return (await db.execute(select(*_COLUMNS).where(*seen).order_by(Workspace.deleted_at.desc()).limit(201))).all()


async def slugs_like(db: AsyncSession, organization_id: UUID, slug: str) -> set[str]:
    mine = Workspace.organization_id == organization_id
    return set(await db.scalars(select(Workspace.slug).where(mine, Workspace.slug.startswith(slug, autoescape=True))))


async def repositories(db: AsyncSession, workspace_id: UUID) -> Sequence[Repository]:
    query = select(Repository).where(Repository.workspace_id == workspace_id).order_by(Repository.path)
    return (await db.scalars(query)).all()
