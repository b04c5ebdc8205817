"""Differences: hunks, the words in a line that changed, renames, binaries, and an end to what is too long."""

import base64
import contextlib
import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence

import pygit2
from pygit2.enums import DeltaStatus, DiffFind, DiffOption

from backend.core import git, worktree
from backend.core.git import Place
from backend.workbench.vcs import trees
from backend.workbench.vcs.schemas import Diff, FileDiff, Hunk, Line, Status

MOST_FILES = 2000
MOST_LINES = 20_000
MOST_FOR_RENAMES = 5000
LONGEST_LINE = 2000
_COMPARED_LINE = 400
COMPARED_PAIRS = 400
"""How many pairs of lines of one answer are compared word by word."""
_WORD = re.compile(r"\w+|\s+|.", re.DOTALL)

_STATUS: dict[DeltaStatus, Status] = {
    DeltaStatus.ADDED: "added",
    DeltaStatus.DELETED: "deleted",
    DeltaStatus.MODIFIED: "modified",
    DeltaStatus.RENAMED: "renamed",
    DeltaStatus.COPIED: "added",
    DeltaStatus.TYPECHANGE: "modified",
    DeltaStatus.UNTRACKED: "untracked",
    DeltaStatus.CONFLICTED: "conflicted",
    DeltaStatus.UNREADABLE: "untracked",
}
_WORKING = (
    DiffOption.INCLUDE_UNTRACKED
    | DiffOption.RECURSE_UNTRACKED_DIRS
    | DiffOption.SHOW_UNTRACKED_CONTENT
    | DiffOption.INCLUDE_TYPECHANGE
)
Found = tuple[FileDiff, bytes, pygit2.Patch]
"""A file that differs, its exact path, and how."""


def between(
    repository: pygit2.Repository,
    old: pygit2.Tree | None,
    new: pygit2.Tree,
    *,
    paths: Sequence[str] | None = None,
    context: int = 3,
) -> Diff:
    """What turns one tree into another; `old` None is the empty one."""
    if old is not None:
        with contextlib.suppress(trees.NotPlain):
            return _collect(_plain(repository, old, new, paths, context))
    flags = DiffOption.INCLUDE_TYPECHANGE
    if old is None:
        found = new.diff_to_tree(swap=True, flags=flags, context_lines=context)
    else:
        found = old.diff_to_tree(new, flags=flags, context_lines=context)
    return show(found, paths)


def working_copy(repository: pygit2.Repository, *, paths: Sequence[str] | None = None, context: int = 3) -> Diff:
    """What is not committed: from HEAD to the working copy, untracked files included."""
    return show(working_diff(repository, context=context), paths, named=True)


def working_diff(repository: pygit2.Repository, *, context: int = 3) -> pygit2.Diff:
    if repository.head_is_unborn:
        empty = repository[repository.TreeBuilder().write()].peel(pygit2.Tree)
        return empty.diff_to_workdir(flags=_WORKING, context_lines=context)
    tree, index = repository.head.peel(pygit2.Tree), repository.index
    index.read(True)
    if index.conflicts is not None or len(tree.diff_to_index(index)):
        return tree.diff_to_workdir(flags=_WORKING, context_lines=context)
    # The index knows the files that did not change by their times; tree against working copy reads every one.
    found: pygit2.Diff = index.diff_to_workdir(flags=_WORKING, context_lines=context)
    return found


def of_snapshot(place: Place, commit_id: str | None, *, now: bool) -> Diff:
    """What turns the working copy as it is `now`, or else the commit that it lay on, into a snapshot. One of a time when
    this repository was not there changes nothing."""
    if commit_id is None:
        return Diff([], False)
    with git.opened(place) as repository:
        commit = repository[commit_id].peel(pygit2.Commit)
        if now:
            with worktree.locked(place):
                tree = worktree.write_tree(repository)
            return between(repository, repository[tree].peel(pygit2.Tree), commit.tree)
        return between(repository, commit.parents[0].tree if commit.parents else None, commit.tree)


def find_renames(diff: pygit2.Diff) -> None:
    """Looks for them only where something came and something went, and not among more than `MOST_FOR_RENAMES` files: libgit2
    holds each against each, which takes minutes for a hundred thousand that came and one that went."""
    if len(diff) > MOST_FOR_RENAMES:
        return
    kinds = {delta.status for delta in diff.deltas}
    if DeltaStatus.DELETED not in kinds or not kinds & {DeltaStatus.ADDED, DeltaStatus.UNTRACKED}:
        return
    diff.find_similar(flags=DiffFind.FIND_RENAMES | DiffFind.FIND_FOR_UNTRACKED, rename_limit=400)


def show(diff: pygit2.Diff, paths: Sequence[str] | None = None, *, named: bool = False) -> Diff:
    """The wire form of a libgit2 diff, with renames found; `named` hunks have their ids."""
    find_renames(diff)
    return _collect(_described(diff, paths), named=named)


def _described(diff: pygit2.Diff, paths: Sequence[str] | None) -> Iterator[Found]:
    for number, delta in enumerate(diff.deltas):
        if paths is None or _below(paths, delta.new_file.path, delta.old_file.path):
            patch = diff[number]
            if patch is not None:
                yield describe(patch.delta), path_of(delta), patch


def _plain(
    repository: pygit2.Repository, old: pygit2.Tree, new: pygit2.Tree, paths: Sequence[str] | None, context: int
) -> Iterator[Found]:
    for each in trees.changed(repository, old, new):
        path, encoded = name(each.path)
        if paths is None or _below(paths, path):
            before, after = trees.contents(repository, each)  # the patch points into both: they live until the next one
            patch = pygit2.Patch.create_from(before, after, context_lines=context)
            status: Status = "added" if each.old is None else "deleted" if each.new is None else "modified"
            binary = bool(patch.delta.is_binary)
            yield FileDiff(path, None, status, 0, 0, binary, hunks=[], path_b64=encoded), each.path, patch


def _collect(found: Iterable[Found], *, named: bool = False) -> Diff:
    """Hunks end at `MOST_LINES`, files at `MOST_FILES`."""
    files: list[FileDiff] = []
    lines_left, pairs_left, truncated = MOST_LINES, COMPARED_PAIRS, False
    for file, path, patch in found:
        if len(files) == MOST_FILES:
            truncated = True
            break
        _, file.additions, file.deletions = patch.line_stats
        if not file.binary:
            size = file.additions + file.deletions
            if size > lines_left:
                file.truncated = truncated = True
            else:
                file.hunks = list(_hunks(patch))
                if named:
                    for shown, hunk in zip(file.hunks, patch.hunks, strict=True):
                        shown.id = hunk_id(path, hunk)
                lines_left -= sum(len(hunk.lines) for hunk in file.hunks)
                for shown in file.hunks:
                    pairs_left = mark_words(shown.lines, pairs_left)
        files.append(file)
    return Diff(files, truncated)


def hunk_id(path: bytes, hunk: pygit2.DiffHunk) -> str:
    """Names a hunk by what it changes and where in HEAD's file, so that a change further up in the file keeps it."""
    digest = hashlib.blake2b(b"%s\0%d\0" % (path, hunk.old_start), digest_size=12)
    for line in hunk.lines:
        digest.update(line.origin.encode() + b"%d\0" % len(line.raw_content) + line.raw_content)
    return digest.hexdigest()


def path_of(delta: pygit2.DiffDelta) -> bytes:
    return delta.old_file.raw_path if delta.status == DeltaStatus.DELETED else delta.new_file.raw_path


def _below(paths: Sequence[str], *names: str) -> bool:
    return any(name == path or name.startswith(path.rstrip("/") + "/") for name in names for path in paths)


def describe(delta: pygit2.DiffDelta) -> FileDiff:
    path, encoded = name(path_of(delta))
    renamed = delta.status == DeltaStatus.RENAMED
    return FileDiff(
        path=path,
        path_b64=encoded,
        old_path=name(delta.old_file.raw_path)[0] if renamed else None,
        status=_STATUS.get(delta.status, "modified"),
        additions=0,
        deletions=0,
        binary=bool(delta.is_binary),
        hunks=[],
    )


def name(raw: bytes) -> tuple[str, str | None]:
    """A path for people and, where that is not the path itself, the exact one in base64."""
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return raw.decode(errors="backslashreplace"), base64.b64encode(raw).decode()


def _hunks(patch: pygit2.Patch) -> Iterator[Hunk]:
    """Out of the patch's text: to ask libgit2 for each line takes twice as long."""
    for old, old_lines, new, new_lines, header, text in cut(patch.data.decode(errors="replace")):
        yield Hunk(old, old_lines, new, new_lines, header, _lines(text, old, new))


def cut(patch: str) -> Iterator[tuple[int, int, int, int, str, str]]:
    """Start and length on both sides, what stands behind them, and the lines of each hunk. Every line of a hunk begins with a
    space, a sign or a backslash: what begins with @@ begins a hunk."""
    for part in patch.removesuffix("\n").split("\n@@ ")[1:]:
        about, _, text = part.partition("\n")
        ranges, _, header = about.partition(" @@")
        old, new = ranges.split(" ")
        yield *_range(old), *_range(new), header.strip(), text


def _range(shown: str) -> tuple[int, int]:
    """Start and length out of `-7,5`; one line has no length."""
    start, _, length = shown[1:].partition(",")
    return int(start), int(length or 1)


def _lines(text: str, old: int, new: int) -> list[Line]:
    """The lines of a hunk, without the remarks on a missing last line end."""
    found = []
    for line in text.split("\n"):
        kind, shown = line[:1], line[1 : LONGEST_LINE + 1].rstrip("\r")
        if kind == " ":
            found.append(Line(kind, shown, old, new))
            old, new = old + 1, new + 1
        elif kind == "-":
            found.append(Line(kind, shown, old))
            old += 1
        elif kind == "+":
            found.append(Line(kind, shown, None, new))
            new += 1
    return found


def mark_words(lines: Sequence[Line], pairs_left: int) -> int:
    """Gives `spans` to lines of a hunk that replace one another: the n-th removed line of a block to its n-th added one. How
    many pairs of lines may still be compared."""
    for removed, added in _blocks(lines):
        for old, new in zip(removed, added, strict=False):
            if pairs_left == 0:
                return 0
            pairs_left -= 1
            if max(len(old.text), len(new.text)) <= _COMPARED_LINE:
                old.spans, new.spans = spans(old.text, new.text)
    return pairs_left


def _blocks(lines: Sequence[Line]) -> Iterable[tuple[list[Line], list[Line]]]:
    removed: list[Line] = []
    added: list[Line] = []
    for line in (*lines, Line(" ", "")):
        if line.kind == "-" and not added:
            removed.append(line)
        elif line.kind == "+" and removed:
            added.append(line)
        else:
            if removed and added:
                yield removed, added
            removed, added = ([line] if line.kind == "-" else []), []


def spans(old: str, new: str) -> tuple[list[tuple[int, int]] | None, list[tuple[int, int]] | None]:
    """The [from, to) characters by which two lines differ, word by word; None for both where they have little in common."""
    old_words, new_words = _WORD.findall(old), _WORD.findall(new)
    head = _shared(old_words, new_words)
    tail = _shared(old_words[head:][::-1], new_words[head:][::-1])  # the ends that agree need no comparing
    old_rest, new_rest = old_words[head : len(old_words) - tail], new_words[head : len(new_words) - tail]
    pieces: Sequence[tuple[str, int, int, int, int]] = [("replace", 0, len(old_rest), 0, len(new_rest))]
    if old_rest and new_rest and len(old_rest) + len(new_rest) > 2:  # one word for another needs no comparing either
        pieces = difflib.SequenceMatcher(None, old_rest, new_rest, autojunk=False).get_opcodes()
    alike = head + tail + sum(b - a for kind, a, b, _, _ in pieces if kind == "equal")
    if 2 * alike < 0.4 * (len(old_words) + len(new_words)):
        return None, None
    old_spans: list[tuple[int, int]] = []
    new_spans: list[tuple[int, int]] = []
    for kind, a, b, c, d in pieces:
        if kind != "equal":
            _add(old_spans, old_words, head + a, head + b)
            _add(new_spans, new_words, head + c, head + d)
    return old_spans, new_spans


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words two lines begin with in common."""
    for number, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return number
    return min(len(one), len(other))


def _add(found: list[tuple[int, int]], words: Sequence[str], start: int, end: int) -> None:
    if start < end:
        at = sum(map(len, words[:start]))
        found.append((at, at + sum(map(len, words[start:end]))))
