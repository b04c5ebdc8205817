"""One WebSocket between a viewer and an app, message by message: text stays text, bytes stay bytes, close codes pass."""

import asyncio
from collections import deque
from typing import Any, cast

from litestar.types import Receive, Send
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from backend.workbench.previews.upstream import CONNECT_SECONDS, MAX_HEAD, Headers

MAX_MESSAGE = 16 * 1024 * 1024
HIGH = 1024 * 1024
HANDSHAKE_SECONDS = 30.0


class NoSocket(Exception):
    """The app did not open a WebSocket. `response` is its answer where it gave one."""

    def __init__(self, why: str, response: Response | None = None) -> None:
        super().__init__(why)
        self.response = response


class AppSocket(asyncio.Protocol):
    """The app's side: a client whose frames are read only as fast as the viewer takes them."""

    def __init__(self, uri: WebSocketURI, subprotocols: list[str]) -> None:
        names = [Subprotocol(name) for name in subprotocols]
        self.protocol = ClientProtocol(uri, subprotocols=names or None, max_size=MAX_MESSAGE)
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.opened: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.messages: deque[str | bytes] = deque()
        self.close_code, self.close_reason = 1011, "the app closed the connection"
        self._parts: list[bytes] = []
        self._text = False
        self._held = self._head = 0
        self._paused = self._closed = False
        self._bell = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    async def receive(self) -> str | bytes | None:
        """The next message; None once the app has closed."""
        while not self.messages:
            if self._closed:
                return None
            self._bell.clear()
            await self._bell.wait()
        message = self.messages.popleft()
        self._held -= len(message)
        if self._paused and self._held < HIGH:
            self._paused = False
            if not self._closed:
                self.transport.resume_reading()
        return message

    async def send(self, message: str | bytes) -> None:
        if self.protocol.state is not OPEN:
            return
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        self._flush()
        await self._writable.wait()

    def close(self, code: int, reason: str = "") -> None:
        if self.protocol.state is OPEN:
            sendable = (1000 <= code < 1015 and code not in (1004, 1005, 1006)) or 3000 <= code < 5000
            self.protocol.send_close(code if sendable else 1001, reason)
            self._flush()
        if self.transport is not None:
            self.transport.close()

    def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self._head += len(data)
            if self._head > 16 * MAX_HEAD:
                self.opened.set_exception(NoSocket("its answer to the handshake does not end"))
                self.transport.abort()
                return
        self.protocol.receive_data(data)
        self._events()

    def eof_received(self) -> None:
        self.protocol.receive_eof()
        self._events()

    def connection_lost(self, _: Exception | None) -> None:
        self._closed = True
        if not self.opened.done():
            self.opened.set_exception(NoSocket("it closed the connection during the handshake"))
        self._writable.set()
        self._bell.set()

    def _events(self) -> None:
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self._answered(event)
            elif isinstance(event, Frame):
                self._frame(event)
        if not self.opened.done() and self.protocol.handshake_exc is not None:
            self.opened.set_exception(NoSocket(str(self.protocol.handshake_exc)))
        if self.protocol.parser_exc is not None and self.protocol.close_sent is not None:
            self.close_code, self.close_reason = 1011, "the app broke the protocol"
        self._flush()
        self._bell.set()

    def _answered(self, response: Response) -> None:
        failure = self.protocol.handshake_exc
        if self.opened.done():
            return
        if failure is None:
            self.opened.set_result(response)
        else:
            refusal = response if isinstance(failure, InvalidStatus) else None
            self.opened.set_exception(NoSocket(str(failure), refusal))

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            received = self.protocol.close_rcvd
            self.close_code, self.close_reason = (received.code, received.reason) if received else (1005, "")
            return
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._text, self._parts = frame.opcode is Opcode.TEXT, []
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return
        whole, self._parts = b"".join(self._parts), []
        try:
            message = whole.decode() if self._text else whole
        except UnicodeDecodeError:
            self.protocol.fail(1007)
            return
        self.messages.append(message)
        self._held += len(message)
        if self._held > HIGH and not self._paused:
            self._paused = True
            self.transport.pause_reading()


async def connect(address: tuple[str, int], path: str, headers: Headers, subprotocols: list[str]) -> AppSocket:
    """An open socket to the app. Raises NoSocket, OSError, TimeoutError."""
    uri = WebSocketURI(False, address[0], address[1], "/", "")
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(CONNECT_SECONDS):
        _, socket = await loop.create_connection(lambda: AppSocket(uri, subprotocols), *address)
    lines = [
        f"GET {path} HTTP/1.1".encode(),
        *(name + b": " + value for name, value in headers),
        b"connection: Upgrade",
        b"upgrade: websocket",
        b"sec-websocket-version: 13",
        b"sec-websocket-key: " + socket.protocol.key.encode(),
    ]
    socket.transport.write(b"\r\n".join(lines) + b"\r\n\r\n")
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            await socket.opened
    except BaseException:
        socket.opened.cancel()
        socket.transport.abort()
        raise
    return socket


async def relay(socket: AppSocket, receive: Receive, send: Send) -> None:
    """Until either side closes. The viewer's socket is accepted already."""
    up = asyncio.create_task(_up(socket, receive))
    try:
        while (message := await socket.receive()) is not None:
            kind = "text" if isinstance(message, str) else "bytes"
            await send(cast(Any, {"type": "websocket.send", kind: message}))
        if not up.done():
            code = socket.close_code if socket.close_code not in (1005, 1006, 1015) else 1000
            await send({"type": "websocket.close", "code": code, "reason": socket.close_reason})
    finally:
        up.cancel()
        await asyncio.gather(up, return_exceptions=True)
        socket.close(1001)


async def _up(socket: AppSocket, receive: Receive) -> None:
    while True:
        message: Any = await receive()
        if message["type"] == "websocket.disconnect":
            socket.close(message.get("code") or 1005, message.get("reason") or "")
            return
        text = message.get("text")
        await socket.send(text if text is not None else message["bytes"])
