"""/workspace/{session_id}/terminals, GET /ws/terminal, and POST /workspace/{session_id}/run."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, WebSocket, delete, get, post, websocket
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from backend.core.auth import Me, credential_of, scope
from backend.core.errors import AppError, ErrorBody
from backend.core.paging import Page
from backend.core.resources import Hands
from backend.core.web import hung_up, remark
from backend.workbench.terminals import run, schemas, service
from runtimes.frames import BadFrame
from runtimes.terminal import Viewer

Socket = WebSocket[Any, Any, Any]
Cells = Annotated[int | None, QueryParameter(ge=1, le=1000, description="Give both or none; 1 to 1000.")]
Command = Annotated[
    str, QueryParameter(max_length=8000, description="A new terminal's shell runs this and ends with its exit code.")
]
Offset = Annotated[int | None, QueryParameter(ge=0, description="What was seen already: the output up to this offset.")]


@get("/workspace/{session_id:uuid}/terminals", guards=[scope("terminals:read")])
async def list_terminals(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> Page[schemas.Terminal]:
    """All of the session's terminals, oldest first; one whose program ended stays for an hour."""
    terminals = await service.listed(resources, actor, session_id)
    return Page([schemas.show(terminal) for terminal in terminals])


@delete("/workspace/{session_id:uuid}/terminals/{terminal_id:str}", guards=[scope("terminals:write")])
async def close_terminal(resources: Hands, actor: Me, session_id: FromPath[UUID], terminal_id: FromPath[str]) -> None:
    """End everything that runs in it (SIGHUP, after a second SIGKILL) and forget its output."""
    await service.close(resources, actor, session_id, terminal_id)


@post(
    "/workspace/{session_id:uuid}/run",
    guards=[scope("terminals:write")],
    status_code=200,
    media_type="application/json",
    produces=("text/event-stream",),
)
async def run_command(
    request: Request[Any, Any, Any],
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    data: JSONBody[schemas.Run],
) -> ServerSentEvent | schemas.Ran:
    """Run one command to its end, in a terminal of its own with nothing to read, and answer what it said. It is ended when its
    time is over and when the caller hangs up, and so is whatever it left running. Where an event stream is accepted, it is told
    as it comes: server-sent events `output` (a JSON string each), then `ended`, or `error` as other answers have it; a comment
    every 15 seconds while it says nothing, so that no proxy takes it for dead."""
    begun = await run.begin(resources, actor, session_id, data)
    caller = run.Caller(credential_of(request, resources.settings), partial(hung_up, request))
    if "text/event-stream" not in request.headers.get("accept", ""):
        return await run.answer(resources, begun, caller)
    told = _told(run.tell(resources, begun, caller), request.scope["state"]["request_id"])
    return ServerSentEvent(told, headers={"cache-control": "no-store", "content-type": "text/event-stream"})


async def _told(words: AsyncIterator[str | schemas.Ended], request_id: str) -> AsyncIterator[ServerSentEventMessage]:
    yield remark("connected")
    try:
        async for word in words:
            if word == "":
                yield remark("keep-alive")
            else:
                yield _event("output" if isinstance(word, str) else "ended", word)
    except AppError as error:
        yield _event("error", ErrorBody(error.code, error.message, error.details, request_id))


def _event(name: str, data: Any) -> ServerSentEventMessage:
    return ServerSentEventMessage(event=name, data=msgspec.json.encode(data, enc_hook=str).decode())


@websocket("/ws/terminal", guards=[scope("terminals:read")])
async def attach_terminal(
    socket: Socket,
    resources: Hands,
    actor: Me,
    session_id: FromQuery[UUID],
    terminal_id: FromQuery[str | None] = None,
    service_id: FromQuery[UUID | None] = None,
    command: Command = "",
    after: Offset = None,
    ack: FromQuery[bool] = True,
    cols: Cells = None,
    rows: Cells = None,
) -> None:
    """A terminal: that of `terminal_id`, or a new one. Binary frames are bytes, text frames JSON (`runtimes/frames.py`).

    Closes with 1000 after `exit`, 1008 for a frame that the protocol does not have, 1012 when the server goes: come back
    with `after`.
    """
    size = (cols, rows) if cols and rows else None
    viewer = await service.attach(
        resources,
        actor,
        session_id,
        terminal_id,
        service_id=service_id,
        command=command,
        after=after,
        acks=ack,
        size=size,
    )
    with viewer:
        await socket.accept()
        await _both(socket, viewer)


async def _both(socket: Socket, viewer: Viewer) -> None:
    """Show and type until either ends. When the viewer just leaves, the terminal stays."""
    showing, typing = asyncio.create_task(_show(socket, viewer)), asyncio.create_task(_type(socket, viewer))
    try:
        await asyncio.wait((showing, typing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (showing, typing):
            task.cancel()
        said = await asyncio.gather(showing, typing, return_exceptions=True)
    for error in said:
        if isinstance(error, BadFrame):
            await socket.close(1008, f"protocol error: {error}"[:120])
            return
        if isinstance(error, Exception):
            raise error
    if viewer.terminal.exit is not None:
        await socket.close(1000, "the program ended")
    elif viewer.terminal.closed:
        await socket.close(1012, "the server is restarting: come back with `after`")


async def _show(socket: Socket, viewer: Viewer) -> None:
    async for message in viewer.messages():
        if isinstance(message, bytes):
            await socket.send_bytes(message)
        else:
            await socket.send_text(msgspec.json.encode(message).decode())


async def _type(socket: Socket, viewer: Viewer) -> None:
    while (message := await socket.receive())["type"] == "websocket.receive":
        text = message.get("text")
        await viewer.receive(message["bytes"] or b"" if text is None else text)


router = Router("/", route_handlers=[list_terminals, close_terminal, run_command, attach_terminal], tags=["terminals"])
