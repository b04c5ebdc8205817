"""At the start after a server that was killed: what it had half written goes. Working copies are gone through only then, in the
background."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from backend.core.errors import AppError
from backend.core.resources import Resources
from backend.workbench.files import disk

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    running = resources.data / "running"
    was_killed = running.exists()
    running.touch()
    sweeping = asyncio.create_task(_sweep(resources, running.stat().st_mtime)) if was_killed else None
    yield
    if sweeping is None or sweeping.done():
        running.unlink(missing_ok=True)
    else:  # the next start goes on
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)


async def _sweep(resources: Resources, before: float) -> None:
    for folder in (resources.data / "sessions").glob("*/workspace"):
        try:
            await resources.in_thread(disk.sweep, folder, before)
        except (AppError, OSError):
            log.exception("%s could not be swept", folder)
