"""Doing together what many ask for at one moment: one statement, one commit, for all that came while the last was on its way.

A burst of deliveries would else pay two round trips and a commit each. Nobody waits for a batch to fill: the first goes at
once, alone; only a busy database makes batches large.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 200


class Batches(Generic[Item, Result]):
    """`await batches(item)` is the item's part of `act(items)`, which gives a result for each. Where a batch fails, each of it
    is done by itself, so that one cannot spoil the others'."""

    def __init__(self, act: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._act = act
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._do(batch)
        finally:
            self._running = None

    async def _do(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._act([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    await self._do([one])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():  # whoever asked may be gone
                future.set_result(result)
