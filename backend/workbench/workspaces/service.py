"""Workspaces: the rules on their rows. Making and deleting one touches disk: `provisioning` does that."""

from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import slugs
from backend.core.auth import Actor
from backend.core.db import new_id
from backend.core.errors import Invalid, NotFound
from backend.core.events import emit
from backend.workbench.workspaces import repository
from backend.workbench.workspaces.events import WorkspaceUpdated
from backend.workbench.workspaces.models import Repository, Workspace
from backend.workbench.workspaces.schemas import WorkspaceUpdate


class NoSuchWorkspace(NotFound):
    """There is no such workspace; an id in /workspace/{session_id}/… must be a session's."""


class WhichOrganization(Invalid):
    """You belong to several organisations: say which by `organization_id`."""


async def get(
    db: AsyncSession, actor: Actor, workspace_id: UUID, scope: str = repository.READ, *, binned: bool = False
) -> Workspace:
    """The workspace, if `actor` sees it and has `scope` there. Raises NoSuchWorkspace, MissingScope."""
    workspace = await repository.find(db, actor, workspace_id, binned=binned)
    if workspace is None:
        raise NoSuchWorkspace
    actor.require(workspace.organization_id, scope, workspace.id)
    return workspace


def owning_organization(actor: Actor, organization_id: UUID | None) -> UUID:
    """Where a new workspace goes. Raises as for any organisation that the actor may not see or write to."""
    if organization_id is None:
        candidates = actor.organizations("workspaces:write")
        if len(candidates) != 1:
            raise WhichOrganization
        return candidates[0]
    if organization_id not in actor.grants:
        raise NotFound("There is no such organisation.")
    actor.require(organization_id, "workspaces:write")
    return organization_id


async def add(
    db: AsyncSession, organization_id: UUID, *, name: str, description: str, remote_url: str | None
) -> Workspace:
    """The rows of a new workspace and its root repository. The caller adds the default session, whose id is set here."""
    wanted = slugs.slug(name)[:60].strip("-") or "workspace"
    unique = slugs.free(wanted, await repository.slugs_like(db, organization_id, wanted))
    workspace = Workspace(
        id=new_id(),
        organization_id=organization_id,
        name=name.strip(),
        slug=unique,
        description=description,
        default_session_id=new_id(),
    )
    db.add(workspace)
    await db.flush()
    db.add(Repository(workspace_id=workspace.id, name="root", remote_url=remote_url))
    await db.flush()
    return workspace


async def update(db: AsyncSession, actor: Actor, workspace_id: UUID, data: WorkspaceUpdate) -> Workspace:
    workspace = await get(db, actor, workspace_id, "workspaces:write")
    for name, value in msgspec.structs.asdict(data).items():
        if value is not UNSET:
            setattr(workspace, name, value)
    await db.flush()
    await db.refresh(workspace)
    await emit(
        db,
        WorkspaceUpdated(
            organization_id=workspace.organization_id, workspace_id=workspace.id, workspace_name=workspace.name
        ),
    )
    return workspace
