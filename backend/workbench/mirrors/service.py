"""Mirrors: begun, stopped, and reminded to look."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.auth import Actor
from backend.core.jobs import enqueue
from backend.core.resources import Resources
from backend.workbench.mirrors import jobs, sync, twin
from backend.workbench.mirrors.errors import NotMirrored
from backend.workbench.pulls import schemas, service, standing
from backend.workbench.pulls.models import PullLink, PullMirror, PullRequest
from backend.workbench.pulls.repository import WRITE
from backend.workbench.workspaces.models import Repository


async def begin(resources: Resources, actor: Actor, workspace_id: UUID, ref: str) -> schemas.Pull:
    """Opens the twin, or looks after it by the caller's connection from now on. What is wrong is told in `mirror`."""
    async with resources.database.begin() as db:
        pull = await service.get(db, actor, workspace_id, ref, WRITE)
        row = await db.get(PullMirror, pull.id, with_for_update=True)
        if row is None:
            service.refuse_ended(pull)
            db.add(PullMirror(pull_id=pull.id, owner_id=actor.id, seen={}))
        else:
            row.owner_id = actor.id
    return await look(resources, actor, workspace_id, ref)


async def look(resources: Resources, actor: Actor, workspace_id: UUID, ref: str) -> schemas.Pull:
    """The pull request as both sides have it now. Who may only read makes nobody write: what is at the provider comes into the
    head session, and what is here goes there by somebody's token; so for them it is as both branches here are."""
    sides = await service.load(resources, actor, workspace_id, ref)
    if actor.may(sides.pull.organization_id, WRITE, workspace_id):
        await sync.run(resources, sides.pull.id, again=jobs.keep_in_step)
        await sync.ended(resources, sides.pull.id)
    async with resources.database.begin() as db:
        pull = await service.get(db, actor, workspace_id, ref)
        return await standing.show_one(db, pull)


async def stop(db: AsyncSession, actor: Actor, workspace_id: UUID, ref: str) -> None:
    """What is at the provider stays there; what came from there stays here."""
    pull = await service.get(db, actor, workspace_id, ref, WRITE)
    gone = delete(PullMirror).where(PullMirror.pull_id == pull.id).returning(PullMirror.pull_id)
    if await db.scalar(gone) is None:
        raise NotMirrored
    await db.execute(delete(PullLink).where(PullLink.pull_id == pull.id))
    pull.provider = pull.provider_number = pull.provider_url = None


async def remind(db: AsyncSession, workspace_id: UUID, provider: str, about: list[tuple[str, int | None]]) -> int:
    """Looks again at the mirrors of a workspace that a webhook speaks of, by (repository, number); of no number, at all of the
    repository's. How many."""
    query = (
        select(PullRequest.id, PullRequest.provider_number, Repository.remote_url)
        .join(PullMirror, PullMirror.pull_id == PullRequest.id)
        .join(
            Repository,
            (Repository.workspace_id == PullRequest.workspace_id) & (Repository.name == PullRequest.repository),
        )
        .where(PullRequest.workspace_id == workspace_id, PullRequest.provider == provider)
    )
    wanted: set[UUID] = set()
    for pull_id, number, url in await db.execute(query):
        name = twin.name_of(url or "").lower()
        if any(name == of.lower() and asked in (None, number) for of, asked in about):
            wanted.add(pull_id)
    for pull_id in wanted:
        await enqueue(db, jobs.keep_in_step, sync.Sync(pull_id))
    return len(wanted)


def spoken_of(payload: dict[str, Any]) -> list[tuple[str, int | None]]:
    """Which pull requests the payload of a webhook is about, as (repository, number); the number None where it names none, as
    for a status of a commit. Whatever else it says is not believed: the provider is asked."""
    places = ((payload.get("repository"), "full_name"), (payload.get("project"), "path_with_namespace"))
    names = {found[key] for found, key in places if isinstance(found, dict) and isinstance(found.get(key), str)}
    numbers: set[int | None] = set()
    attributes = payload.get("object_attributes") if payload.get("object_kind") == "merge_request" else None
    for key in ("pull_request", "merge_request", "pullrequest", "issue"):
        numbers.add(_number(payload.get(key)))
    numbers.add(_number(attributes))
    found = numbers - {None}
    return [(name, number) for name in names for number in (found or {None})]


def _number(subject: Any) -> int | None:
    """GitHub's `number`, GitLab's `iid`, Bitbucket's `id`."""
    keys = ("number", "iid", "id") if isinstance(subject, dict) else ()
    found = next((subject[key] for key in keys if isinstance(subject.get(key), int)), None)
    return found if found is not None and not isinstance(found, bool) and 0 < found < 2**31 else None
