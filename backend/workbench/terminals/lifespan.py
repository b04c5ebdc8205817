"""The terminals live as long as the keeper, which outlives the server: taken back at the start, let go of at the end."""

import contextlib
from collections.abc import AsyncIterator

from backend.core.resources import Resources


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    await resources.terminals.open()
    try:
        yield
    finally:
        if resources.ends_terminals:
            await resources.terminals.end()
        else:
            resources.terminals.leave()
