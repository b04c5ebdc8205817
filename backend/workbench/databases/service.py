"""Databases: who may look into which, and how much one answer holds. Drivers do the talking, one a file."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Literal, NamedTuple
from uuid import UUID

from backend.core.auth import Actor
from backend.core.db import new_id
from backend.core.resources import Resources
from backend.workbench.databases import export as files
from backend.workbench.databases import mysql, postgres, redis, schemas, select, sqlite, values
from backend.workbench.databases.driver import Connection, Result
from backend.workbench.databases.errors import BadQuery, NotADatabase
from backend.workbench.databases.queries import Queries, while_there
from backend.workbench.databases.target import PORTS, Target, engine_of, target_of
from backend.workbench.services import definition as definitions
from backend.workbench.services import service as services
from backend.workbench.services.models import UP
from backend.workbench.sessions import service as sessions
from runtimes.compose.model import BadCompose
from runtimes.spec import CanReach

READ, WRITE = "services:read", "services:write"
FILE_READ, FILE_WRITE = "files:read", "files:write"
EXPORT_SECONDS = 3600
Gone = Callable[[], Awaitable[None]]


class Source(NamedTuple):
    """A database that the caller may use: `open(write, seconds)` connects to it, `name` is for a file's name."""

    session_id: UUID
    asker: UUID
    name: str
    engine: Literal["postgres", "mysql", "redis", "sqlite"]
    open: Callable[[bool, float], AbstractAsyncContextManager[Connection]]


class Found(NamedTuple):
    """A service that is a database, and where its clients inside of the session reach it."""

    service: str
    target: Target


async def find_target(
    resources: Resources, actor: Actor, session_id: UUID, service_id: UUID, scope: str, *, running: bool = True
) -> Found:
    """The database that a service is; the one place that asks the services. Its address is the runtime's to say, never the
    caller's. Raises NoSuchSession, MissingScope, NoSuchService, BadDefinition, NotADatabase; NotRunning if it must be `running`.
    """
    session = await services.enter(resources, actor, session_id, scope)
    declared, name, row = await services.find(resources, session, service_id)
    if declared is None:
        raise services.NoSuchService("compose.yaml declares this service no more.")
    service = declared.project.services[name]
    try:
        environment = await resources.in_thread(definitions.environments, resources, declared)
    except BadCompose as error:
        raise services.BadDefinition(str(error)) from error
    words = [*(service.entrypoint or []), *(service.command or []), *([service.start] if service.start else [])]
    engine = engine_of(service.image, environment[name])
    if engine is None:
        raise NotADatabase
    address = None
    runtime = resources.runtime
    if row is not None and row.state in UP and row.handle is not None and isinstance(runtime, CanReach):
        address = await runtime.address(row.handle, PORTS[engine])
    if address is None and running:
        raise services.NotRunning
    found = target_of(service.image, environment[name], *(address or (name, PORTS[engine])), command=words)
    if found is None:
        raise NotADatabase
    return Found(name, found)


async def describe(resources: Resources, actor: Actor, session_id: UUID, service_id: UUID) -> schemas.Database:
    """Also while it does not run."""
    name, target = await find_target(resources, actor, session_id, service_id, READ, running=False)
    return schemas.Database(target.engine, name, PORTS[target.engine], target.database, target.user)


async def of_service(
    resources: Resources, actor: Actor, session_id: UUID, service_id: UUID, *, write: bool = False
) -> Source:
    name, target = await find_target(resources, actor, session_id, service_id, WRITE if write else READ)
    drivers: dict[str, Callable[..., AbstractAsyncContextManager[Connection]]] = {
        "postgres": postgres.opened,
        "mysql": mysql.opened,
        "redis": redis.opened,
    }

    def connect(write: bool, seconds: float) -> AbstractAsyncContextManager[Connection]:
        return drivers[target.engine](target, write=write, seconds=seconds)

    return Source(session_id, actor.id, target.database if target.engine != "redis" else name, target.engine, connect)


async def of_file(resources: Resources, actor: Actor, session_id: UUID, path: str, *, write: bool = False) -> Source:
    """A SQLite file of the working copy: a file's scopes are needed, since it is one."""
    session = await sessions.ready(resources, actor, session_id, FILE_WRITE if write else FILE_READ)
    folder = resources.data / "sessions" / str(session.id) / "workspace"

    def connect(write: bool, seconds: float) -> AbstractAsyncContextManager[Connection]:
        return sqlite.opened(resources, folder, path, write=write, seconds=seconds)

    return Source(session_id, actor.id, path.rpartition("/")[2], "sqlite", connect)


async def read_schema(resources: Resources, source: Source, gone: Gone) -> schemas.DatabaseSchema:
    async def work() -> schemas.DatabaseSchema:
        async with _query(resources, source, None, 30), source.open(False, 30) as connection:
            return await connection.schema()

    return await while_there(gone, work())


async def read_data(resources: Resources, source: Source, query: schemas.DataQuery, gone: Gone) -> schemas.Data:
    """A page of a table, each row whole but for cells that are cut."""
    if query.cursor and not (query.cursor.isascii() and query.cursor.isdigit() and len(query.cursor) < 21):
        raise BadQuery("`cursor` must be the `next_cursor` of an answer.")

    async def work() -> schemas.Data:
        async with _query(resources, source, query.query_id, 60), source.open(False, 60) as connection:
            if isinstance(connection, redis.Redis):
                return await _keys(connection, query)
            shape = await connection.shape(query.schema, query.table)
            offset = int(query.cursor or query.offset)
            if offset > 1 << 53:
                raise BadQuery("`cursor` must be the `next_cursor` of an answer.")
            sql, params = select.page(
                connection.dialect,
                shape,
                sort=query.sort,
                filters=query.filter,
                limit=query.limit + 1,
                offset=offset,
            )
            async with connection.run(sql, params) as result:
                rows, truncated = await collect(result, query.limit)
            for cell in (one for row in rows for one in row if isinstance(one, dict) and "truncated" in one):
                cell["bytes"] = None  # only the beginning was read
            types = {column.name: column.type for column in shape.columns}
            columns = [schemas.Column(one.name, types.get(one.name, one.type)) for one in result.columns]
            following = str(offset + len(rows)) if truncated and rows else None
            estimate = shape.rows_estimate if not query.filter else None
            return schemas.Data(columns, rows, estimate, truncated, following)

    return await while_there(gone, work())


async def _keys(connection: "redis.Redis", query: schemas.DataQuery) -> schemas.Data:
    async with connection.keys(query) as result:
        rows, truncated = await collect(result, schemas.MAX_ROWS * 2)
        total = await connection.count(query) if not query.filter else None
        more = result.next_cursor is not None
        return schemas.Data(result.columns, rows, total, truncated or more, result.next_cursor)


async def run_query(resources: Resources, source: Source, query: schemas.Query, gone: Gone) -> schemas.QueryResult:
    """One statement. Raises SqlError, QueryTimeout, QueryCancelled, AnswerTooLarge."""
    query_id = query.query_id or new_id()

    async def work() -> schemas.QueryResult:
        started = time.perf_counter()
        seconds = query.timeout_seconds
        async with _query(resources, source, query_id, seconds), source.open(query.write, seconds) as connection:
            async with connection.run(query.sql, query.params) as result:
                rows, truncated = await collect(result, query.limit)
        took = round((time.perf_counter() - started) * 1000, 3)
        affected = result.affected if result.affected is not None and not truncated else len(rows)
        return schemas.QueryResult(result.columns, rows, affected, truncated, took, query_id)

    return await while_there(gone, work())


async def collect(result: Result, limit: int) -> tuple[list[list[Any]], bool]:
    """At most `limit` rows and values.MAX_ANSWER bytes of them, and whether there were more. Few rows are read on beyond that."""
    rows: list[list[Any]] = []
    size = 0
    async for batch in result.batches:
        for given in batch:
            shown, bytes_ = values.row(given)
            size += bytes_
            if len(rows) >= limit or (size > values.MAX_ANSWER and rows):
                return rows, True
            rows.append(shown)
    return rows, False


class Download(NamedTuple):
    chunks: AsyncIterator[bytes]
    media_type: str
    disposition: str


async def export(resources: Resources, source: Source, wanted: schemas.Export) -> Download:
    """All rows as a file, read by a cursor of the database's while they are sent. What goes wrong before the first row is an
    answer; later it ends the download short."""
    if (wanted.sql is None) == (not wanted.table):
        raise BadQuery("Send either `sql` or `table`.")
    if source.engine == "redis":
        raise BadQuery("Redis has no tables to export.")
    query_id, stack = wanted.query_id or new_id(), AsyncExitStack()
    try:
        async with _query(resources, source, query_id, 60):
            result = await stack.enter_async_context(_exported(source, wanted))
            chunks = files.written(result, wanted.format, safe=wanted.safe)
            first = await anext(chunks, b"")
    except BaseException:
        await stack.aclose()
        raise

    async def rest() -> AsyncIterator[bytes]:
        async with stack, _query(resources, source, query_id, EXPORT_SECONDS):
            yield first
            async for chunk in chunks:
                yield chunk

    name = wanted.table or source.name or "export"
    return Download(rest(), files.MEDIA_TYPES[wanted.format], files.disposition(name, wanted.format))


@asynccontextmanager
async def _exported(source: Source, wanted: schemas.Export) -> AsyncIterator[Result]:
    async with source.open(False, EXPORT_SECONDS) as connection:
        sql, params = wanted.sql or "", list(wanted.params)
        if wanted.table:
            shape = await connection.shape(wanted.schema, wanted.table)
            sql, params = select.page(connection.dialect, shape, sort=wanted.sort, filters=wanted.filter, cut=False)
        async with connection.run(sql, params) as result:
            yield result


async def cancel(
    resources: Resources, actor: Actor, session_id: UUID, query_id: UUID, *, of_file: bool = False
) -> None:
    """One's own query; anybody's with the scope that writes. Raises NoSuchQuery, MissingScope."""
    session = await sessions.ready(resources, actor, session_id, FILE_READ if of_file else READ)
    query = _queries(resources).find((session_id, query_id))
    if query.asker != actor.id:
        actor.require(session.organization_id, FILE_WRITE if of_file else WRITE, session.workspace_id)
    _queries(resources).cancel(query)


def _query(
    resources: Resources, source: Source, query_id: UUID | None, seconds: float
) -> AbstractAsyncContextManager[None]:
    return _queries(resources).entered((source.session_id, query_id or new_id()), source.asker, seconds)


def _queries(resources: Resources) -> Queries:
    found = resources.kept.get(Queries)
    if found is None:
        raise RuntimeError("databases' lifespan has not begun")
    return found
