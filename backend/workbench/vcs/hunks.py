"""Parts of a change: hunks of the working copy's differences, or single lines of them, to commit or to discard.

A hunk is named by a digest of what the caller saw (diffs.hunk_id). It is looked for in the differences as they are now, and
what is taken comes out of these, never out of the file again: so a commit holds what somebody looked at, or is refused.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pygit2
from pygit2.enums import DeltaStatus, FileMode

from backend.core.git import Place
from backend.workbench.files import beneath, disk
from backend.workbench.vcs import diffs
from backend.workbench.vcs.errors import NotByHunk, StaleHunks
from backend.workbench.vcs.schemas import ChosenHunk

_TEXT = {FileMode.BLOB, FileMode.BLOB_EXECUTABLE}
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_LARGEST = 50 * 1024 * 1024


@dataclass(frozen=True)
class Part:
    """One file of which something was chosen: `chosen` is HEAD's content with that, `rest` HEAD's with all else, `now` with
    both; None stands for no such file. `mode` is what the chosen content has in a tree."""

    path: str
    old_path: str
    mode: FileMode
    chosen: bytes | None
    rest: bytes | None
    now: bytes | None


def parts(repository: pygit2.Repository, wanted: Sequence[ChosenHunk], context: int) -> list[Part]:
    """Raises StaleHunks with the files whose hunks are not there any more, NotByHunk."""
    by_path: dict[str, dict[str, set[int] | None]] = {}
    for hunk in wanted:
        by_path.setdefault(hunk.path, {})[hunk.id] = None if hunk.lines is None else set(hunk.lines)
    diff = diffs.working_diff(repository, context=context)
    diffs.find_renames(diff)
    found = {}
    for number, delta in enumerate(diff.deltas):
        path = diffs.path_of(delta).decode(errors="surrogateescape")
        if path in by_path and (patch := diff[number]) is not None:
            found[path] = _part(repository, path, patch, by_path[path])
    stale = sorted(path for path in by_path if found.get(path) is None)
    if stale:
        raise StaleHunks(files=stale)
    return [part for part in found.values() if part is not None]


def _part(
    repository: pygit2.Repository, path: str, patch: pygit2.Patch, wanted: dict[str, set[int] | None]
) -> Part | None:
    """None where a hunk that was asked for is not there."""
    delta = patch.delta
    old, new = delta.old_file, delta.new_file
    gone, fresh = delta.status == DeltaStatus.DELETED, not old.mode
    if delta.is_binary or any(side.mode and side.mode not in _TEXT for side in (old, new)):
        raise NotByHunk(path=path)
    base = b"" if fresh else repository[old.id].peel(pygit2.Blob).data
    by_id = {diffs.hunk_id(path.encode(errors="surrogateescape"), hunk): hunk for hunk in patch.hunks}
    if not wanted.keys() <= by_id.keys():
        return None
    hunks = list(by_id.values())
    chosen = [_take(hunk, wanted[name]) if name in wanted else set() for name, hunk in by_id.items()]
    rest = [_changed(hunk) - taken for hunk, taken in zip(hunks, chosen, strict=True)]
    everything = not any(rest)
    return Part(
        path=path,
        old_path=old.path,
        mode=FileMode(new.mode if fresh else old.mode),
        chosen=None if gone and everything else _apply(base, hunks, chosen),
        rest=None if fresh and everything else _apply(base, hunks, rest),
        now=None if gone else _apply(base, hunks, [_changed(hunk) for hunk in hunks]),
    )


def _lines(hunk: pygit2.DiffHunk) -> list[pygit2.DiffLine]:
    """Numbered as diffs.py shows them: without the remarks on a missing last line end."""
    return [line for line in hunk.lines if line.origin in " +-"]


def _changed(hunk: pygit2.DiffHunk) -> set[int]:
    return {number for number, line in enumerate(_lines(hunk)) if line.origin != " "}


def _take(hunk: pygit2.DiffHunk, lines: set[int] | None) -> set[int]:
    return _changed(hunk) if lines is None else _changed(hunk) & lines


def _apply(base: bytes, hunks: Sequence[pygit2.DiffHunk], taken: Sequence[set[int]]) -> bytes:
    """`base` with the numbered lines of each hunk removed or added, the others as they were."""
    before = _LINE.findall(base)
    made: list[bytes] = []
    at = 0
    for hunk, numbers in zip(hunks, taken, strict=True):
        start = hunk.old_start - 1 if hunk.old_lines else hunk.old_start
        made += before[at:start]
        made += _put_together(hunk, numbers)
        at = start + hunk.old_lines
    made += before[at:]
    for number, line in enumerate(made[:-1]):
        if not line.endswith(b"\n"):  # the last line of one side, which is not the last any more
            made[number] = line + b"\n"
    return b"".join(made)


def _put_together(hunk: pygit2.DiffHunk, numbers: set[int]) -> Iterator[bytes]:
    """Of lines that replace one another, the n-th new one stands where the n-th old one stood."""
    removed: list[bytes | None] = []
    added: list[bytes | None] = []

    def settled() -> Iterator[bytes]:
        for number in range(max(len(removed), len(added))):
            for side in (removed, added):
                if number < len(side) and (line := side[number]) is not None:
                    yield line
        removed.clear()
        added.clear()

    for number, line in enumerate(_lines(hunk)):
        if line.origin == "-":
            if added:
                yield from settled()
            removed.append(None if number in numbers else line.raw_content)
        elif line.origin == "+":
            added.append(line.raw_content if number in numbers else None)
        else:
            yield from settled()
            yield line.raw_content
    yield from settled()


def take_back(place: Place, part: Part) -> None:
    """Writes the file without what was chosen. Raises StaleHunks where it is not what `part` was made of."""
    name = tuple(part.path.encode(errors="surrogateescape").split(b"/"))
    with beneath.Root(place.work_tree) as root:
        etag, ends = "*", False
        if part.now is not None:
            data = disk.read(root, name, largest=_LARGEST).data
            ends = data != part.now  # a filter made other line ends of it on the way into git
            if ends and data.replace(b"\r\n", b"\n") != part.now:
                raise StaleHunks(files=[part.path])
            etag = disk.etag_of(data)
        rest = part.rest or b""
        if ends:
            rest = rest.replace(b"\n", b"\r\n")
        executable = part.mode == FileMode.BLOB_EXECUTABLE if part.now is None else None
        disk.write(root, name, rest, etag=etag, executable=executable, largest=_LARGEST)
