"""The queries that run now: each can be cancelled by its id, ends after its time, and ends when who asked has gone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar
from uuid import UUID

from backend.workbench.databases.errors import NoSuchQuery, QueryCancelled, QueryTaken, QueryTimeout, TooManyQueries

T = TypeVar("T")
Key = tuple[UUID, UUID]
"""A session and a query of it: nobody cancels another session's."""

MOST: Final = 64
MOST_A_SESSION: Final = 8


@dataclass
class Running:
    """A query, and who asked it."""

    task: asyncio.Task[object] | None
    asker: UUID
    cancelled: bool = False


@dataclass
class Queries:
    """Of this process. Cancelling a task here cancels its statement in the database: see each driver."""

    running: dict[Key, Running] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def entered(self, key: Key, asker: UUID, seconds: float | None) -> AsyncIterator[None]:
        """While the calling task works on query `key`. Raises QueryTimeout, QueryCancelled."""
        if key in self.running:
            raise QueryTaken
        if len(self.running) >= MOST or sum(session == key[0] for session, _ in self.running) >= MOST_A_SESSION:
            raise TooManyQueries
        mine = self.running[key] = Running(asyncio.current_task(), asker)
        try:
            async with asyncio.timeout(seconds) as limit:
                yield
        except TimeoutError:
            if not limit.expired():
                raise
            raise QueryTimeout from None
        except asyncio.CancelledError:
            if not mine.cancelled:
                raise
            if mine.task is not None:
                mine.task.uncancel()
            raise QueryCancelled from None
        finally:
            del self.running[key]

    def find(self, key: Key) -> Running:
        """Raises NoSuchQuery."""
        if key not in self.running:
            raise NoSuchQuery
        return self.running[key]

    def cancel(self, query: Running) -> None:
        query.cancelled = True
        if query.task is not None:
            query.task.cancel()


async def while_there(gone: Callable[[], Awaitable[None]], work: Awaitable[T]) -> T:
    """What `work` gives; it is cancelled when `gone` returns first, which is when the caller hung up."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))
            if working.cancelled():
                raise QueryCancelled
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
