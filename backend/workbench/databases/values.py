"""Cells: what a driver reads, as JSON has it, and how much of it one answer may hold."""

import base64
import datetime
import decimal
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from backend.workbench.databases.errors import BadQuery

MAX_CELL: Final = 64 * 1024
MAX_ANSWER: Final = 8 * 1024 * 1024
_EXACT: Final = (1 << 53) - 1
"""The largest whole number that a page can hold exactly (RFC 8259 §6)."""


def whole(value: Any) -> Any:
    """Any value as JSON has it, at full length; bytes stay bytes."""
    if value is None or isinstance(value, str | bool | bytes | msgspec.Raw):
        return value
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): inner(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [inner(one) for one in value]
    return str(value)


def inner(value: Any) -> Any:
    """A value within another: bytes as {"base64": …}."""
    found = whole(value)
    return {"base64": base64.b64encode(found).decode()} if isinstance(found, bytes) else found


def cell(value: Any) -> tuple[Any, int]:
    """(`value` for an answer, its size in bytes): cut where it is long."""
    found = whole(value)
    if found is None or isinstance(found, bool | int | float):
        return found, 8
    if isinstance(found, bytes):
        shown = base64.b64encode(found[:MAX_CELL]).decode()
        mark = {"truncated": True, "bytes": len(found)} if len(found) > MAX_CELL else {}
        return mark | {"base64": shown}, len(shown)
    if not isinstance(found, str):
        encoded = bytes(found) if isinstance(found, msgspec.Raw) else msgspec.json.encode(found)
        if len(encoded) <= MAX_CELL:
            return msgspec.Raw(encoded), len(encoded)
        found = encoded.decode(errors="replace")
    size = len(found.encode(errors="surrogatepass")) if len(found) > MAX_CELL // 4 else len(found)
    if size <= MAX_CELL:
        return found.encode(errors="replace").decode(), size
    kept = found.encode(errors="replace")[:MAX_CELL].decode(errors="ignore")
    return {"truncated": True, "bytes": size, "text": kept}, MAX_CELL


def row(values: Iterable[Any]) -> tuple[list[Any], int]:
    """A row for an answer, and its size in bytes."""
    cells, total = [], 0
    for value in values:
        shown, size = cell(value)
        cells.append(shown)
        total += size
    return cells, total


def raw_json(text: str) -> msgspec.Raw | str:
    """A JSON value, as it is: nothing in it is changed by reading it. Text where it is none."""
    try:
        json.loads(text) if len(text) > MAX_CELL else msgspec.json.decode(text)
    except (ValueError, RecursionError, msgspec.DecodeError):
        return text
    return msgspec.Raw(text.encode())


def given(value: Any) -> Any:
    """A caller's parameter: {"base64": …} is bytes. Raises BadQuery."""
    if isinstance(value, dict) and value.keys() == {"base64"}:
        try:
            return base64.b64decode(str(value["base64"]), validate=True)
        except ValueError:
            raise BadQuery("A parameter's base64 is none.") from None
    return value
