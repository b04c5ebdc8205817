"""Files through a running server: the tree of 10,000 entries against `find -printf`, 1,000 files read and written by 8
keep-alive clients against 8 parallel shell loops of one process a file (`cat`, and `dd` that brings each to the disk, as a write
here does), search against `rg --json`."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop

from backend.workbench.files.search import engine
from tests.bench.harness import finish, median, say
from tests.server import Server

FOLDERS, FILES = 100, 99
"""10,000 entries: each folder with its files."""
MANY = 1000
CLIENTS = 8
ROUNDS = 11
CONTENT = "def answer() -> int:\n    return 42\n" * 30


class Client(asyncio.Protocol):
    """One keep-alive connection that sends its requests one after the other."""

    def __init__(self, requests: Sequence[bytes], done: Callable[[], None]) -> None:
        self.requests = iter(requests)
        self.done = done
        self.left = 0
        self.head = b""
        self.size = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.go_on()

    def go_on(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            self.done()
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self.left == 0:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.head[:end].lower()
            assert head.startswith(b"http/1.1 200"), self.head[:500]
            self.size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            self.left = self.size - (len(self.head) - end - 4)
            self.head = b""
        else:
            self.left -= len(data)
        if self.left == 0:
            self.go_on()


def request(server: Server, path: str, body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    head = (
        f"POST /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def answered(server: Server, lists: Sequence[Sequence[bytes]]) -> float:
    """Seconds until every client has the last answer; connections are made before."""

    async def go() -> float:
        loop = asyncio.get_running_loop()
        finished = asyncio.Event()
        left = len(lists)

        def done() -> None:
            nonlocal left
            left -= 1
            if not left:
                finished.set()

        started = time.perf_counter()
        for requests in lists:
            await loop.create_connection(lambda requests=requests: Client(requests, done), "127.0.0.1", server.port)
        await finished.wait()
        return time.perf_counter() - started

    return uvloop.run(go())


def run(*commands: list[str], cwd: Path) -> float:
    """Seconds until all of these, started together, have ended."""
    started = time.perf_counter()
    running = [subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE) for command in commands]
    for process in running:
        process.communicate()
    return time.perf_counter() - started


def loops(script: str, names: Sequence[str]) -> list[list[str]]:
    """8 shells, each with its share of the names."""
    return [["sh", "-c", f'for f in "$@"; do {script}; done', "sh", *names[n::CLIENTS]] for n in range(CLIENTS)]


def compare(ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    """Medians of both, taken in turn so that both meet the same machine."""
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    return median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])


def main() -> None:
    with Server() as server, tempfile.TemporaryDirectory() as scratch:
        session = server.ask("POST", "/workspace", {"name": "files"})["default_session_id"]
        work = server.data / "sessions" / session / "workspace"
        names = [f"many/{n}.py" for n in range(MANY)]
        url = f"/workspace/{session}"
        fill(work)
        (work / "many").mkdir()
        for name in names:
            (work / name).write_text(CONTENT)
        (Path(scratch) / "source").write_text(CONTENT)
        tree = [[request(server, f"{url}/file-tree", {"path": "tree", "depth": 9})]]
        found = [[request(server, f"{url}/search", {"query": "needle", "case_sensitive": True, "limit": 5000})]]
        reads = [request(server, f"{url}/filesystem", {"op": "read", "path": name}) for name in names]
        writes = [
            request(server, f"{url}/filesystem", {"op": "write", "path": name, "content": CONTENT}) for name in names
        ]
        listed = ["find", "tree", "-printf", "%f\\t%P\\t%y\\t%s\\t%T@\\n"]  # the same fields
        searched = [engine(), "--json", "--hidden", "-F", "-e", "needle", "."]
        copies = Path(scratch) / "many"
        copies.mkdir()
        pairs = {
            "tree": (lambda: answered(server, tree), lambda: run(listed, cwd=work)),
            "search": (lambda: answered(server, found), lambda: run(searched, cwd=work)),
            "read": (
                lambda: answered(server, [reads[n::CLIENTS] for n in range(CLIENTS)]),
                lambda: run(*loops('cat "$f" > /dev/null', names), cwd=work),
            ),
            "write": (
                lambda: answered(server, [writes[n::CLIENTS] for n in range(CLIENTS)]),
                lambda: run(*loops('dd if=source of="$f" conv=fsync status=none', names), cwd=Path(scratch)),
            ),
        }
        results = {}
        for name, (ours, theirs) in pairs.items():
            ours(), theirs()
            results[name] = compare(ours, theirs)
            say(f"{name}: ours {results[name][0] * 1000:.1f} ms, against {results[name][1] * 1000:.1f} ms")
        shutil.rmtree(copies)
    finish(
        "files",
        {f"{name}_ms": round(result[0] * 1000, 1) for name, result in results.items()},
        {f"{name}_ms": round(result[1] * 1000, 1) for name, result in results.items()}
        | {"what": "find -printf, rg --json, 8 shell loops of one cat or dd conv=fsync a file"},
        {name: result[0] / result[1] for name, result in results.items()},
        dict.fromkeys(results, ("<=", 1.5)),
    )


def fill(work: Path) -> None:
    for folder in range(FOLDERS):
        (work / "tree" / f"folder{folder}").mkdir(parents=True)
        for file in range(FILES):
            text = CONTENT + ("a needle\n" if (folder * FILES + file) % 20 == 0 else "")
            (work / "tree" / f"folder{folder}" / f"file{file}.py").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
