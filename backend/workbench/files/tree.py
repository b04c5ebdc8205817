"""What lies in a folder: names, sizes, what git would ignore. Goes from folder to folder by descriptor and follows no link.

The nearest folders come first (breadth first), so that a tree cut off at the limit is whole at the top.
"""

import os
import stat
import time
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from backend.workbench.files.beneath import Root, is_hidden, show, told
from backend.workbench.files.ignore import Ignore
from backend.workbench.files.schemas import Entry

MAX_ENTRIES = 50_000
MAX_FITTING = 5_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_IGNORE_FILE_BYTES = 1 << 20


class Tree(NamedTuple):
    entries: list[Entry]
    truncated: bool


class _Wanted(NamedTuple):
    depth: int
    hidden: bool
    ignored: bool
    letters: str


class _Folder(NamedTuple):
    """A folder still to be listed: its components, as names and as a prefix of paths, and the rules that hold in it."""

    parts: tuple[bytes, ...]
    prefix: str
    into: list[Entry]
    level: int
    rules: "tuple[tuple[int, Ignore], ...]"
    """(length of the prefix of the folder it lies in, rules), the outermost first."""
    ignored: bool


def tree(
    root: Root,
    parts: tuple[bytes, ...] = (),
    *,
    depth: int = 1,
    hidden: bool = True,
    ignored: bool = True,
    letters: str = "",
    limit: int | None = None,
    seconds: float = 10,
) -> Tree:
    """Folders beneath `parts` down to `depth` levels. Without `hidden` no name that begins with a dot, without `ignored`
    nothing that git ignores. `.git` and half-written files never show. With `letters` a flat list of the files whose path has
    them in that order, in either case, so that of any number of files those that somebody means are found. After `seconds`
    what is known so far is all."""
    entries: list[Entry] = []
    waiting = deque([_start(root, parts, entries)])
    wanted = _Wanted(depth, hidden, ignored, letters.lower())
    left = limit if limit is not None else MAX_FITTING if letters else MAX_ENTRIES
    deadline = time.monotonic() + seconds
    while waiting:
        folder = waiting.popleft()
        try:
            opened = (root.open if folder.level == 1 else root.open_plain)(folder.parts, _FOLDER)
        except OSError:
            continue  # gone since it was listed, or not ours to read
        try:
            left = _list(opened, folder, waiting, left, wanted)
        finally:
            os.close(opened)
        if left < 0 or (waiting and time.monotonic() > deadline):
            return Tree(entries, True)
    return Tree(entries, False)


def _start(root: Root, parts: tuple[bytes, ...], into: list[Entry]) -> _Folder:
    """The folder to begin with: the .gitignore files above it hold in it too."""
    folder = _Folder((), "", into, 1, (), False)
    for name in parts:
        with told():
            opened = root.open(folder.parts, _FOLDER)
        try:
            folder = _inside(folder, opened)
        finally:
            os.close(opened)
        text = os.fsdecode(name)
        folder = folder._replace(ignored=_is_ignored(folder, folder.prefix + text, text, True))
        folder = folder._replace(parts=(*folder.parts, name), prefix=f"{folder.prefix}{text}/")
    return folder


def _inside(folder: _Folder, opened: int) -> _Folder:
    """The same folder with the rules of its own .gitignore; a repository of its own begins anew."""
    if folder.parts and _is_there(opened, ".git"):
        folder = folder._replace(rules=(), ignored=False)
    rules = _rules_in(opened)
    return folder._replace(rules=(*folder.rules, (len(folder.prefix), rules))) if rules else folder


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def _rules_in(folder: int) -> Ignore | None:
    """The folder's .gitignore; None where there is none. A link is not followed, as git does not."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        found = os.open(".gitignore", flags, dir_fd=folder)
    except OSError:
        return None
    try:
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            return None
        return _compiled(os.pread(found, _IGNORE_FILE_BYTES, 0))
    finally:
        os.close(found)


@lru_cache(256)
def _compiled(text: bytes) -> Ignore:
    return Ignore(os.fsdecode(text))


def _is_ignored(folder: _Folder, path: str, name: str, is_folder: bool) -> bool:
    """The innermost .gitignore that says anything decides; what is ignored is so with all that is in it."""
    if folder.ignored:
        return True
    for start, rules in reversed(folder.rules):
        said = rules.says(path[start:], name, is_folder)
        if said is not None:
            return said
    return False


@lru_cache(4096)
def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}


def _fits(path: str, letters: str) -> bool:
    at = -1
    for letter in letters:
        at = path.find(letter, at + 1)
        if at < 0:
            return False
    return True


def _list(opened: int, folder: _Folder, waiting: deque[_Folder], left: int, wanted: _Wanted) -> int:
    """Adds what is in the folder to its entries, its folders to `waiting`. Returns what is left of the limit, -1 when reached."""
    folder = _inside(folder, opened)
    depth, hidden, ignored, letters = wanted
    deeper = folder.level < depth
    checks = folder.ignored or bool(folder.rules)
    prefix, add = folder.prefix, folder.into.append
    prefix_is_plain = prefix.isascii()
    for name in sorted(os.listdir(opened)):
        first = name[0]
        if first == "." and not hidden:
            continue
        plain = name.isascii()
        suspicious = first in ".gG" or not plain or "\\" in name  # the rest cannot be `.git` to anybody
        if suspicious and is_hidden(os.fsencode(name)):
            continue
        try:
            status = os.stat(name, dir_fd=opened, follow_symlinks=False)
        except OSError:
            continue  # gone since, or in a folder that may be read but not entered
        kind = _TYPES.get(status[0] & 0o170000, "special")  # by index: st_mode, st_size, st_mtime to the second
        path = prefix + name
        if letters and kind != "directory" and not (kind == "file" and _fits(path.lower(), letters)):
            continue
        skip = checks and _is_ignored(folder, path, name, kind == "directory")
        if skip and not ignored:
            continue
        into = folder.into
        if not letters or kind == "file":
            if not left:
                return -1
            entry = Entry(name, path, kind, status[6], moment(status[8]), skip)
            if not plain or not prefix_is_plain:
                _rename(entry, path)
            add(entry)
            left -= 1
            if deeper and kind == "directory":
                into = entry.children = []
        if deeper and kind == "directory":
            inner = (*folder.parts, os.fsencode(name))
            waiting.append(_Folder(inner, path + "/", into, folder.level + 1, folder.rules, skip))
    return left


def _rename(entry: Entry, path: str) -> None:
    """For names that are not ASCII: those that are not UTF-8 either are escaped."""
    entry.path, entry.path_b64 = show(os.fsencode(path))
    entry.name = entry.path.rsplit("/", 1)[-1]
