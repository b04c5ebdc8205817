"""GET /ws/lsp and /lsp-fs; /workspace/{session_id}/language-servers."""

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Router, WebSocket, get, post, websocket
from litestar.params import FromPath, FromQuery, QueryParameter

from backend.core.auth import Me, scope
from backend.core.paging import Page
from backend.core.resources import Hands
from backend.workbench.files.schemas import Content, FileTree, Status
from backend.workbench.lsp import schemas, service
from lsp_bridge.bridge import CAN_MORE, ENDED
from lsp_bridge.viewer import Viewer

Socket = WebSocket[Any, Any, Any]
Uri = Annotated[str, QueryParameter(max_length=8000, description="As language servers say it: file:///workspace/…")]
Language = Annotated[str, QueryParameter(max_length=40, description="A name of the list of language servers.")]
Server = Annotated[str | None, QueryParameter(max_length=40, description="One of them; all without it.")]


@websocket("/ws/lsp", guards=[scope("files:read")])
async def attach_editor(
    socket: Socket, resources: Hands, actor: Me, session_id: FromQuery[UUID], language: Language
) -> None:
    """The language servers of a session, as one: each text frame is one JSON-RPC message of LSP 3.17, and every path lies below
    file:///workspace. They are shared: whoever opens the same language of the same session comes to the same servers.

    Beside the protocol there are `$/codeyard/servers` {servers[{name, state, reason}], missing[{name, install}]} and
    `$/codeyard/document` {what: differs or save_conflict, uri, message}. A caller without files:write sees everything and
    changes nothing. Closes with 1000 after `exit`, 1008 for a client that does not read, 1012 when the servers or this one go,
    or one that was ill when the caller said hello can do more by now: come again.
    """
    async with service.attached(resources, actor, session_id, language, socket.send_text) as viewer:
        await socket.accept()
        await _both(socket, viewer, resources.live.draining)


async def _both(socket: Socket, viewer: Viewer, draining: asyncio.Event) -> None:
    """Until either side leaves."""
    heard, gone = asyncio.create_task(_hear(socket, viewer)), asyncio.create_task(viewer.gone())
    drained = asyncio.create_task(draining.wait())
    ends: tuple[asyncio.Task[Any], ...] = (heard, gone, drained)
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in ends:
            task.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    if not gone.cancelled():
        await socket.close(*_farewell(gone.result()))
    elif not drained.cancelled():
        await socket.close(1012, "the server is restarting")
    elif not heard.cancelled():
        heard.result()


def _farewell(reason: str) -> tuple[int, str]:
    if not reason:
        return 1000, "goodbye"
    return (1012 if reason in (ENDED, CAN_MORE) else 1008), reason[:120]


async def _hear(socket: Socket, viewer: Viewer) -> None:
    while (message := await socket.receive())["type"] == "websocket.receive":
        text = message.get("text")
        viewer.receive(message["bytes"] or b"" if text is None else text)


@get("/workspace/{session_id:uuid}/language-servers", guards=[scope("files:read")])
async def list_language_servers(
    resources: Hands, actor: Me, session_id: FromPath[UUID]
) -> Page[schemas.LanguageServers]:
    """Every language that is known: which servers run for it and how they are, and how to install what could."""
    return Page(await service.listed(resources, actor, session_id))


@post(
    "/workspace/{session_id:uuid}/language-servers/{language:str}/restart",
    guards=[scope("files:write")],
    status_code=200,
)
async def restart_language_servers(
    resources: Hands, actor: Me, session_id: FromPath[UUID], language: FromPath[str], server: Server = None
) -> schemas.LanguageServers:
    """One server, in place: its editors stay and see it come back. Without `server` all of the language end and their editors
    come again, which finds what was installed meanwhile."""
    return await service.restart(resources, actor, session_id, language, server)


@get("/workspace/{session_id:uuid}/language-servers/{language:str}/logs", guards=[scope("files:read")])
async def read_language_server_logs(
    resources: Hands, actor: Me, session_id: FromPath[UUID], language: FromPath[str], server: Server = None
) -> Page[schemas.Log]:
    """The last thousand lines that each server said, and what happened to it."""
    return Page(await service.logs(resources, actor, session_id, language, server))


@get("/lsp-fs", guards=[scope("files:read")])
async def read_for_editor(
    resources: Hands,
    actor: Me,
    session_id: FromQuery[UUID],
    uri: Uri,
    op: FromQuery[Literal["read", "stat", "list"]] = "read",
) -> Content | Status | FileTree:
    """A file or folder by the URI that language servers call it: what an editor needs that has no file system of its own. Outside
    of file:///workspace only text files of libraries can be read (`site-packages`, `node_modules`, Python's and other languages'
    own), as definitions lead there; `path` is absolute then, and `POST …/filesystem` does not take it."""
    return await service.file(resources, actor, session_id, uri, op)


router = Router(
    "/",
    route_handlers=[
        attach_editor,
        list_language_servers,
        restart_language_servers,
        read_language_server_logs,
        read_for_editor,
    ],
    tags=["language servers"],
)
