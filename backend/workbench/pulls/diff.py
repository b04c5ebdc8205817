"""What a pull request changes, file by file, against where it parted from its base: as the git client says it.

The client runs on the bare repository, where the commits of both sides are; its words are cut into files and hunks, and a hunk's
lines go to the page as they are. libgit2 and an object for each line took four times as long. Blocks, so in a thread."""

import codecs
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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

_WORDS: dict[bytes, Status] = {b"A": "added", b"D": "deleted", b"M": "modified", b"R": "renamed", b"T": "modified"}


@dataclass
class Entry:
    """One line of `git diff --raw`: raw paths, blobs, and the file's part of the patch where there is one."""

    path: bytes
    old_path: bytes | None
    status: bytes
    content: str
    patch: bytes | None = None


def listed(place: Place, old: str, new: str) -> list[Entry]:
    """Every file that differs, renames found, without patches."""
    output, _ = _read(place, old, new)
    return [_entry(line) for line in output.splitlines()]


def changed(place: Place, old: str, new: str, *, context: int = 3) -> list[Entry]:
    """The same with each file's patch."""
    output, whole = _read(place, old, new, "--patch", f"-U{context}")
    about, _, patches = output.partition(b"\n\n")
    entries = [_entry(line) for line in about.splitlines()]
    parts = iter(_sections(patches, whole=whole))
    for entry in entries:
        entry.patch = next(parts, None)
        if entry.status == b"T" and entry.patch is not None:  # git says it as a removal and an addition
            added = next(parts, b"")
            entry.patch += added[added.find(b"\n@@ ") + 1 :]
    return entries


def _read(place: Place, old: str, new: str, *options: str) -> tuple[bytes, bool]:
    """The client's output, and whether that is all of it."""
    words = ["git", "--git-dir", str(place.bare), "diff", "--raw", "--no-abbrev", "-M", *options]
    words += ["--no-color", "--no-ext-diff", "--no-textconv", "--submodule=short", old, new, "--"]
    process = subprocess.Popen(
        words, env=git.environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None and process.stderr is not None
        output = process.stdout.read(MOST_BYTES + 1)
        if len(output) > MOST_BYTES:
            process.kill()
            return output[:MOST_BYTES], False
        errors = process.stderr.read()
    if process.returncode:
        raise git.explain(errors.decode(errors="replace"), "")
    return output, True


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


def _sections(patches: bytes, *, whole: bool) -> Iterator[bytes]:
    """One file's part after another; one that was cut off is left out."""
    start = 0 if patches.startswith(b"diff --git ") else -1
    while start >= 0:
        end = patches.find(b"\ndiff --git ", start)
        if end >= 0:
            yield patches[start : end + 1]
            start = end + 1
        else:
            if whole:
                yield patches[start:]
            return


def show(entries: Sequence[Entry], viewed: set[tuple[str, str]], *, alone: bool) -> tuple[list[ChangedFile], int]:
    """The wire form of as many as fit into a page, at least one; how many that were."""
    files: list[ChangedFile] = []
    size = 0
    for entry in entries:
        patch = entry.patch or b""
        at = patch.find(b"\n@@ ") + 1
        body = patch[at:] if at else b""
        keep = entry.patch is not None and (alone or len(body) <= LONGEST_FILE)
        size += len(body) if keep else 0
        if files and size > LONGEST_PAGE:
            break
        files.append(_file(entry, patch[:at] if at else patch, body, keep=keep, viewed=viewed))
    _mark_words([hunk for file in files for hunk in file.hunks])
    return files, len(files)


def _mark_words(hunks: Sequence[PatchHunk]) -> None:
    """In as many pairs of lines as an answer compares; what comes after is not taken apart at all."""
    pairs_left = diffs.COMPARED_PAIRS
    for hunk in hunks:
        if pairs_left == 0:
            return
        shown = [(n, Line(text[:1], text[1:])) for n, text in enumerate(hunk.text.split("\n")) if text[:1] != "\\"]
        pairs_left = diffs.mark_words([line for _, line in shown], pairs_left)
        hunk.spans = [(n, start, end) for n, line in shown for start, end in line.spans or ()]


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
        hunks=list(_hunks(body)) if keep else [],
        truncated=not keep,
    )


def _hunks(body: bytes) -> Iterator[PatchHunk]:
    """Every line of a hunk begins with a space, a sign or a backslash: what begins with @@ begins a hunk."""
    for part in ("\n" + body.decode(errors="replace").removesuffix("\n")).split("\n@@ ")[1:]:
        about, _, text = part.partition("\n")
        ranges, _, header = about.partition(" @@")
        old, new = ranges.split(" ")
        yield PatchHunk(*_range(old), *_range(new), header.removeprefix(" "), text)


def _range(shown: str) -> tuple[int, int]:
    """Start and length out of `-7,5`; one line has no length."""
    start, _, length = shown[1:].partition(",")
    return int(start), int(length or 1)


def named(entry: Entry, path: str) -> bool:
    """Whether that is what the file is called on the wire."""
    return diffs.name(entry.path)[0] == path
