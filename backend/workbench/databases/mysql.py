"""MySQL and MariaDB, on asyncmy.

Statements are prepared by the server (SQL's own PREPARE), which takes exactly one and fills `?` itself; the text goes there as a
hexadecimal literal, so no quoting of ours, and no SQL mode, can matter.

Reading is kept to reading by the database: a READ ONLY transaction refuses changes and definitions, and before a statement runs
the server must be able to prepare `SELECT EXISTS (statement)`, which it only is for a query: not for CALL, SET, KILL, FLUSH,
SHUTDOWN, BEGIN NOT ATOMIC, and not for SELECT … INTO OUTFILE. Since the statement alone must prepare, too, it cannot close that
parenthesis itself. SHOW, DESCRIBE and EXPLAIN are let through by their first word.

What this does not stop: LOAD_FILE() where the user has the privilege FILE (the images' root; `target_of` takes the ordinary user
where there is one), and functions that are loaded libraries (CREATE FUNCTION … SONAME). Both read with the server's own rights.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncmy
from asyncmy.constants import FIELD_TYPE
from asyncmy.cursors import SSCursor
from asyncmy.errors import MySQLError

from backend.core.errors import AppError
from backend.workbench.databases import values
from backend.workbench.databases.driver import BATCH, MAX_TABLES, Result, TableShape
from backend.workbench.databases.errors import (
    AnswerTooLarge,
    CannotReach,
    CannotSignIn,
    NoSuchTable,
    QueryTimeout,
    ReadOnly,
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

_LOOKS: Final = re.compile(r"\s*(show|describe|desc|explain)\b(?!\s+analyze\b)", re.IGNORECASE)
_REFUSED: Final = {1045, 1049, 1130, 1044, 1698, 2059}
_STOPPED: Final = {1969, 3024, 1028}
_BINARY: Final = 63


class MysqlDialect:
    def quote(self, identifier: str) -> str:
        return "`" + identifier.replace("`", "``") + "`"

    def parameter(self, number: int, column_type: str) -> str:  # noqa: ARG002 - placeholders have no number here
        return "?"

    def text_of(self, column: str) -> str:
        return f"CAST({column} AS CHAR)"

    def shown(self, column: ColumnInfo, quoted: str) -> str:
        if re.match(r"(medium|long|)(text|blob)", column.type):
            return f"LEFT({quoted}, {values.MAX_CELL + 1}) AS {quoted}"
        return quoted


class Mysql:
    """One connection. Use `opened`."""

    dialect = MysqlDialect()

    def __init__(self, connection: Any, relay: Relay, *, write: bool) -> None:
        self._connection = connection
        self._relay = relay
        self._write = write

    async def execute(self, sql: str) -> None:
        """A statement of ours that gives nothing."""
        cursor = self._connection.cursor(SSCursor)
        await cursor.execute(sql)
        await cursor.close()

    async def rows(self, sql: str, *params: str) -> list[tuple[Any, ...]]:
        """A query of ours on the catalogue."""
        async with self.run(sql, params, ours=True) as result:
            return [tuple(row) async for batch in result.batches for row in batch]

    @asynccontextmanager
    async def run(self, sql: str, params: Sequence[Any], *, ours: bool = False) -> AsyncIterator[Result]:
        """As driver.Connection."""
        with _told(self._relay):
            if not self._write:
                await self._check(sql, ours=ours)
            await self._prepare(sql)
            names = []
            for number, value in enumerate(params):
                await self.execute(f"SET @codeyard_{number} = {_literal(values.given(value))}")
                names.append(f"@codeyard_{number}")
            self._relay.refill()
            cursor = self._connection.cursor(SSCursor)
            await cursor.execute("EXECUTE codeyard" + (" USING " + ", ".join(names) if names else ""))
            fields = cursor._result.fields if cursor.description else []
            result = Result([Column(_name(field), _type(field)) for field in fields], _nothing())
            if fields:
                result.batches = self._batches(cursor, [_reader(field) for field in fields])
            else:
                result.affected = cursor.rowcount
            yield result
            if self._write:
                await self._finish(cursor)

    async def _check(self, sql: str, *, ours: bool) -> None:
        if not ours and not _LOOKS.match(sql):
            await self._prepare(sql)  # says what is wrong with it where something is
            try:
                await self._prepare(f"SELECT EXISTS ({sql}\n)")
            except MySQLError:
                raise ReadOnly from None
        await self.execute("START TRANSACTION READ ONLY")

    async def _prepare(self, sql: str) -> None:
        await self.execute(f"SET @codeyard_sql = {_literal(sql)}")
        await self.execute("PREPARE codeyard FROM @codeyard_sql")

    async def _batches(self, cursor: Any, readers: list[Callable[[bytes], Any]]) -> AsyncIterator[list[Sequence[Any]]]:
        with _told(self._relay):
            while True:
                self._relay.refill()
                found = await cursor.fetchmany(BATCH)
                if not found:
                    return
                yield [
                    [None if value is None else read(value) for value, read in zip(row, readers, strict=True)]
                    for row in found
                ]

    async def _finish(self, cursor: Any) -> None:
        """What is left of the answer is read, so that the change is committed by then."""
        while await cursor.fetchmany(BATCH):
            self._relay.refill()
        await cursor.close()
        await self.execute("COMMIT")

    async def schema(self) -> DatabaseSchema:
        tables = await self.rows(_TABLES + f" LIMIT {MAX_TABLES + 1}")
        found: dict[tuple[str, str], Table] = {}
        schemas = {name: Schema(name) for (name,) in await self.rows(_SCHEMAS)}
        for schema, name, kind, rows, size in tables[:MAX_TABLES]:
            found[schema, name] = Table(name, "table" if kind == "BASE TABLE" else "view", rows, size)
            schemas.setdefault(schema, Schema(schema)).tables.append(found[schema, name])
        for schema, table, *column in await self.rows(_COLUMNS.format(_OURS.format("c"))):
            if (schema, table) in found:
                found[schema, table].columns.append(_column(column))
        for schema, table, name, unique, columns in await self.rows(_INDEXES):
            if (schema, table) in found:
                found[schema, table].indexes.append(Index(name, _split(columns), unique == 0))
        for schema, table, columns, other, there, foreign in await self.rows(_FOREIGN_KEYS):
            if (schema, table) in found:
                key = ForeignKey(_split(columns), Reference(other, there, _split(foreign)))
                found[schema, table].foreign_keys.append(key)
        return DatabaseSchema(list(schemas.values()), truncated=len(tables) > MAX_TABLES)

    async def shape(self, schema: str, table: str) -> TableShape:
        schema = schema or (await self.rows("SELECT DATABASE()"))[0][0] or ""
        rows = await self.rows(_COLUMNS.format("c.table_schema = ? AND c.table_name = ?"), schema, table)
        if not rows:
            raise NoSuchTable
        columns = [_column(row[2:]) for row in rows]
        one = "SELECT table_rows FROM information_schema.tables WHERE table_schema = ? AND table_name = ?"
        estimate = (await self.rows(one, schema, table))[0][0]
        key = [column.name for column in columns if column.primary_key]
        return TableShape(rows[0][0], rows[0][1], columns, key, estimate)


@asynccontextmanager
async def opened(target: Target, *, write: bool, seconds: float) -> AsyncIterator[Mysql]:
    """A connection as the service's user. Left while a statement runs, that is killed by a second connection. Raises CannotReach,
    CannotSignIn."""
    async with relay_to(target.host, target.port) as relay:
        connection = await _connect(target, relay)
        over = False
        try:
            mysql = Mysql(connection, relay, write=write)
            with _told(relay):
                await _limit(mysql, seconds, write)
            yield mysql
            over = True
        finally:
            await asyncio.shield(_leave(target, relay, connection, over))


async def _limit(mysql: Mysql, seconds: float, write: bool) -> None:
    """The server ends what takes longer: MariaDB and MySQL have a word for it each."""
    milliseconds = int(seconds * 1000) + 500
    for word in (f"max_statement_time = {milliseconds / 1000}", f"max_execution_time = {milliseconds}"):
        with suppress(MySQLError):
            await mysql.execute(f"SET SESSION {word}")
    await mysql.execute("SET SESSION time_zone = '+00:00'")
    if not write:
        await mysql.execute("SET SESSION TRANSACTION READ ONLY")


async def _leave(target: Target, relay: Relay, connection: Any, over: bool) -> None:
    number = connection.thread_id()
    with suppress(OSError, RuntimeError):
        connection.close()
    if over:
        return
    with suppress(MySQLError, OSError, RuntimeError, TimeoutError, AppError):
        async with asyncio.timeout(15):
            second = await _connect(target, relay)
            try:
                cursor = second.cursor()
                await cursor.execute(f"KILL {int(number)}")
            finally:
                second.close()


async def _connect(target: Target, relay: Relay) -> Any:
    relay.refill()
    with _told(relay, signing_in=True):
        return await asyncmy.connect(
            host=relay.host,
            port=relay.port,
            user=target.user,
            password=target.password,
            database=target.database or None,
            charset="utf8mb4",
            use_unicode=False,
            conv={},
            connect_timeout=10,
            autocommit=True,
            local_infile=False,  # else the database could ask for files of this machine
        )


class _told:  # noqa: N801 - reads as a verb
    """Turns what the database and the driver say into what a caller is told."""

    def __init__(self, relay: Relay, *, signing_in: bool = False) -> None:
        self._relay = relay
        self._signing_in = signing_in

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, MySQLError | OSError | RuntimeError | EOFError):
            return
        if self._relay.exceeded:
            raise AnswerTooLarge from None
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        said = str(error.args[1]) if len(error.args) > 1 else str(error)
        if number in _STOPPED:
            raise QueryTimeout from None
        if self._signing_in and number in _REFUSED:
            raise CannotSignIn(f"{CannotSignIn().message} It says: {said[:300]}") from None
        if not isinstance(error, MySQLError) or number in (2003, 2006, 2013, 0):
            raise CannotReach from None
        if number == 1792:
            raise ReadOnly from None
        raise SqlError(said, errno=number) from None


def _literal(value: Any) -> str:
    """A value (of JSON, so finite) that no SQL mode and no character set can read otherwise."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value!r}e0" if "e" not in repr(value) else repr(value)
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"CONVERT(X'{text.encode(errors='replace').hex()}' USING utf8mb4)"


_NAMES: Final = {number: name.lower() for name, number in vars(FIELD_TYPE).items() if name.isupper()} | {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
    FIELD_TYPE.NEWDECIMAL: "decimal",
    FIELD_TYPE.NEWDATE: "date",
    FIELD_TYPE.SET: "set",
    FIELD_TYPE.ENUM: "enum",
    FIELD_TYPE.VAR_STRING: "varchar",
    FIELD_TYPE.STRING: "char",
}
_WHOLE: Final = {
    FIELD_TYPE.TINY,
    FIELD_TYPE.SHORT,
    FIELD_TYPE.INT24,
    FIELD_TYPE.LONG,
    FIELD_TYPE.LONGLONG,
    FIELD_TYPE.YEAR,
}
_BYTES: Final = {
    FIELD_TYPE.TINY_BLOB,
    FIELD_TYPE.MEDIUM_BLOB,
    FIELD_TYPE.LONG_BLOB,
    FIELD_TYPE.BLOB,
    FIELD_TYPE.STRING,
    FIELD_TYPE.VAR_STRING,
    FIELD_TYPE.VARCHAR,
}


def _name(field: Any) -> str:
    return field.name.decode(errors="replace") if isinstance(field.name, bytes) else str(field.name)


def _type(field: Any) -> str:
    name = _NAMES.get(field.type_code, "unknown")
    if field.type_code in _BYTES:
        if "blob" in name:
            return "blob" if field.charsetnr == _BINARY else "text"
        return name if field.charsetnr != _BINARY else name.replace("char", "binary")
    return name


def _reader(field: Any) -> Callable[[bytes], Any]:
    """How the bytes of a column's values become a value."""
    code = field.type_code
    if code in _WHOLE:
        return int
    if code in (FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE):
        return float
    if code == FIELD_TYPE.JSON:
        return lambda value: values.raw_json(value.decode(errors="replace"))
    if code in (FIELD_TYPE.BIT, FIELD_TYPE.GEOMETRY) or (code in _BYTES and field.charsetnr == _BINARY):
        return bytes
    if code in (FIELD_TYPE.TIMESTAMP, FIELD_TYPE.DATETIME):
        zone = "Z" if code == FIELD_TYPE.TIMESTAMP else ""
        return lambda value: value.decode(errors="replace").replace(" ", "T") + zone
    return lambda value: value.decode(errors="replace")


def _column(row: Sequence[Any]) -> ColumnInfo:
    name, kind, nullable, default, key = row
    return ColumnInfo(name, _text(kind), nullable == "YES", None if default is None else _text(default), key == "PRI")


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _split(names: Any) -> list[str]:
    found: list[str] = json.loads(_text(names))
    return found


async def _nothing() -> AsyncIterator[list[Sequence[Any]]]:
    """No rows."""
    return
    yield


_OURS: Final = "{}.table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')"
_SCHEMAS: Final = """
    SELECT schema_name FROM information_schema.schemata
    WHERE schema_name NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY schema_name"""
_TABLES: Final = f"""
    SELECT t.table_schema, t.table_name, t.table_type, t.table_rows, t.data_length + t.index_length
    FROM information_schema.tables t WHERE {_OURS.format("t")} ORDER BY t.table_schema, t.table_name"""  # noqa: S608
_COLUMNS: Final = """
    SELECT c.table_schema, c.table_name, c.column_name, c.column_type, c.is_nullable,
        IF(c.column_default = 'NULL' AND LOCATE('MariaDB', VERSION()), NULL, c.column_default), c.column_key
    FROM information_schema.columns c WHERE {} ORDER BY c.table_schema, c.table_name, c.ordinal_position"""
_INDEXES: Final = f"""
    SELECT s.table_schema, s.table_name, s.index_name, min(s.non_unique),
        concat('[', group_concat(json_quote(coalesce(s.column_name, '(expression)')) ORDER BY s.seq_in_index), ']')
    FROM information_schema.statistics s WHERE {_OURS.format("s")}
    GROUP BY s.table_schema, s.table_name, s.index_name ORDER BY 1, 2, 3"""  # noqa: S608
_FOREIGN_KEYS: Final = f"""
    SELECT k.table_schema, k.table_name,
        concat('[', group_concat(json_quote(k.column_name) ORDER BY k.ordinal_position), ']'),
        k.referenced_table_schema, k.referenced_table_name,
        concat('[', group_concat(json_quote(k.referenced_column_name) ORDER BY k.ordinal_position), ']')
    FROM information_schema.key_column_usage k WHERE k.referenced_table_name IS NOT NULL AND {_OURS.format("k")}
    GROUP BY k.table_schema, k.table_name, k.constraint_name, k.referenced_table_schema, k.referenced_table_name
    ORDER BY 1, 2, k.constraint_name"""  # noqa: S608
