"""Pushing and pulling, by the git client on the bare repository: it never sees a session's own configuration."""

import pygit2

from backend.core import git
from backend.core.git import CloneUrl, Place
from backend.core.resources import Resources

TRACKED = "refs/codeyard/remotes/"
"""Where the bare repository keeps what the remote's branches were when it was last asked."""


async def check_url(resources: Resources, url: str) -> CloneUrl:
    settings = resources.settings
    return await git.check_clone_url(
        url, allow_file=settings.allow_file_clone, allow_private=settings.allow_private_clone
    )


async def push(resources: Resources, place: Place, url: CloneUrl, token: str, *, branch: str, upstream: str) -> None:
    """Publishes `branch` as the remote's `upstream`. Never forces. Raises PushRejected, RemoteRefused …"""
    await git.run(
        "push", "--porcelain", "--no-verify", "--end-of-options", url.address, f"refs/heads/{branch}:refs/heads/{upstream}",
        git_dir=place.bare,
        token=token or url.password,
        username=url.username,
        allow_file=resources.settings.allow_file_clone,
    )  # fmt: skip
    await git.run("update-ref", f"{TRACKED}{upstream}", f"refs/heads/{branch}", git_dir=place.bare)


async def fetch(resources: Resources, place: Place, url: CloneUrl, token: str, *, upstream: str) -> str:
    """The remote's `upstream` branch into the bare repository; its commit."""
    ref = f"{TRACKED}{upstream}"
    await git.run(
        "fetch", "--no-tags", "--no-recurse-submodules", "--end-of-options", url.address, f"+refs/heads/{upstream}:{ref}",
        git_dir=place.bare,
        token=token or url.password,
        username=url.username,
        allow_file=resources.settings.allow_file_clone,
    )  # fmt: skip
    return (await git.run("rev-parse", "--verify", "--end-of-options", ref, git_dir=place.bare)).decode().strip()


def ahead_behind(place: Place, repository: pygit2.Repository, upstream: str) -> tuple[int, int] | None:
    """How many commits the session is ahead of and behind what the remote had; None where it was never asked."""
    bare = git.open_bare(place)
    theirs = bare.references.get(f"{TRACKED}{upstream}")
    if theirs is None or repository.head_is_unborn:
        return None
    counts: tuple[int, int] = repository.ahead_behind(repository.head.target, theirs.target)
    return counts
