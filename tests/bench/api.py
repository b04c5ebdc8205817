"""GET of a workspace page of 50 rows by key: requests per second of one process, against a bare Litestar route that runs the
same statements straight through asyncpg and returns the same bytes. Also the idle memory of the server."""

import asyncio
import multiprocessing
import os
import sys
import time
from typing import Any

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get

from backend.core import crypto
from tests.bench.harness import finish, say
from tests.server import Server

CLIENTS = 16
SECONDS = 4.0
ROUNDS = 5


class Page(msgspec.Struct):
    items: list[dict[str, Any]]
    next_cursor: str | None


def peer(dsn: str, pipe: Any) -> None:
    """The bare route in a process of its own; says its port through `pipe`."""

    async def serve() -> None:
        pool = await asyncpg.create_pool(dsn, min_size=CLIENTS, max_size=CLIENTS)

        @get("/page")
        async def page(request: Request[Any, Any, Any]) -> Response[bytes]:
            secret = request.headers["authorization"].removeprefix("Bearer ")
            async with pool.acquire() as connection:
                key = await connection.fetchrow(
                    "SELECT id, organization_id, name, scopes, expires_at, last_used_at FROM api_keys"
                    " WHERE hash = $1 AND (expires_at IS NULL OR expires_at > now())",
                    crypto.digest(secret),
                )
                async with connection.transaction():
                    rows = await connection.fetch(
                        "SELECT id, organization_id, name, slug, description, default_session_id, idle_minutes,"
                        " created_at, updated_at FROM workspaces WHERE organization_id = ANY($1) AND deleted_at IS NULL"
                        " ORDER BY created_at, id LIMIT 51",
                        [key["organization_id"]],
                    )
            body = Page([dict(row) for row in rows[:50]], None)
            return Response(msgspec.json.encode(body), media_type="application/json")

        app = Litestar([page], openapi_config=None, logging_config=None)
        config = uvicorn.Config(app, port=0, loop="uvloop", http="httptools", log_level="error", access_log=False)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        pipe.send(server.servers[0].sockets[0].getsockname()[1])
        await task

    import uvloop

    uvloop.run(serve())


class Hammer(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it was answered."""

    def __init__(self, request: bytes, counts: list[int]) -> None:
        self.request, self.counts = request, counts
        self.left = 0
        self.head = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.left == 0:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.head[:end].lower()
            assert head.startswith(b"http/1.1 200"), head[:300]
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            self.left = length - (len(self.head) - end - 4)
            self.head = b""
        else:
            self.left -= len(data)
        if self.left == 0:
            self.counts[0] += 1
            self.transport.write(self.request)


def hammer(port: int, path: str, key: str, seconds: float) -> float:
    """Requests per second over `seconds` with `CLIENTS` connections."""

    async def go() -> float:
        counts = [0]
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        loop = asyncio.get_running_loop()
        opened = [
            await loop.create_connection(lambda: Hammer(request, counts), "127.0.0.1", port) for _ in range(CLIENTS)
        ]
        await asyncio.sleep(0.3)
        before, started = counts[0], time.perf_counter()
        await asyncio.sleep(seconds)
        rate = (counts[0] - before) / (time.perf_counter() - started)
        for transport, _ in opened:
            transport.abort()
        return rate

    import uvloop

    return uvloop.run(go())


def main() -> None:
    with Server() as server:
        time.sleep(2)
        idle = server.resident_mb()
        for n in range(60):
            server.ask("POST", "/workspace", {"name": f"workspace {n}"})
        dsn = server.dsn()
        ours_pipe, theirs_pipe = multiprocessing.Pipe()
        other = multiprocessing.get_context("spawn").Process(target=peer, args=(dsn, theirs_pipe), daemon=True)
        other.start()
        port = ours_pipe.recv()
        pid = server.process.pid if server.process else 0
        os.sched_setaffinity(pid, {0})
        os.sched_setaffinity(other.pid or 0, {0})
        os.sched_setaffinity(0, {1})
        ours, theirs = [], []
        for number in range(ROUNDS):
            ours.append(hammer(server.port, "/api/v1/workspace?limit=50", server.key, SECONDS))
            theirs.append(hammer(port, "/page", server.key, SECONDS))
            say(f"round {number + 1}: ours {ours[-1]:.0f}/s, bare {theirs[-1]:.0f}/s")
        other.terminate()
    ours_best, theirs_best = sorted(ours)[ROUNDS // 2], sorted(theirs)[ROUNDS // 2]
    finish(
        "api",
        {"requests_per_second": round(ours_best), "idle_mb": round(idle)},
        {"requests_per_second": round(theirs_best), "what": "bare Litestar route, same statements through asyncpg"},
        {"requests_per_second": ours_best / theirs_best, "idle_mb": idle / 200},
        {"requests_per_second": (">=", 0.5), "idle_mb": ("<=", 1.0)},
    )


if __name__ == "__main__":
    sys.exit(main())
