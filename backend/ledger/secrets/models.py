"""The table of secrets."""

from uuid import UUID

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, UpdatedAt
from backend.ledger.secrets.sealed import Sealed


def sealed_of(owner_id: UUID, part: str, name: str) -> str:
    return f"secrets:{owner_id}:{part}:{name}"


class Secret(Base):
    """One value of one owner (a workspace, or the organisation itself). `part` narrows it, to a service for one; "" is for all
    of the owner's.

    `sealed` is AES-256-GCM by the key `key_id`, bound to the row by its associated data."""

    __tablename__ = "secrets"
    __table_args__ = (UniqueConstraint("owner_id", "part", "name"),)

    id: Mapped[Key]
    organization_id: Mapped[UUID]
    owner_id: Mapped[UUID]
    part: Mapped[str] = mapped_column(String(80), default="")
    name: Mapped[str] = mapped_column(String(200))
    key_id: Mapped[str] = mapped_column(String(16), index=True)
    sealed: Mapped[bytes] = mapped_column(Sealed(lambda row: sealed_of(row.owner_id, row.part, row.name)))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
