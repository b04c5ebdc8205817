"""Redis and its kin (Valkey, KeyDB), on redis-py.

A query is one command, quoted as redis-cli has it. Reading takes commands from a list of those that only read and answer at once:
no KEYS (it stops the server while it looks through everything), no scripts, nothing that waits. Keys are looked through by SCAN.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from backend.workbench.databases.driver import BATCH, Result, TableShape
from backend.workbench.databases.errors import (
    AnswerTooLarge,
    BadQuery,
    CannotReach,
    CannotSignIn,
    NoSuchTable,
    ReadOnly,
    SqlError,
)
from backend.workbench.databases.relay import Relay, relay_to
from backend.workbench.databases.schemas import Column, ColumnInfo, DatabaseSchema, DataQuery, Schema, Table
from backend.workbench.databases.target import Target

READS: Final = frozenset(
    """
    get mget strlen getrange substr getbit bitcount bitpos bitfield_ro lcs
    exists type ttl pttl expiretime pexpiretime scan dbsize randomkey object memory dump
    hget hmget hgetall hkeys hvals hlen hexists hstrlen hscan hrandfield httl hpttl
    lrange llen lindex lpos smembers scard sismember smismember srandmember sscan sdiff sinter sunion sintercard
    zrange zrangebyscore zrangebylex zrevrange zrevrangebyscore zrevrangebylex zrank zrevrank zscore zmscore zcard zcount
    zlexcount zscan zrandmember zdiff zinter zunion zintercard
    xrange xrevrange xlen xinfo xpending geopos geodist geohash geosearch georadius_ro georadiusbymember_ro
    pfcount sort_ro info ping echo time lastsave select
    json.get json.mget json.type json.objkeys json.objlen json.arrlen json.strlen ft.search ft.info ft._list ts.get ts.range
    """.split()  # noqa: SIM905 - a page is read more easily than a hundred strings
)
LOOKS: Final = 1000
"""How often SCAN goes on, by a hundred keys at least, for a page that is not full yet: about half a second."""
_INNER: Final = {
    "object": {"encoding", "freq", "idletime", "refcount", "help"},
    "memory": {"usage", "doctor", "stats", "help"},
}
"""Of commands that are several, those that only read."""
_NOT_HERE: Final = frozenset(
    {"subscribe", "psubscribe", "ssubscribe", "monitor", "sync", "psync", "reset", "quit", "hello"}
)
"""They turn the connection into something that no answer can be given of."""
_COLUMNS: Final = [
    ColumnInfo("key", "string", nullable=False, primary_key=True),
    ColumnInfo("type", "string", nullable=False),
    ColumnInfo("ttl_ms", "integer"),
    ColumnInfo("bytes", "integer"),
]
_TYPES: Final = ("string", "list", "set", "zset", "hash", "stream")


class RedisDialect:
    """There is no SQL here."""

    def quote(self, identifier: str) -> str:
        return identifier

    def parameter(self, number: int, column_type: str) -> str:  # noqa: ARG002
        return "?"

    def text_of(self, column: str) -> str:
        return column

    def shown(self, column: ColumnInfo, quoted: str) -> str:  # noqa: ARG002
        return quoted


class Redis:
    """One connection. Use `opened`."""

    dialect = RedisDialect()

    def __init__(self, client: Any, relay: Relay, *, write: bool) -> None:
        self._client = client
        self._relay = relay
        self._write = write

    async def _ask(self, *words: str | bytes | int) -> Any:
        self._relay.refill()
        with _told(self._relay):
            return await self._client.execute_command(*words)

    @asynccontextmanager
    async def run(self, sql: str, params: Sequence[Any]) -> AsyncIterator[Result]:
        """One command; a list is a row for each member, anything else one row."""
        words = split(sql) + [str(param).encode() for param in params]
        if not words:
            raise BadQuery("Send a command, such as: HGETALL user:1")
        name = words[0].decode(errors="replace").lower()
        if name in _NOT_HERE:
            raise BadQuery(f"{name.upper()} has no answer that could be shown here.")
        if not self._write and not _reads(name, words):
            raise ReadOnly(
                f"{name.upper()[:100]} is none of the commands that only read and answer at once: send `write: true`, which "
                "needs services:write. Keys are looked through by SCAN."
            )
        answer = await self._ask(*words)
        rows = answer if isinstance(answer, list) else [answer]
        yield Result([Column("value", "reply")], _batches([[_shown(row)] for row in rows]))

    async def schema(self) -> DatabaseSchema:
        """Each numbered database that holds keys, its keys as one table."""
        info = await self._info("keyspace")
        used = (await self._info("memory")).get("used_memory", "")
        found = {"0": 0} | {
            name.removeprefix("db"): int(dict(part.partition("=")[::2] for part in said.split(",")).get("keys", 0))
            for name, said in info.items()
            if name.startswith("db")
        }
        size = int(used) if len(found) == 1 and used.isdigit() else None
        return DatabaseSchema(
            [
                Schema(name, [Table("keys", "keyspace", keys, size, list(_COLUMNS))])
                for name, keys in sorted(found.items(), key=lambda one: int(one[0]))
            ]
        )

    async def _info(self, section: str) -> dict[str, str]:
        text = _text(await self._ask("INFO", section))
        return dict(line.partition(":")[::2] for line in text.splitlines() if ":" in line)

    async def shape(self, schema: str, table: str) -> TableShape:
        if table != "keys":
            raise NoSuchTable
        return TableShape(schema, table, list(_COLUMNS), ["key"])

    async def count(self, query: DataQuery) -> int:  # noqa: ARG002 - of the database that `keys` selected
        found: int = await self._ask("DBSIZE")
        return found

    @asynccontextmanager
    async def keys(self, query: DataQuery) -> AsyncIterator[Result]:
        """About `limit` keys from `cursor` on, as SCAN finds them: `filter` on key takes a pattern (`=` as redis has it, with *
        and ?), on type its name."""
        if query.table != "keys":
            raise NoSuchTable
        if query.sort:
            raise BadQuery("Redis' keys have no order.")
        await self._ask("SELECT", _number(query.schema))
        pattern, kind = _patterns(query)
        result = Result([Column(one.name, one.type) for one in _COLUMNS], _batches([]))
        cursor, names = query.cursor or "0", list[bytes]()
        for _ in range(LOOKS):  # few keys may match: answer what was found by then, with where to go on
            words: list[str | int] = ["SCAN", cursor, "COUNT", max(query.limit, 100)]
            words += ["MATCH", pattern] if pattern else []
            words += ["TYPE", kind] if kind else []
            cursor, found = await self._ask(*words)
            cursor = _text(cursor)
            names += found
            if cursor == "0" or len(names) >= query.limit:
                break
        result.next_cursor = None if cursor == "0" else cursor
        result.batches = self._described(_number(query.schema), list(dict.fromkeys(names)))
        yield result

    async def _described(self, database: int, names: list[bytes]) -> AsyncIterator[list[Sequence[Any]]]:
        for at in range(0, len(names), BATCH):
            part = names[at : at + BATCH]
            self._relay.refill()
            with _told(self._relay):
                pipeline = self._client.pipeline(transaction=False)  # over a connection of its own
                pipeline.execute_command("SELECT", database)
                for name in part:
                    pipeline.execute_command("TYPE", name)
                    pipeline.execute_command("PTTL", name)
                    pipeline.execute_command("MEMORY USAGE", name, "SAMPLES", 5)
                _, *said = await pipeline.execute(raise_on_error=False)
            rows: list[Sequence[Any]] = []
            for name, kind, ttl, size in zip(part, said[::3], said[1::3], said[2::3], strict=True):
                if not isinstance(ttl, int) or ttl == -2:
                    continue  # gone meanwhile
                rows.append(
                    [_shown(name), _text(kind), ttl if ttl >= 0 else None, size if isinstance(size, int) else None]
                )
            yield rows


@asynccontextmanager
async def opened(target: Target, *, write: bool, seconds: float) -> AsyncIterator[Redis]:
    """A connection to the target's numbered database. Commands end with it. Raises CannotReach, CannotSignIn."""
    async with relay_to(target.host, target.port) as relay:
        client: Any = redis.asyncio.Redis(
            host=relay.host,
            port=relay.port,
            db=int(target.database or 0),
            username=target.user or None,
            password=target.password or None,
            socket_timeout=seconds,
            socket_connect_timeout=10,
            single_connection_client=True,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        client.response_callbacks.clear()  # answers are shown as they are
        try:
            with _told(relay):
                await client.initialize()
            yield Redis(client, relay, write=write)
        finally:
            with suppress(RedisError, OSError):
                await client.aclose()


class _told:  # noqa: N801 - reads as a verb
    """Turns what the database and the driver say into what a caller is told."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, RedisError | OSError):
            return
        if self._relay.exceeded:
            raise AnswerTooLarge("This answer is more than 64 MiB: ask for less of it.") from None
        if isinstance(error, AuthenticationError | NoPermissionError) or "NOAUTH" in str(error):
            raise CannotSignIn from None
        if isinstance(error, ResponseError):
            raise SqlError(str(error)) from None
        raise CannotReach from None


_WORD: Final = re.compile(rb'\s*(?:"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\\')*)\'|([^\s"\']+))(?=\s|$)', re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_CONTROL: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def split(line: str) -> list[bytes]:
    """The words of a command: plain, in double quotes with \\n, \\xHH and their like, or in single quotes. Raises BadQuery."""
    text, at, words = line.strip().encode(), 0, list[bytes]()
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            raise BadQuery("The quotes of this command do not match.")
        double, single, plain = found.groups()
        if double is not None:
            words.append(_ESCAPE.sub(_unescaped, double))
        else:
            words.append(plain if plain is not None else single.replace(b"\\'", b"'"))
        at = found.end()
    return words


def _unescaped(found: re.Match[bytes]) -> bytes:
    said = found[1]
    return bytes.fromhex(said[1:].decode()) if len(said) == 3 else _CONTROL.get(said, said)


def _reads(name: str, words: list[bytes]) -> bool:
    if name not in READS:
        return False
    inner = _INNER.get(name)
    return inner is None or (len(words) > 1 and words[1].decode(errors="replace").lower() in inner)


def _patterns(query: DataQuery) -> tuple[str, str]:
    """(MATCH, TYPE) of the filters. Raises BadQuery."""
    pattern, kind = "", ""
    for one in query.filter:
        value = str(one.value)
        if one.column == "type" and one.op == "=":
            kind = value
        elif one.column == "key" and one.op == "=":
            pattern = value
        elif one.column == "key" and one.op in ("contains", "starts_with", "ends_with"):
            plain = re.sub(r"([*?\[\]\\^])", r"\\\1", value)
            pattern = {"contains": f"*{plain}*", "starts_with": f"{plain}*", "ends_with": f"*{plain}"}[one.op]
        else:
            raise BadQuery("Redis' keys can be filtered by `key` (=, contains, starts_with, ends_with) and `type` (=).")
    return pattern, kind


def _number(schema: str) -> int:
    if not (schema or "0").isascii() or not (schema or "0").isdigit() or len(schema) > 5:
        raise NoSuchTable
    return int(schema or "0")


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _shown(value: Any) -> Any:
    """Text where it is UTF-8, else bytes; an answer within an answer likewise."""
    if isinstance(value, list):
        return [_shown(one) for one in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return str(value) if isinstance(value, Exception) else value


async def _batches(rows: list[Sequence[Any]]) -> AsyncIterator[list[Sequence[Any]]]:
    yield rows
