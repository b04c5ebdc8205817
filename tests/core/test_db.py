"""What counts as a database that is away, and what only looks like it."""

import asyncio
import socket

import pytest
from sqlalchemy import text

from backend.core import db
from backend.core.db import Database, is_away
from backend.core.errors import Unavailable


async def test_a_timeout_or_a_missing_file_of_what_a_transaction_does_is_not_the_databases(database):
    for block in (database.begin, database.read):
        for error in (TimeoutError(), FileNotFoundError()):
            with pytest.raises(type(error)) as told:
                async with block() as connection:
                    await connection.execute(text("SELECT 1"))
                    raise error
            assert told.value is error and not is_away(error)


@pytest.fixture
async def deaf():
    """The DSN of a server that takes connections and says nothing."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        yield f"postgresql://x:x@127.0.0.1:{server.sockets[0].getsockname()[1]}/x"


async def test_one_that_is_not_there_does_not_listen_or_says_nothing_is_away(deaf, tmp_path, monkeypatch):
    monkeypatch.setattr(db, "CONNECTS_WITHIN", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as once:
        gone = f"postgresql://x:x@127.0.0.1:{once.getsockname()[1]}/x"
    for dsn in (deaf, gone, f"postgresql://x:x@/x?host={tmp_path}", "postgresql://x:x@nowhere.invalid/x"):
        database = Database(dsn)

        async def begin(database: Database = database) -> None:
            async with database.begin() as session:
                await session.execute(text("SELECT 1"))

        async def read(database: Database = database) -> None:
            async with database.read() as connection:
                await connection.execute(text("SELECT 1"))

        for ask in (begin, read, lambda database=database: database.rows("SELECT 1")):
            with pytest.raises(Unavailable) as told:
                await ask()
            assert is_away(told.value) and told.value.headers == {"Retry-After": "2"}
        await database.close()
