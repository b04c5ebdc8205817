"""PostgreSQL in the browser: what it shows, what stops it, and that reading cannot become writing (attack row 53)."""

import asyncio
import json
from uuid import uuid4

import asyncpg
import pytest

from backend.core.auth import Role
from backend.workbench.databases import select
from backend.workbench.databases.driver import TableShape
from backend.workbench.databases.postgres import READER, PostgresDialect
from backend.workbench.databases.schemas import ColumnInfo
from backend.workbench.databases.target import Target
from tests import make
from tests.databases import ODD_VALUES, Browser, aim, by_tcp, session_of

ODD = 'we"ird; DROP TABLE users; --'


@pytest.fixture
async def owner(postgres):
    """A superuser, as the image's POSTGRES_USER is, of a database of the test's own."""
    name = f"shop_{uuid4().hex[:8]}"
    async with by_tcp(postgres) as server:
        target = Target("postgres", server.host, server.port, name, server.user, server.password)
        admin = await asyncpg.connect(postgres)
        await admin.execute(f"CREATE DATABASE {name}")
        connection = await asyncpg.connect(**arguments(target))
        yield connection, target
        await connection.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


def arguments(target: Target) -> dict:
    return {
        "host": target.host,
        "port": target.port,
        "user": target.user,
        "password": target.password,
        "database": target.database,
        "ssl": False,
    }


@pytest.fixture
async def sql(owner):
    return owner[0]


@pytest.fixture
async def browser(client, ada, owner, monkeypatch):
    aim(monkeypatch, owner[1])
    return Browser(client, await session_of(client, ada.organization_id))


async def running(sql, mark: str) -> int:
    """How many statements with `mark` run in the server now."""
    found = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE $1 AND pid <> pg_backend_pid()"
    return await sql.fetchval(found, f"%{mark}%")


async def until_running(sql, mark: str, count: int) -> None:
    async with asyncio.timeout(30):
        while await running(sql, mark) != count:
            await asyncio.sleep(0.02)


async def test_the_schema_tells_tables_columns_keys_indexes_and_sizes(browser, sql):
    await sql.execute("""
        CREATE SCHEMA other;
        CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL UNIQUE, born date DEFAULT '2000-01-01');
        CREATE TABLE other.orders (a int, b int REFERENCES users(id), PRIMARY KEY (a, b));
        CREATE VIEW grown AS SELECT * FROM users;
        CREATE INDEX by_lower ON users (lower(email));
        INSERT INTO users SELECT n, n || '@x' FROM generate_series(1, 500) n;
        ANALYZE;
    """)
    tables = await browser.tables()
    assert list(tables) == ["other.orders", "public.grown", "public.users"]
    users = tables["public.users"]
    assert users["kind"] == "table" and users["rows_estimate"] == 500 and users["bytes"] > 8000
    assert [column["name"] for column in users["columns"]] == ["id", "email", "born"]
    assert users["columns"][0] == {
        "name": "id",
        "type": "integer",
        "nullable": False,
        "default": None,
        "primary_key": True,
    }
    assert users["columns"][2]["default"] == "'2000-01-01'::date"
    assert {"name": "by_lower", "columns": ["lower(email)"], "unique": False} in users["indexes"]
    there = {"schema": "public", "table": "users", "columns": ["id"]}
    assert tables["other.orders"]["foreign_keys"] == [{"columns": ["b"], "references": there}]
    assert [one["primary_key"] for one in tables["other.orders"]["columns"]] == [True, True]
    assert tables["public.grown"]["kind"] == "view"


async def test_every_type_has_a_value_in_json(browser, sql):
    cases = {
        "1::int2": 1,
        "9007199254740991::int8": 9007199254740991,
        "9007199254740993::int8": "9007199254740993",
        "1.500::numeric": "1.500",
        "'NaN'::numeric": "NaN",
        "'-Infinity'::numeric": "-Infinity",
        "1e100::numeric": "1" + "0" * 100,
        "0.5::float8": 0.5,
        "'NaN'::float8": "NaN",
        "'-Infinity'::float4": "-Infinity",
        "true": True,
        "NULL::int": None,
        "'2024-02-29 12:00:00.5+02'::timestamptz": "2024-02-29T10:00:00.5Z",
        "'2024-02-29 12:00:00'::timestamp": "2024-02-29T12:00:00",
        "'infinity'::timestamptz": "infinity",
        "'0044-03-15 BC'::date": "0044-03-15 BC",
        "'2024-02-29'::date": "2024-02-29",
        "interval '1 day 2 hours'": "P1DT2H",
        "'\\x00ff'::bytea": {"base64": "AP8="},
        "ARRAY[1, NULL, 3]": [1, None, 3],
        "ARRAY['\\x00'::bytea]": [{"base64": "AA=="}],
        "ARRAY['2024-01-01'::date]": ["2024-01-01"],
        "'{\"a\": [1, 12345678901234567890]}'::jsonb": {"a": [1, 12345678901234567890]},
        '\'{"a": 1, "a": 2}\'::json': {"a": 2},
        "'[1,10)'::int4range": "[1,10)",
        "'[2024-01-01,)'::daterange": "[2024-01-01,)",
        "'[0044-03-15 BC,infinity]'::daterange": "[0044-03-15 BC,infinity]",
        "'[2024-02-29 12:00:00.5+02,)'::tstzrange": "[2024-02-29T10:00:00.5Z,)",
        "'{[1,3),[5,7)}'::int4multirange": ["[1,3)", "[5,7)"],
        "'b9c7a6d6-0000-4000-8000-000000000000'::uuid": "b9c7a6d6-0000-4000-8000-000000000000",
        "'192.168.0.1/24'::inet": "192.168.0.1/24",
        "'r'::\"char\"": "r",
        "B'101'": "101",
        "'1 \"2\" <é> \U0001f600'": '1 "2" <é> \U0001f600',
        "point(1, 2)": [1.0, 2.0],
        "ROW(1, 'x')": [1, "x"],
        "ROW('-infinity'::timestamp, '294276-12-31'::timestamptz)": ["-infinity", "294276-12-31T00:00:00Z"],
        "ROW('24:00'::time, '12:00-03:30'::timetz)": ["24:00:00", "12:00:00-03:30"],
        "ROW('-14 months -1 day -1.5 s'::interval, '0'::interval)": ["P-1Y-2M-1DT-1.5S", "PT0S"],
        "'12.50'::money": "$12.50",
        "'pg_class'::regclass": "pg_class",
    }
    for expression, wanted in cases.items():
        assert await browser.value(f"SELECT {expression}") == wanted, expression


async def test_rows_are_in_the_order_of_what_is_stored_not_of_what_is_shown(browser, sql):
    await sql.execute("""
        CREATE TABLE t (name text PRIMARY KEY, data jsonb);
        INSERT INTO t VALUES ('b', '10'), ('a', '9'), ('c', '[]');
        ANALYZE t;
    """)
    page = await browser.data("t", sort=[{"column": "data", "descending": True}])
    assert [row[1] for row in page["rows"]] == [10, 9, []]
    shape = TableShape("public", "t", [ColumnInfo("name", "text"), ColumnInfo("data", "jsonb")], ["name"])
    await sql.execute("SET enable_seqscan = off")
    plan = await sql.fetch("EXPLAIN " + select.page(PostgresDialect(), shape, limit=1)[0])
    assert "Index Scan using t_pkey" in str(plan)


async def test_parameters_are_values_of_their_type(browser):
    given = [7, "2024-01-01T00:00:00Z", ["a", "b'"], "1.50", {"base64": "AP8="}, {"k": 1}, True, "'; DROP TABLE x --"]
    asked = "SELECT $1::int, $2::timestamptz, $3::text[], $4::numeric, $5::bytea, $6::jsonb, $7::bool, $8::text"
    rows = (await browser.query(asked, params=given))["rows"]
    assert rows == [[7, "2024-01-01T00:00:00Z", ["a", "b'"], "1.50", {"base64": "AP8="}, {"k": 1}, True, given[-1]]]
    beside = "SELECT $1::{}timestamptz, '[2024-01-01,)'::daterange"
    assert (await browser.query(beside.format("text::"), params=["0044-03-15 BC"]))["rows"][0][1] == "[2024-01-01,)"
    assert "$1::text" in (await browser.query(beside.format(""), 422, params=["2024-01-01"]))["message"]
    for params in ([], [1, 2], ["no number"], [{"base64": "AA=="}]):
        assert (await browser.query("SELECT $1::int", 422, params=params))["code"] == "sql_error"
    assert (await browser.query("SELECT $1::bytea", 422, params=[{"base64": "%%%"}]))["code"] == "bad_query"


async def test_an_error_says_where(browser):
    error = await browser.query("SELECT nothing FROM pg_class", 422)
    assert error["code"] == "sql_error"
    assert error["details"]["position"] == 8 and "nothing" in error["details"]["message"]


async def test_a_table_is_paged_sorted_and_filtered(browser, sql):
    await sql.execute("""
        CREATE TABLE t (id int PRIMARY KEY, name text, score numeric, at timestamptz, tags text[]);
        INSERT INTO t SELECT n, CASE WHEN n % 2 = 0 THEN 'even_' || n ELSE 'odd%' || n END, n / 4.0,
            '2024-01-01Z'::timestamptz + n * interval '1 day', '{}' FROM generate_series(1, 25) n;
        INSERT INTO t (id) VALUES (26);
    """)
    page = await browser.data("t", limit=10)
    assert [row[0] for row in page["rows"]] == list(range(1, 11)) and page["truncated"]
    assert page["columns"][2] == {"name": "score", "type": "numeric"} and page["total_estimate"] == 26
    rest = await browser.data("t", limit=20, cursor=page["next_cursor"])
    assert [row[0] for row in rest["rows"]] == list(range(11, 27)) and rest["next_cursor"] is None

    async def ids(**query):
        return [row[0] for row in (await browser.data("t", **query))["rows"]]

    assert await ids(sort=[{"column": "id", "descending": True}], limit=2) == [26, 25]
    for column, op, value, wanted in [
        ("id", "=", 3, [3]),
        ("id", "in", [1, "2"], [1, 2]),
        ("score", ">=", "6.25", [25]),
        ("at", "<", "2024-01-03T00:00:00Z", [1]),
        ("name", "contains", "d%1", [1, 11, 13, 15, 17, 19]),
        ("name", "starts_with", "even_2", [2, 20, 22, 24]),
        ("name", "ends_with", "_2", [2]),
        ("name", "is_null", None, [26]),
        ("name", "!=", "x' OR true --", list(range(1, 26))),
    ]:
        assert await ids(filter=[{"column": column, "op": op, "value": value}]) == wanted, (column, op)
    assert (
        len(await ids(filter=[{"column": "name", "op": "is_not_null"}, {"column": "id", "op": ">", "value": 20}])) == 5
    )


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"table": "nothing"}, 404, "no_such_table"),
        ({"table": 't" ; DROP TABLE t; --'}, 404, "no_such_table"),
        ({"table": "t", "schema": "pg_temp.x"}, 404, "no_such_table"),
        ({"table": "t", "sort": [{"column": 'id"; DROP TABLE t; --'}]}, 422, "bad_query"),
        ({"table": "t", "filter": [{"column": "id) OR (1=1", "op": "=", "value": 1}]}, 422, "bad_query"),
        ({"table": "t", "filter": [{"column": "id", "op": "= 1 OR", "value": 1}]}, 422, None),
        ({"table": "t", "filter": [{"column": "id", "op": "=", "value": "1 OR 1=1"}]}, 422, "sql_error"),
        ({"table": "t", "filter": [{"column": "id", "op": "in", "value": []}]}, 422, "bad_query"),
        ({"table": "t", "filter": [{"column": "id", "op": "="}]}, 422, "bad_query"),
        ({"table": "t", "limit": 0}, 422, None),
        ({"table": "t", "limit": 10_001}, 422, None),
        ({"table": "t", "cursor": "-1"}, 422, "bad_query"),
        ({"table": "t", "cursor": "1; DROP"}, 422, "bad_query"),
        ({"table": "t", "cursor": "9" * 30}, 422, "bad_query"),
    ],
)
async def test_53_a_page_takes_only_names_and_operators_that_are_known(browser, sql, query, status, code):
    await sql.execute("CREATE TABLE t (id int PRIMARY KEY)")
    error = await browser.post("data", status, **query)
    assert code in (None, error["code"])
    assert await sql.fetchval("SELECT to_regclass('t')") == "t"


async def test_53_identifiers_with_quotes_and_comments_are_only_names(browser, sql):
    quoted = '"' + ODD.replace('"', '""') + '"'
    await sql.execute(f"CREATE TABLE users (id int); CREATE SCHEMA {quoted}")
    await sql.execute(f"CREATE TABLE {quoted}.{quoted} ({quoted} int); INSERT INTO {quoted}.{quoted} VALUES (5), (6)")
    assert f"{ODD}.{ODD}" in await browser.tables()
    chosen = [{"column": ODD, "op": ">", "value": 5}]
    page = await browser.data(ODD, schema=ODD, sort=[{"column": ODD}], filter=chosen)
    assert page["rows"] == [[6]] and page["columns"] == [{"name": ODD, "type": "integer"}]
    answer = await browser.export(schema=ODD, table=ODD)
    assert answer.content.decode().splitlines()[1:] == ["5", "6"]
    assert await sql.fetchval("SELECT to_regclass('users')") == "users"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (2)",
        "UPDATE t SET id = 2",
        "DELETE FROM t",
        "TRUNCATE t",
        "DROP TABLE t",
        "CREATE TABLE u (id int)",
        "CREATE TEMP TABLE u (id int)",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
        "SELECT write()",
        "SELECT write_as_owner()",
        "SELECT set_config('transaction_read_only', 'off', false), write()",
        "SELECT query_to_xml('INSERT INTO t VALUES (2)', true, true, '')",
        "SELECT set_config('role', 'none', false), query_to_xml('INSERT INTO t VALUES (2)', true, true, '')",
        "DO $$ BEGIN INSERT INTO t VALUES (2); END $$",
        "DO $$ BEGIN SET TRANSACTION READ WRITE; INSERT INTO t VALUES (2); END $$",
        "DO $$ BEGIN COMMIT; INSERT INTO t VALUES (2); END $$",
        "DO $$ BEGIN RESET SESSION AUTHORIZATION; INSERT INTO t VALUES (2); END $$",
        "DO $$ BEGIN EXECUTE 'SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE'; COMMIT; INSERT INTO t VALUES (2); END $$",
        "CALL write_and_commit()",
        "SELECT 1; INSERT INTO t VALUES (2)",
        "COMMIT; INSERT INTO t VALUES (2)",
        "COPY t FROM '/etc/hostname'",
        "COPY t FROM PROGRAM 'echo 2'",
        "COPY (SELECT 1) TO PROGRAM 'touch /tmp/codeyard-was-here'",
        "COPY (SELECT 1) TO '/tmp/codeyard-was-here'",
        "DO $$ BEGIN RESET ROLE; COPY (SELECT 1) TO PROGRAM 'touch /tmp/codeyard-was-here'; END $$",
        "SELECT pg_read_file('/etc/hostname')",
        "SELECT pg_read_binary_file('PG_VERSION')",
        "SELECT pg_ls_dir('.')",
        "SELECT lo_import('/etc/hostname')",
        "SELECT lo_export(1, '/tmp/codeyard-was-here')",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT nextval('s')",
        "SELECT pg_reload_conf()",
        "SELECT * FROM dblink('dbname=' || current_database(), 'INSERT INTO t VALUES (2) RETURNING id') AS x(id int)",
        "SET ROLE {owner}",
        "SET SESSION AUTHORIZATION {owner}",
        "ALTER SYSTEM SET log_statement = 'all'",
        "ALTER ROLE {reader} SUPERUSER",
        "CREATE EXTENSION dblink SCHEMA pg_catalog",
        "VACUUM t",
        "LOAD 'auto_explain'",
    ],
)
async def test_53_reading_stays_reading_whatever_is_sent(browser, sql, owner, statement, tmp_path):
    await sql.execute("""
        CREATE EXTENSION IF NOT EXISTS dblink;
        CREATE TABLE t (id int); INSERT INTO t VALUES (1); CREATE SEQUENCE s;
        CREATE FUNCTION write() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (2) RETURNING id';
        CREATE FUNCTION write_as_owner() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'INSERT INTO t VALUES (2) RETURNING id';
        CREATE PROCEDURE write_and_commit() LANGUAGE plpgsql AS 'BEGIN COMMIT; INSERT INTO t VALUES (2); END';
    """)
    error = await browser.query(statement.format(owner=f'"{owner[1].user}"', reader=READER), 422)
    assert error["code"] == "sql_error", error
    assert [row[0] for row in await sql.fetch("SELECT id FROM t")] == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "SET TRANSACTION READ WRITE",
        "RESET ROLE",
        "NOTIFY x",
        "PREPARE x AS DELETE FROM t",
    ],
)
async def test_53_a_lone_word_about_the_transaction_changes_nothing_for_the_next(browser, sql, statement):
    await sql.execute("CREATE TABLE t (id int)")
    await browser.post("query", 200, sql=statement)
    assert (await browser.query("INSERT INTO t VALUES (1)", 422))["code"] == "sql_error"


async def test_53_who_reads_sees_everything_that_is_no_file(browser):
    """pg_read_all_data reads the catalogue, too: verifiers of passwords (with which nobody can sign in), never the words."""
    told = await browser.query("SELECT rolpassword FROM pg_authid WHERE rolname = session_user")
    assert told["rows"][0][0].startswith("SCRAM-SHA-256$")


async def test_53_who_reads_is_no_superuser_and_can_become_none(browser, sql):
    name, is_super = (await browser.query("SELECT session_user, current_setting('is_superuser')"))["rows"][0]
    assert (name, is_super) == (READER, "off")
    assert (await browser.query("SELECT session_user", write=True))["rows"] != [[READER]]


async def test_a_reader_that_somebody_made_a_superuser_is_not_used(browser, sql):
    await browser.query("SELECT 1")
    await sql.execute(f"ALTER ROLE {READER} SUPERUSER")
    try:
        assert (await browser.query("SELECT 1", 409))["code"] == "not_protected"
    finally:
        await sql.execute(f"ALTER ROLE {READER} NOSUPERUSER")


async def test_many_first_readers_at_once_make_one_role(browser, sql):
    await sql.execute(f"DROP OWNED BY {READER}") if await sql.fetchval(
        "SELECT 1 FROM pg_roles WHERE rolname = $1", READER
    ) else None
    await sql.execute(f"DROP ROLE IF EXISTS {READER}")
    assert await asyncio.gather(*(browser.value("SELECT 1") for _ in range(5))) == [1] * 5


async def test_a_user_that_is_no_superuser_reads_as_itself(browser, sql, owner, monkeypatch):
    role = f"plain_{uuid4().hex[:8]}"
    await sql.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'; CREATE TABLE t (id int); GRANT ALL ON t TO {role}")
    try:
        aim(monkeypatch, Target("postgres", owner[1].host, owner[1].port, owner[1].database, role, "p"))
        await sql.execute(f"DROP ROLE IF EXISTS {READER}")
        assert await browser.value("SELECT session_user") == role
        assert (await browser.query("INSERT INTO t VALUES (1)", 422))["details"]["sqlstate"] == "25006"
        assert (await browser.query("INSERT INTO t VALUES (1)", write=True))["row_count"] == 1
    finally:
        await sql.execute(f"DROP TABLE t; DROP ROLE {role}")


async def test_writing_is_asked_for_and_lasts(browser, sql):
    await sql.execute("CREATE TABLE t (id serial PRIMARY KEY, v text)")
    assert (await browser.query("INSERT INTO t (v) VALUES ($1), ($2)", params=["a", "b"], write=True))["row_count"] == 2
    made = await browser.query(
        "INSERT INTO t (v) SELECT 'c' FROM generate_series(1, 50) RETURNING id", write=True, limit=3
    )
    assert len(made["rows"]) == 3 and made["truncated"]
    assert await sql.fetchval("SELECT count(*) FROM t") == 52
    assert (await browser.query("UPDATE t SET v = 'x' WHERE id < 3", write=True))["row_count"] == 2
    await browser.query("VACUUM t", write=True)
    assert (await browser.query("INSERT INTO t VALUES (1)", 422, write=True))["details"]["sqlstate"] == "23505"


async def test_53_rows_bytes_and_cells_are_bounded(browser):
    many = await browser.query("SELECT generate_series(1, 1000000000) AS n", limit=10_000)
    assert len(many["rows"]) == 10_000 and many["truncated"]
    wide = await browser.query("SELECT repeat('x', 60000) FROM generate_series(1, 10000)", limit=10_000)
    assert wide["truncated"] and 130 <= len(wide["rows"]) <= 140
    cell = await browser.value("SELECT repeat('é', 50000)")
    assert cell["truncated"] and cell["bytes"] == 100_000 and len(cell["text"].encode()) <= 65536
    cell = await browser.value("SELECT convert_to(repeat('x', 70000), 'UTF8')")
    assert cell["truncated"] and cell["bytes"] == 70_000
    cell = await browser.value("SELECT to_jsonb(repeat('x', 70000))")
    assert cell["truncated"]
    await browser.query("CREATE TABLE t AS SELECT repeat('é', 70000 / n) AS a, '\\x00'::bytea AS b, n FROM "
                        "generate_series(1, 100000) n", write=True)  # fmt: skip
    page = await browser.data("t", limit=1)
    ((cell, short, _),) = page["rows"]
    assert cell["truncated"] and cell["bytes"] is None and cell["text"].startswith("éé") and short == {"base64": "AA=="}
    assert page["total_estimate"] is None  # not looked at by the database yet, and too many to count


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT repeat('x', 150000000)",
        "EXPLAIN (VERBOSE) SELECT repeat('x', 150000000)",
        "DO $$ BEGIN RAISE NOTICE '%', repeat('x', 150000000); END $$",
        "DO $$ BEGIN RAISE EXCEPTION '%', repeat('x', 150000000); END $$",
    ],
)
async def test_53_a_huge_answer_is_not_taken_in(browser, statement):
    error = await browser.query(statement, 413)
    assert error["code"] == "answer_too_large"


async def test_53_a_huge_cell_does_not_keep_its_table_from_being_shown(browser, sql):
    await sql.execute("""
        CREATE TABLE big (id int, t text, b bytea, j jsonb);
        INSERT INTO big VALUES (1, repeat('x', 90000000), convert_to(repeat('x', 90000000), 'UTF8'), '{"a": 1}'),
            (2, 'small', '\\x00', to_jsonb(repeat('x', 70000000)));
    """)
    rows = (await browser.data("big"))["rows"]
    assert rows[0][1]["truncated"] and rows[0][2]["truncated"] and rows[0][3] == {"a": 1}
    assert rows[1][1:3] == ["small", {"base64": "AA=="}] and rows[1][3]["truncated"]


async def test_53_time_is_up(browser, sql):
    for statement in ("SELECT pg_sleep(60)", "SELECT count(*) FROM generate_series(1, 100000000000) AS endless"):
        error = await browser.query(statement, 408, timeout_seconds=0.3)
        assert error["code"] == "query_timeout"
    error = await browser.query(
        "DO $$ BEGIN SET statement_timeout = 0; PERFORM pg_sleep(60); END $$", 408, timeout_seconds=0.3
    )
    assert error["code"] == "query_timeout"
    await until_running(sql, "pg_sleep", 0)
    await until_running(sql, "endless", 0)


async def test_53_cancel_stops_the_statement_in_the_server(browser, sql):
    query_id, mark = str(uuid4()), f"mark{uuid4().hex}"
    asked = asyncio.create_task(browser.query(f"SELECT pg_sleep(50) AS {mark}", 409, query_id=query_id))
    await until_running(sql, mark, 1)
    assert (await browser.query("SELECT 1", 409, query_id=query_id))["code"] == "query_taken"
    gone = f"{browser.base}/queries/{query_id}"
    assert (await browser.client.delete(gone)).status_code == 204
    assert (await asked)["code"] == "query_cancelled"
    await until_running(sql, mark, 0)
    assert (await browser.client.delete(gone)).json()["error"]["code"] == "no_such_query"


async def test_53_who_cancels_a_query_may_see_it_and_write_or_asked_it(browser, sql, ada, call, database):
    other = Browser(browser.client, await session_of(browser.client, ada.organization_id))
    query_id, mark = str(uuid4()), f"mark{uuid4().hex}"
    asked = asyncio.create_task(browser.query(f"SELECT pg_sleep(50) AS {mark}", 409, query_id=query_id))
    await until_running(sql, mark, 1)
    assert (await browser.client.delete(f"{other.base}/queries/{query_id}")).status_code == 404
    viewer = call(await make.person(database, ada.organization_id, Role.VIEWER))
    assert (await viewer.delete(f"{browser.base}/queries/{query_id}")).status_code == 403
    assert await running(sql, mark) == 1
    member = call(await make.person(database, ada.organization_id, Role.MEMBER))
    assert (await member.delete(f"{browser.base}/queries/{query_id}")).status_code == 204
    await asked


class Call:
    """One request as the server hands it to the application, so that its caller can hang up."""

    def __init__(self, app, browser, what: str, **body) -> None:
        request = browser.client.build_request("POST", f"{browser.base}/{what}", json=body)
        self.body = [request.content]
        self.gone = asyncio.Event()
        self.sent: list[dict] = []
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 50000),
            "server": ("localhost", 8300),
            "state": {},
        }
        self.task = asyncio.create_task(app(self.scope, self.receive, self.send))

    async def receive(self) -> dict:
        if self.body:
            return {"type": "http.request", "body": self.body.pop(), "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        self.sent.append(message)
        await asyncio.sleep(0)

    @property
    def is_whole(self) -> bool:
        return bool(self.sent) and self.sent[-1]["type"] == "http.response.body" and not self.sent[-1].get("more_body")


async def test_53_a_caller_that_hangs_up_stops_its_statement(browser, sql, app):
    mark = f"mark{uuid4().hex}"
    asked = Call(app, browser, "query", sql=f"SELECT pg_sleep(50) AS {mark}")
    await until_running(sql, mark, 1)
    asked.gone.set()
    await until_running(sql, mark, 0)
    await asked.task


async def test_53_a_caller_that_hangs_up_ends_its_export(browser, sql, app):
    mark = f"mark{uuid4().hex}"
    asked = Call(app, browser, "export", sql=f"SELECT generate_series(1, 1000000000) AS {mark}")
    async with asyncio.timeout(30):
        while len(asked.sent) < 5:
            await asyncio.sleep(0.02)
    asked.gone.set()
    await asyncio.wait([asked.task], timeout=30)
    assert not asked.is_whole
    async with asyncio.timeout(30):
        while await sql.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1 AND pid <> pg_backend_pid()", f"%{mark}%"
        ):
            await asyncio.sleep(0.02)


async def test_an_export_that_breaks_on_the_way_is_not_taken_for_a_whole_one(browser, app):
    asked = Call(
        app, browser, "export", sql="SELECT n, repeat('x', 1000), 1 / (9000 - n) FROM generate_series(1, 10000) n"
    )
    await asyncio.wait([asked.task], timeout=30)
    assert asked.sent[0]["status"] == 200 and len(asked.sent) > 5 and not asked.is_whole
    assert asked.task.exception() is not None


async def test_a_session_runs_so_many_queries_at_a_time(browser, sql):
    mark = f"mark{uuid4().hex}"
    ids = [str(uuid4()) for _ in range(8)]
    asked = [asyncio.create_task(browser.query(f"SELECT pg_sleep(50) AS {mark}", 409, query_id=one)) for one in ids]
    await until_running(sql, mark, 8)
    assert (await browser.query("SELECT 1", 429))["code"] == "too_many_queries"
    for one in ids:
        await browser.client.delete(f"{browser.base}/queries/{one}")
    await asyncio.gather(*asked)
    assert await browser.value("SELECT 1") == 1


async def test_53_a_csv_holds_no_formulas(browser, sql):
    await sql.execute("CREATE TABLE t (id int, v text)")
    nasty = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\rx", 'plain, "quoted"\nline', "-5", "", "＝1"]
    await sql.executemany("INSERT INTO t VALUES ($1, $2)", list(enumerate(nasty)))
    answer = await browser.export(table="t", sort=[{"column": "id"}])
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.decode() == (
        "id,v\r\n0,'=1+1\r\n1,'+cmd\r\n2,'-2+3\r\n3,'@SUM(A1)\r\n4,'\tx\r\n5,\"'\rx\"\r\n"
        '6,"plain, ""quoted""\nline"\r\n7,-5\r\n8,\r\n9,\'＝1\r\n'
    )
    raw = await browser.export(table="t", sort=[{"column": "id"}], safe=False)
    assert "\r\n0,=1+1\r\n" in raw.content.decode()
    head = await browser.export(sql='SELECT 1 AS "=cmd"')
    assert head.content.decode().startswith("'=cmd\r\n")


async def test_an_export_in_json_has_every_row_whole(browser):
    asked = "SELECT n AS id, n AS id, repeat('x', 100000) AS v, '\\x00'::bytea AS b FROM generate_series(1, 30) n"
    answer = await browser.export(format="json", sql=asked)
    rows = json.loads(answer.content)
    assert (
        len(rows) == 30
        and rows[29]["id_2"] == 30
        and len(rows[0]["v"]) == 100_000
        and rows[0]["b"] == {"base64": "AA=="}
    )
    assert json.loads((await browser.export(format="json", sql="SELECT 1 WHERE false")).content) == []
    assert (await browser.export(422, sql="DELETE FROM pg_class")).json()["error"]["code"] == "sql_error"
    assert (await browser.export(422, sql="SELECT 1", table="x")).json()["error"]["code"] == "bad_query"
    assert (await browser.export(404, table="x")).json()["error"]["code"] == "no_such_table"


async def test_21_the_name_of_an_export_is_only_a_name(browser, sql):
    name = 'a\r\nSet-Cookie: x="1"; ../../etc/passwd \u202egpj.exe'
    await sql.execute('CREATE TABLE "{}" (id int)'.format(name.replace('"', '""')))
    answer = await browser.export(table=name)
    said = answer.headers["content-disposition"]
    assert (
        said.startswith('attachment; filename="a') and "/" not in said.replace("UTF-8''", "") and "\u202e" not in said
    )
    assert "set-cookie" not in answer.headers and "%E2%80%AE" not in said


async def test_a_password_that_was_changed_is_told(browser, owner, monkeypatch):
    target = owner[1]
    aim(monkeypatch, Target("postgres", target.host, target.port, target.database, "nobody_here", "wrong"))
    assert (await browser.query("SELECT 1", 409))["code"] == "cannot_sign_in"
    aim(monkeypatch, Target("postgres", target.host, 1, target.database, target.user, target.password))
    assert (await browser.query("SELECT 1", 503))["code"] == "cannot_reach"


async def test_53_reading_and_writing_need_their_scopes(call, database, ada, browser):
    reader = Browser(
        call(await make.key(database, ada.organization_id, "services:read", "sessions:read")), browser.session_id
    )
    assert await reader.value("SELECT 1") == 1
    assert (await reader.query("SELECT 1", 403, write=True))["code"] == "missing_scope"
    none = Browser(
        call(await make.key(database, ada.organization_id, "files:write", "sessions:read")), browser.session_id
    )
    assert (await none.query("SELECT 1", 403))["code"] == "missing_scope"
    stranger = await make.person(database, await make.organization(database, "Other"))
    assert (await Browser(call(stranger), browser.session_id).query("SELECT 1", 404))["code"] == "no_such_session"


@pytest.mark.parametrize("odd", ODD_VALUES)
async def test_odd_values_are_taken_or_refused(browser, sql, odd):
    """Attack row 65: never a 500."""
    await sql.execute("CREATE TABLE t (v text)")
    await browser.takes_or_refuses(odd, "$1::text")
