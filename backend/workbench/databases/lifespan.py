"""What runs in databases is known as long as the server lives."""

import contextlib
from collections.abc import AsyncIterator

from backend.core.resources import Resources
from backend.workbench.databases.queries import Queries


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    resources.kept.put(Queries())
    yield
