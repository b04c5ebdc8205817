"""The outbox on the wire."""

from datetime import datetime
from uuid import UUID

import msgspec


class Mail(msgspec.Struct):
    """`text` is empty once it was sent; `error` says why the last try failed. `link_over`: the link in it leads nowhere any more,
    since it was used, withdrawn, followed by a newer one, or its time is over."""

    id: UUID
    recipient: str
    subject: str
    text: str
    error: str
    created_at: datetime
    sent_at: datetime | None
    link_over: bool = False
