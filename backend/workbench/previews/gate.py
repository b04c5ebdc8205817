"""The gate: takes the requests whose Host is a preview's, lets in who may see it, and hands them to the app.

It stands before the application, which sees nothing of these requests. Whoever may not see a preview and whoever asks for one
that does not exist get the same answer, at the same time: refusals leave on the next `beat`.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import quote
from uuid import UUID

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send, WebSocketScope

from backend.core import crypto
from backend.core.db import is_away, unavailable
from backend.core.errors import AppError, Unavailable
from backend.core.resources import Resources
from backend.workbench.previews import entry, headers, hosts, pages, sockets
from backend.workbench.previews.answers import (
    ANSWERED,
    BadEntry,
    BadGateway,
    ForeignPage,
    GatewayTimeout,
    NoSuchPreview,
    NotForProxies,
    RequestTimeout,
    SignInFirst,
    TooManyAtOnce,
    answer,
    answer_error,
    beat,
    deny,
    deny_with,
)
from backend.workbench.previews.exchange import Exchange, Left, NoAnswer, Unreachable
from backend.workbench.previews.headers import Sent
from backend.workbench.previews.hosts import Host
from backend.workbench.previews.located import Locate, Located, is_a_service
from backend.workbench.previews.models import Visibility
from backend.workbench.previews.places import Place, Places
from backend.workbench.previews.repository import Viewer
from backend.workbench.previews.reviewer import Reviewer
from backend.workbench.previews.signing import Claims, claims_for
from backend.workbench.previews.upstream import BadAnswer, Gone, Headers, Pool

log = logging.getLogger(__name__)

OWN = "/.codeyard/"
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE", "PROPFIND", "REPORT", "MKCOL", "COPY", "MOVE", "SEARCH", "QUERY"}
_FRAMING = frozenset((b"content-length", b"connection", b"upgrade", b"transfer-encoding"))


class Visit(NamedTuple):
    """One request, understood: who asks (`claims` and `viewer` where somebody is known), and for what."""

    host: Host
    scheme: str
    sent: Sent
    place: Place
    claims: Claims | None
    viewer: Viewer | None
    ancestors: bytes

    @property
    def private(self) -> bool:
        return self.place.visibility is not Visibility.PUBLIC


class PreviewGate:
    """Wraps the application: `PreviewGate(app, resources, locate)`."""

    def __init__(
        self,
        app: ASGIApp,
        resources: Resources,
        locate: Locate,
        *,
        answer_seconds: float = 120.0,
        per_viewer: int = 256,
        per_service: int = 1024,
    ) -> None:
        self.app = app
        self.places = Places(resources, locate)
        self._resources = resources
        self._domain = resources.settings.preview_domain.lower()
        self._pool = Pool()
        self._reviewer = Reviewer(resources, self.places)
        self._answer_seconds = answer_seconds
        self._limits = (per_viewer, per_service)
        self._busy: Counter[object] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":  # type: ignore[comparison-overlap]  # Litestar leaves it out
            for name, value in scope["headers"]:
                if name == b"host" and b"--" in value and (host := hosts.parse(value, self._domain)):
                    if scope["type"] == ScopeType.HTTP:
                        await self._request(scope, receive, send, host)
                    else:
                        await self._socket(scope, receive, send, host)
                    return
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self.close()

    def close(self) -> None:
        """Lets go of what is kept alive between requests."""
        self._pool.close()
        self._reviewer.close()

    # HTTP

    async def _request(self, scope: HTTPScope, receive: Receive, send: Send, host: Host) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        exchange = None
        ancestors = self._ancestors(host, self._scheme(scope))
        html = False
        try:
            if scope["method"] not in _METHODS:
                raise NotForProxies
            sent = Sent(scope["headers"])
            asked = scope["path"]
            if asked == OWN + "check":
                scope = _asked_of_proxy(scope)
            html = _is_navigation(scope, sent)
            if asked == OWN + "entry":
                await self._enter(scope, send, host)
                return
            visit = await self._visit(scope, sent, host, ancestors)
            if asked == OWN + "check":  # a proxy carries the traffic itself
                with self._resources.attendance.present(str(visit.place.located.session_id)):
                    pass
            if asked.startswith(OWN):
                await self._own(scope, send, visit, asked)
                return
            exchange = await self._carry(scope, receive, send, visit)
        except SignInFirst as error:
            await beat(began)
            if html:
                await self._to_entry(scope, send, host)
            else:
                await answer_error(send, error, ancestors, html=False)
        except NoSuchPreview as error:
            await beat(began)
            await answer_error(send, error, ancestors, html=html)
        except AppError as error:
            await answer_error(send, error, ancestors, html=html)
        except Exception as error:
            if exchange is not None or not is_away(error):
                raise
            await answer_error(send, unavailable(), ancestors, html=html)

    async def _visit(self, scope: HTTPScope | WebSocketScope, sent: Sent, host: Host, ancestors: bytes) -> Visit:
        """Who asks for what, if they may see it. Raises SignInFirst, NoSuchPreview, ForeignPage."""
        place = await self.places.find(host)
        claims = await self._claims(sent, host)
        if claims is None and not (place and place.visibility is Visibility.PUBLIC):
            raise SignInFirst
        if place is None:
            raise NoSuchPreview
        viewer = await self.places.viewer(place, claims) if claims is not None else None
        if viewer is None and place.visibility is not Visibility.PUBLIC:
            raise SignInFirst
        if not place.open_to(viewer):
            raise NoSuchPreview
        visit = Visit(host, self._scheme(scope), sent, place, claims if viewer else None, viewer, ancestors)
        if visit.private and not sent.key:
            _check_page(scope, visit)
        return visit

    async def _claims(self, sent: Sent, host: Host) -> Claims | None:
        if sent.key:
            key = sent.key.decode("latin-1")
            key_id = await self.places.key_id(key) if crypto.is_key(key) else None
            return claims_for(host.name, "key", key_id, seconds=60) if key_id is not None else None
        for value in sent.passes():
            claims = await self.places.signer.verify("pass", value, host.name)
            if claims is not None:
                return claims
        return None

    async def _carry(self, scope: HTTPScope, receive: Receive, send: Send, visit: Visit) -> Exchange | None:
        located = visit.place.located
        address = self._reachable(located, scope)
        if address is None:
            await self._wait(scope, send, visit, *_waiting_for(located))
            return None
        head = headers.request_line(scope["method"], scope["raw_path"], scope["query_string"]) + headers.encode(
            visit.sent.for_app(
                host=visit.host.shown.encode(),
                address=_client(scope),
                scheme=visit.scheme,
                csrf_token=visit.viewer.csrf_token if visit.viewer else "",
            )
        )

        def translate(status: int, got: Headers) -> Headers:
            ANSWERED.labels(str(status)).inc()
            return headers.from_app(status, got, host=visit.host.name, ancestors=visit.ancestors, private=visit.private)

        key = (located.session_id, address)
        with self._bounded(scope, visit), contextlib.ExitStack() as lasting:
            exchange = Exchange(self._pool, key, address, scope, receive, send)

            def long(found: Exchange) -> None:
                lasting.enter_context(self._reviewer.watching(visit.host, visit.claims, found.end, holds_up=True))

            try:
                await exchange.run(head, visit.sent, translate, answer_seconds=self._answer_seconds, lasting=long)
            except (Unreachable, BadAnswer, Gone, NoAnswer, Left) as error:
                if not exchange.started:
                    await self._failed(scope, send, visit, error)
                else:
                    log.debug("an app's answer broke off: %s", error)
        return exchange

    async def _failed(self, scope: HTTPScope, send: Send, visit: Visit, error: Exception) -> None:
        html = _is_navigation(scope, visit.sent)
        port = visit.place.located.port
        if isinstance(error, Unreachable):
            self.places.forget(visit.host)
            await self._wait(scope, send, visit, *_not_listening(visit.place.located))
        elif isinstance(error, NoAnswer):
            told: AppError = GatewayTimeout(
                f"The app took the request and has not answered for {self._answer_seconds:.0f} seconds."
            )
            await answer_error(send, told, visit.ancestors, html=html)
        elif isinstance(error, Left):
            await answer_error(send, RequestTimeout(), visit.ancestors, html=False)
        elif isinstance(error, Gone):
            told = BadGateway(f"The app closed the connection before it answered: does it speak HTTP on port {port}?")
            await answer_error(send, told, visit.ancestors, html=html)
        else:
            await answer_error(
                send, BadGateway(f"The app's answer cannot be used: {error}."), visit.ancestors, html=html
            )

    async def _wait(self, scope: HTTPScope, send: Send, visit: Visit, title: str, reason: str) -> None:
        if _is_navigation(scope, visit.sent):
            sent, body = pages.waiting(title, reason, visit.ancestors)
        else:
            located = visit.place.located
            sent, body = pages.error("not_up", f"{title}. {reason}", state=located.state, service=located.service)
        await answer(send, 503, [*sent, (b"retry-after", b"1")], body)

    # What is ours on a preview's origin

    async def _own(self, scope: HTTPScope, send: Send, visit: Visit, asked: str) -> None:
        """status: what the waiting page asks. check: a proxy that carries the data itself asks who may, and where to. wait: what
        that proxy shows when nothing answers there."""
        located = visit.place.located
        address = self._reachable(located, scope)
        if asked == OWN + "check" and address is not None:
            at = f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
            await answer(send, 200, [(b"x-codeyard-upstream", at.encode())], b"")
            return
        if asked == OWN + "wait" or asked == OWN + "check":
            await self._wait(
                scope, send, visit, *(_waiting_for(located) if address is None else _not_listening(located))
            )
            return
        if asked != OWN + "status":
            raise NoSuchPreview
        title, reason = _waiting_for(located) if address is None else _not_listening(located)
        ready = address is not None and await _listens(address)
        sent, body = pages.status(located.state, ready=ready, title=title, reason=reason)
        await answer(send, 200, sent, body)

    async def _enter(self, scope: HTTPScope, send: Send, host: Host) -> None:
        """Takes an entry token and gives a pass for it, once."""
        found = await entry.redeem(self._resources, self.places, host, scope["query_string"])
        if found is None:
            raise BadEntry
        token, path = found
        scheme = self._scheme(scope)
        framed = any(name == b"sec-fetch-dest" and value == b"iframe" for name, value in scope["headers"])
        sent = [
            (b"set-cookie", entry.cookie(token, secure=scheme == "https", framed=framed).encode()),
            (b"location", f"{scheme}://{host.shown}{path}".encode()),
        ]
        await answer(send, 303, sent, b"")

    async def _to_entry(self, scope: HTTPScope, send: Send, host: Host) -> None:
        scheme = self._scheme(scope)
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        here = f"{scheme}://{host.shown}{(scope['raw_path'] + query).decode('latin-1')}"
        control = hosts.control_origins(self._resources.settings, host, scheme)[0]
        location = f"{control}/api/v1/preview-entry?to={quote(here[:4000], safe='')}"
        await answer(send, 303, [(b"location", location.encode())], b"")

    # WebSockets

    async def _socket(self, scope: WebSocketScope, receive: Receive, send: Send, host: Host) -> None:
        began = asyncio.get_running_loop().time()
        await receive()  # websocket.connect
        ancestors = self._ancestors(host, self._scheme(scope))
        try:
            sent = Sent(scope["headers"])
            visit = await self._visit(scope, sent, host, ancestors)
            address = self._reachable(visit.place.located, scope)
            if address is None:
                raise Unavailable(". ".join(_waiting_for(visit.place.located)))
            with self._bounded(scope, visit):
                await self._carry_socket(scope, receive, send, visit, address)
        except (SignInFirst, NoSuchPreview) as error:
            await beat(began)
            await deny(send, error)
        except AppError as error:
            await deny(send, error)
        except Exception as error:
            if not is_away(error):
                raise
            await deny(send, Unavailable())

    async def _carry_socket(
        self, scope: WebSocketScope, receive: Receive, send: Send, visit: Visit, address: tuple[str, int]
    ) -> None:
        shown = visit.sent.for_app(
            host=visit.host.shown.encode(),
            address=_client(scope),
            scheme=visit.scheme,
            csrf_token=visit.viewer.csrf_token if visit.viewer else "",
            socket=True,
        )
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        path = (scope["raw_path"] + query).decode("latin-1")
        try:
            app = await sockets.connect(address, path, shown, list(scope["subprotocols"]))
        except sockets.NoSocket as error:
            await self._refused_by_app(send, visit, error)
            return
        except (OSError, TimeoutError):
            self.places.forget(visit.host)
            raise Unavailable(". ".join(_not_listening(visit.place.located))) from None
        got = [(n.lower().encode(), v.encode("latin-1", "replace")) for n, v in app.opened.result().headers.raw_items()]
        kept = headers.from_app(101, got, host=visit.host.name, ancestors=visit.ancestors, private=False)
        accept = {
            "type": "websocket.accept",
            "subprotocol": app.protocol.subprotocol,
            "headers": [(n, v) for n, v in kept if not n.startswith(b"sec-websocket-") and n not in _FRAMING],
        }
        ANSWERED.labels("101").inc()
        task = cast("asyncio.Task[None]", asyncio.current_task())
        over = False

        def end() -> None:
            nonlocal over
            over = True
            task.cancel()

        try:
            with self._reviewer.watching(visit.host, visit.claims, end):
                await send(cast(Any, accept))
                await sockets.relay(app, receive, send)
        except asyncio.CancelledError:
            if not over or task.uncancel() > 0:
                raise
            await send({"type": "websocket.close", "code": 4403, "reason": "Your access changed: connect again."})
        finally:
            app.close(1001)

    async def _refused_by_app(self, send: Send, visit: Visit, error: sockets.NoSocket) -> None:
        if error.response is None or not 200 <= error.response.status_code <= 599:
            raise BadGateway(f"The app did not open a socket: {error}.")
        refusal = error.response
        got = [(n.lower().encode(), v.encode("latin-1", "replace")) for n, v in refusal.headers.raw_items()]
        kept = headers.from_app(
            refusal.status_code, got, host=visit.host.name, ancestors=visit.ancestors, private=visit.private
        )
        await deny_with(
            send, refusal.status_code, [one for one in kept if one[0] not in _FRAMING], bytes(refusal.body or b"")
        )

    # Small things

    def _scheme(self, scope: HTTPScope | WebSocketScope) -> str:
        """http or https, as browsers reach us."""
        if self._resources.settings.public_url:
            return "https" if self._resources.settings.public_url.startswith("https://") else "http"
        return "https" if scope["scheme"] in ("https", "wss") else "http"

    def _ancestors(self, host: Host, scheme: str) -> bytes:
        """Who may frame a preview: itself, and the control plane's preview pane."""
        return " ".join(["'self'", *hosts.control_origins(self._resources.settings, host, scheme)]).encode()

    def _reachable(self, located: Located, scope: HTTPScope | WebSocketScope) -> tuple[str, int] | None:
        """The address, unless it is one that no service of a session can have. Attack row 22."""
        if located.address is None:
            return None
        server = scope.get("server")
        own = {self._resources.settings.port, (server[1] if server else None) or 0}
        if not is_a_service(located.address, own):
            raise NoSuchPreview
        return located.address

    @contextlib.contextmanager
    def _bounded(self, scope: HTTPScope | WebSocketScope, visit: Visit) -> Iterator[None]:
        """Counts what is open by viewer and by service. Raises TooManyAtOnce. Attack row 29."""
        who: UUID | str = visit.viewer.id if visit.viewer else _client(scope)
        counted = ((who, self._limits[0]), (visit.place.located.service_id, self._limits[1]))
        for key, limit in counted:
            if self._busy[key] >= limit:
                raise TooManyAtOnce(headers={"Retry-After": "1"})
        for key, _ in counted:
            self._busy[key] += 1
        try:
            with self._resources.attendance.present(str(visit.place.located.session_id)):
                yield
        finally:
            for key, _ in counted:
                self._busy[key] -= 1
                if not self._busy[key]:
                    del self._busy[key]


def _check_page(scope: HTTPScope | WebSocketScope, visit: Visit) -> None:
    """A browser carries the pass wherever a page sends it: what changes something, reads across sites or opens a socket must
    come from the preview's own page, or from a sibling's of the same session. Raises ForeignPage. Attack row 1."""
    origin = visit.sent.origin.decode("latin-1").lower()
    own = f"{visit.scheme}://{visit.host.shown}"
    if scope["type"] == ScopeType.WEBSOCKET or visit.sent.opens_socket:
        if origin != own:
            raise ForeignPage("A socket to a preview that is not public must come from the preview's own page.")
        return
    tail = own.partition("--")[2]
    if origin == own or (origin.startswith(f"{visit.scheme}://") and origin.partition("--")[2] == tail):
        return
    # Only over TLS or to localhost do browsers say how they ask; no GET that opens a page has an Origin.
    site = visit.sent.fetch.get(b"site", b"none")
    mode = visit.sent.fetch.get(b"mode", b"cors" if origin else b"navigate")
    foreign = bool(origin) or site not in (b"none", b"same-origin")
    if foreign and (scope["method"] not in _SAFE or mode != b"navigate"):
        raise ForeignPage


def _asked_of_proxy(scope: HTTPScope) -> HTTPScope:
    """The request that a proxy asks about (`X-Forwarded-Method` and `-Uri`, as forward auth has them), for its checks."""
    told = {name: value for name, value in scope["headers"] if name in (b"x-forwarded-method", b"x-forwarded-uri")}
    path, _, query = told.get(b"x-forwarded-uri", b"/").partition(b"?")
    method = told.get(b"x-forwarded-method", b"GET").decode("latin-1")
    asked: Any = {**scope, "method": method, "path": "/", "raw_path": path, "query_string": query}
    return cast(HTTPScope, asked)


def _is_navigation(scope: HTTPScope, sent: Sent) -> bool:
    """Whether a person would look at the answer."""
    mode = sent.fetch.get(b"mode")
    return scope["method"] == "GET" and b"text/html" in sent.accept and mode in (None, b"navigate")


def _client(scope: HTTPScope | WebSocketScope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _waiting_for(located: Located) -> tuple[str, str]:
    """(title, reason) of an app that has no address yet."""
    down = {
        "stopped": "is not running",
        "exited": "has ended",
        "failed": "could not be started",
        "stopping": "is being stopped",
    }
    coming = {
        "queued": "waits for its turn to start",
        "running": "is not reachable yet",
        "unhealthy": "is not reachable",
    }
    what = (down | coming).get(located.state, f"is {located.state}")
    fallback = "Start it in the session." if located.state in down else "This page opens it as soon as it is up."
    return f"{located.service} {what}", located.reason or fallback


def _not_listening(located: Located) -> tuple[str, str]:
    return (
        f"{located.service} is {located.state}, but nothing answers on port {located.port}",
        f"It may still be starting. If it is up, let it listen on 0.0.0.0:{located.port}: what listens on 127.0.0.1 inside a "
        "container, or on a Unix socket, cannot be reached from outside.",
    )


async def _listens(address: tuple[str, int]) -> bool:
    try:
        async with asyncio.timeout(1):
            _, writer = await asyncio.open_connection(*address)
    except (OSError, TimeoutError):
        return False
    writer.transport.abort()
    return True
