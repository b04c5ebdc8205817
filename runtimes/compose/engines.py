"""Which database an image is, by the names that are well known."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from runtimes.compose.model import Kind

Engine = Literal["postgres", "mysql", "redis"]

KINDS: Final[Mapping[str, Kind]] = {"postgres": "database", "mysql": "database", "redis": "cache"}

_IMAGES: Final[Mapping[Engine, str]] = {
    "postgres": r"postgres|postgresql|postgis|pgvector|timescaledb|timescaledb-ha|citus|supabase-postgres",
    "mysql": r"mysql|mysql-server|mariadb|mariadb-server|percona|percona-server",
    "redis": r"redis|redis-stack|redis-stack-server|valkey|keydb|dragonfly",
}


def of_image(image: str) -> Engine | None:
    """By the last word of its name."""
    name = re.split(r"[:@]", image.rpartition("/")[2])[0].lower()
    return next((engine for engine, names in _IMAGES.items() if re.fullmatch(names, name)), None)
