"""/workspace/{id}/access: what people and teams may in one workspace in place of their role."""

from uuid import UUID

import msgspec
from litestar import Router, delete, get, put
from litestar.params import FromPath, JSONBody

from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.paging import Page
from backend.workbench.access import schemas, service


@get(guards=[scope("workspaces:read")])
async def list_access(db: Db, actor: Me, workspace_id: FromPath[UUID]) -> Page[schemas.Grant]:
    """Whoever is not listed may what their role in the organisation says."""
    rows = await service.list_all(db, actor, workspace_id)
    return Page([msgspec.convert(row, schemas.Grant, from_attributes=True) for row in rows])


@get("/mine", guards=[scope("workspaces:read")])
async def get_own_access(db: Db, actor: Me, workspace_id: FromPath[UUID]) -> schemas.Mine:
    """What the caller may in this workspace: by role, by what was given to them here, by the key's scopes."""
    return schemas.Mine(await service.mine(db, actor, workspace_id))


@put("/people/{user_id:uuid}", guards=[scope("admin")], status_code=204)
async def give_person_access(
    db: Db, actor: Me, workspace_id: FromPath[UUID], user_id: FromPath[UUID], data: JSONBody[schemas.AccessWrite]
) -> None:
    """A member of the organisation may this here, whatever their role and their teams say. Does not bind owners and admins."""
    await service.give(db, actor, workspace_id, data.access, user_id=user_id)


@delete("/people/{user_id:uuid}", guards=[scope("admin")])
async def take_person_access_back(db: Db, actor: Me, workspace_id: FromPath[UUID], user_id: FromPath[UUID]) -> None:
    await service.take_back(db, actor, workspace_id, user_id=user_id)


@put("/teams/{team_id:uuid}", guards=[scope("admin")], status_code=204)
async def give_team_access(
    db: Db, actor: Me, workspace_id: FromPath[UUID], team_id: FromPath[UUID], data: JSONBody[schemas.AccessWrite]
) -> None:
    """Members of the team may this here; of several teams the most counts."""
    await service.give(db, actor, workspace_id, data.access, team_id=team_id)


@delete("/teams/{team_id:uuid}", guards=[scope("admin")])
async def take_team_access_back(db: Db, actor: Me, workspace_id: FromPath[UUID], team_id: FromPath[UUID]) -> None:
    await service.take_back(db, actor, workspace_id, team_id=team_id)


router = Router(
    "/workspace/{workspace_id:uuid}/access",
    route_handlers=[
        list_access,
        get_own_access,
        give_person_access,
        take_person_access_back,
        give_team_access,
        take_team_access_back,
    ],
    tags=["access"],
)
