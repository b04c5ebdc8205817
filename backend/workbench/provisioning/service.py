"""Workspaces come and go: empty, cloned, duplicated; into the bin, out of it, and purged so that nothing is left."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import git, worktree
from backend.core.auth import Actor
from backend.core.db import now
from backend.core.errors import Invalid
from backend.core.events import emit
from backend.core.jobs import enqueue
from backend.core.resources import Resources
from backend.ledger.receipts.service import Once
from backend.ledger.secrets import service as secrets
from backend.workbench.access import service as access
from backend.workbench.connections import service as connections
from backend.workbench.provisioning import jobs
from backend.workbench.sessions import disk
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions import service as session_rules
from backend.workbench.sessions.events import SessionCreated, SessionReady
from backend.workbench.sessions.models import Session, Status
from backend.workbench.workspaces import repository as workspace_rows
from backend.workbench.workspaces import service as workspaces
from backend.workbench.workspaces.events import WorkspaceCreated, WorkspaceDeleted, WorkspaceRestored
from backend.workbench.workspaces.models import Workspace
from backend.workbench.workspaces.schemas import Workspace as Shown
from backend.workbench.workspaces.schemas import WorkspaceCreate, WorkspaceDuplicate

WAIT_FOR_CLONE = 10.0
"""Seconds that a POST waits for a clone to end, so that small ones are there when it answers; larger ones go on."""


class NothingToClone(Invalid):
    """`branch` and `connection_id` go with a `clone_url`."""


async def create(resources: Resources, actor: Actor, once: Once, data: WorkspaceCreate) -> Shown:
    """A workspace with its default session: empty and ready, or cloning. Raises NoSuchConnection."""
    organization_id = workspaces.owning_organization(actor, data.organization_id)
    settings = resources.settings
    url = None
    if data.clone_url is not None:
        url = await git.check_clone_url(
            data.clone_url, allow_file=settings.allow_file_clone, allow_private=settings.allow_private_clone
        )
        if data.connection_id is not None:
            await connections.connection_for(resources, actor.id, url, data.connection_id)
    elif data.connection_id is not None or data.branch:
        raise NothingToClone
    async with resources.database.begin() as db:
        await once.claim(db)
        remote = url.address if url else None
        workspace, session = await _add(db, organization_id, data.name, data.description, remote)
        if url is not None:
            token, of = data.clone_token or url.password, data.connection_id
            order = jobs.Clone(session.id, url.address, url.username, token, actor.id, of, data.branch)
            await enqueue(db, jobs.clone, order)
            await once.seal(db, show(workspace))
    if url is not None:
        await _wait(resources, session.id)
        return show(workspace)
    try:
        await resources.in_thread(worktree.create_empty, disk.place_of(resources, session), session.branch)
    except BaseException:
        await jobs.forget(resources, workspace.id, once)
        raise
    shown = show(workspace)
    await session_rules.finish_start(resources, once, session, None, answer=shown)
    return shown


async def _add(
    db: AsyncSession, organization_id: UUID, name: str, description: str, remote_url: str | None
) -> tuple[Workspace, Session]:
    workspace = await workspaces.add(db, organization_id, name=name, description=description, remote_url=remote_url)
    session = session_rules.new(
        workspace.id, organization_id, name="main", branch="main", id=workspace.default_session_id
    )
    db.add(session)
    await db.flush()
    await emit(db, WorkspaceCreated(**facts(workspace)))
    await emit(db, SessionCreated(**session_rules.facts(session)))
    return workspace, session


async def _wait(resources: Resources, session_id: UUID) -> None:
    """Until the session is no longer starting, or `WAIT_FOR_CLONE` has passed."""
    deadline = asyncio.get_running_loop().time() + WAIT_FOR_CLONE
    with resources.live.bell("events") as bell:
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            async with resources.database.begin() as db:
                session = await sessions.get(db, session_id)
            if session is None or session.status != Status.STARTING:
                return
            await bell.wait(min(left, 0.5))


async def duplicate(
    resources: Resources, actor: Actor, once: Once, workspace_id: UUID, data: WorkspaceDuplicate
) -> Shown:
    """A copy with repositories and every session as it stands, uncommitted changes included, that shares no file. Whom the
    source is hidden from, or opened to, the copy is, too. Raises MissingScope."""
    async with resources.database.begin() as db:
        await once.claim(db)
        source = await workspaces.get(db, actor, workspace_id, "workspaces:write")
        actor.require(source.organization_id, "workspaces:write")  # it makes one
        if data.with_secrets:
            actor.require(source.organization_id, "services:write", source.id)
        living = await sessions.of_workspace(db, source.id)
        for session in living:
            if session.status != Status.READY:
                raise session_rules.NotReady(f"The session {session.name} is not ready: wait for it, or delete it.")
        rows = await workspace_rows.repositories(db, source.id)
        [root] = [row for row in rows if row.name == "root"]
        workspace = await workspaces.add(
            db, source.organization_id, name=data.name, description=source.description, remote_url=root.remote_url
        )
        imported = [row for row in rows if row is not root]
        db.add_all(workspace_rows.copy(row, workspace.id) for row in imported)
        copies = _copies(living, workspace)
        db.add_all(copies.values())
        await db.flush()
        for old in living:
            if old.parent_session_id in copies:
                copies[old.id].parent_session_id = copies[old.parent_session_id].id
        workspace.idle_minutes = source.idle_minutes
        await access.copy(db, source, workspace)
        if data.with_secrets:
            await secrets.copy(db, resources.data, source.organization_id, source.id, workspace.id)
        await emit(db, WorkspaceCreated(**facts(workspace)))
    try:
        first = next(iter(copies.values()))
        await resources.in_thread(worktree.create_bare, disk.place_of(resources, first))
        for old in living:
            await disk.fork(resources, old, copies[old.id])
    except BaseException:
        await jobs.forget(resources, workspace.id, once)
        raise
    shown = show(workspace)

    async def ready() -> None:
        async with resources.database.begin() as db:
            for copy in copies.values():
                if await sessions.leave_starting(db, copy.id, Status.READY):
                    await emit(db, SessionReady(**session_rules.where(copy)))
            await once.seal(db, shown)

    await resources.database.persist(ready)
    return shown


def _copies(living: list[Session], workspace: Workspace) -> dict[UUID, Session]:
    """The new session's row for each old session's id; the default one gets the id that the workspace names."""
    return {
        old.id: session_rules.new(
            workspace.id,
            workspace.organization_id,
            name=old.name,
            branch=old.branch,
            id=workspace.default_session_id if old.is_default else None,
        )
        for old in living
    }


async def put_into_bin(db: AsyncSession, actor: Actor, workspace_id: UUID) -> None:
    """The workspace and all of its sessions go into the bin together."""
    await _bin(db, await workspaces.get(db, actor, workspace_id, "workspaces:write"), now())


async def bin_all_of(db: AsyncSession, organization_id: UUID, *, at: datetime) -> None:
    """Every workspace of an organisation that is going."""
    living = Workspace.organization_id == organization_id, Workspace.deleted_at.is_(None)
    for workspace in (await db.scalars(select(Workspace).where(*living).order_by(Workspace.id))).all():
        await _bin(db, workspace, at)


async def _bin(db: AsyncSession, workspace: Workspace, at: datetime) -> None:
    workspace.deleted_at = at
    for session in await sessions.of_workspace(db, workspace.id):
        await session_rules.bin_row(db, session, at=at)
    await emit(db, WorkspaceDeleted(**facts(workspace)))


async def restore(resources: Resources, actor: Actor, workspace_id: UUID) -> Shown:
    """The workspace with the sessions that went into the bin with it."""
    async with resources.database.begin() as db:
        workspace = await workspaces.get(db, actor, workspace_id, "workspaces:write", binned=True)
        query = select(Session).where(Session.workspace_id == workspace.id, Session.deleted_at == workspace.deleted_at)
        together = (await db.scalars(query)).all()
        for session in together:
            await session_rules.restarting(db, session)
        workspace.deleted_at = None
        await emit(db, WorkspaceRestored(**facts(workspace)))
    for session in together:
        await session_rules.come_back(resources, session)
    return show(workspace)


def facts(workspace: Workspace) -> dict[str, Any]:
    """What every event of a workspace carries."""
    return {
        "organization_id": workspace.organization_id,
        "workspace_id": workspace.id,
        "workspace_name": workspace.name,
    }


def show(workspace: Workspace) -> Shown:
    return msgspec.convert(workspace, Shown, from_attributes=True)
