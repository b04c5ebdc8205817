"""One HTTP exchange between a viewer and an app: bytes as they come, in both directions, neither faster than the other
side takes them, and nothing left running when either has gone."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, cast

from litestar.types import HTTPScope, Message, Receive, Send

from backend.workbench.previews.headers import Sent
from backend.workbench.previews.upstream import Connection, Gone, Headers, Pool

PATIENCE = 0.25
"""Seconds after which an exchange counts as a long one: only then does a task wait for its viewer to leave."""
BODY_SECONDS = 60.0
_REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS"))


class NoAnswer(Exception):
    """The app took the request and said nothing for too long."""


class Left(Exception):
    """The viewer is gone, or may not see this any more."""


class Unreachable(Exception):
    """Nothing accepts connections at the app's address."""


class Exchange:
    """`run` carries one request to an app and its answer back. `end` stops it from outside."""

    def __init__(
        self, pool: Pool, key: Hashable, address: tuple[str, int], scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        self._pool, self._key, self._address = pool, key, address
        self._scope, self._receive, self._send = scope, receive, send
        self._connection: Connection | None = None
        self._watching: asyncio.Task[None] | None = None
        self._ended = self._uploading = False
        self.started = False
        self.status = 0

    def end(self) -> None:
        self._ended = True
        if self._connection is not None:
            self._connection.fail(Left())

    async def run(
        self,
        head: bytes,
        sent: Sent,
        translate: Callable[[int, Headers], Headers],
        *,
        answer_seconds: float,
        lasting: Callable[["Exchange"], None],
    ) -> None:
        """`head` is the request's, without the framing of its body. `lasting` is told once it takes long.
        Raises Unreachable, BadAnswer, Gone, NoAnswer, Left; `started` says whether the viewer has seen a status by then."""
        loop = asyncio.get_running_loop()
        first = b""
        more = sent.streamed or sent.length not in (None, b"0")
        if sent.length is not None:
            head += b"content-length: " + sent.length + b"\r\n\r\n"
        else:
            head += b"transfer-encoding: chunked\r\n\r\n" if sent.streamed else b"\r\n"
        if more:
            first, more = await self._part()
            if sent.streamed:
                first = _chunked(first, last=not more)

        def long() -> None:
            lasting(self)
            if self._watching is None:
                self._watching = asyncio.create_task(self._watch())

        patience = loop.call_later(PATIENCE, long)
        limit = loop.call_later(answer_seconds, self._too_late) if not more else None
        try:
            connection = await self._ask(head + first, repeatable=self._scope["method"] in _REPEATABLE and not more)
            if more:
                self._uploading = True
                pump = self._pump(connection, sent.streamed, answer_seconds)
                self._watching = asyncio.create_task(pump)
            await connection.head()
            await self._pass_on(connection, translate)
        finally:
            patience.cancel()
            if limit is not None:
                limit.cancel()
            if self._watching is not None:
                self._watching.cancel()
            if self._connection is not None:
                if self._uploading:
                    self._connection.fail(Left())  # it answered before it had read all: nothing else can follow
                self._pool.give_back(self._key, self._connection)

    async def _ask(self, request: bytes, *, repeatable: bool) -> Connection:
        """The connection on which `request` was written, and, where it was an old one, began to be answered."""
        old = self._pool.take(self._key, within=None if repeatable else 1.0)
        if old is not None:
            self._use(old)
            try:
                await old.write(request)
                if repeatable:
                    await old.head()
                return old
            except Gone as gone:
                if not (repeatable and gone.early):
                    raise
                self._pool.give_back(self._key, old)
        try:
            new = await self._pool.connect(self._address)
        except (OSError, TimeoutError) as error:
            raise Unreachable(str(error)) from None
        self._use(new)
        await new.write(request)
        return new

    def _use(self, connection: Connection) -> None:
        self._connection = connection
        connection.begin(head_only=self._scope["method"] == "HEAD")
        if self._ended:
            connection.fail(Left())

    async def _pass_on(self, connection: Connection, translate: Callable[[int, Headers], Headers]) -> None:
        headers = translate(connection.status, connection.headers)
        if self._uploading:  # the viewer may go on for ever with what nobody reads
            headers.append((b"connection", b"close"))
        self.status = connection.status
        self.started = True
        await self._send({"type": "http.response.start", "status": connection.status, "headers": headers})
        while True:
            data = await connection.chunk()
            last = connection.done
            await self._send({"type": "http.response.body", "body": data, "more_body": not last})
            if last:
                return

    async def _part(self) -> tuple[bytes, bool]:
        """(bytes, whether more follow) of the request's body. Raises Left."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                message: Any = await self._receive()
        except TimeoutError:
            raise Left from None
        if message["type"] == "http.disconnect":
            raise Left
        return message.get("body", b""), message.get("more_body", False)

    async def _pump(self, connection: Connection, streamed: bool, answer_seconds: float) -> None:
        """The rest of the request's body, then the wait for the viewer to leave."""
        more, limit = True, None
        try:
            while more:
                data, more = await self._part()
                if streamed:
                    data = _chunked(data, last=not more)
                if data:
                    await connection.write(data)
            self._uploading = False
            limit = asyncio.get_running_loop().call_later(answer_seconds, self._too_late)
            await self._watch()
        except Left:
            connection.fail(Left())
        except Exception:
            return  # the connection's own end: whoever reads the answer is told
        finally:
            if limit is not None:
                limit.cancel()

    async def _watch(self) -> None:
        """Until the viewer leaves; then the app is left too."""
        while True:
            message = cast(Message, await self._receive())
            if message["type"] == "http.disconnect":
                break
        self.end()

    def _too_late(self) -> None:
        if self._connection is not None and not self._connection.answered:
            self._connection.fail(NoAnswer())


def _chunked(data: bytes, *, last: bool) -> bytes:
    framed = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return framed + b"0\r\n\r\n" if last else framed
