"""Callers for tests: HTTP and WebSocket clients that drive the application in this very loop, with a person's or key's rights."""

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx

ORIGIN = "http://localhost:8300"
PATIENCE = 60
"""Seconds after which what should have come never will, also on a busy machine."""


class Refused(Exception):
    """A handshake that was refused: `status`, `headers` and the decoded `body`."""

    def __init__(self, status: int, body: bytes, headers: dict[bytes, bytes] | None = None) -> None:
        super().__init__(f"{status} {body!r}")
        self.status = status
        self.headers = headers or {}
        self.body = json.loads(body) if body else None


class Closed(Exception):
    """The server closed the socket."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Socket:
    """One WebSocket, speaking ASGI to the application. `receive` gives str or bytes; raises Closed."""

    def __init__(self, app: Any, path: str, params: dict[str, Any], headers: dict[str, str]) -> None:
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._status = 0
        self._body = b""
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(params).encode(),
            "root_path": "",
            "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("localhost", 8300),
            "subprotocols": [],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(app(scope, self._to_app.get, self._from_app.put))
        self._task.add_done_callback(lambda _: self._from_app.put_nowait({"type": "gone"}))

    async def opened(self) -> "Socket":
        while True:
            message = await asyncio.wait_for(self._from_app.get(), PATIENCE)
            match message["type"]:
                case "websocket.accept":
                    return self
                case "websocket.http.response.start":
                    self._status, self._headers = message["status"], dict(message["headers"])
                case "websocket.http.response.body":
                    raise Refused(self._status, message.get("body", b""), self._headers)
                case "websocket.close":
                    raise Refused(403, b"")
                case _:
                    raise AssertionError(message)

    async def send(self, data: str | bytes) -> None:
        kind = "text" if isinstance(data, str) else "bytes"
        await self._to_app.put({"type": "websocket.receive", kind: data})

    async def receive(self, seconds: float = PATIENCE) -> str | bytes:
        message = await asyncio.wait_for(self._from_app.get(), seconds)
        if message["type"] == "websocket.send":
            return message["text"] if message.get("text") is not None else message["bytes"]
        if message["type"] == "websocket.close":
            raise Closed(message.get("code", 1000), message.get("reason", ""))
        raise Closed(1006, "the handler ended")

    async def receive_json(self, seconds: float = PATIENCE) -> Any:
        """The next text frame, decoded; bytes in between are skipped."""
        while True:
            data = await self.receive(seconds)
            if isinstance(data, str):
                return json.loads(data)

    async def close(self) -> None:
        await self._to_app.put({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait([self._task], timeout=5)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Caller(httpx.AsyncClient):
    """An HTTP client of the application with one caller's credentials; paths are below /api/v1."""

    def __init__(self, app: Any, headers: dict[str, str] | None = None) -> None:
        self.asgi = app
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        super().__init__(transport=transport, base_url=f"{ORIGIN}/api/v1", headers=headers or {}, timeout=PATIENCE)

    @asynccontextmanager
    async def socket(self, path: str, *, headers: dict[str, str] | None = None, **params: Any):
        """An open socket at /api/v1{path}; leaves `Origin` ours unless `headers` says otherwise. Raises Refused."""
        sent = {"host": "localhost:8300", "origin": ORIGIN}
        sent |= {k: v for k, v in self.headers.items() if k in ("authorization", "cookie")}
        sent |= headers or {}
        socket = Socket(self.asgi, f"/api/v1{path}", params, {k: v for k, v in sent.items() if v})
        try:
            yield await socket.opened()
        finally:
            await socket.close()
