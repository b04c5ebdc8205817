"""/notifications: the caller's own, and …/activity: what happened in an organisation or a workspace."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs import service as orgs
from backend.core.auth import Actor, Me, person, scope
from backend.core.db import Db
from backend.core.events import EventRow
from backend.core.paging import Cursor, Limit, Page, decode, page
from backend.edge.feed.tail import Fact
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


@post("/notifications/{notification_id:uuid}/accept", guards=[person], status_code=204)
async def accept_notified_invitation(db: Db, actor: Me, notification_id: FromPath[UUID]) -> None:
    """Joins the organisation that the notification invites to, which goes away by that."""
    await service.accept(db, actor, notification_id)


@get("/workspace/{workspace_id:uuid}/activity", guards=[scope("workspaces:read")])
async def list_activity(
    db: Db, actor: Me, workspace_id: FromPath[UUID], limit: Limit = 50, cursor: Cursor = ""
) -> Page[Fact]:
    """Facts of the last 30 days that the caller may read, newest first."""
    workspace = await workspaces.get(db, actor, workspace_id)
    return await _activity(db, actor, workspace.organization_id, limit, cursor, EventRow.workspace_id == workspace.id)


@get("/organizations/{organization_id:uuid}/activity", guards=[scope("organization:read")])
async def list_organization_activity(
    db: Db, actor: Me, organization_id: FromPath[UUID], limit: Limit = 50, cursor: Cursor = ""
) -> Page[Fact]:
    """The same of a whole organisation."""
    orgs.require(actor, organization_id, "organization:read")
    return await _activity(db, actor, organization_id, limit, cursor)


async def _activity(
    db: AsyncSession, actor: Actor, organization_id: UUID, limit: int, cursor: str, *where: ColumnElement[bool]
) -> Page[Fact]:
    before = decode(cursor, tuple[Annotated[int, Meta(ge=0, le=1 << 62)]])
    query = select(EventRow).where(EventRow.organization_id == organization_id, service.readable(actor), *where)
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
    route_handlers=[
        list_notifications,
        count_unread_notifications,
        mark_notifications_read,
        accept_notified_invitation,
        list_activity,
        list_organization_activity,
    ],
    tags=["notifications"],
)
