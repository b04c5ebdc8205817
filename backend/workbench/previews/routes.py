"""/workspace/{session_id}/previews and /preview-entry."""

import asyncio
from typing import Any
from urllib.parse import quote
from uuid import UUID

from litestar import Request, Response, Router, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from backend.core.auth import Me, scope, signed_in
from backend.core.errors import Unauthorized
from backend.core.paging import Page
from backend.core.resources import Hands
from backend.core.web import show_error
from backend.workbench.previews import pages, schemas, service
from backend.workbench.previews.answers import ASK_FOR_IT, NoSuchPreview, beat

AnyRequest = Request[Any, Any, Any]


@get("/workspace/{session_id:uuid}/previews", guards=[scope("services:read")])
async def list_previews(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> Page[schemas.Preview]:
    """Every exposed port, where a browser opens it, and who may."""
    return Page(await service.listed(resources, actor, session_id))


@put("/workspace/{session_id:uuid}/previews/{service_id:uuid}/{port:int}", guards=[scope("services:write")])
async def set_visibility(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    service_id: FromPath[UUID],
    port: FromPath[int],
    data: JSONBody[schemas.PreviewUpdate],
) -> schemas.Preview:
    """Open it to its owner alone (whoever says so), to the organisation, or to everyone who has the address."""
    return await service.choose(resources, actor, session_id, service_id, port, data.visibility)


@post(
    "/workspace/{session_id:uuid}/previews/{service_id:uuid}/{port:int}/entry",
    guards=[scope("services:read")],
    status_code=200,
)
async def enter_preview(
    resources: Hands,
    actor: Me,
    request: AnyRequest,
    session_id: FromPath[UUID],
    service_id: FromPath[UUID],
    port: FromPath[int],
) -> schemas.Entry:
    """An address that signs this caller's browser in at the preview's own origin: good once, for 30 seconds."""
    at = request.headers.get("host", "")
    return await service.entry_for(resources, actor, session_id, service_id, port, at)


def to_sign_in(request: AnyRequest, error: Unauthorized) -> Response[Any]:
    """Whoever follows a link to a preview signs in first and goes on from there; programs and frames are told so."""
    opened = request.headers.get("sec-fetch-dest", "document") == "document"
    if not opened or not _is_read(request):
        return show_error(request, error)
    location = f"/sign-in?preview={quote(request.query_params.get('to', ''), safe='')}"
    return Response(None, status_code=303, headers={"location": location, "cache-control": "no-store"})


def to_reader(request: AnyRequest, error: NoSuchPreview) -> Response[Any]:
    """Whoever follows a link to what they may not see reads why, and what to do; programs are told so."""
    if not _is_read(request):
        return show_error(request, error)
    headers, body = pages.plain(error.message, ASK_FOR_IT, b"'self'", home="/")
    shown = {name.decode(): value.decode() for name, value in headers}
    return Response(body, status_code=error.status, headers=shown | {"cache-control": "no-store"})


def _is_read(request: AnyRequest) -> bool:
    """Whether a person looks at the answer."""
    return "text/html" in request.headers.get("accept", "")


@get(
    "/preview-entry",
    guards=[signed_in],
    status_code=303,
    exception_handlers={Unauthorized: to_sign_in, NoSuchPreview: to_reader},
)
async def go_to_preview(resources: Hands, actor: Me, request: AnyRequest, to: FromQuery[str]) -> Response[None]:
    """Where a preview sends a browser that it does not know: back again, with a way in."""
    began = asyncio.get_running_loop().time()
    try:
        location = await service.entry_to(resources, actor, to, request.headers.get("host", ""))
    except NoSuchPreview:
        await beat(began)
        raise
    headers = {"location": location, "cache-control": "no-store"}
    return Response(None, status_code=303, headers=headers)


router = Router("/", route_handlers=[list_previews, set_visibility, enter_preview, go_to_preview], tags=["previews"])
