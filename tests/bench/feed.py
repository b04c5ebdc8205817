"""A fact from its commit until the last of 100 open pages has it, over /ws/events: against a bare Litestar socket in a process of
its own that listens to the same database, reads the same row and sends the same text to 100 sockets."""

import asyncio
import contextlib
import json
import multiprocessing
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import uvicorn
import uvloop
from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from backend.core.live import CHANNEL
from tests.bench.harness import finish, percentile, say
from tests.bench.wire import Wire, connect
from tests.server import Server

FOLLOWERS = 100
FACTS = 50  # in a round
ROUNDS = 4
PAUSE = 0.05  # seconds between two
_WRITE = "INSERT INTO events (organization_id, name, data) VALUES ($1, 'member.left', $2)"
_READ = "SELECT id, name, organization_id, data::text, created_at FROM events WHERE id > $1 ORDER BY id"


def peer(dsn: str, pipe: Any) -> None:
    """The bare socket; says its port through `pipe`."""

    async def serve() -> None:
        sockets: set[WebSocket[Any, Any, Any]] = set()
        pool = await asyncpg.create_pool(dsn, min_size=1, max_size=1)
        listening = await asyncpg.connect(dsn)
        rung = asyncio.Event()

        async def tell() -> None:
            last = await pool.fetchval("SELECT coalesce(max(id), 0) FROM events")
            while True:
                await rung.wait()
                rung.clear()
                for row in await pool.fetch(_READ, last):
                    last = row["id"]
                    text = json.dumps(dict(row) | {"data": json.loads(row["data"])}, default=str)
                    for socket in sockets:
                        await socket.send_text(text)

        @websocket("/")
        async def follow(socket: WebSocket[Any, Any, Any]) -> None:
            await socket.accept()
            sockets.add(socket)
            with contextlib.suppress(WebSocketDisconnect):
                await socket.receive_data("text")
            sockets.discard(socket)

        await listening.add_listener(CHANNEL, lambda *_: rung.set())
        app = Litestar([follow], openapi_config=None, logging_config=None)
        config = uvicorn.Config(app, port=0, ws="websockets-sansio", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        tasks = [asyncio.create_task(server.serve()), asyncio.create_task(tell())]
        while not server.started:
            await asyncio.sleep(0.01)
        pipe.send(server.servers[0].sockets[0].getsockname()[1])
        await asyncio.gather(*tasks)

    uvloop.run(serve())


@contextlib.asynccontextmanager
async def followers(url: str, headers: dict[str, str]) -> AsyncIterator[list[Wire]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(connect(url, headers)) for _ in range(FOLLOWERS)]


async def measure(dsn: str, organization_id: str, url: str, headers: dict[str, str]) -> list[float]:
    """Milliseconds until the last follower had each fact."""
    times = []
    database = await asyncpg.connect(dsn)
    async with followers(url, headers) as wires:
        await asyncio.sleep(0.5)
        for number in range(FACTS):
            async with database.transaction():
                await database.execute(_WRITE, organization_id, json.dumps({"number": number}))
                await database.execute("SELECT pg_notify($1, 'events')", CHANNEL)
            started = time.perf_counter()
            told = await asyncio.gather(*(wire.receive() for wire in wires))
            times.append((time.perf_counter() - started) * 1000)
            assert all(json.loads(text)["data"] == {"number": number} for text in told), told
            await asyncio.sleep(PAUSE)
    await database.close()
    return times


def main() -> None:
    found: dict[str, list[float]] = {"ours": [], "bare": []}
    with Server() as server:
        mine, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=peer, args=(server.dsn(), theirs), daemon=True)
        process.start()
        bare = f"ws://127.0.0.1:{mine.recv()}/"
        for number in range(ROUNDS):
            for name, url, headers in (
                ("ours", f"{server.socket_url}/ws/events", {"Authorization": f"Bearer {server.key}"}),
                ("bare", bare, {}),
            ):
                found[name] += uvloop.run(measure(server.dsn(), server.organization_id, url, headers))
                say(f"round {number + 1}, {name}: p50 {percentile(found[name], 0.5):.1f} ms")
        process.terminate()
        process.join()
    p50 = {name: percentile(times, 0.5) for name, times in found.items()}
    finish(
        "feed",
        {"p50_ms": round(p50["ours"], 1), "p99_ms": round(percentile(found["ours"], 0.99), 1), "followers": FOLLOWERS},
        {"p50_ms": round(p50["bare"], 1), "p99_ms": round(percentile(found["bare"], 0.99), 1),
         "what": "a bare Litestar socket that listens, reads the row and sends it to as many"},
        {"p50": p50["ours"] / p50["bare"]},
        {"p50": ("<=", 3.0)},
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
