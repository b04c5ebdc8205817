"""The database: tables' base, ids, and `Database`, whose `begin()` is one transaction."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar.di import NamedDependency
from sqlalchemy import DateTime, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, mapped_column

Db = NamedDependency[AsyncSession]


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then random, so that ids sort by age and index well."""
    value = int.from_bytes(os.urandom(16), "big") & ((1 << 80) - 1) | (time.time_ns() // 1_000_000) << 80
    return UUID(int=value & ~(0xF << 76) & ~(0b11 << 62) | 7 << 76 | 0b10 << 62)


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


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
    """A pool of connections to one PostgreSQL."""

    def __init__(self, dsn: str, *, pool_size: int = 20) -> None:
        """`dsn` is a libpq URL (postgresql://…), as asyncpg takes it."""
        self.dsn = dsn
        url = "postgresql+asyncpg://" + dsn.split("://", 1)[1]
        self.engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=10,
            pool_pre_ping=False,
            connect_args={"server_settings": {"application_name": "codeyard"}, "timeout": 5},
        )
        self.reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit, for single statements that only look: no BEGIN, no COMMIT."""
        async with self.reading.connect() as connection:
            yield connection

    async def close(self) -> None:
        await self.engine.dispose()
