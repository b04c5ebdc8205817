"""A page of a table as one SELECT: names only as the catalogue has them, operators out of a closed set, values as parameters."""

from collections.abc import Sequence
from typing import Any

from backend.workbench.databases.driver import Dialect, TableShape
from backend.workbench.databases.errors import BadQuery
from backend.workbench.databases.schemas import ColumnInfo, Filter, Sort

_COMPARE = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_LIKE = {"contains": "%{}%", "starts_with": "{}%", "ends_with": "%{}"}


def page(
    dialect: Dialect,
    shape: TableShape,
    *,
    sort: Sequence[Sort] = (),
    filters: Sequence[Filter] = (),
    limit: int | None = None,
    offset: int = 0,
    cut: bool = True,
) -> tuple[str, list[Any]]:
    """(statement, parameters). Rows that `sort` does not tell apart are in the order of the primary key. Raises BadQuery."""
    columns = {column.name: column for column in shape.columns}
    params: list[Any] = []
    wanted = [
        dialect.shown(column, dialect.quote(column.name)) if cut else dialect.quote(column.name)
        for column in shape.columns
    ]
    sql = f"SELECT {', '.join(wanted) or '1'} FROM {name_of(dialect, shape)}"  # noqa: S608 - quoted names only
    if conditions := [_condition(dialect, _column(columns, one.column), one, params) for one in filters]:
        sql += " WHERE " + " AND ".join(conditions)
    down = {_column(columns, one.column).name: one.descending for one in reversed(sort)}
    order = list(dict.fromkeys([one.column for one in sort] + shape.key))
    if order:  # of the table's own columns, which have indexes: a bare name would be that of what is shown
        table = name_of(dialect, shape)
        told = (f"{table}.{dialect.quote(name)} {'DESC' if down.get(name) else 'ASC'}" for name in order)
        sql += " ORDER BY " + ", ".join(told)
    if limit is not None:
        sql += f" LIMIT {int(limit)} OFFSET {int(offset)}"
    return sql, params


def name_of(dialect: Dialect, shape: TableShape) -> str:
    return ".".join(dialect.quote(part) for part in (shape.schema, shape.name) if part)


def _column(columns: dict[str, ColumnInfo], name: str) -> ColumnInfo:
    if name not in columns:
        raise BadQuery(f"This table has no column {name!r}.")
    return columns[name]


def _condition(dialect: Dialect, column: ColumnInfo, wanted: Filter, params: list[Any]) -> str:
    name = dialect.quote(column.name)

    def parameter(value: Any, column_type: str) -> str:
        params.append(_text(value))
        return dialect.parameter(len(params), column_type)

    match wanted.op:
        case "is_null":
            return f"{name} IS NULL"
        case "is_not_null":
            return f"{name} IS NOT NULL"
        case "in":
            if not isinstance(wanted.value, list) or not 1 <= len(wanted.value) <= 1000:
                raise BadQuery("`in` takes a list of 1 to 1,000 values.")
            return f"{name} IN ({', '.join(parameter(value, column.type) for value in wanted.value)})"
    if wanted.value is None or isinstance(wanted.value, list):
        raise BadQuery(f"`{wanted.op}` takes one value.")
    if wanted.op in _LIKE:
        pattern = _text(wanted.value)
        for special in "!%_":
            pattern = pattern.replace(special, "!" + special)
        return f"{dialect.text_of(name)} LIKE {parameter(_LIKE[wanted.op].format(pattern), '')} ESCAPE '!'"
    return f"{name} {_COMPARE[wanted.op]} {parameter(wanted.value, column.type)}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
