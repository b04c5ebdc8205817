"""A session's part of the disk: where it lies, and the calls of core/worktree.py for it, in a thread."""

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pygit2

from backend.core import worktree
from backend.core.git import Place
from backend.core.resources import Resources
from backend.core.worktree import State
from backend.workbench.sessions.models import Session
from backend.workbench.workspaces import repository as workspaces

__all__ = ["Place", "State", "fork", "place_of", "places_of", "put_into_bin", "remove", "state", "take_out_of_bin"]


def place_of(resources: Resources, session: Session, repository: str = "root", folder: str = "") -> Place:
    return Place(resources.data, session.workspace_id, session.id, repository, folder)


async def places_of(resources: Resources, session: Session, *, everywhere: bool = False) -> list[Place]:
    """Where the repositories lie that the session has, the root first and a folder before what is in it; with `everywhere`, also
    those of its workspace that it has not."""
    async with resources.database.begin() as db:
        rows = await workspaces.repositories(db, session.workspace_id)
    root = place_of(resources, session)
    others = [place_of(resources, session, row.name, row.path) for row in rows if row.path]
    return [root, *(place for place in others if everywhere or place.git_dir.exists())]


async def fork(resources: Resources, parent: Session, child: Session) -> State:
    """Every repository of the parent, as it stands. The state of the root, dirty where any of them is."""
    return await resources.in_thread(_fork, await places_of(resources, parent), child)


def _fork(places: Sequence[Place], child: Session) -> State:
    root, *others = (replace(place, workspace_id=child.workspace_id, session_id=child.id) for place in places)
    state = worktree.fork(places[0], root, child.branch)
    worktree.exclude(root, [place.folder for place in others])
    for place, copy in zip(places[1:], others, strict=True):
        if not copy.bare.exists():
            worktree.create_bare(copy)
        dirty = worktree.fork(place, copy, child.branch).dirty
        state = State(state.head, state.dirty or dirty)
    return state


async def state(resources: Resources, session: Session) -> State | None:
    """HEAD and whether the working copy differs; None where it cannot be read, which must not keep anybody from seeing the
    session itself."""
    try:
        return await resources.in_thread(worktree.state, place_of(resources, session))
    except (OSError, KeyError, ValueError, pygit2.GitError):
        return None


async def remove(resources: Resources, session: Session) -> None:
    """Everything of it: files, git dirs, branches, snapshots."""
    places = await places_of(resources, session, everywhere=True)
    await resources.in_thread(worktree.remove, places, session.branch)


@contextlib.asynccontextmanager
async def held(resources: Resources, session: Session) -> AsyncIterator[Place]:
    """The session's lock, over awaits: for what must look at the database while nobody else moves the disk."""
    place = place_of(resources, session)
    place.session.mkdir(parents=True, exist_ok=True)
    with (place.session / "lock").open("a") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield place


async def put_into_bin(resources: Resources, session: Session) -> None:
    """Whoever calls this holds the session's lock."""
    await resources.in_thread(worktree.put_away, await places_of(resources, session))


async def take_out_of_bin(resources: Resources, session: Session) -> None:
    async with held(resources, session):
        await resources.in_thread(worktree.take_out, await places_of(resources, session))
