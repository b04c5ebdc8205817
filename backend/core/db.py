"""The database: tables' base, ids, and `Database`, whose `begin()` is one transaction."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import asyncpg
from litestar.di import NamedDependency
from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column

from backend.core.errors import Unavailable

T = TypeVar("T")

Db = NamedDependency[AsyncSession]

_AWAY = (Unavailable, OperationalError, InterfaceError, PoolTimeout, asyncpg.PostgresConnectionError, asyncpg.InterfaceError,
         asyncpg.InternalClientError, asyncpg.CannotConnectNowError, ConnectionError)  # fmt: skip


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then random, so that ids sort by age and index well."""
    value = int.from_bytes(os.urandom(16), "big") & ((1 << 80) - 1) | (time.time_ns() // 1_000_000) << 80
    return UUID(int=value & ~(0xF << 76) & ~(0b11 << 62) | 7 << 76 | 0b10 << 62)


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


CONNECTS_WITHIN = 15.0
"""Seconds for a new connection, of which a busy machine may be asked for dozens at once."""


def unavailable() -> Unavailable:
    """What callers are told of a database that is away."""
    return Unavailable(headers={"Retry-After": "2"})


def is_away(error: BaseException) -> bool:
    """Whether `error` says that the database cannot be reached just now, and nothing about what was asked of it."""
    if isinstance(error, _AWAY):
        return True
    if not isinstance(error, DBAPIError):
        return False
    original = getattr(error.orig, "__cause__", None) or error.orig
    return error.connection_invalidated or isinstance(original, _AWAY)


Key = Annotated[UUID, mapped_column(primary_key=True, default=new_id)]
Time = Annotated[datetime, mapped_column(DateTime(timezone=True))]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), default=now, server_default=func.now())]
UpdatedAt = Annotated[
    datetime, mapped_column(DateTime(timezone=True), default=now, server_default=func.now(), onupdate=now)
]


class Base(DeclarativeBase):
    """What every table is made from; the constraint names are what `clash` looks for."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        dict[str, Any]: JSONB,
        list[str]: JSONB,
    }


class Database:
    """Two pools of connections to one PostgreSQL: SQLAlchemy's for transactions, and asyncpg's own for the few statements
    that every request waits for, where SQLAlchemy takes three times as long."""

    def __init__(self, dsn: str, *, pool_size: int = 20) -> None:
        """`dsn` is a libpq URL (postgresql://…), as asyncpg takes it."""
        self.dsn = dsn
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=False,
        )
        self.reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._hot_size = min(pool_size, 8)  # its statements are done before another connection would be open
        self._hot: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def _connect(self, *_: Any, **more: Any) -> asyncpg.Connection:
        """A connection for either pool. Raises Unavailable: there is no socket, nobody listens, or it takes too long."""
        settings = {"application_name": "codeyard"}
        try:
            return await asyncpg.connect(self.dsn, timeout=CONNECTS_WITHIN, server_settings=settings, **more)
        except OSError as error:
            raise unavailable() from error

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises. While the database is away it raises what
        `is_away` knows."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit, for single statements that only look: no BEGIN, no COMMIT."""
        async with self.reading.connect() as connection:
            yield connection

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        """The records of one statement, in autocommit, straight through asyncpg ($1, $2 … are `values`)."""
        try:
            pool = self._hot or await self._open_hot()
            async with pool.acquire(timeout=10) as connection:
                try:
                    found: list[Any] = await connection.fetch(statement, *values)
                except asyncpg.PostgresError:
                    raise
                except BaseException:
                    connection.terminate()  # it may wait for an answer that never comes; nothing else would notice
                    raise
                return found
        except TimeoutError as error:  # no place in the pool, or no answer
            raise unavailable() from error

    async def _open_hot(self) -> asyncpg.Pool:
        async with self._opening:
            if self._hot is None:
                self._hot = await asyncpg.create_pool(
                    connect=self._connect, min_size=0, max_size=self._hot_size, command_timeout=30, reset=_keep
                )
            return self._hot

    async def persist(self, act: Callable[[], Awaitable[T]], *, within: float = 30.0) -> T:
        """`act()`, again while the database is away, for `within` seconds: the last step of something whose first step is
        committed must not stay undone. `act` has to bear running twice: a connection may break just after its commit."""
        deadline = time.monotonic() + within
        while True:
            try:
                return await act()
            except Exception as error:
                if not is_away(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.2)

    async def close(self) -> None:
        await self.engine.dispose()
        if self._hot is not None:
            await self._hot.close()


async def _keep(_: Any) -> None:
    """Nothing to reset on a connection that only ever ran single statements; asking would cost a round trip."""
