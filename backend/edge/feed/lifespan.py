"""The tail that all followers of this process read from, as long as the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backend.core.resources import Resources
from backend.edge.feed import service
from backend.edge.feed.tail import Tail


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    await service.take_in_restored(resources)
    tail = Tail(resources.database, resources.live, await service.now(resources))
    resources.kept.put(tail)
    task = asyncio.create_task(tail.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
