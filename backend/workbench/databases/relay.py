"""A relay between a driver and a database that counts what comes: whatever a query, or a database that is somebody's own
program, answers – a cell of 1 GB, a notice without end – this process holds at most BUDGET bytes of it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

BUDGET: Final = 64 * 1024 * 1024
_CHUNK: Final = 1 << 16


class Relay:
    """Listens on a loopback `port` of its own. `refill` before each step; `exceeded` once a step took more than BUDGET."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._left = BUDGET
        self._tasks: set[asyncio.Task[None]] = set()
        self.exceeded = False
        self.host, self.port = "127.0.0.1", 0

    def refill(self) -> None:
        self._left = BUDGET

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the driver (a second one cancels what the first waits for)."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        with suppress(asyncio.CancelledError):  # of `close`: the stream's own callback would log it
            await self._relay(reader, writer)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, out = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            return
        up = asyncio.create_task(_pump(reader, out))
        try:
            await self._count(there, writer)
        finally:
            up.cancel()
            for end in (writer, out):
                end.transport.abort()
            await asyncio.gather(up, return_exceptions=True)

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                self._left -= len(data)
                if self._left < 0:
                    self.exceeded = True
                    return
                writer.write(data)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def relay_to(host: str, port: int) -> AsyncIterator[Relay]:
    """While it is open. Where nothing answers there, the driver sees its connection closed."""
    relay = Relay(host, port)
    server = await asyncio.start_server(relay.accept, relay.host, 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await relay.close()
