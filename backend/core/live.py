"""What is alive in this process: one LISTEN connection that rings bells, and the sockets that an access change must close.

NOTIFY carries a topic, never data: whoever is woken reads the database. A lost notification only delays, since everything
that waits also polls.
"""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import CONNECTS_WITHIN

log = logging.getLogger(__name__)

CHANNEL = "codeyard"


class Bell:
    """Rung by a topic. `wait` returns at once when it rang since the last wait."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    def heard(self) -> bool:
        """Whether it rang since this was asked last."""
        rung = self._rung.is_set()
        self._rung.clear()
        return rung

    async def wait(self, seconds: float) -> None:
        """Until the next ring, or until `seconds` have passed: the poll that backs the bell up."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()


class Live:
    """The process's ear on the database. `run` listens for ever and reconnects; each gap rings every bell."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._bells: dict[str, set[Bell]] = defaultdict(set)
        self.draining = asyncio.Event()

    @contextlib.contextmanager
    def bell(self, *topics: str) -> Iterator[Bell]:
        """A bell that rings when one of `topics` is notified, in this process or any other."""
        bell = Bell()
        for topic in topics:
            self._bells[topic].add(bell)
        try:
            yield bell
        finally:
            for topic in topics:
                self._bells[topic].discard(bell)

    def ring(self, topic: str) -> None:
        for bell in self._bells.get(topic, ()):
            bell.ring()

    def drain(self) -> None:
        """The server ends: whoever follows something is woken to see it."""
        self.draining.set()
        for topic in list(self._bells):
            self.ring(topic)

    async def run(self) -> None:
        while True:
            try:
                async with self._listening() as lost:
                    for topic in list(self._bells):
                        self.ring(topic)  # whatever was said while nobody listened
                    await lost.wait()
                log.warning("the listening connection was lost; reconnecting")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("cannot listen for notifications, trying again: %s", error)
            await asyncio.sleep(0.3)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[asyncio.Event]:
        lost = asyncio.Event()
        connection = await asyncpg.connect(self._dsn, timeout=CONNECTS_WITHIN)
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda _c, _p, _ch, topic: self.ring(str(topic)))
            yield lost
        finally:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await connection.close()


async def notify(db: AsyncSession, topic: str) -> None:
    """Rings `topic` everywhere once this transaction has committed."""
    await db.execute(text("SELECT pg_notify(:channel, :topic)"), {"channel": CHANNEL, "topic": topic})
