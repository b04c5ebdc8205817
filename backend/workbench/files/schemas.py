"""Files on the wire."""

from datetime import datetime

import msgspec


class Entry(msgspec.Struct, omit_defaults=True, gc=False):
    """`type` is file, directory, symlink or special (FIFO, socket, device); `mtime` is to the second. `children` is there
    where the folder was listed. `path_b64` is there where the name is not UTF-8, which `path` then escapes."""

    name: str
    path: str
    type: str
    size: int
    mtime: datetime
    ignored: bool
    children: "list[Entry] | None" = None
    path_b64: str | None = None


class Match(msgspec.Struct, omit_defaults=True):
    """A line that matches. `line` and `column` (of the first match, in characters) count from 1; `ranges` are the matches as
    [from, to] in characters of `preview`, which is the line, or the part of a long one around its first match."""

    path: str
    line: int
    column: int
    preview: str
    ranges: list[tuple[int, int]]
    path_b64: str | None = None
