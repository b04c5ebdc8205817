"""Telling people what concerns them. Nobody is told of what they did themselves, or of what they may not see."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs.models import Membership
from backend.core.auth import Actor
from backend.core.db import new_id, now
from backend.core.live import notify
from backend.edge.notifications.models import Notification
from backend.workbench.access.models import WorkspaceGrant


async def tell(db: AsyncSession, fact: Any, about: str, source: str, whom: Mapping[UUID, str]) -> None:
    """`whom` says for each person the kind; once for each `source`."""
    here = Membership.organization_id == fact.organization_id, Membership.user_id.in_(whom)
    barred = select(WorkspaceGrant.user_id).where(
        WorkspaceGrant.workspace_id == fact.workspace_id,
        WorkspaceGrant.access == "none",
        WorkspaceGrant.user_id.is_not(None),
    )
    allowed = set(await db.scalars(select(Membership.user_id).where(*here, Membership.user_id.not_in(barred))))
    rows = [
        {
            "id": new_id(),
            "user_id": user_id,
            "organization_id": fact.organization_id,
            "workspace_id": fact.workspace_id,
            "kind": kind,
            "about": about,
            "number": fact.number,
            "title": fact.title,
            "by_name": fact.by_name,
            "source": source,
        }
        for user_id, kind in whom.items()
        if user_id in allowed and user_id != fact.by
    ]
    if rows:
        await db.execute(insert(Notification).values(rows).on_conflict_do_nothing())
        await notify(db, "notifications")


def visible(actor: Actor) -> Select[Notification]:
    """The caller's own, of workspaces that they still see."""
    seen = actor.sees(Notification.organization_id, Notification.workspace_id, "workspaces:read")
    return select(Notification).where(Notification.user_id == actor.user_id, seen)


async def list_page(
    db: AsyncSession, actor: Actor, *, unread: bool, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Notification]:
    """Newest first, one more than `limit`."""
    query = visible(actor)
    if unread:
        query = query.where(Notification.read_at.is_(None))
    if before is not None:
        query = query.where(tuple_(Notification.created_at, Notification.id) < before)
    order = Notification.created_at.desc(), Notification.id.desc()
    return (await db.scalars(query.order_by(*order).limit(limit + 1))).all()


async def count_unread(db: AsyncSession, actor: Actor) -> int:
    waiting = visible(actor).where(Notification.read_at.is_(None)).subquery()
    return await db.scalar(select(func.count()).select_from(waiting)) or 0


async def mark_read(db: AsyncSession, actor: Actor, ids: Sequence[UUID] | None) -> int:
    """How many are left."""
    mine = update(Notification).where(Notification.user_id == actor.user_id, Notification.read_at.is_(None))
    if ids is not None:
        mine = mine.where(Notification.id.in_(ids))
    await db.execute(mine.values(read_at=now()))
    return await count_unread(db, actor)
