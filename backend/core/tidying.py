"""Repositories kept small over the years: what commits and snapshots leave as one file for each object is packed. Nothing is
thrown away: sessions read what they need out of the bare repository, and only they know what that is."""

import contextlib
import os
import re
from pathlib import Path
from typing import Final

import pygit2

from backend.core import git, worktree
from backend.core.git import Place

MANY: Final = 2000  # objects that lie about by themselves; git's own limit is 6700
_FOLDER: Final = re.compile(r"[0-9a-f]{2}")
_FILE: Final = re.compile(r"[0-9a-f]{38}")
_INSIDE: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def is_due(git_dir: Path) -> bool:
    """Whether many objects lie about: by one folder of 256, as `git gc --auto` guesses."""
    with contextlib.suppress(OSError):
        return 256 * len(os.listdir(git_dir / "objects" / "17")) >= MANY
    return False


async def pack(place: Place) -> None:
    """Packs the bare repository's objects, those too that no branch leads to, and its references; packs grow in a geometric
    series, so large ones are left alone (git-repack(1), --geometric)."""
    await git.run("-c", "pack.threads=1", "repack", "--geometric=2", "-d", "-q", git_dir=place.bare, timeout=3600)
    await index(place)


async def index(place: Place) -> None:
    """Packs the bare repository's references, which may be very many, and writes the graph that blame and log go by."""
    await git.run("pack-refs", "--all", git_dir=place.bare)
    await git.run("commit-graph", "write", "--reachable", "--changed-paths", git_dir=place.bare, timeout=3600)


def slim(place: Place) -> None:
    """Removes what lies about in the session's git dir and is in the bare repository, where the session finds it as well.
    Whoever has a shell there may have put links in place of folders: none is followed."""
    there = git.open_bare(place).odb
    with worktree.locked(place), contextlib.ExitStack() as stack:
        objects = _open(stack, place.git_dir / "objects")
        for folder in filter(_FOLDER.fullmatch, os.listdir(objects)):
            with contextlib.ExitStack() as opened, contextlib.suppress(NotADirectoryError):
                inside = _open(opened, folder, at=objects)
                for name in filter(_FILE.fullmatch, os.listdir(inside)):
                    if pygit2.Oid(hex=folder + name) in there:
                        os.unlink(name, dir_fd=inside)


def _open(stack: contextlib.ExitStack, path: str | Path, at: int | None = None) -> int:
    descriptor = os.open(path, _INSIDE, dir_fd=at)
    stack.callback(os.close, descriptor)
    return descriptor
