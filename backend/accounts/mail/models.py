"""The table of e-mail, the outbox."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base, CreatedAt, Key, Time


class Mail(Base):
    """One message in plain text. `text` may hold a link that lets one in: it is wiped once a server took it."""

    __tablename__ = "mails"

    id: Mapped[Key]
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(300))
    text: Mapped[str]
    error: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[CreatedAt] = mapped_column(index=True)
    sent_at: Mapped[Time | None]
