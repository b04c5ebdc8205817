"""Clones of remote repositories: fetched by the git client into a bare repository."""

import asyncio
from typing import Any

from backend.core import git, tidying, worktree
from backend.core.git import Place


async def clone(
    place: Place,
    url: git.CloneUrl,
    token: str,
    *,
    allow_file: bool,
    default: str = "",
    progress: git.Progress | None = None,
) -> str:
    """Fetches `url` into the bare repository and puts it in order; its default branch, which is asked for unless it is known.
    `worktree.check_out` makes the session of it."""
    worktree.create_bare(place)
    who: dict[str, Any] = {"token": token or url.password, "username": url.username, "allow_file": allow_file}
    known = asyncio.create_task(_default_branch(place, url, who) if not default else asyncio.sleep(0, default))
    try:
        await git.run(
            "fetch", "--progress", "--no-tags", "--no-recurse-submodules",
            "--end-of-options", url.address,
            "+refs/heads/*:refs/heads/*", "+refs/heads/*:refs/codeyard/remotes/*", "+refs/tags/*:refs/tags/*",
            git_dir=place.bare, progress=progress, timeout=3600, **who,
        )  # fmt: skip
        await tidying.index(place)
        return await known
    finally:
        known.cancel()
        await asyncio.gather(known, return_exceptions=True)


async def _default_branch(place: Place, url: git.CloneUrl, who: dict[str, Any]) -> str:
    said = await git.run("ls-remote", "--symref", "--end-of-options", url.address, "HEAD", git_dir=place.bare, **who)
    for line in said.decode(errors="replace").splitlines():
        if line.startswith("ref: refs/heads/"):
            return line.removeprefix("ref: refs/heads/").partition("\t")[0]
    return "main"
