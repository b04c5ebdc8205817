"""The tables of endpoints, of what is delivered to them, and of each attempt."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time, UpdatedAt
from backend.core.events import Xid8


class WebhookEndpoint(Base):
    """Where facts of an organisation (or one workspace) go. (`xid`, `event_id`) is the last fact that it was looked at for.

    `failures` counts failed attempts since the last good one. From the fifth on the endpoint rests until `paused_until`, and
    is then asked with one delivery at a time. Its secrets are the organisation's, part `webhook:<id>`."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[Key]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"), index=True)
    workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(200), default="")
    events: Mapped[list[str]]
    enabled: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[Time | None]
    paused_until: Mapped[Time | None]
    last_error: Mapped[str] = mapped_column(String(500), default="")
    previous_until: Mapped[Time | None]
    xid: Mapped[int] = mapped_column(Xid8, server_default=func.pg_current_xact_id())
    event_id: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class WebhookDelivery(Base):
    """One fact for one endpoint; kept 30 days. `due_at` is when it is sent next, the end of its lease while it is being sent,
    and null once it is over. After `give_up_at` it is not tried again."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "event_id"),
        Index("ix_webhook_deliveries_due", "endpoint_id", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("ix_webhook_deliveries_endpoint_id_created_at_id", "endpoint_id", "created_at", "id"),
    )

    id: Mapped[Key]
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    event_id: Mapped[int | None] = mapped_column(BigInteger)
    event: Mapped[str] = mapped_column(String(80))
    body: Mapped[str]
    state: Mapped[str] = mapped_column(String(10), default="pending")
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[Time | None]
    give_up_at: Mapped[Time]
    status: Mapped[int | None]
    error: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
    finished_at: Mapped[Time | None]


class WebhookAttempt(Base):
    """One try of a delivery: what was sent beside the body, and the beginning of the answer."""

    __tablename__ = "webhook_attempts"

    id: Mapped[Key]
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), index=True)
    headers: Mapped[dict[str, Any]]
    status: Mapped[int | None]
    error: Mapped[str] = mapped_column(String(500), default="")
    answer_headers: Mapped[dict[str, Any]]
    answer: Mapped[str]
    milliseconds: Mapped[int]
    created_at: Mapped[CreatedAt]
