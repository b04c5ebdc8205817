"""Real shells under a real keeper, in a directory of their own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from runtimes.terminal import Terminal, Viewer
from runtimes.terminals import Terminals, shell_environment


class Watch:
    """A viewer that keeps all that it is sent, and acknowledges it unless told otherwise."""

    def __init__(self, viewer: Viewer, *, acks: bool = True) -> None:
        self.viewer = viewer
        self.acks = acks
        self.data = b""
        self.events: list[Any] = []
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for message in self.viewer.messages():
            if not isinstance(message, bytes):
                self.events.append(message)
                continue
            self.data += message
            if self.acks and self.viewer._acked is not None:
                await self.ack(self.viewer.offset)

    async def ack(self, offset: int) -> None:
        await self.viewer.receive(json.dumps({"type": "ack", "offset": offset}))

    def event(self, kind: type) -> Any:
        return next((event for event in reversed(self.events) if isinstance(event, kind)), None)

    async def sees(self, text: bytes) -> None:
        await until(lambda: text in self.data)

    async def type(self, text: str) -> None:
        await self.viewer.receive(text.encode())

    async def stop(self) -> None:
        self.viewer.leave()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def until(condition: Callable[[], object], *, within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)


class Bench:
    """What the tests do with terminals, in few words."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.terminals = Terminals(str(directory))
        self.watches: list[Watch] = []

    async def run(self, script: str, *, program: str = "sh", **options: Any) -> Terminal:
        options.setdefault("cwd", str(self.directory))
        options.setdefault("env", shell_environment())
        return await self.terminals.spawn([program, "-c", script], **options)

    def watch(self, terminal: Terminal, *, acknowledge: bool = True, **options: Any) -> Watch:
        watch = Watch(terminal.attach(**options), acks=acknowledge)
        self.watches.append(watch)
        return watch

    async def restart(self) -> None:
        """As a server does that goes away in an orderly fashion and comes back."""
        self.terminals.leave()
        self.terminals = Terminals(str(self.directory))
        await self.terminals.open()

    async def stop_watching(self) -> None:
        for watch in self.watches:
            await watch.stop()
        self.watches.clear()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    await bench.terminals.open()
    yield bench
    await bench.stop_watching()
    await bench.terminals.end()
