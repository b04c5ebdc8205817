"""A session's part of the disk: where it lies, and the calls of core/worktree.py for it, in a thread."""

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator

import pygit2

from backend.core import worktree
from backend.core.git import Place
from backend.core.resources import Resources
from backend.core.worktree import State
from backend.workbench.sessions.models import Session

__all__ = ["Place", "State", "fork", "place_of", "put_into_bin", "remove", "state", "take_out_of_bin"]


def place_of(resources: Resources, session: Session, repository: str = "root", folder: str = "") -> Place:
    return Place(resources.data, session.workspace_id, session.id, repository, folder)


async def fork(resources: Resources, parent: Session, child: Session) -> State:
    return await resources.in_thread(
        worktree.fork, place_of(resources, parent), place_of(resources, child), child.branch
    )


async def state(resources: Resources, session: Session) -> State | None:
    """HEAD and whether the working copy differs; None where it cannot be read, which must not keep anybody from seeing the
    session itself."""
    try:
        return await resources.in_thread(worktree.state, place_of(resources, session))
    except (OSError, KeyError, ValueError, pygit2.GitError):
        return None


async def remove(resources: Resources, session: Session) -> None:
    """Everything of it: files, git dir, branch, snapshots."""
    await resources.in_thread(worktree.remove, place_of(resources, session), session.branch)


@contextlib.asynccontextmanager
async def held(resources: Resources, session: Session) -> AsyncIterator[Place]:
    """The session's lock, over awaits: for what must look at the database while nobody else moves the disk."""
    place = place_of(resources, session)
    place.session.mkdir(parents=True, exist_ok=True)
    with (place.session / "lock").open("a") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield place


async def put_into_bin(resources: Resources, place: Place) -> None:
    await resources.in_thread(worktree.put_away, place)


async def take_out_of_bin(resources: Resources, session: Session) -> None:
    async with held(resources, session) as place:
        await resources.in_thread(worktree.take_out, place)
