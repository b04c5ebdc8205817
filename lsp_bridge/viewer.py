"""One editor at a bridge: its handshake, the ids of its questions, and the queue of what it is sent."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec

from lsp_bridge import rpc
from lsp_bridge.framing import MAX_BODY
from lsp_bridge.rpc import Message

Send = Callable[[str], Awaitable[None]]

MAX_QUEUED: Final = 64 * 1024 * 1024
MAX_MESSAGES: Final = 10_000
MAX_PENDING: Final = 1000


class Serves(Protocol):
    """What a viewer talks to."""

    async def initialised(self) -> dict[str, Any]:
        """The answer to `initialize`, once the servers can say."""
        ...

    def viewer_joined(self, viewer: "Viewer") -> None:
        """It is ready for what it has missed."""
        ...

    def viewer_asked(self, viewer: "Viewer", raw_id: bytes, method: str, params: bytes) -> None: ...

    def viewer_told(self, viewer: "Viewer", method: str, params: bytes) -> None: ...

    def viewer_left(self, viewer: "Viewer", *, properly: bool) -> None: ...


class _Initialize(msgspec.Struct):
    capabilities: dict[str, Any] = {}


class Viewer:
    """`send` is awaited for one text at a time; if it raises, the viewer is gone. `receive` takes each text that the other side
    sends and never raises. Whoever has the connection closes it when `gone()` returns, and calls `leave()` when it ends."""

    def __init__(self, bridge: Serves, number: int, send: Send, *, writes: bool = True) -> None:
        self.number = number
        self.writes = writes
        self.ready = False
        self.pending: dict[bytes, list[tuple[Any, int]]] = {}
        """Its questions under way, by id: (server, the number there) of each."""
        self.capabilities: dict[str, Any] = {}
        self.told_able: frozenset[str] | None = None
        """What it was told that the servers can do, by the names of capabilities."""
        self._bridge = bridge
        self._send = send
        self._asked: dict[int, Callable[[Message], None]] = {}
        self._number = 0
        self._initialising: asyncio.Task[None] | None = None
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._wake = asyncio.Event()
        self._gone = asyncio.Event()
        self._reason = ""
        self._properly = False
        self._writer = asyncio.create_task(self._write(), name=f"viewer {number}")

    async def gone(self) -> str:
        """Waits for its end; why it was ended by us, empty if it asked for that."""
        await self._gone.wait()
        return self._reason

    @property
    def here(self) -> bool:
        return not self._gone.is_set()

    def leave(self, reason: str = "") -> None:
        """Its connection has ended, or has to."""
        if self._gone.is_set():
            return
        self._reason = reason
        self._gone.set()
        self.ready = False
        self._writer.cancel()
        if self._initialising is not None:
            self._initialising.cancel()
        asked, self._asked = self._asked, {}
        for done in asked.values():
            done(Message(error=msgspec.Raw(rpc.error(rpc.REQUEST_CANCELLED, "the editor has left"))))
        self._bridge.viewer_left(self, properly=self._properly)

    def can(self, *names: str) -> bool:
        """Whether its own capabilities say so, under these names."""
        found: Any = self.capabilities
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return bool(found)

    # -- down ------------------------------------------------------------------------------------------------------

    def push(self, body: bytes) -> None:
        """Sends a message when its turn comes. A viewer that does not take them is ended: nobody waits for it."""
        if self._gone.is_set():
            return
        self._queue.append(body)
        self._queued += len(body)
        self._wake.set()
        if self._queued > MAX_QUEUED or len(self._queue) > MAX_MESSAGES:
            self.leave("it does not read what it is sent")

    def ask(self, method: str, params: bytes, done: Callable[[Message], None] | None = None) -> int:
        self._number += 1
        if done is not None:
            self._asked[self._number] = done
        self.push(rpc.request(self._number, method, params))
        return self._number

    def forget(self, number: int) -> None:
        """What it says to that question does not matter any more."""
        if self._asked.pop(number, None) is not None:
            self.tell("$/cancelRequest", b'{"id":%d}' % number)

    def tell(self, method: str, params: bytes) -> None:
        self.push(rpc.notification(method, params))

    def refuse(self, raw_id: bytes, code: int, message: str) -> None:
        self.push(rpc.failure(raw_id, rpc.error(code, message)))

    async def _write(self) -> None:
        try:
            while True:
                while self._queue:
                    body = self._queue.popleft()
                    self._queued -= len(body)
                    await self._send(body.decode(errors="replace"))
                self._wake.clear()
                await self._wake.wait()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever a connection raises when the other side is gone
            asyncio.get_running_loop().call_soon(self.leave, f"it cannot be sent to: {error!r}"[:300])

    # -- up --------------------------------------------------------------------------------------------------------

    def receive(self, text: str | bytes) -> None:
        """One JSON-RPC message, which some clients (pygls') send as bytes. What is none is answered with an error that says
        why."""
        if self._gone.is_set():
            return None
        if len(text) > MAX_BODY:
            return self.refuse(rpc.NULL, rpc.INVALID_REQUEST, f"a message has at most {MAX_BODY >> 20} MiB")
        try:
            message = rpc.read(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            return self.refuse(rpc.NULL, rpc.PARSE_ERROR, f"one JSON-RPC message a text frame: {error}")
        try:
            raw_id = rpc.id_of(message)
        except ValueError as error:
            return self.refuse(rpc.NULL, rpc.INVALID_REQUEST, str(error))
        if message.method is None:
            done = self._asked.pop(int(raw_id), None) if raw_id and raw_id.isdigit() else None
            if done is not None:
                done(message)
        elif raw_id is None:
            self._told(message.method, bytes(message.params))
        else:
            self._question(raw_id, message.method, bytes(message.params))
        return None

    def _question(self, raw_id: bytes, method: str, params: bytes) -> None:
        if method == "initialize":
            if self._initialising is not None:
                return self.refuse(raw_id, rpc.INVALID_REQUEST, "initialize comes once")
            with contextlib.suppress(msgspec.MsgspecError):
                self.capabilities = msgspec.json.decode(params, type=_Initialize).capabilities
            self._initialising = asyncio.create_task(self._initialise(raw_id))
        elif method == "shutdown":
            self._properly = True
            self.push(rpc.answer(raw_id, rpc.NULL))
        elif self._initialising is None or not self._initialising.done():
            self.refuse(raw_id, rpc.NOT_INITIALIZED, "initialize comes first")
        elif len(self.pending) >= MAX_PENDING:
            self.refuse(raw_id, rpc.REQUEST_FAILED, f"{MAX_PENDING} questions are under way already")
        else:
            self._bridge.viewer_asked(self, raw_id, method, params)
        return None

    def _told(self, method: str, params: bytes) -> None:
        if method == "exit":
            self._properly = True
            self.leave()
        elif self._initialising is None or not self._initialising.done():
            return
        elif method == "initialized":
            if not self.ready:
                self.ready = True
                self._bridge.viewer_joined(self)
        else:
            with contextlib.suppress(RecursionError):
                self._bridge.viewer_told(self, method, params)

    async def _initialise(self, raw_id: bytes) -> None:
        answer = await self._bridge.initialised()
        self.told_able = frozenset(answer["capabilities"])
        self.push(rpc.answer(raw_id, rpc.encode(answer)))
