"""Teams: making and filling them. Only members of the organisation can be in one."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs import repository as organizations
from backend.accounts.orgs.service import require
from backend.accounts.teams.events import TeamChanged
from backend.accounts.teams.models import Team, TeamMember
from backend.core.auth import Actor
from backend.core.errors import Conflict, NotFound, clash
from backend.core.events import emit
from backend.core.live import notify


class TeamNameTaken(Conflict):
    """Another team of this organisation has that name."""


class NoSuchTeam(NotFound):
    """There is no such team."""


async def get(db: AsyncSession, actor: Actor, organization_id: UUID, team_id: UUID, scope: str = "admin") -> Team:
    require(actor, organization_id, scope)
    team = await db.scalar(select(Team).where(Team.id == team_id, Team.organization_id == organization_id))
    if team is None:
        raise NoSuchTeam
    return team


async def list_all(db: AsyncSession, actor: Actor, organization_id: UUID) -> list[tuple[Team, Sequence[UUID]]]:
    """Teams by name, each with the ids of its members."""
    require(actor, organization_id, "organization:read")
    teams = await db.scalars(select(Team).where(Team.organization_id == organization_id).order_by(Team.name))
    inside: dict[UUID, list[UUID]] = {}
    rows = select(TeamMember).where(TeamMember.organization_id == organization_id).order_by(TeamMember.created_at)
    for row in await db.scalars(rows):
        inside.setdefault(row.team_id, []).append(row.user_id)
    return [(team, inside.get(team.id, [])) for team in teams]


async def create(db: AsyncSession, actor: Actor, organization_id: UUID, name: str) -> Team:
    require(actor, organization_id, "admin")
    team = Team(organization_id=organization_id, name=name.strip())
    db.add(team)
    with clash("uq_teams_organization_id_name", TeamNameTaken):
        await db.flush()
    await _tell(db, team, "created")
    return team


async def rename(db: AsyncSession, actor: Actor, organization_id: UUID, team_id: UUID, name: str) -> None:
    team = await get(db, actor, organization_id, team_id)
    team.name = name.strip()
    with clash("uq_teams_organization_id_name", TeamNameTaken):
        await db.flush()
    await _tell(db, team, "renamed")


async def remove(db: AsyncSession, actor: Actor, organization_id: UUID, team_id: UUID) -> None:
    """What was given to the team goes with it."""
    team = await get(db, actor, organization_id, team_id)
    await db.delete(team)
    await _tell(db, team, "deleted")


async def put_member(db: AsyncSession, actor: Actor, organization_id: UUID, team_id: UUID, user_id: UUID) -> None:
    team = await get(db, actor, organization_id, team_id)
    if await organizations.membership(db, organization_id, user_id) is None:
        raise NotFound("There is no such member.")
    row = insert(TeamMember).values(team_id=team.id, user_id=user_id, organization_id=organization_id)
    await db.execute(row.on_conflict_do_nothing())
    await _tell(db, team, "joined", user_id)


async def remove_member(db: AsyncSession, actor: Actor, organization_id: UUID, team_id: UUID, user_id: UUID) -> None:
    team = await get(db, actor, organization_id, team_id)
    row = delete(TeamMember).where(TeamMember.team_id == team.id, TeamMember.user_id == user_id)
    if await db.scalar(row.returning(TeamMember.user_id)) is None:
        raise NotFound("There is no such member in that team.")
    await _tell(db, team, "left", user_id)


async def _tell(db: AsyncSession, team: Team, change: str, user_id: UUID | None = None) -> None:
    await emit(
        db,
        TeamChanged(
            organization_id=team.organization_id, team_id=team.id, team_name=team.name, change=change, user_id=user_id
        ),
    )
    await notify(db, "access")
