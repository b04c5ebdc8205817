"""The table of receipts."""

from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt


class Receipt(Base):
    """What was answered to one Idempotency-Key of one actor on one route. `status` is null while the first call runs."""

    __tablename__ = "receipts"

    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(String(200), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None]
    answer: Mapped[Any | None] = mapped_column(JSONB)
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
