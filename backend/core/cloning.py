"""Clones of remote repositories: made bare by the git client, then the server's own."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from backend.core import git, tidying, worktree
from backend.core.git import Place


async def clone(place: Place, url: git.CloneUrl, *, allow_file: bool, progress: git.Progress | None = None) -> str:
    """Brings branches and tags of `url` into a new bare repository; the remote's default branch, `main` where it has none. It is
    on the disk and in order after `settling`, within which `worktree.check_out` makes the session of it."""
    await git.run(
        "-c", "core.fsync=none", "clone", "--bare", "--progress", "--template=", "--end-of-options", url.address, place.bare,
        token=url.password, username=url.username, allow_file=allow_file, progress=progress, timeout=3600,
    )  # fmt: skip
    kind, _, branch = (place.bare / "HEAD").read_text(errors="replace").strip().partition(" refs/heads/")
    worktree.create_bare(place)  # its configuration is ours alone
    await asyncio.to_thread(_track, place)
    return branch if kind == "ref:" else "main"


@contextlib.asynccontextmanager
async def settling(place: Place) -> AsyncIterator[None]:
    """Brings what `clone` made to the disk, and into order, while its files are checked out: a tenth of a large clone's time is
    the disk's. Over when both are."""
    working = asyncio.create_task(_settle(place))
    try:
        yield
    finally:
        await working


async def _settle(place: Place) -> None:
    await asyncio.to_thread(_to_disk, place)
    await tidying.index(place)


def _to_disk(place: Place) -> None:
    for folder, _, files in os.walk(place.bare):
        for name in (*files, "."):
            descriptor = os.open(f"{folder}/{name}", os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


async def look_for(branch: str, url: git.CloneUrl, *, allow_file: bool) -> str | None:
    """The branch's tip, before anything is fetched; None in a repository without any, where each may be begun. Raises
    NoSuchBranch."""
    wanted = f"refs/heads/{branch}"
    for ref in (wanted, "refs/heads/*"):  # of a hundred thousand only the one, where it is there
        said = await git.run(
            "ls-remote", "--end-of-options", url.address, ref,
            token=url.password, username=url.username, allow_file=allow_file, timeout=60,
        )  # fmt: skip
        found = {
            ref: tip for tip, _, ref in (one.partition("\t") for one in said.decode(errors="replace").splitlines())
        }
        if wanted in found:
            return found[wanted]
    if found:
        raise git.NoSuchBranch
    return None


def _track(place: Place) -> None:
    """Notes as the remote's what is to be ours from now on: in the one file where git has put it all (gitrepository-layout(5),
    packed-refs), for a file for each of 100,000 branches takes a minute."""
    packed = place.bare / "packed-refs"
    if packed.exists():
        heading, *lines = packed.read_bytes().splitlines(keepends=True)
        ours = [line for line in lines if b" refs/heads/" in line]
        theirs = [line.replace(b" refs/heads/", b" refs/codeyard/remotes/", 1) for line in ours]
        packed.write_bytes(b"".join([heading, *theirs, *lines]))  # still sorted
