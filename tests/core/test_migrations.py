"""Migrations and models say the same."""

import asyncio

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from backend import features
from backend.core import migrations
from backend.core.db import Base, Database


async def test_the_models_have_not_drifted_from_the_migrations(database):
    list(features.each("models"))

    def compare(connection):
        options = {"include_object": lambda _o, name, kind, *_: not (kind == "table" and name.startswith("pgqueuer"))}
        context = MigrationContext.configure(connection, opts={"compare_type": True} | options)
        return compare_metadata(context, Base.metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(compare) == []


async def test_several_servers_may_migrate_at_once(postgres, database):
    async with database.engine.connect() as connection:
        commit_at_once = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await commit_at_once.execute(text("DROP DATABASE IF EXISTS several"))
        await commit_at_once.execute(text("CREATE DATABASE several"))
    head, _, tail = postgres.partition("?")
    dsn = f"{head.rpartition('/')[0]}/several?{tail}"
    fresh = [Database(dsn, pool_size=1) for _ in range(3)]
    await asyncio.gather(*(migrations.migrate(one) for one in fresh))
    assert await migrations.current(fresh[0]) == migrations.newest()
    for one in fresh:
        await one.close()
