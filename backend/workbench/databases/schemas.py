"""The database browser on the wire."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

MAX_ROWS = 10_000
MAX_SECONDS = 60
Name = Annotated[str, Meta(max_length=1000)]
Sql = Annotated[str, Meta(min_length=1, max_length=1_000_000, pattern=r"^[^\x00]*$(?!\n)")]
"""Without NUL, which ends a statement in PostgreSQL's protocol."""
Rows = Annotated[int, Meta(ge=1, le=MAX_ROWS)]
Seconds = Annotated[float, Meta(gt=0, le=MAX_SECONDS)]
Op = Literal[
    "=", "!=", "<", "<=", ">", ">=", "contains", "starts_with", "ends_with", "in", "is_null", "is_not_null"
]  # fmt: skip


class Database(msgspec.Struct):
    """How a service's database is reached from inside of the session. The password is always dots."""

    engine: str
    host: str
    port: int
    database: str
    user: str
    password: str = "••••"  # noqa: S105 - what is shown instead


class ColumnInfo(msgspec.Struct):
    """A column as declared; `default` is the database's own expression."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    primary_key: bool = False


class Reference(msgspec.Struct):
    schema: str
    table: str
    columns: list[str]


class ForeignKey(msgspec.Struct):
    columns: list[str]
    references: Reference


class Index(msgspec.Struct):
    """`columns` of an expression are its text."""

    name: str
    columns: list[str]
    unique: bool


class Table(msgspec.Struct):
    """`rows_estimate` and `bytes` are the database's own guess, null where it has none. `keyspace`: Redis' keys as a table."""

    name: str
    kind: Literal["table", "view", "keyspace"] = "table"
    rows_estimate: int | None = None
    bytes: int | None = None
    columns: list[ColumnInfo] = []
    foreign_keys: list[ForeignKey] = []
    indexes: list[Index] = []


class Schema(msgspec.Struct):
    name: str
    tables: list[Table] = []


class DatabaseSchema(msgspec.Struct):
    """`truncated`: there are more than 5,000 tables; the first ones are here."""

    schemas: list[Schema]
    truncated: bool = False


class Sort(msgspec.Struct, forbid_unknown_fields=True):
    column: Name
    descending: bool = False


class Filter(msgspec.Struct, forbid_unknown_fields=True):
    """`value` is compared as the column's type has it; a list for `in`, nothing for `is_null` and `is_not_null`."""

    column: Name
    op: Op
    value: str | int | float | bool | list[str | int | float | bool] | None = None


class DataQuery(msgspec.Struct, forbid_unknown_fields=True):
    """A page of a table. `cursor` is the last answer's `next_cursor`, and goes before `offset`."""

    table: Name
    schema: Name = ""
    limit: Rows = 100
    offset: Annotated[int, Meta(ge=0, le=1 << 53)] = 0
    cursor: Annotated[str, Meta(max_length=100)] = ""
    sort: Annotated[list[Sort], Meta(max_length=20)] = []
    filter: Annotated[list[Filter], Meta(max_length=50)] = []
    query_id: UUID | None = None


class Query(msgspec.Struct, forbid_unknown_fields=True):
    """One statement. `params` fill `$1` (PostgreSQL) or `?` (MySQL, SQLite); bytes as {"base64": …}. For Redis `sql` is one
    command, quoted as redis-cli has it. `write` needs services:write. `query_id` is for the call that cancels it."""

    sql: Sql
    params: Annotated[list[Any], Meta(max_length=1000)] = []
    limit: Rows = 1000
    timeout_seconds: Seconds = 30
    write: bool = False
    query_id: UUID | None = None


class Export(msgspec.Struct, forbid_unknown_fields=True):
    """All rows of a statement that reads, or of a table. In a CSV, `safe` keeps spreadsheets from running what a cell holds: text
    that begins like a formula gets an apostrophe before it."""

    format: Literal["csv", "json"] = "csv"
    sql: Sql | None = None
    params: Annotated[list[Any], Meta(max_length=1000)] = []
    schema: Name = ""
    table: Name = ""
    sort: Annotated[list[Sort], Meta(max_length=20)] = []
    filter: Annotated[list[Filter], Meta(max_length=50)] = []
    safe: bool = True
    query_id: UUID | None = None


class Column(msgspec.Struct):
    """A column of an answer; `type` in the database's own words."""

    name: str
    type: str


class Data(msgspec.Struct):
    """Cells: null, true, numbers, text, JSON; whole numbers above 2^53 and decimals as text, moments as RFC 3339, "NaN" and
    "Infinity" as text, bytes as {"base64": …}, arrays as lists. A cell of more than 64 KiB is {"truncated": true, "bytes": n,
    "text" or "base64": its beginning}; `n` is null in a table, since no more of it is read. `truncated`: more rows matched than
    are here."""

    columns: list[Column]
    rows: list[list[Any]]
    total_estimate: int | None = None
    truncated: bool = False
    next_cursor: str | None = None


class QueryResult(msgspec.Struct):
    """`row_count`: rows changed, or rows here. Cells as in a table's data. `query_id`: what it could be cancelled by."""

    columns: list[Column]
    rows: list[list[Any]]
    row_count: int
    truncated: bool
    duration_ms: float
    query_id: UUID
