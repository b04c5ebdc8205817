"""`codeyard shell SESSION`: this terminal becomes one of the session's, until its program ends or the detach key is pressed.

The connection may break and the server may restart: it comes back with the offset it has seen, and nothing is missed.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import sys
import termios
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backend.client import api
from backend.client.account import Account

DETACH = b"\x1d"  # Ctrl-]
READY = "\x1e"
"""What a command to which something is piped says once its terminal has stopped to echo; before, nothing is sent."""
ACK_EVERY = 256 << 10  # bytes
COME_BACK_WITHIN = 60.0  # seconds
OPENS_WITHIN = 180.0
"""Seconds that the server may take to open a terminal, for which a container may have to start; asked again, it opens another."""

DETACHED, REFUSED, LOST, NOT_ALLOWED = 0, 1, 1, 4  # exit statuses; else the program's own, 128 + n for signal n


@dataclass
class Opening:
    """Which terminal: that of `terminal_id`, else a new one, inside of a service or not, of a shell or of one command."""

    session_id: str
    terminal_id: str | None = None
    service_id: str | None = None
    command: str | None = None


def attach(account: Account, opening: Opening) -> int:
    """Attach this process's terminal (or its pipes) until the program there ends; returns the exit status."""
    with _raw(sys.stdin.fileno()):
        return asyncio.run(_Attachment(account, opening).run())


class _Attachment:
    """Where the remote terminal's output was left off, over any number of connections."""

    def __init__(self, account: Account, opening: Opening) -> None:
        self.base = account.url.replace("http", "ws", 1) + "/api/v1/ws/terminal"
        self.headers = account.headers()
        self.opening = opening
        self.offset: int | None = None
        self.status: int | None = None
        self.keys: asyncio.Queue[bytes] = asyncio.Queue()
        self.typed_here = os.isatty(sys.stdin.fileno())
        self.ended = False
        self.in_line = False
        """Whether the last piece of input ended within a line."""
        self.ready = self.typed_here or not opening.command

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        if self.ready:
            self._listen()
        try:
            lost_at = None
            while self.status is None:
                try:
                    async with self._connection() as socket:
                        lost_at = None
                        await self._use(socket)
                except InvalidStatus as refusal:
                    status = refusal.response.status_code
                    if status < 500:
                        return self._say(_reason(refusal), NOT_ALLOWED if status in api.NOT_ALLOWED else REFUSED)
                except (ConnectionClosed, OSError, TimeoutError):
                    pass
                if self.status is None:
                    lost_at = loop.time() if lost_at is None else lost_at
                    if loop.time() - lost_at > COME_BACK_WITHIN:
                        return self._say("the server does not come back; the terminal may still run", LOST)
                    await asyncio.sleep(0.3)
            return self.status
        finally:
            loop.remove_reader(sys.stdin.fileno())

    def _connection(self) -> connect:
        return connect(self._address(), additional_headers=self.headers, max_size=None, open_timeout=OPENS_WITHIN)

    def _address(self) -> str:
        cols, rows = _size()
        query: dict[str, Any] = {"cols": cols, "rows": rows, "after": self.offset, **vars(self.opening)}
        return f"{self.base}?{urlencode({name: value for name, value in query.items() if value is not None})}"

    async def _use(self, socket: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        resized = asyncio.Event()
        with contextlib.suppress(NotImplementedError, RuntimeError):
            loop.add_signal_handler(signal.SIGWINCH, resized.set)
        typing = [asyncio.create_task(self._type(socket)), asyncio.create_task(_tell_size(socket, resized))]
        try:
            await self._show(socket)
        finally:
            for task in typing:
                task.cancel()
            await asyncio.gather(*typing, return_exceptions=True)

    async def _show(self, socket: ClientConnection) -> None:
        acknowledged = self.offset or 0
        async for frame in socket:
            if isinstance(frame, bytes):
                _write(frame if self.ready else self._readied(frame))
                self.offset = (self.offset or 0) + len(frame)
                if self.offset - acknowledged >= ACK_EVERY:
                    acknowledged = self.offset
                    await socket.send(json.dumps({"type": "ack", "offset": acknowledged}))
                continue
            told = json.loads(frame)
            if told["type"] == "attached":
                self.opening.terminal_id, self.offset = told["terminal_id"], told["offset"]
                acknowledged = told["offset"]
            elif told["type"] == "lag":
                self.offset = acknowledged = told["to"]
            elif told["type"] == "exit":
                self.status = told["code"] if "code" in told else 128 + _number(told["signal"])
                return
            elif told["type"] == "error":
                self._say(told["message"], 0)

    async def _type(self, socket: ClientConnection) -> None:
        while True:
            keys = await self.keys.get()
            typed, detach, _ = keys.partition(DETACH) if self.typed_here else (keys, b"", b"")
            try:
                if typed:
                    await socket.send(typed)
            finally:
                self._listen()
            if detach:
                back = f"codeyard shell {self.opening.session_id} --terminal {self.opening.terminal_id}"
                self.status = self._say(f"detached; the terminal stays. Back to it: {back}", DETACHED)
                await socket.close()
                return

    def _readied(self, frame: bytes) -> bytes:
        before, ready, after = frame.partition(READY.encode())
        if ready:
            self.ready = True
            self._listen()
        return before + after

    def _listen(self) -> None:
        """For the next piece of input: one at a time, so that a long file waits where it lies."""
        loop = asyncio.get_running_loop()
        if self.ended:
            return
        try:
            loop.add_reader(sys.stdin.fileno(), self._key)
        except PermissionError:  # a file or /dev/null, of which epoll_ctl(2) knows that it is always ready
            loop.call_soon(self._key)

    def _key(self) -> None:
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        keys = os.read(sys.stdin.fileno(), 65536)
        self.ended = not keys
        # What a keyboard says at the end is Ctrl-D; within a line the first only sends what is there (termios(3), VEOF).
        self.keys.put_nowait(keys or (b"\x04\x04" if self.in_line else b"\x04"))
        self.in_line = not self.typed_here and not keys.endswith(b"\n")

    def _say(self, text: str, status: int) -> int:
        sys.stderr.write(f"\r\n[{text}]\r\n")
        sys.stderr.flush()
        return status


async def _tell_size(socket: ClientConnection, resized: asyncio.Event) -> None:
    while True:
        await resized.wait()
        resized.clear()
        cols, rows = _size()
        await socket.send(json.dumps({"type": "resize", "cols": cols, "rows": rows}))


def _size() -> tuple[int, int]:
    """Columns and rows of this process's terminal; 80 × 24 where it has none."""
    try:
        packed = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return 80, 24
    rows, cols, _, _ = struct.unpack("HHHH", packed)
    return min(cols or 80, 1000), min(rows or 24, 1000)


def _write(data: bytes) -> None:
    """All of it, though the terminal may take it in parts."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(sys.stdout.fileno(), rest) :]


def _reason(refusal: InvalidStatus) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(refusal.response.body or b"")["error"]["message"])
    return f"the server refused with status {refusal.response.status_code}"


def _number(name: str) -> int:
    return int(getattr(signal, name, 0))


@contextlib.contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """Every key as it is, the interrupt included, until the block ends."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSADRAIN)  # what was typed ahead stays
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
