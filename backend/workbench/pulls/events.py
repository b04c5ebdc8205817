"""What happens to pull requests. `by` is the person who did it, null for a key or the server itself."""

from typing import ClassVar
from uuid import UUID

from backend.core.events import Event


class PullEvent(Event, frozen=True, kw_only=True):
    """`session_id` is the head session's; `how` says in a word what changed; `mirrored` that it was so at the provider first."""

    scope: ClassVar[str] = "pulls:read"
    pull_id: UUID
    number: int
    title: str
    by: UUID | None
    by_name: str
    how: str
    mirrored: bool = False


class PullOpened(PullEvent, frozen=True, kw_only=True):
    """`how` is "reopened" for one that had been closed."""

    name: ClassVar[str] = "pull.opened"
    reviewers: tuple[UUID, ...] = ()
    reviewer_teams: tuple[UUID, ...] = ()


class PullUpdated(PullEvent, frozen=True, kw_only=True):
    """`how`: "edited", "commits", "checks", "mirror" (its state); `reviewers` and `reviewer_teams` are those newly asked."""

    name: ClassVar[str] = "pull.updated"
    reviewers: tuple[UUID, ...] = ()
    reviewer_teams: tuple[UUID, ...] = ()


class PullCommented(PullEvent, frozen=True, kw_only=True):
    """`how`: "created", "edited", "deleted", "resolved", "unresolved"."""

    name: ClassVar[str] = "pull.commented"
    thread_id: UUID
    comment_id: UUID | None = None


class PullReviewed(PullEvent, frozen=True, kw_only=True):
    """`how` is the verdict."""

    name: ClassVar[str] = "pull.reviewed"
    review_id: UUID


class PullMerged(PullEvent, frozen=True, kw_only=True):
    """`how`: the method, or "elsewhere" when its commits came into the base by another way."""

    name: ClassVar[str] = "pull.merged"
    audited: ClassVar[bool] = True
    commit_id: str | None = None


class PullClosed(PullEvent, frozen=True, kw_only=True):
    """Without being merged."""

    name: ClassVar[str] = "pull.closed"
