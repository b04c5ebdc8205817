"""/sessions: listing, starting, deleting, restoring."""

import asyncio
from datetime import datetime
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.paging import Cursor, Limit, Page, decode, page
from backend.core.resources import Hands
from backend.ledger.receipts.service import OnceOnly
from backend.workbench.sessions import disk, repository, schemas, service
from backend.workbench.sessions.models import Session, Status
from backend.workbench.workspaces import service as workspaces


@post(guards=[scope("sessions:write")])
async def create_session(
    resources: Hands, actor: Me, once: OnceOnly, data: JSONBody[schemas.SessionCreate]
) -> schemas.Session:
    """Starts a session from its parent as it stands, uncommitted changes included."""
    return await service.create(resources, actor, once, data)


@get(guards=[scope("sessions:read")])
async def list_sessions(
    resources: Hands,
    actor: Me,
    workspace_id: FromQuery[UUID | None] = None,
    deleted: FromQuery[bool] = False,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[schemas.Session]:
    """The sessions of all of the caller's workspaces, oldest first; with `deleted`, those in the bin."""
    return await _list(resources, actor, workspace_id, deleted=deleted, limit=limit, cursor=cursor)


@get("/{workspace_id:uuid}/sessions", guards=[scope("sessions:read")])
async def list_workspace_sessions(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    deleted: FromQuery[bool] = False,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[schemas.Session]:
    async with resources.database.begin() as db:
        await workspaces.get(db, actor, workspace_id, "sessions:read")
    return await _list(resources, actor, workspace_id, deleted=deleted, limit=limit, cursor=cursor)


@get("/{session_id:uuid}", guards=[scope("sessions:read")])
async def get_session(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> schemas.Session:
    async with resources.database.begin() as db:
        session = await service.get(db, actor, session_id)
    return await _show(resources, session)


@delete("/{session_id:uuid}", guards=[scope("sessions:write")])
async def delete_session(db: Db, actor: Me, session_id: FromPath[UUID]) -> None:
    """Puts it into the bin, from where it can be restored for seven days."""
    await service.put_into_bin(db, actor, session_id)


@post("/{session_id:uuid}/restore", guards=[scope("sessions:write")], status_code=200)
async def restore_session(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> schemas.Session:
    """Takes it out of the bin, uncommitted changes included."""
    return await service.restore(resources, actor, session_id)


async def _list(
    resources: Hands, actor: Me, workspace_id: UUID | None, *, deleted: bool, limit: int, cursor: str
) -> Page[schemas.Session]:
    after = decode(cursor, tuple[datetime, UUID])
    async with resources.database.begin() as db:
        rows = await repository.list_page(
            db, actor, workspace_id=workspace_id, deleted=deleted, after=after, limit=limit
        )
    shown = await asyncio.gather(*(_show(resources, row) for row in rows[:limit]))
    by_id = {session.id: session for session in shown}
    return page(rows, limit, lambda row: by_id[row.id], lambda row: (row.created_at, row.id))


async def _show(resources: Hands, session: Session) -> schemas.Session:
    state = await disk.state(resources, session) if session.status == Status.READY else None
    return service.show(session, state)


router = Router(
    "/sessions",
    route_handlers=[
        create_session,
        list_sessions,
        list_workspace_sessions,
        get_session,
        delete_session,
        restore_session,
    ],
    tags=["sessions"],
)
