"""The outbox on the wire."""

from datetime import datetime
from uuid import UUID

import msgspec


class Mail(msgspec.Struct):
    """`text` is empty once it was sent; `error` says why the last try failed."""

    id: UUID
    recipient: str
    subject: str
    text: str
    error: str
    created_at: datetime
    sent_at: datetime | None
