"""Terminals for the benchmarks, ours and the peer's (jupyter_server with terminado), behind one interface."""

import asyncio
import contextlib
import gc
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.bench.harness import say
from tests.bench.wire import Wire, connect
from tests.server import Server

PEER = ["jupyter_server==2.21.1", "terminado==0.18.1"]
ACK_EVERY = 256 << 10
_LINE = 60  # keys


class Ours:
    """A viewer of one of our terminals; acknowledges what it is sent."""

    def __init__(self, socket: Wire) -> None:
        self.socket = socket
        self.terminal_id = ""
        self.offset = self.acknowledged = 0

    async def type(self, text: str) -> None:
        await self.socket.send(text.encode())

    async def output(self) -> bytes:
        """The next piece of output."""
        while True:
            frame = await self.socket.receive()
            if isinstance(frame, bytes):
                self.offset += len(frame)
                if self.offset - self.acknowledged >= ACK_EVERY:
                    self.acknowledged = self.offset
                    await self.socket.send(json.dumps({"type": "ack", "offset": self.offset}))
                return frame
            told = json.loads(frame)
            if told["type"] == "attached":
                self.terminal_id, self.offset = told["terminal_id"], told["offset"]
                self.acknowledged = self.offset
            elif told["type"] == "lag":
                raise AssertionError(f"a viewer that acknowledges fell behind: {told}")


class Theirs:
    """A terminado terminal's socket: JSON lists of a kind and a text."""

    def __init__(self, socket: Wire) -> None:
        self.socket = socket

    async def type(self, text: str) -> None:
        await self.socket.send(json.dumps(["stdin", text]))

    async def output(self) -> bytes:
        while True:
            kind, *rest = json.loads(await self.socket.receive())
            if kind == "stdout":
                return str(rest[0]).encode()


Shell = Ours | Theirs


@contextlib.asynccontextmanager
async def ours(server: Server, session_id: str, **query: str | int) -> AsyncIterator[Ours]:
    rest = "".join(f"&{name}={value}" for name, value in query.items())
    address = f"{server.socket_url}/ws/terminal?session_id={session_id}{rest}"
    headers = {"Authorization": f"Bearer {server.key}"}
    async with connect(address, headers) as socket:
        yield Ours(socket)


def session_of(server: Server, name: str = "bench") -> str:
    """The default session of a new workspace, ready."""
    session_id: str = server.ask("POST", "/workspace", {"name": name})["default_session_id"]
    while server.ask("GET", f"/sessions/{session_id}")["status"] == "starting":
        time.sleep(0.05)
    return session_id


class Jupyter:
    """jupyter_server on a free port, installed once into a folder of its own."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(16)
        self.port = 0

    def __enter__(self) -> "Jupyter":
        home = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "codeyard-bench" / "jupyter"
        python = home / "bin" / "python"
        if not (home / "installed").exists():
            say(f"installing {' and '.join(PEER)} into {home}")
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", *PEER], check=True)
            (home / "installed").touch()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [str(python), "-m", "jupyter_server", "--no-browser", "--allow-root", f"--ServerApp.port={self.port}",
             "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={self.token}", "--ServerApp.root_dir=/tmp",
             "--ServerApp.terminado_settings={'shell_command': ['/bin/bash']}", "--ServerApp.log_level=ERROR"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"JUPYTER_CONFIG_DIR": str(home / "config")},
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                self._ask("GET", "/api/status")
                return self
            time.sleep(0.2)
        raise AssertionError("jupyter_server did not start")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            body: bytes = answer.read()
            return body

    @contextlib.asynccontextmanager
    async def shell(self) -> AsyncIterator[Theirs]:
        name = json.loads(await asyncio.to_thread(self._ask, "POST", "/api/terminals"))["name"]
        address = f"ws://127.0.0.1:{self.port}/terminals/websocket/{name}?token={self.token}"
        async with connect(address) as socket:
            yield Theirs(socket)


async def settle(shell: Shell, seconds: float = 0.3) -> None:
    """Reads until nothing more has come for that long."""
    with contextlib.suppress(TimeoutError):
        while True:
            await asyncio.wait_for(shell.output(), seconds)


async def sees(shell: Shell, text: bytes) -> None:
    seen = b""
    while text not in seen:
        seen = seen[-1000:] + await shell.output()


async def start_cat(shell: Shell) -> None:
    """`cat` instead of the shell: the kernel echoes each key. Nothing of the start is left to be read."""
    await shell.type("exec cat\n")
    await sees(shell, b"exec cat")
    await shell.type("ready\n")
    seen = b""
    while seen.count(b"ready") < 2:  # the echo of the line, and cat's
        seen += await shell.output()
    await settle(shell)


async def echoes(shell: Shell, count: int, *, pause: float, seed: int = 0) -> list[float]:
    """Milliseconds from a key to its echo, `count` times; `cat` runs there. `pause` is the mean time between keys."""
    times = []
    dice = random.Random(seed)
    await asyncio.sleep(pause * dice.random())
    for number in range(1, count + 1):
        started = time.perf_counter()
        await shell.type("x")
        while b"x" not in await shell.output():
            pass  # the end of the line before
        times.append((time.perf_counter() - started) * 1000)
        if number % _LINE == 0 or number == count:
            await _end_line(shell, number % _LINE or _LINE)
        await asyncio.sleep(pause * dice.uniform(0.5, 1.5))
    return times


async def _end_line(shell: Shell, length: int) -> None:
    """The kernel keeps 4,095 characters of a line: ends it before, and reads how `cat` says it again."""
    await shell.type("\n")
    said = b""
    while said.count(b"x") < length:
        said += await shell.output()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps this client's own pauses out of the measurement: its garbage collector's and, where root runs it, those of waiting
    for a processor. The servers keep theirs."""
    gc.collect()
    gc.disable()
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)
        gc.enable()
