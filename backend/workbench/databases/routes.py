"""/workspace/{session_id}/services/{service_id}/database… and /workspace/{session_id}/sqlite…?path=."""

from functools import partial
from typing import Any
from uuid import UUID

from litestar import Request, Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from backend.core.auth import Me, scope
from backend.core.resources import Hands
from backend.core.web import hung_up
from backend.workbench.databases import schemas, service

SERVICE = "/workspace/{session_id:uuid}/services/{service_id:uuid}/database"
FILE = "/workspace/{session_id:uuid}/sqlite"
AnyRequest = Request[Any, Any, Any]


@get(SERVICE, guards=[scope("services:read")])
async def describe_database(
    resources: Hands, actor: Me, session_id: FromPath[UUID], service_id: FromPath[UUID]
) -> schemas.Database:
    """How the session's services reach it. The password is not shown."""
    return await service.describe(resources, actor, session_id, service_id)


@get(f"{SERVICE}/schema", guards=[scope("services:read")])
async def read_schema(
    request: AnyRequest, resources: Hands, actor: Me, session_id: FromPath[UUID], service_id: FromPath[UUID]
) -> schemas.DatabaseSchema:
    """Schemas, tables and views with columns, keys, indexes and sizes; of Redis its numbered databases."""
    source = await service.of_service(resources, actor, session_id, service_id)
    return await service.read_schema(resources, source, partial(hung_up, request))


@post(f"{SERVICE}/data", guards=[scope("services:read")], status_code=200)
async def read_data(
    request: AnyRequest,
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    service_id: FromPath[UUID],
    data: JSONBody[schemas.DataQuery],
) -> schemas.Data:
    """A page of a table, sorted and filtered; of Redis the keys that match, with type, time to live and size."""
    source = await service.of_service(resources, actor, session_id, service_id)
    return await service.read_data(resources, source, data, partial(hung_up, request))


@post(f"{SERVICE}/query", guards=[scope("services:read")], status_code=200)
async def run_query(
    request: AnyRequest,
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    service_id: FromPath[UUID],
    data: JSONBody[schemas.Query],
) -> schemas.QueryResult:
    """Run one statement (of Redis: one command). It can only read, unless `write` says otherwise, which needs services:write.
    It is stopped in the database when its time is over, when it is cancelled, and when the caller hangs up."""
    source = await service.of_service(resources, actor, session_id, service_id, write=data.write)
    return await service.run_query(resources, source, data, partial(hung_up, request))


@delete(f"{SERVICE}/queries/{{query_id:uuid}}", guards=[scope("services:read")])
async def cancel_query(resources: Hands, actor: Me, session_id: FromPath[UUID], query_id: FromPath[UUID]) -> None:
    """Stop a query that runs, in its database; its call answers 409 query_cancelled. Somebody else's needs services:write."""
    await service.cancel(resources, actor, session_id, query_id)


@post(f"{SERVICE}/export", guards=[scope("services:read")], status_code=200, produces=("text/csv",))
async def export_data(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    service_id: FromPath[UUID],
    data: JSONBody[schemas.Export],
) -> Stream:
    """All rows of a table, or of a statement that reads, as a CSV or JSON file, however many there are."""
    source = await service.of_service(resources, actor, session_id, service_id)
    return _stream(await service.export(resources, source, data))


@get(f"{FILE}/schema", guards=[scope("files:read")])
async def read_file_schema(
    request: AnyRequest, resources: Hands, actor: Me, session_id: FromPath[UUID], path: FromQuery[str]
) -> schemas.DatabaseSchema:
    """Tables and views of a SQLite file in the working copy."""
    source = await service.of_file(resources, actor, session_id, path)
    return await service.read_schema(resources, source, partial(hung_up, request))


@post(f"{FILE}/data", guards=[scope("files:read")], status_code=200)
async def read_file_data(
    request: AnyRequest,
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    path: FromQuery[str],
    data: JSONBody[schemas.DataQuery],
) -> schemas.Data:
    """A page of a table of a SQLite file."""
    source = await service.of_file(resources, actor, session_id, path)
    return await service.read_data(resources, source, data, partial(hung_up, request))


@post(f"{FILE}/query", guards=[scope("files:read")], status_code=200)
async def run_file_query(
    request: AnyRequest,
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    path: FromQuery[str],
    data: JSONBody[schemas.Query],
) -> schemas.QueryResult:
    """Run one statement in a SQLite file. It can only read, unless `write` says otherwise, which needs files:write."""
    source = await service.of_file(resources, actor, session_id, path, write=data.write)
    return await service.run_query(resources, source, data, partial(hung_up, request))


@delete(f"{FILE}/queries/{{query_id:uuid}}", guards=[scope("files:read")])
async def cancel_file_query(resources: Hands, actor: Me, session_id: FromPath[UUID], query_id: FromPath[UUID]) -> None:
    """Stop a query of a SQLite file. Somebody else's needs files:write."""
    await service.cancel(resources, actor, session_id, query_id, of_file=True)


@post(f"{FILE}/export", guards=[scope("files:read")], status_code=200, produces=("text/csv",))
async def export_file_data(
    resources: Hands,
    actor: Me,
    session_id: FromPath[UUID],
    path: FromQuery[str],
    data: JSONBody[schemas.Export],
) -> Stream:
    """All rows of a table of a SQLite file, or of a statement that reads, as a CSV or JSON file."""
    source = await service.of_file(resources, actor, session_id, path)
    return _stream(await service.export(resources, source, data))


def _stream(found: service.Download) -> Stream:
    headers = {"content-disposition": found.disposition, "cache-control": "no-store"}
    return Stream(found.chunks, media_type=found.media_type, headers=headers)


router = Router(
    "/",
    route_handlers=[
        describe_database,
        read_schema,
        read_data,
        run_query,
        cancel_query,
        export_data,
        read_file_schema,
        read_file_data,
        run_file_query,
        cancel_file_query,
        export_file_data,
    ],
    tags=["databases"],
)
