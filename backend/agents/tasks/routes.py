"""/workspace/{id}/tasks, where the id is a workspace's or one of its sessions', and /task-management."""

from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta

from backend.agents.tasks import schemas, service
from backend.agents.tasks.models import Status
from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.paging import Cursor, Limit, Page, decode, page
from backend.ledger.receipts.service import OnceOnly

Whole = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]


@post("/workspace/{session_id:uuid}/tasks", guards=[scope("tasks:write")])
async def create_task(
    db: Db, actor: Me, once: OnceOnly, session_id: FromPath[UUID], data: JSONBody[schemas.TaskCreate]
) -> schemas.Task:
    """The id may be a session's or a workspace's."""
    await once.claim(db)
    workspace = await service.place(db, actor, session_id, "tasks:write")
    task = await service.create(db, workspace, data, actor=actor, author=actor.name)
    if task is None:
        raise service.NoSuchTask
    shown = service.show(task)
    await once.seal(db, shown)
    return shown


@get("/workspace/{session_id:uuid}/tasks", guards=[scope("tasks:read")])
async def list_tasks(
    db: Db,
    actor: Me,
    session_id: FromPath[UUID],
    status: FromQuery[Status | None] = None,
    assignee: FromQuery[UUID | None] = None,
    label: Annotated[str | None, QueryParameter(max_length=50, pattern=r"^[^\x00]*$(?!\n)")] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[schemas.Task]:
    """By status, in the order of the board. The id may be a session's or a workspace's."""
    after = decode(cursor, tuple[Status, Whole, Whole])
    workspace = await service.place(db, actor, session_id)
    rows = await service.list_page(
        db, workspace, status=status, assignee=assignee, label=label, after=after, limit=limit
    )
    return page(rows, limit, service.show, lambda row: (row.status, row.position, row.number))


@get("/workspace/{session_id:uuid}/tasks/{task:str}", guards=[scope("tasks:read")])
async def get_task(db: Db, actor: Me, session_id: FromPath[UUID], task: FromPath[str]) -> schemas.Task:
    """By its number in the workspace, or its id."""
    return service.show(await service.get(db, actor, session_id, task))


@put("/workspace/{session_id:uuid}/tasks/{task:str}", guards=[scope("tasks:write")])
async def update_task(
    db: Db, actor: Me, session_id: FromPath[UUID], task: FromPath[str], data: JSONBody[schemas.TaskUpdate]
) -> schemas.Task:
    return service.show(await service.change(db, actor, session_id, task, data))


@delete("/workspace/{session_id:uuid}/tasks/{task:str}", guards=[scope("tasks:write")])
async def delete_task(db: Db, actor: Me, session_id: FromPath[UUID], task: FromPath[str]) -> None:
    await service.remove(db, actor, session_id, task)


@post("/task-management", guards=[scope("tasks:write")], status_code=200)
async def manage_tasks(db: Db, actor: Me, data: JSONBody[schemas.TaskManagement]) -> Page[schemas.Task]:
    """Assigns, moves, labels, orders or deletes many tasks of a workspace, all or none."""
    return Page([service.show(task) for task in await service.manage(db, actor, data)])


router = Router(
    "",
    route_handlers=[create_task, list_tasks, get_task, update_task, delete_task, manage_tasks],
    tags=["tasks"],
)
