"""What every engine's driver does, so that the service asks all of them alike."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from backend.workbench.databases.schemas import Column, ColumnInfo, DatabaseSchema

BATCH = 200
"""Rows that are fetched at a time."""
MAX_TABLES = 5000


@dataclass
class Result:
    """What a statement gives: `batches` of rows to be read once; `affected` rows changed, known after the last batch."""

    columns: list[Column]
    batches: AsyncIterator[list[Sequence[Any]]]
    affected: int | None = None
    next_cursor: str | None = None


@dataclass
class TableShape:
    """What a page of a table is made of. `columns` as the catalogue has them, `key` those of the primary key."""

    schema: str
    name: str
    columns: list[ColumnInfo]
    key: list[str]
    rows_estimate: int | None = None


class Dialect(Protocol):
    """How an engine writes what a page of a table needs."""

    def quote(self, identifier: str) -> str: ...

    def parameter(self, number: int, column_type: str) -> str:
        """The placeholder of parameter `number` (from 1), its text read as `column_type`."""
        ...

    def text_of(self, column: str) -> str:
        """A quoted column as text, for `contains` and its like."""
        ...

    def shown(self, column: ColumnInfo, quoted: str) -> str:
        """A quoted column, cut to little more than a cell where it could be long, under its own name."""
        ...


class Connection(Protocol):
    """One connection to a database, for one request. Reading ones change nothing, by the engine's own means."""

    @property
    def dialect(self) -> Dialect: ...

    async def schema(self) -> DatabaseSchema: ...

    async def shape(self, schema: str, table: str) -> TableShape:
        """Raises NoSuchTable."""
        ...

    def run(self, sql: str, params: Sequence[Any]) -> AbstractAsyncContextManager[Result]:
        """One statement. Raises SqlError. Left early, or cancelled, it is stopped in the database."""
        ...
