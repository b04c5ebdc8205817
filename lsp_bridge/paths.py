"""The two names of the working copy: viewers say file:///workspace/…, a server says where it really lies."""

import os
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

VIEWERS: Final = "file:///workspace"

# A URI ends, or goes on below the root; file:///workspace-of-another does neither. The backslash escapes a slash.
_AFTER: Final = rb'(?=["/#?\\])'
# The quote that opens a string follows a bracket, comma, colon or space; only one inside of a string follows a backslash.
_BEFORE: Final = rb'(?<!\\)"'


class Paths:
    """Between viewers and the server whose working copy lies at `root`, an absolute path where the server runs."""

    def __init__(self, root: str) -> None:
        self.root = os.path.normpath(root)
        self.uri = "file://" + quote(self.root)
        self._same = self.uri == VIEWERS
        roots = {self.root, os.path.realpath(root)}  # many servers resolve links before they say where something is
        self._starts = [start + one for start in ("file://", "file://localhost") for one in roots]
        self._real = _anywhere(roots)
        self._theirs = _anywhere({VIEWERS.removeprefix("file://")})

    def to_server(self, body: bytes) -> bytes:
        """Every string of the JSON that starts with the viewers' root, keys too. Not for documents' texts."""
        if self._same or b"workspace" not in body:
            return body
        return self._theirs.sub(b'"' + self.uri.encode(), body)

    def to_viewer(self, body: bytes) -> bytes:
        if self._same or (b"file:" not in body):
            return body
        return self._real.sub(b'"' + VIEWERS.encode(), body)

    def key(self, uri: str) -> str:
        """One spelling for a document, however either side spells its URI."""
        found = unquote(uri)
        for start in self._starts:
            if found == start or found.startswith(start + "/"):
                return VIEWERS + found[len(start) :]
        return found

    def is_inside(self, uri: object) -> bool:
        """Whether it names a file of the working copy, whichever side says it. Links are for who writes to judge."""
        if not isinstance(uri, str):
            return False
        try:
            parts = urlsplit(uri)
        except ValueError:
            return False
        path = unquote(parts.path)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost") or "\0" in path or not path.startswith("/"):
            return False
        path = os.path.normpath(path).replace("//", "/")
        return any(path == top or path.startswith(top + "/") for top in (self.root, VIEWERS.removeprefix("file://")))


def _anywhere(roots: set[str]) -> re.Pattern[bytes]:
    """A string of JSON that starts with the URI of one of the paths, as the libraries of servers spell it."""
    spelled = {quote(root, safe=safe) for root in roots for safe in ("/", "/~!$&'()*+,;=:@")} | roots
    paths: set[bytes] = {re.escape(one.rstrip("/").encode()) for one in spelled}
    slashed: set[bytes] = paths | {one.replace(b"/", rb"\\/") for one in paths}
    names = b"|".join(sorted(slashed))
    return re.compile(_BEFORE + rb"file:(?://|\\/\\/)(?:" + names + b")" + _AFTER)


def edited(edit: Any) -> Iterator[object]:
    """Every URI that a WorkspaceEdit changes, creates, renames or deletes (LSP 3.17, "WorkspaceEdit")."""
    if not isinstance(edit, dict):
        return
    changes = edit.get("changes")
    if isinstance(changes, dict):
        yield from changes
    several = edit.get("documentChanges")
    for one in several if isinstance(several, list) else ():
        if not isinstance(one, dict):
            yield None
        elif "kind" in one:
            yield from (one[name] for name in ("uri", "oldUri", "newUri") if name in one)
        else:
            document = one.get("textDocument")
            yield document.get("uri") if isinstance(document, dict) else None
