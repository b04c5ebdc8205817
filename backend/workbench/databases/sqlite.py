"""SQLite files of the working copy, each opened by a process of its own (sqlite_child.py says why, and what it may touch).

The path is resolved beneath the session's folder by descriptor, as every file access is; the process gets those descriptors and
refuses any other file. Reading opens the file `mode=ro`, without ATTACH, extensions and pragmas that set something. A statement
that takes too long, or whose caller has gone, ends with its process.
"""

import asyncio
import base64
import json
import os
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from backend.core.resources import Resources
from backend.workbench.databases import sqlite_child, values
from backend.workbench.databases.driver import Result, TableShape
from backend.workbench.databases.errors import (
    AnswerTooLarge,
    BadQuery,
    CannotReach,
    NoSuchTable,
    NotADatabase,
    NotProtected,
    QueryTimeout,
    ReadOnly,
    SqlError,
)
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
from backend.workbench.files.beneath import DIRECTORY, Root, parse

LARGEST_FRAME: Final = 64 << 20
_CHILD: Final = Path(sqlite_child.__file__)


class SqliteDialect:
    def quote(self, identifier: str) -> str:
        return '"' + identifier.replace('"', '""') + '"'

    def parameter(self, number: int, column_type: str) -> str:  # noqa: ARG002
        """Compared as the column's affinity has it (sqlite.org/datatype3.html §4.2), which a text parameter takes by itself."""
        return f"?{number}"

    def text_of(self, column: str) -> str:
        return f"CAST({column} AS TEXT)"

    def shown(self, column: ColumnInfo, quoted: str) -> str:  # noqa: ARG002 - any column may hold anything here
        long = f"typeof({quoted}) IN ('text', 'blob') AND length({quoted}) > {values.MAX_CELL}"
        return f"CASE WHEN {long} THEN substr({quoted}, 1, {values.MAX_CELL + 1}) ELSE {quoted} END AS {quoted}"


class Sqlite:
    """One open file. Use `opened`."""

    dialect = SqliteDialect()

    def __init__(self, process: asyncio.subprocess.Process, *, write: bool) -> None:
        self._process = process
        self._write = write

    async def _ask(self, **asked: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        with suppress(OSError):
            await self._process.stdin.drain()

    async def hear(self) -> dict[str, Any]:
        """The next frame. Raises what it tells of."""
        assert self._process.stdout is not None
        try:
            (size,) = struct.unpack(">I", await self._process.stdout.readexactly(4))
            if size > LARGEST_FRAME:
                raise AnswerTooLarge
            found: dict[str, Any] = json.loads(await self._process.stdout.readexactly(size))
        except asyncio.IncompleteReadError:
            raise SqlError("The statement was ended: it needs more than one may use, or the file is damaged.") from None
        if "error" in found:
            raise _error(found["name"], found["error"])
        return found

    @asynccontextmanager
    async def run(self, sql: str, params: Sequence[Any]) -> AsyncIterator[Result]:
        """As driver.Connection."""
        await self._ask(op="run", sql=sql, params=[_parameter(one) for one in params])
        columns = (await self.hear())["columns"]
        result = Result([Column(name, kind) for name, kind in columns], _nothing())
        result.batches = self._batches(result)
        yield result
        if self._write:  # to the end, so that it is done
            async for _ in result.batches:
                pass

    async def _batches(self, result: Result) -> AsyncIterator[list[Sequence[Any]]]:
        while True:
            said = await self.hear()
            if "end" in said:
                result.affected = said["end"] if self._write and not result.columns else None
                return
            yield [
                [base64.b64decode(value["b"]) if isinstance(value, dict) else value for value in row]
                for row in said["rows"]
            ]

    async def schema(self) -> DatabaseSchema:
        await self._ask(op="schema")
        found = (await self.hear())["tables"]
        return DatabaseSchema([Schema("main", [_table(one) for one in found])], truncated=len(found) >= 5000)

    async def shape(self, schema: str, table: str) -> TableShape:
        if schema not in ("", "main"):
            raise NoSuchTable
        found = next((one for one in (await self.schema()).schemas[0].tables if one.name == table), None)
        if found is None:
            raise NoSuchTable
        key = [column.name for column in found.columns if column.primary_key]
        return TableShape("main", table, found.columns, key, found.rows_estimate)


@asynccontextmanager
async def opened(
    resources: Resources, folder: Path, path: str, *, write: bool, seconds: float, unguarded: bool = False
) -> AsyncIterator[Sqlite]:
    """The SQLite file at `path` of the working copy `folder`. Raises NotADatabase, and what a bad path does."""
    parts = parse(path)
    if not parts:
        raise BadQuery("Send `path`, that of a SQLite file in the working copy.")
    root, file = await resources.in_thread(_open, folder, parts)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(_CHILD),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(root, file), cwd="/", env={}, limit=1 << 20,
        )  # fmt: skip
    finally:
        given = root, file
        for descriptor in given:
            os.close(descriptor)
    sqlite = Sqlite(process, write=write)
    try:
        joined = b"/".join(parts).decode(errors="surrogateescape")
        await sqlite._ask(
            root=given[0],
            file=given[1],
            path=joined,
            write=write,
            seconds=seconds,
            unguarded=unguarded,
            parent=os.getpid(),
        )
        await sqlite.hear()
        yield sqlite
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())


def _open(folder: Path, parts: tuple[bytes, ...]) -> tuple[int, int]:
    """Descriptors of the folder and of the file in it."""
    with Root(folder) as root:
        file, _ = root.open_file(parts)
        return os.open(".", DIRECTORY, dir_fd=root.fd), file


def _error(name: str, said: str) -> Exception:
    match name:
        case "SQLITE_READONLY" | "SQLITE_READONLY_DBMOVED" | "SQLITE_READONLY_DIRECTORY":
            return ReadOnly()
        case "SQLITE_INTERRUPT":
            return QueryTimeout()
        case "SQLITE_NOTADB" | "NOT_A_DATABASE" | "SQLITE_CORRUPT":
            return NotADatabase(f"This file cannot be read as a SQLite database: {said}.")
        case "SQLITE_TOOBIG" | "SQLITE_NOMEM":
            return AnswerTooLarge("A value of this answer is more than 48 MiB: ask for less of it.")
        case "UNGUARDED":
            return NotProtected(said)
        case "MOVED":
            return CannotReach(said)
    return SqlError(said, name=name)


def _parameter(value: Any) -> Any:
    value = values.given(value)
    if isinstance(value, bytes):
        return {"b": base64.b64encode(value).decode()}
    return json.dumps(value) if isinstance(value, list | dict) else value


def _table(found: dict[str, Any]) -> Table:
    return Table(
        found["name"],
        found["kind"],
        found["rows"],
        found["bytes"],
        [ColumnInfo(*column) for column in found["columns"]],
        [ForeignKey(ours, Reference("main", there, theirs)) for there, ours, theirs in found["keys"]],
        [Index(name, columns, unique) for name, columns, unique in found["indexes"]],
    )


async def _nothing() -> AsyncIterator[list[Sequence[Any]]]:
    """No rows."""
    return
    yield
