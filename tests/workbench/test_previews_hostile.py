"""Previews under attack: ports and addresses that no service has, requests and answers that lie about where they end, apps and
viewers that never do. Rows are those of the attack list."""

import asyncio
import contextlib
import logging

import pytest
from websockets.exceptions import InvalidStatus

from backend.workbench.previews import headers, hosts, located
from tests.workbench.previews_house import echo, head_of, opened, serving, speaking


@pytest.fixture
async def house(resources, app, ada):
    async with opened(resources, app, ada, per_viewer=8) as made:
        yield made


@pytest.fixture
async def web(house):
    async with serving(echo) as port:
        house.declare("web", port)
        await house.show("public")
        yield house


def one(house, head: str, body: bytes = b"") -> bytes:
    """A request in raw bytes; {host} stands for the preview's."""
    return head.replace("{host}", house.host()).replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    "label",
    ["web-0", "web--1", "web-65536", "web-22", "web-2375", "web-08000", "web-8000-1", "80@evil", "web-80@evil", "", "-", "--",
     "web-999999999999", "other", "WEB-22", "x" * 41, "web.evil", "web%2d22", "169.254.169.254"],
)  # fmt: skip
async def test_a_port_that_is_not_declared_is_not_there(web, label):
    """Attack row 22."""
    answer = await web.raw(one(web, f"GET / HTTP/1.1\nHost: {web.host(label)}\nConnection: close"))
    assert statuses(answer)[0] in (400, 401) and b'"method"' not in answer


@pytest.mark.parametrize("prefix", ["0000000000", "g" * 10, "", "0" * 9, "0" * 11, "0" * 32, "../../x"])
async def test_a_session_that_is_not_there_is_not_there(web, prefix):
    host = f"web--{prefix}.localhost:{web.port}"
    assert statuses(await web.raw(one(web, f"GET / HTTP/1.1\nHost: {host}\nConnection: close")))[0] in (400, 401)


@pytest.mark.parametrize(
    "address",
    [("169.254.169.254", 80), ("0.0.0.0", 80), ("127.0.0.1", 0), ("127.0.0.1", 70000), ("224.0.0.1", 80), ("::", 80),
     ("fe80::1", 80), ("::ffff:169.254.169.254", 80), ("evil.example", 80), ("127.0.0.1", 8300), ("::1", 8300),
     ("localhost", 8300), ("::ffff:127.0.0.1", 8300), ("127.1.2.3", 8300), ("255.255.255.255", 80)],
)  # fmt: skip
def test_an_address_that_no_service_has_is_refused_even_if_declared(address):
    """Attack row 22: the metadata service, this server itself, what is no address."""
    assert not located.is_a_service(address, {8300})
    assert located.is_a_service(("127.0.0.1", 5000), {8300}) and located.is_a_service(("172.18.0.3", 8300), {8300})


async def test_the_control_plane_s_own_port_is_no_service(house):
    """Attack row 22."""
    house.declare("web", house.port)
    await house.show("public")
    async with house.client() as client:
        assert (await client.get("/")).status_code == 404


async def test_redirects_are_the_viewer_s_to_follow(house):
    """Attack row 23."""
    asked = 0

    async def inside(reader, writer):
        nonlocal asked
        asked += 1

    async with speaking(inside) as internal:

        async def app(reader, writer):
            await head_of(reader)
            target = f"http://127.0.0.1:{internal}/".encode()
            writer.write(b"HTTP/1.1 302 Found\r\nlocation: " + target + b"\r\ncontent-length: 0\r\n\r\n")

        async with speaking(app) as port:
            house.declare("web", port)
            await house.show("public")
            async with house.client() as client:
                answer = await client.get("/")
    assert answer.status_code == 302 and asked == 0


async def test_hop_by_hop_headers_stay_here(web):
    """Attack row 25."""
    async with web.client() as client:
        sent = {"connection": "keep-alive, X-Auth, X-Forwarded-For, Host", "x-auth": "1", "te": "trailers", "keep-alive": "5",
                "proxy-authorization": "Basic eA==", "upgrade-insecure-requests": "1", "x-kept": "1"}  # fmt: skip
        told = dict((await client.get("/", headers=sent)).json()["headers"])
    assert told["x-kept"] == told["upgrade-insecure-requests"] == "1"
    assert told["x-forwarded-for"] == "127.0.0.1" and told["host"] == web.host()
    assert not {"x-auth", "te", "keep-alive", "proxy-authorization", "connection"} & set(told)


async def test_hop_by_hop_headers_of_an_app_stay_here_too(house):
    async def app(reader, writer):
        await head_of(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nconnection: x-inner\r\nx-inner: 1\r\nkeep-alive: timeout=5\r\ntrailer: x-t\r\n"
            b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n"
        )

    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            answer = await client.get("/")
    assert answer.text == "ok" and not {"x-inner", "keep-alive", "trailer", "x-t"} & set(answer.headers)


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("POST / HTTP/1.1\nHost: {host}\nContent-Length: 4\nTransfer-Encoding: chunked", b"0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n"),
        ("POST / HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\nContent-Length: 4", b"0\r\n\r\n"),
        ("POST / HTTP/1.1\nHost: {host}\nContent-Length: 4\nContent-Length: 5", b"abcde"),
        ("POST / HTTP/1.1\nHost: {host}\nContent-Length: +4", b"abcd"),
        ("POST / HTTP/1.1\nHost: {host}\nContent-Length: 4, 4", b"abcd"),
        ("POST / HTTP/1.1\nHost: {host}\nTransfer-Encoding: xchunked", b"0\r\n\r\n"),
        ("POST / HTTP/1.1\nHost: {host}\nTransfer-Encoding : chunked", b"0\r\n\r\n"),
        ("GET / HTTP/1.1\nHost: {host}\nHost: localhost", b""),
        ("GET / HTTP/1.1\nHost: {host}\nX-Folded: a\n b: c", b""),
        ("GET / HTTP/1.1\nHost: {host}\nX Y: 1", b""),
        ("GET / HTTP/1.1\nHost: {host}\nX: a\x00b", b""),
        ("TRACE / HTTP/1.1\nHost: {host}", b""),
        ("CONNECT {host} HTTP/1.1\nHost: {host}", b""),
        ("PRI * HTTP/2.0\nHost: {host}", b"SM\r\n\r\n"),
    ],
)  # fmt: skip
async def test_requests_that_two_readers_would_read_differently_are_refused(web, head, body):
    """Attack rows 25 and 26."""
    answer = await web.raw(one(web, head, body))
    assert statuses(answer), answer
    assert statuses(answer)[0] in (400, 405) and b'"method"' not in answer


async def test_a_length_of_zero_with_a_body_is_two_requests(web):
    """Attack row 25 (the shape of CVE-2024-41110): what follows is read as a request of its own, with its own checks."""
    smuggled = f"GET /smuggled HTTP/1.1\r\nHost: localhost:{web.port}\r\nConnection: close\r\n\r\n".encode()
    answer = await web.raw(one(web, "POST /a HTTP/1.1\nHost: {host}\nContent-Length: 0", smuggled))
    first, second = answer.split(b"HTTP/1.1 ")[1:]
    assert b'"path": "/a"' in first and b'"body": ""' in first
    assert second.startswith(b"404") and b"smuggled" not in first


async def test_an_absolute_form_goes_where_its_host_header_says_in_origin_form(web):
    """Attack row 25."""
    answer = await web.raw(one(web, "GET http://127.0.0.1:1/inner HTTP/1.1\nHost: {host}\nConnection: close"))
    assert statuses(answer) == [200] and b'"path": "/inner"' in answer


async def test_trailers_of_a_request_cannot_add_headers(web):
    """Attack row 25."""
    body = b"3\r\nabc\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\nCookie: codeyard=x\r\n\r\n"
    answer = await web.raw(
        one(web, "POST / HTTP/1.1\nHost: {host}\nTransfer-Encoding: chunked\nConnection: close", body)
    )
    assert b"6.6.6.6" not in answer and b"codeyard=" not in answer


@pytest.mark.parametrize("protocol", ["h2c", "tcp", "TLS/1.0"])
async def test_other_upgrades_are_not_passed_on(web, protocol):
    """Attack row 26."""
    head = f"GET / HTTP/1.1\nHost: {{host}}\nConnection: Upgrade, HTTP2-Settings\nUpgrade: {protocol}\nHTTP2-Settings: AAMAAABk"
    answer = await web.raw(one(web, head))
    assert statuses(answer)[0] == 200 and b"upgrade" not in answer.lower().split(b"\r\n\r\n", 1)[1]


async def test_a_service_worker_is_of_its_own_origin(web):
    """Attack row 27: there is no path of ours under which an app is served."""
    async with web.client(host=f"localhost:{web.port}") as client:
        for path in ("/preview/web", "/api/v1/preview/web", f"/web--{web.prefix}", "/proxy/8000/", "/.codeyard/status"):
            assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x01b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 30_000 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"",
        b"\x00" * 100_000,
    ],
)  # fmt: skip
async def test_an_app_that_does_not_speak_http_is_a_bad_gateway(house, answer):
    """Attack row 29: endless headers among them."""

    async def app(reader, writer):
        await head_of(reader)
        writer.write(answer)
        await writer.drain()
        writer.write_eof()

    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            got = await client.get("/")
    assert got.status_code == 502 and got.json()["error"]["code"] == "bad_gateway"


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
     b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
     b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
     b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"t: " + b"x" * 100_000],
)  # fmt: skip
async def test_an_answer_that_breaks_off_is_seen_to(house, answer, caplog):
    """A viewer must not take half a file for a whole one."""

    async def app(reader, writer):
        await head_of(reader)
        writer.write(answer)
        await writer.drain()

    caplog.set_level(logging.CRITICAL)
    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            with pytest.raises(Exception, match=r"incomplete|closed|disconnected"):
                await client.get("/")


async def test_an_app_that_never_answers_is_given_up(house):
    """Attack row 29."""
    house.gate._answer_seconds = 0.3
    gone = asyncio.Event()

    async def app(reader, writer):
        await head_of(reader)
        await reader.read()
        gone.set()

    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            answer = await client.get("/")
        await asyncio.wait_for(gone.wait(), 30)
    assert answer.status_code == 504


async def test_an_app_that_dribbles_its_headers_is_given_up(house):
    """Attack row 29: slow-loris from the app's side."""
    house.gate._answer_seconds = 0.3

    async def app(reader, writer):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            assert (await client.get("/")).status_code == 504


async def test_an_app_is_left_when_its_viewer_leaves(house):
    """Attack row 29: what never ends, ends with whoever looks."""
    asked, gone = asyncio.Event(), asyncio.Event()

    async def app(reader, writer):
        await head_of(reader)
        asked.set()
        await reader.read()
        gone.set()

    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        _, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(one(house, "GET / HTTP/1.1\nHost: {host}"))
        await asked.wait()
        writer.close()
        await asyncio.wait_for(gone.wait(), 30)


async def test_a_viewer_has_a_bounded_number_open_and_others_are_not_in_the_way(house):
    """Attack row 29."""
    release = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await release.wait()
        await send({"type": "http.response.body", "body": b""})

    async with serving(app) as port, contextlib.AsyncExitStack() as stack:
        house.declare("web", port)
        await house.show("public")
        client = await stack.enter_async_context(house.client())
        for _ in range(8):
            await stack.enter_async_context(client.stream("GET", "/"))
        ninth = await client.get("/")
        assert ninth.status_code == 429 and ninth.headers["retry-after"] == "1"
        with pytest.raises(InvalidStatus) as refused:
            async with house.socket("/"):
                pass
        assert refused.value.response.status_code == 429
        release.set()
    async with serving(echo) as port:
        house.declare("web", port)
        async with house.client() as client:
            assert (await client.get("/")).status_code == 200
    assert not house.gate._busy


async def test_a_connection_is_never_lent_to_another_session_s_app(house):
    """Two sessions at one address after another: what one left open is not the other's."""
    opened_by = []

    async def app(reader, writer):
        opened_by.append(len(opened_by))
        while True:
            await head_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n" + str(opened_by[-1]).encode())

    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            assert (await client.get("/")).text == "0"
            from backend.core.db import new_id

            other = new_id()
            declared = house.declare("web", port)
            house.declared[house.prefix, "web", None] = type(declared)(
                **{name: getattr(declared, name) for name in declared.__struct_fields__} | {"session_id": other}
            )
            house.gate.places.clear()
            house.gate.places._places._ask = _public(house)
            assert (await client.get("/")).text == "1"


def _public(house):
    from backend.workbench.previews.models import Visibility
    from backend.workbench.previews.places import Place

    async def ask(host):
        return Place(house.declared[house.prefix, "web", None], Visibility.PUBLIC, None)

    return ask


async def test_bytes_after_an_answer_are_not_the_next_one(house):
    """An app cannot answer a question that was not asked yet."""

    async def app(reader, writer):
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
        await writer.drain()
        with contextlib.suppress(Exception):
            await head_of(reader)

    async with speaking(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            for _ in range(3):
                answer = await client.get("/")
                assert answer.status_code in (200, 502) and "evil" not in answer.text


async def test_hosts_are_read_strictly():
    def read(text):
        host = hosts.parse(text.encode("latin-1"), "previews.example.com")
        return host and host.candidates()

    assert read("web--0123456789.previews.example.com") == [("web", None)]
    assert read("WEB--0123456789.Previews.Example.COM.:443") == [("web", None)]
    assert read("web-8080--0123456789.previews.example.com") == [("web-8080", None), ("web", 8080)]
    assert read(f"{'x' * 40}-65535--0123456789.previews.example.com") == [("x" * 40, 65535)]
    for none in ("web--0123456789.previews.example.com.evil.com", "previews.example.com", "web.previews.example.com",
                 "evilpreviews.example.com", "web--0123456789previews.example.com"):  # fmt: skip
        assert read(none) is None, none
    for empty in ("a.web--0123456789", "web--0123456789.x", "web---0123456789", "a--b--0123456789", "web--012345678z"):
        assert read(f"{empty}.previews.example.com") == [], empty
    assert read("web--0123456789.previews.example.com:80@evil") == []


def test_headers_with_underscores_are_no_way_around():
    sent = headers.Sent([(b"host", b"x"), (b"x_forwarded_host", b"evil"), (b"x_codeyard_key", b"y"), (b"my_own", b"1")])
    assert sent.passed == [(b"my_own", b"1")]
