"""Addresses of strangers: which are public, and a client that connects to what was checked and to nothing else."""

import asyncio
import contextlib
import socket

import httpx
import pytest

from backend.core import outside


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
     "::7f00:1", "ff02::1"],
)  # fmt: skip
def test_private_addresses_are_not_public(address):
    """Attack rows 35, 61 and 62."""
    assert not outside.is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_public_ones_are(address):
    assert outside.is_public(address)


@pytest.mark.parametrize(
    "url",
    ["http://a@b/", "http:///x", "ftp://a/", "http://a b/", "http://a\n/", "//a/", "http://[::1/", "http://a:99999/", "http://a\\@b/",
     "http://a/#b", "javascript:alert(1)", "http://ä/"],
)  # fmt: skip
def test_urls_that_two_parsers_would_read_differently_are_not_plain(url):
    assert not outside.is_plain_url(url)


@pytest.fixture
async def server():
    """Counts who connects; answers 200 with ten bytes a chunk, for ever."""
    seen = []

    async def answer(reader, writer):
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                writer.write(b"a\r\n0123456789\r\n" * 1000)
                await writer.drain()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1], seen


async def test_a_private_address_is_refused_before_anything_is_sent(server):
    port, seen = server
    async with outside.client(allow_private=False) as client:
        for host in ("127.0.0.1", "localhost", "localhost.", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://{host}:{port}/")
    assert seen == []


async def test_the_connection_goes_to_the_address_that_was_checked(server, monkeypatch):
    """Attack row 61, DNS rebinding: a name is asked once, and its second answer never."""
    port, seen = server
    loop = asyncio.get_running_loop()
    asked = []
    real = loop.getaddrinfo

    async def rebind(host, *args, **kwargs):
        if host != "rebind.example":
            return await real(host, *args, **kwargs)
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "192.0.2.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebind)
    async with outside.client(allow_private=True) as client:
        async with client.stream("GET", f"http://rebind.example:{port}/") as answer:
            assert await outside.head(answer, most=25) == b"0123456789012345678901234"
    assert asked == ["rebind.example"] and b"host: rebind.example" in seen[0].lower()


async def test_an_endless_answer_is_read_only_so_far(server):
    port, _ = server
    async with outside.client(allow_private=True) as client:
        async with client.stream("GET", f"http://127.0.0.1:{port}/") as answer:
            with pytest.raises(outside.TooLong):
                await outside.read(answer, most=100_000)
