"""The Docker engine's HTTP API over its Unix socket, for the paths that are asked often or stream for ever: inspect, events,
logs, stats and the raw descriptor of a TTY. What is long and rare goes through the docker SDK in `runtimes/docker.py`.

Docker Engine API 1.41; HTTP/1.1 as of RFC 9112, as far as the engine speaks it.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

VERSION: Final = "/v1.41"
_CHUNK: Final = 256 << 10
_LINE_END: Final = 10
_STAMPED: Final = 32  # bytes of a line that is empty but for its moment
_KEPT: Final = 60.0  # seconds without use; the engine closes after five minutes


class EngineAway(Exception):
    """Nothing answers at the engine's socket, or it went while it answered."""


class EngineError(Exception):
    """The engine's own refusal: `status` as in HTTP, `message` its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class _Head(NamedTuple):
    status: int
    headers: dict[str, str]


def path(*parts: str, **query: Any) -> str:
    """An API path, each part quoted; `query` values that are not text are sent as JSON, booleans as true and false."""
    words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
    return "/" + "/".join(quote(part, safe="") for part in parts) + (f"?{urlencode(words)}" if words else "")


class Engine:
    """One engine. Short requests share a few kept connections; a stream has its own."""

    def __init__(self, socket_path: str = "/var/run/docker.sock") -> None:
        self.socket_path = socket_path
        #: Since when, by the loop's clock.
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def request(
        self, method: str, target: str, body: Any = None, *, raw: bytes | None = None, timeout: float = 60.0
    ) -> Any:
        """The decoded answer (None where it is empty). Raises EngineError, EngineAway."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        try:
            async with asyncio.timeout(timeout):
                return await self._request(method, target, content, "application/x-tar" if raw is not None else None)
        except TimeoutError as error:
            raise EngineAway(f"{method} {target}: no answer within {timeout:g} s") from error

    async def _request(self, method: str, target: str, content: bytes, kind: str | None) -> Any:
        for fresh in (False, True):  # a kept connection may have been closed by the engine meanwhile
            kept = None if fresh else self._kept()
            reader, writer = kept or await self._connect()
            done = False
            try:
                head = await _send(reader, writer, method, target, content, kind)
                data = b"".join([part async for part in _body(reader, head)])
                done = head.headers.get("connection", "").lower() != "close"
            except (OSError, asyncio.IncompleteReadError, ValueError) as error:
                if kept and method in ("GET", "HEAD"):
                    continue
                raise EngineAway(f"the engine went away: {error!r}") from error
            finally:
                if done and len(self._idle) < 8:
                    self._idle.append((asyncio.get_running_loop().time(), reader, writer))
                else:
                    writer.close()
            return _decoded(head, data)
        raise EngineAway("unreachable")  # pragma: no cover - the second turn returns or raises

    def _kept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """One that the engine has not closed, nor is about to: it may do so just when something is asked."""
        fresh = asyncio.get_running_loop().time() - _KEPT
        while self._idle:
            since, reader, writer = self._idle.pop()
            if since > fresh and not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def stream(self, method: str, target: str, body: Any = None) -> AsyncIterator[bytes]:
        """The answer's bytes as they come; ends with it, or when the engine goes. Raises EngineError, EngineAway."""
        reader, writer = await self._connect()
        try:
            content = b"" if body is None else json.dumps(body).encode()
            head = await _send(reader, writer, method, target, content, None)
            if head.status >= 400:
                _decoded(head, b"".join([part async for part in _body(reader, head)]))
            async for part in _body(reader, head):
                yield part
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            raise EngineAway(f"the engine went away: {error!r}") from error
        finally:
            writer.close()

    async def hijack(self, target: str, body: Any) -> int:
        """POST that turns the connection into a plain duplex stream: its descriptor, the caller's to close."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        link.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(link, self.socket_path)
            content = json.dumps(body).encode()
            await loop.sock_sendall(
                link,
                f"POST {VERSION}{target} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
                + content,
            )
            head = b""
            while not head.endswith(b"\r\n\r\n"):  # byte by byte: what follows belongs to the stream
                byte = await loop.sock_recv(link, 1)
                if not byte or len(head) > 65536:
                    raise EngineAway("the engine closed the connection before the stream began")
                head += byte
            status = int(head.split(b" ", 2)[1])
            if status != 101:
                raise EngineError(status, (await loop.sock_recv(link, 4096)).decode("utf-8", "replace"))
            return link.detach()
        except OSError as error:
            raise EngineAway(f"no Docker engine at {self.socket_path}: {error}") from error
        finally:
            link.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self.socket_path, limit=1 << 20)
        except OSError as error:
            raise EngineAway(f"no Docker engine at {self.socket_path}: {error}") from error

    def close(self) -> None:
        for _, _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _send(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    method: str,
    target: str,
    content: bytes,
    kind: str | None,
) -> _Head:
    lines = [f"{method} {VERSION}{target} HTTP/1.1", "Host: engine", f"Content-Length: {len(content)}"]
    if content:
        lines.append(f"Content-Type: {kind or 'application/json'}")
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if method == "HEAD":
        headers["content-length"] = "0"
    return _Head(int(head[0].split(" ", 2)[1]), headers)


async def _body(reader: asyncio.StreamReader, head: _Head) -> AsyncIterator[bytes]:
    if head.status in (204, 304):
        return
    if head.headers.get("transfer-encoding") == "chunked":
        async for part in _unchunked(reader):
            yield part
    elif (length := head.headers.get("content-length")) is not None:
        if int(length):
            yield await reader.readexactly(int(length))
    else:
        while part := await reader.read(_CHUNK):
            yield part


async def _unchunked(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """A body in chunks (RFC 9112, 7.1). The engine makes one of every line of a log: those that came together are joined."""
    rest, at, left, first = b"", 0, 0, True
    while True:
        pieces: list[bytes] = []
        while True:
            if left:
                pieces.append(piece := rest[at : at + left])
                at, left = at + len(piece), left - len(piece)
                if left:
                    break
            start = at if first else at + 2  # after the line end of the chunk before
            if (end := rest.find(b"\r\n", start)) < 0:
                break
            at, left, first = end + 2, int(rest[start:end].split(b";")[0], 16), False
            if not left:
                if pieces:
                    yield b"".join(pieces)
                await reader.readexactly(max(2 - len(rest[at:]), 0))
                return
        if pieces:
            yield b"".join(pieces)
        rest, at = rest[at:], 0
        if not (more := await reader.read(_CHUNK)):
            raise asyncio.IncompleteReadError(rest, None)
        rest += more


def _decoded(head: _Head, data: bytes) -> Any:
    if head.status >= 400:
        message = data.decode("utf-8", "replace")
        with contextlib.suppress(ValueError, TypeError, KeyError):
            message = json.loads(data)["message"]
        raise EngineError(head.status, message)
    if head.status == 304 or not data:
        return None
    if head.headers.get("content-type", "").startswith("application/json"):
        return json.loads(data)
    return data


async def lines(parts: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """The JSON values of a stream that has one a line (events, stats, pull and build progress)."""
    rest = b""
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            if line.strip():
                yield json.loads(line)
    if rest.strip():
        yield json.loads(rest)


async def demultiplexed(parts: AsyncIterator[bytes], *, stamped: bool = False) -> AsyncIterator[tuple[Any, bytes]]:
    """(stream, bytes) of an attached stream without a TTY: frames with an 8-byte header, byte 0 the stream, 4–7 the
    length. Frames of one stream that came together are joined.

    `stamped` is of a log with moments, a line in each frame. The engine cuts lines above 16 KiB, each piece with its moment and
    none but the last with an end; the last of all may have none either. Each piece becomes a line that ends.
    """
    rest, cut = b"", set()
    async for part in parts:
        rest = rest + part if rest else part
        at, end = 0, len(rest)
        pieces: list[bytes] = []
        stream = 1
        while end - at >= 8:
            after = at + 8 + int.from_bytes(rest[at + 4 : at + 8], "big")
            if after > end:
                break
            if rest[at] != stream and pieces:
                yield "stderr" if stream == 2 else "stdout", b"".join(pieces)
                pieces = []
            stream = rest[at]
            if not stamped or rest[after - 1] == _LINE_END:
                if (
                    stream not in cut or after - at - 8 > _STAMPED
                ):  # else it is the end of a line of which nothing was left
                    pieces.append(rest[at + 8 : after])
                cut.discard(stream)
            else:
                pieces += [rest[at + 8 : after], b"\n"]
                cut.add(stream)
            at = after
        rest = rest[at:]
        if pieces:
            yield "stderr" if stream == 2 else "stdout", b"".join(pieces)
