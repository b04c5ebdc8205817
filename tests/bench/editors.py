"""Editors for the benchmarks of language servers: at our socket, at a peer's, and at a server's own standard streams."""

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from lsp_bridge.capabilities import CLIENT
from lsp_bridge.catalog import BASEDPYRIGHT, LANGUAGES, RUFF, TY
from lsp_bridge.framing import TooLarge, Unframer, frame
from lsp_bridge.process import tree_pss
from tests.bench.wire import Wire, connect
from tests.server import Server

PACKAGE = Path(httpx.__file__).parent
FILE = "httpx/_models.py"
TEXT = (PACKAGE / "_models.py").read_text() + "\n\nresponse = Response(200)\nresponse.\n"
LINE = TEXT.count("\n") - 1
HOVER = {"line": LINE - 1, "character": 13}
COMPLETION = {"line": LINE, "character": 9}
SERVERS = (TY, RUFF)


CHECKERS = (TY, BASEDPYRIGHT)
_PROGRAMS = tuple(f"/{spec.command[0]}".encode() for spec in (*CHECKERS, RUFF))


def command(spec: Any) -> list[str]:
    found = shutil.which(spec.command[0], path=str(Path(sys.executable).parent))
    assert found, spec.name
    return [found, *spec.command[1:]]


class Stdio:
    """A language server's own streams, behind the interface of a socket."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.unframer = Unframer()
        self.bodies: deque[bytes | TooLarge] = deque()

    async def send(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(frame(text.encode()))

    async def receive(self) -> str:
        assert self.process.stdout is not None
        while not self.bodies:
            self.bodies += self.unframer.feed(await self.process.stdout.read(1 << 18))
        body = self.bodies.popleft()
        assert isinstance(body, bytes)
        return body.decode()


class Editor:
    """Asks one question at a time and waits for its answer; what else comes is answered with null, or skipped."""

    def __init__(self, socket: Wire | Stdio, root: str) -> None:
        self.socket = socket
        self.root = root
        self.number = 0

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps({"jsonrpc": "2.0"} | message))

    async def ask(self, method: str, params: Any) -> str:
        """The answer as it came."""
        self.number += 1
        await self.send(id=self.number, method=method, params=params)
        mark, other = f'"id":{self.number},', f'"id":{self.number}}}'
        while True:
            text = str(await self.socket.receive())
            if '"method":' in text[:200]:
                message = json.loads(text)
                if "id" in message:
                    items = message["params"].get("items") if message.get("params") else None
                    await self.send(id=message["id"], result=[None] * len(items) if items else None)
            elif mark in text[:60].replace(" ", "") or text.replace(" ", "").endswith(other):
                assert '"error"' not in text[:100], text[:300]
                return text

    async def start(self) -> None:
        uri = f"file://{self.root}"
        folders = [{"uri": uri, "name": "workspace"}]
        params = {"processId": None, "rootUri": uri, "capabilities": CLIENT, "workspaceFolders": folders}
        await self.ask("initialize", params)
        await self.send(method="initialized", params={})
        item = {"uri": f"{uri}/{FILE}", "languageId": "python", "version": 1, "text": TEXT}
        await self.send(method="textDocument/didOpen", params={"textDocument": item})

    async def at(self, what: str, position: dict[str, int]) -> str:
        about = {"textDocument": {"uri": f"file://{self.root}/{FILE}"}, "position": position}
        return await self.ask(f"textDocument/{what}", about)


@contextlib.asynccontextmanager
async def stdio(root: Path, spec: Any = TY) -> AsyncIterator[Editor]:
    """A server of its own."""
    pipe = asyncio.subprocess.PIPE
    quiet = asyncio.subprocess.DEVNULL
    words = command(spec)
    process = await asyncio.create_subprocess_exec(
        *words, cwd=root, stdin=pipe, stdout=pipe, stderr=quiet, limit=1 << 20
    )
    try:
        yield Editor(Stdio(process), str(root))
    finally:
        process.kill()
        await process.wait()


@contextlib.asynccontextmanager
async def ours(server: Server, session_id: str) -> AsyncIterator[Editor]:
    """An editor that drops without a goodbye at the end."""
    url = f"{server.socket_url}/ws/lsp?session_id={session_id}&language=python"
    async with connect(url, {"Authorization": f"Bearer {server.key}"}) as socket:
        yield Editor(socket, "/workspace")


def session_of(server: Server, name: str, checker: Any = TY) -> tuple[str, Path]:
    """A session with a package's source in it that is checked by `checker`, and its folder."""
    session_id = server.ask("POST", "/workspace", {"name": name})["default_session_id"]
    root = server.data / "sessions" / session_id / "workspace"
    shutil.copytree(PACKAGE, root / "httpx", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "pyproject.toml").write_text(f"[tool.{checker.name}]\n")
    return session_id, root


def servers_of(pid: int) -> int:
    """Bytes of all Python language servers below a process."""
    total = 0
    for one in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int(Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[1])
            words = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")[:2]  # of a script the second is its name
            if parent == pid and any(word.endswith(_PROGRAMS) for word in words):
                total += tree_pss(int(one)) or 0
    return total


assert [role[0].name for role in LANGUAGES["python"].servers] == [one.name for one in SERVERS]
