"""Where lines of one commit are in another: so that comments follow the code. Blocks, so in a thread."""

from collections.abc import Iterable
from dataclasses import dataclass

import pygit2
from pygit2.enums import DeltaStatus, DiffFind


@dataclass(frozen=True)
class Span:
    """Lines `first` to `last`, 1-based, of a file."""

    path: str
    first: int
    last: int


def exists(bare: pygit2.Repository, commit: str, span: Span) -> bool:
    """Whether that commit's file has these lines."""
    try:
        found = bare[commit].peel(pygit2.Commit).tree[span.path]
    except KeyError:
        return False
    if not isinstance(found, pygit2.Blob) or found.is_binary:
        return False
    count = found.data.count(b"\n") + (not found.data.endswith(b"\n") and found.size > 0)
    return 1 <= span.first <= span.last <= count


def follow(bare: pygit2.Repository, old: str, new: str, spans: Iterable[Span]) -> dict[Span, Span | None]:
    """For each span of `old` where it is in `new`, through renames; None where one of its lines was changed or removed.
    Lines that were put in between belong to it."""
    wanted: dict[str, list[Span]] = {}
    for span in spans:
        wanted.setdefault(span.path, []).append(span)
    if old == new:
        return {span: span for found in wanted.values() for span in found}
    diff = bare[old].peel(pygit2.Tree).diff_to_tree(bare[new].peel(pygit2.Tree), context_lines=0)
    if any(delta.status == DeltaStatus.DELETED and delta.old_file.path in wanted for delta in diff.deltas):
        diff.find_similar(flags=DiffFind.FIND_RENAMES, rename_limit=400)
    moved: dict[Span, Span | None] = {span: span for found in wanted.values() for span in found}
    for number, delta in enumerate(diff.deltas):
        here = wanted.get(delta.old_file.path, ()) if delta.status != DeltaStatus.ADDED else ()
        if not here:
            continue
        gone = delta.status in (DeltaStatus.DELETED, DeltaStatus.TYPECHANGE) or delta.is_binary
        patch = None if gone else diff[number]
        hunks = [(h.old_start, h.old_lines, h.new_lines) for h in patch.hunks] if patch is not None else []
        for span in here:
            moved[span] = None if gone else _through(span, delta.new_file.path, hunks)
    return moved


def _through(span: Span, path: str, hunks: Iterable[tuple[int, int, int]]) -> Span | None:
    """`hunks` are (old_start, old_lines, new_lines), without context; one that only adds does so after line `old_start`."""
    before_first = before_last = 0
    for start, removed, added in hunks:
        if removed and start <= span.last and span.first < start + removed:
            return None
        end = start + removed if removed else start + 1
        if end <= span.first:
            before_first += added - removed
        if end <= span.last:
            before_last += added - removed
    return Span(path, span.first + before_first, span.last + before_last)
