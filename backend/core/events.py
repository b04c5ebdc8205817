"""Facts: rows written in the transaction that made them true, read by the feed and by jobs that follow from them."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Identity, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from backend.core import jobs
from backend.core.auth import calling
from backend.core.db import Base, CreatedAt
from backend.core.live import notify


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact. Subclasses set `name` (`session.created`) and `scope` (who may read it), and add fields. One that is `audited`
    also goes into the organisation's audit log for good."""

    name: ClassVar[str]
    scope: ClassVar[str]
    audited: ClassVar[bool] = False
    organization_id: UUID
    workspace_id: UUID | None = None
    session_id: UUID | None = None


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction id, which orders events by who committed, not by who asked for an id first."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


ischema_names["xid8"] = Xid8  # so that the drift test can compare it


class EventRow(Base):
    """One fact as stored; kept 30 days."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_organization_id_xid_id", "organization_id", "xid", "id"),
        Index("ix_events_xid", "xid"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    xid: Mapped[int] = mapped_column(Xid8, server_default=func.pg_current_xact_id())
    organization_id: Mapped[UUID]
    workspace_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    name: Mapped[str] = mapped_column(String(80))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt] = mapped_column(index=True)


AUDITED = "audited"
"""Where a transaction keeps (event, its data) for the audit log, which accounts/audit writes last, before the commit."""

_followers: dict[type[Event], list[Callable[..., Any]]] = {}


def on(kind: type[Event]) -> Callable[[jobs.Job], jobs.Job]:
    """Makes a job run after each event of `kind`, those of its subclasses too, enqueued in the event's own transaction. It gets
    the fields that `kind` has."""

    def register(function: jobs.Job) -> jobs.Job:
        _followers.setdefault(kind, []).append(function)
        return jobs.job(kind)(function)

    return register


async def emit(db: AsyncSession, event: Event) -> None:
    """Writes the fact, the jobs that follow from it, and rings the feed, all when `db` commits. Who did it by a call is told with
    it: `by`, null for a key, and `by_name`."""
    data = msgspec.to_builtins(event)
    for column in ("organization_id", "workspace_id", "session_id"):
        data.pop(column, None)
    call = calling.get()
    who = {"by": str(call.actor.user_id) if call.actor.user_id else None, "by_name": call.actor.name} if call else {}
    db.add(
        EventRow(
            organization_id=event.organization_id,
            workspace_id=event.workspace_id,
            session_id=event.session_id,
            name=event.name,
            data=who | data,
        )
    )
    if event.audited:
        db.info.setdefault(AUDITED, []).append((event, data))
    for kind in type(event).__mro__:
        for follower in _followers.get(kind, ()):
            await jobs.enqueue(db, follower, event)
    await notify(db, "events")


def kinds() -> list[type[Event]]:
    """Every kind of event, by name."""
    found: dict[str, type[Event]] = {}

    def walk(kind: type[Event]) -> None:
        for child in kind.__subclasses__():
            if hasattr(child, "name"):
                found[child.name] = child
            walk(child)

    walk(Event)
    return [found[name] for name in sorted(found)]


def scopes_by_name() -> dict[str, str]:
    """For each kind of event, the scope that lets one read it."""
    return {kind.name: kind.scope for kind in kinds()}


async def position(db: AsyncSession | AsyncConnection) -> str:
    """The cursor `xid.id` that stands for now: facts of transactions that this one does not see come after it."""
    return f"{await db.scalar(text('SELECT pg_snapshot_xmin(pg_current_snapshot())::text'))}.0"


async def prune(db: AsyncSession) -> None:
    """Drops facts older than 30 days; a reader whose cursor was among them is told to start again."""
    await db.execute(text("DELETE FROM events WHERE created_at < now() - interval '30 days'"))
