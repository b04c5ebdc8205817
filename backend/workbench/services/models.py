"""The tables of what runs, and of the operations that start and stop it. What a service *is* stands in compose.yaml alone."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time, UpdatedAt


class Stage(StrEnum):
    """stopped → queued → pulling | building → installing → starting → running ⇄ unhealthy → stopping → stopped;
    exited: it ended by itself; failed: it could not be started, or keeps dying."""

    STOPPED = "stopped"
    QUEUED = "queued"
    PULLING = "pulling"
    BUILDING = "building"
    INSTALLING = "installing"
    STARTING = "starting"
    RUNNING = "running"
    UNHEALTHY = "unhealthy"
    STOPPING = "stopping"
    EXITED = "exited"
    FAILED = "failed"


UP = frozenset({Stage.STARTING, Stage.RUNNING, Stage.UNHEALTHY})


class Runtime(Base):
    """What should be true of one service of one session (`desired`), and what was last seen of it.

    `handle` is the driver's own note, `digest` that of the definition it was started from. `reason` is {code, message, remedy}.
    """

    __tablename__ = "runtimes"
    __table_args__ = (UniqueConstraint("session_id", "name"), Index("ix_runtimes_desired", "desired"))

    id: Mapped[Key]
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID]
    workspace_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(80))
    driver: Mapped[str] = mapped_column(String(20), default="")
    desired: Mapped[str] = mapped_column(String(10), default="stopped")
    state: Mapped[Stage] = mapped_column(String(20), default=Stage.STOPPED)
    reason: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    handle: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    digest: Mapped[str] = mapped_column(String(64), default="")
    restart: Mapped[str] = mapped_column(String(20), default="on-failure")
    has_health: Mapped[bool] = mapped_column(default=False)
    health: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    exit_code: Mapped[int | None]
    restarts: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[Time | None]
    ended_at: Mapped[Time | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Operation(Base):
    """One asked-for change of what runs: answered at once, carried out in steps. Kept 30 days."""

    __tablename__ = "operations"
    __table_args__ = (Index("ix_operations_session_id_created_at", "session_id", "created_at"),)

    id: Mapped[Key]
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID]
    workspace_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20), default="queued", index=True)
    steps: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[Time | None]
