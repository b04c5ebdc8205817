"""PostgreSQL, on asyncpg.

Reading is kept to reading by the database, never by looking at the SQL:

* A user that is a superuser could leave any transaction's bounds for the machine (COPY … PROGRAM, pg_read_file, lo_export,
  dblink), and can always take back SET ROLE. So reading signs in as another: `codeyard_reader`, which this makes in the database
  when it first meets a superuser, a member of pg_read_all_data and nothing else (PostgreSQL 14 or newer). Its password follows
  from the superuser's, so it opens nothing that was not open.
  (pg_read_all_data sees the catalogue as well, verifiers of passwords included.)
* A user that is no superuser reads as itself; it cannot do those things.
* Either way in a READ ONLY transaction, which no function and no DO block can leave once a statement has begun, and which is
  rolled back. One statement a call, by the extended protocol, which takes no second one.

What this does not stop: locks taken and work caused while a statement runs (until its timeout); what is no part of a transaction,
such as session advisory locks (they end with the connection) and functions of other languages or SECURITY DEFINER functions of a
superuser that reach outside of the database by themselves; a user given pg_execute_server_program or its like on purpose.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, Self

import asyncpg
import msgspec

from backend.workbench.databases import moments, values
from backend.workbench.databases.driver import BATCH, MAX_TABLES, Result, TableShape
from backend.workbench.databases.errors import (
    AnswerTooLarge,
    CannotReach,
    CannotSignIn,
    NoSuchTable,
    NotProtected,
    QueryTimeout,
    SqlError,
)
from backend.workbench.databases.relay import Relay, relay_to
from backend.workbench.databases.schemas import (
    Column,
    ColumnInfo,
    DatabaseSchema,
    ForeignKey,
    Index,
    Reference,
    Schema,
    Table,
)
from backend.workbench.databases.target import Target

READER: Final = "codeyard_reader"
FEW: Final = 100_000
"""Rows that are counted where the database has no guess of its own."""
_AS_TEXT: Final = ("timestamp", "timestamptz", "date", "time", "timetz", "interval")
_REFUSED: Final = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidPasswordError)


class PostgresDialect:
    def quote(self, identifier: str) -> str:
        return '"' + identifier.replace('"', '""') + '"'

    def parameter(self, number: int, column_type: str) -> str:
        return f"${number}::text" + (f"::{column_type}" if column_type else "")

    def text_of(self, column: str) -> str:
        return f"{column}::text"

    def shown(self, column: ColumnInfo, quoted: str) -> str:
        cut = values.MAX_CELL + 1
        if column.type == "bytea":
            return f"substring({quoted} from 1 for {cut}) AS {quoted}"
        if column.type in ("text", "xml") or column.type.startswith("character varying"):
            return f"left({quoted}::text, {cut}) AS {quoted}"
        if column.type in ("json", "jsonb"):
            long = f"octet_length({quoted}::text) > {values.MAX_CELL}"
            return f"CASE WHEN {long} THEN to_json(left({quoted}::text, {cut})) ELSE {quoted}::json END AS {quoted}"
        return quoted


class Postgres:
    """One connection. Use `opened`."""

    dialect = PostgresDialect()

    def __init__(self, connection: Any, relay: Relay, *, write: bool) -> None:
        self._connection = connection
        self._relay = relay
        self._write = write

    async def prepare(self) -> Self:
        """Moments come and go as text: infinity and the years before Christ are lost to Python's types."""
        for name in _AS_TEXT:
            await self._connection.set_type_codec(
                name, schema="pg_catalog", format="text", encoder=str, decoder=_MOMENTS.get(name, str)
            )
        return self

    async def _prepared(self, sql: str) -> Any:
        with suppress(asyncpg.UnsupportedClientFeatureError):
            statement = await self._connection.prepare(sql)
            if not any("record" in one.type.name for one in statement.get_attributes()):
                return statement
        for name in _AS_TEXT:  # asyncpg has no text within ranges and records
            await self._connection.set_type_codec(
                name, schema="pg_catalog", format="tuple", encoder=_no_moment, decoder=partial(_counted, name)
            )
        return await self._connection.prepare(sql)

    @asynccontextmanager
    async def run(self, sql: str, params: Sequence[Any]) -> AsyncIterator[Result]:
        """As driver.Connection. A statement that gives no rows runs outside of a transaction block where it may write, so that
        VACUUM and CREATE DATABASE work."""
        with _told(self._relay):
            if not self._write:
                await self._connection.execute("BEGIN READ ONLY")
            statement = await self._prepared(sql)
            found = statement.get_attributes()
            types = [one.name for one in statement.get_parameters()]
            if len(types) != len(params):
                raise SqlError(f"The statement takes {len(types)} parameters, {len(params)} were given.")
            try:
                arguments = [_argument(value, kind) for value, kind in zip(params, types, strict=True)]
            except (ValueError, TypeError) as error:
                raise SqlError(f"A parameter does not fit: {error}.") from None
            result = Result([Column(one.name, one.type.name) for one in found], _nothing())
            if not found and self._write:
                await statement.fetch(*arguments)
                result.affected = _count(statement.get_statusmsg())
                yield result
                return
            if self._write:
                await self._connection.execute("BEGIN")
            result.batches = self._batches(result, statement, arguments)
            yield result
            await self._connection.execute("COMMIT" if self._write else "ROLLBACK")

    async def _batches(
        self, result: Result, statement: Any, arguments: list[Any]
    ) -> AsyncIterator[list[Sequence[Any]]]:
        with _told(self._relay):
            kinds = [column.type for column in result.columns]
            cursor = await statement.cursor(*arguments)
            size = 10
            while rows := await self._fetch(cursor, size):
                yield [[_plain(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows]
                if len(rows) < size:
                    break
                size = BATCH
            result.affected = _count(statement.get_statusmsg()) if self._write else None

    async def _fetch(self, cursor: Any, size: int) -> list[Any]:
        self._relay.refill()
        found: list[Any] = await cursor.fetch(size)
        return found

    async def schema(self) -> DatabaseSchema:
        with _told(self._relay):
            tables = await self._connection.fetch(_TABLES, MAX_TABLES + 1)
            names = await self._connection.fetch(_SCHEMAS)
            wanted = [row["oid"] for row in tables[:MAX_TABLES]]
            columns = await self._connection.fetch(_COLUMNS, wanted)
            keys = await self._connection.fetch(_FOREIGN_KEYS, wanted)
            indexes = await self._connection.fetch(_INDEXES, wanted)
        found = {row["oid"]: _table(row) for row in tables[:MAX_TABLES]}
        schemas = {row["name"]: Schema(row["name"]) for row in names}
        for row in tables[:MAX_TABLES]:
            schemas.setdefault(row["schema"], Schema(row["schema"])).tables.append(found[row["oid"]])
        for row in columns:
            found[row["oid"]].columns.append(_column(row))
        for row in keys:
            there = Reference(row["schema"], row["table"], row["foreign_columns"])
            found[row["oid"]].foreign_keys.append(ForeignKey(row["columns"], there))
        for row in indexes:
            found[row["oid"]].indexes.append(Index(row["name"], row["columns"], row["unique"]))
        return DatabaseSchema(list(schemas.values()), truncated=len(tables) > MAX_TABLES)

    async def shape(self, schema: str, table: str) -> TableShape:
        with _told(self._relay):
            row = await self._connection.fetchrow(_ONE_TABLE, schema or "public", table)
            if row is None:
                raise NoSuchTable
            columns = [_column(one) for one in await self._connection.fetch(_COLUMNS, [row["oid"]])]
            key = [column.name for column in columns if column.primary_key]
            estimate = row["rows_estimate"]
            if estimate is None and row["kind"] == "table":
                name = f"{self.dialect.quote(schema or 'public')}.{self.dialect.quote(table)}"
                few = f"SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT {FEW}) AS few"  # noqa: S608 - quoted names
                found = await self._connection.fetchval(few)
                estimate = found if found < FEW else None
        return TableShape(schema or "public", table, columns, key, estimate)


@asynccontextmanager
async def opened(target: Target, *, write: bool, seconds: float) -> AsyncIterator[Postgres]:
    """A connection that reads or with `write` one that is the service's own user. Each statement ends after `seconds`.
    Raises CannotReach, CannotSignIn, NotProtected."""
    async with relay_to(target.host, target.port) as relay:
        connection = await _connect(target, relay, seconds) if write else await _reader(target, relay, seconds)
        try:
            with _told(relay):
                yield await Postgres(connection, relay, write=write).prepare()
        finally:
            await _leave(connection)


async def _leave(connection: Any) -> None:
    """Closes; what still runs there was told to stop by asyncpg when its task was cancelled, which this waits for."""
    closing = asyncio.ensure_future(connection.close(timeout=15))
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        await asyncio.shield(closing)
    if not closing.done():  # we were cancelled once more
        closing.add_done_callback(lambda done: done.cancelled() or done.exception())


async def _reader(target: Target, relay: Relay, seconds: float) -> Any:
    password = hmac.new(target.password.encode(), b"codeyard reader", hashlib.sha256).hexdigest()
    try:
        reader = await _connect(target, relay, seconds, READER, password)
    except CannotSignIn:
        owner = await _connect(target, relay, seconds)
        if owner.get_settings().is_superuser != "on":
            return owner
        try:
            with _told(relay):
                await _make_reader(owner, password)
        finally:
            await _leave(owner)
        reader = await _connect(target, relay, seconds, READER, password)
    if reader.get_settings().is_superuser == "on":
        await _leave(reader)
        raise NotProtected(f"Somebody made {READER} a superuser: drop that role, or read with `write: true`.")
    return reader


async def _make_reader(owner: Any, password: str) -> None:
    """The role that only reads. Several may make it at once."""
    if owner.get_server_version().major < 14:
        raise NotProtected("Reading safely as a superuser needs PostgreSQL 14 or newer, or `write: true`.")
    if await owner.fetchval("SELECT pg_is_in_recovery()"):
        raise NotProtected("A standby cannot make the role that only reads: make it on the primary by looking there.")
    async with owner.transaction():
        await owner.execute(
            "SET LOCAL search_path = pg_catalog"
        )  # what the database's own users made is not called here
        await owner.execute("SELECT pg_advisory_xact_lock(hashtext('codeyard_reader'))")
        there = await owner.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", READER)
        verb = "ALTER" if there else "CREATE"
        await owner.execute(
            f"{verb} ROLE {READER} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS PASSWORD '{password}'"
        )
        await owner.execute(f"ALTER ROLE {READER} SET default_transaction_read_only = on")
        await owner.execute(f"ALTER ROLE {READER} SET temp_file_limit = '1GB'")
        await owner.execute(f"GRANT pg_read_all_data TO {READER}")


async def _connect(
    target: Target, relay: Relay, seconds: float, user: str | None = None, password: str | None = None
) -> Any:
    settings = {
        "application_name": "codeyard",
        "statement_timeout": str(int(seconds * 1000) + 500),
        "idle_in_transaction_session_timeout": "120000",
        "timezone": "UTC",
        "datestyle": "ISO",
        "intervalstyle": "iso_8601",
    }
    relay.refill()
    try:
        with _told(relay):
            return await asyncpg.connect(
                host=relay.host,
                port=relay.port,
                user=user or target.user,
                password=target.password if password is None else password,
                database=target.database,
                ssl=False,
                timeout=10,
                statement_cache_size=0,
                server_settings=settings,
            )
    except SqlError as error:
        raise CannotSignIn(error.message) from None


class _told:  # noqa: N801 - reads as a verb, like contextlib's own
    """Turns what the database and the driver say into what a caller is told."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if self._relay.exceeded and isinstance(error, OSError | asyncpg.PostgresError | asyncpg.InterfaceError):
            raise AnswerTooLarge from None
        if isinstance(error, _REFUSED):
            raise CannotSignIn from None
        if isinstance(error, asyncpg.QueryCanceledError) and "timeout" in str(error):
            raise QueryTimeout from None
        if isinstance(error, OSError | asyncpg.PostgresConnectionError | asyncpg.CannotConnectNowError):
            raise CannotReach from None
        if isinstance(error, asyncpg.PostgresError):
            raise _sql_error(error) from None
        if isinstance(error, asyncpg.InterfaceError):
            raise SqlError(str(error)) from None


def _sql_error(error: Any) -> SqlError:
    position = int(error.position) if error.position and str(error.position).isdigit() else None
    more = {name: str(text)[:2000] for name in ("detail", "hint") if (text := getattr(error, name, None))}
    return SqlError(str(error.message or error), position=position, sqlstate=error.sqlstate, **more)


def _moment(text: str) -> str:
    """ISO 8601 as RFC 3339 has it; what that cannot say (infinity, years before Christ) as PostgreSQL does."""
    found = re.fullmatch(r"(\d{4,6}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d+)?)([+-]\d\d(?::?\d\d)?)?)?", text)
    if found is None:
        return text
    day, time, zone = found.groups()
    if time is None:
        return day
    return f"{day}T{time}" + ("" if zone is None else "Z" if zone in ("+00", "+00:00") else zone)


_MOMENTS: Final = {"timestamp": _moment, "timestamptz": _moment, "date": _moment}


def _counted(name: str, value: tuple[int, ...]) -> str:
    return _MOMENTS.get(name, str)(moments.DECODERS[name](value))


def _no_moment(_value: str) -> tuple[int, ...]:
    raise ValueError("beside ranges and records a moment is given as `$1::text::timestamptz`")


def _plain(value: Any, kind: str) -> Any:
    """What asyncpg gives, as values.whole takes it."""
    if value is None or isinstance(value, int | float):
        return value
    if kind in ("json", "jsonb") and isinstance(value, str):
        return values.raw_json(value)
    if isinstance(value, bytes) and kind == "char":
        return value.decode("latin-1")
    if isinstance(value, asyncpg.Range):
        return _range(value)
    if isinstance(value, asyncpg.BitString):
        return value.as_string().replace(" ", "")
    if isinstance(value, asyncpg.Record):
        return {name: _plain(one, "") for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, kind.removesuffix("[]")) for one in value]
    return value


def _range(found: Any) -> str:
    """As PostgreSQL writes ranges: [1,10)."""
    if found.isempty:
        return "empty"
    lower, upper = (_bound(one) for one in (found.lower, found.upper))
    return f"{'[' if found.lower_inc else '('}{lower},{upper}{']' if found.upper_inc else ')'}"


def _bound(value: Any) -> str:
    if value is None:
        return ""
    return str(values.whole(value))


def _argument(value: Any, kind: str) -> Any:
    """A JSON value as asyncpg takes it for a parameter of that type. Raises ValueError."""
    value = values.given(value)
    if value is None:
        return None
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise ValueError(f"a parameter of type {kind} takes a list")
        return [_argument(one, kind.removesuffix("[]")) for one in value]
    if kind in ("int2", "int4", "int8", "oid"):
        return int(value)
    if kind in ("float4", "float8"):
        return float(value)
    if kind == "bool":
        return value if isinstance(value, bool) else str(value).lower() in ("true", "t", "yes", "on", "1")
    if kind in ("json", "jsonb"):
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return value if isinstance(value, bytes) or kind == "bytea" else str(value)


async def _nothing() -> AsyncIterator[list[Sequence[Any]]]:
    """No rows."""
    return
    yield


def _count(status: str | None) -> int | None:
    """The number that ends a command's tag: UPDATE 3, INSERT 0 3."""
    last = (status or "").rpartition(" ")[2]
    return int(last) if last.isdigit() else None


def _table(row: Any) -> Table:
    return Table(row["name"], row["kind"], row["rows_estimate"], row["bytes"])


def _column(row: Any) -> ColumnInfo:
    return ColumnInfo(row["name"], row["type"], row["nullable"], row["default"], row["primary_key"])


_RELATIONS: Final = """
    SELECT c.oid, n.nspname AS schema, c.relname AS name,
        CASE WHEN c.relkind IN ('v', 'm') THEN 'view' ELSE 'table' END AS kind,
        CASE WHEN c.reltuples >= 0 THEN c.reltuples::int8 END AS rows_estimate,
        CASE WHEN c.relkind IN ('r', 'm', 't') THEN pg_total_relation_size(c.oid) END AS bytes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')"""
_OURS: Final = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
_TABLES: Final = f"{_RELATIONS} AND {_OURS} ORDER BY n.nspname, c.relname LIMIT $1"
_ONE_TABLE: Final = f"{_RELATIONS} AND n.nspname = $1 AND c.relname = $2"
_SCHEMAS: Final = f"SELECT n.nspname AS name FROM pg_namespace n WHERE {_OURS} ORDER BY n.nspname"  # noqa: S608
_COLUMNS: Final = """
    SELECT a.attrelid AS oid, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
        NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS default,
        coalesce(a.attnum = ANY (k.conkey), false) AS primary_key
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
    WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum"""
_FOREIGN_KEYS: Final = """
    SELECT k.conrelid AS oid, n.nspname AS schema, c.relname AS table,
        ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(number, at)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number ORDER BY u.at) AS columns,
        ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(number, at)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number ORDER BY u.at) AS foreign_columns
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE k.contype = 'f' AND k.conrelid = ANY ($1::oid[]) ORDER BY k.conrelid, k.conname"""
_INDEXES: Final = """
    SELECT i.indrelid AS oid, c.relname AS name, i.indisunique AS unique,
        ARRAY(SELECT pg_get_indexdef(i.indexrelid, at, true) FROM generate_series(1, i.indnkeyatts) at) AS columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY ($1::oid[]) ORDER BY i.indrelid, c.relname"""
