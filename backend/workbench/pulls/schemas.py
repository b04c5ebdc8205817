"""Pull requests on the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from backend.workbench.connections.clients.contract import CheckState, Verdict
from backend.workbench.pulls.models import Side, State, Step
from backend.workbench.vcs.schemas import RepositoryName, Status

Title = Annotated[
    str, Meta(min_length=1, max_length=300, pattern=r"^[^\S\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$(?!\n)")
]
Markdown = Annotated[str, Meta(max_length=65_536, pattern=r"^[^\x00]*$(?!\n)")]
Words = Annotated[str, Meta(min_length=1, max_length=65_536, pattern=r"^\s*[^\s\x00][^\x00]*$(?!\n)")]
Label = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Labels = Annotated[list[Label], Meta(max_length=30)]
Reviewers = Annotated[list[UUID], Meta(max_length=30)]
Sha = Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}$(?!\n)")]
Method = Literal["merge", "squash", "rebase"]
LineNumber = Annotated[int, Meta(ge=1, le=10_000_000)]
SafePath = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"^[^\x00]+$(?!\n)")]


class PullCreate(msgspec.Struct, forbid_unknown_fields=True):
    """What the head session has committed, for the base session (the default one where it is left out). `mirror` opens it at the
    provider that the repository was imported from too, by the caller's connection."""

    head_session_id: UUID
    title: Title
    base_session_id: UUID | None = None
    repository: RepositoryName = "root"
    body: Markdown = ""
    draft: bool = False
    reviewers: Reviewers = []
    reviewer_teams: Reviewers = []
    labels: Labels = []
    mirror: bool = False


class PullUpdate(msgspec.Struct, forbid_unknown_fields=True):
    """`state` closes without merging, and opens again; `reviewers` and `reviewer_teams` replace
    those who are asked."""

    title: Title | UnsetType = UNSET
    body: Markdown | UnsetType = UNSET
    draft: bool | UnsetType = UNSET
    state: Literal["open", "closed"] | UnsetType = UNSET
    reviewers: Reviewers | UnsetType = UNSET
    reviewer_teams: Reviewers | UnsetType = UNSET
    labels: Labels | UnsetType = UNSET


class Author(msgspec.Struct):
    """`id` is null for an API key, and for somebody of a mirror who has no account here."""

    id: UUID | None
    name: str


class Reviewer(msgspec.Struct):
    """A person or a team that was asked. `answered` when they gave a review since, for a team any of its members."""

    id: UUID
    name: str
    answered: bool


class MirrorError(msgspec.Struct):
    """`remedy` says what to do; then refresh the pull request."""

    code: str
    cause: str
    remedy: str


class Mirror(msgspec.Struct):
    """The pull request's twin at the provider. `state`: opening; in_step, as of `last_synced_at`; waiting, tried again by itself;
    failed, until somebody does what `error` says."""

    provider: str | None
    url: str | None
    number: int | None
    state: Step
    last_synced_at: datetime | None
    error: MirrorError | None


class Pull(msgspec.Struct):
    """`head_commit`, `base_commit`, `merge_base` and `conflicts` (paths) are as of the last look, which opening one, `refresh`
    and every commit by the API take. `blocked_by` says what keeps it from being merged: draft, conflicts, approvals,
    changes_requested, ended, session_gone."""

    id: UUID
    workspace_id: UUID
    number: int
    repository: str
    title: str
    body: str
    state: State
    author: Author
    head_session_id: UUID | None
    base_session_id: UUID | None
    head_branch: str
    base_branch: str
    head_commit: str
    base_commit: str
    merge_base: str
    conflicts: list[str]
    labels: list[str]
    reviewers: list[Reviewer]
    reviewer_teams: list[Reviewer]
    approved_by: list[Author]
    changes_requested_by: list[Author]
    required_approvals: int
    blocked_by: list[str]
    merge_commit: str | None
    merge_method: str | None
    merged_by: UUID | None
    provider: str | None
    provider_number: int | None
    provider_url: str | None
    mirror: Mirror | None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None


class Counts(msgspec.Struct):
    """`review_requested` counts the open ones that wait for the caller's review, asked of them or a team of
    theirs; `mine` those that the caller opened."""

    open: int
    draft: int
    merged: int
    closed: int
    review_requested: int
    mine: int


class PullMerge(msgspec.Struct, forbid_unknown_fields=True):
    """`expected_head` is the commit that was reviewed; 423 when the head is another by now."""

    method: Method = "merge"
    expected_head: Sha | None = None
    message: Markdown | None = None


class PatchHunk(msgspec.Struct):
    """`text` is the lines as in a patch, without a last line feed: each begins with " ", "+", "-" or "\\" (no line feed at
    the end of the file). `spans` are [line of the text from 0, from, to): the characters after the line's sign that differ from
    the line that it replaces, or that replaces it."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    header: str
    text: str
    spans: list[tuple[int, int, int]] = []


class ChangedFile(msgspec.Struct):
    """`viewed` is the caller's mark; `content` is what it is of, the blobs before and after as `old:new`; `truncated` says that
    the hunks are left out: ask for this `path` alone."""

    path: str
    old_path: str | None
    status: Status
    additions: int
    deletions: int
    binary: bool
    viewed: bool
    content: str
    hunks: list[PatchHunk]
    truncated: bool
    path_b64: str | None = None


class PullDiff(msgspec.Struct):
    """From `merge_base` to `head_commit`. `total_files` counts them on all pages."""

    merge_base: str
    head_commit: str
    total_files: int
    items: list[ChangedFile]
    next_cursor: str | None


class Viewed(msgspec.Struct, forbid_unknown_fields=True):
    """`content` is what the caller saw, as the difference gave it, lest a commit made meanwhile counts as seen; as it is now
    where it is left out."""

    path: SafePath
    viewed: bool
    content: Annotated[str, Meta(pattern=r"^[0-9a-f]{40,64}:[0-9a-f]{40,64}$(?!\n)")] | None = None


class ConflictQuery(msgspec.Struct, forbid_unknown_fields=True):
    """All conflicting files, or one."""

    path: SafePath | None = None


class ConflictFile(msgspec.Struct):
    """`base` is the file where the two parted, `ours` the head's, `theirs` the base session's; null where it is not there, or
    not text. `markers` holds both, as git writes it, with the name of each side's branch."""

    path: str
    base: str | None
    ours: str | None
    theirs: str | None
    markers: str | None
    binary: bool


class ConflictContent(msgspec.Struct):
    head_commit: str
    base_commit: str
    files: list[ConflictFile]


class SettledFile(msgspec.Struct, forbid_unknown_fields=True):
    """Its content after the merge, or `delete`, or whose it is to be as a whole, which need not be text."""

    path: SafePath
    content: Annotated[str, Meta(max_length=2_000_000)] | None = None
    delete: bool = False
    take: Literal["ours", "theirs"] | None = None


class Settlement(msgspec.Struct, forbid_unknown_fields=True):
    """Every conflicting file; becomes a merge commit on the head session."""

    expected_head: Sha
    files: Annotated[list[SettledFile], Meta(min_length=1, max_length=1000)]
    message: Words | None = None


class CommentCreate(msgspec.Struct, forbid_unknown_fields=True):
    """On the whole, or on lines of a file: `line`, or from `start_line` to it, of the head (or, on the left, the `base`).
    A fenced block ```suggestion in `body` offers what these lines should be."""

    body: Words
    path: SafePath | None = None
    side: Side = "head"
    line: LineNumber | None = None
    start_line: LineNumber | None = None


class ReplyCreate(msgspec.Struct, forbid_unknown_fields=True):
    body: Words


class ThreadUpdate(msgspec.Struct, forbid_unknown_fields=True):
    resolved: bool


class ReviewCreate(msgspec.Struct, forbid_unknown_fields=True):
    """A verdict with its comments in one go. `commit_id` is the head that was reviewed; 423 when it is another by now."""

    verdict: Verdict
    body: Markdown = ""
    comments: Annotated[list[CommentCreate], Meta(max_length=200)] = []
    commit_id: Sha | None = None


class Review(msgspec.Struct):
    """`stale` says that it is of an older head."""

    id: UUID
    author: Author
    verdict: Verdict
    body: str
    commit_id: str
    stale: bool
    created_at: datetime


class Comment(msgspec.Struct):
    """`applied_commit` is what its suggestion became."""

    id: UUID
    review_id: UUID | None
    author: Author
    body: str
    applied_commit: str | None
    created_at: datetime
    edited_at: datetime | None


class Thread(msgspec.Struct):
    """`path`, `start_line` and `line` are where its lines are now; where they are gone (`outdated`), where they were in
    `commit_id`. All null for one on the whole."""

    id: UUID
    path: str | None
    side: Side
    start_line: int | None
    line: int | None
    commit_id: str
    outdated: bool
    resolved: bool
    resolved_by: UUID | None
    comments: list[Comment]
    created_at: datetime


class CheckSet(msgspec.Struct, forbid_unknown_fields=True):
    """`commit_id` is the head of the last look where it is left out."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
    state: CheckState
    url: Annotated[str, Meta(max_length=2000, pattern=r"^(https?://[\x21-\x7e]+)?$(?!\n)")] = ""
    description: Annotated[str, Meta(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")] = ""
    commit_id: Sha | None = None


class Check(msgspec.Struct):
    """`from_provider` says that it was read at the mirror's provider."""

    id: UUID
    name: str
    state: CheckState
    url: str
    description: str
    commit_id: str
    from_provider: bool
    updated_at: datetime


class Suggestions(msgspec.Struct, forbid_unknown_fields=True):
    """The suggestions of these comments, as one commit on the head session."""

    comment_ids: Annotated[list[UUID], Meta(min_length=1, max_length=100)]
    expected_head: Sha | None = None
    message: Words | None = None


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    """What merging into this session's branch needs: so many approvals by others than the author, and nobody asking for changes.
    With `dismiss_stale`, an approval is of the head that it was given for and no other."""

    required_approvals: Annotated[int, Meta(ge=0, le=10)] = 0
    dismiss_stale: bool = True


class PullInto(msgspec.Struct, forbid_unknown_fields=True):
    message: Words | None = None
