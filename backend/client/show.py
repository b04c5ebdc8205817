"""What commands print: a table for people, JSON for programs."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def rows(found: Sequence[Row], columns: str, output: str) -> None:
    """`columns` are the fields to show, separated by spaces; JSON has them all."""
    if output == "json":
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    fields = columns.split()
    cells = [[_cell(row.get(field)) for field in fields] for row in found]
    widths = [max(map(len, column)) for column in zip(map(str.upper, fields), *cells, strict=True)]
    across = shutil.get_terminal_size((200, 24)).columns if sys.stdout.isatty() else None
    for line in ([field.upper().replace("_", " ") for field in fields], *cells):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        print(text[:across])


def one(found: Row, columns: str, output: str) -> None:
    """A single thing: a line a field."""
    if output == "json":
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    fields = columns.split()
    width = max(map(len, fields))
    for field in fields:
        print(f"{field.replace('_', ' '):{width}}  {_cell(found.get(field))}".rstrip())


def compact(found: Row) -> str:
    """One line of JSON, for streams."""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def _cell(value: Any) -> str:
    """On one line, and nothing in it that a terminal would obey."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "-"
    if isinstance(value, dict):
        return str(value.get("name") or value.get("message") or json.dumps(value))
    text = str(value)
    return "".join(c if c.isprintable() else "·" for c in text)
