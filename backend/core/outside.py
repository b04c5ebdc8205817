"""Other people's servers: which addresses this one may talk to, and an HTTP client that talks to no others.

A stranger names the host (a clone's, a webhook's, a provider's), so a name is resolved here, every address that it has must
be public, and the connection goes to the very address that was checked: a name that answers differently a moment later (DNS
rebinding) gains nothing. Redirects are never followed by themselves.
"""

import asyncio
import ipaddress
import json
import socket
import ssl
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore
import httpx
from httpcore import SOCKET_OPTION, AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream

AGENT = "Codeyard"
_V4_INSIDE = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))


class NotPublic(OSError):
    """The host has an address in a private network."""


def is_not_public(error: BaseException | None) -> bool:
    """Whether it is why a request of `client` failed. (httpcore's pool keeps an error's context alone.)"""
    return error is not None and (isinstance(error, NotPublic) or is_not_public(error.__cause__ or error.__context__))


class TooLong(Exception):
    """The answer is longer than the caller takes."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; IPv4 inside of IPv6 (mapped, 6to4, NAT64) is judged as IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and any(found in network for network in _V4_INSIDE):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = inner or found
    return found.is_global and not found.is_multicast


async def resolve(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The addresses of `host`. One private answer among them is enough to refuse all. Raises NotPublic, OSError."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host[:100]} is not a host name") from error
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if not allow_private and not all(map(is_public, addresses)):
        raise NotPublic(f"{host} lies in a private network")
    return addresses


class _Checked(AsyncNetworkBackend):
    """Connects to the addresses that `resolve` let through, and to nothing by name. TLS still names and checks the host."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        try:
            addresses = await resolve(host, port, allow_private=self._allow_private)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@cache
def _tls() -> ssl.SSLContext:
    """One for all: reading the machine's certificates takes 20 ms."""
    return ssl.create_default_context()


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's own, over a pool whose connections are checked."""

    def __init__(self, *, allow_private: bool, connections: int) -> None:
        super().__init__(verify=_tls(), trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(  # httpx has no parameter for the backend; httpcore's is public
            ssl_context=_tls(),
            max_connections=connections,
            max_keepalive_connections=connections // 2,
            keepalive_expiry=15,
            network_backend=_Checked(allow_private=allow_private),
        )


def client(*, allow_private: bool, connections: int = 32, timeout: float = 15) -> httpx.AsyncClient:
    """An HTTP client for addresses that strangers gave: no redirect, no proxy, no cookie kept between requests that matters,
    `timeout` seconds for each step of an exchange. Bound the whole with `asyncio.timeout`, the answer with `read`."""
    return httpx.AsyncClient(
        transport=_Transport(allow_private=allow_private, connections=connections),
        follow_redirects=False,
        trust_env=False,
        timeout=timeout,
        headers={"user-agent": AGENT},
    )


async def read(answer: httpx.Response, *, most: int) -> bytes:
    """The body of a streamed answer. Raises TooLong after `most` bytes of it, unpacked ones counted."""
    held = bytearray()
    async for piece in answer.aiter_bytes(64 * 1024):
        held += piece
        if len(held) > most:
            raise TooLong
    return bytes(held)


async def head(answer: httpx.Response, *, most: int) -> bytes:
    """The first `most` bytes of a streamed answer's body as they came over the wire; the rest is not read."""
    held = bytearray()
    async for piece in answer.aiter_raw(4096):
        held += piece
        if len(held) >= most:
            break
    return bytes(held[:most])


def decoded(body: bytes) -> Any:
    """JSON of a stranger. Raises ValueError, for what is nested too deeply too."""
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_plain_url(url: str) -> bool:
    """Whether `url` is http(s) with a host, without credentials, spaces, or anything that two parsers read differently."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    clean = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    return clean and parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc and not parts.fragment
