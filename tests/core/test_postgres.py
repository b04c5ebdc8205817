"""The embedded PostgreSQL, for real: made, started, killed, left over, and ended with its parent."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg
import pytest

from backend.core.postgres import Postgres, PostgresError
from tests.server import ROOT, alive, wait_until


@pytest.fixture
def place():
    made = Path(tempfile.mkdtemp(prefix="cy-pg-"))
    made.chmod(0o755)
    yield made
    for name in ("run.path", "mount.path"):  # folders elsewhere that it remembers
        for remembered in made.rglob(name):
            shutil.rmtree(remembered.read_text(), ignore_errors=True)
    shutil.rmtree(made, ignore_errors=True)


async def ask(dsn: str, query: str):
    connection = await asyncpg.connect(dsn, timeout=60)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_rows_survive_a_restart_and_the_password_is_needed(place):
    server = Postgres(place / "pg")
    dsn = server.start()
    await ask(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(dsn.replace(":", ":x", 2).replace(":x//", "://"), "SELECT 1")
    server.stop()
    again = Postgres(place / "pg")
    assert await ask(again.start(), "SELECT answer FROM kept") == 42
    again.stop()


async def test_it_is_started_again_when_it_dies_and_keeps_what_was_committed(place):
    server = Postgres(place / "pg")
    dsn = server.start()
    await ask(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    first = server.pid
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: server.pid not in (None, first))
    async with asyncio.timeout(60):
        while True:
            try:
                assert await ask(dsn, "SELECT answer FROM kept") == 42
                break
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)
    server.stop()


async def test_it_goes_with_a_parent_that_is_killed_and_the_next_one_takes_over(place):
    code = f"""
import sys, time; from pathlib import Path; from backend.core.postgres import Postgres
server = Postgres(Path({str(place / "pg")!r})); server.start(); print(server.pid, flush=True); time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    server = Postgres(place / "pg")
    assert await ask(server.start(), "SELECT 1") == 1
    assert server.pid != pid
    wait_until(lambda: not alive(pid))
    server.stop()


async def test_a_path_too_long_for_a_socket_is_no_obstacle(place):
    server = Postgres(place / ("long" * 30) / "pg")
    dsn = server.start()
    assert "codeyard-pg-" in dsn
    assert await ask(dsn, "SELECT 1") == 1
    server.stop()


async def test_binaries_that_the_user_cannot_reach_are_copied(place, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root starts it as somebody else")
    monkeypatch.setattr(Postgres, "_reaches", lambda self, path: path.name != "postgres")
    server = Postgres(place / "pg")
    assert await ask(server.start(), "SELECT 1") == 1
    assert (place / "pg" / "bin").is_dir()
    server.stop()


def test_a_cluster_of_another_version_is_named(place):
    server = Postgres(place / "pg")
    server.start()
    server.stop()
    (place / "pg" / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(PostgresError, match="made by PostgreSQL 15"):
        Postgres(place / "pg").start()


async def test_a_folder_that_the_user_cannot_reach_is_mounted_for_it_alone(place):
    if os.geteuid() != 0:
        pytest.skip("only root starts it as somebody else")
    place.chmod(0o700)
    server = Postgres(place / "pg")
    assert await ask(server.start(), "SELECT 1") == 1
    assert place.stat().st_mode & 0o777 == 0o700
    mounted = Path((place / "pg" / "mount.path").read_text())
    assert list(mounted.iterdir()) == []
    server.stop()
    again = Postgres(place / "pg")
    assert await ask(again.start(), "SELECT 1") == 1
    again.stop()


def test_where_that_cannot_be_done_the_remedy_is_named(place, monkeypatch):
    monkeypatch.setattr(Postgres, "_reaches", lambda *_: False)
    if os.geteuid() != 0:
        pytest.skip("only root starts it as somebody else")
    with pytest.raises(PostgresError, match="/var/lib/codeyard"):
        Postgres(place / "pg").start()


async def test_a_cluster_stays_with_its_owner(place):
    if os.geteuid() != 0:
        pytest.skip("only root starts it as somebody else")
    first = Postgres(place / "pg")
    first.start()
    first.stop()
    subprocess.run(["chown", "-R", "nobody", str(place / "pg")], check=True)
    again = Postgres(place / "pg")
    assert await ask(again.start(), "SELECT 1") == 1
    assert (place / "pg" / "data").owner() == "nobody"
    again.stop()


def test_a_folder_that_cannot_be_one_is_named(place):
    (place / "pg").touch()
    with pytest.raises(PostgresError, match="cannot be started"):
        Postgres(place / "pg").start()


def test_stopping_twice_or_before_the_start_is_no_error(place):
    server = Postgres(place / "pg")
    server.stop()
    server = Postgres(place / "pg")
    server.start()
    server.stop()
    server.stop()
    assert server.pid is None
