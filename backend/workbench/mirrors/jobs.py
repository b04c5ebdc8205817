"""Mirrors look again when something happens here, when what passes by itself may have passed, and now and then."""

from datetime import timedelta
from typing import Final

from sqlalchemy import select

from backend.core.db import now
from backend.core.events import on
from backend.core.jobs import enqueue, every, job
from backend.core.resources import Resources
from backend.workbench.mirrors import sync
from backend.workbench.pulls.events import PullEvent
from backend.workbench.pulls.models import ALIVE, PullMirror, PullRequest

PATIENCE: Final = timedelta(minutes=15)
MOST: Final = 100


@job(sync.Sync)
async def keep_in_step(data: sync.Sync, resources: Resources) -> None:
    await sync.run(resources, data.pull_id, again=keep_in_step)


@every(timedelta(minutes=5))
async def look_after_all(resources: Resources) -> None:
    """For those whose provider reaches no webhook of ours, or whose delivery was lost: open ones that nobody looked after for a
    while, the longest waiting first, so many that no provider minds."""
    long_ago = PullMirror.state == "in_step", PullMirror.last_synced_at < now() - PATIENCE
    query = select(PullMirror.pull_id).join(PullRequest, PullRequest.id == PullMirror.pull_id)
    async with resources.database.begin() as db:
        query = query.where(*long_ago, PullRequest.state.in_(ALIVE)).order_by(PullMirror.last_synced_at).limit(MOST)
        for pull_id in await db.scalars(query):
            await enqueue(db, keep_in_step, sync.Sync(pull_id))


@on(PullEvent)
async def follow(event: PullEvent, resources: Resources) -> None:
    """What came from the provider is no news to it."""
    if not event.mirrored:
        await sync.run(resources, event.pull_id, again=keep_in_step)
