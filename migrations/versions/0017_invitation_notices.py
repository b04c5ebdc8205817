"""Notifications of invitations, which are about no workspace yet."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("notifications", "workspace_id", existing_type=sa.Uuid(), nullable=True)
    op.alter_column("notifications", "number", existing_type=sa.Integer(), nullable=True)
    op.add_column("notifications", sa.Column("invitation_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_notifications_invitation_id_invitations"),
        "notifications",
        "invitations",
        ["invitation_id"],
        ["id"],
        ondelete="CASCADE",
    )


def downgrade() -> None:
    op.execute("DELETE FROM notifications WHERE workspace_id IS NULL")
    op.drop_constraint(op.f("fk_notifications_invitation_id_invitations"), "notifications")
    op.drop_column("notifications", "invitation_id")
    op.alter_column("notifications", "number", existing_type=sa.Integer(), nullable=False)
    op.alter_column("notifications", "workspace_id", existing_type=sa.Uuid(), nullable=False)
