"""The table of what people and teams were given in single workspaces. `signin/authenticate` reads it with each request."""

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.auth import Access
from backend.core.db import Base, CreatedAt, Key


class WorkspaceGrant(Base):
    """What one person, or one team, may in one workspace. Gone with the workspace, the team, or the person's membership."""

    __tablename__ = "workspace_grants"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["memberships.organization_id", "memberships.user_id"],
            ondelete="CASCADE",
            name="fk_workspace_grants_memberships",
        ),
        CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name="one_holder"),
        UniqueConstraint("workspace_id", "user_id"),
        UniqueConstraint("workspace_id", "team_id"),
        Index("ix_workspace_grants_user_id", "user_id"),
        Index("ix_workspace_grants_team_id", "team_id"),
    )

    id: Mapped[Key]
    organization_id: Mapped[UUID]
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    access: Mapped[Access] = mapped_column(String(20))
    created_at: Mapped[CreatedAt]
