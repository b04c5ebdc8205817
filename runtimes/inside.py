"""Programs inside of what a driver runs: the engine's stream of a terminal or of a program without one, and what can be done
to the program behind it."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any, Final, Self

from runtimes.engine import EngineAway, demultiplexed
from runtimes.processes import pid_inside
from runtimes.spec import CanExec, Runtime, RuntimeFailed, State
from runtimes.terminal import Control


class Inside(Control):
    """The control of a stream that `exec_tty` made, found again by its notes."""

    def __init__(self, driver: CanExec, notes: State) -> None:
        self._driver = driver
        self._notes = notes

    async def resize(self, cols: int, rows: int) -> None:
        with contextlib.suppress(EngineAway):
            await self._driver.exec_resize(self._notes, cols, rows)

    async def signal(self, name: str) -> None:
        with contextlib.suppress(EngineAway):
            await self._driver.exec_signal(self._notes, name)

    async def status(self) -> dict[str, Any] | None:
        try:
            code = await self._driver.exec_status(self._notes)
        except EngineAway:
            return {"signal": "SIGHUP"}  # its container goes with the engine
        return None if code is None else {"code": code}

    async def end(self) -> None:
        for name in ("SIGHUP", "SIGKILL"):
            await self.signal(name)


def control_for(driver: Runtime | None, labels: dict[str, Any]) -> Control:
    """The control of a stream that the keeper kept, by the labels it was given."""
    notes = labels.get("exec")
    return Inside(driver, notes) if isinstance(driver, CanExec) and notes else Control()


async def shell_in(driver: CanExec, state: State) -> str:
    """bash where there is one, else sh. Raises RuntimeFailed where the image has neither."""
    try:
        code, said = await driver.run(state, ["/bin/sh", "-c", "command -v bash || command -v sh"], timeout=10)
    except RuntimeFailed as error:
        if error.code != "command_not_found":
            raise
        code, said = 127, b""
    shell = said.decode("utf-8", "replace").strip().splitlines()[:1]
    if code != 0 or not shell or not shell[0].startswith("/"):
        raise RuntimeFailed(
            "no_shell",
            "This image has no shell.",
            "Its log and metrics are there; a shell needs an image with /bin/sh.",
        )
    return shell[0]


async def pid_in(driver: CanExec, notes: State) -> int | None:
    """What a program that was started inside is called there; None where that cannot be told."""
    with contextlib.suppress(EngineAway):
        if (pid := await driver.exec_pid(notes)) is not None:
            return pid_inside(pid)
    return None


_PIECE: Final = 256 << 10
_PIECES: Final = 16


class Piped:
    """A program inside that is talked to by its standard streams. Whoever has it reads both of its outputs: the engine sends
    them on one connection, so one that is not read holds up the other."""

    def __init__(
        self, driver: CanExec, notes: State, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._driver = driver
        self._notes = notes
        self._reader, self._writer = reader, writer
        self._said: dict[str, asyncio.Queue[bytes]] = {name: asyncio.Queue(_PIECES) for name in ("stdout", "stderr")}
        self._ended = asyncio.Event()
        self._killed: asyncio.Task[None] | None = None
        self._sorter = asyncio.create_task(self._sort(), name="the streams of a program inside")
        self.pid: int | None = None
        """Its number where this server runs, once `known` has asked for it."""

    @classmethod
    async def start(cls, driver: CanExec, state: State, argv: list[str], *, cwd: str, env: dict[str, str]) -> Self:
        """Raises RuntimeFailed, EngineAway."""
        descriptor, notes = await driver.exec_pipes(state, argv, cwd=cwd, env=env)
        reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor), limit=4 * _PIECE)
        return cls(driver, notes, reader, writer)

    async def known(self) -> int | None:
        if self.pid is None:
            with contextlib.suppress(EngineAway):
                self.pid = await self._driver.exec_pid(self._notes)
        return self.pid

    def write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    def unwritten(self) -> int:
        return self._writer.transport.get_write_buffer_size()

    async def read(self) -> bytes:
        """Some of its standard output; empty at the end."""
        return await self._next("stdout")

    async def read_errors(self) -> bytes:
        """Some of its standard error; empty at the end."""
        return await self._next("stderr")

    async def wait(self) -> int:
        """Its exit code. One that cannot be asked for any more counts as killed."""
        await self._ended.wait()
        with contextlib.suppress(EngineAway):
            for _ in range(20):  # the engine closes the stream a moment before it knows
                if (code := await self._driver.exec_status(self._notes)) is not None:
                    return code
                await asyncio.sleep(0.05)
        return -9

    def kill(self) -> None:
        """It and what it started, at once. No error once it is gone."""
        if self._killed is None:
            self._killed = asyncio.create_task(self._end())

    async def _end(self) -> None:
        with contextlib.suppress(EngineAway):
            await self._driver.exec_signal(self._notes, "SIGKILL")
        self._writer.close()
        self._sorter.cancel()

    async def _next(self, name: str) -> bytes:
        queue = self._said[name]
        piece = await queue.get()
        if not piece:
            queue.put_nowait(b"")  # for whoever asks again
        return piece

    async def _sort(self) -> None:
        try:
            async for stream, piece in demultiplexed(self._pieces()):
                await self._said[stream].put(piece)
            for queue in self._said.values():
                await queue.put(b"")
        finally:
            self._ended.set()
            self._writer.close()

    async def _pieces(self) -> AsyncIterator[bytes]:
        with contextlib.suppress(OSError):
            while piece := await self._reader.read(_PIECE):
                yield piece


async def programs_in(driver: CanExec, state: State, names: list[str]) -> tuple[str, dict[str, str]]:
    """The PATH inside, with where people install things for themselves in front, and where on it those of `names` are that are
    there."""
    look = (
        'PATH="$HOME/.local/bin:$HOME/go/bin:$HOME/.cargo/bin:$PATH"; echo "$PATH"; '
        'for name; do at=$(command -v -- "$name") && echo "$name $at"; done; true'
    )
    _, said = await driver.run(state, ["/bin/sh", "-c", look, "sh", *names], timeout=10)
    path, *found = said.decode("utf-8", "replace").splitlines() or [""]
    return path, {name: at for name, _, at in (line.partition(" ") for line in found) if at.startswith("/")}
