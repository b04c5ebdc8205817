"""The audit log on the wire."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Entry(msgspec.Struct):
    """`action` is the name of an event and `data` its fields; `actor_id` is a person or, `by_key`, an API key, and null for
    what the server did itself. `hash` is hexadecimal."""

    number: int
    at: datetime
    action: str
    actor_id: UUID | None
    actor_name: str
    by_key: bool
    address: str
    workspace_id: UUID | None
    session_id: UUID | None
    data: dict[str, Any]
    hash: str


class Doer(msgspec.Struct):
    """A person or, `by_key`, an API key that did something, by its last name; it may be gone."""

    id: UUID
    name: str
    by_key: bool


class Verified(msgspec.Struct):
    """Whether each of `entries` rows fits the one before. `broken_at` is the number of the first that does not, or that is
    missing. Keep `head` elsewhere: a log that was cut short at its end no longer has it."""

    intact: bool
    entries: int
    broken_at: int | None
    head: str
