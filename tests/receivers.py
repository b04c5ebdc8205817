"""A receiver of webhooks for tests: an HTTP server on a port that remembers what came and answers as its path says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[["Got"], Any]


@dataclass
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` maps a path to what to send back: bytes as they are, or a coroutine function that is handed the request and the
    writer. Everything else is answered 200."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def until(self, count: int, path: str | None = None, seconds: float = 60) -> list[Got]:
        """What came to `path`, once it is `count` requests."""

        def those() -> list[Got]:
            return [one for one in self.got if path is None or one.path == path]

        async with self.arrived:
            await asyncio.wait_for(self.arrived.wait_for(lambda: len(those()) >= count), seconds)
        return those()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                request = Got(head[0].split(" ")[1], headers, body)
                async with self.arrived:
                    self.got.append(request)
                    self.arrived.notify_all()
                answer = self.answers.get(request.path, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(request, writer)
                    break
        writer.close()


def status(code: int, *headers: str) -> bytes:
    """An answer without a body."""
    return "\r\n".join([f"HTTP/1.1 {code} Because", "content-length: 0", *headers, "", ""]).encode()


async def hang(_: Got, __: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.sleep(3600)


async def endless(_: Got, writer: asyncio.StreamWriter) -> None:
    """An answer that does not end."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        writer.write(b"0123456789" * 1000)
        await writer.drain()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    here = Receiver()
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
