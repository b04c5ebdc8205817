"""Snapshots: taken before everything destructive and on a timer, restorable, each restore undone by another."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import worktree
from backend.core.db import new_id
from backend.core.errors import NotFound, TooLarge
from backend.core.events import emit
from backend.core.git import Place
from backend.core.resources import Resources
from backend.workbench.sessions import disk
from backend.workbench.sessions.models import Session
from backend.workbench.sessions.service import where
from backend.workbench.snapshots.events import SnapshotRestored, SnapshotTaken
from backend.workbench.snapshots.models import Snapshot

LARGEST_IGNORED = 100 * 1024 * 1024


class NoSuchSnapshot(NotFound):
    """There is no such snapshot of this session."""


class SnapshotTooLarge(TooLarge):
    """That is more than 100 MB, too much for a snapshot: say `without_snapshot` to delete it for good."""


def ref_of(place: Place, snapshot_id: UUID) -> str:
    return f"refs/codeyard/snapshots/{place.session_id}/{snapshot_id}"


async def take(
    resources: Resources, session: Session, *, reason: str, label: str = "", paths: Sequence[str] = ()
) -> Snapshot:
    """The working copy as it stands: untracked files too, ignored ones only below `paths`. Raises SnapshotTooLarge."""
    row = Snapshot(id=new_id(), session_id=session.id, reason=reason, label=label)
    places = await disk.places_of(resources, session)
    row.commits, row.files_changed = await resources.in_thread(_capture, places, row.id, label or reason, paths)
    async with resources.database.begin() as db:
        db.add(row)
        await db.flush()
        await emit(db, SnapshotTaken(**where(session), snapshot_id=row.id, reason=reason))
    return row


def _capture(
    places: Sequence[Place], snapshot_id: UUID, message: str, paths: Sequence[str]
) -> tuple[dict[str, str], int]:
    root, *others = places
    if _size(root.work_tree, paths) > LARGEST_IGNORED:
        raise SnapshotTooLarge
    commits: dict[str, str] = {}
    changed = 0
    left = list(paths)
    with worktree.locked(root):
        for place in (*others, root):
            below = place.folder + "/" if place.folder else ""
            also = [path for path in left if path.startswith(below)]
            left = [path for path in left if path not in also]
            commit = worktree.capture(
                place, ref_of(place, snapshot_id), message, also=[path.removeprefix(below) for path in also]
            )
            commits[place.repository] = commit
            changed += worktree.count_changes(place, commit)
    return commits, changed


def _size(root: Path, paths: Sequence[str]) -> int:
    """Bytes below `paths`, counted until they are too many."""
    total = 0
    for path in map(root.joinpath, paths):
        if path.is_symlink() or not path.is_dir():  # a link is saved as such; what it leads to is not ours to count
            total += path.lstat().st_size if os.path.lexists(path) else 0
            continue
        for folder, _, files in os.walk(path):
            for name in files:
                total += os.lstat(os.path.join(folder, name)).st_size
                if total > LARGEST_IGNORED:
                    return total
    return total


async def find(db: AsyncSession, session: Session, snapshot_id: UUID) -> Snapshot:
    mine = Snapshot.id == snapshot_id, Snapshot.session_id == session.id
    found = await db.scalar(select(Snapshot).where(*mine))
    if found is None:
        raise NoSuchSnapshot
    return found


async def list_page(
    db: AsyncSession, session_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Snapshot]:
    """Newest first, one more than `limit`."""
    query = select(Snapshot).where(Snapshot.session_id == session_id)
    if before is not None:
        query = query.where(tuple_(Snapshot.created_at, Snapshot.id) < before)
    return (await db.scalars(query.order_by(Snapshot.created_at.desc(), Snapshot.id.desc()).limit(limit + 1))).all()


async def restore(resources: Resources, session: Session, snapshot_id: UUID) -> Snapshot:
    """Makes the working copy what the snapshot holds; the answer is the snapshot that undoes this."""
    async with resources.database.begin() as db:
        wanted = await find(db, session, snapshot_id)
    undo = await take(resources, session, reason="restore")
    await resources.in_thread(_restore, await disk.places_of(resources, session), wanted.commits)
    async with resources.database.begin() as db:
        await emit(db, SnapshotRestored(**where(session), snapshot_id=snapshot_id))
    return undo


def _restore(places: Sequence[Place], commits: dict[str, str]) -> None:
    with worktree.locked(places[0]):
        for place in places:
            if place.repository in commits:
                worktree.restore(place, commits[place.repository])


async def take_if_changed(resources: Resources, session: Session) -> Snapshot | None:
    """One by the timer: only where the working copy differs from HEAD and from the newest snapshot."""
    async with resources.database.begin() as db:
        newest = await list_page(db, session.id, before=None, limit=1)
    last = newest[0].commits if newest else {}
    for place in await disk.places_of(resources, session):
        if await resources.in_thread(worktree.differs, place, last.get(place.repository)):
            return await take(resources, session, reason="timer")
    return None


async def drop(resources: Resources, session: Session, snapshots: Sequence[Snapshot]) -> None:
    """Forgets snapshots, ref and row."""
    for place in await disk.places_of(resources, session):
        await resources.in_thread(worktree.delete_refs, place, [ref_of(place, row.id) for row in snapshots])
    async with resources.database.begin() as db:
        await db.execute(delete(Snapshot).where(Snapshot.id.in_([row.id for row in snapshots])))
