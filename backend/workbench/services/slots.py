"""Whose turn it is to start: a fixed number at a time, organisations in turns, each one's own in the order asked."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class Slots:
    """Of one server. `position` counts from 1."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = size
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}  # who was served last stands last
        self._seconds = 2.0  # that a start takes, as a moving average

    @asynccontextmanager
    async def turn(self, organization_id: UUID, ticket: asyncio.Future[None]) -> AsyncIterator[None]:
        """Waits for a slot and holds it. `ticket` is a fresh future, which `position` knows it by."""
        if self._free and not self._waiting:
            self._free -= 1
        else:
            self._waiting.setdefault(organization_id, deque()).append(ticket)
            try:
                await ticket
            except BaseException:
                self._withdraw(organization_id, ticket)
                raise
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds += (time.monotonic() - began - self._seconds) / 8
            self._free += 1
            self._hand_on()

    def _withdraw(self, organization_id: UUID, ticket: asyncio.Future[None]) -> None:
        mine = self._waiting.get(organization_id)
        if mine is not None and ticket in mine:
            mine.remove(ticket)
            if not mine:
                del self._waiting[organization_id]
        elif ticket.done() and not ticket.cancelled():  # it had its turn already, and does not take it
            self._free += 1
            self._hand_on()

    def _hand_on(self) -> None:
        while self._free and self._waiting:
            organization_id = next(iter(self._waiting))
            queue = self._waiting.pop(organization_id)
            ticket = queue.popleft()
            if queue:
                self._waiting[organization_id] = queue
            if not ticket.done():
                self._free -= 1
                ticket.set_result(None)

    def order(self) -> list[asyncio.Future[None]]:
        """Who is next, and so on."""
        queues = [deque(queue) for queue in self._waiting.values()]
        found: list[asyncio.Future[None]] = []
        while queues:
            found += [queue.popleft() for queue in queues]
            queues = [queue for queue in queues if queue]
        return found

    def place(self, tickets: set[asyncio.Future[None]]) -> tuple[int, float] | None:
        """Position of the first of these that waits, and seconds until the last one is likely done. None: none waits."""
        positions = [number for number, ticket in enumerate(self.order(), 1) if ticket in tickets]
        if not positions:
            return None
        return positions[0], round((positions[-1] / self.size + 1) * self._seconds, 1)
