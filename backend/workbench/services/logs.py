"""Logs on disk: DATA/logs/<session>/<service>/<number>.log, segments of 4 MiB of which the newest are kept.

A line is `o` or `e` (stdout, stderr), its moment (RFC 3339, nanoseconds, always 30 characters) and its text. What a container
said stays here when it is gone.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.workbench.services.schemas import LogLine, LogPage
from runtimes.spec import LogChunk

SEGMENT: Final = 4 << 20  # bytes
KEPT: Final = 16  # segments a service
MOMENT: Final = 30  # characters
_MARKS: Final = {"stdout": b"o", "stderr": b"e"}
_STREAMS: Final = {"o": "stdout", "e": "stderr"}
_TEXT = 16_384  # characters of a line that are shown

Position = tuple[int, int]
"""Segment number and offset in it."""


class Log:
    """One service's log. Calls block for small reads and writes; one writer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def segments(self) -> list[int]:
        """Oldest first."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        return sorted(int(name[:-4]) for name in names if name.endswith(".log") and name[:-4].isdigit())

    def path(self, number: int) -> Path:
        return self.folder / f"{number}.log"

    def append(self, chunk: LogChunk) -> None:
        """Whole lines. Starts another segment, and drops the oldest, where this one is full."""
        mark = _MARKS[chunk.stream]
        data = mark + chunk.lines[:-1].replace(b"\n", b"\n" + mark) + b"\n"
        numbers = self.segments()
        last = numbers[-1] if numbers else 1
        self.folder.mkdir(parents=True, exist_ok=True)
        if numbers and os.path.getsize(self.path(last)) + len(data) > SEGMENT:
            last += 1
            for old in numbers[: max(len(numbers) + 1 - KEPT, 0)]:
                self.path(old).unlink(missing_ok=True)
        with self.path(last).open("ab", buffering=0) as file:
            file.write(data)

    def seen(self) -> dict[str, str]:
        """The moment of the last line of each stream: where to go on after a restart."""
        found: dict[str, str] = {}
        for line in self._backwards(self.end()):
            stream = _STREAMS.get(line[:1].decode("latin-1"))
            if stream is not None and stream not in found:
                found[stream] = line[1 : 1 + MOMENT].decode("latin-1")
            if len(found) == 2:
                break
        return found

    def end(self) -> Position:
        """After the last whole line: one may be being written."""
        numbers = self.segments()
        if not numbers:
            return 1, 0
        with self.path(numbers[-1]).open("rb") as file:
            return numbers[-1], file.read().rfind(b"\n") + 1

    def read(self, at: Position, limit: int = 1 << 18) -> tuple[bytes, Position]:
        """Whole lines from there, about `limit` bytes, and where they end. From the oldest kept where `at` is gone."""
        number, offset = at
        numbers = self.segments()
        if not numbers:
            return b"", at
        if number < numbers[0]:
            number, offset = numbers[0], 0
        try:
            with self.path(number).open("rb") as file:
                file.seek(offset)
                data = file.read(limit)
        except FileNotFoundError:
            return b"", at
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and not data and number < numbers[-1]:
            return self.read((number + 1, 0), limit)
        return whole, (number, offset + len(whole))

    def tail(self, count: int, *, since: str = "", search: str = "", stream: str = "") -> tuple[LogPage, Position]:
        """The last lines that match, and where the log ends now."""
        end = self.end()
        wanted, mark = search.lower().encode(), _MARKS.get(stream, b"")
        found: list[LogLine] = []
        for line in self._backwards(end):
            if since and line[1 : 1 + MOMENT].decode("latin-1") <= since and line[:1] in (b"o", b"e"):
                break
            if (mark and line[:1] != mark) or (wanted and wanted not in line[MOMENT + 2 :].lower()):
                continue
            if len(found) == count:
                return LogPage(found[::-1], truncated=True), end
            found.append(parse(line))
        return LogPage(found[::-1], truncated=False), end

    def _backwards(self, end: Position) -> Iterator[bytes]:
        """The lines before there, newest first: more may be coming."""
        for number in reversed(self.segments()):
            if number > end[0]:
                continue
            try:
                data = self.path(number).read_bytes()
            except FileNotFoundError:
                return
            for line in reversed(data[: end[1] if number == end[0] else None].split(b"\n")):
                if line:
                    yield line

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def log_of(data: Path, session_id: UUID, name: str) -> Log:
    return Log(data / "logs" / str(session_id) / name)


def parse(line: bytes) -> LogLine:
    text = line.decode("utf-8", "replace")
    return LogLine(text[1 : 1 + MOMENT], _STREAMS.get(text[:1], "stdout"), text[MOMENT + 2 : MOMENT + 2 + _TEXT])


def matching(data: bytes, *, search: str, stream: str) -> list[LogLine]:
    """The lines of what `read` gave that match."""
    wanted, mark = search.lower().encode(), _MARKS.get(stream, b"")
    lines = data.split(b"\n")[:-1]
    if mark:
        lines = [line for line in lines if line[:1] == mark]
    if wanted:
        lines = [line for line in lines if wanted in line[MOMENT + 2 :].lower()]
    return [parse(line) for line in lines]
