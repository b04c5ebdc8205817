"""GET /events (SSE) and GET /ws/events: every fact that the caller may see, from where the last connection ended."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from litestar import Request, Router, WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.params import FromQuery
from litestar.response import ServerSentEvent, ServerSentEventMessage

from backend.core.auth import signed_in
from backend.core.resources import Hands, Resources
from backend.core.web import remark
from backend.edge.feed.service import Start, begin, follow

KEEP_ALIVE = 15.0


@get("/events", guards=[signed_in], media_type="text/event-stream")
async def stream_events(
    request: Request[Any, Any, Any], resources: Hands, workspace_id: FromQuery[UUID | None] = None
) -> ServerSentEvent:
    """Facts as server-sent events, one stream a browser tab. `Last-Event-ID` resumes; a cursor older than what is kept is
    answered by the event `reset`, after which the caller reads anew whatever it shows."""
    start = await begin(resources, request.headers.get("last-event-id", ""))
    return ServerSentEvent(_as_sse(resources, request, start, workspace_id), headers={"cache-control": "no-store"})


async def _as_sse(
    resources: Resources, request: Request[Any, Any, Any], start: Start, workspace_id: UUID | None
) -> AsyncIterator[ServerSentEventMessage]:
    yield remark("connected")  # something at once: proxies wait for a first byte
    async for fact in follow(resources, request, start, workspace_id, keep_alive=KEEP_ALIVE):
        if fact is None:
            yield remark("keep-alive")
        else:
            yield ServerSentEventMessage(data=fact.text, event=fact.name, id=fact.id)


@websocket("/ws/events", guards=[signed_in])
async def socket_events(
    socket: WebSocket[Any, Any, Any],
    resources: Hands,
    workspace_id: FromQuery[UUID | None] = None,
    after: FromQuery[str] = "",
) -> None:
    """The same facts, one JSON text frame each; `?after=` takes the id of the last one seen."""
    start = await begin(resources, after)
    await socket.accept()

    async def send() -> None:
        async for fact in follow(resources, socket, start, workspace_id, keep_alive=KEEP_ALIVE):
            if fact is not None:
                await socket.send_text(fact.text)

    sending = asyncio.create_task(send())
    try:
        while True:
            await socket.receive_data("text")  # nothing is expected; this is how a departure is seen
    except WebSocketDisconnect:
        pass
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


router = Router("/", route_handlers=[stream_events, socket_events], tags=["events"])
