"""The bridges to language servers live as long as the server; what it started ends with it."""

import contextlib
from collections.abc import AsyncIterator

from backend.core.resources import Resources
from backend.workbench.lsp.watched import Watched
from lsp_bridge.bridges import Bridges


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    bridges = Bridges()
    watched = Watched(resources, bridges)
    for thing in (bridges, watched):
        resources.kept.put(thing)
    try:
        yield
    finally:
        watched.close()
        await bridges.close()
