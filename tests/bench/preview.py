"""A page through a preview that is not public, its pass checked, against the same app through Caddy as a proxy, each on one
processor with 32 connections: requests a second. What the preview adds to the app's p99 at 200 requests a second. And Caddy as
the data path, by `deploy/proxy/Caddyfile.data-path`, which asks us who may, against Caddy that asks nobody, and beside it the
same file asking somebody who says yes without a look, which is the most that forward auth can reach.

nginx, where it is installed, is measured beside them."""

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
import uvloop

from tests.bench.harness import finish, median, percentile, say
from tests.workbench.previews_house import caddy_file

CLIENTS = 32
SECONDS = 2.0
ROUNDS = 5
RATE = 200
LATENCY_SECONDS = 6.0
BODY = b"x" * 1024

NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  upstream app {{ server 127.0.0.1:{app}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""
CADDY = """{{
  admin off
  auto_https off
  persist_config off
}}
http://:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{app}
}}
"""


PAGE = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 1024\r\n\r\n" + BODY
YES = "HTTP/1.1 204 No Content\r\nX-Codeyard-Upstream: 127.0.0.1:{}\r\n\r\n"


class Same(asyncio.Protocol):
    """Gives every request the same answer, as cheaply as it can be done."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(self.answer)


def same(pipe: Any, answer: bytes) -> None:
    """A server of that; says its port."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Same(answer), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


def preview(pipe: Any, app_port: int, folder: str) -> None:
    """The gate before the whole application, on a database of its own; says its port, a host and a pass."""
    from backend.app import create_app, make_resources
    from backend.core import migrations
    from backend.core.auth import Role
    from backend.core.db import Database, new_id
    from backend.core.postgres import Postgres
    from backend.core.settings import Settings
    from backend.core.web import Edge
    from backend.workbench.previews.gate import PreviewGate
    from backend.workbench.previews.located import Located
    from backend.workbench.previews.signing import claims_for
    from tests import make

    async def serve(dsn: str) -> None:
        database = Database(dsn)
        await migrations.migrate(database)
        resources = make_resources(Settings(data=Path(folder)), database)
        ada = await make.person(database, await make.organization(database), Role.MEMBER)
        session_id, service_id = new_id(), new_id()

        async def locate(_: Any, *, session_prefix: str, service_slug: str, port: int | None) -> Located | None:
            return Located(
                session_id=session_id, organization_id=ada.organization_id, workspace_id=session_id, owner_id=None,
                service_id=service_id, service=service_slug, port=80, address=("127.0.0.1", app_port), state="running",
            )  # fmt: skip

        gate = PreviewGate(Edge(create_app(resources)), resources, locate)
        host = f"web--{session_id.hex[-10:]}.localhost"
        [row] = await database.rows("SELECT id FROM sign_ins")
        claims = claims_for(host, "sign-in", UUID(str(row["id"])), seconds=3600)
        cookie = f"codeyard-preview={await gate.places.signer.sign('pass', claims)}"
        config = uvicorn.Config(
            gate, port=0, http="httptools", ws="websockets-sansio", lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        pipe.send((server.servers[0].sockets[0].getsockname()[1], host, cookie))
        await task

    postgres = Postgres(Path(folder) / "postgres", durable=False)
    dsn = postgres.start()
    try:
        uvloop.run(serve(dsn))
    finally:
        postgres.stop()


class Hammer(asyncio.Protocol):
    """One keep-alive connection that asks again as soon as it was answered, or, with `idle`, when it is told to."""

    def __init__(self, request: bytes, *, idle: bool = False) -> None:
        self.request, self.idle, self.count, self.left, self.head = request, idle, 0, 0, b""
        self.answered: asyncio.Future[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if not self.idle:
            transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.left == 0:
            self.head += data
            end = self.head.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self.head.startswith(b"HTTP/1.1 200"), self.head[:500]
            self.left = 1024 - (len(self.head) - end - 4)
            self.head = b""
        else:
            self.left -= len(data)
        if self.left == 0:
            self.count += 1
            if self.answered is not None and not self.answered.done():
                self.answered.set_result(None)
            if not self.idle:
                self.transport.write(self.request)

    async def ask(self) -> float:
        """Seconds until the answer is whole."""
        self.answered = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        self.transport.write(self.request)
        await self.answered
        return time.perf_counter() - began


def throughput(port: int, request: bytes) -> float:
    """Requests a second."""

    async def go() -> float:
        loop = asyncio.get_running_loop()
        opened = [await loop.create_connection(lambda: Hammer(request), "127.0.0.1", port) for _ in range(CLIENTS)]
        await asyncio.sleep(0.3)
        before, began = sum(one.count for _, one in opened), time.perf_counter()
        await asyncio.sleep(SECONDS)
        rate = (sum(one.count for _, one in opened) - before) / (time.perf_counter() - began)
        for transport, _ in opened:
            transport.abort()
        return rate

    return uvloop.run(go())


def latencies(port: int, request: bytes) -> list[float]:
    """Seconds of each request at `RATE` a second, sent when they are due whether or not the last were answered."""

    async def go() -> list[float]:
        loop = asyncio.get_running_loop()
        free = [
            (await loop.create_connection(lambda: Hammer(request, idle=True), "127.0.0.1", port))[1] for _ in range(64)
        ]
        taken: list[float] = []

        async def one() -> None:
            hammer = free.pop()
            taken.append(await hammer.ask())
            free.append(hammer)

        began, tasks = loop.time(), []
        for number in range(int(RATE * LATENCY_SECONDS)):
            await asyncio.sleep(max(0.0, began + number / RATE - loop.time()))
            tasks.append(asyncio.create_task(one()))
        await asyncio.gather(*tasks)
        for hammer in free:
            hammer.transport.abort()
        return taken[RATE:]  # without the first second's

    return uvloop.run(go())


@contextlib.contextmanager
def running(command: list[str], config: str, app_port: int, server_port: int) -> Iterator[int]:
    """The port of a proxy on processor 0; `config` says by {port}, {app}, {server} and {folder} what it does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="cy-proxy-") as folder:
        file = Path(folder) / "config"
        file.write_text(config.format(folder=folder, port=port, app=app_port, server=server_port))
        environment = os.environ | {"HOME": folder, "GOMAXPROCS": "1"}
        quiet = subprocess.DEVNULL
        program = subprocess.Popen([*command, str(file)], stderr=quiet, stdout=quiet, env=environment)
        try:
            os.sched_setaffinity(program.pid, {0})
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield port
        finally:
            program.terminate()
            program.wait(10)


def data_path() -> str:
    """The file of `deploy`, as `running` takes it."""
    return (
        caddy_file(1, 2)
        .replace("{", "{{")
        .replace("}", "}}")
        .replace("http://:1 ", "http://:{port} ")
        .replace("127.0.0.1:2", "127.0.0.1:{server}")
    )


def main() -> None:
    spawn = multiprocessing.get_context("spawn")
    caddy = [str(Path(sys.executable).parent / "caddy"), "run", "--adapter", "caddyfile", "--config"]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cy-"))
        Path(folder).chmod(0o755)
        ours, theirs = multiprocessing.Pipe()

        def beside(answer: bytes) -> int:
            """The port of who gives that answer, on processor 1."""
            process = spawn.Process(target=same, args=(theirs, answer), daemon=True)
            process.start()
            stack.callback(process.terminate)
            os.sched_setaffinity(process.pid or 0, {1})
            return int(ours.recv())

        app_port = beside(PAGE)
        yes_port = beside(YES.format(app_port).encode())
        server = spawn.Process(target=preview, args=(theirs, app_port, folder))
        server.start()
        stack.callback(server.join, 20)
        stack.callback(server.terminate)
        port, host, cookie = ours.recv()
        os.sched_setaffinity(0, {1})
        request = f"GET /page HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n".encode()
        ports = {"ours": port, "caddy": stack.enter_context(running(caddy, CADDY, app_port, port))}
        ports["data path"] = stack.enter_context(running(caddy, data_path(), app_port, port))
        ports["yes"] = stack.enter_context(running(caddy, data_path(), app_port, yes_port))
        if shutil.which("nginx"):
            ports["nginx"] = stack.enter_context(running(["nginx", "-c"], NGINX, app_port, port))
        rates: dict[str, list[float]] = {name: [] for name in ports}
        for number in range(ROUNDS):
            for name, at in ports.items():
                # for the data path our check runs beside Caddy, not in its place
                os.sched_setaffinity(server.pid or 0, {1} if name == "data path" else {0})
                rates[name].append(throughput(at, request))
            say(f"round {number + 1}: " + ", ".join(f"{name} {rates[name][-1]:.0f}/s" for name in ports))
        os.sched_setaffinity(server.pid or 0, {0})
        late: dict[str, list[float]] = {"ours": [], "direct": [], "caddy": []}
        for _ in range(3):
            for name in late:
                at = app_port if name == "direct" else ports[name]
                late[name].append(percentile(latencies(at, request), 0.99) * 1000)
    rate = {name: median(found) for name, found in rates.items()}
    p99 = {name: median(found) for name, found in late.items()}
    finish(
        "preview",
        {
            "requests_per_second": round(rate["ours"]),
            "p99_ms": round(p99["ours"], 2),
            "data_path_per_second": round(rate["data path"]),
        },
        {
            "requests_per_second": round(rate["caddy"]),
            "p99_ms": round(p99["caddy"], 2),
            "direct_p99_ms": round(p99["direct"], 2),
            **({"nginx_per_second": round(rate["nginx"])} if "nginx" in rate else {}),
            "yes_per_second": round(rate["yes"]),
            "what": "the same app through Caddy on one processor; direct: without any proxy; yes: the data path without a look",
        },
        {
            "requests_per_second": rate["ours"] / rate["caddy"],
            "p99_added_ms": p99["ours"] - p99["direct"],
            "data_path": rate["data path"] / rate["caddy"],
            "yes": rate["yes"] / rate["caddy"],
        },
        {"requests_per_second": (">=", 0.25), "p99_added_ms": ("<=", 3.0), "data_path": (">=", 0.8)},
    )


if __name__ == "__main__":
    main()
