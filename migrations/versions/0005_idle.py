"""Sessions that nobody uses: when their services stop, and until when somebody keeps them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workspaces", sa.Column("idle_minutes", sa.Integer(), nullable=True))
    op.add_column("sessions", sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True))
