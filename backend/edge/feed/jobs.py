"""Dropping what is older than the feed keeps."""

from datetime import timedelta

from backend.core import events
from backend.core.jobs import every
from backend.core.resources import Resources


@every(timedelta(hours=1))
async def prune_events(resources: Resources) -> None:
    async with resources.database.begin() as db:
        await events.prune(db)
