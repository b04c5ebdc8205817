"""/workspace/{session_id}/services, …/runtimes and …/operations."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from backend.core.auth import Me, scope
from backend.core.paging import Page
from backend.core.resources import Hands, Resources
from backend.core.web import remark
from backend.ledger.receipts.service import OnceOnly
from backend.workbench.services import editing, schemas, service, variables

ACCEPTED = 202


@get("/workspace/{session_id:uuid}/services", guards=[scope("services:read")])
async def list_services(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> schemas.Services:
    """What compose.yaml declares, in its order, each with its live state; what is wrong with the file; a proposal where there
    is none."""
    return await service.listed(resources, actor, session_id)


@post("/workspace/{session_id:uuid}/services", guards=[scope("services:write")])
async def create_service(
    resources: Hands, actor: Me, once: OnceOnly, session_id: FromPath[UUID], data: JSONBody[schemas.ServiceCreate]
) -> schemas.Service:
    """Add a service to compose.yaml: empty, of an image, pinned by its digest where that can be had (else `note` says why not),
    of an uploaded folder, or a database with generated credentials."""
    async with once.around(resources.database):
        shown = await editing.create(resources, actor, session_id, data)
        await once.seal_apart(resources.database, shown)
    return shown


@put("/workspace/{session_id:uuid}/services/{service_id:uuid}", guards=[scope("services:write")])
async def update_service(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    service_id: FromPath[UUID],
    data: JSONBody[schemas.ServiceUpdate],
) -> schemas.Service:
    """Change it in compose.yaml; `restart_needed` says whether what runs is the old one. `environment` is the whole of it; a
    secret without a value keeps the one it has."""
    return await editing.update(resources, actor, session_id, service_id, data)


@delete("/workspace/{session_id:uuid}/services/{service_id:uuid}", guards=[scope("services:write")])
async def delete_service(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    service_id: FromPath[UUID],
    drop_volumes: FromQuery[bool] = False,
) -> None:
    """Stop it and take it out of compose.yaml, after a snapshot. Its volumes stay until the session is purged; with
    `drop_volumes` those that no other service has are gone at once and for good, since no snapshot holds them."""
    await editing.remove(resources, actor, session_id, service_id, drop_volumes=drop_volumes)


@put("/workspace/{session_id:uuid}/services/reorder", guards=[scope("services:write")])
async def reorder_services(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Reorder]
) -> schemas.Services:
    """The order in which they are shown and started."""
    return await editing.reorder(resources, actor, session_id, data.ids)


@post("/workspace/{session_id:uuid}/services/import-dockerhub", guards=[scope("services:write")])
async def import_image(
    resources: Hands, actor: Me, once: OnceOnly, session_id: FromPath[UUID], data: JSONBody[schemas.ImportDockerHub]
) -> schemas.Service:
    """Add a service of an image, pulled now and pinned by its digest."""
    async with once.around(resources.database):
        shown = await editing.import_image(resources, actor, session_id, data)
        await once.seal_apart(resources.database, shown)
    return shown


@post("/workspace/{session_id:uuid}/volumes/copy", guards=[scope("services:write")], status_code=200)
async def copy_volumes(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.VolumesCopy]
) -> schemas.VolumesCopied:
    """Give this session a copy of another one's volumes, database content included, in place of its own. What writes to them
    is frozen meanwhile, so the copy is of one moment; a database recovers from it as from a crash."""
    return schemas.VolumesCopied(await service.copy_volumes(resources, actor, session_id, data.from_session_id))


@get("/workspace/{workspace_id:uuid}/variables", guards=[scope("services:read")])
async def list_variables(resources: Hands, actor: Me, workspace_id: FromPath[UUID]) -> Page[schemas.VariableShown]:
    """The names that compose files of this workspace can ask for as `${NAME}`. Values are never shown."""
    workspace = await service.workspace(resources, actor, workspace_id, service.READ)
    names = await variables.names(resources, workspace.id)
    return Page([schemas.VariableShown(name) for name in names])


@put("/workspace/{workspace_id:uuid}/variables/{name:str}", guards=[scope("services:write")], status_code=204)
async def set_variable(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    name: Annotated[str, PathParameter(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$(?!\n)")],
    data: JSONBody[schemas.VariableSet],
) -> None:
    """Set a variable; it is kept encrypted and injected at start."""
    workspace = await service.workspace(resources, actor, workspace_id, service.WRITE)
    await variables.put(resources, workspace, name, data.value)


@delete("/workspace/{workspace_id:uuid}/variables/{name:str}", guards=[scope("services:write")])
async def forget_variable(resources: Hands, actor: Me, workspace_id: FromPath[UUID], name: FromPath[str]) -> None:
    workspace = await service.workspace(resources, actor, workspace_id, service.WRITE)
    await variables.forget(resources, workspace, name)


@get("/workspace/{workspace_id:uuid}/registries", guards=[scope("services:read")])
async def list_registries(resources: Hands, actor: Me, workspace_id: FromPath[UUID]) -> Page[schemas.RegistryShown]:
    """The registries at which this workspace has a login. Passwords are never shown."""
    workspace = await service.workspace(resources, actor, workspace_id, service.READ)
    return Page(await variables.registries(resources, workspace.id))


@put("/workspace/{workspace_id:uuid}/registries/{registry:str}", guards=[scope("services:write")], status_code=204)
async def set_registry(
    resources: Hands,
    actor: Me,
    workspace_id: FromPath[UUID],
    registry: FromPath[str],
    data: JSONBody[schemas.RegistrySet],
) -> None:
    """Set the login for images of a registry (`docker.io` is Docker Hub), for whatever the workspace's services pull and build.
    It is kept encrypted and told to that registry alone."""
    workspace = await service.workspace(resources, actor, workspace_id, service.WRITE)
    await variables.log_in(resources, workspace, registry.lower(), data)


@delete("/workspace/{workspace_id:uuid}/registries/{registry:str}", guards=[scope("services:write")])
async def forget_registry(resources: Hands, actor: Me, workspace_id: FromPath[UUID], registry: FromPath[str]) -> None:
    workspace = await service.workspace(resources, actor, workspace_id, service.WRITE)
    await variables.log_out(resources, workspace, registry.lower())


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
    produces=("text/event-stream",),
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
        headers={"cache-control": "no-store", "content-type": "text/event-stream"},
    )


async def _log_events(
    resources: Resources, watched: service.Watched, last: str, tail: int, since: str, wants: dict[str, Any]
) -> AsyncIterator[ServerSentEventMessage]:
    yield remark("connected")
    told = _position(last)
    if told is not None and told <= await resources.in_thread(watched.log.end):  # else it is of a log that is gone
        at = told
    else:
        page, at = await resources.in_thread(watched.log.tail, tail, since=since, **wants)
        yield _lines(page.items, at)
    async for more in service.watchers(resources).lines(watched.id, watched.log, at, **wants):
        yield _lines(*more) if more is not None else remark("keep-alive")


def _position(told: str) -> tuple[int, int] | None:
    if not re.fullmatch(r"[0-9]{1,9}:[0-9]{1,12}", told):
        return None
    number, _, offset = told.partition(":")
    return int(number), int(offset)


def _lines(found: list[schemas.LogLine], at: tuple[int, int]) -> ServerSentEventMessage:
    return ServerSentEventMessage(data=msgspec.json.encode(found).decode(), event="lines", id=f"{at[0]}:{at[1]}")


@get("/workspace/{session_id:uuid}/metrics", guards=[scope("services:read")], media_type="text/event-stream")
async def stream_metrics(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> ServerSentEvent:
    """What the session's services use: server-sent events `sample`, the last two minutes at once, then one a second each."""
    await service.enter(resources, actor, session_id, service.READ)
    return ServerSentEvent(_sample_events(resources, session_id), headers={"cache-control": "no-store"})


async def _sample_events(resources: Resources, session_id: UUID) -> AsyncIterator[ServerSentEventMessage]:
    yield remark("connected")
    async for samples in service.watchers(resources).use(session_id):
        for sample in samples:
            yield ServerSentEventMessage(data=msgspec.json.encode(sample).decode(), event="sample")
        if not samples:
            yield remark("keep-alive")


router = Router(
    "/",
    route_handlers=[
        list_services,
        create_service,
        update_service,
        delete_service,
        reorder_services,
        import_image,
        copy_volumes,
        list_variables,
        set_variable,
        forget_variable,
        list_registries,
        set_registry,
        forget_registry,
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
