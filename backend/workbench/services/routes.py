"""/workspace/{session_id}/services, …/runtimes and …/operations."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from backend.core.auth import Me, scope
from backend.core.resources import Hands, Resources
from backend.workbench.services import schemas, service

ACCEPTED = 202


@get("/workspace/{session_id:uuid}/services", guards=[scope("services:read")])
async def list_services(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> schemas.Services:
    """What compose.yaml declares, in its order, each with its live state; what is wrong with the file; a proposal where there
    is none."""
    return await service.listed(resources, actor, session_id)


@post("/workspace/{session_id:uuid}/runtimes/run-all", guards=[scope("services:write")], status_code=ACCEPTED)
async def run_all(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> schemas.Operation:
    """Start everything without a profile, each once what it depends on is as it asks."""
    return await service.run(resources, actor, session_id, "run-all", None)


@post("/workspace/{session_id:uuid}/runtimes/stop-all", guards=[scope("services:write")], status_code=ACCEPTED)
async def stop_all(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> schemas.Operation:
    """Stop everything, who depends on others first. Volumes stay."""
    return await service.run(resources, actor, session_id, "stop-all", None)


@post(
    "/workspace/{session_id:uuid}/runtimes/{service_id:uuid}/start",
    guards=[scope("services:write")],
    status_code=ACCEPTED,
)
async def start_service(
    resources: Hands, actor: Me, session_id: FromPath[UUID], service_id: FromPath[UUID]
) -> schemas.Operation:
    """Start one, and what it depends on."""
    return await service.run(resources, actor, session_id, "start", service_id)


@post(
    "/workspace/{session_id:uuid}/runtimes/{service_id:uuid}/restart",
    guards=[scope("services:write")],
    status_code=ACCEPTED,
)
async def restart_service(
    resources: Hands, actor: Me, session_id: FromPath[UUID], service_id: FromPath[UUID]
) -> schemas.Operation:
    """Restart one with what compose.yaml says now; start it if it does not run."""
    return await service.run(resources, actor, session_id, "restart", service_id)


@post(
    "/workspace/{session_id:uuid}/runtimes/{service_id:uuid}/stop",
    guards=[scope("services:write")],
    status_code=ACCEPTED,
)
async def stop_service(
    resources: Hands, actor: Me, session_id: FromPath[UUID], service_id: FromPath[UUID]
) -> schemas.Operation:
    """Stop one."""
    return await service.run(resources, actor, session_id, "stop", service_id)


@get("/workspace/{session_id:uuid}/operations/{operation_id:uuid}", guards=[scope("services:read")])
async def get_operation(
    resources: Hands, actor: Me, session_id: FromPath[UUID], operation_id: FromPath[UUID]
) -> schemas.Operation:
    """How far it is; the feed tells the same as `operation.progress`."""
    return await service.operation(resources, actor, session_id, operation_id)


@get(
    "/workspace/{session_id:uuid}/services/{service_id:uuid}/logs",
    guards=[scope("services:read")],
    media_type="application/json",
)
async def read_logs(
    request: Request[Any, Any, Any],
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    service_id: FromPath[UUID],
    tail: Annotated[int, QueryParameter(ge=0, le=10_000)] = 500,
    since: FromQuery[datetime | None] = None,
    search: FromQuery[str] = "",
    stream: FromQuery[Literal["", "stdout", "stderr"]] = "",
    follow: FromQuery[bool] = False,
) -> ServerSentEvent | schemas.LogPage:
    """The last `tail` lines, of `since` that moment, that contain `search` (case aside). With `follow`, or where an event
    stream is accepted, they come as server-sent events `lines` and go on; `Last-Event-ID` resumes."""
    watched = await service.log(resources, actor, session_id, service_id)
    after = "" if since is None else since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
    wants = {"search": search[:500], "stream": stream}
    if not follow and "text/event-stream" not in request.headers.get("accept", ""):
        page, _ = await resources.in_thread(watched.log.tail, tail, since=after, **wants)
        return page
    return ServerSentEvent(
        _log_events(resources, watched, request.headers.get("last-event-id", ""), tail, after, wants),
        headers={"cache-control": "no-store"},
    )


async def _log_events(
    resources: Resources, watched: service.Watched, last: str, tail: int, since: str, wants: dict[str, Any]
) -> AsyncIterator[ServerSentEventMessage]:
    yield ServerSentEventMessage(comment="connected")
    if re.fullmatch(r"\d{1,9}:\d{1,12}", last):
        number, _, offset = last.partition(":")
        at = int(number), int(offset)
    else:
        page, at = await resources.in_thread(watched.log.tail, tail, since=since, **wants)
        yield _lines(page.items, at)
    async for more in service.watchers(resources).lines(watched.id, watched.log, at, **wants):
        yield _lines(*more) if more is not None else ServerSentEventMessage(comment="keep-alive")


def _lines(found: list[schemas.LogLine], at: tuple[int, int]) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=msgspec.json.encode(found).decode(), event="lines", id=f"{at[0]}:{at[1]}")


@get("/workspace/{session_id:uuid}/metrics", guards=[scope("services:read")], media_type="text/event-stream")
async def stream_metrics(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> ServerSentEvent:
    """What the session's services use: server-sent events `sample`, the last two minutes at once, then one a second each."""
    await service.enter(resources, actor, session_id, service.READ)
    return ServerSentEvent(_sample_events(resources, session_id), headers={"cache-control": "no-store"})


async def _sample_events(resources: Resources, session_id: UUID) -> AsyncIterator[ServerSentEventMessage]:
    yield ServerSentEventMessage(comment="connected")
    async for samples in service.watchers(resources).use(session_id):
        for sample in samples:
            yield ServerSentEventMessage(data=msgspec.json.encode(sample).decode(), event="sample")
        if not samples:
            yield ServerSentEventMessage(comment="keep-alive")


router = Router(
    "/",
    route_handlers=[
        list_services,
        run_all,
        stop_all,
        start_service,
        restart_service,
        stop_service,
        get_operation,
        read_logs,
        stream_metrics,
    ],
    tags=["services"],
)
