"""/notifications: the caller's own, and /workspace/{id}/activity: what happened there."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta
from sqlalchemy import select

from backend.core.auth import Me, person, scope
from backend.core.db import Db
from backend.core.events import EventRow, scopes_by_name
from backend.core.paging import Cursor, Limit, Page, decode, page
from backend.edge.feed.service import Fact
from backend.edge.notifications import schemas, service
from backend.edge.notifications.models import Notification
from backend.workbench.workspaces import service as workspaces


@get("/notifications", guards=[person])
async def list_notifications(
    db: Db, actor: Me, unread: FromQuery[bool] = False, limit: Limit = 50, cursor: Cursor = ""
) -> Page[schemas.Notification]:
    """Newest first."""
    before = decode(cursor, tuple[datetime, UUID])
    rows = await service.list_page(db, actor, unread=unread, before=before, limit=limit)
    return page(rows, limit, show, lambda row: (row.created_at, row.id))


@get("/notifications/unread", guards=[person])
async def count_unread_notifications(db: Db, actor: Me) -> schemas.Unread:
    return schemas.Unread(await service.count_unread(db, actor))


@post("/notifications/read", guards=[person], status_code=200)
async def mark_notifications_read(db: Db, actor: Me, data: JSONBody[schemas.MarkRead]) -> schemas.Unread:
    """These, or all; how many are left."""
    return schemas.Unread(await service.mark_read(db, actor, data.ids))


@get("/workspace/{workspace_id:uuid}/activity", guards=[scope("workspaces:read")])
async def list_activity(
    db: Db, actor: Me, workspace_id: FromPath[UUID], limit: Limit = 50, cursor: Cursor = ""
) -> Page[Fact]:
    """Facts of the last 30 days that the caller may read, newest first."""
    before = decode(cursor, tuple[Annotated[int, Meta(ge=0, le=1 << 62)]])
    workspace = await workspaces.get(db, actor, workspace_id)
    mine = [n for n, needs in scopes_by_name().items() if actor.may(workspace.organization_id, needs, workspace.id)]
    query = select(EventRow).where(EventRow.workspace_id == workspace.id, EventRow.name.in_(mine))
    query = query.where(EventRow.organization_id == workspace.organization_id)
    if before is not None:
        query = query.where(EventRow.id < before[0])
    rows = (await db.scalars(query.order_by(EventRow.id.desc()).limit(limit + 1))).all()
    return page(rows, limit, show_fact, lambda row: (row.id,))


def show(row: Notification) -> schemas.Notification:
    return msgspec.convert(row, schemas.Notification, from_attributes=True)


def show_fact(row: EventRow) -> Fact:
    place = row.organization_id, row.workspace_id, row.session_id
    return Fact(f"{row.xid}.{row.id}", row.name, *place, row.data, row.created_at)


router = Router(
    "",
    route_handlers=[list_notifications, count_unread_notifications, mark_notifications_read, list_activity],
    tags=["notifications"],
)
