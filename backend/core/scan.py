"""What of a large working copy differs from HEAD, looked for by several processors at once, as the git client does it.

libgit2 asks the kernel about one file after the other. Here the entries at the top of the working copy are shared out, and each
share is compared by a thread with a handle of its own on the repository (its calls let go of the interpreter).
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pygit2
from pygit2.enums import DeltaStatus, DiffOption, FileStatus
from pygit2.errors import check_error
from pygit2.ffi import C, ffi

from backend.core import git
from backend.core.git import Place

LARGE: Final = 3000  # files, from which on it pays
SHARES: Final = min(4, os.cpu_count() or 1)

_FLAGS: Final = (
    DiffOption.INCLUDE_UNTRACKED
    | DiffOption.RECURSE_UNTRACKED_DIRS
    | DiffOption.INCLUDE_TYPECHANGE
    | DiffOption.DISABLE_PATHSPEC_MATCH
)
_IN_INDEX: Final = {
    DeltaStatus.ADDED: FileStatus.INDEX_NEW,
    DeltaStatus.DELETED: FileStatus.INDEX_DELETED,
    DeltaStatus.MODIFIED: FileStatus.INDEX_MODIFIED,
    DeltaStatus.TYPECHANGE: FileStatus.INDEX_TYPECHANGE,
    DeltaStatus.CONFLICTED: FileStatus.CONFLICTED,
}
_IN_WORKING_COPY: Final = {
    DeltaStatus.UNTRACKED: FileStatus.WT_NEW,
    DeltaStatus.DELETED: FileStatus.WT_DELETED,
    DeltaStatus.MODIFIED: FileStatus.WT_MODIFIED,
    DeltaStatus.TYPECHANGE: FileStatus.WT_TYPECHANGE,
    DeltaStatus.UNREADABLE: FileStatus.WT_UNREADABLE,
    DeltaStatus.CONFLICTED: FileStatus.CONFLICTED,
}


def changed(place: Place, repository: pygit2.Repository) -> dict[str, FileStatus]:
    """The paths that differ, whichever way is quicker; the caller has `repository` opened."""
    return shared_out(place, repository) if len(repository.index) >= LARGE else by_libgit2(repository)


def by_libgit2(repository: pygit2.Repository) -> dict[str, FileStatus]:
    """Without what is ignored or unchanged, or a repository of its own."""
    ignorable = FileStatus.IGNORED | FileStatus.CURRENT
    found = repository.status(untracked_files="all").items()  # with a slash at its end: a repository of its own
    return {path: FileStatus(flags) for path, flags in found if flags & ~ignorable and not path.endswith("/")}


def shared_out(place: Place, repository: pygit2.Repository) -> dict[str, FileStatus]:
    """What `by_libgit2` tells."""
    found = _staged(repository)
    mine, *others = share_out(repository, [path for path, _ in found])
    with ThreadPoolExecutor(max(len(others), 1)) as helpers:
        asked = [helpers.submit(_beside, place, names, number) for number, names in enumerate(others, 1)]
        found += _unstaged(repository, mine)
        for one in asked:
            found += one.result()
    flags: dict[str, FileStatus] = {}
    for path, flag in found:
        flags[path] = flags.get(path, FileStatus.CURRENT) | flag
    return flags


def share_out(repository: pygit2.Repository, staged: Iterable[str]) -> list[list[bytes]]:
    """The names at the top of HEAD, index (where it differs from HEAD: `staged`) and working copy, dealt out."""
    names = {os.fsencode(path.split("/", 1)[0]) for path in staged} | set(os.listdir(os.fsencode(repository.workdir)))
    if not repository.head_is_unborn:
        names |= {entry.raw_name or b"" for entry in repository.head.peel(pygit2.Tree)}
    dealt = sorted(names - {b".git"})
    return [dealt[number::SHARES] for number in range(min(SHARES, len(dealt)))] or [[b".git"]]


def _beside(place: Place, names: Sequence[bytes], number: int) -> list[tuple[str, FileStatus]]:
    with git.opened(place, beside=number) as repository:
        return _unstaged(repository, names)


def _staged(repository: pygit2.Repository) -> list[tuple[str, FileStatus]]:
    if repository.head_is_unborn:
        return [(entry.path, FileStatus.INDEX_NEW) for entry in repository.index]
    diff = repository.head.peel(pygit2.Tree).diff_to_index(repository.index, flags=DiffOption.INCLUDE_TYPECHANGE)
    return _flags(diff, _IN_INDEX)


def _unstaged(repository: pygit2.Repository, names: Sequence[bytes]) -> list[tuple[str, FileStatus]]:
    """`Index.diff_to_workdir` for the given names at the top alone, which pygit2 has no parameter for."""
    # as a file and as a folder: libgit2 walks the names in their order, in which `a-b` stands between `a` and `a/b`
    kept = [ffi.new("char[]", name + end) for name in names for end in (b"", b"/")]
    strings = ffi.new("char *[]", kept)
    options = ffi.new("git_diff_options *")
    check_error(C.git_diff_options_init(options, 1))
    options.flags = int(_FLAGS)
    options.pathspec.strings, options.pathspec.count = strings, len(kept)
    made = ffi.new("git_diff **")
    check_error(C.git_diff_index_to_workdir(made, repository._repo, repository.index._index, options))
    return _flags(pygit2.Diff.from_c(bytes(ffi.buffer(made)[:]), repository), _IN_WORKING_COPY)


def _flags(diff: pygit2.Diff, by_status: dict[DeltaStatus, FileStatus]) -> list[tuple[str, FileStatus]]:
    found = []
    for delta in diff.deltas:
        path = delta.old_file.path if delta.status == DeltaStatus.DELETED else delta.new_file.path
        if (flag := by_status.get(delta.status)) is not None and not path.endswith("/"):
            found.append((path, flag))
    return found
