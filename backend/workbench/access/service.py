"""Giving people and teams a role in one workspace, higher or lower than theirs in the organisation.

What was given to a person counts before what their teams were given, and of several teams the most. Owners and admins have
all of every workspace whatever is given to them.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.keys.models import ApiKey
from backend.accounts.orgs import repository as organizations
from backend.accounts.teams import service as teams
from backend.accounts.teams.models import Team, TeamMember
from backend.accounts.users.models import User
from backend.core.auth import ACCESS, ROLES, SCOPES, Access, Actor
from backend.core.db import new_id, now
from backend.core.errors import NotFound
from backend.core.events import emit
from backend.core.live import notify
from backend.workbench.access.events import AccessChanged
from backend.workbench.access.models import WorkspaceGrant
from backend.workbench.workspaces import service as workspaces
from backend.workbench.workspaces.models import Workspace


async def list_all(db: AsyncSession, actor: Actor, workspace_id: UUID) -> Sequence[WorkspaceGrant]:
    workspace = await workspaces.get(db, actor, workspace_id)
    query = select(WorkspaceGrant).where(WorkspaceGrant.workspace_id == workspace.id)
    return (await db.scalars(query.order_by(WorkspaceGrant.created_at, WorkspaceGrant.id))).all()


async def mine(db: AsyncSession, actor: Actor, workspace_id: UUID) -> list[str]:
    workspace = await workspaces.get(db, actor, workspace_id)
    return [scope for scope in SCOPES if actor.may(workspace.organization_id, scope, workspace.id)]


async def still_may(db: AsyncSession, organization_id: UUID, workspace_id: UUID, holder_id: UUID, scope: str) -> bool:
    """Whether a person or a key has `scope` in the workspace, for what goes on in their name while they are not there."""
    key = await db.get(ApiKey, holder_id)
    if key is not None:
        lasts = key.expires_at is None or key.expires_at > now()
        return lasts and key.organization_id == organization_id and scope in key.scopes
    return holder_id in await who_may(db, organization_id, workspace_id, [holder_id], scope)


async def who_may(
    db: AsyncSession, organization_id: UUID, workspace_id: UUID, people: Collection[UUID], scope: str
) -> set[UUID]:
    """Those of `people` who have `scope` in the workspace now; see the head of this file."""
    roles = await organizations.roles(db, organization_id, people)
    holder = func.coalesce(WorkspaceGrant.user_id, TeamMember.user_id)
    query = select(holder, WorkspaceGrant.user_id.is_not(None), WorkspaceGrant.access).outerjoin(
        TeamMember, TeamMember.team_id == WorkspaceGrant.team_id
    )
    given: dict[UUID, dict[bool, set[str]]] = {}
    for person, own, access in await db.execute(
        query.where(WorkspaceGrant.workspace_id == workspace_id, holder.in_(roles))
    ):
        given.setdefault(person, {}).setdefault(own, set()).update(ACCESS[access])
    found = set()
    for person, role in roles.items():
        scopes, here = ROLES[role], given.get(person, {})
        held = scopes if "admin" in scopes or not here else here.get(True, here.get(False, set()))
        if scope in held:
            found.add(person)
    return found


async def give(
    db: AsyncSession,
    actor: Actor,
    workspace_id: UUID,
    access: Access,
    *,
    user_id: UUID | None = None,
    team_id: UUID | None = None,
) -> None:
    """Sets what that member, or that team, may here; their sockets whose rights change close."""
    workspace = await workspaces.get(db, actor, workspace_id, "admin")
    if user_id is not None and await organizations.membership(db, workspace.organization_id, user_id) is None:
        raise NotFound("There is no such member.")
    if team_id is not None:
        await teams.get(db, actor, workspace.organization_id, team_id)
    holder = {"user_id": user_id, "team_id": team_id}
    row = insert(WorkspaceGrant).values(
        id=new_id(), organization_id=workspace.organization_id, workspace_id=workspace.id, access=access, **holder
    )
    unique = ["workspace_id", "user_id" if user_id is not None else "team_id"]
    await db.execute(row.on_conflict_do_update(index_elements=unique, set_={"access": access}))
    await _tell(db, workspace, access, holder)


async def take_back(
    db: AsyncSession, actor: Actor, workspace_id: UUID, *, user_id: UUID | None = None, team_id: UUID | None = None
) -> None:
    """The role in the organisation says again what they may."""
    workspace = await workspaces.get(db, actor, workspace_id, "admin")
    theirs = WorkspaceGrant.user_id == user_id if user_id is not None else WorkspaceGrant.team_id == team_id
    gone = delete(WorkspaceGrant).where(WorkspaceGrant.workspace_id == workspace.id, theirs)
    if await db.scalar(gone.returning(WorkspaceGrant.id)) is None:
        raise NotFound("Nothing was given to them here.")
    await _tell(db, workspace, None, {"user_id": user_id, "team_id": team_id})


async def copy(db: AsyncSession, source: Workspace, to: Workspace) -> None:
    """What people and teams were given in one workspace, in another that was just made."""
    for row in await db.scalars(select(WorkspaceGrant).where(WorkspaceGrant.workspace_id == source.id)):
        holder = {"user_id": row.user_id, "team_id": row.team_id}
        here = {"organization_id": to.organization_id, "workspace_id": to.id}
        db.add(WorkspaceGrant(**here, access=row.access, **holder))
        await _tell(db, to, row.access, holder)


async def _tell(db: AsyncSession, workspace: Workspace, access: Access | None, holder: dict[str, Any]) -> None:
    here = {"organization_id": workspace.organization_id, "workspace_id": workspace.id}
    user_id, team_id = holder["user_id"], holder["team_id"]
    found = await db.get(User, user_id) if user_id is not None else await db.get(Team, team_id)
    whose = found.name if found is not None else ""
    await emit(db, AccessChanged(**here, access=access, **holder, whose=whose, workspace_name=workspace.name))
    await notify(db, "access")
