"""Real databases for the tests of the database browser: the embedded PostgreSQL by TCP, MariaDB and Redis as processes."""

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import pytest

from backend.workbench.databases import service
from backend.workbench.databases.target import Target
from tests.clients import Caller
from tests.require import program

ODD_VALUES = ("\0", "a\0b", "\U0010ffff", {"base64": "%"}, {"base64": "é"}, 10**30, -(10**30), 1e308, [], {}, [[1]])
PASSWORD = "a good 'password' \\ with quotes"


@contextlib.asynccontextmanager
async def by_tcp(dsn: str) -> AsyncIterator[Target]:
    """The server of `dsn`, which listens on a socket in a folder, on a port of loopback."""
    url = urlsplit(dsn)
    path = parse_qs(url.query)["host"][0] + "/.s.PGSQL.5432"

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_unix_connection(path)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(pump(reader, out), pump(there, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    yield Target("postgres", "127.0.0.1", port, "postgres", str(url.username), unquote(str(url.password)))
    server.close()


@contextlib.contextmanager
def mariadb() -> Iterator[Target]:
    """A MariaDB of the test's own, root's password set, with the database `shop` and a user `app` that owns it."""
    server = program("mariadbd", "mariadb", "mariadb-server-core")
    install = program("mariadb-install-db", "mariadb", "mariadb-server-core")
    program("my_print_defaults", "mariadb", "mariadb-client-core")
    with tempfile.TemporaryDirectory(prefix="cy-my-", ignore_cleanup_errors=True) as folder:
        words = ["--no-defaults", f"--datadir={folder}/data"]
        if os.geteuid() == 0:
            user = "mysql" if _is_user("mysql") else "nobody"
            shutil.chown(folder, user)
            words.append(f"--user={user}")
        made = [install, *words, "--auth-root-authentication-method=normal", "--skip-test-db"]
        done = subprocess.run(made, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        Path(folder, "init.sql").write_text(
            "CREATE DATABASE shop CHARACTER SET utf8mb4;\n"
            "DELETE FROM mysql.global_priv WHERE user <> 'mariadb.sys';\nFLUSH PRIVILEGES;\n"
            f"CREATE USER app@'%' IDENTIFIED BY '{_sql(PASSWORD)}';\nGRANT ALL ON shop.* TO app@'%';\n"
            f"CREATE USER root@'%' IDENTIFIED BY '{_sql(PASSWORD)}';\nGRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n"
        )
        port = _free_port()
        words += [f"--socket={folder}/socket", f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/pid"]
        words += [f"--init-file={folder}/init.sql", "--skip-name-resolve"]
        with _running([server, *words], port, Path(folder, "log")):
            yield Target("mysql", "127.0.0.1", port, "shop", "app", PASSWORD)


@contextlib.contextmanager
def redis() -> Iterator[Target]:
    """A Redis of the test's own, with a password."""
    server, port = program("redis-server", "redis", "redis-server"), _free_port()
    with tempfile.TemporaryDirectory(prefix="cy-re-") as folder:
        words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--requirepass", "secret"]
        with _running([server, *words], port, Path(folder, "log")):
            yield Target("redis", "127.0.0.1", port, "0", "", "secret")


@contextlib.contextmanager
def _running(words: list[str], port: int, log: Path) -> Iterator[None]:
    """A server that answers on `port`; it ends with the block."""
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        until = time.monotonic() + 60
        while True:
            assert process.poll() is None and time.monotonic() < until, log.read_text(errors="replace")[-2000:]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _is_user(name: str) -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


def _sql(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Browser:
    """The database browser of one session on one target, over HTTP as a page calls it."""

    def __init__(self, client: Caller, session_id: str, where: str = "", **params: str) -> None:
        self.client = client
        self.session_id = session_id
        self.base = f"/workspace/{session_id}/{where or f'services/{uuid4()}/database'}"
        self.params = params

    async def post(self, what: str, status: int = 200, **body: Any) -> Any:
        answer = await self.client.post(f"{self.base}/{what}", json=body, params=self.params)
        assert answer.status_code == status, answer.text
        return answer.json() if status < 400 else answer.json()["error"]

    async def query(self, sql: str, status: int = 200, **body: Any) -> Any:
        return await self.post("query", status, sql=sql, **body)

    async def value(self, sql: str, **body: Any) -> Any:
        """The first cell."""
        return (await self.query(sql, **body))["rows"][0][0]

    async def data(self, table: str, status: int = 200, **body: Any) -> Any:
        return await self.post("data", status, table=table, **body)

    async def tables(self) -> dict[str, dict[str, Any]]:
        answer = await self.client.get(f"{self.base}/schema", params=self.params)
        assert answer.status_code == 200, answer.text
        return {f"{one['name']}.{table['name']}": table for one in answer.json()["schemas"] for table in one["tables"]}

    async def export(self, status: int = 200, **body: Any) -> Any:
        answer = await self.client.post(f"{self.base}/export", json=body, params=self.params)
        assert answer.status_code == status, answer.text
        return answer

    async def takes_or_refuses(self, odd: Any, placeholder: str) -> None:
        """`odd` as a parameter, in a statement, as a table's name and in a filter of the table `t`, which has a column `v`."""
        value = odd if isinstance(odd, float) else str(odd)
        for path, body in (
            ("query", {"sql": f"SELECT {placeholder}", "params": [odd]}),
            ("query", {"sql": f"SELECT '{odd}'"}),
            ("data", {"table": str(odd)}),
            ("data", {"table": "t", "filter": [{"column": "v", "op": "=", "value": value}]}),
        ):
            answer = await self.client.post(f"{self.base}/{path}", json=body, params=self.params)
            assert answer.status_code in (200, 400, 404, 422), answer.text


async def session_of(client: Caller, organization_id: object) -> str:
    """A new workspace's session."""
    body = {"name": f"ws-{uuid4().hex[:8]}", "organization_id": str(organization_id)}
    answer = await client.post("/workspace", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["default_session_id"])


def aim(monkeypatch: pytest.MonkeyPatch, target: Target) -> None:
    """Every service of every session is `target` from here on; who may see the session is asked as ever."""
    enter: Callable[..., Any] = service.services.enter

    async def find_target(resources: Any, actor: Any, session_id: Any, service_id: Any, scope: str, **_: Any) -> Any:
        await enter(resources, actor, session_id, scope)
        return service.Found("db", target)

    monkeypatch.setattr(service, "find_target", find_target)
