"""/workspace/{session_id}/filesystem, /file-tree, /search and /archive, and GET /ws/lsp-fs-watch."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
from litestar import Router, WebSocket, get, post, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from backend.core.auth import Me, scope
from backend.core.resources import Hands
from backend.workbench.files import archive, schemas, service
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


@get("/workspace/{session_id:uuid}/archive", guards=[scope("files:read")])
async def download_archive(
    resources: Hands, actor: Me, session_id: FromPath[UUID], format: FromQuery[archive.Format] = "zip"
) -> Stream:
    """The whole working copy without its history. Links are stored as links."""
    chunks, disposition = await service.download(resources, actor, session_id, format)
    return Stream(chunks, media_type=archive.MEDIA_TYPES[format], headers={"Content-Disposition": disposition})


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
    "/", route_handlers=[act_on_file, list_tree, search_files, download_archive, watch_files], tags=["files"]
)
