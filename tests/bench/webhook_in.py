"""Deliveries that GitHub would make. Their rate, each kept before it is answered, against a bare route that inserts the body and
nothing else; then a burst of 1,000 a second for ten seconds, a tenth of them twice, with the server killed in the middle: what
was answered 2xx is there, once. As a provider does, the sender sends again what was not answered."""

import asyncio
import hashlib
import hmac
import json
import multiprocessing
import os
import sys
import time
from typing import Any

import asyncpg
import uvicorn
import uvloop
from litestar import Litestar, Request, Response, post

from tests.bench.harness import finish, median, say
from tests.server import Server

SECRET = b"shared-between-us"
CONNECTIONS = 32
SECONDS = 4.0
ROUNDS = 3
BURST, RATE = 10, 1000


def peer(dsn: str, pipe: Any) -> None:
    """The bare route in a process of its own; says its port through `pipe`."""

    async def serve() -> None:
        pool = await asyncpg.create_pool(dsn, min_size=8, max_size=8)
        await pool.execute("CREATE TABLE bare (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), body bytea NOT NULL)")

        @post("/in", status_code=202)
        async def insert(request: Request[Any, Any, Any]) -> Response[bytes]:
            await pool.execute("INSERT INTO bare (body) VALUES ($1)", await request.body())
            return Response(b"{}", status_code=202, media_type="application/json")

        app = Litestar([insert], openapi_config=None, logging_config=None)
        config = uvicorn.Config(app, port=0, loop="uvloop", http="httptools", log_level="error", access_log=False)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        pipe.send(server.servers[0].sockets[0].getsockname()[1])
        await task

    uvloop.run(serve())


class Poster(asyncio.Protocol):
    """One keep-alive connection: `post` gives the status, or None where the connection ended first."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.answer: asyncio.Future[int | None] | None = None
        self.held = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.held += data
        end = self.held.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.held[:end].lower()
        if len(self.held) - end - 4 < int(head.split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        self.held = b""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(int(head[9:12]))

    async def post(self, port: int, request: bytes) -> int | None:
        loop = asyncio.get_running_loop()
        try:
            if self.transport is None:
                await loop.create_connection(lambda: self, "127.0.0.1", port)
        except OSError:
            return None
        self.held, self.answer = b"", loop.create_future()
        self.transport.write(request)
        return await self.answer


def delivery(path: str, number: int) -> tuple[str, bytes]:
    """(its id, the request): 2 kB, as a small event of GitHub's is; one in ten is of an issue that becomes a task."""
    key = f"{os.getpid()}-{number}"
    issue = {
        "title": f"Issue {number}",
        "html_url": "https://github.com/a/b/issues/1",
        "body": "x" * 1800,
        "number": number,
    }
    body = json.dumps({"action": "edited" if number % 10 else "opened", "issue": issue}).encode()
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-GitHub-Event: issues\r\nX-GitHub-Delivery: {key}\r\nX-Hub-Signature-256: sha256={signature}\r\n\r\n"
    )
    return key, head.encode() + body


def hammer(port: int, path: str, first: int) -> float:
    """Answers of 2xx a second over `SECONDS`, each connection sending as soon as it was answered."""
    requests = [delivery(path, first + number)[1] for number in range(20_000)]

    async def go() -> float:
        good, end = 0, time.perf_counter() + SECONDS

        async def one() -> None:
            nonlocal good
            poster = Poster()
            while time.perf_counter() < end:
                if (await poster.post(port, requests.pop()) or 500) < 300:
                    good += 1
            poster.transport.abort()

        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
        return good / SECONDS

    return uvloop.run(go())


def burst(server: Server, path: str) -> tuple[set[str], int, int]:
    """(ids that were answered 2xx, how many were sent, how many of those were answered 2xx at last)."""
    fresh = [delivery(path, 10_000_000 + number) for number in range(BURST * RATE * 9 // 10)]
    sent = fresh + fresh[:: len(fresh) // (BURST * RATE // 10)][: BURST * RATE // 10]
    sent.sort(key=lambda one: hashlib.sha256(one[0].encode()).digest())

    async def go() -> tuple[set[str], int, int]:
        waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        answered: set[str] = set()
        good = 0

        async def one() -> None:
            nonlocal good
            poster = Poster()
            while True:
                key, request = await waiting.get()
                while True:
                    status = await poster.post(server.port, request)
                    if status is not None and status < 300:
                        break
                    await asyncio.sleep(0.2)
                answered.add(key)
                good += 1
                waiting.task_done()

        workers = [asyncio.create_task(one()) for _ in range(CONNECTIONS)]
        loop = asyncio.get_running_loop()
        restart = None
        started = time.perf_counter()
        for tick in range(BURST * 20):
            for item in sent[tick * RATE // 20 : (tick + 1) * RATE // 20]:
                waiting.put_nowait(item)
            if tick == BURST * 10:
                server.kill()
                restart = loop.run_in_executor(None, server.start)
            await asyncio.sleep(max(0, started + (tick + 1) / 20 - time.perf_counter()))
        if restart is not None:
            await restart
        await asyncio.wait_for(waiting.join(), 60)
        for worker in workers:
            worker.cancel()
        return answered, len(sent), good

    return uvloop.run(go())


def kept(server: Server) -> list[str]:
    async def ask() -> list[str]:
        connection = await asyncpg.connect(server.dsn())
        rows = await connection.fetch("SELECT delivery_key FROM received_deliveries")
        await connection.close()
        return [row[0] for row in rows]

    return asyncio.run(ask())


def main() -> None:
    with Server() as server:
        workspace = server.ask("POST", "/workspace", {"name": "one"})
        body = {"workspace_id": workspace["id"], "provider": "github", "secret": SECRET.decode()}
        path = server.ask("POST", "/webhook-integrations", body)["path"]
        ours_pipe, theirs_pipe = multiprocessing.Pipe()
        other = multiprocessing.get_context("spawn").Process(target=peer, args=(server.dsn(), theirs_pipe), daemon=True)
        other.start()
        port = ours_pipe.recv()
        pid = server.process.pid if server.process else 0
        os.sched_setaffinity(pid, {0})
        os.sched_setaffinity(other.pid or 0, {0})
        os.sched_setaffinity(0, {1})
        ours, theirs = [], []
        for number in range(ROUNDS):
            ours.append(hammer(server.port, path, number * 100_000))
            theirs.append(hammer(port, "/in", number * 100_000))
            say(f"round {number + 1}: ours {ours[-1]:.0f}/s, bare {theirs[-1]:.0f}/s")
        other.terminate()
        answered, sent, good = burst(server, path)
        there = [key for key in kept(server) if key in answered]
        lost, twice = len(answered - set(there)), len(there) - len(set(there))
        say(f"burst: {sent} sent, {good} answered 2xx, {lost} lost, {twice} twice")
    finish(
        "webhook-in",
        {"per_second": round(median(ours)), "lost": lost, "twice": twice, "answered": good / sent},
        {"per_second": round(median(theirs)), "what": "a bare Litestar route that inserts the body through asyncpg"},
        {
            "per_second": median(ours) / median(theirs),
            "answered": good / sent,
            "lost": float(lost),
            "twice": float(twice),
        },
        {"per_second": (">=", 0.5), "answered": (">=", 0.95), "lost": ("<=", 0.0), "twice": ("<=", 0.0)},
    )


if __name__ == "__main__":
    sys.exit(main())
