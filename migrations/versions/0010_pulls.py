"""Pull requests: reviews, threads of comments, viewed files, rules of branches."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "branch_rules",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("required_approvals", sa.Integer(), nullable=False),
        sa.Column("dismiss_stale", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_branch_rules_session_id_sessions"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_branch_rules")),
    )
    op.create_table(
        "pull_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("repository", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("author_label", sa.String(length=200), nullable=False),
        sa.Column("head_session_id", sa.Uuid(), nullable=True),
        sa.Column("base_session_id", sa.Uuid(), nullable=True),
        sa.Column("head_branch", sa.String(length=250), nullable=False),
        sa.Column("base_branch", sa.String(length=250), nullable=False),
        sa.Column("head_commit", sa.String(length=64), nullable=False),
        sa.Column("base_commit", sa.String(length=64), nullable=False),
        sa.Column("merge_base", sa.String(length=64), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("labels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("merge_commit", sa.String(length=64), nullable=True),
        sa.Column("merge_method", sa.String(length=10), nullable=True),
        sa.Column("merged_by", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.String(length=20), nullable=True),
        sa.Column("provider_number", sa.Integer(), nullable=True),
        sa.Column("provider_url", sa.String(length=2000), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_pull_requests_author_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["base_session_id"],
            ["sessions.id"],
            name=op.f("fk_pull_requests_base_session_id_sessions"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["head_session_id"],
            ["sessions.id"],
            name=op.f("fk_pull_requests_head_session_id_sessions"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["merged_by"], ["users.id"], name=op.f("fk_pull_requests_merged_by_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organizations.id"],
            name=op.f("fk_pull_requests_organization_id_organizations"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_pull_requests_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_requests")),
        sa.UniqueConstraint("workspace_id", "number", name=op.f("uq_pull_requests_workspace_id_number")),
    )
    op.create_index("ix_pull_requests_base_session_id", "pull_requests", ["base_session_id"], unique=False)
    op.create_index(
        "uq_pull_requests_alive",
        "pull_requests",
        ["head_session_id", "base_session_id", "repository"],
        unique=True,
        postgresql_where=sa.text("state IN ('open', 'draft')"),
    )
    op.create_table(
        "pull_reviewers",
        sa.Column("pull_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull_requests.id"], name=op.f("fk_pull_reviewers_pull_id_pull_requests"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_pull_reviewers_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pull_id", "user_id", name=op.f("pk_pull_reviewers")),
    )
    op.create_table(
        "pull_reviews",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pull_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("author_label", sa.String(length=200), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("commit_id", sa.String(length=64), nullable=False),
        sa.Column("provider_id", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_pull_reviews_author_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull_requests.id"], name=op.f("fk_pull_reviews_pull_id_pull_requests"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_reviews")),
    )
    op.create_index("ix_pull_reviews_pull_id_created_at", "pull_reviews", ["pull_id", "created_at"], unique=False)
    op.create_table(
        "pull_threads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pull_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(length=4096), nullable=True),
        sa.Column("side", sa.String(length=4), nullable=False),
        sa.Column("commit_id", sa.String(length=64), nullable=False),
        sa.Column("first_line", sa.Integer(), nullable=True),
        sa.Column("last_line", sa.Integer(), nullable=True),
        sa.Column("now_path", sa.String(length=4096), nullable=True),
        sa.Column("now_first", sa.Integer(), nullable=True),
        sa.Column("now_last", sa.Integer(), nullable=True),
        sa.Column("outdated", sa.Boolean(), nullable=False),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull_requests.id"], name=op.f("fk_pull_threads_pull_id_pull_requests"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by"], ["users.id"], name=op.f("fk_pull_threads_resolved_by_users"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_threads")),
    )
    op.create_index("ix_pull_threads_pull_id_created_at", "pull_threads", ["pull_id", "created_at"], unique=False)
    op.create_table(
        "pull_views",
        sa.Column("pull_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(length=4096), nullable=False),
        sa.Column("content", sa.String(length=130), nullable=False),
        sa.ForeignKeyConstraint(
            ["pull_id"], ["pull_requests.id"], name=op.f("fk_pull_views_pull_id_pull_requests"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_pull_views_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("pull_id", "user_id", "path", name=op.f("pk_pull_views")),
    )
    op.create_table(
        "pull_comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.Column("author_label", sa.String(length=200), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("applied_commit", sa.String(length=64), nullable=True),
        sa.Column("provider_id", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["users.id"], name=op.f("fk_pull_comments_author_id_users"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["review_id"],
            ["pull_reviews.id"],
            name=op.f("fk_pull_comments_review_id_pull_reviews"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"], ["pull_threads.id"], name=op.f("fk_pull_comments_thread_id_pull_threads"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pull_comments")),
    )
    op.create_index("ix_pull_comments_thread_id_created_at", "pull_comments", ["thread_id", "created_at"], unique=False)
