"""Looks every few seconds for sessions that nobody uses, on the server that runs their services."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from backend.core.resources import Resources
from backend.workbench.idle.service import Idlers

log = logging.getLogger(__name__)

EVERY = 15.0  # seconds


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    idlers = Idlers(resources)
    resources.kept.put(idlers)
    looking = asyncio.create_task(_look(idlers))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _look(idlers: Idlers) -> None:
    while True:
        await asyncio.sleep(EVERY)
        try:
            await idlers.look()
            idlers.resources.attendance.forget(older=86_400)
        except Exception as error:  # the database is away: the next look tells
            log.info("idle sessions were not looked for: %r", error)
