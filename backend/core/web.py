"""The outermost layer: request ids, security headers, one metric and one log line a request, errors as one envelope,
sockets refused with a real status, and the end of sockets whose access changed. One thin ASGI layer, since each costs.
"""

import ast
import asyncio
import errno
import logging
import os
import re
import time
from typing import Any, cast

import asyncpg
import msgspec
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.response import ServerSentEventMessage
from litestar.types import HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Gauge, Histogram
from pygit2 import GitError

from backend.core.attendance import session_in
from backend.core.auth import actor_of, calling
from backend.core.choices import choices, in_words
from backend.core.db import is_away, new_id, unavailable
from backend.core.errors import (
    AppError,
    DiskFull,
    ErrorBody,
    ErrorEnvelope,
    Forbidden,
    TooLarge,
    Unauthorized,
    Unavailable,
)

log = logging.getLogger("codeyard.access")

REQUESTS = Counter("codeyard_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("codeyard_request_seconds", "Time to answer a request", ["method", "route"])
SOCKETS = Gauge("codeyard_sockets", "Open WebSockets", ["route"])

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NUL = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
"""Of all characters PostgreSQL keeps every one but that, in texts and in JSON."""
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Edge:
    """Wraps the application; what it keeps in `scope["state"]`: request_id, error, codeyard.end."""

    def __init__(self, app: Litestar) -> None:
        self.app = app
        self._own_heads = tuple(route.path.split("{")[0] for route in app.routes if "HEAD" in _methods(route))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        calling.set(None)
        if scope["type"] == ScopeType.HTTP:
            await self._request(scope, receive, send)
        elif scope["type"] == ScopeType.WEBSOCKET:
            await self._socket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _request(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        request_id = _request_id(scope)
        head = scope["method"] == "HEAD" and not (self._own_heads and scope["path"].startswith(self._own_heads))
        if (
            head
        ):  # answered as the GET would be, without its body (RFC 9110 §9.3.2); the server still sees what was asked
            scope = {**scope, "method": "GET"}
        status = 0
        started = time.perf_counter()
        attended: str | None = None

        async def answer(message: Message) -> None:
            nonlocal status, attended
            if message["type"] == "http.response.start":
                status = message["status"]
                attended = self._enter(scope) if status < 400 else None
                ours = (b"x-request-id", request_id.encode()), *_HEADERS, *_allowance(scope)
                message["headers"] = [*message["headers"], *ours]
            await send(message)
            if head:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _HeadAnswered

        try:
            await self.app(scope, receive, answer)
        except Exception as error:  # the framework wraps what comes once a response has begun
            if not isinstance(error, _HeadAnswered) and not isinstance(error.__cause__, _HeadAnswered):
                raise
        finally:
            if attended is not None:
                self.app.state.resources.attendance.leave(attended)
            _account(scope, request_id, status or 499, time.perf_counter() - started)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = _request_id(scope)
        task = cast("asyncio.Task[None]", asyncio.current_task())
        accepted = ended = False
        attended: str | None = None
        code = 1006
        started = time.perf_counter()

        async def pass_on(message: Message) -> None:
            nonlocal accepted, attended, code, ended
            if ended:
                return
            if message["type"] == "websocket.accept":
                accepted = True
                attended = self._enter(scope)
                SOCKETS.labels(_route(scope)).inc()
            elif message["type"] == "websocket.close":
                code = message.get("code") or 1000
                if not accepted:
                    ended = True
                    await refuse(code)
                    return
            await send(message)

        async def refuse(close_code: int) -> None:
            nonlocal code
            if "websocket.http.response" in (scope.get("extensions") or {}):
                code = await _refuse(scope, send, close_code, request_id)
            else:
                await send({"type": "websocket.close", "code": close_code, "reason": ""})

        async def end(close_code: int, reason: str) -> None:
            nonlocal ended, code
            if not ended:
                ended, code = True, close_code
                if accepted:
                    await send({"type": "websocket.close", "code": close_code, "reason": reason})
                else:
                    remember_error(Unauthorized(reason) if close_code == 4401 else Forbidden(reason), scope)
                    await refuse(close_code)
            task.cancel()

        scope["state"]["codeyard.end"] = end
        try:
            await self.app(scope, receive, pass_on)
        except asyncio.CancelledError:
            if not ended or task.uncancel() > 0:
                raise
        finally:
            if attended is not None:
                self.app.state.resources.attendance.leave(attended)
            self.app.state.resources.admissions.leave(scope)  # refused ones too: the guard has let them in by then
            if accepted:
                SOCKETS.labels(_route(scope)).dec()
            _account(scope, request_id, code, time.perf_counter() - started)

    def _enter(self, scope: Scope) -> str | None:
        """Somebody who may is at the session that this names, until it is over."""
        session_id = session_in(scope["path"], scope["query_string"])
        if session_id is not None:
            self.app.state.resources.attendance.enter(session_id)
        return session_id


class _HeadAnswered(Exception):
    """Stops a handler whose body nobody wants."""


def _methods(route: object) -> set[str]:
    return set(getattr(route, "methods", ()))


def _request_id(scope: Scope) -> str:
    """The caller's X-Request-Id where it is harmless to log, else a new one."""
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    request_id = given if _SAFE_ID.fullmatch(given) else new_id().hex
    scope.setdefault("state", {})["request_id"] = request_id
    return request_id


def _allowance(scope: Scope) -> list[tuple[bytes, bytes]]:
    """What the caller's key has left, where it has a limit."""
    actor = actor_of(scope)
    if actor is None or actor.allowance is None:
        return []
    return [(name.lower().encode(), value.encode()) for name, value in actor.allowance.headers().items()]


def _route(scope: Scope) -> str:
    """The path's template: raw paths carry names and ids, and would make a metric of each."""
    return str(scope.get("path_template") or "(none)")


def _account(scope: Scope, request_id: str, status: int, seconds: float) -> None:
    method = str(scope.get("method", "WS"))
    route = _route(scope)
    REQUESTS.labels(method, route, str(status)).inc()
    if method != "WS":
        SECONDS.labels(method, route).observe(seconds)
    if log.isEnabledFor(logging.INFO):
        actor = actor_of(scope)
        fields = {
            "request_id": request_id,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        if actor is not None:
            fields["key_id" if actor.user_id is None else "user_id"] = str(actor.id)
        log.info("request", extra={"fields": fields})


async def _refuse(scope: Scope, send: Send, code: int, request_id: str) -> int:
    """A handshake refused with its honest status, which is returned, and the envelope (ASGI's WebSocket Denial Response), not a
    bare 403."""
    error: tuple[int, bytes, dict[str, str]] | None = scope["state"].get("error")
    status, body, told = error if error else (code - 4000 if 4400 <= code < 4600 else 403, b"", {})
    headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in told.items()]
    await send(cast(Message, {"type": "websocket.http.response.start", "status": status, "headers": headers}))
    await send(cast(Message, {"type": "websocket.http.response.body", "body": body}))
    return status


def remember_error(error: Exception, scope: Scope) -> None:
    """Litestar's `after_exception` hook: what a socket's handshake is refused with."""
    told = translate(error)
    body = _body(told, scope["state"].get("request_id", ""))
    scope["state"]["error"] = (told.status, body, dict(told.headers or {}))


def show_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Litestar's exception handler for everything."""
    if isinstance(error, ValidationException):
        _put_plainly(request, error)
    told = translate(error)
    if isinstance(error, _HeadAnswered):
        raise error
    if told.status >= 500 and not isinstance(told, Unavailable | DiskFull):
        logging.getLogger("codeyard").error(
            "unexpected error",
            exc_info=error,
            extra={"fields": {"request_id": request.scope["state"].get("request_id")}},
        )
    body = _body(told, request.scope["state"].get("request_id", ""))
    return Response(body, status_code=told.status, media_type="application/json", headers=dict(told.headers or {}))


def _put_plainly(request: Request[Any, Any, Any], error: ValidationException) -> None:
    """Parameters by their names on the wire; beside a value that is none of a few, those few."""
    handler = request.route_handler
    reasons = error.extra if isinstance(error.extra, list) else []
    for reason in (one for one in reasons if isinstance(one, dict)):
        key = reason.get("key", "")
        if reason.get("source") == "body":
            field, path = handler.parsed_data_field, key
            reason["key"] = "body" if key == "data" and reason != _NO_BODY else key
        else:
            field, path = handler.parsed_fn_signature.parameters.get(key), ""
            reason["key"] = getattr(field and field.kwarg_definition, "name", None) or key
        said = str(reason.get("message"))
        odd = said.startswith(("Invalid enum value", "Invalid value"))
        if odd and field is not None and (found := choices(field.annotation, path)):
            reason["message"] += f": it is one of {', '.join(found)}"
        elif unmatched := _UNMATCHED.fullmatch(said):
            reason["message"] = f"Expected {in_words(ast.literal_eval(unmatched[1]))}"


_UNMATCHED = re.compile(r"Expected `str` matching regex ('.*'|\".*\")")
_MISSING = re.compile(r"Missing required (\w+) parameter '([^']+)'")
"""How the framework says that a text does not fit, and that a parameter is not there."""


def _body(error: AppError, request_id: str) -> bytes:
    body = ErrorBody(code=error.code, message=error.message, details=error.details, request_id=request_id)
    return msgspec.json.encode(ErrorEnvelope(body), enc_hook=str)


_NO_BODY = {"message": "'data'", "key": "data", "source": "body"}
"""How the framework says that there is none."""


class MethodNotAllowed(AppError):
    """This address takes other methods."""

    status = 405


class NoSuchRoute(AppError):
    """There is no such address; GET /api/docs lists those there are."""

    status = 404


class MalformedRequest(AppError):
    """The request could not be read."""

    status = 400


class InvalidRequest(AppError):
    """A field is not acceptable."""

    status = 422


class InternalError(AppError):
    """Something went wrong on the server; quote the request id to whoever runs it."""

    status = 500


class OtherHttpError(AppError):
    """The request was refused."""

    def __init__(self, message: str, status: int) -> None:
        self.status = status  # type: ignore[misc]  # one class for the framework's own rare statuses
        super().__init__(message)


def translate(error: BaseException) -> AppError:
    """What the caller is told of any error."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, HTTPException):
        return _translate_http(error)
    if isinstance(error, RecursionError):
        return MalformedRequest("The body is nested too deeply.")
    if isinstance(error, UnicodeDecodeError):
        return MalformedRequest("The body is not valid UTF-8.")
    if _is_disk_full(error):
        return DiskFull()
    if is_away(error):
        return unavailable()
    if isinstance(_of_postgres(error), _NUL):
        return InvalidRequest("A text in this request contains NUL.")
    return InternalError()


def _translate_http(error: HTTPException) -> AppError:
    cause = error.__cause__
    if isinstance(error, NotFoundException):
        return NoSuchRoute()
    if isinstance(error, MethodNotAllowedException):
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        return MethodNotAllowed(f"This address takes {headers.get('allow', 'other methods')}.", headers=headers)
    if isinstance(error, ValidationException):
        reasons = error.extra if isinstance(error.extra, list) else []
        if reasons == [_NO_BODY]:
            return InvalidRequest("This call needs a body of JSON, and has none.")
        if missing := _MISSING.match(error.detail or ""):
            reasons = [{"message": "This call needs it", "key": missing[2], "source": missing[1]}]
        first = next((f"{e.get('key', 'body')}: {e.get('message')}" for e in reasons if isinstance(e, dict)), "")
        return InvalidRequest(first or None, fields=reasons)
    if isinstance(cause, RecursionError):
        return MalformedRequest("The body is nested too deeply.")
    if isinstance(error, ClientException) and error.status_code == 400:
        return MalformedRequest(f"The request could not be read: {str(cause or error.detail)[:300]}")
    if error.status_code == TooLarge.status:
        return TooLarge("The body of this request is larger than this route takes.")
    return OtherHttpError(error.detail or "The request was refused.", error.status_code)


def _is_disk_full(error: BaseException) -> bool:
    """Said by the kernel to us, to libgit2 (which passes on the words alone) or to PostgreSQL."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    if isinstance(error, GitError):
        return any(os.strerror(number) in str(error) for number in _FULL)
    return isinstance(_of_postgres(error), asyncpg.DiskFullError)


def _of_postgres(error: BaseException) -> BaseException | None:
    """What PostgreSQL said, beneath what SQLAlchemy made of it."""
    return getattr(getattr(error, "orig", None), "__cause__", None)


def remark(text: str) -> ServerSentEventMessage:
    """What keeps a stream of events open and says nothing: a comment alone. By its own default the framework adds an empty
    message, which readers hear."""
    return ServerSentEventMessage(data=None, comment=text)


async def hung_up(request: Request[Any, Any, Any]) -> None:
    """Returns when the caller has hung up. For a handler that has its body, so that nothing else can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
