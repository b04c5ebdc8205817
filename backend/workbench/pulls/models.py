"""The tables of pull requests, their reviews, threads of comments, checks, viewed files, mirrors, and the rules of branches."""

from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time, UpdatedAt
from backend.workbench.connections.clients.contract import CheckState, Verdict

Side = Literal["base", "head"]
Step = Literal["opening", "in_step", "waiting", "failed"]


class State(StrEnum):
    """draft ⇄ open → merged | closed; closed → open again."""

    DRAFT = "draft"
    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


ALIVE = (State.OPEN, State.DRAFT)


class PullRequest(Base):
    """What the head session's branch has that the base session's lacks, for one repository. The commits are those of the last
    look: `merge_base` is where the two parted. `conflicts` are the paths that both changed, None before the first look.
    `provider…` name its mirror; `author_label` an author who has no account here."""

    __tablename__ = "pull_requests"
    __table_args__ = (
        UniqueConstraint("workspace_id", "number"),
        Index(
            "uq_pull_requests_alive",
            "head_session_id",
            "base_session_id",
            "repository",
            unique=True,
            postgresql_where=text("state IN ('open', 'draft')"),
        ),
        Index("ix_pull_requests_base_session_id", "base_session_id"),
    )

    id: Mapped[Key]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    number: Mapped[int]
    repository: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(300))
    body: Mapped[str]
    state: Mapped[State] = mapped_column(String(10))
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    author_label: Mapped[str] = mapped_column(String(200))
    head_session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id", ondelete="SET NULL"))
    base_session_id: Mapped[UUID | None] = mapped_column(ForeignKey("sessions.id", ondelete="SET NULL"))
    head_branch: Mapped[str] = mapped_column(String(250))
    base_branch: Mapped[str] = mapped_column(String(250))
    head_commit: Mapped[str] = mapped_column(String(64))
    base_commit: Mapped[str] = mapped_column(String(64))
    merge_base: Mapped[str] = mapped_column(String(64))
    conflicts: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    labels: Mapped[list[str]]
    merge_commit: Mapped[str | None] = mapped_column(String(64))
    merge_method: Mapped[str | None] = mapped_column(String(10))
    merged_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    provider: Mapped[str | None] = mapped_column(String(20))
    provider_number: Mapped[int | None]
    provider_url: Mapped[str | None] = mapped_column(String(2000))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
    ended_at: Mapped[Time | None]


class PullReviewer(Base):
    """Who was asked for a review."""

    __tablename__ = "pull_reviewers"

    pull_id: Mapped[UUID] = mapped_column(ForeignKey("pull_requests.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[CreatedAt]


class PullReviewerTeam(Base):
    """A team that was asked for one."""

    __tablename__ = "pull_reviewer_teams"

    pull_id: Mapped[UUID] = mapped_column(ForeignKey("pull_requests.id", ondelete="CASCADE"), primary_key=True)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    created_at: Mapped[CreatedAt]


class PullReview(Base):
    """A verdict on the pull request as it was at `commit_id`."""

    __tablename__ = "pull_reviews"
    __table_args__ = (Index("ix_pull_reviews_pull_id_created_at", "pull_id", "created_at"),)

    id: Mapped[Key]
    pull_id: Mapped[UUID] = mapped_column(ForeignKey("pull_requests.id", ondelete="CASCADE"))
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    author_label: Mapped[str] = mapped_column(String(200))
    verdict: Mapped[Verdict] = mapped_column(String(20))
    body: Mapped[str]
    commit_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[CreatedAt]


class PullThread(Base):
    """Comments on lines (`path`, `side`, first to last line of `commit_id`), or, without a path, on the whole. `now_…` is where
    those lines are at the last look; `outdated` says that one of them is gone."""

    __tablename__ = "pull_threads"
    __table_args__ = (Index("ix_pull_threads_pull_id_created_at", "pull_id", "created_at"),)

    id: Mapped[Key]
    pull_id: Mapped[UUID] = mapped_column(ForeignKey("pull_requests.id", ondelete="CASCADE"))
    path: Mapped[str | None] = mapped_column(String(4096))
    side: Mapped[Side] = mapped_column(String(4))
    commit_id: Mapped[str] = mapped_column(String(64))
    first_line: Mapped[int | None]
    last_line: Mapped[int | None]
    now_path: Mapped[str | None] = mapped_column(String(4096))
    now_first: Mapped[int | None]
    now_last: Mapped[int | None]
    outdated: Mapped[bool] = mapped_column(default=False)
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    resolved_at: Mapped[Time | None]
    created_at: Mapped[CreatedAt]


class PullComment(Base):
    """One comment of a thread, Markdown as written. `applied_commit` is the commit that its suggestion became."""

    __tablename__ = "pull_comments"
    __table_args__ = (Index("ix_pull_comments_thread_id_created_at", "thread_id", "created_at"),)

    id: Mapped[Key]
    thread_id: Mapped[UUID] = mapped_column(ForeignKey("pull_threads.id", ondelete="CASCADE"))
    review_id: Mapped[UUID | None] = mapped_column(ForeignKey("pull_reviews.id", ondelete="SET NULL"))
    author_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    author_label: Mapped[str] = mapped_column(String(200))
    body: Mapped[str]
    applied_commit: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[CreatedAt]
    edited_at: Mapped[Time | None]


class PullView(Base):
    """That a person has seen a file as it was: `content` names both of its sides, so a change of either takes the mark away."""

    __tablename__ = "pull_views"

    pull_id: Mapped[UUID] = mapped_column(ForeignKey("pull_requests.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    path: Mapped[str] = mapped_column(String(4096), primary_key=True)
    content: Mapped[str] = mapped_column(String(130))


class BranchRule(Base):
    """What a pull request into a session's branch needs before it is merged."""

    __tablename__ = "branch_rules"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), primary_key=True)
    required_approvals: Mapped[int] = mapped_column(default=0)
    dismiss_stale: Mapped[bool] = mapped_column(default=True)
    updated_at: Mapped[UpdatedAt]


class PullCheck(Base):
    """What a CI job says of a commit. `ours` was said here, and is `told` to the mirror's provider; others come from there."""

    __tablename__ = "pull_checks"
    __table_args__ = (UniqueConstraint("pull_id", "commit_id", "name"),)

    id: Mapped[Key]
    pull_id: Mapped[UUID] = mapped_column(ForeignKey("pull_requests.id", ondelete="CASCADE"))
    commit_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[CheckState] = mapped_column(String(10))
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(300))
    ours: Mapped[bool]
    told: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[UpdatedAt]


class PullMirror(Base):
    """A pull request's twin at a provider, kept in step by the connection of `owner_id`. `seen` is what both sides last agreed
    on: which of them has changed since is told by it. `wanted` grows with each reason to look again; one at a time does so, by
    its `lease`. `error` is {code, cause, remedy}."""

    __tablename__ = "pull_mirrors"

    pull_id: Mapped[UUID] = mapped_column(ForeignKey("pull_requests.id", ondelete="CASCADE"), primary_key=True)
    owner_id: Mapped[UUID]
    state: Mapped[Step] = mapped_column(String(10), default="opening")
    seen: Mapped[dict[str, Any]]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    wanted: Mapped[int] = mapped_column(default=1)
    tries: Mapped[int] = mapped_column(default=0)
    lease: Mapped[UUID | None]
    leased_until: Mapped[Time | None]
    last_synced_at: Mapped[Time | None]


class PullLink(Base):
    """Which comment, thread or review here is which at the provider. `ours` began here. The digests are those of both texts when
    they last agreed."""

    __tablename__ = "pull_links"
    __table_args__ = (UniqueConstraint("pull_id", "kind", "local_id"),)

    pull_id: Mapped[UUID] = mapped_column(ForeignKey("pull_requests.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10), primary_key=True)
    remote_id: Mapped[str] = mapped_column(String(300), primary_key=True)
    local_id: Mapped[UUID]
    ours: Mapped[bool]
    here: Mapped[str] = mapped_column(String(64), default="")
    there: Mapped[str] = mapped_column(String(64), default="")
