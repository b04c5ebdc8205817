"""Telling people what concerns them. Nobody is told of what they did themselves, or of what they may not see."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs import service as orgs
from backend.accounts.orgs.models import Invitation, Membership, Organization
from backend.accounts.users.models import User
from backend.core.auth import Actor
from backend.core.db import new_id, now
from backend.core.errors import NotFound
from backend.core.events import EventRow, emit, scopes_by_name
from backend.edge.notifications.events import Notified
from backend.edge.notifications.models import Notification
from backend.workbench.access import service as access


class NoSuchInvitation(NotFound):
    """This notification is of no invitation that still holds: ask for a new one."""


async def tell(db: AsyncSession, fact: Any, about: str, source: str, whom: Mapping[UUID, str]) -> None:
    """`whom` says for each person the kind; once for each `source`."""
    allowed = await access.who_may(db, fact.organization_id, fact.workspace_id, whom, "workspaces:read")
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
    if not rows:
        return
    new = insert(Notification).values(rows).on_conflict_do_nothing().returning(Notification.user_id)
    if told := list(await db.scalars(new)):
        place = {"organization_id": fact.organization_id, "workspace_id": fact.workspace_id}
        await emit(db, Notified(**place, user_ids=told))


async def tell_of_invitation(db: AsyncSession, invitation: Invitation, by_name: str) -> None:
    """Whoever has an account of that address already. The organisation is not theirs yet, so they hear of it in one that is."""
    user_id = await db.scalar(select(User.id).where(User.email == invitation.email))
    if user_id is None:
        return
    organization = await db.get_one(Organization, invitation.organization_id)
    row = insert(Notification).values(
        id=new_id(),
        user_id=user_id,
        organization_id=organization.id,
        invitation_id=invitation.id,
        kind="invited",
        about="invitation",
        title=organization.name,
        by_name=by_name,
        source=f"{invitation.id}:invited",
    )
    new = await db.scalar(row.on_conflict_do_nothing().returning(Notification.id))
    theirs = await db.scalar(select(Membership.organization_id).where(Membership.user_id == user_id).limit(1))
    if new is not None and theirs is not None:
        await emit(db, Notified(organization_id=theirs, user_ids=[user_id]))


async def accept(db: AsyncSession, actor: Actor, notification_id: UUID) -> None:
    """Joins the organisation that it invites to. Raises NoSuchInvitation."""
    query = visible(actor).where(Notification.id == notification_id, Notification.invitation_id.is_not(None))
    found = await db.scalar(query)
    if found is None or found.invitation_id is None:
        raise NoSuchInvitation
    await orgs.accept_told(db, await db.get_one(User, found.user_id), found.invitation_id)


def visible(actor: Actor) -> Select[Notification]:
    """The caller's own: of workspaces that they still see, and of invitations that hold for an address that they proved."""
    seen = actor.sees(Notification.organization_id, Notification.workspace_id, "workspaces:read")
    mine = select(Invitation.id).join(User, User.email == Invitation.email)
    proved = User.id == actor.user_id, User.email_verified_at.is_not(None), Invitation.expires_at > now()
    invited = Notification.invitation_id.in_(mine.where(*proved))
    here = or_(and_(Notification.workspace_id.is_not(None), seen), invited)
    return select(Notification).where(Notification.user_id == actor.user_id, here)


def readable(actor: Actor) -> ColumnElement[bool]:
    """The facts that the caller may read."""
    names: dict[str, list[str]] = {}
    for name, scope in scopes_by_name().items():
        if name != Notified.name:
            names.setdefault(scope, []).append(name)

    def seen(scope: str) -> ColumnElement[bool]:
        whole = EventRow.workspace_id.is_(None) & EventRow.organization_id.in_(actor.organizations(scope))
        return or_(whole, actor.sees(EventRow.organization_id, EventRow.workspace_id, scope))

    return or_(*(EventRow.name.in_(those) & seen(scope) for scope, those in names.items()))


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
