"""How a language server's process is started and spoken to: here, unless whoever uses the library runs it elsewhere."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

_PIECE = 256 * 1024


class Process(Protocol):
    """A started server."""

    pid: int | None

    def write(self, data: bytes) -> None:
        """To its standard input, sooner or later. No error once it is gone."""
        ...

    def unwritten(self) -> int:
        """Bytes that it has not taken yet."""
        ...

    async def read(self) -> bytes:
        """Some of its standard output; empty at the end."""
        ...

    async def read_errors(self) -> bytes:
        """Some of its standard error; empty at the end."""
        ...

    async def wait(self) -> int:
        """Its exit code, once it has ended (negative: the signal that ended it)."""
        ...

    def kill(self) -> None:
        """It and what it started, at once. No error once it is gone."""
        ...

    async def memory(self) -> int | None:
        """Bytes (proportional set size) of it and all that it started; None where that is not known."""
        ...


Spawn = Callable[[Sequence[str], str, Mapping[str, str]], Awaitable[Process]]
"""(words, working directory, environment) → the process. Raises OSError where it cannot be started."""


async def spawn_here(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> Process:
    """On this machine, as this user, in a process group of its own."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, env=dict(env), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True, limit=4 * _PIECE
    )
    return _Here(process)


class _Here:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        self.pid: int | None = process.pid

    def write(self, data: bytes) -> None:
        if not self._stdin.is_closing():
            self._stdin.write(data)

    def unwritten(self) -> int:
        return self._stdin.transport.get_write_buffer_size()

    async def read(self) -> bytes:
        return await self._stdout.read(_PIECE)

    async def read_errors(self) -> bytes:
        return await self._stderr.read(_PIECE)

    async def wait(self) -> int:
        return await self._process.wait()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def memory(self) -> int | None:
        return await asyncio.to_thread(tree_pss, self._process.pid)


def tree_pss(pid: int) -> int | None:
    """Bytes of the process and its descendants; what several share counts once in the sum (proc(5), smaps_rollup).
    None without such a process, or off Linux."""
    children: dict[int, list[int]] = {}
    try:
        names = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return None
    for one in names:
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{one}/stat", "rb") as stat:
            children.setdefault(int(stat.read().rpartition(b")")[2].split()[1]), []).append(one)
    total, waiting = None, [pid]
    while waiting:
        one = waiting.pop()
        waiting += children.get(one, [])
        with contextlib.suppress(OSError), open(f"/proc/{one}/smaps_rollup", "rb") as rollup:
            for line in rollup:
                if line.startswith(b"Pss:"):
                    total = (total or 0) + int(line.split()[1]) * 1024
    return total
