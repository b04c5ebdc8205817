"""What every test may ask for: a real PostgreSQL, the application on it, callers with rights, a server on a port."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from backend.app import asgi, create_app, living, make_resources
from backend.core import migrations
from backend.core.auth import Role
from backend.core.db import Base, Database
from backend.core.postgres import Postgres
from backend.core.resources import Resources
from backend.core.settings import Settings
from runtimes.spec import CanWatch
from tests import make, require
from tests.clients import Caller
from tests.make import Somebody


def pytest_configure() -> None:
    """Shells of the tests start without the dotfiles of whoever runs them."""
    os.environ["HOME"] = tempfile.mkdtemp(prefix="cy-home-")


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with few long tests first: where several processes share the run, none begins with one of them at the end."""
    long = (
        "tests/test_contract.py",
        "tests/page/test_stack.py",
        "tests/workbench/test_templates",
        "tests/test_",
        "tests/page/",
    )
    items.sort(key=lambda item: next((n for n, start in enumerate(long) if item.nodeid.startswith(start)), len(long)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    require.check(item)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One loop for the whole run: the application and its pool are built once."""
    return "asyncio"


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A data directory for the whole run, with a short path: sockets lie in it."""
    made = Path(tempfile.mkdtemp(prefix="cy-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(folder: Path) -> Iterator[str]:
    """The DSN of a PostgreSQL of this run's own."""
    server = Postgres(folder / "postgres", durable=False)
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
async def _resources(postgres: str, folder: Path) -> AsyncIterator[Resources]:
    database = Database(postgres)
    await migrations.migrate(database)
    settings = Settings(
        data=folder / "data",
        allow_file_clone=True,
        allow_private_clone=True,
        allow_private_webhooks=True,
        allow_unisolated=True,
        workers=4,
        snapshot_minutes=0,  # the timer would take some in the middle of any test
    )
    settings.data.mkdir()
    resources = make_resources(settings, database)
    async with living(resources):
        yield resources
        resources.ends_terminals = True  # else the shells that tests left would outlive the run
        if isinstance(resources.runtime, CanWatch):
            for group in await resources.runtime.groups():
                await resources.runtime.remove_group(group)
    await database.close()


@pytest.fixture(scope="session")
async def _app(_resources: Resources) -> Any:
    return asgi(create_app(_resources))


@pytest.fixture
async def resources(_resources: Resources) -> AsyncIterator[Resources]:
    """The application's hands; afterwards every row is gone."""
    yield _resources
    await idle(_resources.database)
    kept = {"periodic_runs", "audit_entries"}  # the latter go with their organisations, and cannot otherwise
    tables = [table.name for table in Base.metadata.sorted_tables if table.name not in kept]
    deletes = ";".join(f'DELETE FROM "{name}"' for name in reversed(tables))
    async with _resources.database.begin() as db:
        await db.execute(text(f"DO $$ BEGIN UPDATE sessions SET parent_session_id = NULL; {deletes}; END $$"))


@pytest.fixture
def without_the_workbenchs_image(_resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shells of the server's own user, as on a machine without an engine."""
    monkeypatch.setattr(_resources, "settings", msgspec.structs.replace(_resources.settings, session_image="nowhere:1"))


async def idle(database: Database) -> None:
    """Until no job is queued or running that is due."""
    async with asyncio.timeout(60):
        while await database.rows("SELECT 1 FROM pgqueuer WHERE execute_after <= now() LIMIT 1"):
            await asyncio.sleep(0.025)


@pytest.fixture
async def database(resources: Resources) -> Database:
    return resources.database


@pytest.fixture
async def app(resources: Resources, _app: Any) -> Any:
    """The ASGI application, outermost layer included."""
    return _app


@pytest.fixture
async def ada(database: Database) -> Somebody:
    """The owner of an organisation and of the installation, signed in by cookie."""
    return await make.person(database, await make.organization(database), Role.OWNER, owns_installation=True)


@pytest.fixture
async def call(app: Any) -> AsyncIterator[Callable[[Somebody | None], Caller]]:
    """`call(somebody)` gives a client with that caller's rights; `call(None)` an anonymous one."""
    opened: list[Caller] = []

    def as_(somebody: Somebody | None) -> Caller:
        opened.append(Caller(app, somebody.headers if somebody else None))
        return opened[-1]

    yield as_
    for caller in opened:
        await caller.aclose()


@pytest.fixture
async def client(call: Callable[[Somebody | None], Caller], ada: Somebody) -> Caller:
    """Ada's client."""
    return call(ada)
