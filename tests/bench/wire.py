"""A WebSocket client that costs next to nothing (RFC 6455, as far as a benchmark needs it), so that servers are measured
and not it."""

import asyncio
import base64
import os
import struct
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


class Refused(Exception):
    """The handshake was answered with something else than 101."""


class Wire(asyncio.Protocol):
    """One connection. `receive` gives str or bytes; ConnectionError once it is closed."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.opened = asyncio.get_running_loop().create_future()
        self.frames: deque[str | bytes] = deque()
        self.waiter: asyncio.Future[None] | None = None
        self.rest = bytearray()
        self.closed = False
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its base class
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.rest += data
        if not self.open:
            end = self.rest.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self.rest.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(Refused(bytes(self.rest[:2000]).decode(errors="replace")))
                return
            del self.rest[: end + 4]
            self.open = True
            self.opened.set_result(None)
        while self._parse():
            pass

    def _parse(self) -> bool:
        if len(self.rest) < 2:
            return False
        kind, size, begin = self.rest[0] & 15, self.rest[1], 2
        if size >= 126:
            begin = 4 if size == 126 else 10
            if len(self.rest) < begin:
                return False
            [size] = struct.unpack_from(">H" if size == 126 else ">Q", self.rest, 2)
        if len(self.rest) < begin + size:
            return False
        payload = bytes(memoryview(self.rest)[begin : begin + size])
        del self.rest[: begin + size]
        if kind in (_TEXT, _BINARY):
            self.frames.append(payload.decode() if kind == _TEXT else payload)
            self._wake()
        elif kind == _PING:
            self._send(_PONG, payload)
        elif kind == _CLOSE:
            self.transport.close()
        return True

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True
        if not self.opened.done():
            self.opened.set_exception(ConnectionResetError())
        self._wake()

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    def _send(self, kind: int, data: bytes) -> None:
        """A frame masked with zeros: allowed, and nothing has to be masked."""
        size = len(data)
        head = (
            struct.pack(">BB", 0x80 | kind, 0x80 | size) if size < 126 else struct.pack(">BBH", 0x80 | kind, 0xFE, size)
        )
        self.transport.write(head + b"\0\0\0\0" + data)

    async def send(self, data: str | bytes) -> None:
        if self.closed:
            raise ConnectionResetError
        self._send(*((_TEXT, data.encode()) if isinstance(data, str) else (_BINARY, data)))

    async def receive(self) -> str | bytes:
        while not self.frames:
            if self.closed:
                raise ConnectionResetError
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        return self.frames.popleft()


@asynccontextmanager
async def connect(address: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Wire]:
    """An open connection to a ws:// address. Raises Refused, ConnectionError."""
    url = urlsplit(address)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {url.path}?{url.query} HTTP/1.1", f"Host: {url.netloc}", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
             *(f"{name}: {value}" for name, value in (headers or {}).items())]  # fmt: skip
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_connection(lambda: Wire(request), url.hostname, url.port)
    try:
        await wire.opened
        yield wire
    finally:
        transport.abort()
