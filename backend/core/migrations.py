"""Brings a database to this version's tables with Alembic, under a lock, so that several servers may start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from backend.core.db import Database

FOLDER = Path(__file__).resolve().parents[2] / "migrations"
LOCK = 0x636F646579617264  # "codeyard"


def config() -> Config:
    found = Config()
    found.set_main_option("script_location", str(FOLDER))
    return found


def newest() -> str:
    """The revision that this version of the code expects."""
    head = ScriptDirectory.from_config(config()).get_current_head()
    if head is None:
        raise RuntimeError(f"there are no migrations in {FOLDER}")
    return head


async def migrate(database: Database) -> None:
    """Applies what is missing; each start calls it. The lock is the transaction's, so a crash frees it."""
    async with database.engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    found = config()
    found.attributes["connection"] = connection
    command.upgrade(found, "head")


async def current(database: Database) -> str | None:
    """The revision that the database is at."""
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
