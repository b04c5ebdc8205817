"""Submodules of what is cloned or imported: each becomes a repository of the workspace in its folder, with its own history and
remote.

`.gitmodules` is a stranger's (gitmodules(5)). Its text is parsed by git, from the commit, and only paths count where the tree
itself has a submodule: so there is no link on the way to one. Its `name` and `update` mean nothing here. URLs are held to what
may be cloned anyway, over HTTP(S) alone; a token goes to the host that it was given for and to no other.
"""

import re
import subprocess
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit
from uuid import UUID

import pygit2
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from backend.core import cloning, git, worktree
from backend.core.db import new_id
from backend.core.errors import AppError
from backend.core.git import BadCloneUrl, CloneUrl, GitFailed, Place
from backend.core.resources import Resources
from backend.workbench.workspaces.models import Repository

MOST: Final = 50
DEEPEST: Final = 5
_HERE: Final = re.compile(r"submodule\.(.*)\.(path|url)", re.DOTALL)
_SCP: Final = re.compile(r"(?:ssh://)?git@([A-Za-z0-9.-]+)[:/](?!/)([^:].*)")

Fetch = Callable[[Place, CloneUrl], Awaitable[str]]
"""Fetches a URL into a place's bare repository, with what credentials there are for it; the default branch."""


@dataclass(frozen=True)
class Wanted:
    """One that `.gitmodules` names and the tree has."""

    path: str
    url: str
    commit: str


@dataclass
class Fetched:
    """The repositories' names of those that are there, by their folders, and those that are not, each with the reason."""

    done: dict[str, str]
    left_out: list[str]

    def said(self) -> str:
        """For whoever looks at the import; empty where there were none."""
        words = [f"{len(self.done)} submodule{'s' * (len(self.done) != 1)} fetched."] if self.done else []
        if self.left_out:
            words.append(f"{'Not' if self.done else 'Submodules not'} fetched: {'; '.join(self.left_out[:10])}")
            words += [f"and {len(self.left_out) - 10} more"] if len(self.left_out) > 10 else []
        return " ".join(words)


async def fetch_all(resources: Resources, place: Place, of: CloneUrl, *, fetch: Fetch, branch: str) -> Fetched:
    """Those of the commit that `place` has checked out, and theirs. `branch` is the session's own, empty for the remote's default
    one. What cannot be had is told and left out: a folder stays empty."""
    found = Fetched({}, [])

    async def below(place: Place, of: CloneUrl, depth: int) -> None:
        for one in await resources.in_thread(wanted, place):
            try:
                if depth > DEEPEST or len(found.done) >= MOST:
                    raise GitFailed(f"at most {MOST} are fetched, {DEEPEST} deep")
                allowed = resources.settings.allow_private_clone
                address = resolve(of.address, one.url)
                url = await git.check_clone_url(address, allow_file=False, allow_private=allowed)
                inner = await _one(resources, place, one, CloneUrl(url.address), fetch, branch, found)
            except (AppError, OSError, pygit2.GitError) as error:
                why = error.message if isinstance(error, AppError) else "it could not be checked out"
                shown = one.path[:100] if one.path.isprintable() else f"{one.path[:100]!r}"
                found.left_out.append(f"{shown} ({why.split(':')[0].rstrip('.')})")
            else:
                await below(inner, url, depth + 1)

    await below(place, of, 1)
    await forget(resources, place, keep=found.done)
    return found


async def _one(
    resources: Resources, place: Place, one: Wanted, url: CloneUrl, fetch: Fetch, branch: str, found: Fetched
) -> Place:
    folder = f"{place.folder}/{one.path}" if place.folder else one.path
    wanted_name = f"{place.repository}-{one.path}" if place.folder else one.path
    name = await _claim(resources, place.workspace_id, wanted_name, folder, url)
    if name is None:
        raise GitFailed("a repository of that name is there already")
    inner = Place(place.data, place.workspace_id, place.session_id, name, folder)
    default = await fetch(inner, url)

    def check_out() -> None:
        if one.commit not in git.open_bare(inner):
            raise GitFailed(f"its remote lacks the commit {one.commit[:10]}")
        worktree.check_out_commit(inner, one.commit, branch or default)

    async with cloning.settling(inner):
        await resources.in_thread(check_out)
    same = Repository.workspace_id == place.workspace_id, Repository.name == name
    async with resources.database.begin() as db:
        await db.execute(update(Repository).where(*same).values(default_branch=default))
    found.done[folder] = name
    return inner


async def _claim(resources: Resources, workspace_id: UUID, wanted: str, folder: str, url: CloneUrl) -> str | None:
    """The name of its row, None where that is taken; that of a run which was cut off has the same folder, and is taken over."""
    name = name_for(wanted)
    row = {"name": name, "path": folder, "remote_url": url.address, "default_branch": "main"}
    made = insert(Repository).values(id=new_id(), workspace_id=workspace_id, **row).on_conflict_do_nothing()
    same = Repository.workspace_id == workspace_id, Repository.name == name, Repository.path == folder
    async with resources.database.begin() as db:
        await db.execute(made)
        return await db.scalar(select(Repository.name).where(*same))


async def forget(resources: Resources, place: Place, *, keep: Collection[str] = ()) -> None:
    """The rows and histories of submodules in that repository's folder, but for those whose folders are in `keep`."""
    below = Repository.path.startswith(f"{place.folder}/", autoescape=True) if place.folder else Repository.path != ""
    inside = Repository.workspace_id == place.workspace_id, below, Repository.path.not_in(keep)
    async with resources.database.begin() as db:
        names = list(await db.scalars(delete(Repository).where(*inside).returning(Repository.name)))
    for each in names:
        await resources.in_thread(
            worktree.remove_folder, Place(place.data, place.workspace_id, place.session_id, each).bare
        )


def wanted(place: Place) -> list[Wanted]:
    """What the commit that is checked out has of submodules. Blocks, so in a thread."""
    repository = git.open_session(place)
    head = worktree.head_of(repository)
    tree = repository[head].peel(pygit2.Tree) if head is not None else None
    if tree is None or ".gitmodules" not in tree or not isinstance(tree[".gitmodules"], pygit2.Blob):
        return []
    words = ["git", "--git-dir", str(place.bare), "config", "--blob", f"{head}:.gitmodules", "--null", "--list"]
    said = subprocess.run(words, env=git.environment(), cwd="/", capture_output=True, check=False)
    named: dict[str, dict[str, str]] = {}
    for line in said.stdout.decode(errors="replace").split("\0"):
        key, _, value = line.partition("\n")
        if at := _HERE.fullmatch(key):
            named.setdefault(at[1], {})[at[2]] = value
    found = []
    for one in named.values():
        path, url = one.get("path", ""), one.get("url", "")
        entry = tree[path] if _is_plain(path) and path in tree else None
        if entry is not None and entry.filemode == pygit2.enums.FileMode.COMMIT:
            found.append(Wanted(path, url, str(entry.id)))
    return sorted(found, key=lambda one: one.path)


def _is_plain(path: str) -> bool:
    """Relative, without what climbs, hides as `.git` on some file system, or bears control characters (CVE-2025-48384)."""
    parts = path.split("/")
    return (
        0 < len(path) <= 500
        and path.isprintable()
        and "\\" not in path
        and ":" not in path
        and all(part not in ("", ".", "..") and not part.lower().startswith((".git", "git~")) for part in parts)
    )


def resolve(parent: str, url: str) -> str:
    """The address of a submodule: relative ones are beside their parent's, and `git@host:path` of the same host is what its
    HTTP address is, since there is a token for that and no key. Raises BadCloneUrl for what is not HTTP(S)."""
    here = urlsplit(parent)
    if url.startswith(("./", "../")) and here.scheme in ("https", "http"):
        return urljoin(parent.rstrip("/") + "/", url)
    if (by_key := _SCP.fullmatch(url)) and by_key[1].lower() == (here.hostname or ""):
        return f"{here.scheme}://{here.netloc}/{by_key[2]}"
    if not url.startswith(("https://", "http://")):
        raise BadCloneUrl("only https:// addresses are fetched")
    return url


def name_for(given: str) -> str:
    """A folder's, repository's and service's name: what all three take."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", given.strip()).strip("-.")[:60]
    return f"{name}-repository" if name.lower() in ("", "root", "git") else name
