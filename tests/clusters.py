"""A PostgreSQL cluster with this version's tables, made once in each process of a run and copied for each of its servers."""

import asyncio
import atexit
import functools
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from backend.core import migrations
from backend.core.db import Database
from backend.core.postgres import Postgres


def copy(to: Path) -> None:
    """Makes `to` what a server's DATA/postgres is after its first start. No disk is waited for in it."""
    subprocess.run(["cp", "-a", str(_made()), str(to)], check=True)


@functools.cache
def _made() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="cy-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    postgres = Postgres(folder / "postgres", durable=False)
    dsn = postgres.start()
    migrating = threading.Thread(target=lambda: asyncio.run(_migrate(dsn)))  # this one has a browser's loop
    migrating.start()
    migrating.join()
    postgres.stop()
    with (folder / "postgres" / "data" / "postgresql.conf").open("a") as settings:
        settings.write("fsync = off\n")  # a killed server or PostgreSQL loses nothing by it, a power cut would
    return folder / "postgres"


async def _migrate(dsn: str) -> None:
    database = Database(dsn)
    await migrations.migrate(database)
    await database.close()
