"""Mirrored pull requests: their twins, which row is which at the provider, checks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def _of_pull(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["pull_id"], ["pull_requests.id"], name=op.f(f"fk_{table}_pull_id_pull_requests"), ondelete="CASCADE"
    )


def upgrade() -> None:
    op.drop_column("pull_reviews", "provider_id")
    op.drop_column("pull_comments", "provider_id")
    op.create_table(
        "pull_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pull_id", sa.Uuid(), nullable=False),
        sa.Column("commit_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        _of_pull("pull_checks"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_checks")),
        sa.UniqueConstraint("pull_id", "commit_id", "name", name=op.f("uq_pull_checks_pull_id_commit_id_name")),
    )
    op.create_table(
        "pull_mirrors",
        sa.Column("pull_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("seen", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_synced_at", sa.DateTime(timezone=True), nullable=True),
        _of_pull("pull_mirrors"),
        sa.PrimaryKeyConstraint("pull_id", name=op.f("pk_pull_mirrors")),
    )
    op.create_table(
        "pull_links",
        sa.Column("pull_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("remote_id", sa.String(length=300), nullable=False),
        sa.Column("local_id", sa.Uuid(), nullable=False),
        sa.Column("ours", sa.Boolean(), nullable=False),
        sa.Column("here", sa.String(length=64), nullable=False),
        sa.Column("there", sa.String(length=64), nullable=False),
        _of_pull("pull_links"),
        sa.PrimaryKeyConstraint("pull_id", "kind", "remote_id", name=op.f("pk_pull_links")),
        sa.UniqueConstraint("pull_id", "kind", "local_id", name=op.f("uq_pull_links_pull_id_kind_local_id")),
    )
