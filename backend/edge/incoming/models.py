"""The tables of integrations and of what they received."""

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time, UpdatedAt
from backend.ledger.secrets.sealed import Sealed


def sealed_of(integration_id: UUID) -> str:
    return f"webhook_integrations:{integration_id}"


class WebhookIntegration(Base):
    """A provider that sends events to a workspace. `token` is part of the address and no credential: every delivery must be
    signed by the secret, which lies here sealed by the installation's key `key_id`, since each delivery needs it."""

    __tablename__ = "webhook_integrations"

    id: Mapped[Key]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"), index=True)
    provider: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(200))
    token: Mapped[str] = mapped_column(String(43), unique=True)
    key_id: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(Sealed(lambda row: sealed_of(row.id)))
    rules: Mapped[list[Any]] = mapped_column(JSONB)
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class ReceivedDelivery(Base):
    """One delivery, once: neither its id nor its body comes twice. Kept 30 days, the newest 20,000 of each integration."""

    __tablename__ = "received_deliveries"
    __table_args__ = (
        UniqueConstraint("integration_id", "delivery_key"),
        UniqueConstraint("integration_id", "digest"),
        Index("ix_received_deliveries_waiting", "received_at", postgresql_where=text("state = 'received'")),
        Index("ix_received_deliveries_integration_id_received_at_id", "integration_id", "received_at", "id"),
    )

    id: Mapped[Key]
    integration_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_integrations.id", ondelete="CASCADE"))
    delivery_key: Mapped[str] = mapped_column(String(200))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10), default="received")
    event: Mapped[str] = mapped_column(String(200), default="")
    note: Mapped[str] = mapped_column(String(500), default="")
    received_at: Mapped[CreatedAt]
    processed_at: Mapped[Time | None]
