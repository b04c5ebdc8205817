"""Queries on pull requests."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from sqlalchemy import Row, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.auth import Actor
from backend.workbench.pulls.models import (
    ALIVE,
    BranchRule,
    PullCheck,
    PullComment,
    PullMirror,
    PullRequest,
    PullReview,
    PullThread,
    PullView,
    State,
)
from backend.workbench.sessions.models import Session
from backend.workbench.workspaces.models import Workspace

READ, COMMENT, WRITE = "pulls:read", "pulls:comment", "pulls:write"


async def workspace(db: AsyncSession, actor: Actor, workspace_id: UUID) -> Workspace | None:
    """One whose pull requests `actor` may see."""
    seen = actor.sees(Workspace.organization_id, Workspace.id, READ), Workspace.deleted_at.is_(None)
    return await db.scalar(select(Workspace).where(Workspace.id == workspace_id, *seen))


def visible(actor: Actor) -> Select[PullRequest]:
    """The pull requests that `actor` may see. Every read for a caller starts here."""
    living = select(Workspace.id).where(Workspace.deleted_at.is_(None))
    return select(PullRequest).where(
        actor.sees(PullRequest.organization_id, PullRequest.workspace_id, READ), PullRequest.workspace_id.in_(living)
    )


async def find(db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str) -> PullRequest | None:
    """By its number in the workspace, or its id."""
    query = visible(actor).where(PullRequest.workspace_id == workspace_id)
    if ref.isascii() and ref.isdigit() and len(ref) < 10:
        return await db.scalar(query.where(PullRequest.number == int(ref)))
    try:
        return await db.scalar(query.where(PullRequest.id == UUID(ref)))
    except ValueError:
        return None


async def list_page(
    db: AsyncSession,
    actor: Actor,
    workspace_id: UUID,
    *,
    states: Sequence[State],
    author: UUID | None,
    waiting: Select[UUID] | None,
    session_id: UUID | None,
    label: str | None,
    query: str,
    before: int | None,
    limit: int,
) -> Sequence[PullRequest]:
    """Newest first, one more than `limit`. `waiting` leaves those with these ids."""
    found = visible(actor).where(PullRequest.workspace_id == workspace_id, PullRequest.state.in_(states))
    if author is not None:
        found = found.where(PullRequest.author_id == author)
    if waiting is not None:
        found = found.where(PullRequest.id.in_(waiting))
    if session_id is not None:
        found = found.where(or_(PullRequest.head_session_id == session_id, PullRequest.base_session_id == session_id))
    if label is not None:
        found = found.where(PullRequest.labels.contains([label]))
    if query:
        found = found.where(PullRequest.title.icontains(query, autoescape=True))
    if before is not None:
        found = found.where(PullRequest.number < before)
    return (await db.scalars(found.order_by(PullRequest.number.desc()).limit(limit + 1))).all()


async def count_by_state(db: AsyncSession, actor: Actor, workspace_id: UUID) -> dict[State, int]:
    mine = visible(actor).where(PullRequest.workspace_id == workspace_id).subquery()
    rows = await db.execute(select(mine.c.state, func.count()).group_by(mine.c.state))
    return {State(state): count for state, count in rows}


async def count_of_person(db: AsyncSession, actor: Actor, workspace_id: UUID, waiting: Select[UUID]) -> tuple[int, int]:
    """The open ones among those `waiting`, and those that the caller opened."""
    alive = visible(actor).where(PullRequest.workspace_id == workspace_id, PullRequest.state.in_(ALIVE))
    requested = select(func.count()).select_from(alive.where(PullRequest.id.in_(waiting)).subquery())
    opened = select(func.count()).select_from(alive.where(PullRequest.author_id == actor.user_id).subquery())
    return await db.scalar(requested) or 0, await db.scalar(opened) or 0


async def next_number(db: AsyncSession, workspace_id: UUID) -> int:
    """Held until the transaction ends: one workspace's numbers are given one after the other."""
    await db.execute(select(Workspace.id).where(Workspace.id == workspace_id).with_for_update(key_share=True))
    newest = select(func.max(PullRequest.number)).where(PullRequest.workspace_id == workspace_id)
    return (await db.scalar(newest) or 0) + 1


async def lock(db: AsyncSession, pull_id: UUID) -> PullRequest | None:
    return await db.get(PullRequest, pull_id, with_for_update=True, populate_existing=True)


async def alive_of(db: AsyncSession, session_id: UUID) -> Sequence[UUID]:
    """Open ones from or into a session."""
    either = or_(PullRequest.head_session_id == session_id, PullRequest.base_session_id == session_id)
    return (await db.scalars(select(PullRequest.id).where(either, PullRequest.state.in_(ALIVE)))).all()


async def alive(db: AsyncSession, sessions: Collection[UUID]) -> set[UUID | None]:
    """Those of `sessions` that are not deleted, be it into the bin."""
    return set(await db.scalars(select(Session.id).where(Session.id.in_(sessions), Session.deleted_at.is_(None))))


async def rule(db: AsyncSession, session_id: UUID | None) -> BranchRule:
    found = await db.get(BranchRule, session_id) if session_id is not None else None
    return found or BranchRule(required_approvals=0, dismiss_stale=True)


async def reviews(db: AsyncSession, ids: Iterable[UUID]) -> Sequence[PullReview]:
    """Oldest first."""
    return (
        await db.scalars(select(PullReview).where(PullReview.pull_id.in_(ids)).order_by(PullReview.created_at))
    ).all()


async def threads(db: AsyncSession, pull_id: UUID) -> Sequence[PullThread]:
    query = select(PullThread).where(PullThread.pull_id == pull_id)
    return (await db.scalars(query.order_by(PullThread.created_at, PullThread.id))).all()


async def thread(db: AsyncSession, pull_id: UUID, thread_id: UUID) -> PullThread | None:
    return await db.scalar(select(PullThread).where(PullThread.pull_id == pull_id, PullThread.id == thread_id))


async def comments(db: AsyncSession, threads: Sequence[PullThread]) -> dict[UUID, list[PullComment]]:
    query = select(PullComment).where(PullComment.thread_id.in_([thread.id for thread in threads]))
    found: dict[UUID, list[PullComment]] = {}
    for comment in await db.scalars(query.order_by(PullComment.created_at, PullComment.id)):
        found.setdefault(comment.thread_id, []).append(comment)
    return found


async def comments_by_id(
    db: AsyncSession, pull_id: UUID, ids: Sequence[UUID]
) -> Sequence[Row[PullComment, PullThread]]:
    query = select(PullComment, PullThread).join(PullThread, PullThread.id == PullComment.thread_id)
    return (await db.execute(query.where(PullThread.pull_id == pull_id, PullComment.id.in_(ids)))).all()


async def viewed(db: AsyncSession, pull_id: UUID, user_id: UUID | None) -> set[tuple[str, str]]:
    query = select(PullView.path, PullView.content).where(PullView.pull_id == pull_id, PullView.user_id == user_id)
    return {(path, content) for path, content in await db.execute(query)}


async def mirrors(db: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, PullMirror]:
    return {row.pull_id: row for row in await db.scalars(select(PullMirror).where(PullMirror.pull_id.in_(ids)))}


async def checks(db: AsyncSession, pull_id: UUID, commit_id: str) -> Sequence[PullCheck]:
    query = select(PullCheck).where(PullCheck.pull_id == pull_id, PullCheck.commit_id == commit_id)
    return (await db.scalars(query.order_by(PullCheck.name))).all()
