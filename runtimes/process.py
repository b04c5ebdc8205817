"""Services as processes of the server's own user, for one trusted person without a container engine.

Each has a folder under the driver's own and a small supervisor (`runtimes/supervise.py`), so it lives on when the server is
restarted. There are no images, networks, limits or volumes: what needs one is refused with a word of what is missing.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from typing import Final
from urllib.parse import quote

from runtimes import supervise
from runtimes.processes import processes
from runtimes.spec import Found, LogChunk, RuntimeFailed, Sample, Spec, State, Status, Tell

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Process:
    """A driver; `directory` is its own. Keeps nothing but that folder."""

    name = "process"

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._one_at_a_time = asyncio.Lock()

    async def start(self, spec: Spec, tell: Tell) -> State:
        if spec.image or spec.build is not None:
            raise RuntimeFailed(
                "needs_engine",
                f"{spec.name} runs in an image, and no Docker engine answers here.",
                "Install and start Docker on this machine; `codeyard doctor` says what it finds.",
            )
        if not spec.command:
            raise RuntimeFailed(
                "no_command", f"{spec.name} says no command.", "Give it `command`, or `x-codeyard.start`."
            )
        state = self.handle(spec.group, spec.name)
        folder = state["folder"]
        async with self._one_at_a_time:
            found = await self.poll(state)
            if found is None or not found.running:
                await asyncio.to_thread(_prepare, folder, spec)
                tell("starting")
                await _launch(folder)
        if spec.install:
            tell("installing")
        await self._begun(folder)
        return state

    def handle(self, group: str, name: str) -> State:
        return {"folder": os.path.join(self.directory, quote(group, safe=""), quote(name, safe=""))}

    async def poll(self, state: State) -> Status | None:
        return await asyncio.to_thread(_look, state["folder"])

    async def stop(self, state: State, *, grace: float | None = None) -> None:
        folder = state["folder"]
        end = time.monotonic() + (_grace(folder) if grace is None else grace)
        if (found := _alive(folder)) is not None:
            os.kill(found[0], signal.SIGTERM)  # the supervisor hands it on
        while (found := _alive(folder)) is not None:
            if time.monotonic() >= end:
                _kill(*found)
            await asyncio.sleep(0.02)
        await asyncio.to_thread(shutil.rmtree, folder, True)

    async def address(self, state: State, port: int) -> tuple[str, int] | None:
        found = await self.poll(state)
        return ("127.0.0.1", port) if found is not None and found.running else None

    async def logs(self, state: State, *, since: Mapping[str, str], follow: bool) -> AsyncIterator[LogChunk]:
        old, new = os.path.join(state["folder"], "log.old"), os.path.join(state["folder"], "log")
        for name in (old, new):
            async for chunk in _read(name, since, follow and name == new, state["folder"]):
                yield chunk

    async def measure(self, state: State) -> AsyncIterator[Sample]:
        while (found := _alive(state["folder"])) is not None:
            yield await asyncio.to_thread(_use, found[0])
            await asyncio.sleep(1)

    async def everything(self) -> list[Found]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for group in os.scandir(self.directory):
                for service in os.scandir(group.path):
                    running = _alive(service.path) is not None
                    state = {"folder": service.path}
                    found.append(Found(group=group.name, name=service.name, state=state, running=running))
        return found

    async def remove_group(self, group: str) -> None:
        await self.put_away(group)
        await asyncio.to_thread(shutil.rmtree, os.path.join(self.directory, quote(group, safe="")), True)

    async def put_away(self, group: str) -> None:
        mine = [found for found in await self.everything() if found.group == quote(group, safe="")]
        await asyncio.gather(*(self.stop(found.state, grace=1.0) for found in mine))

    def close(self) -> None:
        """Nothing to let go of."""

    async def _begun(self, folder: str) -> None:
        """Until the program itself runs. Raises RuntimeFailed where its install line failed."""
        while True:
            alive = _alive(folder) is not None  # before its files: it writes them before it ends
            if os.path.exists(os.path.join(folder, "install_failed")):
                log = _read(os.path.join(folder, "log"), {}, False, folder)
                said = [line[31:] async for chunk in log for line in chunk.lines.split(b"\n")]  # without its moment
                raise RuntimeFailed(
                    "install_failed",
                    "The install command failed: " + b"\n".join(said)[-600:].decode("utf-8", "replace").strip(),
                    "Its log has all of it; change `install` under `x-codeyard`, or what it installs.",
                )
            if os.path.exists(os.path.join(folder, "installed")):
                return
            if not alive:
                raise RuntimeFailed("stopped", "It was stopped while it installed.")
            await asyncio.sleep(0.05)


def _prepare(folder: str, spec: Spec) -> None:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for name in ("pid", "exit", "install_failed"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))
    here = next((mount.root for mount in spec.mounts if mount.kind == "bind"), folder)
    words = {
        "install": spec.install,
        "argv": [*(spec.entrypoint or []), *(spec.command or [])],
        "cwd": here,
        "grace": spec.stop_grace,
        "env": {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | spec.environment,
    }
    descriptor = os.open(os.path.join(folder, "spec.json"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        json.dump(words, file)


def _grace(folder: str) -> float:
    """Seconds that its spec gives it; none where it was never started."""
    with contextlib.suppress(OSError, ValueError, KeyError), open(os.path.join(folder, "spec.json")) as file:
        return float(json.load(file)["grace"])
    return 0.0


async def _launch(folder: str) -> None:
    """Returns once the supervisor is on its own; it is no child of ours."""
    program = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", supervise.__file__, folder)
    await program.wait()


def _look(folder: str) -> Status | None:
    if not os.path.isdir(folder):
        return None
    with contextlib.suppress(FileNotFoundError):
        with open(os.path.join(folder, "exit")) as file:
            found = json.load(file)
        return Status(running=False, exit_code=found["code"], finished_at=found["at"])
    if _alive(folder) is None:
        return Status(running=False, exit_code=None, error="its supervisor was killed")
    return Status(running=True, started_at=os.stat(os.path.join(folder, "spec.json")).st_mtime)


def _alive(folder: str) -> tuple[int, int] | None:
    """Supervisor and program (0: none yet, or none any more). The former is looked at: process ids are used again."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        with open(os.path.join(folder, "pid")) as file:
            supervisor, program = (int(word) for word in file.read().split())
        with open(f"/proc/{supervisor}/cmdline", "rb") as file:
            if os.fsencode(folder) in file.read().split(b"\0"):
                return supervisor, program
    return None


def _kill(supervisor: int, program: int) -> None:
    """The program and its group; the supervisor too where it has none and so would start it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if program:
            os.killpg(program, signal.SIGKILL)
        else:
            os.kill(supervisor, signal.SIGKILL)


async def _read(name: str, since: Mapping[str, str], follow: bool, folder: str) -> AsyncIterator[LogChunk]:
    rest, inode, file = b"", 0, None
    try:
        while True:
            ended = _alive(folder) is None
            if file is None:
                with contextlib.suppress(FileNotFoundError):
                    file = open(name, "rb", buffering=0)  # noqa: SIM115 - open over many turns
                    inode = os.fstat(file.fileno()).st_ino
            data = file.read(1 << 18) if file is not None else b""
            *whole, rest = (rest + (data or b"")).split(b"\n")
            for stream, mark in (("stdout", b"1 "), ("stderr", b"2 ")):
                seen = since.get(stream, "").encode()
                mine = [line[2:] for line in whole if line.startswith(mark) and line[2:32] > seen]
                if mine:
                    yield LogChunk(stream=stream, lines=b"\n".join(mine) + b"\n")  # type: ignore[arg-type]
            if data:
                continue
            if not follow or ended:
                return
            with contextlib.suppress(FileNotFoundError):
                if file is not None and os.stat(name).st_ino != inode:
                    file.close()
                    file = None
            await asyncio.sleep(0.1)
    finally:
        if file is not None:
            file.close()


def _use(supervisor: int) -> Sample:
    """Of the supervisor and all that came from it (proc(5))."""
    parents, _ = processes()
    children: dict[int, list[int]] = {}
    for pid, above in parents.items():
        children.setdefault(above, []).append(pid)
    cpu, memory, count, todo = 0.0, 0, 0, [supervisor]
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        with contextlib.suppress(OSError, IndexError, ValueError):
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            cpu += (int(fields[11]) + int(fields[12])) / _TICK
            memory += int(fields[21]) * _PAGE
            count += 1
    return Sample(at=time.time(), cpu_seconds=cpu, memory=memory, pids=count)
