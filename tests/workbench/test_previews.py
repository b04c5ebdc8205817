"""Previews: what passes between a viewer and an app, and what a viewer sees while there is none."""

import asyncio
import contextlib
import json
import socket
from pathlib import Path
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backend.workbench.previews.locate import locate
from backend.workbench.services.definition import service_id
from backend.workbench.services.models import Runtime, Stage
from backend.workbench.sessions import repository as sessions
from tests.workbench.previews_house import echo, head_of, opened, serving, speaking


@pytest.fixture
async def house(resources, app, ada):
    async with opened(resources, app, ada) as made:
        yield made


@pytest.fixture
async def web(house):
    """A house where `web` echoes, open to everyone."""
    async with serving(echo) as port:
        house.declare("web", port)
        await house.show("public")
        yield house


async def test_a_request_reaches_the_app_and_its_answer_the_viewer(web):
    async with web.client() as client:
        answer = await client.post("/a%20b/c?x=1&y=%26", content=b"hello", headers={"x-mine": "1"})
    told = answer.json()
    headers = dict(told["headers"])
    assert (told["method"], told["path"], told["query"], told["body"]) == ("POST", "/a%20b/c", "x=1&y=%26", "hello")
    assert headers["host"] == web.host() and headers["x-mine"] == "1"
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == web.host()
    assert answer.headers.get_list("set-cookie") == ["app=1; Path=/", "second=2"]
    assert "content-security-policy" not in answer.headers  # a public app frames as it likes


async def test_the_control_plane_is_served_as_before(web, ada):
    async with web.client() as client:
        mine = await client.get("/api/v1/auth/me", headers={"host": f"localhost:{web.port}", **ada.headers})
        other = await client.get("/healthz", headers={"host": "no--preview.example.com"})
    assert mine.status_code == 200 and other.status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"])
async def test_methods_pass(web, method):
    async with web.client() as client:
        answer = await client.request(method, "/x")
    assert answer.status_code == 200
    assert (answer.json()["method"] == method) if method != "HEAD" else (not answer.content)


async def test_large_answers_and_large_uploads_pass_whole(web):
    async def body():
        for _ in range(40):
            yield b"y" * 100_000

    async with web.client() as client:
        assert len((await client.get("/bytes/5000000")).content) == 5_000_000
        streamed = await client.post("/", content=body())
        whole = await client.post("/", content=b"z" * 3_000_000)
    assert len(streamed.json()["body"]) == 4_000_000 and len(whole.json()["body"]) == 3_000_000


async def test_a_service_has_a_preview_for_each_port(web):
    async def other(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"other"})

    async with serving(other) as port:
        web.declare("web", port, first=False, number=9000)
        await web.show("public", number=9000)
        async with web.client() as client:
            assert (await client.get("/", headers={"host": web.host("web-9000")})).text == "other"
            assert (await client.get("/")).json()["method"] == "GET"


async def test_a_service_whose_name_ends_like_a_port_is_itself(web):
    web.declare("web-9000", None, number=80)
    await web.show("public", "web-9000", 80)
    async with web.client() as client:
        answer = await client.get("/", headers={"host": web.host("web-9000")})
    assert answer.json()["error"]["details"]["service"] == "web-9000"


async def test_events_arrive_as_they_are_sent_and_stop_with_the_viewer(house):
    gone = asyncio.Event()
    go_on = asyncio.Event()

    async def events(reader, writer):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
        await go_on.wait()
        writer.write(b"data: 2\n\n")
        if not await reader.read():
            gone.set()

    async with speaking(events) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client, client.stream("GET", "/") as answer:
            parts = answer.aiter_text()
            assert await anext(parts) == "data: 1\n\n"
            go_on.set()
            assert await anext(parts) == "data: 2\n\n"
        await asyncio.wait_for(gone.wait(), 30)


async def test_an_answer_may_come_before_the_upload_ends(house):
    async def early(reader, writer):
        await head_of(reader)
        writer.write(b"HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno")
        await writer.drain()

    async def endless():
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0.01)

    async with speaking(early) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            with contextlib.suppress(Exception):
                answer = await client.post("/", content=endless())
                assert answer.status_code == 413
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(f"POST / HTTP/1.1\r\nhost: {house.host()}\r\ncontent-length: 100\r\n\r\npart".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()


async def test_a_slow_viewer_slows_the_app_down(house):
    """What waits here for a viewer who does not read is bounded."""
    written = 0

    async def flood(reader, writer):
        nonlocal written
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            written += 65536

    async with speaking(flood) as port:
        house.declare("web", port)
        await house.show("public")
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=65536)
        writer.write(f"GET / HTTP/1.1\r\nhost: {house.host()}\r\n\r\n".encode())
        await reader.readline()
        before = -1
        while before != written:  # until nothing moves any more
            before = written
            await asyncio.sleep(0.3)
        assert written < 40_000_000
        writer.transport.abort()


async def test_connections_to_the_app_are_used_again_and_old_ones_replaced(house):
    opened = 0

    async def app(reader, writer):
        nonlocal opened
        opened += 1
        for _ in range(3):  # then it closes without a word, as a server with a keep-alive limit does
            await head_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            assert [(await client.get("/")).text for _ in range(9)] == ["ok"] * 9
    assert opened == 3


async def test_a_socket_passes_text_bytes_and_close_codes_both_ways(web):
    async with web.socket("/hmr?token=x", subprotocols=["vite-hmr"], headers={"x-mine": "1"}) as socket:
        told = json.loads(await socket.recv())
        headers = dict(told["headers"])
        assert socket.subprotocol == "vite-hmr" and told["path"] == "/hmr" and headers["x-mine"] == "1"
        assert headers["host"] == web.host() and headers["x-forwarded-proto"] == "http"
        await socket.send("grüße")
        assert await socket.recv() == "grüße"
        await socket.send(b"\x00\xff" * 400_000)
        assert await socket.recv() == b"\x00\xff" * 400_000
        await socket.send("close 4321")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "as asked")


async def test_a_socket_that_the_app_refuses_is_refused_with_its_answer(web):
    with pytest.raises(InvalidStatus) as refused:
        async with web.socket("/refuse"):
            pass
    assert refused.value.response.status_code == 418 and refused.value.response.body == b"no sockets here"


async def test_a_socket_that_the_app_drops_is_closed(house):
    async def drops(reader, writer):
        from websockets.utils import accept_key

        head = (await head_of(reader)).decode()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        writer.write(
            f"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n".encode()
        )
        await writer.drain()

    async with speaking(drops) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.socket("/") as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd.code == 1011


async def test_a_viewer_that_leaves_its_socket_leaves_the_app_too(house):
    codes = []
    left = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        codes.append(message["code"])
        left.set()

    async with serving(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.socket("/") as socket:
            await socket.close(4001)
        await asyncio.wait_for(left.wait(), 30)
    assert codes == [4001]


async def test_a_page_waits_for_what_is_not_up_and_says_why(house):
    house.declare("web", None, state="building", reason="npm install runs")
    await house.show("public")
    async with house.client(accept="text/html,*/*") as client:
        page = await client.get("/deep/link")
        status = await client.get("/.codeyard/status")
    assert page.status_code == 503 and page.headers["content-type"].startswith("text/html")
    assert "web is building" in page.text and "npm install runs" in page.text
    assert "/.codeyard/status" in page.text and page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and f"frame-ancestors 'self' http://localhost:{house.port}" in policy
    assert status.json() == {
        "ready": False, "state": "building", "title": "web is building", "reason": "npm install runs"
    }  # fmt: skip


SOON, NEVER = "This page opens it as soon as it is up.", "Start it in the session."


@pytest.mark.parametrize(
    ("state", "reason", "title", "said"),
    [
        (Stage.STOPPED, None, "web is not running", NEVER),
        (Stage.QUEUED, None, "web waits for its turn to start", SOON),
        (Stage.INSTALLING, None, "web is installing", SOON),
        (Stage.RUNNING, None, "web is not reachable yet", SOON),
        (Stage.EXITED, None, "web has ended", NEVER),
        (Stage.FAILED, ("No such image.", "Is it spelt right?"), "web could not be started", "No such image. Is it spelt right?"),
    ],
)  # fmt: skip
async def test_a_page_says_what_becomes_of_a_service_that_is_not_up(yard, resources, house, state, reason, title, said):
    yard.write("compose.yaml", "services: {web: {image: x, ports: [8000]}}\n")
    async with resources.database.begin() as db:
        session = await sessions.get(db, UUID(yard.id))
        told = None if reason is None else {"code": "x", "message": reason[0], "remedy": reason[1]}
        db.add(
            Runtime(
                id=service_id(session.id, "web"), session_id=session.id, organization_id=session.organization_id,
                workspace_id=session.workspace_id, name="web", state=state, reason=told,
            )
        )  # fmt: skip
    located = await locate(resources, session_prefix=yard.id[-10:], service_slug="web", port=None)
    house.declare("web", None, state=located.state, reason=located.reason)
    await house.show("public")
    async with house.client(accept="*/*") as client:
        now = (await client.get("/.codeyard/status")).json()
    assert (now["title"], now["reason"]) == (title, said)


async def test_what_is_not_html_gets_json_while_it_waits(house):
    house.declare("web", None, state="stopped")
    await house.show("public")
    async with house.client(accept="*/*") as client:
        answer = await client.get("/api")
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["code"] == "not_up" and answer.json()["error"]["details"]["state"] == "stopped"


async def test_the_page_escapes_what_services_say(house):
    house.declare("web", None, state="failed", reason="<script>alert(1)</script>")
    await house.show("public")
    async with house.client(accept="text/html") as client:
        assert "<script>alert" not in (await client.get("/")).text


async def test_an_app_that_runs_and_does_not_listen_is_explained_and_found_when_it_does(house):
    """Attack row 24."""
    async with serving(echo) as port:
        pass
    house.declare("web", port)
    await house.show("public")
    async with house.client(accept="text/html") as client:
        page = await client.get("/")
        assert page.status_code == 503 and "0.0.0.0:8000" in page.text
        assert (await client.get("/.codeyard/status")).json()["ready"] is False
        async with serving(echo) as port:
            house.declare("web", port)
            assert (await client.get("/.codeyard/status")).json()["ready"] is True
            assert (await client.get("/")).status_code == 200


async def test_a_socket_to_what_is_not_up_is_refused_with_the_reason(house):
    house.declare("web", None, state="starting")
    await house.show("public")
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket("/"):
            pass
    assert refused.value.response.status_code == 503 and b"web is starting" in refused.value.response.body


async def test_ipv6_works(house):
    """Attack row 24."""

    async def hello(reader, writer):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nv6")

    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    async with speaking(hello, "::1") as port:
        house.declare("web", port, host="::1")
        await house.show("public")
        async with house.client() as client:
            assert (await client.get("/")).text == "v6"
