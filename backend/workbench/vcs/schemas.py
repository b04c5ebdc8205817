"""Version control on the wire. Paths that are not UTF-8 are escaped in `path` and exact in `path_b64`."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

Revision = Annotated[str, Meta(min_length=1, max_length=300, pattern=r"^[^\x00-\x20\x7f-][^\x00-\x20\x7f]*$(?!\n)")]
Path = Annotated[str, Meta(min_length=1, max_length=4096)]
Paths = Annotated[list[Path], Meta(max_length=10_000)]
Context = Annotated[int, Meta(ge=0, le=1000)]
RepositoryName = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[^\x00]+$(?!\n)")]
Message = Annotated[str, Meta(min_length=1, max_length=100_000, pattern=r"\S")]
Url = Annotated[str, Meta(min_length=1, max_length=2000)]
Status = Literal["added", "modified", "deleted", "renamed", "untracked", "conflicted"]


class Repository(msgspec.Struct):
    """`ahead` and `behind` count against what the remote had when it was last asked; null before."""

    name: str
    path: str
    branch: str | None
    head: str | None
    remote_url: str | None
    ahead: int | None
    behind: int | None
    dirty: bool


class ChangedPath(msgspec.Struct, omit_defaults=True):
    path: str
    status: Status
    staged: bool | None = None
    old_path: str | None = None
    path_b64: str | None = None


class WorkingStatus(msgspec.Struct):
    """`branch` is null on a detached HEAD. `total` counts the changed paths, `truncated` says that `files` lacks some."""

    branch: str | None
    head: str | None
    files: list[ChangedPath]
    total: int
    truncated: bool


class Person(msgspec.Struct):
    name: str
    email: str


class Commit(msgspec.Struct):
    id: str
    parents: list[str]
    author: Person
    committer: Person
    time: datetime
    message: str
    refs: list[str]


class Line(msgspec.Struct, omit_defaults=True):
    """`kind` is " ", "+" or "-"; `old` and `new` are line numbers; `spans` are the [from, to) characters that differ from
    the line it replaces."""

    kind: str
    text: str
    old: int | None = None
    new: int | None = None
    spans: list[tuple[int, int]] | None = None


class Hunk(msgspec.Struct, omit_defaults=True):
    """`id`, in differences of the working copy, names what is seen here: for a commit or a discard of this hunk alone."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    header: str
    lines: list[Line]
    id: str | None = None


class FileDiff(msgspec.Struct):
    """`truncated` says that hunks were left out because there were too many lines."""

    path: str
    old_path: str | None
    status: Status
    additions: int
    deletions: int
    binary: bool
    hunks: list[Hunk]
    truncated: bool = False
    path_b64: str | None = None


class Diff(msgspec.Struct):
    files: list[FileDiff]
    truncated: bool


class CommitDetail(Commit):
    files: list[FileDiff] = []
    truncated: bool = False


class LogQuery(msgspec.Struct, forbid_unknown_fields=True, rename={"start": "from"}):
    """`author` and `query` look for a part of name, e-mail or message, whatever its case; `from` is where to start; `all`
    starts from every branch of the workspace and from what its remotes had, the latest 40 of them."""

    path: Path | None = None
    author: Annotated[str, Meta(max_length=300)] | None = None
    query: Annotated[str, Meta(max_length=300)] | None = None
    start: Revision | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    cursor: Annotated[str, Meta(max_length=4000)] = ""
    all: bool = False
    repository: RepositoryName = "root"


class DiffQuery(msgspec.Struct, forbid_unknown_fields=True, rename={"start": "from"}):
    start: Revision
    to: Revision
    paths: Paths | None = None
    context: Context = 3
    repository: RepositoryName = "root"


class ChosenHunk(msgspec.Struct, forbid_unknown_fields=True):
    """A hunk of `GET /diff/working-copy`, or some of its `lines`, numbered from 0 as they stand there."""

    path: Path
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{24}$(?!\n)")]
    lines: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1, max_length=20_000)] | None = None


class Selection(msgspec.Struct, forbid_unknown_fields=True):
    """All changes; or those at or below `paths`, and `hunks` of other files. `context` is what the differences were asked
    for with that the hunks stand in."""

    paths: Paths | None = None
    hunks: Annotated[list[ChosenHunk], Meta(max_length=10_000)] | None = None
    context: Context = 3
    repository: RepositoryName = "root"


class CommitCreate(Selection, forbid_unknown_fields=True, kw_only=True):
    message: Message
    author: Person | None = None


class CommitId(msgspec.Struct):
    id: str


class GeneratedMessage(msgspec.Struct):
    message: str
    source: Literal["model", "heuristic"]


class Undo(msgspec.Struct):
    """What was there before can be had again by restoring this snapshot."""

    snapshot_id: UUID


class Rollback(msgspec.Struct, forbid_unknown_fields=True):
    """`content` commits the old content anew; `head` moves the branch back."""

    commit_id: Revision
    mode: Literal["content", "head"] = "content"
    repository: RepositoryName = "root"


class RolledBack(msgspec.Struct):
    """`id` is the new commit, null where the branch was moved. What undoes it: a rollback of mode `head` to `previous_head`,
    where the branch was, then the snapshot, which holds the files alone."""

    id: str | None
    snapshot_id: UUID
    previous_head: str | None = None


class Snapshot(msgspec.Struct):
    id: UUID
    commit_id: str
    reason: str
    label: str
    created_at: datetime
    files_changed: int


class SnapshotDetail(Snapshot):
    """`files` is what the snapshot changes: against the commit it lay on, or against what is there now."""

    files: list[FileDiff] = []
    truncated: bool = False


class SnapshotCreate(msgspec.Struct, forbid_unknown_fields=True):
    label: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")] = ""


class BlameHunk(msgspec.Struct):
    """`lines` lines from `start` (1-based) come from that commit."""

    commit_id: str
    start: int
    lines: int
    author: Person
    time: datetime
    summary: str


class Blame(msgspec.Struct):
    path: str
    commit_id: str
    hunks: list[BlameHunk]


class Branch(msgspec.Struct):
    """`session_id` is the session that works on it, if one does, and `session_name` its name."""

    name: str
    head: str
    current: bool
    session_id: UUID | None
    session_name: str | None


class Merge(msgspec.Struct, forbid_unknown_fields=True):
    from_session: UUID
    message: Message | None = None
    repository: RepositoryName = "root"


class Merged(msgspec.Struct):
    """`id` is HEAD now; `fast_forward` when no merge commit was needed; `snapshot_id` null when nothing had to change. It is
    undone as a rollback is: the branch moved back to `previous_head`, then the snapshot restored."""

    id: str
    fast_forward: bool
    snapshot_id: UUID | None
    previous_head: str | None = None


class Remote(msgspec.Struct, forbid_unknown_fields=True):
    """`url` sets the remote for good, `token` is used once and not kept, `branch` is the remote's, where it is another."""

    url: Url | None = None
    token: Annotated[str, Meta(max_length=1000)] = ""
    branch: Annotated[str, Meta(max_length=250)] | None = None
    repository: RepositoryName = "root"


class Pushed(msgspec.Struct):
    branch: str
    head: str
    remote_url: str
