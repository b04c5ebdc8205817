"""The processor, as long as the server: applies rules to what was received, soon after it was."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from backend.core.db import is_away
from backend.core.resources import Resources
from backend.edge.incoming import service

log = logging.getLogger(__name__)

POLL: Final = 5.0
"""Seconds until what another server received, and did not live to process, is seen."""


async def _run(resources: Resources) -> None:
    with resources.live.bell(service.TOPIC) as bell:
        while True:
            try:
                more = await service.process(resources)
            except Exception as error:
                more = False
                log.log(logging.INFO if is_away(error) else logging.ERROR, "received webhooks wait: %r", error)
            await bell.wait(0 if more else POLL)
            await asyncio.sleep(0.1)  # a burst is one batch


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    resources.kept.put(service.Receiving(resources.database))
    task = asyncio.create_task(_run(resources))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
