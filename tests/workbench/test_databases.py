"""The database browser on services of a session: who is found as what, and real containers of a real engine."""

import asyncio
from uuid import uuid4

import pytest

from backend.workbench.databases import export, values
from backend.workbench.databases.errors import NoSuchQuery, QueryCancelled, QueryTimeout
from backend.workbench.databases.queries import Queries, while_there
from backend.workbench.databases.relay import BUDGET, relay_to
from backend.workbench.databases.schemas import Column
from backend.workbench.databases.target import Target, engine_of, target_of
from tests import make, require
from tests.databases import Browser
from tests.workbench.test_services import Stack, make_stack, stack  # noqa: F401 - a fixture

COMPOSE = """\
services:
  db:
    image: postgres:15
    environment: {POSTGRES_PASSWORD: "a 'secret'", POSTGRES_DB: shop}
    healthcheck: {test: [CMD, pg_isready, -h, 127.0.0.1, -U, postgres], interval: 1s, retries: 60}
  maria:
    image: mariadb:10.11
    environment: {MARIADB_ROOT_PASSWORD: root, MARIADB_DATABASE: shop, MARIADB_USER: app, MARIADB_PASSWORD: "p'w"}
  cache:
    image: redis:7
    command: redis-server --requirepass hidden
  web:
    image: debian:bookworm-slim
    command: sleep infinity
"""


@pytest.mark.parametrize(
    ("image", "environment", "wanted"),
    [
        ("postgres:15", {"POSTGRES_PASSWORD": "p"}, ("postgres", "postgres", "postgres", "p")),
        ("postgres", {"POSTGRES_USER": "u", "POSTGRES_PASSWORD": "p"}, ("postgres", "u", "u", "p")),
        ("somewhere:5000/team/postgis:16@sha256:0", {"POSTGRES_DB": "d"}, ("postgres", "d", "postgres", "")),
        ("", {"POSTGRES_PASSWORD": "p"}, ("postgres", "postgres", "postgres", "p")),
        ("mysql:8", {"MYSQL_ROOT_PASSWORD": "r", "MYSQL_DATABASE": "d"}, ("mysql", "d", "root", "r")),
        (
            "mariadb",
            {"MARIADB_ROOT_PASSWORD": "r", "MARIADB_USER": "u", "MARIADB_PASSWORD": "p", "MARIADB_DATABASE": "d"},
            ("mysql", "d", "u", "p"),
        ),
        ("redis:7", {}, ("redis", "0", "", "")),
        ("valkey/valkey:8", {"REDIS_PASSWORD": "p"}, ("redis", "0", "", "p")),
    ],
)
def test_a_target_follows_from_image_and_environment(image, environment, wanted):
    engine, database, user, password = wanted
    assert target_of(image, environment, "h", 1) == Target(engine, "h", 1, database, user, password)


@pytest.mark.parametrize(
    "command",
    [
        ["redis-server", "--requirepass", "hidden"],
        ["redis-server", "--requirepass=hidden"],
        ["sh", "-c", "redis-server --requirepass 'hidden' --save ''"],
        ["sh", "-c", 'exec redis-server --requirepass "$REDIS_PASSWORD"'],
        ["sh", "-c", "exec redis-server --requirepass=${REDIS_PASSWORD}"],
    ],
)
def test_redis_password_is_found_in_its_command(command):
    found = target_of("redis", {"REDIS_PASSWORD": "hidden"}, "h", 1, command)
    assert found is not None and found.password == "hidden"


@pytest.mark.parametrize("image", ["debian", "nginx", "my-postgres-exporter", "postgres-backup", "", "redis-commander"])
def test_what_only_looks_like_a_database_is_none(image):
    assert engine_of(image, {}) is None and target_of(image, {}, "h", 1) is None


async def test_the_relay_gives_no_more_than_its_budget():
    async def flood(reader, writer):
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except OSError:
            writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    async with relay_to("127.0.0.1", server.sockets[0].getsockname()[1]) as relay:
        reader, writer = await asyncio.open_connection(relay.host, relay.port)
        got = 0
        try:
            while data := await reader.read(1 << 20):
                got += len(data)
        except OSError:
            pass
        assert relay.exceeded and got <= BUDGET
        writer.close()
    server.close()


async def test_a_query_ends_once_however_it_ends():
    queries, key = Queries(), (uuid4(), uuid4())

    async def work(seconds):
        async with queries.entered(key, key[0], seconds):
            await asyncio.Event().wait()

    with pytest.raises(QueryTimeout):
        await work(0.01)
    task = asyncio.create_task(work(60))
    await asyncio.sleep(0)
    queries.cancel(queries.find(key))
    with pytest.raises(QueryCancelled):
        await task
    task = asyncio.create_task(work(60))
    await asyncio.sleep(0)
    task.cancel()  # by somebody else: the server ends
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(NoSuchQuery):
        queries.find(key)

    async def left_at_once():
        return

    with pytest.raises(QueryCancelled):
        await while_there(left_at_once, work(60))
    assert queries.running == {}


def test_cells_are_cut_at_a_whole_letter():
    for text in ("é" * 40_000, "x" + "é" * 40_000, "\U0001f600" * 20_000):
        shown, size = values.cell(text)
        assert shown["truncated"] and size == values.MAX_CELL and text.startswith(shown["text"])
    assert values.cell("x" * values.MAX_CELL)[0] == "x" * values.MAX_CELL
    assert values.cell("\ud800")[0] == "?"
    assert values.raw_json("not json") == "not json" and values.raw_json("[" * 100_000) == "[" * 100_000


def test_53_text_that_a_spreadsheet_would_run_is_defused():
    for text in ("=1", "+1+1", "-1+cmd|' /C calc'!A0", "@x", "\t=1", "\r=1", "\n=1", "＝1", "+", "-"):
        assert export.text(text, safe=True) == "'" + text
        assert export.text(text, safe=False) == text
    for text in ("1", "-1", "-1.50", "a=1", "2024-01-01", ""):
        assert export.text(text, safe=True) == text
    assert (
        export.text(-1, safe=True) == "-1"
        and export.text(True, safe=True) == "true"
        and export.text(None, safe=True) == ""
    )


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("users", "users.csv"),
        ("../../etc/passwd", "etc-passwd.csv"),
        ('a"b\r\nX: y', "a-bX--y.csv"),
        ("\u202egpj", "gpj.csv"),
        ("", "export.csv"),
        ("..", "export.csv"),
        ("é", "export.csv"),
    ],
)
def test_21_the_name_of_a_file_is_only_a_name(name, plain):
    said = export.disposition(name, "csv")
    assert f'filename="{plain}"' in said
    assert said.isascii() and said.count('"') == 2 and "\r" not in said and "/" not in said


def test_columns_of_one_name_become_fields_of_their_own():
    assert export.distinct([Column("id", ""), Column("id", ""), Column("id_2", "")]) == ["id", "id_2", "id_2_2"]


def browser(stack: Stack, service: dict) -> Browser:  # noqa: F811
    return Browser(stack.client, stack.session["id"], f"services/{service['id']}/database")


@pytest.mark.docker
async def test_databases_of_a_running_stack_are_looked_into(stack):  # noqa: F811
    require.images("postgres", "mariadb", "redis")
    await stack.declare(COMPOSE)
    services = await stack.services()
    before = await stack.client.get(f"{browser(stack, services['db']).base}")
    assert before.json() == {
        "engine": "postgres",
        "host": "db",
        "port": 5432,
        "database": "shop",
        "user": "postgres",
        "password": "••••",
    }
    assert (await browser(stack, services["db"]).query("SELECT 1", 409))["code"] == "not_running"
    assert (await browser(stack, services["web"]).query("SELECT 1", 422))["code"] == "not_a_database"
    assert (await browser(stack, {"id": str(uuid4())}).query("SELECT 1", 404))["code"] == "no_such_service"

    await stack.well("run-all")
    db = browser(stack, services["db"])
    await db.query("CREATE TABLE users (id int PRIMARY KEY, name text)", write=True)
    await db.query("INSERT INTO users VALUES (1, 'Ada')", write=True)
    assert (await db.data("users"))["rows"] == [[1, "Ada"]] and "public.users" in await db.tables()
    assert (await db.query("COPY users TO PROGRAM 'cat'", 422))["code"] == "sql_error"
    assert (await db.query("DELETE FROM users", 422))["code"] == "sql_error"
    assert (await db.export(table="users")).text == "id,name\r\n1,Ada\r\n"
    maria = browser(stack, services["maria"])
    await ready(maria, "SELECT 1")
    await maria.query("CREATE TABLE t (id int)", write=True)
    assert "shop.t" in await maria.tables()
    assert (await maria.query("DROP TABLE t", 422))["code"] == "read_only"
    cache = browser(stack, services["cache"])
    await ready(cache, "PING")
    await cache.query("SET a 1", write=True)
    assert (await cache.data("keys"))["rows"][0][:2] == ["a", "string"]


async def ready(database: Browser, command: str) -> None:
    """Until a service without a health check answers."""
    async with asyncio.timeout(180):
        while (await database.client.post(f"{database.base}/query", json={"sql": command})).status_code != 200:
            await asyncio.sleep(0.1)


@pytest.mark.docker
async def test_53_a_service_of_another_session_is_not_found(stack, client, resources, call, database):  # noqa: F811
    await stack.declare(COMPOSE)
    mine = (await stack.services())["db"]
    other = await make_stack(client, resources, "Other")
    foreign = Browser(client, other.session["id"], f"services/{mine['id']}/database")
    assert (await foreign.query("SELECT 1", 404))["code"] == "no_such_service"
    stranger = call(await make.person(database, await make.organization(database, "Other")))
    seen = await stranger.get(f"{stack.path}/services/{mine['id']}/database")
    assert seen.status_code == 404 and seen.json()["error"]["code"] == "no_such_session"
