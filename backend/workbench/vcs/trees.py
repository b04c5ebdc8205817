"""What two trees differ by, level by level: equal folders are not opened, and a patch is made of the bytes of two blobs.

libgit2's own diff of two trees goes through every file of both, and looks on the disk for attributes of each that changed, which
takes several times as long. What is not plain (renames, links, submodules, attributes, modes) is left to it.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeVar

import pygit2

T = TypeVar("T", bound=pygit2.Object)

_ENTRY: Final = re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL)
_FOLDER: Final = b"40000"
_FILES: Final = {b"100644", b"100755"}
_DEEPEST: Final = 200


class NotPlain(Exception):
    """Only libgit2's own diff tells what these trees differ by."""


class Changed(NamedTuple):
    """A file that differs: the ids of its blobs, None on the side where there is none."""

    path: bytes
    old: bytes | None
    new: bytes | None


def changed(repository: pygit2.Repository, old: pygit2.Tree, new: pygit2.Tree) -> list[Changed]:
    """The files that differ, by their paths. Raises NotPlain."""
    found = sorted(_compare(repository, old.id.raw, new.id.raw, b""))
    if any(file.old is None for file in found) and any(file.new is None for file in found):
        raise NotPlain  # what went may have come back by another name
    return found


def contents(repository: pygit2.Repository, file: Changed) -> tuple[bytes | None, bytes | None]:
    """The bytes of both sides. Raises NotPlain where a blob is missing, or is none."""
    sides = (None if raw is None else _get(repository, raw, pygit2.Blob) for raw in (file.old, file.new))
    # `Blob.data` would read the object anew
    old, new = (None if blob is None else bytes(memoryview(blob)) for blob in sides)
    return old, new


def _compare(repository: pygit2.Repository, old: bytes | None, new: bytes | None, above: bytes) -> Iterator[Changed]:
    before, after = _entries(repository, old), _entries(repository, new)
    if b".gitattributes" in before or b".gitattributes" in after or above.count(b"/") > _DEEPEST:
        raise NotPlain
    for name in {name for name, _ in before.items() ^ after.items()}:
        (old_mode, old_id), (new_mode, new_id) = before.get(name, (None, None)), after.get(name, (None, None))
        modes = {mode for mode in (old_mode, new_mode) if mode is not None}
        if modes == {_FOLDER}:
            yield from _compare(repository, old_id, new_id, above + name + b"/")
        elif len(modes) == 1 and modes <= _FILES:
            yield Changed(above + name, old_id, new_id)
        else:
            raise NotPlain


def _entries(repository: pygit2.Repository, raw: bytes | None) -> dict[bytes, tuple[bytes, bytes]]:
    """Mode and id of each entry of a tree by its name (the bytes that `git cat-file tree` prints)."""
    found = [] if raw is None else _ENTRY.findall(_get(repository, raw, pygit2.Tree).read_raw())
    return {name: (mode, entry) for mode, name, entry in found}


def _get(repository: pygit2.Repository, raw: bytes, kind: type[T]) -> T:
    """Raises NotPlain where there is no such object of that kind."""
    found = repository.get(pygit2.Oid(raw=raw))
    if not isinstance(found, kind):
        raise NotPlain
    return found
