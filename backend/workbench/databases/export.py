"""A result as a file, made while it is sent: CSV (RFC 4180) or JSON, never more of it in memory than one batch."""

import base64
import csv
import io
import unicodedata
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from backend.workbench.databases import values
from backend.workbench.databases.driver import Result
from backend.workbench.databases.schemas import Column

Format = Literal["csv", "json"]
MEDIA_TYPES: dict[Format, str] = {"csv": "text/csv", "json": "application/json"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take a cell for a formula (OWASP, CSV injection), full-width forms included."""


def disposition(name: str, format: Format) -> str:
    """A Content-Disposition (RFC 6266) that saves under `name`, whatever that holds: no path, no quote, no control character, no
    text that runs the other way."""
    visible = "".join(letter for letter in name if unicodedata.category(letter)[0] not in "CZ" or letter == " ")
    visible = "".join("-" if letter in '/\\:*?"<>|;%' else letter for letter in visible).strip(" .-")[:100] or "export"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in visible).strip("-") or "export"
    return f"attachment; filename=\"{plain}.{format}\"; filename*=UTF-8''{quote(visible, safe='')}.{format}"


async def written(result: Result, format: Format, *, safe: bool) -> AsyncIterator[bytes]:
    """The file in chunks: CSV with a line of names first; JSON as a list of objects."""
    lines = _csv(result, safe) if format == "csv" else _json(result)
    async for chunk in lines:
        yield chunk.encode(errors="replace")


async def _csv(result: Result, safe: bool) -> AsyncIterator[str]:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerow([_safe(column.name) if safe else column.name for column in result.columns])
    async for batch in result.batches:
        for row in batch:
            writer.writerow([text(value, safe=safe) for value in row])
            if sink.tell() > 1 << 16:
                yield _taken(sink)
    yield _taken(sink)


def text(value: Any, *, safe: bool) -> str:
    """A cell of a CSV. Numbers are what they are; text that begins like a formula gets an apostrophe when `safe`."""
    found = values.whole(value)
    if found is None:
        return ""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return repr(found)
    if isinstance(found, bytes):
        return base64.b64encode(found).decode()
    if not isinstance(found, str):
        found = (bytes(found) if isinstance(found, msgspec.Raw) else msgspec.json.encode(found)).decode(
            errors="replace"
        )
    return _safe(found) if safe and not _is_number(found) else found


def _is_number(text: str) -> bool:
    """A decimal or long number of the database's, sign and all, is no formula."""
    digits = text.removeprefix("-")
    return digits.isascii() and digits.replace(".", "", 1).isdigit()


def _safe(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) else text


async def _json(result: Result) -> AsyncIterator[str]:
    names = [msgspec.json.encode(name).decode() for name in distinct(result.columns)]
    parts, size, first = ["["], 0, True
    async for batch in result.batches:
        for row in batch:
            fields = (f"{name}:{_encoded(value)}" for name, value in zip(names, row, strict=True))
            line = ("\n{" if first else ",\n{") + ",".join(fields) + "}"
            first = False
            parts.append(line)
            size += len(line)
            if size > 1 << 16:
                yield "".join(parts)
                parts, size = [], 0
    yield "".join(parts) + "\n]\n"


def _encoded(value: Any) -> str:
    found = values.inner(value)
    if isinstance(found, str):
        found = found.encode(errors="replace").decode()
    return msgspec.json.encode(found).decode()


def distinct(columns: Sequence[Column]) -> list[str]:
    """Names for an object's fields: the second `id` becomes `id_2`."""
    names: list[str] = []
    for column in columns:
        name, number = column.name, 2
        while name in names:
            name, number = f"{column.name}_{number}", number + 1
        names.append(name)
    return names


def _taken(sink: io.StringIO) -> str:
    found = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return found
