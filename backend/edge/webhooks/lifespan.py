"""The sender, as long as the server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from backend.core.resources import Resources
from backend.edge.webhooks.sender import Sender


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    task = asyncio.create_task(Sender(resources).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
