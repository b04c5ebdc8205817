"""Mirrors look again when something happens here, and when something that passes by itself may have passed."""

from backend.core.events import on
from backend.core.jobs import job
from backend.core.resources import Resources
from backend.workbench.mirrors import sync
from backend.workbench.pulls.events import (
    PullClosed,
    PullCommented,
    PullEvent,
    PullMerged,
    PullOpened,
    PullReviewed,
    PullUpdated,
)


@job(sync.Sync)
async def keep_in_step(data: sync.Sync, resources: Resources) -> None:
    await sync.run(resources, data.pull_id, again=keep_in_step)


@on(PullOpened)
async def after_opening(event: PullOpened, resources: Resources) -> None:
    await _follow(event, resources)


@on(PullUpdated)
async def after_change(event: PullUpdated, resources: Resources) -> None:
    await _follow(event, resources)


@on(PullCommented)
async def after_comment(event: PullCommented, resources: Resources) -> None:
    await _follow(event, resources)


@on(PullReviewed)
async def after_review(event: PullReviewed, resources: Resources) -> None:
    await _follow(event, resources)


@on(PullMerged)
async def after_merge(event: PullMerged, resources: Resources) -> None:
    await _follow(event, resources)


@on(PullClosed)
async def after_close(event: PullClosed, resources: Resources) -> None:
    await _follow(event, resources)


async def _follow(event: PullEvent, resources: Resources) -> None:
    """What came from the provider is no news to it."""
    if not event.mirrored:
        await sync.run(resources, event.pull_id, again=keep_in_step)
