"""What a deleted session leaves is put away at once and purged when its time in the bin is over."""

from datetime import timedelta

from sqlalchemy import delete, select

from backend.core import worktree
from backend.core.db import now
from backend.core.events import emit, on
from backend.core.jobs import every
from backend.core.resources import Resources
from backend.workbench.sessions import disk, repository
from backend.workbench.sessions.events import SessionDeleted, SessionPurged
from backend.workbench.sessions.models import Session, Status
from backend.workbench.sessions.service import facts


@on(SessionDeleted)
async def put_away(event: SessionDeleted, resources: Resources) -> None:
    """Keeps the working copy as a commit and removes it, if the session still lies in the bin by then."""
    async with resources.database.begin() as db:
        session = await repository.get(db, event.session_id) if event.session_id else None
    if session is None:
        return
    async with disk.held(resources, session) as place:
        async with resources.database.begin() as db:
            now_ = await repository.get(db, session.id)
        if now_ is not None and now_.status == Status.DELETED and place.git_dir.exists():
            await disk.put_into_bin(resources, session)


@every(timedelta(minutes=5))
async def purge_bin(resources: Resources) -> None:
    """Sessions whose days in the bin are over: files, branch, snapshots, row."""
    await purge_older_than(resources, timedelta(days=resources.settings.bin_days))


async def purge_older_than(resources: Resources, age: timedelta) -> None:
    async with resources.database.begin() as db:
        query = select(Session).where(Session.deleted_at < now() - age, Session.is_default.is_(False))
        overdue = (await db.scalars(query)).all()
    for session in overdue:
        await purge(resources, session)


async def purge(resources: Resources, session: Session) -> None:
    """The row goes last, and only if the session is still in the bin, so a crash half way is finished by the next turn."""
    async with resources.database.begin() as db:
        found = await db.scalar(select(Session).where(Session.id == session.id).with_for_update())
        if found is None or found.status != Status.DELETED:
            return
        found.purging = True
    await disk.remove(resources, session)
    async with resources.database.begin() as db:
        await db.execute(delete(Session).where(Session.id == session.id, Session.status == Status.DELETED))
        await emit(db, SessionPurged(**facts(session)))


@every(timedelta(minutes=10))
async def sweep(resources: Resources) -> None:
    """Folders of sessions that have no row: what a crash left between the two."""
    folder = resources.data / "sessions"
    names = [path.name for path in folder.iterdir()] if folder.exists() else []
    async with resources.database.begin() as db:
        known = {str(id) for id in await db.scalars(select(Session.id))}
    for name in names:
        if name not in known and worktree.is_older(folder / name, hours=1):
            await resources.in_thread(worktree.remove_folder, folder / name)
