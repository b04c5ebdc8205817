"""Queries on workspaces."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.auth import Actor
from backend.core.db import Database
from backend.workbench.workspaces import schemas
from backend.workbench.workspaces.models import Repository, Workspace

READ = "workspaces:read"

WorkspaceRow = Row[UUID, UUID, str, str, str, UUID, int | None, datetime, datetime]

_COLUMNS = (
    Workspace.id,
    Workspace.organization_id,
    Workspace.name,
    Workspace.slug,
    Workspace.description,
    Workspace.default_session_id,
    Workspace.idle_minutes,
    Workspace.created_at,
    Workspace.updated_at,
)

_LIST = (
    "SELECT id, organization_id, name, slug, description, default_session_id, idle_minutes, created_at, updated_at"
    " FROM workspaces WHERE organization_id = ANY($1) AND deleted_at IS NULL AND (created_at, id) > ($2, $3)"
    " ORDER BY created_at, id LIMIT $4"
)
_LIST_GRANTED = _LIST.replace(
    "organization_id = ANY($1)", "(organization_id = ANY($1) AND NOT id = ANY($5) OR id = ANY($6))"
)
_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


def visible(actor: Actor) -> Select[Workspace]:
    """The workspaces, not in the bin, that `actor` may see. Every read on a caller's behalf starts here."""
    return select(Workspace).where(_seen(actor), Workspace.deleted_at.is_(None))


def _seen(actor: Actor) -> ColumnElement[bool]:
    return actor.sees(Workspace.organization_id, Workspace.id, READ)


async def find(db: AsyncSession, actor: Actor, workspace_id: UUID, *, binned: bool = False) -> Workspace | None:
    """One that `actor` may see; with `binned`, one that lies in the bin."""
    if not binned:
        return await db.scalar(visible(actor).where(Workspace.id == workspace_id))
    in_bin = Workspace.id == workspace_id, Workspace.deleted_at.is_not(None)
    return await db.scalar(select(Workspace).where(_seen(actor), *in_bin))


async def list_page(
    database: Database, actor: Actor, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[schemas.Workspace]:
    """Oldest first, one more than `limit`. Everybody loads this list all the time, so it goes the short way."""
    mine = actor.organizations(READ), *(after or _FIRST), limit + 1
    if actor.workspaces:
        more = [id for id, scopes in actor.workspaces.items() if READ in scopes]
        rows = await database.rows(_LIST_GRANTED, *mine, list(actor.workspaces), more)
    else:
        rows = await database.rows(_LIST, *mine)
    return [schemas.Workspace(*row) for row in rows]


async def list_binned(db: AsyncSession, actor: Actor) -> Sequence[WorkspaceRow]:
    seen = _seen(actor), Workspace.deleted_at.is_not(None)
    return (await db.execute(select(*_COLUMNS).where(*seen).order_by(Workspace.deleted_at.desc()).limit(201))).all()


async def slugs_like(db: AsyncSession, organization_id: UUID, slug: str) -> set[str]:
    mine = Workspace.organization_id == organization_id
    return set(await db.scalars(select(Workspace.slug).where(mine, Workspace.slug.startswith(slug, autoescape=True))))


class RepositoryRow(NamedTuple):
    """What a version control call needs of a repository's row."""

    id: UUID
    name: str
    path: str
    remote_url: str | None
    default_branch: str


async def find_repository(database: Database, workspace_id: UUID, name: str) -> RepositoryRow | None:
    """One by its name; the short way, since every version control call asks it."""
    found = await database.rows(
        "SELECT id, name, path, remote_url, default_branch FROM repositories WHERE workspace_id = $1 AND name = $2",
        workspace_id,
        name,
    )
    return RepositoryRow(*found[0]) if found else None


async def repositories(db: AsyncSession, workspace_id: UUID) -> Sequence[Repository]:
    query = select(Repository).where(Repository.workspace_id == workspace_id).order_by(Repository.path)
    return (await db.scalars(query)).all()


def copy(row: Repository, workspace_id: UUID) -> Repository:
    """The same repository in another workspace."""
    kept = {name: getattr(row, name) for name in ("name", "path", "remote_url", "default_branch")}
    return Repository(workspace_id=workspace_id, **kept)
