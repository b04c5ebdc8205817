"""/organizations/{id}/teams."""

from uuid import UUID

from litestar import Router, delete, get, post, put
from litestar.params import FromPath, JSONBody

from backend.accounts.teams import schemas, service
from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.paging import Page
from backend.ledger.receipts.service import OnceOnly


@get(guards=[scope("organization:read")])
async def list_teams(db: Db, actor: Me, organization_id: FromPath[UUID]) -> Page[schemas.Team]:
    rows = await service.list_all(db, actor, organization_id)
    return Page([schemas.Team(team.id, team.name, list(members), team.created_at) for team, members in rows])


@post(guards=[scope("admin")])
async def create_team(
    db: Db, actor: Me, once: OnceOnly, organization_id: FromPath[UUID], data: JSONBody[schemas.TeamWrite]
) -> schemas.Team:
    await once.claim(db)
    team = await service.create(db, actor, organization_id, data.name)
    shown = schemas.Team(team.id, team.name, [], team.created_at)
    await once.seal(db, shown)
    return shown


@put("/{team_id:uuid}", guards=[scope("admin")], status_code=204)
async def rename_team(
    db: Db, actor: Me, organization_id: FromPath[UUID], team_id: FromPath[UUID], data: JSONBody[schemas.TeamWrite]
) -> None:
    await service.rename(db, actor, organization_id, team_id, data.name)


@delete("/{team_id:uuid}", guards=[scope("admin")])
async def delete_team(db: Db, actor: Me, organization_id: FromPath[UUID], team_id: FromPath[UUID]) -> None:
    """What its members had by it in workspaces goes with it."""
    await service.remove(db, actor, organization_id, team_id)


@put("/{team_id:uuid}/members/{user_id:uuid}", guards=[scope("admin")], status_code=204)
async def put_team_member(
    db: Db, actor: Me, organization_id: FromPath[UUID], team_id: FromPath[UUID], user_id: FromPath[UUID]
) -> None:
    """A member of the organisation joins the team; one who is in it stays."""
    await service.put_member(db, actor, organization_id, team_id, user_id)


@delete("/{team_id:uuid}/members/{user_id:uuid}", guards=[scope("admin")])
async def remove_team_member(
    db: Db, actor: Me, organization_id: FromPath[UUID], team_id: FromPath[UUID], user_id: FromPath[UUID]
) -> None:
    await service.remove_member(db, actor, organization_id, team_id, user_id)


router = Router(
    "/organizations/{organization_id:uuid}/teams",
    route_handlers=[list_teams, create_team, rename_team, delete_team, put_team_member, remove_team_member],
    tags=["teams"],
)
