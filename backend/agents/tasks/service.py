"""Tasks: making, assigning, ordering."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import Select, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.teams.models import Team
from backend.agents.tasks import schemas
from backend.agents.tasks.events import TaskCreated, TaskDeleted, TaskUpdated
from backend.agents.tasks.models import Status, Task
from backend.core.auth import Actor
from backend.core.db import new_id
from backend.core.errors import Invalid, NotFound
from backend.core.events import emit
from backend.workbench.access import service as access
from backend.workbench.access.mentions import Mention, seeing
from backend.workbench.pulls.models import PullRequest
from backend.workbench.pulls.schemas import Author
from backend.workbench.sessions.models import Session
from backend.workbench.workspaces.models import Workspace

READ, WRITE = "tasks:read", "tasks:write"


class NoSuchTask(NotFound):
    """There is no such task in this workspace."""


class NoSuchPlace(NotFound):
    """There is no such workspace or session."""


class NotAssignable(Invalid):
    """A task is for a member who may see it or a team of the organisation, and for one of them."""


class BadLink(Invalid):
    """A link names a session or pull request of this workspace by `id`, or an issue by `url`."""


async def place(db: AsyncSession, actor: Actor, either: UUID, scope: str = READ) -> Workspace:
    """The workspace that this is the id of, or that the session is in. Raises NoSuchPlace, MissingScope."""
    of_session = (
        select(Session.workspace_id).where(Session.id == either, Session.deleted_at.is_(None)).scalar_subquery()
    )
    seen = actor.sees(Workspace.organization_id, Workspace.id, READ), Workspace.deleted_at.is_(None)
    query = select(Workspace).where(or_(Workspace.id == either, Workspace.id == of_session), *seen)
    found = await db.scalar(query)
    if found is None:
        raise NoSuchPlace
    actor.require(found.organization_id, scope, found.id)
    return found


def visible(workspace: Workspace) -> Select[Task]:
    """Of a workspace that `place` found for the caller."""
    return select(Task).where(Task.workspace_id == workspace.id)


async def get(db: AsyncSession, actor: Actor, either: UUID, ref: str, scope: str = READ) -> Task:
    """By number or id."""
    query = visible(await place(db, actor, either, scope))
    if ref.isascii() and ref.isdigit() and len(ref) < 10:
        found = await db.scalar(query.where(Task.number == int(ref)))
    else:
        try:
            found = await db.scalar(query.where(Task.id == UUID(ref)))
        except ValueError:
            found = None
    if found is None:
        raise NoSuchTask
    return found


async def list_page(
    db: AsyncSession,
    workspace: Workspace,
    *,
    status: Status | None,
    assignee: UUID | None,
    label: str | None,
    after: tuple[str, int, int] | None,
    limit: int,
) -> Sequence[Task]:
    """By column, in the order of the board; one more than `limit`."""
    query = visible(workspace)
    if status is not None:
        query = query.where(Task.status == status)
    if assignee is not None:
        query = query.where(Task.assignee_id == assignee)
    if label is not None:
        query = query.where(Task.labels.contains([label]))
    order = (Task.status, Task.position, Task.number)
    if after is not None:
        query = query.where(tuple_(*order) > after)
    return (await db.scalars(query.order_by(*order).limit(limit + 1))).all()


async def create(
    db: AsyncSession,
    workspace: Workspace,
    data: schemas.TaskCreate,
    *,
    actor: Actor | None,
    author: str,
    source: str | None = None,
) -> Task | None:
    """None where `source` has made it already. The workspace is held, so that numbers and places are given one by one."""
    await db.execute(select(Workspace.id).where(Workspace.id == workspace.id).with_for_update(key_share=True))
    if source is not None and await db.scalar(visible(workspace).where(Task.source == source)) is not None:
        return None
    await _check(db, workspace, data.assignee_id, data.team_id, data.links)
    named = await _named(db, workspace, data.body)
    assignee, team = data.assignee_id, data.team_id
    if assignee is None and team is None:
        assignee, team = _first(named)
    last = select(func.max(Task.number), func.max(Task.position)).where(Task.workspace_id == workspace.id)
    number, position = (await db.execute(last)).one()
    task = Task(
        id=new_id(),
        organization_id=workspace.organization_id,
        workspace_id=workspace.id,
        number=(number or 0) + 1,
        title=data.title.strip(),
        body=data.body,
        status=data.status,
        position=(position or 0) + 1,
        assignee_id=assignee,
        team_id=team,
        labels=list(dict.fromkeys(data.labels)),
        links=msgspec.to_builtins(data.links),
        author_id=actor.user_id if actor else None,
        author_label=author,
        source=source,
    )
    db.add(task)
    await db.flush()
    await db.refresh(task)
    told = facts(task, actor) | _besides(task, named)
    await emit(db, TaskCreated(**told, assigned=task.assignee_id, assigned_team=task.team_id))
    return task


async def _named(db: AsyncSession, workspace: Workspace, body: str) -> list[Mention]:
    """Whom it mentions of those who may see it, in the order of the text."""
    return await seeing(db, workspace.organization_id, workspace.id, body, scope=READ)


def _first(named: Sequence[Mention]) -> tuple[UUID | None, UUID | None]:
    """The person or the team that a task of nobody's goes to."""
    if not named:
        return None, None
    return (None, named[0].id) if named[0].is_team else (named[0].id, None)


def _besides(task: Task, named: Sequence[Mention]) -> dict[str, tuple[UUID, ...]]:
    """Those of them whose task it is not, as events tell."""
    others = [one for one in named if one.id not in (task.assignee_id, task.team_id)]
    return {
        "mentioned": tuple(one.id for one in others if not one.is_team),
        "mentioned_teams": tuple(one.id for one in others if one.is_team),
    }


async def _check(
    db: AsyncSession, workspace: Workspace, assignee: UUID | None, team: UUID | None, links: Sequence[schemas.Link]
) -> None:
    if assignee is not None and team is not None:
        raise NotAssignable
    if assignee and not await access.who_may(db, workspace.organization_id, workspace.id, [assignee], READ):
        raise NotAssignable
    if team is not None:
        found = await db.get(Team, team)
        if found is None or found.organization_id != workspace.organization_id:
            raise NotAssignable
    for link in links:
        if (link.url is None) == (link.id is None) or (link.kind == "issue") != (link.url is not None):
            raise BadLink
        if link.id is not None:
            row = await (db.get(Session, link.id) if link.kind == "session" else db.get(PullRequest, link.id))
            if row is None or row.workspace_id != workspace.id:
                raise BadLink(id=link.id)


async def change(db: AsyncSession, actor: Actor, either: UUID, ref: str, data: schemas.TaskUpdate) -> Task:
    """A body that newly mentions somebody assigns a task that is nobody's."""
    workspace = await place(db, actor, either, WRITE)
    task = await get(db, actor, either, ref, WRITE)
    before = task.assignee_id, task.team_id
    known = [] if data.body is UNSET else await _named(db, workspace, task.body)
    links = data.links if data.links is not UNSET else []
    with db.no_autoflush:  # a team that is not there is told of before the database sees it
        _assign(task, data.assignee_id, data.team_id)
        await _check(db, workspace, task.assignee_id, task.team_id, links)
    for name in ("title", "body", "status", "labels"):
        value = getattr(data, name)
        if value is not UNSET:
            setattr(task, name, list(dict.fromkeys(value)) if name == "labels" else value)
    if data.links is not UNSET:
        task.links = msgspec.to_builtins(data.links)
    untouched = data.assignee_id is UNSET and data.team_id is UNSET
    named = [] if data.body is UNSET else await _named(db, workspace, data.body)
    if untouched and (task.assignee_id, task.team_id) == (None, None):
        task.assignee_id, task.team_id = _first(named)
    await _changed(db, actor, task, before, [one for one in named if one not in known])
    return task


def _assign(task: Task, assignee: Any, team: Any) -> None:
    """Naming a person takes it from a team, and the other way round."""
    if assignee is not UNSET:
        task.assignee_id = assignee
        task.team_id = None if assignee is not None and team is UNSET else task.team_id
    if team is not UNSET:
        task.team_id = team
        task.assignee_id = None if team is not None and assignee is UNSET else task.assignee_id


async def _changed(
    db: AsyncSession,
    actor: Actor,
    task: Task,
    before: tuple[UUID | None, UUID | None],
    named: Sequence[Mention] = (),
) -> None:
    await db.flush()
    await db.refresh(task)
    assigned = task.assignee_id if task.assignee_id != before[0] else None
    team = task.team_id if task.team_id != before[1] else None
    told = facts(task, actor) | _besides(task, named)
    await emit(db, TaskUpdated(**told, assigned=assigned, assigned_team=team))


async def remove(db: AsyncSession, actor: Actor, either: UUID, ref: str) -> None:
    task = await get(db, actor, either, ref, WRITE)
    await db.delete(task)
    await emit(db, TaskDeleted(**facts(task, actor)))


async def manage(db: AsyncSession, actor: Actor, data: schemas.TaskManagement) -> list[Task]:
    """Raises NoSuchTask when one of them is not there; then none was changed."""
    workspace = await place(db, actor, data.workspace_id, WRITE)
    rows = await db.scalars(visible(workspace).where(Task.id.in_(data.task_ids)).with_for_update())
    by_id = {task.id: task for task in rows}
    wanted = list(dict.fromkeys(data.task_ids))
    if missing := [str(id) for id in wanted if id not in by_id]:
        raise NoSuchTask(ids=missing)
    tasks = [by_id[id] for id in wanted]
    if data.delete:
        for task in tasks:
            await db.delete(task)
            await emit(db, TaskDeleted(**facts(task, actor)))
        return []
    first = await _room(db, workspace, len(tasks), data.after) if data.order else 0
    for place_, task in enumerate(tasks):
        before = task.assignee_id, task.team_id
        with db.no_autoflush:
            _assign(task, data.assignee_id, data.team_id)
            await _check(db, workspace, task.assignee_id, task.team_id, ())
        task.status = task.status if data.status is UNSET else data.status
        kept = [label for label in task.labels if label not in data.remove_labels]
        task.labels = list(dict.fromkeys([*kept, *data.add_labels]))[:30]
        if data.order:
            task.position = first + place_
        await _changed(db, actor, task, before)
    return tasks


async def _room(db: AsyncSession, workspace: Workspace, count: int, after: UUID | None) -> int:
    """The first of `count` free places: before all others, or after that task, whose followers make room. The workspace is held,
    so that no two are put in the same place."""
    await db.execute(select(Workspace.id).where(Workspace.id == workspace.id).with_for_update(key_share=True))
    if after is None:
        first = await db.scalar(select(func.min(Task.position)).where(Task.workspace_id == workspace.id)) or 0
        return first - count
    place = await db.scalar(visible(workspace).with_only_columns(Task.position).where(Task.id == after))
    if place is None:
        raise NoSuchTask(ids=[str(after)])
    behind = Task.workspace_id == workspace.id, Task.position > place
    await db.execute(update(Task).where(*behind).values(position=Task.position + count, updated_at=Task.updated_at))
    return place + 1


def facts(task: Task, actor: Actor | None) -> dict[str, Any]:
    return {
        "organization_id": task.organization_id,
        "workspace_id": task.workspace_id,
        "task_id": task.id,
        "number": task.number,
        "title": task.title,
        "by": actor.user_id if actor else None,
        "by_name": actor.name if actor else task.author_label,
    }


def show(task: Task) -> schemas.Task:
    names = set(schemas.Task.__struct_fields__) - {"author", "links"}
    columns = {name: getattr(task, name) for name in names}
    author = Author(task.author_id, task.author_label)
    return schemas.Task(**columns, author=author, links=msgspec.convert(task.links, list[schemas.Link]))
