"""Sessions: the rules. What touches disk runs between two short transactions: load – act – apply, if it is still ours."""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import slugs
from backend.core.auth import Actor
from backend.core.db import new_id, now
from backend.core.errors import AppError, Conflict, Gone, Invalid, NotFound, clash
from backend.core.events import Event, emit
from backend.core.resources import Resources
from backend.ledger.receipts.service import Once
from backend.workbench.sessions import disk, repository, schemas
from backend.workbench.sessions.events import SessionCreated, SessionDeleted, SessionReady, SessionRestored
from backend.workbench.sessions.models import Session, Status
from backend.workbench.workspaces import service as workspaces


class NoSuchSession(NotFound):
    """There is no such session. The id in /workspace/{session_id}/… is a session's, not a workspace's."""


class NameTaken(Conflict):
    """Another session of this workspace has that name."""


class NotReady(Conflict):
    """The session is not ready: wait for the event session.ready, or see `status_reason`."""


class DefaultSession(Conflict):
    """The default session goes with its workspace: delete that instead."""


class ForeignParent(Invalid):
    """`parent_session_id` must be a session of the same workspace."""


class DeletedMeanwhile(Gone):
    """It was deleted while it started."""


async def get(
    db: AsyncSession, actor: Actor, session_id: UUID, scope: str = repository.READ, *, binned: bool = False
) -> Session:
    """The session, if `actor` sees it and has `scope` there. Whoever has any scope of the session's organisation learns that
    it exists; everybody else gets the same 404 as for none. Raises NoSuchSession, MissingScope."""
    session = await repository.find(db, actor, session_id, scope=_seen_with(actor, scope), binned=binned)
    if session is None:
        raise NoSuchSession
    actor.require(session.organization_id, scope, session.workspace_id)
    return session


def _seen_with(actor: Actor, scope: str) -> str:
    return repository.READ if actor.holds(repository.READ) else scope


async def ready(resources: Resources, actor: Actor, session_id: UUID, scope: str) -> Session:
    """The session to work in, loaded by one statement of its own: what every route that touches its disk begins with.
    Raises NoSuchSession, MissingScope, NotReady."""
    session = await repository.look_up(resources.database, session_id)
    if session is None or not actor.may(session.organization_id, _seen_with(actor, scope), session.workspace_id):
        raise NoSuchSession
    actor.require(session.organization_id, scope, session.workspace_id)
    if session.status != Status.READY:
        raise NotReady(status=session.status, reason=session.status_reason)
    if scope.endswith(":write") and session.last_active_at < now() - timedelta(minutes=1):
        await repository.mark_active(resources.database, session_id)
    return session


def new(
    workspace_id: UUID,
    organization_id: UUID,
    *,
    name: str,
    branch: str,
    parent: UUID | None = None,
    id: UUID | None = None,
) -> Session:
    """The row of a session that starts."""
    return Session(
        id=id or new_id(),
        workspace_id=workspace_id,
        organization_id=organization_id,
        name=name.strip(),
        branch=branch,
        parent_session_id=parent,
        is_default=id is not None,
        status=Status.STARTING,
    )


async def create(resources: Resources, actor: Actor, once: Once, data: schemas.SessionCreate) -> schemas.Session:
    """A new session from its parent as it stands, uncommitted changes included."""
    async with resources.database.begin() as db:
        await once.claim(db)
        workspace = await workspaces.get(db, actor, data.workspace_id, "workspaces:read")
        actor.require(workspace.organization_id, "sessions:write", workspace.id)
        parent_id = data.parent_session_id or workspace.default_session_id
        parent = await repository.get(db, parent_id)
        if parent is None or parent.workspace_id != workspace.id or parent.deleted_at is not None:
            raise ForeignParent
        if parent.status != Status.READY:
            raise NotReady(status=parent.status, reason=parent.status_reason)
        branch = free_branch(data.name, await repository.branches(db, workspace.id))
        session = new(workspace.id, workspace.organization_id, name=data.name, branch=branch, parent=parent.id)
        db.add(session)
        with clash("uq_sessions_workspace_id_name", NameTaken):
            await db.flush()
        await emit(db, SessionCreated(**facts(session)))
    try:
        state = await disk.fork(resources, parent, session)
    except BaseException:
        await forget(resources, once, session)
        raise
    return await finish_start(resources, once, session, state)


async def finish_start(
    resources: Resources,
    once: Once,
    session: Session,
    state: disk.State | None,
    *,
    answer: msgspec.Struct | None = None,
) -> schemas.Session:
    """Says that the session is ready, unless it was deleted while it started: then nothing of it stays. The receipt is sealed
    with `answer`, else with the session."""
    session.status = Status.READY
    shown = show(session, state)
    if await _arrive(resources, session, SessionReady(**where(session)), once, answer or shown):
        return shown
    await disk.remove(resources, session)
    raise DeletedMeanwhile


async def _arrive(
    resources: Resources, session: Session, fact: Event, once: Once, answer: msgspec.Struct | None
) -> bool:
    """The last step of a start or restore; False if the session was deleted meanwhile."""

    async def step() -> bool:
        async with resources.database.begin() as db:
            if await repository.leave_starting(db, session.id, Status.READY):
                if answer is not None:
                    await once.seal(db, answer)
                await emit(db, fact)
                return True
            found = await repository.get(db, session.id)
            return found is not None and found.status == Status.READY  # by a first try that broke after its commit

    return await resources.database.persist(step)


async def forget(resources: Resources, once: Once, session: Session) -> None:
    """Takes back a session that could not be started: files, branch, row and receipt."""

    async def step() -> None:
        async with resources.database.begin() as db:
            await once.withdraw(db)
            await db.execute(delete(Session).where(Session.id == session.id, Session.status == Status.STARTING))

    await disk.remove(resources, session)
    await resources.database.persist(step)


async def put_into_bin(db: AsyncSession, actor: Actor, session_id: UUID) -> None:
    """Deletes: at once for everybody, and for good after `bin_days`. Its terminals and working copy go now, by jobs."""
    session = await get(db, actor, session_id, "sessions:write")
    if session.is_default:
        raise DefaultSession
    await bin_row(db, session)


async def bin_row(db: AsyncSession, session: Session, *, at: datetime | None = None) -> None:
    session.status = Status.DELETED
    session.deleted_at = at or now()
    await emit(db, SessionDeleted(**facts(session)))


async def restore(resources: Resources, actor: Actor, session_id: UUID) -> schemas.Session:
    """Takes a session out of the bin: its branch, its working copy as it was, uncommitted changes included."""
    async with resources.database.begin() as db:
        session = await get(db, actor, session_id, "sessions:write", binned=True)
        await workspaces.get(db, actor, session.workspace_id)  # a binned workspace is restored as a whole
        await restarting(db, session)
    await come_back(resources, session)
    return show(session, await disk.state(resources, session))


async def restarting(db: AsyncSession, session: Session) -> None:
    """Out of the bin, unless the purge has begun on it."""
    in_bin = Session.id == session.id, Session.status == Status.DELETED, Session.purging.is_(False)
    with clash("uq_sessions_workspace_id_name", NameTaken):
        moved = await db.scalar(
            update(Session).where(*in_bin).values(status=Status.RESTORING, deleted_at=None).returning(Session.id)
        )
    if moved is None:
        raise NoSuchSession


async def come_back(resources: Resources, session: Session) -> None:
    """The disk's part of a restore. A failure puts the session back into the bin, where it loses nothing."""
    try:
        await disk.take_out_of_bin(resources, session)
    except BaseException:
        await resources.database.persist(lambda: _put_back(resources, session))
        raise
    if not await _arrive(resources, session, SessionRestored(**facts(session)), Once.none(), None):
        raise DeletedMeanwhile
    session.status = Status.READY


async def _put_back(resources: Resources, session: Session) -> None:
    async with resources.database.begin() as db:
        back = update(Session).where(Session.id == session.id, Session.status == Status.RESTORING)
        await db.execute(back.values(status=Status.DELETED, deleted_at=now()))


def free_branch(name: str, taken: set[str]) -> str:
    """A branch name for a session's name: its slug, numbered if taken. Never one that git or a ref could misread."""
    slug = slugs.slug(name, also="._-")
    slug = re.sub(r"\.{2,}|\.lock$|[-.]+$|^[-.]+", "", slug)[:80].strip("-.") or "session"
    return slugs.free("session-head" if slug == "head" else slug, taken)


def where(session: Session) -> dict[str, Any]:
    """The ids that every event of a session carries."""
    return {
        "organization_id": session.organization_id,
        "workspace_id": session.workspace_id,
        "session_id": session.id,
    }


def facts(session: Session) -> dict[str, Any]:
    """What every event about a session itself carries."""
    return where(session) | {"session_name": session.name}


def show(session: Session, state: disk.State | None) -> schemas.Session:
    return schemas.Session(
        id=session.id,
        workspace_id=session.workspace_id,
        name=session.name,
        branch=session.branch,
        parent_session_id=session.parent_session_id,
        is_default=session.is_default,
        head=state.head if state else None,
        dirty=state.dirty if state else None,
        status=session.status,
        status_reason=session.status_reason,
        created_at=session.created_at,
        last_active_at=session.last_active_at,
        deleted_at=session.deleted_at,
    )


def reason_of(error: AppError | Exception) -> dict[str, str]:
    """{code, message} for `status_reason`."""
    if isinstance(error, AppError):
        return {"code": error.code, "message": error.message}
    return {"code": "internal_error", "message": "Something went wrong on the server; its log says what."}
