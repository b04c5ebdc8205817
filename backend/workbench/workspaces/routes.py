"""/workspace: reading and renaming. What makes or removes one is in `provisioning`."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Router, get, put
from litestar.params import FromPath, JSONBody

from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.paging import Cursor, Limit, Page, decode, page
from backend.core.resources import Hands
from backend.workbench.workspaces import repository, schemas, service


@get(guards=[scope("workspaces:read")])
async def list_workspaces(
    resources: Hands, actor: Me, limit: Limit = 50, cursor: Cursor = ""
) -> Page[schemas.Workspace]:
    """The workspaces of all of the caller's organisations, oldest first."""
    after = decode(cursor, tuple[datetime, UUID])
    rows = await repository.list_page(resources.database, actor, after=after, limit=limit)
    return page(rows, limit, lambda row: row, lambda row: (row.created_at, row.id))


@get("/{workspace_id:uuid}", guards=[scope("workspaces:read")])
async def get_workspace(db: Db, actor: Me, workspace_id: FromPath[UUID]) -> schemas.Workspace:
    return show(await service.get(db, actor, workspace_id))


@put("/{workspace_id:uuid}", guards=[scope("workspaces:write")])
async def update_workspace(
    db: Db, actor: Me, workspace_id: FromPath[UUID], data: JSONBody[schemas.WorkspaceUpdate]
) -> schemas.Workspace:
    return show(await service.update(db, actor, workspace_id, data))


@get("/{workspace_id:uuid}/default-session", guards=[scope("workspaces:read")])
async def get_default_session(db: Db, actor: Me, workspace_id: FromPath[UUID]) -> schemas.DefaultSession:
    return schemas.DefaultSession((await service.get(db, actor, workspace_id)).default_session_id)


def show(row: Any) -> schemas.Workspace:
    return msgspec.convert(row, schemas.Workspace, from_attributes=True)


router = Router(
    "/workspace",
    route_handlers=[list_workspaces, get_workspace, update_workspace, get_default_session],
    tags=["workspaces"],
)
