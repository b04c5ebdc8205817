"""Queries on workspaces."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

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
    db: AsyncSession, actor: Actor, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[WorkspaceRow]:
    """Oldest first, one more than `limit`. Plain rows: this is the list that everybody loads all the time."""
    query = select(*_COLUMNS).where(
        Workspace.organization_id.in_(actor.organizations(READ)), Workspace.deleted_at.is_(None)
    )
    if after is not None:
        query = query.where(tuple_(Workspace.created_at, Workspace.id) > after)
    return (await db.execute(query.order_by(Workspace.created_at, Workspace.id).limit(limit + 1))).all()


async def list_binned(db: AsyncSession, actor: Actor) -> Sequence[WorkspaceRow]:
    seen = Workspace.organization_id.in_(actor.organizations(READ)), Workspace.deleted_at.is_not(None)
    return (await db.execute(select(*_COLUMNS).where(*seen).order_by(Workspace.deleted_at.desc()).limit(201))).all()


async def slugs_like(db: AsyncSession, organization_id: UUID, slug: str) -> set[str]:
    mine = Workspace.organization_id == organization_id
    return set(await db.scalars(select(Workspace.slug).where(mine, Workspace.slug.startswith(slug, autoescape=True))))


async def repositories(db: AsyncSession, workspace_id: UUID) -> Sequence[Repository]:
    query = select(Repository).where(Repository.workspace_id == workspace_id).order_by(Repository.path)
    return (await db.scalars(query)).all()
