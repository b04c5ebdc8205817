"""Pull requests: opening, looking, changing, merging. What touches git runs between two short transactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.users import service as users
from backend.core import git, worktree
from backend.core.auth import Actor
from backend.core.db import new_id, now
from backend.core.errors import clash
from backend.core.events import emit
from backend.core.resources import Resources
from backend.ledger.receipts.service import Once
from backend.workbench.pulls import asking, branches, lines, merging, repository, schemas, standing
from backend.workbench.pulls.branches import Branch, Look
from backend.workbench.pulls.errors import (
    AlreadyEnded,
    AlreadyMerged,
    AlreadyOpen,
    IsDraft,
    NoSuchPull,
    NotApproved,
    NothingToMerge,
    SameSession,
    SessionGone,
    StaleHead,
)
from backend.workbench.pulls.events import PullClosed, PullMerged, PullOpened, PullUpdated
from backend.workbench.pulls.lines import Span
from backend.workbench.pulls.models import ALIVE, PullMirror, PullRequest, PullThread, State
from backend.workbench.pulls.repository import READ, WRITE
from backend.workbench.sessions import disk
from backend.workbench.sessions import repository as session_rows
from backend.workbench.sessions import service as sessions
from backend.workbench.sessions.models import Session, Status
from backend.workbench.snapshots import service as snapshots
from backend.workbench.vcs import service as vcs
from backend.workbench.vcs.errors import NoSuchRepository
from backend.workbench.vcs.events import WorkingCopyChanged
from backend.workbench.workspaces import repository as workspace_rows
from backend.workbench.workspaces.models import Workspace
from backend.workbench.workspaces.service import NoSuchWorkspace

BY_PULL = "pull_request"
"""What changed a working copy, as the event says."""


@dataclass(frozen=True)
class Sides:
    """A pull request with its two sessions and their branches; None for what is deleted."""

    pull: PullRequest
    head_session: Session | None
    base_session: Session | None
    head: Branch | None
    base: Branch | None

    def both(self) -> tuple[Branch, Branch]:
        """Raises SessionGone."""
        if self.head is None or self.base is None:
            raise SessionGone
        return self.head, self.base


def head_ref(pull: PullRequest) -> str:
    return f"refs/codeyard/pulls/{pull.number}/head"


def merge_ref(pull: PullRequest) -> str:
    """The commit that the server was about to move the base to: found contained there after a crash, it was."""
    return f"refs/codeyard/pulls/{pull.number}/merge"


def facts(pull: PullRequest, actor: Actor | None = None, *, there: str | None = None) -> dict[str, Any]:
    """What every event of a pull request carries. `there` is who did it at the provider, empty where that does not say."""
    return {
        "organization_id": pull.organization_id,
        "workspace_id": pull.workspace_id,
        "session_id": pull.head_session_id,
        "pull_id": pull.id,
        "number": pull.number,
        "title": pull.title,
        "by": actor.user_id if actor else None,
        "by_name": actor.name if actor else there or "",
        "mirrored": there is not None,
    }


async def workspace_of(db: AsyncSession, actor: Actor, workspace_id: UUID, scope: str = READ) -> Workspace:
    found = await repository.workspace(db, actor, workspace_id)
    if found is None:
        raise NoSuchWorkspace
    actor.require(found.organization_id, scope, found.id)
    return found


async def get(db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str, scope: str = READ) -> PullRequest:
    """By number or id, if `actor` sees it and has `scope`. Raises NoSuchPull, MissingScope."""
    pull = await repository.find(db, actor, workspace_id, ref)
    if pull is None:
        raise NoSuchPull
    actor.require(pull.organization_id, scope, pull.workspace_id)
    return pull


async def load(
    resources: Resources, actor: Actor, workspace_id: UUID, ref: str, scope: str = READ, *, fresh: bool = True
) -> Sides:
    """One that the caller may, as its branches are now (`fresh`), with its sides."""
    async with resources.database.begin() as db:
        pull = await get(db, actor, workspace_id, ref, scope)
        pull_id = pull.id
    if fresh:
        await refresh(resources, pull_id)
    async with resources.database.begin() as db:
        return await sides_of(resources, db, pull_id)


async def sides_of(resources: Resources, db: AsyncSession, pull_id: UUID) -> Sides:
    pull = await db.get(PullRequest, pull_id)
    if pull is None:
        raise NoSuchPull
    found = await workspace_rows.find_repository(resources.database, pull.workspace_id, pull.repository)
    both: list[tuple[Session | None, Branch | None]] = []
    for session_id, branch in ((pull.head_session_id, pull.head_branch), (pull.base_session_id, pull.base_branch)):
        session = await session_rows.get(db, session_id) if session_id else None
        if session is None or session.status != Status.READY or found is None:
            both.append((None, None))
        else:
            place = disk.place_of(resources, session, found.name, found.path)
            both.append((session, Branch(place, branch)))
    (head_session, head), (base_session, base) = both
    return Sides(pull, head_session, base_session, head, base)


def require_side(sides: Sides, session_id: UUID) -> None:
    """A review is of one of its two sessions. Raises NoSuchPull."""
    if session_id not in (sides.pull.head_session_id, sides.pull.base_session_id):
        raise NoSuchPull("That session is neither head nor base of this pull request.")


# --- opening -------------------------------------------------------------------------------------------------------------


async def open_(
    resources: Resources, actor: Actor, once: Once, workspace_id: UUID, data: schemas.PullCreate
) -> schemas.Pull:
    """Raises NoSuchSession, SameSession, NothingToMerge, AlreadyOpen, NotMember."""
    async with resources.database.begin() as db:
        workspace = await workspace_of(db, actor, workspace_id, WRITE)
        base_id = data.base_session_id or workspace.default_session_id
        head, base = [await _session(db, workspace, id) for id in (data.head_session_id, base_id)]
        await asking.check(db, workspace.organization_id, workspace.id, data.reviewers, data.reviewer_teams)
    if head.id == base.id:
        raise SameSession
    found = await workspace_rows.find_repository(resources.database, workspace.id, data.repository)
    if found is None:
        raise NoSuchRepository
    tips = [Branch(disk.place_of(resources, one, found.name, found.path), one.branch) for one in (head, base)]
    seen = await resources.in_thread(branches.look, *tips)
    if seen.merge_base == seen.head:
        raise NothingToMerge
    async with once.around(resources.database), resources.database.begin() as db:
        pull = await _add(db, actor, workspace, head, base, seen, data)
        shown = await standing.show_one(db, pull)
        await once.seal(db, shown)
    await resources.in_thread(branches.look, *tips, keep=head_ref(pull))
    return shown


async def _session(db: AsyncSession, workspace: Workspace, session_id: UUID) -> Session:
    session = await session_rows.get(db, session_id)
    if session is None or session.workspace_id != workspace.id or session.deleted_at is not None:
        raise sessions.NoSuchSession
    if session.status != Status.READY:
        raise sessions.NotReady(status=session.status, reason=session.status_reason)
    return session


async def _add(
    db: AsyncSession,
    actor: Actor,
    workspace: Workspace,
    head: Session,
    base: Session,
    seen: Look,
    data: schemas.PullCreate,
) -> PullRequest:
    pull = PullRequest(
        id=new_id(),
        organization_id=workspace.organization_id,
        workspace_id=workspace.id,
        number=await repository.next_number(db, workspace.id),
        repository=data.repository,
        title=data.title.strip(),
        body=data.body,
        state=State.DRAFT if data.draft else State.OPEN,
        author_id=actor.user_id,
        author_label=actor.name,
        head_session_id=head.id,
        base_session_id=base.id,
        head_branch=head.branch,
        base_branch=base.branch,
        labels=list(dict.fromkeys(data.labels)),
    )
    _take(pull, seen)
    db.add(pull)
    with clash("uq_pull_requests_alive", AlreadyOpen):
        await db.flush()
    asked = await asking.ask(db, pull, data.reviewers, data.reviewer_teams)
    if data.mirror:
        db.add(PullMirror(pull_id=pull.id, owner_id=actor.id, seen={}))
        await db.flush()
    await db.refresh(pull)
    await emit(db, PullOpened(**facts(pull, actor), how="opened", **vars(asked)))
    return pull


def _take(pull: PullRequest, seen: Look) -> None:
    pull.head_commit, pull.base_commit, pull.merge_base = seen.head, seen.base, seen.merge_base
    pull.conflicts = seen.conflicts


# --- looking again ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class News:
    """What a look found: where both stand, whether the base has it all already, where threads' lines are now."""

    seen: Look
    merged: str | None
    moved: dict[UUID, Span | None]


async def refresh(resources: Resources, pull_id: UUID) -> None:
    """Brings the row up to its branches: commits, conflicts, comments that follow their lines. Closes it as merged when the base
    has its commits by another way. Nothing for one that has ended or lost a session."""
    async with resources.database.begin() as db:
        sides = await sides_of(resources, db, pull_id)
        threads = await repository.threads(db, pull_id)
    pull = sides.pull
    if pull.state not in ALIVE or sides.head is None or sides.base is None:
        return
    news = await resources.in_thread(_look, pull, sides.head, sides.base, threads)
    old = (pull.head_commit, pull.base_commit, pull.merge_base, pull.conflicts)
    if news.merged is None and old == (news.seen.head, news.seen.base, news.seen.merge_base, news.seen.conflicts):
        return
    async with resources.database.begin() as db:
        row = await repository.lock(db, pull_id)
        if row is None or row.state not in ALIVE or row.head_commit != pull.head_commit:
            return  # somebody else looked, or ended it, meanwhile
        if news.merged is not None:
            await end_as_merged(db, row, None, news.merged, "elsewhere")
            return
        new_head = row.head_commit != news.seen.head
        _take(row, news.seen)
        for thread in await repository.threads(db, pull_id):
            if thread.id in news.moved:
                follow(thread, news.moved[thread.id])
        if new_head:
            await emit(db, PullUpdated(**facts(row), how="commits"))


def _look(pull: PullRequest, head: Branch, base: Branch, threads: Sequence[PullThread]) -> News:
    seen = branches.look(head, base, keep=head_ref(pull))
    bare = git.open_bare(base.place)
    planned = bare.references.get(merge_ref(pull))
    if planned is not None and branches.contains(bare, seen.base, str(planned.target)):
        return News(seen, str(planned.target), {})
    had_work = pull.merge_base != pull.head_commit
    if had_work and all(branches.contains(bare, seen.base, tip) for tip in (seen.head, pull.head_commit)):
        return News(seen, seen.base, {})
    moved: dict[UUID, Span | None] = {}
    by_commit: dict[tuple[str, str], dict[UUID, Span]] = {}
    for thread in threads:
        if thread.path is not None and thread.first_line is not None and thread.last_line is not None:
            to = seen.head if thread.side == "head" else seen.merge_base
            span = Span(thread.path, thread.first_line, thread.last_line)
            by_commit.setdefault((thread.commit_id, to), {})[thread.id] = span
    for (commit, to), spans in by_commit.items():
        where = lines.follow(bare, commit, to, spans.values())
        moved |= {thread_id: where[span] for thread_id, span in spans.items()}
    return News(seen, None, moved)


def follow(thread: PullThread, span: Span | None) -> None:
    """Puts a thread where its lines are; one whose lines are gone stays where it was, and says so."""
    thread.outdated = span is None
    if span is not None:
        thread.now_path, thread.now_first, thread.now_last = span.path, span.first, span.last


# --- changing --------------------------------------------------------------------------------------------------------------


async def change(
    resources: Resources, actor: Actor, workspace_id: UUID, ref: str, data: schemas.PullUpdate
) -> schemas.Pull:
    async with resources.database.begin() as db:
        found = await get(db, actor, workspace_id, ref, WRITE)
        pull = await repository.lock(db, found.id)
        if pull is None:
            raise NoSuchPull
        before = pull.state
        _change_state(pull, data)
        for name in ("title", "body", "labels"):
            value = getattr(data, name)
            if value is not UNSET:
                setattr(pull, name, list(dict.fromkeys(value)) if name == "labels" else value)
        asked = await asking.change(db, pull, data)
        with clash("uq_pull_requests_alive", AlreadyOpen):
            await db.flush()
        if pull.state == State.CLOSED != before:
            await emit(db, PullClosed(**facts(pull, actor), how="closed"))
        elif before == State.CLOSED != pull.state:
            await emit(db, PullOpened(**facts(pull, actor), how="reopened"))
        else:
            await emit(db, PullUpdated(**facts(pull, actor), how="edited", **vars(asked)))
        await db.refresh(pull)
        return await standing.show_one(db, pull)


def _change_state(pull: PullRequest, data: schemas.PullUpdate) -> None:
    if pull.state == State.MERGED and (data.state is not UNSET or data.draft is not UNSET):
        raise AlreadyMerged
    if data.state == "closed" and pull.state in ALIVE:
        pull.state, pull.ended_at = State.CLOSED, now()
    elif data.state == "open" and pull.state == State.CLOSED:
        if pull.head_session_id is None or pull.base_session_id is None:
            raise SessionGone
        pull.state, pull.ended_at = State.OPEN, None
    if data.draft is not UNSET:
        if pull.state not in ALIVE:
            raise AlreadyEnded
        pull.state = State.DRAFT if data.draft else State.OPEN


# --- merging ---------------------------------------------------------------------------------------------------------------


async def merge(
    resources: Resources, actor: Actor, once: Once, workspace_id: UUID, ref: str, data: schemas.PullMerge
) -> schemas.Pull:
    """Raises AlreadyMerged, AlreadyEnded, IsDraft, StaleHead, NotApproved, Conflicts, UncommittedChanges (of the base session, in
    files that the merge would change); then nothing was touched."""
    async with once.around(resources.database):
        sides = await load(resources, actor, workspace_id, ref, WRITE)
        pull = sides.pull
        refuse_ended(pull)
        if pull.state == State.DRAFT:
            raise IsDraft
        head, base = sides.both()
        if data.expected_head is not None and data.expected_head != pull.head_commit:
            raise StaleHead(head=pull.head_commit)
        async with resources.database.begin() as db:
            found = (await standing.standings(db, [pull]))[pull.id]
        if lacking := [word for word in found.lacks(pull) if word in ("approvals", "changes_requested")]:
            raise NotApproved(
                blocked_by=lacking,
                required=found.required,
                approved_by=[one.name for one in found.approved],
                changes_requested_by=[one.name for one in found.refused],
            )
        what = merging.Merge(
            data.method,
            pull.head_commit,
            await vcs.author_of(resources, actor, None),
            await _author(resources, pull),
            _text(pull, data),
        )
        if sides.base_session is not None and (await resources.in_thread(worktree.state, base.place)).dirty:
            await snapshots.take(resources, sides.base_session, reason="merge")
        made = await resources.in_thread(merging.merge, head, base, what, keep=merge_ref(pull))
        shown = await resources.database.persist(lambda: _merged(resources, actor, sides, made, data.method))
        await _seal(resources, once, shown)
    return shown


def refuse_ended(pull: PullRequest) -> None:
    if pull.state == State.MERGED:
        raise AlreadyMerged
    if pull.state == State.CLOSED:
        raise AlreadyEnded


async def _seal(resources: Resources, once: Once, answer: msgspec.Struct) -> None:
    async with resources.database.begin() as db:
        await once.seal(db, answer, status=200)


async def _author(resources: Resources, pull: PullRequest) -> tuple[str, str]:
    async with resources.database.begin() as db:
        user = await users.get(db, pull.author_id) if pull.author_id else None
    return (user.name, user.email) if user else (pull.author_label, "codeyard@localhost")


def _text(pull: PullRequest, data: schemas.PullMerge) -> str:
    title = f"{pull.title} (#{pull.number})"
    if data.method == "merge":
        title = f"Merge pull request #{pull.number}: {pull.title}"
    body = pull.body if data.message is None else data.message
    return "\n\n".join(part for part in (title, body.strip()) if part) + "\n"


async def _merged(resources: Resources, actor: Actor, sides: Sides, commit: str, method: str) -> schemas.Pull:
    async with resources.database.begin() as db:
        row = await repository.lock(db, sides.pull.id)
        if row is None:
            raise NoSuchPull
        if row.merge_method in (None, "elsewhere"):
            await end_as_merged(db, row, actor, commit, method)
            if sides.base_session is not None:
                await emit(db, WorkingCopyChanged(**sessions.where(sides.base_session), how=BY_PULL))
        await db.flush()
        await db.refresh(row)
        return await standing.show_one(db, row)


async def end_as_merged(
    db: AsyncSession, row: PullRequest, actor: Actor | None, commit: str, method: str, *, there: str | None = None
) -> None:
    told = row.state == State.MERGED
    row.state, row.ended_at = State.MERGED, row.ended_at or now()
    row.merge_commit, row.merge_method, row.conflicts = commit, method, []
    row.merged_by = actor.user_id if actor else None
    if not told:
        await emit(db, PullMerged(**facts(row, actor, there=there), how=method, commit_id=commit))
