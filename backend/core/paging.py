"""Lists: `?limit=1..200&cursor=…` → {"items": […], "next_cursor": …}. Cursors are opaque and survive inserts."""

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar.params import FromQuery, QueryParameter

from backend.core.errors import BadRequest

T = TypeVar("T")
Row = TypeVar("Row")

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many, 1 to 200.")]
Cursor = FromQuery[str]


class Page(msgspec.Struct, Generic[T]):
    """One page of a list; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None


class InvalidCursor(BadRequest):
    """That cursor is not one of this list's: start again without one."""


def encode(*position: object) -> str:
    """An opaque cursor for the row at `position` (the values it is ordered by)."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def decode(cursor: str, kind: type[T]) -> T | None:
    """The position in `cursor`, a tuple of `kind`; None for an empty one. A forged one only moves the start of a list
    that the caller may see anyway, so it is checked for shape, not signed."""
    if not cursor:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=kind)
    except (ValueError, msgspec.DecodeError):
        raise InvalidCursor from None


def page(
    rows: Sequence[Row], limit: int, show: Callable[[Row], T], position: Callable[[Row], Sequence[Any]]
) -> Page[T]:
    """A page out of `limit + 1` fetched rows: the extra one only says that there is more."""
    more = len(rows) > limit
    shown = rows[:limit]
    return Page([show(row) for row in shown], encode(*position(shown[-1])) if more else None)
