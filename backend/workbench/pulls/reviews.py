"""Reviews: threads of comments on lines, verdicts, suggestions, viewed files, conflicts settled on the page."""

import re
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import git
from backend.core.auth import Actor, NeedsPerson
from backend.core.db import new_id, now
from backend.core.events import emit
from backend.core.resources import Resources
from backend.ledger.receipts.service import Once
from backend.workbench.pulls import branches, diff, lines, merging, repository, schemas, service, standing
from backend.workbench.pulls.errors import (
    NoSuchLine,
    NoSuchThread,
    NoSuggestion,
    NotYours,
    SaysNothing,
    StaleHead,
)
from backend.workbench.pulls.events import PullCommented, PullReviewed, PullUpdated
from backend.workbench.pulls.lines import Span
from backend.workbench.pulls.merging import Replacement
from backend.workbench.pulls.models import (
    BranchRule,
    PullCheck,
    PullComment,
    PullRequest,
    PullReview,
    PullThread,
    PullView,
)
from backend.workbench.pulls.repository import COMMENT, READ, WRITE
from backend.workbench.pulls.service import Sides, facts
from backend.workbench.sessions import service as sessions
from backend.workbench.vcs import history
from backend.workbench.vcs import service as vcs
from backend.workbench.vcs.events import Committed
from backend.workbench.vcs.schemas import Commit, Merged

_SUGGESTION = re.compile(r"^(`{3,})suggestion[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)


def suggestion_in(body: str) -> str | None:
    """The text of the first ```suggestion block; empty for one that takes the lines away."""
    found = _SUGGESTION.search(body.replace("\r\n", "\n"))
    return found[2] if found else None


# --- comments --------------------------------------------------------------------------------------------------------------


async def comment(
    resources: Resources, actor: Actor, once: Once, workspace_id: UUID, ref: str, data: schemas.CommentCreate
) -> schemas.Thread:
    """A new thread. Raises NoSuchLine where the file as shown lacks that line."""
    sides = await service.load(resources, actor, workspace_id, ref, COMMENT)
    await _check_lines(resources, sides, [data])
    async with resources.database.begin() as db:
        await once.claim(db)
        thread, first = await _start(db, actor, sides.pull, data, None)
        created = PullCommented(**facts(sides.pull, actor), how="created", thread_id=thread.id, comment_id=first.id)
        await emit(db, created)
        shown = show_thread(thread, [first])
        await once.seal(db, shown)
    return shown


async def _check_lines(resources: Resources, sides: Sides, wanted: Sequence[schemas.CommentCreate]) -> None:
    for one in wanted:
        if (one.line is not None and one.path is None) or (one.start_line is not None and one.line is None):
            raise NoSuchLine("A line needs its `path`, and a `start_line` its `line`.")
    spans = [(_commit(sides.pull, one), span) for one in wanted if (span := _span(one)) is not None]
    place = sides.base or sides.head
    if not spans or place is None:
        if spans:
            raise NoSuchLine
        return

    def missing() -> list[str]:
        bare = git.open_bare(place.place)
        return [f"{span.path}:{span.last}" for commit, span in spans if not lines.exists(bare, commit, span)]

    if gone := await resources.in_thread(missing):
        raise NoSuchLine(lines=gone)


def _span(data: schemas.CommentCreate) -> Span | None:
    if data.path is None or data.line is None:
        return None
    return Span(data.path, data.line if data.start_line is None else data.start_line, data.line)


def _commit(pull: PullRequest, data: schemas.CommentCreate) -> str:
    return pull.head_commit if data.side == "head" else pull.merge_base


async def _start(
    db: AsyncSession, actor: Actor, pull: PullRequest, data: schemas.CommentCreate, review_id: UUID | None
) -> tuple[PullThread, PullComment]:
    span = _span(data)
    first, last = (span.first, span.last) if span else (None, None)
    thread = PullThread(
        id=new_id(),
        pull_id=pull.id,
        path=data.path,
        side=data.side,
        commit_id=_commit(pull, data),
        first_line=first,
        last_line=last,
        now_path=data.path,
        now_first=first,
        now_last=last,
        outdated=False,
        created_at=now(),
    )
    db.add(thread)
    await db.flush()
    return thread, await _say(db, actor, thread, data.body, review_id)


async def _say(
    db: AsyncSession, actor: Actor, thread: PullThread, body: str, review_id: UUID | None = None
) -> PullComment:
    made = PullComment(
        id=new_id(),
        thread_id=thread.id,
        review_id=review_id,
        author_id=actor.user_id,
        author_label=actor.name,
        body=body,
        created_at=now(),
    )
    db.add(made)
    await db.flush()
    return made


async def thread_of(
    db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str, thread_id: UUID
) -> tuple[PullRequest, PullThread]:
    pull = await service.get(db, actor, workspace_id, ref, COMMENT)
    thread = await repository.thread(db, pull.id, thread_id)
    if thread is None:
        raise NoSuchThread
    return pull, thread


async def reply(
    db: AsyncSession, actor: Actor, once: Once, workspace_id: UUID, ref: str, thread_id: UUID, body: str
) -> schemas.Comment:
    await once.claim(db)
    pull, thread = await thread_of(db, actor, workspace_id, ref, thread_id)
    made = await _say(db, actor, thread, body)
    await emit(db, PullCommented(**facts(pull, actor), how="created", thread_id=thread.id, comment_id=made.id))
    shown = show_comment(made)
    await once.seal(db, shown)
    return shown


async def resolve(
    db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str, thread_id: UUID, *, resolved: bool
) -> schemas.Thread:
    pull, thread = await thread_of(db, actor, workspace_id, ref, thread_id)
    thread.resolved_at = now() if resolved else None
    thread.resolved_by = actor.user_id if resolved else None
    how = "resolved" if resolved else "unresolved"
    await emit(db, PullCommented(**facts(pull, actor), how=how, thread_id=thread.id))
    return show_thread(thread, (await repository.comments(db, [thread])).get(thread.id, []))


async def edit(
    db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str, comment_id: UUID, body: str
) -> schemas.Comment:
    """Only by its author. Raises NotYours."""
    pull, found, thread = await _own(db, actor, workspace_id, ref, comment_id)
    found.body, found.edited_at = body, now()
    await emit(db, PullCommented(**facts(pull, actor), how="edited", thread_id=thread.id, comment_id=found.id))
    return show_comment(found)


async def remove(db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str, comment_id: UUID) -> None:
    """Only by its author; a thread goes with its last comment."""
    pull, found, thread = await _own(db, actor, workspace_id, ref, comment_id)
    await db.delete(found)
    await db.flush()
    left = select(func.count()).where(PullComment.thread_id == thread.id)
    if not await db.scalar(left):
        await db.delete(thread)
    await emit(db, PullCommented(**facts(pull, actor), how="deleted", thread_id=thread.id, comment_id=comment_id))


async def _own(
    db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str, comment_id: UUID
) -> tuple[PullRequest, PullComment, PullThread]:
    pull = await service.get(db, actor, workspace_id, ref, COMMENT)
    rows = await repository.comments_by_id(db, pull.id, [comment_id])
    if not rows:
        raise NoSuchThread
    [(found, thread)] = rows
    if actor.user_id is None or found.author_id != actor.user_id:
        raise NotYours
    return pull, found, thread


# --- reviews ---------------------------------------------------------------------------------------------------------------


async def review(
    resources: Resources,
    actor: Actor,
    once: Once,
    workspace_id: UUID,
    session_id: UUID,
    ref: str,
    data: schemas.ReviewCreate,
) -> schemas.Review:
    """A verdict and its comments, all or nothing. To approve or to ask for changes needs `pulls:write`. Raises StaleHead,
    AlreadyEnded, NoSuchLine, SaysNothing."""
    scope = COMMENT if data.verdict == "comment" else WRITE
    sides = await service.load(resources, actor, workspace_id, ref, scope)
    service.require_side(sides, session_id)
    pull = sides.pull
    if data.verdict == "comment" and not data.comments and not data.body.strip():
        raise SaysNothing
    if data.verdict != "comment":
        service.refuse_ended(pull)
    if data.commit_id is not None and data.commit_id != pull.head_commit:
        raise StaleHead(head=pull.head_commit)
    await _check_lines(resources, sides, data.comments)
    async with resources.database.begin() as db:
        await once.claim(db)
        made = PullReview(
            id=new_id(),
            pull_id=pull.id,
            author_id=actor.user_id,
            author_label=actor.name,
            verdict=data.verdict,
            body=data.body,
            commit_id=pull.head_commit,
            created_at=now(),
        )
        db.add(made)
        await db.flush()
        for one in data.comments:
            await _start(db, actor, pull, one, made.id)
        await emit(db, PullReviewed(**facts(pull, actor), how=data.verdict, review_id=made.id))
        shown = show_review(made, pull)
        await once.seal(db, shown)
    return shown


async def set_check(
    db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str, data: schemas.CheckSet
) -> schemas.Check:
    pull = await service.get(db, actor, workspace_id, ref, WRITE)
    key = {"pull_id": pull.id, "commit_id": data.commit_id or pull.head_commit, "name": data.name}
    said = {"state": data.state, "url": data.url, "description": data.description}
    values = said | {"ours": True, "told": False, "updated_at": now()}
    made = insert(PullCheck).values(id=new_id(), **key, **values)
    row = await db.scalar(
        made.on_conflict_do_update(index_elements=list(key), set_=values).returning(PullCheck),
        execution_options={"populate_existing": True},
    )
    assert row is not None
    await emit(db, PullUpdated(**facts(pull, actor), how="checks"))
    return show_check(row)


async def set_rules(db: AsyncSession, actor: Actor, workspace_id: UUID, session_id: UUID, data: schemas.Rules) -> None:
    """What merging into that session's branch needs; the organisation's admins say."""
    workspace = await service.workspace_of(db, actor, workspace_id, READ)
    session = await sessions.get(db, actor, session_id)
    if session.workspace_id != workspace.id:
        raise sessions.NoSuchSession
    actor.require(workspace.organization_id, "admin", workspace.id)
    values = {"required_approvals": data.required_approvals, "dismiss_stale": data.dismiss_stale, "updated_at": now()}
    made = insert(BranchRule).values(session_id=session.id, **values)
    await db.execute(made.on_conflict_do_update(index_elements=["session_id"], set_=values))


async def rules(db: AsyncSession, actor: Actor, workspace_id: UUID, session_id: UUID) -> schemas.Rules:
    workspace = await service.workspace_of(db, actor, workspace_id, READ)
    session = await sessions.get(db, actor, session_id)
    if session.workspace_id != workspace.id:
        raise sessions.NoSuchSession
    found = await repository.rule(db, session.id)
    return schemas.Rules(found.required_approvals, found.dismiss_stale)


# --- the differences -------------------------------------------------------------------------------------------------------


async def changed_files(
    resources: Resources, actor: Actor, sides: Sides, *, path: str | None, context: int, skip: int, limit: int
) -> tuple[list[schemas.ChangedFile], int, int]:
    """One page, how many files it has gone through, and how many there are."""
    pull = sides.pull
    async with resources.database.begin() as db:
        viewed = await repository.viewed(db, pull.id, actor.user_id) if actor.user_id else set()
    shown, total = await resources.in_thread(
        diff.changed,
        _place(sides).place,
        pull.merge_base,
        pull.head_commit,
        path=path,
        context=context,
        skip=skip,
        limit=limit,
        viewed=viewed,
    )
    return shown, skip + len(shown), total


def _place(sides: Sides) -> branches.Branch:
    """Where the commits of a pull request lie: the bare repository of either side."""
    found = sides.base or sides.head
    return found or sides.both()[0]


async def mark_viewed(
    resources: Resources, actor: Actor, workspace_id: UUID, session_id: UUID, ref: str, data: schemas.Viewed
) -> None:
    sides = await service.load(resources, actor, workspace_id, ref, READ)
    service.require_side(sides, session_id)
    if actor.user_id is None:
        raise NeedsPerson
    at, pull = _place(sides), sides.pull
    entries = await resources.in_thread(diff.listed, at.place, pull.merge_base, pull.head_commit)
    entry = next((entry for entry in entries if diff.named(entry, data.path)), None)
    if entry is None:
        raise NoSuchLine("This pull request does not change that file.")
    key = {"pull_id": pull.id, "user_id": actor.user_id, "path": data.path}
    async with resources.database.begin() as db:
        if data.viewed:
            content = data.content or entry.content
            seen = insert(PullView).values(**key, content=content)
            same = ["pull_id", "user_id", "path"]
            await db.execute(seen.on_conflict_do_update(index_elements=same, set_={"content": content}))
        else:
            await db.execute(delete(PullView).where(*(getattr(PullView, name) == key[name] for name in key)))


async def commits(resources: Resources, sides: Sides) -> list[Commit]:
    """What the head has and the base lacks, newest first, at most 250."""
    at, pull = _place(sides), sides.pull

    def collect() -> list[Commit]:
        bare = git.open_bare(at.place)
        found = merging.commits_between(bare, pull.merge_base, pull.head_commit)[-250:]
        return [history.show(commit, {}) for commit in reversed(found)]

    return await resources.in_thread(collect)


# --- commits that a review makes --------------------------------------------------------------------------------------------


async def settle(
    resources: Resources, actor: Actor, workspace_id: UUID, ref: str, data: schemas.Settlement
) -> schemas.Pull:
    """Writes the resolution of conflicts as a merge of the base into the head session."""
    sides = await service.load(resources, actor, workspace_id, ref, WRITE)
    pull = sides.pull
    actor.require(pull.organization_id, "vcs:write", pull.workspace_id)
    service.refuse_ended(pull)
    by = await vcs.author_of(resources, actor, None)
    text = data.message or f"Merge {pull.base_branch} into {pull.head_branch}"
    made = await resources.in_thread(merging.settle, *sides.both(), data.expected_head, data.files, by, text)
    return await _committed(resources, sides, made)


async def apply(
    resources: Resources, actor: Actor, workspace_id: UUID, ref: str, data: schemas.Suggestions
) -> schemas.Pull:
    """Applies suggestions as one commit on the head session, and resolves their threads."""
    sides = await service.load(resources, actor, workspace_id, ref, WRITE)
    pull = sides.pull
    actor.require(pull.organization_id, "vcs:write", pull.workspace_id)
    service.refuse_ended(pull)
    if data.expected_head is not None and data.expected_head != pull.head_commit:
        raise StaleHead(head=pull.head_commit)
    head, _ = sides.both()
    async with resources.database.begin() as db:
        rows = await repository.comments_by_id(db, pull.id, data.comment_ids)
    if len(rows) != len(set(data.comment_ids)):
        raise NoSuchThread
    wanted = [_replacement(comment, thread) for comment, thread in rows]
    by = await vcs.author_of(resources, actor, None)
    authors = ", ".join(dict.fromkeys(comment.author_label for comment, _ in rows))
    text = data.message or f"Apply suggestions of {authors}"
    made = await resources.in_thread(merging.apply, head, pull.head_commit, wanted, by, text)
    async with resources.database.begin() as db:
        for comment, thread in await repository.comments_by_id(db, pull.id, data.comment_ids):
            comment.applied_commit = made
            thread.resolved_at, thread.resolved_by = now(), actor.user_id
    return await _committed(resources, sides, made)


def _replacement(comment: PullComment, thread: PullThread) -> Replacement:
    if comment.applied_commit is not None:
        raise NoSuggestion(f"That was applied already, as {comment.applied_commit[:10]}.", comment_id=comment.id)
    text = suggestion_in(comment.body)
    if text is None or thread.outdated or thread.side != "head":
        raise NoSuggestion(comment_id=comment.id)
    if thread.now_path is None or thread.now_first is None or thread.now_last is None:
        raise NoSuggestion(comment_id=comment.id)
    return Replacement(thread.now_path, thread.now_first, thread.now_last, text)


async def _committed(resources: Resources, sides: Sides, commit: str) -> schemas.Pull:
    """Tells of a commit on the head, and the pull request as it is with it."""
    if sides.head_session is not None:
        await vcs.say(resources, Committed(**sessions.where(sides.head_session), commit_id=commit))
    await service.refresh(resources, sides.pull.id)
    async with resources.database.begin() as db:
        pull = await db.get_one(PullRequest, sides.pull.id)
        return await standing.show_one(db, pull)


async def pull_into(
    resources: Resources, actor: Actor, workspace_id: UUID, session_id: UUID, ref: str, message: str | None
) -> Merged:
    """Merges what the pull request's head has committed into a session of one's own, to try it there."""
    sides = await service.load(resources, actor, workspace_id, ref, READ)
    pull = sides.pull
    at = await vcs.target(resources, actor, session_id, pull.repository, "vcs:write")
    if at.session.workspace_id != workspace_id:
        raise sessions.NoSuchSession
    text = message or f"Merge pull request #{pull.number} into {at.session.name}"
    return await vcs.merge_commit(resources, actor, at, pull.head_commit, text)


# --- showing ---------------------------------------------------------------------------------------------------------------


def show_review(review: PullReview, pull: PullRequest) -> schemas.Review:
    return schemas.Review(
        review.id,
        schemas.Author(review.author_id, review.author_label),
        review.verdict,
        review.body,
        review.commit_id,
        review.commit_id != pull.head_commit,
        review.created_at,
    )


def show_check(row: PullCheck) -> schemas.Check:
    return schemas.Check(
        row.id,
        row.name,
        row.state,
        row.url,
        row.description,
        row.commit_id,
        not row.ours,
        row.updated_at,
    )


def show_comment(comment: PullComment) -> schemas.Comment:
    return schemas.Comment(
        comment.id,
        comment.review_id,
        schemas.Author(comment.author_id, comment.author_label),
        comment.body,
        comment.applied_commit,
        comment.created_at,
        comment.edited_at,
    )


def show_thread(thread: PullThread, comments: Sequence[PullComment]) -> schemas.Thread:
    return schemas.Thread(
        thread.id,
        thread.path if thread.outdated else thread.now_path,
        thread.side,
        thread.first_line if thread.outdated else thread.now_first,
        thread.last_line if thread.outdated else thread.now_last,
        thread.commit_id,
        thread.outdated,
        thread.resolved_at is not None,
        thread.resolved_by,
        [show_comment(comment) for comment in comments],
        thread.created_at,
    )
