"""Version control of a session: load the rows, act on the disk, say what happened. No transaction is open in between."""

import heapq
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID

import pygit2
from sqlalchemy import select, text, update

from backend.accounts.users import service as users
from backend.core import git, worktree
from backend.core.auth import Actor
from backend.core.errors import TooLarge
from backend.core.events import Event, emit
from backend.core.git import Place
from backend.core.resources import Resources
from backend.ledger.receipts.service import Once
from backend.workbench.connections import service as connections
from backend.workbench.files.service import largest
from backend.workbench.sessions import disk
from backend.workbench.sessions import service as sessions
from backend.workbench.sessions.models import Session
from backend.workbench.sessions.service import where
from backend.workbench.snapshots import service as snapshots
from backend.workbench.vcs import changes, diffs, history, message, remotes, schemas
from backend.workbench.vcs.errors import DetachedHead, NoRemote, NoSuchFile, NoSuchRepository, NothingToCommit
from backend.workbench.vcs.events import Committed, Pushed, WorkingCopyChanged
from backend.workbench.workspaces import repository as workspace_rows
from backend.workbench.workspaces.models import Repository
from backend.workbench.workspaces.repository import RepositoryRow

P = ParamSpec("P")
T = TypeVar("T")
READ, WRITE = "vcs:read", "vcs:write"


class Target:
    """One repository of one session that the caller may work on."""

    def __init__(self, session: Session, row: RepositoryRow, place: Place) -> None:
        self.session, self.row, self.place = session, row, place


async def target(resources: Resources, actor: Actor, session_id: UUID, repository: str, scope: str) -> Target:
    """Raises NoSuchSession, MissingScope, NotReady, NoSuchRepository."""
    session = await sessions.ready(resources, actor, session_id, scope)
    found = await workspace_rows.find_repository(resources.database, session.workspace_id, repository)
    if found is None:
        raise NoSuchRepository
    place = disk.place_of(resources, session, found.name, found.path)
    if found.path and not place.git_dir.exists():  # another session's
        raise NoSuchRepository
    return Target(session, found, place)


def reading(
    place: Place, function: Callable[Concatenate[pygit2.Repository, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Runs `function` on the session's repository; blocks, so in a thread."""
    with git.opened(place) as repository:
        return function(repository, *args, **kwargs)


async def locked(
    resources: Resources, at: Target, function: Callable[Concatenate[Place, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Runs a change of the session in a thread, under its lock."""

    def work(place: Place) -> T:
        with worktree.locked(place):
            return function(place, *args, **kwargs)

    return await resources.in_thread(work, at.place)


async def say(resources: Resources, event: Event) -> None:
    """Tells of what is on the disk already. Losing the telling in a crash loses nothing, so it does not wait for the disk."""
    async with resources.database.begin() as db:
        await db.execute(text("SET LOCAL synchronous_commit TO off"))
        await emit(db, event)


async def author_of(resources: Resources, actor: Actor, given: schemas.Person | None) -> tuple[str, str]:
    """Who a commit is by: as given, else the person, else the key by its name."""
    if given is not None:
        return given.name, given.email
    if actor.user_id is None:
        return actor.name, f"key-{actor.id}@codeyard.invalid"
    async with resources.database.begin() as db:
        user = await users.get(db, actor.user_id)
    return (user.name, user.email) if user else (actor.name, "")


async def describe(resources: Resources, session: Session) -> list[schemas.Repository]:
    async with resources.database.begin() as db:
        rows = await workspace_rows.repositories(db, session.workspace_id)
    found = []
    for row in rows:
        place = disk.place_of(resources, session, row.name, row.path)
        if row.path and not place.git_dir.exists():
            continue
        found.append(await resources.in_thread(_describe, place, row, upstream_of(session, row)))
    return found


def _describe(place: Place, row: Repository, upstream: str) -> schemas.Repository:
    state = worktree.state(place)
    with git.opened(place) as repository:
        branch = changes.current_branch(repository)
        ahead, behind = remotes.ahead_behind(place, repository, upstream) or (None, None)
    return schemas.Repository(row.name, row.path, branch, state.head, row.remote_url, ahead, behind, state.dirty)


def upstream_of(session: Session, row: Repository | RepositoryRow) -> str:
    """The remote's branch that a session works towards: the default one's is the remote's default, another's its own."""
    return row.default_branch if session.is_default else session.branch


async def commit(
    resources: Resources, actor: Actor, once: Once, at: Target, data: schemas.CommitCreate
) -> schemas.CommitId:
    author = await author_of(resources, actor, data.author)
    async with once.around(resources.database):
        made = schemas.CommitId(await locked(resources, at, changes.commit, data.message, author, data))
        await once.seal_apart(resources.database, made)
    await say(resources, Committed(**where(at.session), commit_id=made.id))
    return made


async def propose(resources: Resources, at: Target, chosen: schemas.Selection) -> str:
    paths = chosen.paths
    if chosen.hunks is not None:
        paths = [*(paths or []), *(hunk.path for hunk in chosen.hunks)]
    found = await resources.in_thread(lambda: diffs.working_copy(git.open_session(at.place), paths=paths, context=1))
    if not found.files:
        raise NothingToCommit
    return message.propose(found.files)


async def discard(resources: Resources, at: Target, chosen: schemas.Selection) -> UUID:
    """The id of the snapshot that undoes it."""
    await resources.in_thread(reading, at.place, changes.take, chosen)  # refuses before there is anything to undo
    undo = await snapshots.take(resources, at.session, reason="discard")
    await locked(resources, at, changes.discard, chosen)
    await say(resources, WorkingCopyChanged(**where(at.session), how="discard"))
    return undo.id


async def roll_back(resources: Resources, actor: Actor, at: Target, data: schemas.Rollback) -> schemas.RolledBack:
    author = await author_of(resources, actor, None)
    await resources.in_thread(_check_rollback, at.place, data.commit_id)
    undo = await snapshots.take(resources, at.session, reason="rollback")
    head, made = await locked(resources, at, changes.roll_back, data.commit_id, author, move_head=data.mode == "head")
    await say(resources, WorkingCopyChanged(**where(at.session), how="rollback"))
    return schemas.RolledBack(made, undo.id, None if head is None else str(head))


def _check_rollback(place: Place, revision: str) -> None:
    repository = git.open_session(place)
    changes.refuse_detached(repository)
    history.resolve(repository, revision)


async def merge(resources: Resources, actor: Actor, at: Target, data: schemas.Merge) -> schemas.Merged:
    """Merges what another session has committed."""
    other = await target(resources, actor, data.from_session, data.repository, READ)
    if other.session.workspace_id != at.session.workspace_id:
        raise sessions.NoSuchSession
    await locked(resources, other, worktree.publish)
    theirs = await resources.in_thread(lambda: worktree.head_of(git.open_session(other.place)))
    text = data.message or f"Merge session {other.session.name}"
    return await merge_commit(resources, actor, at, str(theirs), text)


async def merge_commit(resources: Resources, actor: Actor, at: Target, theirs: str, text: str) -> schemas.Merged:
    """Merges a commit that the bare repository has. Conflicts leave everything as it was."""
    return await merge_as(resources, await author_of(resources, actor, None), at, theirs, text)


async def merge_as(resources: Resources, author: tuple[str, str], at: Target, theirs: str, text: str) -> schemas.Merged:
    tree = await resources.in_thread(changes.plan_merge, at.place, theirs)
    if tree is None:
        head = await resources.in_thread(lambda: worktree.head_of(git.open_session(at.place)))
        return schemas.Merged(str(head), False, None)
    undo = await snapshots.take(resources, at.session, reason="merge")

    def again_and_do(place: Place) -> schemas.Merged:  # the plan is made anew: somebody may have typed since
        planned = changes.plan_merge(place, theirs)
        return changes.merge(place, theirs, planned or tree, author, text)

    merged = await locked(resources, at, again_and_do)
    merged.snapshot_id = undo.id
    await say(resources, WorkingCopyChanged(**where(at.session), how="merge"))
    return merged


async def remote_of(resources: Resources, at: Target, data: schemas.Remote) -> git.CloneUrl:
    """The remote to talk to; a new `url` is kept, without its credentials. Raises NoRemote, BadCloneUrl."""
    given = data.url or at.row.remote_url
    if given is None:
        raise NoRemote
    url = await remotes.check_url(resources, given)
    if data.url is not None and url.address != at.row.remote_url:
        async with resources.database.begin() as db:
            await db.execute(update(Repository).where(Repository.id == at.row.id).values(remote_url=url.address))
    return url


async def with_credential(resources: Resources, actor: Actor, url: git.CloneUrl, token: str) -> git.CloneUrl:
    """The remote with the token that was given for this call, else the caller's own connection to its host."""
    if token or url.password:
        return replace(url, password=token or url.password)
    return await connections.with_credential(resources, actor.id, url)


async def push(resources: Resources, actor: Actor, at: Target, data: schemas.Remote) -> schemas.Pushed:
    url = await remote_of(resources, at, data)
    branch, head = await resources.in_thread(reading, at.place, _tip)
    if branch is None or head is None:
        raise DetachedHead
    await locked(resources, at, worktree.publish)
    upstream = data.branch or upstream_of(at.session, at.row)
    url = await with_credential(resources, actor, url, data.token)
    await remotes.push(resources, at.place, url, url.password, branch=branch, upstream=upstream)
    await say(resources, Pushed(**where(at.session), branch=upstream))
    return schemas.Pushed(upstream, str(head), url.address)


def _tip(repository: pygit2.Repository) -> tuple[str | None, pygit2.Oid | None]:
    return changes.current_branch(repository), worktree.head_of(repository)


async def pull(resources: Resources, actor: Actor, at: Target, data: schemas.Remote) -> schemas.Merged:
    """Fetches the upstream branch and merges it."""
    url = await remote_of(resources, at, data)
    upstream = data.branch or upstream_of(at.session, at.row)
    url = await with_credential(resources, actor, url, data.token)
    theirs = await remotes.fetch(resources, at.place, url, url.password, upstream=upstream)
    return await merge_commit(resources, actor, at, theirs, f"Merge {upstream} of {url.address}")


async def blame(resources: Resources, at: Target, path: str, revision: str | None) -> schemas.Blame:
    """As of `revision` (HEAD), which is sent to the bare repository where it is not published. Raises TooLarge beyond what one
    call reads of a file: git goes through all of its lines, in memory."""
    most = largest(resources)

    def publish() -> str:
        with git.opened(at.place) as repository:
            head = worktree.head_of(repository)
            if revision is None and head is None:
                raise NoSuchFile
            commit = history.resolve(repository, revision or str(head))
            with suppress(KeyError, ValueError):  # git says what is not there
                _, size = repository.odb.read_header(commit.tree[path].id)
                if size > most:
                    raise TooLarge(f"Blame goes through files of up to {most} bytes.", size=size)
            worktree.send(repository, git.open_bare(at.place), [commit.id])
            return str(commit.id)

    return await history.blame(at.place, await resources.in_thread(publish), path)


async def branches(
    resources: Resources, at: Target, query: str, *, after: tuple[bool, str] | None, limit: int
) -> list[schemas.Branch]:
    """The workspace's published branches and who works on each; up to `limit` + 1."""
    async with resources.database.begin() as db:
        rows = select(Session.branch, Session.id, Session.name).where(
            Session.workspace_id == at.session.workspace_id, Session.deleted_at.is_(None)
        )
        by_branch = {branch: (id, name) for branch, id, name in (await db.execute(rows)).all()}
    part = query.lower()

    def fits(name: str) -> bool:
        return part in name.lower() or (name in by_branch and part in by_branch[name][1].lower())

    def look() -> list[schemas.Branch]:
        bare = git.open_bare(at.place)
        fitting = ((name not in by_branch, name) for name in bare.branches.local if fits(name))
        found = heapq.nsmallest(limit + 1, (row for row in fitting if after is None or row > after))
        return [
            schemas.Branch(
                name,
                str(bare.branches[name].target),
                name == at.session.branch,
                *by_branch.get(name, (None, None)),
            )
            for _, name in found
        ]

    return await resources.in_thread(look)
