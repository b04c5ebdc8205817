"""/workspace/{workspace_id}/pull-requests, and what a session does with one. `{pull}` is a number in the workspace, or an id."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.paging import Cursor, Limit, Page, decode, encode, page
from backend.core.resources import Hands
from backend.ledger.receipts.service import OnceOnly
from backend.workbench.pulls import asking, merging, repository, reviews, schemas, service, standing
from backend.workbench.pulls.models import ALIVE, State
from backend.workbench.vcs.schemas import Commit, Merged

ORDER = (State.OPEN, State.DRAFT, State.MERGED, State.CLOSED)
Which = Literal["alive", "open", "draft", "merged", "closed", "all"]


@post(guards=[scope("pulls:write")])
async def open_pull_request(
    resources: Hands, actor: Me, once: OnceOnly, workspace_id: FromPath[UUID], data: JSONBody[schemas.PullCreate]
) -> schemas.Pull:
    """Asks that what one session has committed comes into another."""
    return await service.open_(resources, actor, once, workspace_id, data)


@get(guards=[scope("pulls:read")])
async def list_pull_requests(
    db: Db,
    actor: Me,
    workspace_id: FromPath[UUID],
    which: Annotated[Which, QueryParameter(name="state")] = "alive",
    author: FromQuery[UUID | None] = None,
    reviewer: FromQuery[UUID | None] = None,
    session_id: FromQuery[UUID | None] = None,
    label: Annotated[str | None, QueryParameter(max_length=50, pattern=r"^[^\x00]*$(?!\n)")] = None,
    words: Annotated[str, QueryParameter(name="query", max_length=300, pattern=r"^[^\x00]*$(?!\n)")] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[schemas.Pull]:
    """Newest first; `alive` are the open ones and the drafts, `reviewer` leaves those that wait for that person's review."""
    before = decode(cursor, tuple[Annotated[int, Meta(ge=0, le=2**31 - 1)]])
    workspace = await service.workspace_of(db, actor, workspace_id)
    states = {"alive": ALIVE, "all": tuple(State)}.get(which) or (State(which),)
    rows = await repository.list_page(
        db,
        actor,
        workspace.id,
        states=states,
        author=author,
        waiting=asking.waiting_for(reviewer) if reviewer is not None else None,
        session_id=session_id,
        label=label,
        query=words,
        before=before[0] if before else None,
        limit=limit,
    )
    standings = await standing.standings(db, list(rows))
    return page(rows, limit, lambda row: standing.show(row, standings[row.id]), lambda row: (row.number,))


@get("/counts", guards=[scope("pulls:read")])
async def count_pull_requests(db: Db, actor: Me, workspace_id: FromPath[UUID]) -> schemas.Counts:
    workspace = await service.workspace_of(db, actor, workspace_id)
    by_state = await repository.count_by_state(db, actor, workspace.id)
    asked, mine = await repository.count_of_person(db, actor, workspace.id, asking.waiting_for(actor.user_id))
    opened, drafts, merged, closed = (by_state.get(state, 0) for state in ORDER)
    return schemas.Counts(opened, drafts, merged, closed, asked, mine)


@get("/{pull:str}", guards=[scope("pulls:read")])
async def get_pull_request(
    resources: Hands, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str]
) -> schemas.Pull:
    """As its branches are now."""
    return await _shown(resources, actor, workspace_id, pull)


async def _shown(resources: Hands, actor: Me, workspace_id: UUID, pull: str) -> schemas.Pull:
    sides = await service.load(resources, actor, workspace_id, pull)
    async with resources.database.begin() as db:
        return await standing.show_one(db, sides.pull)


@put("/{pull:str}", guards=[scope("pulls:write")])
async def update_pull_request(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.PullUpdate],
) -> schemas.Pull:
    return await service.change(resources, actor, workspace_id, pull, data)


@post("/{pull:str}/merge", guards=[scope("pulls:write")], status_code=200)
async def merge_pull_request(
    resources: Hands,
    actor: Me,
    once: OnceOnly,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.PullMerge],
) -> schemas.Pull:
    """Merges into the base session, its working copy included: what is not committed there stays, and where it is in the same
    files the merge is refused (409 `uncommitted_changes`). 409 `conflicts`; 422 `not_approved`; 423 `stale_head`."""
    return await service.merge(resources, actor, once, workspace_id, pull, data)


@post("/{pull:str}/conflict-content", guards=[scope("pulls:read")], status_code=200)
async def get_conflict_content(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.ConflictQuery],
) -> schemas.ConflictContent:
    """Each file that both sides changed: as it was, ours (the head), theirs (the base), and with markers."""
    sides = await service.load(resources, actor, workspace_id, pull)
    found = await resources.in_thread(merging.conflict_content, *sides.both(), data.path)
    return schemas.ConflictContent(*found)


@post("/{pull:str}/conflict-resolution", guards=[scope("pulls:write")])
async def resolve_conflicts(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.Settlement],
) -> schemas.Pull:
    """Commits the settled files as a merge of the base into the head session."""
    return await reviews.settle(resources, actor, workspace_id, pull, data)


@get("/{pull:str}/commits", guards=[scope("pulls:read")])
async def list_pull_request_commits(
    resources: Hands, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str]
) -> Page[Commit]:
    """What the head has and the base lacks, newest first, at most 250."""
    sides = await service.load(resources, actor, workspace_id, pull)
    return Page(await reviews.commits(resources, sides))


@get("/{pull:str}/threads", guards=[scope("pulls:read")])
async def list_threads(db: Db, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str]) -> Page[schemas.Thread]:
    """Every thread with its comments, oldest first, its lines where they were at the last look."""
    found = await service.get(db, actor, workspace_id, pull)
    threads = await repository.threads(db, found.id)
    comments = await repository.comments(db, threads)
    return Page([reviews.show_thread(thread, comments.get(thread.id, [])) for thread in threads])


@post("/{pull:str}/threads", guards=[scope("pulls:comment")])
async def create_thread(
    resources: Hands,
    actor: Me,
    once: OnceOnly,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.CommentCreate],
) -> schemas.Thread:
    """A comment on the whole, or on lines of a file."""
    return await reviews.comment(resources, actor, once, workspace_id, pull, data)


@put("/{pull:str}/threads/{thread_id:uuid}", guards=[scope("pulls:comment")])
async def update_thread(
    db: Db,
    actor: Me,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    thread_id: FromPath[UUID],
    data: JSONBody[schemas.ThreadUpdate],
) -> schemas.Thread:
    return await reviews.resolve(db, actor, workspace_id, pull, thread_id, resolved=data.resolved)


@post("/{pull:str}/threads/{thread_id:uuid}/comments", guards=[scope("pulls:comment")])
async def reply_to_thread(
    db: Db,
    actor: Me,
    once: OnceOnly,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    thread_id: FromPath[UUID],
    data: JSONBody[schemas.ReplyCreate],
) -> schemas.Comment:
    return await reviews.reply(db, actor, once, workspace_id, pull, thread_id, data.body)


@put("/{pull:str}/comments/{comment_id:uuid}", guards=[scope("pulls:comment")])
async def update_comment(
    db: Db,
    actor: Me,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    comment_id: FromPath[UUID],
    data: JSONBody[schemas.ReplyCreate],
) -> schemas.Comment:
    """One's own."""
    return await reviews.edit(db, actor, workspace_id, pull, comment_id, data.body)


@delete("/{pull:str}/comments/{comment_id:uuid}", guards=[scope("pulls:comment")])
async def delete_comment(
    db: Db, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str], comment_id: FromPath[UUID]
) -> None:
    """One's own; the thread goes with its last."""
    await reviews.remove(db, actor, workspace_id, pull, comment_id)


@post("/{pull:str}/apply-suggestions", guards=[scope("pulls:write")])
async def apply_suggestions(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.Suggestions],
) -> schemas.Pull:
    """The ```suggestion blocks of these comments as one commit on the head session; their threads are resolved."""
    return await reviews.apply(resources, actor, workspace_id, pull, data)


@get("/{pull:str}/reviews", guards=[scope("pulls:read")])
async def list_reviews(db: Db, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str]) -> Page[schemas.Review]:
    """Oldest first."""
    found = await service.get(db, actor, workspace_id, pull)
    return Page([reviews.show_review(row, found) for row in await repository.reviews(db, [found.id])])


@get("/{pull:str}/checks", guards=[scope("pulls:read")])
async def list_checks(db: Db, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str]) -> Page[schemas.Check]:
    """What CI jobs say of the head, by name: set here, or at the mirror's provider."""
    found = await service.get(db, actor, workspace_id, pull)
    return Page([reviews.show_check(row) for row in await repository.checks(db, found.id, found.head_commit)])


@put("/{pull:str}/checks", guards=[scope("pulls:write")])
async def set_check(
    db: Db, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str], data: JSONBody[schemas.CheckSet]
) -> schemas.Check:
    """What a CI job says of a commit, in place of what one of that name said before."""
    return await reviews.set_check(db, actor, workspace_id, pull, data)


@get("/rules", guards=[scope("pulls:read")])
async def get_branch_rules(
    db: Db, actor: Me, workspace_id: FromPath[UUID], session_id: FromPath[UUID]
) -> schemas.Rules:
    """What merging into this session's branch needs."""
    return await reviews.rules(db, actor, workspace_id, session_id)


@put("/rules", guards=[scope("admin")])
async def set_branch_rules(
    db: Db, actor: Me, workspace_id: FromPath[UUID], session_id: FromPath[UUID], data: JSONBody[schemas.Rules]
) -> schemas.Rules:
    await reviews.set_rules(db, actor, workspace_id, session_id, data)
    return data


@get("/{pull:str}/diff", guards=[scope("pulls:read")])
async def diff_pull_request(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    session_id: FromPath[UUID],
    pull: FromPath[str],
    path: Annotated[str | None, QueryParameter(min_length=1, max_length=4096)] = None,
    context: Annotated[int, QueryParameter(ge=0, le=1000)] = 3,
    limit: Annotated[int, QueryParameter(ge=1, le=300, description="How many files, 1 to 300.")] = 300,
    cursor: Cursor = "",
) -> schemas.PullDiff:
    """File by file, against where the head parted from the base. A cursor is good for the head that it was given for; for another
    the list begins anew."""
    position = decode(cursor, tuple[str, Annotated[int, Meta(ge=0)]])
    sides = await service.load(resources, actor, workspace_id, pull)
    service.require_side(sides, session_id)
    row = sides.pull
    skip = position[1] if position and position[0] == row.head_commit else 0
    items, done, total = await reviews.changed_files(
        resources, actor, sides, path=path, context=context, skip=skip, limit=limit
    )
    more = encode(row.head_commit, done) if done < total else None
    return schemas.PullDiff(row.merge_base, row.head_commit, total, items, more)


@put("/{pull:str}/viewed", guards=[scope("pulls:read")], status_code=204)
async def mark_file_viewed(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    session_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.Viewed],
) -> None:
    """The caller's own mark; it goes when the file changes. Only a person has one."""
    await reviews.mark_viewed(resources, actor, workspace_id, session_id, pull, data)


@post("/{pull:str}/review", guards=[scope("pulls:comment")])
async def review_pull_request(
    resources: Hands,
    actor: Me,
    once: OnceOnly,
    workspace_id: FromPath[UUID],
    session_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.ReviewCreate],
) -> schemas.Review:
    """A verdict with its comments. One's own approval of one's own pull request is kept and does not count."""
    return await reviews.review(resources, actor, once, workspace_id, session_id, pull, data)


@post("/{pull:str}/pull-into-session", guards=[scope("vcs:write")], status_code=200)
async def pull_into_session(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    session_id: FromPath[UUID],
    pull: FromPath[str],
    data: JSONBody[schemas.PullInto],
) -> Merged:
    """Merges what the pull request's head has committed into this session, to try it there."""
    return await reviews.pull_into(resources, actor, workspace_id, session_id, pull, data.message)


router = Router(
    "/workspace/{workspace_id:uuid}",
    route_handlers=[
        Router(
            "/pull-requests",
            route_handlers=[
                open_pull_request,
                list_pull_requests,
                count_pull_requests,
                get_pull_request,
                update_pull_request,
                merge_pull_request,
                get_conflict_content,
                resolve_conflicts,
                list_pull_request_commits,
                list_threads,
                create_thread,
                update_thread,
                reply_to_thread,
                update_comment,
                delete_comment,
                apply_suggestions,
                list_reviews,
                list_checks,
                set_check,
            ],
        ),
        Router(
            "/sessions/{session_id:uuid}/pull-requests",
            route_handlers=[
                get_branch_rules,
                set_branch_rules,
                diff_pull_request,
                mark_file_viewed,
                review_pull_request,
                pull_into_session,
            ],
        ),
    ],
    tags=["pull requests"],
)
