"""/workspace/{session_id}/version-controls: see ../service.py for what each does."""

import functools
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
import pygit2
from litestar import Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from backend.core.auth import Me, scope
from backend.core.paging import Cursor, Limit, Page, decode, page
from backend.core.resources import Hands
from backend.ledger.receipts.service import OnceOnly
from backend.workbench.sessions import service as sessions
from backend.workbench.snapshots import service as snapshots
from backend.workbench.snapshots.models import Snapshot
from backend.workbench.vcs import changes, diffs, history, schemas, service

Name = Annotated[
    str,
    QueryParameter(
        min_length=1, max_length=80, pattern=r"^[^\x00]+$(?!\n)", description="Which repository; `root` by default."
    ),
]


@get("/repositories", guards=[scope("vcs:read")])
async def list_repositories(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> Page[schemas.Repository]:
    session = await sessions.ready(resources, actor, session_id, "vcs:read")
    return Page(await service.describe(resources, session))


@get("/status", guards=[scope("vcs:read")])
async def get_status(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    repository: Name = "root",
    limit: Annotated[int, QueryParameter(ge=1, le=1_000_000, description="How many paths to list.")] = 10_000,
) -> schemas.WorkingStatus:
    """HEAD and the paths that differ from it, sorted. Beyond `limit`, untracked files are left out before others; `total` says
    how many there are."""
    at = await service.target(resources, actor, session_id, repository, "vcs:read")
    return await resources.in_thread(changes.status, at.place, limit)


@post("/log", guards=[scope("vcs:read")], status_code=200)
async def search_log(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.LogQuery]
) -> Page[schemas.Commit]:
    """Commits, newest first, by path, author or words of the message."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:read")
    return await resources.in_thread(service.reading, at.place, history.log, data, at.place)


@get("/log/{commit_id:str}", guards=[scope("vcs:read")])
async def get_commit(
    resources: Hands, actor: Me, session_id: FromPath[UUID], commit_id: FromPath[str], repository: Name = "root"
) -> schemas.CommitDetail:
    at = await service.target(resources, actor, session_id, repository, "vcs:read")
    return await resources.in_thread(service.reading, at.place, history.detail, commit_id)


@post("/diff", guards=[scope("vcs:read")], status_code=200)
async def compare_revisions(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.DiffQuery]
) -> schemas.Diff:
    """What turns `from` into `to`."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:read")

    def compare(repository: pygit2.Repository) -> schemas.Diff:
        old, new = history.resolve(repository, data.start), history.resolve(repository, data.to)
        return diffs.between(repository, old.tree, new.tree, paths=data.paths, context=data.context)

    return await resources.in_thread(service.reading, at.place, compare)


@get("/diff/working-copy", guards=[scope("vcs:read")])
async def diff_working_copy(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    repository: Name = "root",
    path: FromQuery[list[str] | None] = None,
    context: Annotated[int, QueryParameter(ge=0, le=1000)] = 3,
) -> schemas.Diff:
    """What is not committed, untracked files included."""
    at = await service.target(resources, actor, session_id, repository, "vcs:read")
    show = functools.partial(diffs.working_copy, paths=path, context=context)
    return await resources.in_thread(service.reading, at.place, show)


@post("/commit", guards=[scope("vcs:write")])
async def create_commit(
    resources: Hands, actor: Me, once: OnceOnly, session_id: FromPath[UUID], data: JSONBody[schemas.CommitCreate]
) -> schemas.CommitId:
    """Commits everything, or what lies at or below `paths` and the `hunks` of other files; 409 when one of them has changed."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:write")
    return await service.commit(resources, actor, once, at, data)


@post("/commit/generate-message", guards=[scope("vcs:read")], status_code=200)
async def generate_message(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Selection]
) -> schemas.GeneratedMessage:
    """A message for what is not committed, from the differences alone."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:read")
    return schemas.GeneratedMessage(await service.propose(resources, at, data), "heuristic")


@post("/discard", guards=[scope("vcs:write")], status_code=200)
async def discard_changes(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Selection]
) -> schemas.Undo:
    """Drops what is not committed, or `paths` and `hunks` of it; the answer's snapshot brings it back."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:write")
    return schemas.Undo(await service.discard(resources, at, data))


@post("/rollback", guards=[scope("vcs:write")], status_code=200)
async def roll_back(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Rollback]
) -> schemas.RolledBack:
    """The files become what a commit has, after a snapshot: as a new commit on top, or by moving the branch to it."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:write")
    return await service.roll_back(resources, actor, at, data)


@get("/snapshots", guards=[scope("vcs:read")])
async def list_snapshots(
    resources: Hands, actor: Me, session_id: FromPath[UUID], limit: Limit = 50, cursor: Cursor = ""
) -> Page[schemas.Snapshot]:
    """Newest first."""
    before = decode(cursor, tuple[datetime, UUID])
    session = await sessions.ready(resources, actor, session_id, "vcs:read")
    async with resources.database.begin() as db:
        rows = await snapshots.list_page(db, session.id, before=before, limit=limit)
    return page(rows, limit, show_snapshot, lambda row: (row.created_at, row.id))


@get("/snapshots/{snapshot_id:uuid}", guards=[scope("vcs:read")])
async def get_snapshot(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    snapshot_id: FromPath[UUID],
    against: FromQuery[Literal["now", "head"]] = "now",
    repository: Name = "root",
) -> schemas.SnapshotDetail:
    """What restoring it would change (`now`), or what it held that was not committed (`head`)."""
    at = await service.target(resources, actor, session_id, repository, "vcs:read")
    async with resources.database.begin() as db:
        row = await snapshots.find(db, at.session, snapshot_id)
    diff = await resources.in_thread(diffs.of_snapshot, at.place, row.commits.get(repository), now=against == "now")
    shown = show_snapshot(row)
    return schemas.SnapshotDetail(**msgspec.structs.asdict(shown), files=diff.files, truncated=diff.truncated)


@post("/snapshots", guards=[scope("vcs:write")])
async def take_snapshot(
    resources: Hands, actor: Me, once: OnceOnly, session_id: FromPath[UUID], data: JSONBody[schemas.SnapshotCreate]
) -> schemas.Snapshot:
    session = await sessions.ready(resources, actor, session_id, "vcs:write")
    async with once.around(resources.database):
        shown = show_snapshot(await snapshots.take(resources, session, reason="request", label=data.label))
        await once.seal_apart(resources.database, shown)
    return shown


@post("/snapshots/{snapshot_id:uuid}/restore", guards=[scope("vcs:write")], status_code=200)
async def restore_snapshot(
    resources: Hands, actor: Me, session_id: FromPath[UUID], snapshot_id: FromPath[UUID]
) -> schemas.Undo:
    """Makes the working copy what the snapshot holds; the branch stays where it is. The answer's snapshot undoes this."""
    session = await sessions.ready(resources, actor, session_id, "vcs:write")
    return schemas.Undo((await snapshots.restore(resources, session, snapshot_id)).id)


@get("/blame", guards=[scope("vcs:read")])
async def get_blame(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    path: Annotated[str, QueryParameter(min_length=1, max_length=4096)],
    revision: FromQuery[str | None] = None,
    repository: Name = "root",
) -> schemas.Blame:
    """Which commit each line comes from."""
    at = await service.target(resources, actor, session_id, repository, "vcs:read")
    return await service.blame(resources, at, path, revision)


@get("/branches", guards=[scope("vcs:read")])
async def list_branches(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    repository: Name = "root",
    words: Annotated[
        str, QueryParameter(name="query", max_length=200, description="A part of its name, or its session's.")
    ] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[schemas.Branch]:
    """Those that sessions work on before the others, each by name."""
    at = await service.target(resources, actor, session_id, repository, "vcs:read")
    rows = await service.branches(resources, at, words, after=decode(cursor, tuple[bool, str]), limit=limit)
    return page(rows, limit, lambda row: row, lambda row: (row.session_id is None, row.name))


@post("/merge", guards=[scope("vcs:write")], status_code=200)
async def merge_session(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Merge]
) -> schemas.Merged:
    """Merges what another session of the workspace has committed; 409 with the files where both changed the same lines."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:write")
    return await service.merge(resources, actor, at, data)


@post("/push", guards=[scope("vcs:write")], status_code=200)
async def push_branch(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Remote]
) -> schemas.Pushed:
    """Publishes the session's branch at its remote. Never forces."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:write")
    return await service.push(resources, actor, at, data)


@post("/pull", guards=[scope("vcs:write")], status_code=200)
async def pull_branch(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Remote]
) -> schemas.Merged:
    """Fetches the upstream branch and merges it; 409 with the files where that conflicts."""
    at = await service.target(resources, actor, session_id, data.repository, "vcs:write")
    return await service.pull(resources, actor, at, data)


def show_snapshot(row: Snapshot) -> schemas.Snapshot:
    return schemas.Snapshot(row.id, row.commits["root"], row.reason, row.label, row.created_at, row.files_changed)


router = Router(
    "/workspace/{session_id:uuid}/version-controls",
    route_handlers=[
        list_repositories,
        get_status,
        search_log,
        get_commit,
        compare_revisions,
        diff_working_copy,
        create_commit,
        generate_message,
        discard_changes,
        roll_back,
        list_snapshots,
        get_snapshot,
        take_snapshot,
        restore_snapshot,
        get_blame,
        list_branches,
        merge_session,
        push_branch,
        pull_branch,
    ],
    tags=["version control"],
)
