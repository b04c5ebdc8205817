"""The addresses of the page and /assets/…: what `make frontend` built. A browser at any other is shown the page, too."""

import secrets
from typing import Any

from anyio import to_thread
from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from backend.core.auth import anyone
from backend.core.errors import NotFound
from backend.core.resources import Hands
from backend.core.settings import Settings
from backend.core.web import show_error
from backend.edge.page import build


class NoSuchAsset(NotFound):
    """The page has no such part; reload it, it may be older than the server."""


ENTRANCE = ["/sign-in", "/setup", "/register", "/forgot-password", "/reset-password", "/verify-email"]
ACCOUNT = ["/settings", "/profile", "/outbox", "/integrations"]


@get(
    ["/", *ENTRANCE, *ACCOUNT, "/s/{rest:str}", "/o/{rest:path}", "/w/{rest:path}"],
    guards=[anyone],
    include_in_schema=False,
)
async def show_page(resources: Hands, rest: FromPath[str] = "") -> Response[bytes]:  # noqa: ARG001 - the page itself reads it
    """The workbench."""
    return _page(resources.settings)


def show_missing(request: Request[Any, Any, Any], error: NotFoundException) -> Response[bytes]:
    """Litestar's exception handler for addresses that no route has: the page tells a person, the envelope a program."""
    wants = [word.partition(";")[0].strip() for word in request.headers.get("accept", "").split(",")]
    if request.method != "GET" or "text/html" not in wants or request.scope["path"].startswith(("/api/", "/assets/")):
        return show_error(request, error)
    return _page(request.app.state.resources.settings, status=404)


def _page(settings: Settings, *, status: int = 200) -> Response[bytes]:
    """Each answer has its own nonce, the only one with which a style element counts. Only previews are framed."""
    nonce = secrets.token_urlsafe(18)
    scheme = "https" if settings.public_url.startswith("https") else "http"
    headers = {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; "
            f"style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
            f"frame-src {scheme}://*.{settings.preview_domain}:*; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
        "cache-control": "no-store",
        "content-type": "text/html; charset=utf-8",
    }
    return Response(build.page().replace(b"__NONCE__", nonce.encode()), headers=headers, status_code=status)


@get("/assets/{path:path}", guards=[anyone], include_in_schema=False)
async def get_asset(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[bytes]:
    """A part of the page. Names carry a hash of the content, so browsers keep them for good."""
    path = path.lstrip("/")
    found = build.assets().get(path)
    if found is None:
        raise NoSuchAsset
    kept = "no-cache" if path.startswith("docs/") else "public, max-age=31536000, immutable"
    headers = {"content-type": found.kind, "cache-control": kept, "vary": "accept-encoding"}
    takes = (word.split(";")[0].strip() for word in request.headers.get("accept-encoding", "").split(","))
    small = await to_thread.run_sync(build.packed, path) if "gzip" in takes else None
    if small is not None:
        headers["content-encoding"] = "gzip"
    return Response(small or found.content, headers=headers)


at_root = [show_page, get_asset]
