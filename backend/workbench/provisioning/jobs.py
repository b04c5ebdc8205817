"""Cloning, and purging workspaces whose days in the bin are over."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import msgspec
import pygit2
from sqlalchemy import delete, select, update

from backend.core import cloning, git, worktree
from backend.core.db import now
from backend.core.errors import AppError
from backend.core.events import emit
from backend.core.git import CloneUrl, Place
from backend.core.jobs import every, job
from backend.core.resources import Resources
from backend.ledger.receipts.service import Once
from backend.workbench.connections import service as connections
from backend.workbench.provisioning import submodules
from backend.workbench.provisioning.submodules import Fetched
from backend.workbench.sessions import disk
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions.events import SessionFailed, SessionProgress, SessionReady
from backend.workbench.sessions.models import Session, Status
from backend.workbench.sessions.service import facts, reason_of, where
from backend.workbench.workspaces.models import Repository, Workspace

log = logging.getLogger(__name__)


class Clone(msgspec.Struct):
    """What a clone needs. Credentials that were given for it stand in the queue's row until it has ended, then nowhere; else the
    `owner_id`'s connection is asked when it begins."""

    session_id: UUID
    address: str
    username: str
    password: str
    owner_id: UUID | None = None  # an older version's order has none of these
    connection_id: UUID | None = None
    branch: str = ""


@job(Clone)
async def clone(data: Clone, resources: Resources) -> None:
    """Fetches the history and checks a branch out. A second run begins anew: the first left nothing that counts."""
    async with resources.database.begin() as db:
        session = await sessions.get(db, data.session_id)
    if session is None or session.status != Status.STARTING:
        return
    place = disk.place_of(resources, session)
    url = CloneUrl(data.address, data.username, data.password)
    try:
        if not url.password and data.owner_id is not None:
            url = await connections.with_credential(resources, data.owner_id, url, data.connection_id)
        await resources.in_thread(_remove_clone, place)
        if data.branch:
            await cloning.look_for(data.branch, url, allow_file=resources.settings.allow_file_clone)
        default = await _fetch(resources, session, place, url)
        branch = data.branch or default
        async with cloning.settling(place):
            await resources.in_thread(lambda: worktree.check_out(place, branch, asked=bool(data.branch)))
        found = await _fetch_submodules(resources, data, session, place)
    except (AppError, OSError, pygit2.GitError) as error:
        if not isinstance(error, AppError):
            log.exception("the clone of session %s failed", session.id)
        await resources.in_thread(_remove_clone, place)  # it may have filled the disk that the row is to be written to
        await _fail(resources, session, error)
        return
    lacks = {"code": "submodules_left_out", "message": found.said()} if found.left_out else None
    async with resources.database.begin() as db:
        root = Repository.workspace_id == session.workspace_id, Repository.name == place.repository
        await db.execute(update(Repository).where(*root).values(default_branch=branch))
        await db.execute(update(Session).where(Session.id == session.id).values(branch=branch))
        ready = await sessions.leave_starting(db, session.id, Status.READY, lacks)
        if ready:
            await emit(db, SessionReady(**where(session)))
    if not ready:  # deleted meanwhile
        await resources.in_thread(worktree.remove_folder, place.session)


def _remove_clone(place: Place) -> None:
    worktree.remove_workspace(place)
    worktree.remove_folder(place.session)


async def _fetch_submodules(resources: Resources, data: Clone, session: Session, place: Place) -> Fetched:
    """With the credentials that were given for the clone where they are of the same host, else by the owner's connections."""

    async def fetch(inner: Place, url: CloneUrl) -> str:
        if data.password and git.origin_of(url.address) == git.origin_of(data.address):
            url = replace(url, username=data.username, password=data.password)
        elif data.owner_id is not None:
            url = await connections.with_credential(resources, data.owner_id, url)
        return await _fetch(resources, session, inner, url)

    found = await submodules.fetch_all(resources, place, CloneUrl(data.address), fetch=fetch, branch="")
    await resources.in_thread(worktree.exclude, place, list(found.done))  # as in a fork: also on a branch without them
    return found


async def _fetch(resources: Resources, session: Session, place: Place, url: CloneUrl) -> str:
    """The clone's default branch; tells of progress as events, at most four a second."""
    about = f"Submodule {place.folder}: " if place.folder else ""
    steps: asyncio.Queue[tuple[str, int | None]] = asyncio.Queue()

    async def tell() -> None:
        while True:
            step, percent = await steps.get()
            while not steps.empty():
                step, percent = steps.get_nowait()
            async with resources.database.begin() as db:
                await emit(db, SessionProgress(**where(session), step=about + step, percent=percent))
            await asyncio.sleep(0.25)

    telling = asyncio.create_task(tell())
    try:
        return await cloning.clone(
            place,
            url,
            allow_file=resources.settings.allow_file_clone,
            progress=lambda step, percent: steps.put_nowait((step, percent)),
        )
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _fail(resources: Resources, session: Session, error: Exception) -> None:
    reason = reason_of(error)

    async def step() -> None:
        async with resources.database.begin() as db:
            if await sessions.leave_starting(db, session.id, Status.FAILED, reason):
                await emit(db, SessionFailed(**facts(session), reason=reason))

    await resources.database.persist(step)


async def forget(resources: Resources, workspace_id: UUID, once: Once) -> None:
    """Takes back a workspace that could not be made: files, rows and receipt."""

    async def step() -> None:
        async with resources.database.begin() as db:
            made = list(await db.scalars(select(Session).where(Session.workspace_id == workspace_id)))
        await _remove(resources, workspace_id, made)
        async with resources.database.begin() as db:
            await once.withdraw(db)

    await resources.database.persist(step)


async def _remove(resources: Resources, workspace_id: UUID, made: list[Session]) -> None:
    for session in made:
        await resources.in_thread(worktree.remove_folder, disk.place_of(resources, session).session)
    place = Place(resources.data, workspace_id, workspace_id)
    await resources.in_thread(worktree.remove_workspace, place)
    async with resources.database.begin() as db:
        await db.execute(delete(Workspace).where(Workspace.id == workspace_id))


@every(timedelta(minutes=5))
async def purge_bin(resources: Resources) -> None:
    """Workspaces whose days in the bin are over: every file and row of them."""
    await purge_older_than(resources, timedelta(days=resources.settings.bin_days))


async def purge_older_than(resources: Resources, age: timedelta) -> None:
    async with resources.database.begin() as db:
        overdue = list(await db.scalars(select(Workspace.id).where(Workspace.deleted_at < now() - age)))
    for workspace_id in overdue:
        async with resources.database.begin() as db:
            still = await db.scalar(select(Workspace).where(Workspace.id == workspace_id).with_for_update())
            if still is None or still.deleted_at is None:
                continue
            await db.execute(update(Session).where(Session.workspace_id == workspace_id).values(purging=True))
            made = list(await db.scalars(select(Session).where(Session.workspace_id == workspace_id)))
        await _remove(resources, workspace_id, made)


@every(timedelta(minutes=10))
async def sweep(resources: Resources) -> None:
    """Repositories of workspaces that have no row: what a crash left between the two."""
    folder = resources.data / "repos"
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    async with resources.database.begin() as db:
        known = {str(id) for id in await db.scalars(select(Workspace.id))}
    for name in names:
        if name not in known and worktree.is_older(folder / name, hours=1):
            await resources.in_thread(worktree.remove_folder, folder / name)
