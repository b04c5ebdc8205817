"""The table of snapshots."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key


class Snapshot(Base):
    """A working copy as it was. `commits` maps each repository's name to a commit that only a ref of the bare repository
    holds, `refs/codeyard/snapshots/<session>/<id>`."""

    __tablename__ = "snapshots"
    __table_args__ = (Index("ix_snapshots_session_id_created_at_id", "session_id", "created_at", "id"),)

    id: Mapped[Key]
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    commits: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(200), default="")
    files_changed: Mapped[int]
    created_at: Mapped[CreatedAt]
