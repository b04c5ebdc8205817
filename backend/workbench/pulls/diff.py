"""What a pull request changes, file by file, against where it parted from its base: as the git client says it.

The client runs on the bare repository, where the commits of both sides are; its words are cut into files and hunks while it
looks for the next, and a hunk's lines go to the page as they are. libgit2 and an object for each line took four times as long.
Blocks, so in a thread."""

import codecs
import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from backend.core import git
from backend.core.git import Place
from backend.workbench.pulls.schemas import ChangedFile, PatchHunk
from backend.workbench.vcs import diffs
from backend.workbench.vcs.schemas import Line, Status

MOST_BYTES = 32_000_000
"""What is read of a difference; what comes after is listed without its hunks."""
LONGEST_FILE = 400_000
"""Bytes of hunks of one file in a page of several; asked for alone it has them all."""
LONGEST_PAGE = 8_000_000

_CHUNK = 1 << 16  # bytes
_PIPE = 1 << 20  # bytes that the client may be ahead
_NEXT_FILE = b"\ndiff --git "  # every line of a hunk begins with a space, a sign or a backslash
_WORDS: dict[bytes, Status] = {b"A": "added", b"D": "deleted", b"M": "modified", b"R": "renamed", b"T": "modified"}


class Entry(NamedTuple):
    """One line of `git diff --raw`: raw paths, and the blobs before and after as `old:new`."""

    path: bytes
    old_path: bytes | None
    status: bytes
    content: str


def listed(place: Place, old: str, new: str) -> list[Entry]:
    """Every file that differs, renames found, without patches."""
    with _output(place, old, new) as output:
        return _entries(output)


def changed(
    place: Place,
    old: str,
    new: str,
    *,
    path: str | None,
    context: int,
    skip: int,
    limit: int,
    viewed: set[tuple[str, str]],
) -> tuple[list[ChangedFile], int]:
    """The wire form of up to `limit` files after the first `skip`, of as many as fit into a page, at least one; and how many
    there are. Of `path` alone where it is given."""
    files: list[ChangedFile] = []
    size, pairs_left = 0, diffs.COMPARED_PAIRS
    with _output(place, old, new, "--patch", f"-U{context}") as output:
        entries = _entries(output)
        wanted = {n for n, entry in enumerate(entries) if path is None or named(entry, path)}
        page = set(sorted(wanted)[skip : skip + limit])
        for n, entry in enumerate(entries):
            if len(files) == len(page) or size > LONGEST_PAGE:
                break
            patch = _patch(output, entry)
            if n not in page:
                continue
            at = patch.find(b"\n@@ ") + 1 if patch else 0
            body = patch[at:] if patch and at else b""
            keep = patch is not None and (path is not None or len(body) <= LONGEST_FILE)
            size += len(body) if keep else 0
            if files and size > LONGEST_PAGE:
                break
            head = patch[:at] if patch and at else patch or b""
            files.append(_file(entry, head, body, keep=keep, viewed=viewed))
            pairs_left = _mark_words(files[-1].hunks, pairs_left)
    return files, len(wanted)


class _Output:
    """What the client says, cut at marks as it comes, no more than `MOST_BYTES` of it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._kept = b""
        self._left = MOST_BYTES
        self.ended = False

    @property
    def whole(self) -> bool:
        """Whether the piece that came last has its end."""
        return self._left > 0 or not self.ended

    def until(self, mark: bytes) -> bytes:
        """What stands before the next `mark`, or before the end."""
        looked = 0
        while (at := self._kept.find(mark, looked)) < 0:
            looked = max(0, len(self._kept) - len(mark) + 1)
            more = os.read(self._descriptor, min(_CHUNK, self._left))
            if not more:
                rest, self._kept, self.ended = self._kept, b"", True
                return rest
            self._left -= len(more)
            self._kept += more
        found, self._kept = self._kept[:at], self._kept[at + len(mark) :]
        return found


@contextlib.contextmanager
def _output(place: Place, old: str, new: str, *options: str) -> Iterator[_Output]:
    """The client at work; ended where nobody reads on. Raises what it complains of."""
    words = ["git", "--git-dir", str(place.bare), "diff", "--raw", "--no-abbrev", "-M", *options]
    words += ["--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", old, new, "--"]
    with subprocess.Popen(
        words,
        env=git.environment(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        with contextlib.suppress(PermissionError):  # all pipes of this user hold as much as they may
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
        output = _Output(process.stdout.fileno())
        try:
            yield output
        finally:
            if not output.ended or not output.whole:
                process.kill()
        errors = process.stderr.read()
    if process.returncode > 0:
        raise git.explain(errors.decode(errors="replace"), "")


def _entries(output: _Output) -> list[Entry]:
    lines = output.until(b"\n\n").splitlines()
    return [_entry(line) for line in (lines if output.whole else lines[:-1])]


def _entry(line: bytes) -> Entry:
    about, *names = line.split(b"\t")
    *_, old_blob, new_blob, status = about.split(b" ")
    old_path, path = (_name(names[0]), _name(names[-1])) if len(names) == 2 else (None, _name(names[0]))
    return Entry(path, old_path, status[:1], f"{old_blob.decode()}:{new_blob.decode()}")


def _name(shown: bytes) -> bytes:
    """A path out of the quotes that git puts odd ones into."""
    if shown.startswith(b'"'):
        return codecs.escape_decode(shown[1:-1])[0]
    return shown


def _patch(output: _Output, entry: Entry) -> bytes | None:
    """The file's part of the patch; None for what was not read to its end."""
    if output.ended:
        return None
    patch = output.until(_NEXT_FILE)
    if entry.status == b"T":  # git says it as a removal and an addition
        added = output.until(_NEXT_FILE)
        patch += added[added.find(b"\n@@ ") :]
    return patch if output.whole else None


def _mark_words(hunks: list[PatchHunk], pairs_left: int) -> int:
    """In as many pairs of lines as an answer compares; what comes after is not taken apart at all."""
    for hunk in hunks:
        if pairs_left == 0:
            break
        shown = [(n, Line(text[:1], text[1:])) for n, text in enumerate(hunk.text.split("\n")) if text[:1] != "\\"]
        pairs_left = diffs.mark_words([line for _, line in shown], pairs_left)
        hunk.spans = [(n, start, end) for n, line in shown for start, end in line.spans or ()]
    return pairs_left


def _file(entry: Entry, head: bytes, body: bytes, *, keep: bool, viewed: set[tuple[str, str]]) -> ChangedFile:
    path, encoded = diffs.name(entry.path)
    framed = b"\n" + body
    return ChangedFile(
        path=path,
        path_b64=encoded,
        old_path=diffs.name(entry.old_path)[0] if entry.old_path is not None else None,
        status=_WORDS.get(entry.status, "modified"),
        additions=framed.count(b"\n+"),
        deletions=framed.count(b"\n-"),
        binary=b"\nBinary files " in head,
        viewed=(path, entry.content) in viewed,
        content=entry.content,
        hunks=[PatchHunk(*each) for each in diffs.cut(framed.decode(errors="replace"))] if keep else [],
        truncated=not keep,
    )


def named(entry: Entry, path: str) -> bool:
    """Whether that is what the file is called on the wire."""
    return diffs.name(entry.path)[0] == path
