"""What the tests of previews share: the gate on a real port before the application, a registry of what runs, real apps."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import uvicorn
from websockets.asyncio.client import connect

from backend.core.db import new_id
from backend.core.resources import Resources
from backend.workbench.previews.gate import PreviewGate
from backend.workbench.previews.located import Located
from backend.workbench.previews.models import PreviewVisibility, Visibility
from backend.workbench.sessions.models import Session, Status
from backend.workbench.workspaces.models import Workspace
from tests.make import Somebody

App = Callable[[Any, Any, Any], Awaitable[None]]


class _Server(uvicorn.Server):
    """One that ends when it is told to: uvicorn's own looks ten times a second whether it was."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self):
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)  # the date of its answers
        await self.ending.wait()


@contextlib.asynccontextmanager
async def serving(app: App) -> AsyncIterator[int]:
    """`app` on a port of its own, as the server serves ours."""
    config = uvicorn.Config(
        app, port=0, http="httptools", ws="websockets-sansio", lifespan="off", log_config=None, access_log=False,
        ws_per_message_deflate=False, timeout_graceful_shutdown=1, ws_max_size=16 * 1024 * 1024, server_header=False,
        proxy_headers=False,
    )  # fmt: skip
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.ending.set()
        await task


@contextlib.asynccontextmanager
async def speaking(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], host: str = "127.0.0.1"
):
    """A raw TCP server: what it says is `answer`'s to choose. Yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def caddy_file(port: int, server: int) -> str:
    """`deploy/proxy/Caddyfile.data-path` for this machine: no TLS, these ports."""
    text = (Path(__file__).resolve().parents[2] / "deploy/proxy/Caddyfile.data-path").read_text()
    text = re.sub(r"\ttls \{\n.*\n\t\}\n", "", text)
    text = text.replace("*.previews.example.net {", f"http://:{port} {{\n\tbind 127.0.0.1", 1)
    return "{\n\tauto_https off\n\tadmin off\n\tpersist_config off\n}\n" + text.replace(
        "127.0.0.1:8300", f"127.0.0.1:{server}"
    )


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


class House:
    """One session's previews, the gate before the application, and clients of both."""

    def __init__(self, resources: Resources, ada: Somebody, port: int, gate: PreviewGate) -> None:
        self.resources, self.ada, self.port, self.gate = resources, ada, port, gate
        self.session_id = UUID(int=0)
        self.workspace_id = new_id()
        self.declared: dict[tuple[str, str, int | None], Located] = {}
        self.asked: list[tuple[str, str, int | None]] = []

    @property
    def prefix(self) -> str:
        return self.session_id.hex[-10:]

    async def locate(self, _: Resources, *, session_prefix: str, service_slug: str, port: int | None) -> Located | None:
        self.asked.append((session_prefix, service_slug, port))
        return self.declared.get((session_prefix, service_slug, port))

    def declare(self, name: str, port: int | None, *, state: str = "running", reason: str = "", first: bool = True,
                host: str = "127.0.0.1", number: int = 8000, owner: UUID | None = None) -> Located:  # fmt: skip
        """Declares port `number` of a service; `port` is where it really listens."""
        found = Located(
            session_id=self.session_id, organization_id=self.ada.organization_id, workspace_id=self.workspace_id,
            owner_id=owner, service_id=new_id(), service=name, port=number,
            address=(host, port) if port is not None else None, state=state, reason=reason,
        )  # fmt: skip
        if first:
            self.declared[self.prefix, name, None] = found
        self.declared[self.prefix, name, number] = found
        self.gate.places.clear()
        return found

    def host(self, label: str = "web") -> str:
        return f"{label}--{self.prefix}.localhost:{self.port}"

    async def show(self, visibility: Visibility | str, name: str = "web", number: int = 8000, by: UUID | None = None):
        async with self.resources.database.begin() as db:
            await db.merge(
                PreviewVisibility(
                    session_id=self.session_id, service=name, port=number, visibility=Visibility(visibility), set_by=by
                )
            )
        self.gate.places.clear()

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client of the port; `Host` is the preview `web` unless said otherwise."""
        sent = {"host": self.host()} | {k.replace("_", "-"): v for k, v in headers.items()}
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", headers=sent, timeout=20)

    async def enter(self, who: Somebody, label: str = "web", path: str = "/") -> dict[str, str]:
        """The cookie header of a browser that went in by itself: refused, sent to the control plane, sent back."""
        async with self.client() as client:
            first = await client.get(path, headers={"host": self.host(label), "accept": "text/html"})
            assert first.status_code == 303, first.text
            second = await client.get(
                first.headers["location"].split(f":{self.port}", 1)[1],
                headers={"host": f"localhost:{self.port}", **who.headers},
            )
            assert second.status_code == 303, second.text
            assert second.headers["location"].startswith(f"http://{self.host(label)}/.codeyard/entry?token=")
            token = second.headers["location"].split(str(self.port), 1)[1]
            third = await client.get(token, headers={"host": self.host(label)})
            assert third.status_code == 303, third.text
            assert third.headers["location"] == f"http://{self.host(label)}{path}"
            return {"cookie": third.headers["set-cookie"].split(";")[0]}

    def socket(self, path: str, *, label: str = "web", headers: dict[str, str] | None = None, **more: Any) -> Any:
        """A WebSocket client of a preview, as a program; `headers` may make it a browser."""
        address = f"ws://{self.host(label)}{path}"
        return connect(address, host="127.0.0.1", port=self.port, additional_headers=headers, compression=None, proxy=None,
                       max_size=2**24, **more)  # fmt: skip

    async def raw(self, request: bytes, *, half_close: bool = False) -> bytes:
        """What comes back for these very bytes, until the server closes or falls silent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            if half_close:
                writer.write_eof()
            got = b""
            with contextlib.suppress(TimeoutError):
                while data := await asyncio.wait_for(reader.read(65536), 1):
                    got += data
            return got
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def opened(resources: Resources, app: PreviewGate, ada: Somebody, **limits: Any) -> AsyncIterator[House]:
    """A house of Ada's organisation, with a session whose files nobody needs."""
    built: list[House] = []

    async def locate(resources: Resources, **asked: Any) -> Located | None:
        return await built[0].locate(resources, **asked)

    gate = PreviewGate(app, resources, locate, **limits)
    async with serving(gate) as port:
        house = House(resources, ada, port, gate)
        built.append(house)
        house.session_id = await session_of(resources, ada)
        yield house
    gate.close()
    resources.kept.put(app.places)  # the application's own gate stands again


async def session_of(resources: Resources, who: Somebody) -> UUID:
    """The rows of a workspace and its session."""
    workspace = Workspace(
        organization_id=who.organization_id, name="w", slug=f"w-{new_id().hex[-8:]}", default_session_id=new_id()
    )
    async with resources.database.begin() as db:
        db.add(workspace)
        await db.flush()
        row = Session(
            workspace_id=workspace.id, organization_id=who.organization_id, name="main", branch="main",
            status=Status.READY,
        )  # fmt: skip
        db.add(row)
        await db.flush()
        return row.id


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """An app that says what it was sent, as JSON; /bytes/N answers with N bytes; its socket echoes."""
    if scope["type"] == "websocket":
        await _echo_socket(scope, receive, send)
        return
    if scope["path"].startswith("/bytes/"):
        size = int(scope["path"].rsplit("/", 1)[1])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while size > 0:
            await send({"type": "http.response.body", "body": b"x" * min(size, 65536), "more_body": size > 65536})
            size -= 65536
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    told = {
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    answer = json.dumps(told).encode()
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode()),
        (b"set-cookie", b"app=1; Path=/"), (b"set-cookie", b"second=2"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _echo_socket(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if scope["path"] == "/refuse":
        await send(
            {"type": "websocket.http.response.start", "status": 418, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "websocket.http.response.body", "body": b"no sockets here"})
        return
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0] if scope["subprotocols"] else None})
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    await send({"type": "websocket.send", "text": json.dumps({"path": scope["path"], "headers": headers})})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "close 4321":
            await send({"type": "websocket.close", "code": 4321, "reason": "as asked"})
            return
        if message.get("text") is not None:
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
