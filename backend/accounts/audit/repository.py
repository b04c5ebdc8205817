"""Queries on the audit log."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.audit.models import AuditEntry


class Filter(msgspec.Struct, frozen=True):
    """What a list is narrowed to; empty fields narrow nothing."""

    actor_id: UUID | None = None
    action: str = ""
    workspace_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def newest(
    db: AsyncSession, organization_id: UUID, only: Filter, *, before: int | None, limit: int
) -> Sequence[AuditEntry]:
    """`limit` + 1 entries, newest first, with numbers below `before`."""
    query = select(AuditEntry).where(AuditEntry.organization_id == organization_id)
    if before is not None:
        query = query.where(AuditEntry.number < before)
    if only.actor_id is not None:
        query = query.where(AuditEntry.actor_id == only.actor_id)
    if only.action:
        query = query.where(AuditEntry.action == only.action)
    if only.workspace_id is not None:
        query = query.where(AuditEntry.workspace_id == only.workspace_id)
    if only.since is not None:
        query = query.where(AuditEntry.at >= only.since)
    if only.until is not None:
        query = query.where(AuditEntry.at < only.until)
    return (await db.scalars(query.order_by(AuditEntry.number.desc()).limit(limit + 1))).all()


async def actors(db: AsyncSession, organization_id: UUID) -> Sequence[AuditEntry]:
    """The newest entry of each who has one."""
    own = AuditEntry.organization_id == organization_id, AuditEntry.actor_id.is_not(None)
    query = select(AuditEntry).ext(distinct_on(AuditEntry.actor_id)).where(*own)
    return (await db.scalars(query.order_by(AuditEntry.actor_id, AuditEntry.number.desc()))).all()


async def following(db: AsyncSession, organization_id: UUID, after: int, limit: int) -> Sequence[AuditEntry]:
    """Entries in the order in which they were written."""
    query = select(AuditEntry).where(AuditEntry.organization_id == organization_id, AuditEntry.number > after)
    return (await db.scalars(query.order_by(AuditEntry.number).limit(limit))).all()
