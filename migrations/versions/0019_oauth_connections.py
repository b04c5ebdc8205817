"""Connections by OAuth, whose tokens expire and are renewed."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("renewal", sa.LargeBinary(), nullable=True))
    op.add_column("connections", sa.Column("oauth", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("connections", "oauth", server_default=None)
    op.add_column("connections", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("connections", sa.Column("renewing_until", sa.DateTime(timezone=True), nullable=True))
