"""Whose turn it is to start: a fixed number at a time, organisations in turns, each one's own in the order asked."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class Slots:
    """Of one server. `position` counts from 1. Next is of those who wait who had the fewest turns; who comes anew has had a few
    less than who was last served: as many as can run at a time, which others may hold already."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = size
        self._waiting: dict[UUID, deque[asyncio.Future[None]]] = {}
        self._had: dict[UUID, int] = {}  # turns, since nothing ran last
        self._last = 0  # of who was served last, before it was
        self._seconds = 2.0  # that a start takes, as a moving average

    @asynccontextmanager
    async def turn(self, organization_id: UUID, ticket: asyncio.Future[None]) -> AsyncIterator[None]:
        """Waits for a slot and holds it. `ticket` is a fresh future, which `position` knows it by."""
        if organization_id not in self._waiting:
            self._had[organization_id] = max(self._had.get(organization_id, 0), self._last - self.size)
        if self._free and not self._waiting:
            self._take(organization_id)
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

    def _take(self, organization_id: UUID) -> None:
        self._free -= 1
        self._last = self._had[organization_id]
        self._had[organization_id] += 1

    def _hand_on(self) -> None:
        while self._free and self._waiting:
            organization_id = min(self._waiting, key=lambda one: self._had[one])
            queue = self._waiting[organization_id]
            ticket = queue.popleft()
            if not queue:
                del self._waiting[organization_id]
            if not ticket.done():
                self._take(organization_id)
                ticket.set_result(None)
        if self._free == self.size:
            self._had.clear()
            self._last = 0

    def order(self) -> list[asyncio.Future[None]]:
        """Who is next, and so on."""
        queues = {one: deque(queue) for one, queue in self._waiting.items()}
        had = {one: self._had[one] for one in queues}
        found: list[asyncio.Future[None]] = []
        while queues:
            one = min(queues, key=lambda one: had[one])
            found.append(queues[one].popleft())
            had[one] += 1
            if not queues[one]:
                del queues[one]
        return found

    def place(self, tickets: set[asyncio.Future[None]]) -> tuple[int, float] | None:
        """Position of the first of these that waits, and seconds until the last one is likely done. None: none waits."""
        positions = [number for number, ticket in enumerate(self.order(), 1) if ticket in tickets]
        if not positions:
            return None
        return positions[0], round((positions[-1] / self.size + 1) * self._seconds, 1)
