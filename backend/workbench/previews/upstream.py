"""Connections to apps: HTTP/1.1 on raw transports, kept alive and reused, bounded in what they make us hold.

What an app sends is not trusted: the head, trailers and chunk framing together may take `MAX_HEAD` bytes without a byte of
body; of a body at most `HIGH` bytes wait here for a slow viewer, then the app is not read any more.
"""

import asyncio
from collections import defaultdict
from collections.abc import Hashable
from typing import cast

import httptools

MAX_HEAD = 64 * 1024
HIGH = 256 * 1024
IDLE_SECONDS = 15.0
IDLE_CONNECTIONS = 32
CONNECT_SECONDS = 5.0

_TOO_LARGE = f"its headers are larger than {MAX_HEAD // 1024} KiB"

Headers = list[tuple[bytes, bytes]]


class BadAnswer(Exception):
    """The app did not speak HTTP, or too much of it. The message says what was wrong."""


class Gone(Exception):
    """The connection ended before the answer did. `early`: before any byte of it, so that asking again is safe where the
    method is."""

    def __init__(self, *, early: bool) -> None:
        super().__init__("the app closed the connection")
        self.early = early


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time: `begin`, `write`, then `head` and `chunk` until `done`."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.closed = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._waiter: asyncio.Future[None] | None = None
        self._reset(head_only=False)

    def _reset(self, *, head_only: bool) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: Headers = []
        self.done = False
        self.error: Exception | None = None
        self._head_only = head_only
        self._head_done = False
        self._fresh = True
        self._framed = False
        self._overhead = self._head_size = 0
        self._chunks: list[bytes] = []
        self._held = 0
        self._paused = False
        self._keep_alive = False

    # What the exchange calls

    def begin(self, *, head_only: bool) -> None:
        """Makes ready for one request; `head_only` for HEAD, whose answer has no body whatever its head says."""
        self._reset(head_only=head_only)

    async def write(self, data: bytes) -> None:
        """Raises Gone, or the reason for which the exchange was ended."""
        self._raise()
        self.transport.write(data)
        if not self._writable.is_set():
            await self._writable.wait()
            self._raise()

    async def head(self) -> None:
        """Until `status` and `headers` are there. Raises BadAnswer, Gone."""
        while not self._head_done:
            self._raise()
            await self._wait()

    async def chunk(self) -> bytes:
        """The next part of the body, all of what is here; b"" only at the end. Raises as `head` does."""
        while not self._chunks:
            if self.done:
                return b""
            self._raise()
            await self._wait()
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._held = 0
        if self._paused:
            self._paused = False
            if not self.closed:
                self.transport.resume_reading()
        return data

    @property
    def answered(self) -> bool:
        """Whether the head of the answer is here."""
        return self._head_done

    @property
    def reusable(self) -> bool:
        return self.done and self._keep_alive and not self.closed and self.error is None

    def fail(self, error: Exception) -> None:
        """Ends the exchange with `error` for whoever waits, and the connection with it."""
        if self.error is None and not self.done:
            self.error = error
        self.closed = True
        self.transport.abort()
        self._writable.set()
        self._wake()

    def _raise(self) -> None:
        if self.error is not None:
            raise self.error

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._fresh = False
        if self.done:  # bytes that nobody asked for: whatever they are, they are not the next answer
            self.closed = True
            self.transport.abort()
            return
        self._overhead += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.fail(BadAnswer("it switched to a protocol that nobody asked for"))
        except httptools.HttpParserError as error:
            self.fail(self.error or BadAnswer(f"it did not speak HTTP: {error}"))
        else:
            if self._overhead > MAX_HEAD and not self.done:
                self.fail(BadAnswer(_TOO_LARGE))
        self._wake()

    def eof_received(self) -> None:
        return

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        if not self.done and self.error is None:
            if self._head_done and not self._framed and error is None:
                self.done = True  # a body that ends with the connection (RFC 9112 §6.3)
            else:
                self.error = Gone(early=self._fresh)
        self._writable.set()
        self._wake()

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._head_done:  # else it is a trailer: ASGI servers cannot pass those on
            self.headers.append((name.lower(), value))
            self._head_size += len(name) + len(value) + 4

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status < 200:
            return  # interim: the answer is still to come
        if status > 599 or self._head_size > MAX_HEAD:
            odd = f"it answered with the status {status}" if status > 599 else _TOO_LARGE
            self.error = BadAnswer(odd)
            raise self.error
        self.status = status
        self._head_done = True
        self._overhead = 0
        self._framed = (
            status in (204, 304)
            or self._head_only
            or any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers)
        )
        self._keep_alive = self._framed and self.parser.should_keep_alive()
        if self._head_only:
            self._finish()

    def on_body(self, data: bytes) -> None:
        self._overhead = 0
        if self.done:
            self.closed = True  # a body where none may be: nothing after it can be trusted
            self.transport.abort()
            return
        self._chunks.append(data)
        self._held += len(data)
        if self._held > HIGH and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._head_done:
            self._finish()
        else:
            self.headers = []  # those of an interim answer

    def _finish(self) -> None:
        self.done = True
        self._wake()


class Pool:
    """Idle connections by app. A connection is never lent to another app than the one that it was made for."""

    def __init__(self) -> None:
        self._idle: dict[Hashable, list[tuple[float, Connection]]] = defaultdict(list)
        self._sweeping: asyncio.TimerHandle | None = None

    def take(self, key: Hashable, *, within: float | None = None) -> Connection | None:
        """An idle connection, the one used last; None if there is none, or none that was used `within` seconds: for what
        must not be asked twice, since an app may close an old one at this very moment."""
        idle = self._idle.get(key)
        while idle:
            since, connection = idle.pop()
            if connection.closed:
                continue
            if within is not None and asyncio.get_running_loop().time() - since > within:
                idle.append((since, connection))
                return None
            return connection
        return None

    async def connect(self, address: tuple[str, int]) -> Connection:
        """A new one. Raises OSError, TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            _, connection = await loop.create_connection(Connection, *address)
        return connection

    def give_back(self, key: Hashable, connection: Connection) -> None:
        """Keeps it for the next request if it can serve one."""
        idle = self._idle[key]
        if not connection.reusable or len(idle) >= IDLE_CONNECTIONS:
            connection.transport.abort()
            return
        loop = asyncio.get_running_loop()
        idle.append((loop.time(), connection))
        if self._sweeping is None:
            self._sweeping = loop.call_later(IDLE_SECONDS, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - IDLE_SECONDS
        for key, idle in list(self._idle.items()):
            kept = [(since, one) for since, one in idle if since > oldest and not one.closed]
            for since, one in idle:
                if since <= oldest:
                    one.transport.abort()
            if kept:
                self._idle[key] = kept
            else:
                del self._idle[key]
        self._sweeping = loop.call_later(IDLE_SECONDS / 2, self._sweep) if self._idle else None

    def close(self) -> None:
        for idle in self._idle.values():
            for _, connection in idle:
                connection.transport.abort()
        self._idle.clear()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
