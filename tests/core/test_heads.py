"""Requests whose head does not end, on a real server."""

import asyncio
import socket

import pytest
import uvicorn

from backend.core import heads
from tests.server import Server

REQUEST = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


def sent(server: Server, start: bytes, piece: bytes) -> bytes:
    """What comes back until the connection is closed, while `piece` is sent over and over, 100 MB of it at most."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(start)
        try:
            for _ in range(100_000_000 // len(piece)):
                connection.sendall(piece)
        except OSError:
            pass
        else:
            raise AssertionError("it took all of that")
        try:
            return connection.recv(1000)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (REQUEST + b"x: ", b"y" * 50_000),
        (REQUEST, b"x: y\r\n" * 1000),
        (b"GET /", b"y" * 50_000),
        (REQUEST + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: ", b"y" * 50_000),
        (REQUEST + b"transfer-encoding: chunked\r\n\r\n2;", b"y" * 50_000),
    ],
    ids=["a header", "headers", "an address", "a trailer", "a chunk's extension"],
)
def test_what_does_not_end_is_cut_off_and_kept_by_nobody(server: Server, start: bytes, piece: bytes):
    """Attack rows 29 and 65."""
    before = server.resident_mb()
    sent(server, start, piece)
    assert server.resident_mb() < before + 20
    assert server.ask("GET", "/workspace?limit=1")["items"] == []


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: a\r\n", 200),
        (b"GET / HTTP/1.0\r\n", 200),
        (b"GET / HTTP/1.1\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n", 400),
        (b"GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n", 400),
        (b"GET /api/v1/ws/events HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: upgrade\r\nupgrade: websocket\r\n", 400),
    ],
)
def test_a_request_names_one_host(server: Server, head: bytes, status: int):
    """RFC 9112 §3.2: with two, the server and a proxy before it may each believe another."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(head + b"\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 %d " % status)


def test_a_long_head_and_a_long_body_are_taken(server: Server):
    status, _, _ = server.request("GET", "/workspace?cursor=" + "x" * 30_000)
    assert status == 400  # it was read
    status, _, _ = server.request("POST", "/workspace", {"name": "one", "description": "x" * 300_000})
    assert status == 422


async def test_a_head_that_is_begun_and_not_ended_is_waited_for_only_so_long(monkeypatch):
    """Attack row 29, slow-loris: a piece now and then keeps nothing open."""
    monkeypatch.setattr(heads, "WITHIN", 0.0)
    asked = asyncio.Event()

    async def app(scope, receive, send):
        asked.set()

    running = uvicorn.Server(
        uvicorn.Config(app, http=heads.BoundedHeads, interface="asgi3", port=0, log_config=None, lifespan="off")
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(running.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nhost: ")
        assert await asyncio.wait_for(reader.read(), 60) == b""
        writer.close()
        running.should_exit = True
        await serving
    assert not asked.is_set()
