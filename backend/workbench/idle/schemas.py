"""Idleness on the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta


class Idleness(msgspec.Struct):
    """`minutes` is what applies here, 0 for never. `idle_since` is null while the session is in use or nothing runs, `stops_at`
    where nothing is to be stopped. `in_use` says by what."""

    minutes: int
    in_use: list[str]
    idle_since: datetime | None
    stops_at: datetime | None
    kept_until: datetime | None


class Keep(msgspec.Struct, forbid_unknown_fields=True):
    """From now on; 0 ends it."""

    hours: Annotated[int, Meta(ge=0, le=720)] = 8
