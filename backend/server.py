"""One server process: takes the data directory for itself, starts PostgreSQL, migrates, serves, and leaves in good order."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

import asyncpg
import msgspec
import uvicorn
import uvloop
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend import features
from backend.accounts.signin import service as signin
from backend.app import asgi, create_app, make_resources
from backend.core import jobs, logs, migrations, responsive
from backend.core.db import Database
from backend.core.errors import Unavailable
from backend.core.heads import BoundedHeads
from backend.core.postgres import Postgres
from backend.core.resources import Resources
from backend.core.settings import Settings
from backend.holding import CannotStart, owning

log = logging.getLogger("codeyard")


OLDEST_POSTGRES = 16


@contextlib.contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """The DSN: the one that is set, else the embedded PostgreSQL's, which runs as long as the block."""
    if settings.database_url:
        yield settings.database_url
        return
    postgres = Postgres(settings.data / "postgres")
    dsn = postgres.start()
    try:
        yield dsn
    finally:
        postgres.stop()


def up(settings: Settings) -> None:
    """Serves until SIGINT, which also ends the terminals, or SIGTERM, which leaves them to the next server."""
    logs.configure(settings.log_level)
    with owning(settings.data), database_url(settings) as dsn:
        uvloop.run(_serve(settings, dsn))


async def _serve(settings: Settings, dsn: str) -> None:
    database = Database(dsn)
    try:
        await check(database)
        await migrations.migrate(database)
        with _listen(settings) as listener:
            bound = msgspec.structs.replace(settings, port=listener.getsockname()[1])  # previews are at it, too
            server = _Server(make_resources(bound, database), listener)
            await server.serve(sockets=[listener])
        if not server.started:
            raise CannotStart("The server did not start; its log, above, says why.")
    finally:
        await database.close()


async def check(database: Database) -> int:
    """Which PostgreSQL it is. Raises CannotStart where it does not answer or is too old."""
    try:
        async with database.read() as connection:
            number = (await connection.execute(text("SHOW server_version_num"))).scalar_one()
    except (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, SQLAlchemyError) as error:
        cause = error.__cause__ if isinstance(error, Unavailable) else getattr(error, "orig", error)
        raise CannotStart(f"The database does not answer ({cause}): is CODEYARD_DATABASE_URL right?") from None
    version = int(number) // 10_000
    if version < OLDEST_POSTGRES:
        raise CannotStart(f"The database is PostgreSQL {version}; {OLDEST_POSTGRES} or newer is needed.")
    return version


class _Server(uvicorn.Server):
    """uvicorn with our own ends: Ctrl-C and `codeyard down` (SIGINT) end the terminals, SIGTERM leaves them running."""

    def __init__(self, resources: Resources, listener: socket.socket) -> None:
        self.resources = resources
        self.listener = listener
        settings = resources.settings
        super().__init__(
            uvicorn.Config(
                asgi(create_app(resources)),
                http=BoundedHeads,
                ws="websockets-sansio",
                ws_max_size=16 * 1024 * 1024,
                ws_per_message_deflate=False,  # packing a flood would keep everybody else's keystrokes waiting
                ws_ping_interval=20.0,
                ws_ping_timeout=30.0,
                timeout_graceful_shutdown=5,
                timeout_keep_alive=75,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=settings.trusted_proxies or None,
                lifespan="on",
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replaces uvicorn's, which raises what it caught once more at the end."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._end, True)
        loop.add_signal_handler(signal.SIGTERM, self._end, False)
        yield

    def _end(self, by_person: bool) -> None:
        self.force_exit = self.should_exit and by_person  # a second Ctrl-C waits for nobody
        self.resources.ends_terminals = self.resources.ends_terminals or by_person
        self.resources.live.drain()
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            responsive.settle()
            await _announce(self.resources, self.listener)


def _listen(settings: Settings) -> socket.socket:
    """The bound listener."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            "choose another by CODEYARD_PORT or CODEYARD_HOST."
        ) from None
    listener.listen(1024)
    listener.set_inheritable(False)
    return listener


async def _announce(resources: Resources, listener: socket.socket) -> None:
    """Two lines on standard output that scripts may wait for: the one-time link, and where we listen."""
    host, port = listener.getsockname()[:2]
    shown = "localhost" if host in ("127.0.0.1", "::1", "0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    base = resources.settings.public_url.rstrip("/") or f"http://{shown}:{port}"
    async with resources.database.begin() as db:
        token = await signin.offer_setup(db)
    if token is not None:
        print(f"Create the first account at {base}/setup?token={token}", flush=True)  # noqa: T201
    print(f"Codeyard is listening on http://{shown}:{port}", flush=True)  # noqa: T201


def work(settings: Settings) -> None:
    """Runs jobs only, beside servers that share an external database, until it is told to end."""
    logs.configure(settings.log_level)
    if not settings.database_url:
        raise CannotStart("`codeyard worker` shares a database with a server: set CODEYARD_DATABASE_URL.")
    with database_url(settings) as dsn:
        uvloop.run(_work(settings, dsn))


async def _work(settings: Settings, dsn: str) -> None:
    database = Database(dsn)
    await check(database)
    resources = make_resources(settings, database)
    list(features.each("jobs"))
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    running = [
        asyncio.create_task(resources.live.run()),
        asyncio.create_task(jobs.run_queue(resources, concurrency=max(settings.workers, 1))),
        asyncio.create_task(jobs.run_periodic(resources)),
    ]
    await ended.wait()
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await database.close()
