"""Which headers pass between a viewer and an app, and which are ours, the connection's, or a peer's to lie with."""

import re
from collections.abc import Iterable

from backend.core.crypto import KEY_PREFIX
from backend.core.errors import BadRequest
from backend.workbench.previews.upstream import BadAnswer, Headers

CONTROL_COOKIES = (b"codeyard", b"__host-codeyard", b"codeyard-browser", b"__host-codeyard-browser")
PASS_COOKIES = (b"codeyard-preview", b"__host-codeyard-preview")
KEY_HEADER = b"x-codeyard-key"

_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade", b"http2-settings")
)  # fmt: skip
"""RFC 9110 §7.6.1: about this connection, not about what is carried."""
_OURS = frozenset((b"host", b"forwarded", b"x-real-ip", b"content-length", b"expect"))
_SOCKET = frozenset(
    (b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-accept")
)
_BEARER = b"bearer " + KEY_PREFIX.split("_")[0].encode() + b"_"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ANCESTORS = re.compile(rb";\s*frame-ancestors[^;,]*|(^|,)\s*frame-ancestors[^;,]*;?", re.IGNORECASE)


class BadRequestHeaders(BadRequest):
    """The request's headers contradict each other."""


class Sent:
    """A viewer's request headers, sorted once: what goes to the app, and what is for us."""

    __slots__ = ("accept", "cookies", "fetch", "hosts", "key", "length", "opens_socket", "origin", "passed", "streamed")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.passed: Headers = []
        self.hosts: list[bytes] = []
        self.cookies: list[bytes] = []
        self.fetch: dict[bytes, bytes] = {}
        self.length: bytes | None = None
        self.streamed = self.opens_socket = False
        self.key = self.origin = self.accept = b""
        nominated: set[bytes] = set()
        for name, value in headers:
            if name == b"cookie":
                self.cookies.append(value)
            elif name == b"host":
                self.hosts.append(value)
            elif name == b"content-length":
                if self.length not in (None, value) or not value.isdigit():
                    raise BadRequestHeaders("Two different Content-Length, or one that is no number.")
                self.length = value
            elif name == b"transfer-encoding":
                self.streamed = True
            elif name == b"connection":
                nominated.update(word.strip().lower() for word in value.split(b","))
            elif name == KEY_HEADER:
                self.key = value
            elif not self._drops(name, value):
                self.passed.append((name, value))
                if name == b"origin":
                    self.origin = value
                elif name == b"accept":
                    self.accept = value
                elif name.startswith(b"sec-fetch-"):
                    self.fetch[name[10:]] = value
                elif name == b"sec-websocket-key":
                    self.opens_socket = True
        if nominated:
            self.passed = [(name, value) for name, value in self.passed if name not in nominated]
        if self.length is not None and self.streamed:
            raise BadRequestHeaders("Content-Length and Transfer-Encoding contradict each other (RFC 9112 §6.1).")
        if len(self.hosts) != 1:
            raise BadRequestHeaders("A request has one Host.")

    @staticmethod
    def _drops(name: bytes, value: bytes) -> bool:
        if b"_" in name:  # WSGI and CGI apps cannot tell it from the same name with a hyphen
            name = name.replace(b"_", b"-")
        return (
            name in _HOP
            or name in _OURS
            or name.startswith((b"x-forwarded-", b"x-codeyard-"))
            or (name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER)
        )

    def passes(self) -> list[str]:
        """The values of our own cookie, of whatever origin: only one that verifies counts."""
        return [
            value.strip().decode("latin-1")
            for header in self.cookies
            if b"codeyard" in header
            for name, _, value in (part.partition(b"=") for part in header.split(b";"))
            if name.strip().lower() in PASS_COOKIES
        ]

    def for_app(self, *, host: bytes, address: str, scheme: str, csrf_token: str, socket: bool = False) -> Headers:
        """What the app is told: the viewer's own headers less ours, and where the request came from by our word alone."""
        shown: Headers = [(b"host", host)]
        for name, value in self.passed:
            if name == b"x-csrf-token" and csrf_token and value == csrf_token.encode():
                continue
            if socket and name in _SOCKET:
                continue
            shown.append((name, value))
        cookie = b"; ".join(filter(None, map(without_ours, self.cookies)))
        if cookie:
            shown.append((b"cookie", cookie))
        shown.append((b"x-forwarded-for", address.encode()))
        shown.append((b"x-forwarded-proto", scheme.encode()))
        shown.append((b"x-forwarded-host", host))
        return shown


def without_ours(cookies: bytes) -> bytes:
    """A Cookie header less the names that are ours, nameless ones that imitate them (`=codeyard=x`) included."""
    if b"codeyard" not in cookies.lower():
        return cookies.strip()
    kept = (part.strip() for part in cookies.split(b";"))
    return b"; ".join(part for part in kept if part and not _is_ours(part))


def _is_ours(pair: bytes) -> bool:
    name = pair.lstrip(b" \t=").partition(b"=")[0].strip().lower()
    return name in CONTROL_COOKIES or name in PASS_COOKIES


def request_line(method: str, raw_path: bytes, query: bytes) -> bytes:
    """In origin form, whatever form it came in."""
    target = raw_path if raw_path.startswith(b"/") else b"/" + raw_path
    return method.encode() + b" " + target + (b"?" + query if query else b"") + b" HTTP/1.1\r\n"


def encode(headers: Headers) -> bytes:
    return b"".join([name + b": " + value + b"\r\n" for name, value in headers])


def from_app(status: int, headers: Headers, *, host: str, ancestors: bytes, private: bool) -> Headers:
    """What the viewer gets of an app's answer. `ancestors` may frame it: nobody else where it is private, and they too where
    the app allows itself alone. Raises BadAnswer where a header is none."""
    nominated: set[bytes] = set()
    for name, value in headers:
        if _BAD_VALUE.search(value) or not _TOKEN.fullmatch(name):
            raise BadAnswer("one of its headers holds characters that none may")
        if name == b"connection":
            nominated.update(word.strip().lower() for word in value.split(b","))
    bodiless = status in (204, 304)
    shown: Headers = []
    framing = private
    for name, value in headers:
        if name in _HOP or name in nominated or name.startswith(b"x-codeyard-"):
            continue
        if name == b"content-length" and bodiless:
            continue
        if name == b"set-cookie" and not may_set(value, host):
            continue
        if name == b"x-frame-options":
            framing = True
            continue
        if name == b"content-security-policy" and _ANCESTORS.search(value):
            framing = True
            value = _ANCESTORS.sub(lambda found: found[1] or b"", value).strip(b";, ")
            if not value:
                continue
        shown.append((name, value))
    if framing:
        shown.append((b"content-security-policy", b"frame-ancestors " + ancestors))
    return shown


def may_set(cookie: bytes, host: str) -> bool:
    """Whether an app at `host` may set this: no name of ours, and for no other host than its own."""
    pair, *attributes = cookie.split(b";")
    if _is_ours(pair):
        return False
    for attribute in attributes:
        name, _, value = attribute.partition(b"=")
        if name.strip().lower() == b"domain":
            domain = value.strip().lstrip(b".").lower()
            if domain and domain != host.encode():
                return False
    return True
