"""/workspace/{session_id}/filesystem, /file-tree, /search and /archive; /filestorage (tus 1.0); GET /ws/lsp-fs-watch."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, WebSocket, delete, get, head, patch, post, route, websocket
from litestar.enums import HttpMethod
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from backend.core.auth import Me, scope
from backend.core.resources import Hands
from backend.workbench.files import archive, schemas, service, tus
from backend.workbench.files.watch import Viewer, watching

MAX_BODY = 100_000_000
"""Bytes of one request: base64 of the largest file that `max_file_mb` allows by default, with room."""


@post(
    "/workspace/{session_id:uuid}/filesystem",
    guards=[scope("files:read")],
    status_code=200,
    request_max_body_size=MAX_BODY,
)
async def act_on_file(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Operation]
) -> schemas.Answer:
    """Read, write, delete, mkdir, move, copy or stat, as `op` says. Those that change something need files:write."""
    return await service.act(resources, actor, session_id, data)


@post("/workspace/{session_id:uuid}/file-tree", guards=[scope("files:read")], status_code=200)
async def list_tree(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.TreeQuery]
) -> schemas.FileTree:
    """What lies in a folder, as deep as asked. Links are not followed; `.git` is not shown."""
    return await service.list_tree(resources, actor, session_id, data)


@post("/workspace/{session_id:uuid}/search", guards=[scope("files:read")], status_code=200)
async def search_files(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.SearchQuery]
) -> schemas.SearchResult:
    """Lines of text that match, in files that git does not ignore, sorted by path."""
    return await service.find(resources, actor, session_id, data)


@get(
    "/workspace/{session_id:uuid}/archive",
    guards=[scope("files:read")],
    produces=tuple(archive.MEDIA_TYPES.values()),
)
async def download_archive(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    format: FromQuery[archive.Format] = "zip",
    path: FromQuery[str] = "",
) -> Stream:
    """The working copy without its history, or one folder of it. Links are stored as links."""
    chunks, disposition = await service.download(resources, actor, session_id, format, path)
    return Stream(chunks, media_type=archive.MEDIA_TYPES[format], headers={"Content-Disposition": disposition})


@route("/filestorage", http_method=[HttpMethod.OPTIONS], guards=[scope("files:write")], status_code=204)
async def describe_uploads(resources: Hands) -> Response[None]:
    """What of tus 1.0 this server speaks."""
    headers = {
        "Tus-Version": tus.VERSION,
        "Tus-Extension": tus.EXTENSIONS,
        "Tus-Max-Size": str(service.largest_upload(resources)),
        "Tus-Checksum-Algorithm": ",".join(tus.ALGORITHMS),
    }
    return _tus(headers)


@post("/filestorage", guards=[scope("files:write")])
async def create_upload(request: Request[Any, Any, Any], resources: Hands, actor: Me) -> Response[None]:
    """tus 1.0 creation. `Upload-Metadata` holds session_id, path and, for an archive to unpack into `path`, unpack (zip or
    tar.gz). The answer's Location takes the bytes."""
    _check_version(request)
    length = tus.parse_number(request.headers.get("upload-length"), "Upload-Length")
    metadata = request.headers.get("upload-metadata", "")
    upload = await service.create_upload(resources, actor, length, metadata)
    progress = await service.upload_progress(resources, upload)
    headers = {"Location": f"{request.url.path.rstrip('/')}/{upload.id}", "Upload-Expires": progress.expires_header}
    return _tus(headers, status=201)


@head("/filestorage/{upload_id:str}", guards=[scope("files:write")])
async def get_upload(
    request: Request[Any, Any, Any], resources: Hands, actor: Me, upload_id: FromPath[str]
) -> Response[None]:
    """How far the upload is: Upload-Offset of Upload-Length."""
    _check_version(request)
    upload = await service.find_upload(resources, actor, upload_id)
    progress = await service.upload_progress(resources, upload)
    headers = {
        "Upload-Offset": str(progress.offset),
        "Upload-Length": str(upload.length),
        "Upload-Metadata": upload.metadata,
        "Upload-Expires": progress.expires_header,
        "Cache-Control": "no-store",
    }
    return _tus(headers, status=200)


@patch("/filestorage/{upload_id:str}", guards=[scope("files:write")], status_code=204, request_max_body_size=None)
async def send_upload(
    request: Request[Any, Any, Any], resources: Hands, actor: Me, upload_id: FromPath[str]
) -> Response[None]:
    """The bytes from Upload-Offset on; with Upload-Checksum all of them or none. The last one puts the file into its place."""
    _check_version(request)
    if request.headers.get("content-type") != "application/offset+octet-stream":
        raise tus.WrongContentType
    offset = tus.parse_number(request.headers.get("upload-offset"), "Upload-Offset")
    checksum = tus.parse_checksum(request.headers.get("upload-checksum"))
    upload = await service.find_upload(resources, actor, upload_id)
    progress = await service.receive(resources, upload, offset, checksum, request.stream())
    return _tus({"Upload-Offset": str(progress.offset), "Upload-Expires": progress.expires_header})


@delete("/filestorage/{upload_id:str}", guards=[scope("files:write")])
async def end_upload(
    request: Request[Any, Any, Any], resources: Hands, actor: Me, upload_id: FromPath[str]
) -> Response[None]:
    """Forget an upload and what arrived of it; a file that is in its place stays."""
    _check_version(request)
    await service.end_upload(resources, await service.find_upload(resources, actor, upload_id))
    return _tus({})


def _check_version(request: Request[Any, Any, Any]) -> None:
    if request.headers.get("tus-resumable") != tus.VERSION:
        raise tus.UnsupportedVersion(headers={"Tus-Version": tus.VERSION})


def _tus(headers: dict[str, str], *, status: int = 204) -> Response[None]:
    return Response(None, status_code=status, headers={"Tus-Resumable": tus.VERSION} | headers)


@websocket("/ws/lsp-fs-watch", guards=[scope("files:read")])
async def watch_files(
    socket: WebSocket[Any, Any, Any], resources: Hands, actor: Me, session_id: FromQuery[UUID]
) -> None:
    """What changes in the session's folder: text frames {events[{type, path}], seq}, the first one empty.

    Closes with 1000 when the session is gone, 1012 when the server goes. A viewer that comes back reads anew.
    """
    async with watching(await service.watched(resources, actor, session_id)) as viewer:
        await viewer.started()
        await socket.accept()
        ends = {
            asyncio.create_task(_tell(socket, viewer)): (1000, "the session is gone"),
            asyncio.create_task(resources.live.draining.wait()): (1012, "the server is restarting"),
            asyncio.create_task(_left(socket)): None,
        }
        try:
            over, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in ends:
                task.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        if farewell := ends[over.pop()]:
            await socket.close(*farewell)


async def _tell(socket: WebSocket[Any, Any, Any], viewer: Viewer) -> None:
    async for changes in viewer.messages():
        await socket.send_text(msgspec.json.encode(changes).decode())


async def _left(socket: WebSocket[Any, Any, Any]) -> None:
    """Until the viewer leaves; nothing that it says means anything."""
    try:
        while True:
            await socket.receive_data("text")
    except WebSocketDisconnect:
        pass


router = Router(
    "/",
    route_handlers=[
        act_on_file,
        list_tree,
        search_files,
        download_archive,
        describe_uploads,
        create_upload,
        get_upload,
        send_upload,
        end_upload,
        watch_files,
    ],
    tags=["files"],
)
