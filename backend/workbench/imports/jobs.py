"""The import itself: fetched into the workspace's bare repository, checked out where nobody can reach it, moved in, declared."""

import asyncio
import logging
from typing import Any
from uuid import UUID

import msgspec
import pygit2
from sqlalchemy import delete, select, text, update

from backend.core import cloning, git, worktree
from backend.core.db import now
from backend.core.errors import AppError, Conflict, Invalid
from backend.core.events import emit
from backend.core.git import CloneUrl, Place
from backend.core.jobs import job
from backend.core.resources import Resources
from backend.workbench.connections import service as connections
from backend.workbench.provisioning import submodules
from backend.workbench.services import editing
from backend.workbench.services.events import OperationProgress
from backend.workbench.services.models import Operation
from backend.workbench.services.operations import shown
from backend.workbench.services.schemas import ServiceCreate, Step
from backend.workbench.sessions import disk
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions.models import Session, Status
from backend.workbench.sessions.service import reason_of
from backend.workbench.workspaces.models import Repository

log = logging.getLogger(__name__)


class NoSuchFolder(Invalid):
    """The repository has no such subdirectory on that branch."""


class Taken(Conflict):
    """A file or folder of that name was made in the session meanwhile: import it under another `name`."""


class Cancelled(Conflict):
    """The import was cancelled; nothing of it is left."""


class SessionGone(Conflict):
    """The session was deleted meanwhile; nothing of the import is left."""


class Order(msgspec.Struct):
    """What an import needs. The token is not in it: the owner's connection is asked when it begins."""

    operation_id: UUID
    repository_id: UUID
    owner_id: UUID
    address: str
    branch: str
    name: str
    subdirectory: str
    start_command: str


@job(Order)
async def import_repository(data: Order, resources: Resources) -> None:
    """A second run begins anew, or goes on where the first had moved the repository in."""
    async with resources.database.begin() as db:
        operation = await db.get(Operation, data.operation_id)
        session = await sessions.get(db, operation.session_id) if operation else None
    if operation is None or session is None or operation.status not in ("queued", "running"):
        return
    telling = _Telling(resources, operation)
    place = disk.place_of(resources, session, data.name, data.name)
    staged = Place(resources.data, session.workspace_id, operation.id, data.name, data.name)
    failure: Exception | None = None
    try:
        if not place.git_dir.exists():
            await telling.look()
            await _fetch(resources, data, staged, telling)
            async with cloning.settling(staged):
                await _check_out(resources, data, session, staged, telling)
            inside = await _fetch_submodules(resources, data, session, staged, telling)
            await telling.look()
            await resources.in_thread(_move_in, staged, place, inside)
        await telling.say("declaring")
        await _declare(resources, data, session)
    except (AppError, OSError, pygit2.GitError) as error:
        if not isinstance(error, AppError):
            log.exception("import %s failed", operation.id)
        if not place.git_dir.exists():
            await _take_back(resources, data, place)
        failure = error
    finally:
        await resources.in_thread(worktree.remove_folder, staged.session)
    await telling.end(reason_of(failure) if failure is not None else None)


async def _fetch(resources: Resources, data: Order, staged: Place, telling: "_Telling") -> None:
    await resources.in_thread(worktree.remove_folder, staged.session)
    await _clone(resources, data, staged, CloneUrl(data.address), telling)


async def _clone(resources: Resources, data: Order, place: Place, url: CloneUrl, telling: "_Telling") -> str:
    """By the owner's connection to that host, where there is one; the default branch."""
    await resources.in_thread(worktree.remove_folder, place.bare)
    url = await connections.with_credential(resources, data.owner_id, url)
    async with telling.following() as progress:
        return await cloning.clone(place, url, allow_file=False, progress=progress)


async def _fetch_submodules(
    resources: Resources, data: Order, session: Session, staged: Place, telling: "_Telling"
) -> list[str]:
    """The names of those that are there now; what is not is told with the import."""

    async def fetch(place: Place, url: CloneUrl) -> str:
        telling.about = f"Submodule {place.folder}"
        return await _clone(resources, data, place, url, telling)

    branch = "" if session.is_default else session.branch
    found = await submodules.fetch_all(resources, staged, CloneUrl(data.address), fetch=fetch, branch=branch)
    telling.about = found.said()
    return list(found.done.values())


async def _check_out(resources: Resources, data: Order, session: Session, staged: Place, telling: "_Telling") -> None:
    await telling.say("checking out")

    def work() -> None:
        commit = git.open_bare(staged).references.get(f"refs/heads/{data.branch}")
        if data.subdirectory and commit is not None:  # one that is not there is told first
            tree = commit.peel(pygit2.Tree)
            if data.subdirectory not in tree or not isinstance(tree[data.subdirectory], pygit2.Tree):
                raise NoSuchFolder
        worktree.check_out(staged, data.branch, as_="" if session.is_default else session.branch, asked=True)
        if data.subdirectory and commit is None:
            raise NoSuchFolder  # the repository is empty

    await resources.in_thread(work)


def _move_in(staged: Place, place: Place, inside: list[str]) -> None:
    try:
        worktree.move_in(staged, place, inside)
    except FileExistsError:
        raise Taken from None


async def _declare(resources: Resources, data: Order, session: Session) -> None:
    """A service of the folder: built or run as what it holds, else one that waits for a start command."""
    folder = f"{data.name}/{data.subdirectory}".rstrip("/")
    wanted = ServiceCreate(name=data.name, type="upload", folder=folder, start_command=data.start_command)
    try:
        await editing.add(resources, session, wanted)
    except editing.NothingFound:
        wanted.start_command = "sleep infinity"
        await editing.add(resources, session, wanted)
    except editing.NameTaken:
        return  # by a first run, or by whoever declared it before: the repository is there


async def _take_back(resources: Resources, data: Order, place: Place) -> None:
    await resources.in_thread(worktree.remove_folder, place.bare)
    await submodules.forget(resources, place)
    async with resources.database.begin() as db:
        await db.execute(delete(Repository).where(Repository.id == data.repository_id))


class _Telling:
    """Says how far the one step is, at most four times a second, and hears whether it is wanted still."""

    def __init__(self, resources: Resources, operation: Operation) -> None:
        self._resources = resources
        self._operation = operation
        [self._step] = msgspec.convert(operation.steps, list[Step])
        self.about = ""
        """What the import speaks of besides: a submodule on the way, in the end what became of all of them."""

    async def say(self, step: str, percent: int | None = None) -> None:
        self._step.step, self._step.percent, self._step.status = step, percent, "running"
        self._step.message = self.about
        self._operation.status = "running"
        await self._write()

    async def end(self, error: dict[str, str] | None) -> None:
        self._operation.error, self._operation.finished_at = error, now()
        self._operation.status = "failed" if error else "succeeded"
        self._step.status, self._step.percent = "failed" if error else "done", None
        self._step.message = error["message"] if error else self.about
        await self._resources.database.persist(self._write)

    async def look(self) -> None:
        """Raises Cancelled, SessionGone. Until the repository is moved in; then it is there."""
        query = select(Operation.error, Session.status).join(Session, Session.id == Operation.session_id)
        async with self._resources.database.begin() as db:
            found = (await db.execute(query.where(Operation.id == self._operation.id))).one_or_none()
        if found is None or found[1] != Status.READY:
            raise SessionGone
        if found[0] is not None:
            raise Cancelled

    def following(self) -> "_Following":
        return _Following(self)

    async def _write(self) -> None:
        row = self._operation
        values: dict[str, Any] = {
            "status": row.status,
            "steps": msgspec.to_builtins([self._step]),
        }
        if row.finished_at is not None:  # until then `error` is what cancels it
            values |= {"error": row.error, "finished_at": row.finished_at}
        fact = OperationProgress(
            organization_id=row.organization_id,
            workspace_id=row.workspace_id,
            session_id=row.session_id,
            operation=msgspec.to_builtins(shown(row, [self._step])),
        )
        async with self._resources.database.begin() as db:
            if row.finished_at is None:  # lost in a crash it is said anew, and it need not wait for a busy disk
                await db.execute(text("SET LOCAL synchronous_commit TO off"))
            await db.execute(update(Operation).where(Operation.id == row.id).values(**values))
            await emit(db, fact)


class _Following:
    """`async with` it as a `git.Progress`. What goes on in it ends where the import is wanted no more. Raises Cancelled,
    SessionGone."""

    def __init__(self, telling: _Telling) -> None:
        self._telling = telling
        self._last: tuple[str, int | None] = ("fetching", None)
        self._unwanted: AppError | None = None

    async def __aenter__(self) -> git.Progress:
        self._work = asyncio.current_task()
        self._task = asyncio.create_task(self._tell())
        return self._note

    def _note(self, step: str, percent: int | None) -> None:
        self._last = (step.lower(), percent)

    async def _tell(self) -> None:
        said = None
        while True:
            if said != self._last:
                said = self._last
                await self._telling.say(*said)
            await asyncio.sleep(0.25)
            try:
                await self._telling.look()
            except (Cancelled, SessionGone) as unwanted:
                self._unwanted = unwanted
                if self._work is not None:
                    self._work.cancel()
                return

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        try:
            await asyncio.gather(self._task, return_exceptions=True)
        except asyncio.CancelledError:
            if self._unwanted is None:
                raise
        if self._unwanted is not None:
            if self._work is not None:
                self._work.uncancel()
            raise self._unwanted
