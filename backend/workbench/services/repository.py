"""Queries on what runs."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import case, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.auth import Actor
from backend.core.db import Database, now
from backend.workbench.services.models import Operation, Runtime, Stage
from backend.workbench.sessions.models import Session
from backend.workbench.sessions.repository import visible


async def of_session(db: AsyncSession, session_id: UUID) -> dict[str, Runtime]:
    """By service name."""
    return {row.name: row for row in await db.scalars(select(Runtime).where(Runtime.session_id == session_id))}


async def get(db: AsyncSession, runtime_id: UUID) -> Runtime | None:
    return await db.get(Runtime, runtime_id)


async def alive(db: AsyncSession) -> Sequence[Runtime]:
    """All that should run, or may still."""
    return (
        await db.scalars(select(Runtime).where(or_(Runtime.desired == "running", Runtime.state != Stage.STOPPED)))
    ).all()


async def any_alive(database: Database) -> bool:
    """Whether there are such, by one short statement: it is asked every few seconds as long as the server lives."""
    some = "SELECT EXISTS (SELECT 1 FROM runtimes WHERE desired = 'running' OR state <> 'stopped') AS some"
    return bool((await database.rows(some))[0]["some"])


async def want(db: AsyncSession, session: Session, wanted: dict[UUID, str], desired: str, driver: str) -> None:
    """Says what should be true of these services (id to name), and makes the rows that are not there."""
    queued = {"state": Stage.QUEUED, "reason": None, "restarts": 0} if desired == "running" else {}
    at_rest = Runtime.state.in_([Stage.STOPPED, Stage.EXITED, Stage.FAILED])
    from_rest = {name: case((at_rest, value), else_=getattr(Runtime, name)) for name, value in queued.items()}
    for runtime_id, name in sorted(wanted.items()):
        row = insert(Runtime).values(
            id=runtime_id,
            session_id=session.id,
            organization_id=session.organization_id,
            workspace_id=session.workspace_id,
            name=name,
            desired=desired,
            driver=driver,
            **queued,
        )
        again: dict[str, Any] = {"desired": desired, "updated_at": now()} | from_rest  # `driver` is whose the handle is
        await db.execute(row.on_conflict_do_update(index_elements=["id"], set_=again))


async def want_nothing(db: AsyncSession, session_id: UUID) -> None:
    await db.execute(update(Runtime).where(Runtime.session_id == session_id).values(desired="stopped"))


async def note(db: AsyncSession, runtime_id: UUID, changes: dict[str, Any]) -> Runtime | None:
    """The row after it; None if it is gone."""
    changed = update(Runtime).where(Runtime.id == runtime_id).values(**changes, updated_at=now()).returning(Runtime)
    return await db.scalar(changed, execution_options={"populate_existing": True})


async def operation(db: AsyncSession, actor: Actor, session_id: UUID, operation_id: UUID) -> Operation | None:
    mine = Operation.session_id.in_(visible(actor, "services:read").with_only_columns(Session.id))
    query = select(Operation).where(Operation.id == operation_id, Operation.session_id == session_id, mine)
    return await db.scalar(query)


async def unfinished(db: AsyncSession) -> Sequence[Operation]:
    """Those that the conductor carries out; an import is a job of its own."""
    mine = Operation.status.in_(["queued", "running"]), Operation.kind != "import"
    query = select(Operation).where(*mine).order_by(Operation.created_at)
    return (await db.scalars(query)).all()


async def finish(
    db: AsyncSession, operation_id: UUID, status: str, steps: list[Any], error: dict[str, Any] | None
) -> None:
    done = now() if status in ("succeeded", "failed") else None
    values = {"status": status, "steps": steps, "error": error, "finished_at": done}
    await db.execute(update(Operation).where(Operation.id == operation_id).values(**values))
