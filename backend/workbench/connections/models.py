"""The table of connections."""

from uuid import UUID

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time
from backend.ledger.secrets.sealed import Sealed


def sealed_of(owner_id: UUID, provider: str, base_url: str, *what: str) -> str:
    return ":".join(("connections", str(owner_id), provider, base_url, *what))


class Connection(Base):
    """A token that one person or API key (`owner_id`) gave for one instance of a provider. Nobody else uses or sees it. It lies
    sealed by the installation's key `key_id`, and so does, of one by OAuth, what renews it when it `expires_at`. One at a time
    renews, until `renewing_until`."""

    __tablename__ = "connections"
    __table_args__ = (UniqueConstraint("owner_id", "provider", "base_url", "account"),)

    id: Mapped[Key]
    owner_id: Mapped[UUID]
    provider: Mapped[str] = mapped_column(String(20))
    base_url: Mapped[str] = mapped_column(String(500))
    account: Mapped[str] = mapped_column(String(200))
    username: Mapped[str] = mapped_column(String(200), default="")
    key_id: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(Sealed(lambda row: sealed_of(row.owner_id, row.provider, row.base_url)))
    renewal: Mapped[bytes | None] = mapped_column(
        Sealed(lambda row: sealed_of(row.owner_id, row.provider, row.base_url, "renewal"))
    )
    oauth: Mapped[bool] = mapped_column(default=False)
    expires_at: Mapped[Time | None]
    renewing_until: Mapped[Time | None]
    created_at: Mapped[CreatedAt]
