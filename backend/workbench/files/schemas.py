"""Files on the wire. A path is relative to the session's folder; one whose name is not UTF-8 is sent as `path_b64`."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Encoding = Literal["utf-8", "base64"]
Offset = Annotated[int, Meta(ge=0, le=1 << 62)]
Etag = Annotated[str, Meta(min_length=1, max_length=100)]


class At(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="op"):
    """Every operation names a path, by `path` or by `path_b64`."""

    path: str | None = None
    path_b64: str | None = None


class Read(At, kw_only=True, tag="read"):
    """`offset` and `limit` count bytes. Without `encoding`, text comes as utf-8 and all else as base64."""

    encoding: Encoding | None = None
    offset: Offset = 0
    limit: Offset | None = None


class Write(At, kw_only=True, tag="write"):
    """With `etag` only if the file still has it; `"*"` only if there is no file yet. Mode bits stay unless `executable` says."""

    content: str
    encoding: Encoding = "utf-8"
    etag: Etag | None = None
    executable: bool | None = None
    parents: bool = True


class Delete(At, kw_only=True, tag="delete"):
    """`without_snapshot` deletes what is too large to be saved, for good."""

    recursive: bool = False
    etag: Etag | None = None
    without_snapshot: bool = False


class Mkdir(At, kw_only=True, tag="mkdir"):
    """Makes the folder, and with `parents` those above it."""

    parents: bool = True


class To(At, kw_only=True):
    """`overwrite` replaces what is at `to`, which a snapshot saves first."""

    to: str | None = None
    to_b64: str | None = None
    overwrite: bool = False


class Move(To, kw_only=True, tag="move"):
    """Rename."""


class Copy(To, kw_only=True, tag="copy"):
    """Copy a file, a link or a folder with what is in it."""


class Stat(At, kw_only=True, tag="stat"):
    """Describe what lies there, without following a link."""


Operation = Read | Write | Delete | Mkdir | Move | Copy | Stat


class Content(msgspec.Struct, omit_defaults=True):
    """`etag` is a hash of the whole content, null for a file larger than one call reads. Text that was cut ends at a whole
    character; go on at `offset` + the bytes of `content`."""

    path: str
    content: str
    encoding: Encoding
    size: int
    etag: str | None
    mtime: datetime
    executable: bool
    truncated: bool
    path_b64: str | None = None


class Written(msgspec.Struct, omit_defaults=True):
    path: str
    size: int
    etag: str
    path_b64: str | None = None


class Deleted(msgspec.Struct):
    """`snapshot_id` is the snapshot that brings it back."""

    deleted: bool
    snapshot_id: str | None


class Status(msgspec.Struct, omit_defaults=True):
    """`type` as in the file tree; `etag` is null for what has no content to read, `target` is that of a link. `snapshot_id`
    saves what was replaced."""

    path: str
    type: str
    size: int
    mtime: datetime
    executable: bool
    etag: str | None
    target: str | None = None
    path_b64: str | None = None
    snapshot_id: str | None = None


Answer = Content | Written | Deleted | Status


class TreeQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Without `hidden` no name that begins with a dot, without `ignored` nothing that .gitignore names. With `letters` the
    answer is a flat list of the files whose path has them in that order, in either case, among however many others."""

    path: str = ""
    path_b64: str | None = None
    depth: Annotated[int, Meta(ge=1, le=100)] = 1
    hidden: bool = True
    ignored: bool = True
    letters: Annotated[str, Meta(max_length=200)] = ""


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


class FileTree(msgspec.Struct):
    """Sorted by name. A tree of more than 50,000 entries, or a list of more than 5,000, is `truncated`: whole at the top."""

    path: str
    entries: list[Entry]
    truncated: bool


Glob = Annotated[str, Meta(max_length=1000)]
Globs = Annotated[list[Glob], Meta(max_length=100)] | Glob
"""One or several."""


class SearchQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`query` is text, or an expression of the Rust regex syntax with `regex`. `include` and `exclude` are globs as in
    .gitignore; `limit` counts lines."""

    query: Annotated[str, Meta(min_length=1, max_length=10_000)]
    regex: bool = False
    case_sensitive: bool = False
    include: Globs = []
    exclude: Globs = []
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1000


class Match(msgspec.Struct, omit_defaults=True):
    """A line that matches. `line` and `column` (of the first match, in characters) count from 1; `ranges` are the matches as
    [from, to] in characters of `preview`, which is the line, or the part of a long one around its first match."""

    path: str
    line: int
    column: int
    preview: str
    ranges: list[tuple[int, int]]
    path_b64: str | None = None


class SearchResult(msgspec.Struct):
    """`files` counts those with matches. `reason` says which limit cut it off: limit, bytes or time."""

    matches: list[Match]
    files: int
    truncated: bool
    reason: str | None


class Change(msgspec.Struct, omit_defaults=True):
    """`type` is created, modified or deleted. What was in a deleted folder is gone with it."""

    type: str
    path: str
    path_b64: str | None = None


class Changes(msgspec.Struct, omit_defaults=True):
    """One message of /ws/lsp-fs-watch. `seq` grows by one with each message that tells something. `resync`: some changes were
    lost, read again what you show. `partial`: the system allows no more watches, so some folders are not watched."""

    events: list[Change]
    seq: int
    resync: bool = False
    partial: bool = False
