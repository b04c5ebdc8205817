"""What the gate itself says: its errors, as a page, as the API's envelope, or as a refused handshake."""

import asyncio
from typing import Any, cast

import prometheus_client
from litestar.types import Send

from backend.core.errors import AppError, Forbidden, NotFound, TooMany, Unauthorized
from backend.workbench.previews import pages
from backend.workbench.previews.upstream import Headers

ANSWERED = prometheus_client.Counter("codeyard_preview_requests_total", "Requests through previews", ["status"])

BEAT = 0.05

_ALWAYS = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]


ASK_FOR_IT = (
    "Ask whoever gave you this address to open it to the organisation or to everyone, beside the preview in their session; or "
    "sign in as somebody who may see it. Was its service or session renamed or removed? Then they know where it is now."
)


class NoSuchPreview(NotFound):
    """There is no such preview, or you may not see it."""


class SignInFirst(Unauthorized):
    """Open this address in a browser that is signed in, or send an API key as X-Codeyard-Key."""


class ForeignPage(Forbidden):
    """Another site's page may not do this to a preview that is not public."""


class NotForProxies(AppError):
    """This method is not passed on."""

    status = 405


class TooManyAtOnce(TooMany):
    """Too many requests through previews are open at once: close some, then try again."""


class BadGateway(AppError):
    """The app did not answer as HTTP has it."""

    status = 502


class GatewayTimeout(AppError):
    """The app took the request and has not answered."""

    status = 504


class RequestTimeout(AppError):
    """The request's body did not come."""

    status = 408


class BadEntry(Forbidden):
    """This way in was used already, or is older than 30 seconds: open the preview's address again."""


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    ANSWERED.labels(str(status)).inc()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *_ALWAYS, length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def answer_error(send: Send, error: AppError, ancestors: bytes, *, html: bool) -> None:
    if html:
        remedy = ASK_FOR_IT if isinstance(error, NoSuchPreview) else ""
        headers, body = pages.plain(error.message, remedy, ancestors)
    else:
        headers, body = pages.error(error.code, error.message, **error.details)
    more = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
    await answer(send, error.status, [*headers, *more], body)


async def deny(send: Send, error: AppError) -> None:
    """Refuses a handshake with the error's status."""
    headers, body = pages.error(error.code, error.message, **error.details)
    await deny_with(send, error.status, headers, body)


async def deny_with(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """ASGI's WebSocket Denial Response."""
    ANSWERED.labels(str(status)).inc()
    start = {"type": "websocket.http.response.start", "status": status, "headers": headers}
    await send(cast(Any, start))
    await send(cast(Any, {"type": "websocket.http.response.body", "body": body}))


async def beat(began: float) -> None:
    """Until the next multiple of `BEAT` seconds after `began`: how long a refusal took to find says nothing. Attack row 30."""
    passed = asyncio.get_running_loop().time() - began
    await asyncio.sleep(BEAT - passed % BEAT)
