"""A terminal: one descriptor (a PTY's master, or a container's TTY stream), the ring of its output, and its viewers.

The descriptor is always drained into the ring, so nobody who watches can hold up the program; each viewer reads the
ring at its own pace. What a viewer and we say to each other is in `frames`: binary is bytes, text is JSON.
"""

import asyncio
import contextlib
import errno
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from runtimes.frames import Ack, Attached, BadFrame, Exit, Failure, Lag, Resize, Resized, Signal, parse
from runtimes.modes import Modes
from runtimes.ring import Ring

WINDOW: Final = 1 << 20  # bytes that a viewer may be sent before it acknowledges some
CHUNK: Final = 256 << 10  # bytes of the longest binary frame down
TAIL: Final = 256 << 10  # bytes of history for a viewer that is too far behind, or new
INPUT_FRAME: Final = 1 << 20  # bytes of the longest binary frame up
INPUT_QUEUE: Final = 1 << 20  # bytes typed that the program has not read
INPUT_PATIENCE: Final = 1.0  # seconds that typing waits for room there

_BUDGET = 64 << 10  # bytes read in one go before the loop's other work gets its turn
_SHORT = 1024  # bytes: a read of less has emptied the kernel's buffer
_YIELD_FOR = 0.5  # seconds after somebody typed in a terminal during which a flood in another is read more slowly:
_YIELD_BUDGET = 16 << 10  # so many bytes in one go,
_YIELD_PAUSE = 0.01  # and so many seconds between them. Its program waits, and leaves the processors to who types.
_SCAN_BEHIND = 512 << 10  # modes are known up to somewhere between this and twice this before the end (more than TAIL)
_BURST = 2048  # a frame longer than this is part of a flood,
_PAUSE = 0.002  # and the next may wait so many seconds
_FULL = 64 << 10  # to become this long
_HUNG_UP = 0.05  # seconds between looks at a PTY that no process has open now, but whose shell lives
_LAST_WORDS = (
    1 << 20
)  # bytes read after the exit at most: what the kernel held is less, what forked away may go on for ever


class InputFull(Exception):
    """The program is not reading what is typed; this input was dropped."""


class Control:
    """What a terminal's owner does for it. The base does nothing: a stream without a process."""

    async def resize(self, cols: int, rows: int) -> None:
        """Set the size that the program sees."""

    async def signal(self, name: str) -> None:
        """Send a signal to the foreground process group."""

    async def status(self) -> dict[str, Any] | None:
        """For a stream without a process of ours: what became of its program, {"code": n}; None while it runs."""
        return {"code": 0}

    async def end(self) -> None:
        """For a stream without a process of ours: end its program."""


class Typing:
    """When somebody typed last, and where: shared by the terminals of one server."""

    def __init__(self) -> None:
        self.at = -_YIELD_FOR
        self.terminal: Terminal | None = None

    def elsewhere(self, terminal: "Terminal", now: float) -> bool:
        """Whether somebody types in another terminal now."""
        return now - self.at < _YIELD_FOR and self.terminal is not terminal


class Terminal:
    """Made and closed in the event loop's thread. `exit` is None while the program runs, then {"code": n} or
    {"signal": name}."""

    def __init__(
        self,
        terminal_id: str,
        descriptor: int,
        ring: Ring,
        control: Control,
        *,
        record: dict[str, Any] | None = None,
        typing: Typing | None = None,
        on_stream_end: Callable[["Terminal"], None] | None = None,
    ) -> None:
        """Take over `descriptor` and `ring`, which `close` closes. `record` is the keeper's Record. `on_stream_end` is called
        when a stream that is no PTY of ours comes to its end."""
        record = record or {}
        self.id = terminal_id
        self.ring = ring
        self.pid: int | None = record.get("pid")
        self.argv: list[str] = record.get("argv") or []
        self.labels: dict[str, Any] = record.get("labels") or {}
        self.pid_inside: int | None = self.labels.get("pid", self.pid)
        """What its program is called where it runs: in a container by another number than here, where `pid` is None."""
        self.created_at: float = record.get("created_at") or time.time()
        self.cols: int = record.get("cols") or 80
        self.rows: int = record.get("rows") or 24
        self.exit: dict[str, Any] | None = None
        self.viewers: set[Viewer] = set()
        self.typist: Viewer | None = None
        self._descriptor = descriptor
        self._control = control
        self._on_stream_end = on_stream_end
        self._typing = typing or Typing()
        self._modes = Modes(ring)
        self._typed: deque[memoryview] = deque()
        self._typed_bytes = 0
        self._room = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self._closed = False
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._readable)

    def attach(self, *, after: int | None = None, acks: bool = True, writes: bool = True) -> "Viewer":
        """A new viewer that has seen everything before `after` (None: nothing, and wants the recent part only).

        `acks` False is for plain clients that do not acknowledge; `writes` False for those that may only watch.
        ValueError where `after` lies beyond the end.
        """
        if after is not None and not 0 <= after <= self.ring.end:
            raise ValueError(f"after is an offset from 0 to {self.ring.end}, the end of the output")
        return Viewer(self, after=after, acks=acks, writes=writes)

    async def write(self, data: bytes) -> None:
        """Type `data`. Waits a moment while more than `INPUT_QUEUE` bytes are unread, then raises InputFull."""
        if self._typed_bytes + len(data) > INPUT_QUEUE and not await self._has_room(len(data)):
            raise InputFull
        self._typing.at, self._typing.terminal = self._loop.time(), self
        if self.exit is not None or self._descriptor < 0 or not data:
            return
        rest = memoryview(data)
        if not self._typed:
            rest = rest[self._push(rest) :]
            if not rest:
                return
            self._loop.add_writer(self._descriptor, self._writable)
        self._typed.append(rest)
        self._typed_bytes += len(rest)

    async def resize(self, cols: int, rows: int) -> None:
        """Set the size and tell every viewer. The range is checked where the numbers come in."""
        if (cols, rows) != (self.cols, self.rows) and self.exit is None:
            self.cols, self.rows = cols, rows
            await self._control.resize(cols, rows)
            for viewer in self.viewers:
                viewer.tell_size()

    async def signal(self, name: str) -> None:
        await self._control.signal(name)

    async def status(self) -> dict[str, Any] | None:
        return await self._control.status()

    async def end(self) -> None:
        await self._control.end()

    def finish(self, status: dict[str, Any]) -> None:
        """The program ended: take its last output, then tell the viewers. Output of what it left running is still
        drained."""
        if self.exit is not None or self._descriptor < 0:
            return
        self._read(_LAST_WORDS)
        self.exit = status
        self._stop_typing()
        for viewer in self.viewers:
            viewer.wake()

    def hang_up(self) -> None:
        """Let go of the descriptor. Was it the last one of a PTY's master, the kernel sends SIGHUP to who runs
        there."""
        if self._descriptor < 0:
            return
        if self._retry is not None:
            self._retry.cancel()
        self._stop_typing()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1

    def close(self) -> None:
        """Let go of descriptor and ring; the ring's file stays. Viewers end with what they have."""
        if self._closed:
            return
        self.hang_up()
        self._closed = True
        for viewer in self.viewers:
            viewer.wake()
        self.ring.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def tail(self) -> int:
        """Where the recent part begins: `TAIL` before the end, moved to a line's start, or else to a character's."""
        begin = max(self.ring.start, self.ring.end - TAIL)
        if begin == 0:
            return 0
        text = self.ring.slice(begin, self.ring.end)
        if line := text.find(b"\n") + 1:
            return begin + line
        return begin + next((i for i in range(min(4, len(text))) if text[i] & 0xC0 != 0x80), 0)

    def restore(self, offset: int) -> bytes:
        """What brings a viewer's terminal into the state from which the output after `offset` makes sense."""
        return self._modes.restore(offset)

    # --- output

    def _readable(self) -> None:
        now = self._loop.time()
        yields = self._typing.elsewhere(self, now)
        count = self._read(_YIELD_BUDGET if yields else _BUDGET)
        if count:
            for viewer in self.viewers:
                viewer.wake()
        if yields and count >= _YIELD_BUDGET and self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._retry = self._loop.call_later(_YIELD_PAUSE, self._look_again)

    def _read(self, budget: int) -> int:
        """Read up to about `budget` bytes into the ring; return how many."""
        ring, total = self.ring, 0
        try:
            while total < budget:
                count = ring.read_from(self._descriptor)
                if not count:
                    self._hung_up()
                    break
                total += count
                if count < _SHORT:
                    break  # that was all; should there be more, we are called again
                if ring.end - self._modes.offset > 2 * _SCAN_BEHIND:
                    self._modes.advance(ring.end - _SCAN_BEHIND)
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno not in (errno.EIO, errno.ECONNRESET):
                raise
            self._hung_up()
        return total

    def _hung_up(self) -> None:
        """No process has the other side open. A PTY's can be opened again (/dev/tty), and until then it would be
        readable all the time."""
        self._loop.remove_reader(self._descriptor)
        if self.pid is None and self._on_stream_end is not None:
            self._on_stream_end(self)
        elif self.exit is None and not self._closed:
            self._retry = self._loop.call_later(_HUNG_UP, self._look_again)

    def _look_again(self) -> None:
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._readable)

    # --- input

    async def _has_room(self, wanted: int) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INPUT_PATIENCE):
                while self._typed_bytes + wanted > INPUT_QUEUE:
                    self._room.clear()
                    await self._room.wait()
                return True
        return False

    def _push(self, data: memoryview) -> int:
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # nobody will read it any more

    def _writable(self) -> None:
        while self._typed:
            count = self._push(self._typed[0])
            self._typed_bytes -= count
            if count < len(self._typed[0]):
                self._typed[0] = self._typed[0][count:]
                break
            self._typed.popleft()
        else:
            self._loop.remove_writer(self._descriptor)
        self._room.set()

    def _stop_typing(self) -> None:
        self._typed.clear()
        self._typed_bytes = 0
        self._room.set()
        if self._descriptor >= 0:
            self._loop.remove_writer(self._descriptor)


class Viewer:
    """One who watches, and perhaps types. `messages` is what to send, `receive` takes what came; both are for one task
    each."""

    def __init__(self, terminal: Terminal, *, after: int | None, acks: bool, writes: bool) -> None:
        self.terminal = terminal
        self.writes = writes
        self.size: tuple[int, int] | None = None
        #: The offset after the last byte that was handed out; where the first one begins, at first.
        self.offset = after if after is not None else 0
        self._skip = after is None and terminal.ring.end > TAIL
        self._acked: int | None = self.offset if acks else None
        self._wake = asyncio.Event()
        self._resized = False
        self._failures: deque[Failure] = deque(maxlen=16)
        self._next_at = 0.0  # loop time before which a short frame waits, in a flood
        terminal.viewers.add(self)

    async def messages(self) -> AsyncIterator[bytes | Attached | Lag | Resized | Exit | Failure]:
        """Everything this viewer is to be sent, in order: bytes as they are, the rest as JSON. Ends after Exit."""
        terminal, ring = self.terminal, self.terminal.ring
        yield Attached(terminal.id, self.offset, terminal.pid_inside, terminal.cols, terminal.rows)
        while not terminal.closed:
            self._wake.clear()
            while self._failures:
                yield self._failures.popleft()
            if self._resized:
                self._resized = False
                yield Resized(terminal.cols, terminal.rows)
            if self._skip or (self.offset < ring.start and self._may_be_sent(1)):
                async for message in self._catch_up():
                    yield message
            ready = self.offset + self._may_be_sent(min(ring.end - self.offset, CHUNK))
            if ready > self.offset:
                wait = self._next_at - terminal._loop.time()
                if 0 < wait <= _PAUSE and ready - self.offset < _FULL and terminal.exit is None:
                    await asyncio.sleep(wait)
                    continue
                data = ring.slice(self.offset, ready)
                self.offset = ready
                self._next_at = terminal._loop.time() + _PAUSE if len(data) > _BURST else 0.0
                yield data
            elif terminal.exit is not None and self.offset == ring.end:
                yield Exit(**terminal.exit)
                return
            else:
                await self._wake.wait()
        if terminal.exit is not None:
            yield Exit(**terminal.exit)

    def _may_be_sent(self, count: int) -> int:
        """How many of `count` bytes, as far as acknowledgements go."""
        return count if self._acked is None else min(count, self._acked + WINDOW - self.offset)

    async def _catch_up(self) -> AsyncIterator[bytes | Lag]:
        """Leave out what is gone. `Lag.to` lies so far before the tail as the reset is long: who counts bytes stays
        right."""
        self._skip = False
        begin = self.terminal.tail()
        reset = self.terminal.restore(begin)
        lag = Lag(self.offset, begin - len(reset))
        self.offset = begin
        if self._acked is not None:
            self._acked = begin - len(reset)
        yield lag
        yield reset

    async def receive(self, frame: bytes | str) -> None:
        """Take a frame: bytes are typed, text is Resize, Ack or Signal. BadFrame where it breaks the protocol."""
        if isinstance(frame, bytes):
            await self._type(frame)
            return
        match parse(frame):
            case Ack(offset):
                self._ack(offset)
            case Resize(cols, rows) if self.writes:
                await self.prefer(cols, rows)
            case Signal(name) if self.writes:
                await self.terminal.signal(name)
            case _:
                self._fail("read_only", "This viewer may only watch.")

    async def prefer(self, cols: int, rows: int) -> None:
        """The size of this viewer's screen: the terminal's from now if nobody else typed last, else once this one types."""
        self.size = cols, rows
        if self.writes and self.terminal.typist in (None, self):
            await self.terminal.resize(cols, rows)

    def wake(self) -> None:
        self._wake.set()

    def tell_size(self) -> None:
        self._resized = True
        self._wake.set()

    def leave(self) -> None:
        """Stop watching. The terminal goes on."""
        self.terminal.viewers.discard(self)
        if self.terminal.typist is self:
            self.terminal.typist = None

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    async def _type(self, data: bytes) -> None:
        if not self.writes:
            self._fail("read_only", "This viewer may only watch.")
            return
        if len(data) > INPUT_FRAME:
            raise BadFrame(f"a frame of input has {INPUT_FRAME} bytes at most")
        terminal = self.terminal
        terminal.typist = self
        if self.size is not None and self.size != (terminal.cols, terminal.rows):
            await terminal.resize(*self.size)
        try:
            await terminal.write(data)
        except InputFull as full:
            self._fail("input_full", str(full.__doc__))

    def _ack(self, offset: int) -> None:
        if self._acked is None:
            return
        if offset > self.offset:
            raise BadFrame(f"offset {offset} was not sent yet: {self.offset} is the last")
        if offset > self._acked:
            self._acked = offset
            self._wake.set()

    def _fail(self, code: str, message: str) -> None:
        self._failures.append(Failure(code, message))
        self._wake.set()
