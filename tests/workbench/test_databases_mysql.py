"""MariaDB (and MySQL) in the browser, on a real server (attack row 53)."""

import asyncio
import json
from uuid import uuid4

import asyncmy
import pytest

from backend.workbench.databases import errors
from backend.workbench.databases.mysql import opened
from backend.workbench.databases.target import Target
from tests.databases import ODD_VALUES, Browser, aim, mariadb, session_of

ODD = "we`ird'; DROP TABLE users; -- \\"


@pytest.fixture(scope="module")
def server():
    with mariadb() as target:
        yield target


class Direct:
    """The server as its root, past the browser."""

    def __init__(self, connection) -> None:
        self.connection = connection

    async def run(self, *statements: str) -> list:
        found = []
        async with self.connection.cursor() as cursor:
            for statement in statements:
                await cursor.execute(statement)
                found = list(await cursor.fetchall()) if cursor.description else []
        return found

    async def until_running(self, mark: str, count: int) -> None:
        asked = (
            f"SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%{mark}%' AND id <> connection_id()"
        )
        async with asyncio.timeout(30):
            while (await self.run(asked))[0][0] != count:
                await asyncio.sleep(0.02)


@pytest.fixture
async def direct(server):
    connection = await asyncmy.connect(
        host=server.host, port=server.port, user="root", password=server.password, database="shop", autocommit=True
    )
    made = Direct(connection)
    await made.run("DROP DATABASE shop", "CREATE DATABASE shop CHARACTER SET utf8mb4", "USE shop")
    yield made
    await connection.ensure_closed()


@pytest.fixture
async def browser(client, ada, server, direct, monkeypatch):
    aim(monkeypatch, server)
    return Browser(client, await session_of(client, ada.organization_id))


@pytest.fixture
async def as_root(browser, server, monkeypatch):
    """The browser where compose.yaml names root alone."""
    aim(monkeypatch, Target("mysql", server.host, server.port, "shop", "root", server.password))
    return browser


async def test_the_schema_tells_tables_columns_keys_and_indexes(browser, direct):
    await direct.run(
        "CREATE TABLE users (id int PRIMARY KEY, email varchar(100) NOT NULL UNIQUE, born date DEFAULT '2000-01-01', at time)",
        "CREATE TABLE orders (a int, b int, PRIMARY KEY (a, b), FOREIGN KEY (b) REFERENCES users (id))",
        "CREATE VIEW grown AS SELECT * FROM users",
    )
    tables = await browser.tables()
    assert list(tables) == ["shop.grown", "shop.orders", "shop.users"]
    users = tables["shop.users"]
    assert users["columns"][0] == {
        "name": "id",
        "type": "int(11)",
        "nullable": False,
        "default": None,
        "primary_key": True,
    }
    assert [one["default"] for one in users["columns"][2:]] == ["'2000-01-01'", None] and users["bytes"] > 0
    assert {"name": "email", "columns": ["email"], "unique": True} in users["indexes"]
    assert {"name": "PRIMARY", "columns": ["a", "b"], "unique": True} in tables["shop.orders"]["indexes"]
    there = {"schema": "shop", "table": "users", "columns": ["id"]}
    assert tables["shop.orders"]["foreign_keys"] == [{"columns": ["b"], "references": there}]
    assert tables["shop.grown"]["kind"] == "view"


async def test_every_type_has_a_value_in_json(browser, direct):
    cases = {
        "1": 1,
        "18446744073709551615": "18446744073709551615",
        "CAST(1.500 AS decimal(10,3))": "1.500",
        "1e0 / 4": 0.25,
        "NULL": None,
        "TRUE": 1,
        "CAST('2024-02-29 12:00:00' AS datetime)": "2024-02-29T12:00:00",
        "CAST('2024-02-29' AS date)": "2024-02-29",
        "CAST('-25:00:00' AS time)": "-25:00:00",
        "X'00FF'": {"base64": "AP8="},
        "b'101'": {"base64": "BQ=="},
        "'é \U0001f600'": "é \U0001f600",
        "JSON_OBJECT('a', 1)": '{"a": 1}',
    }
    for expression, wanted in cases.items():
        assert await browser.value(f"SELECT {expression}") == wanted, expression
    await direct.run(
        "CREATE TABLE t (y year, at timestamp, e enum('a','b'), s set('x','y'), z datetime, b blob, t longtext)"
    )
    await direct.run("SET time_zone = '+02:00'", "SET sql_mode = ''")
    await direct.run("INSERT INTO t VALUES (2024, '2024-01-01 02:00:00', 'b', 'x,y', '0000-00-00', x'00', 'text')")
    page = await browser.data("t")
    assert page["rows"] == [
        [2024, "2024-01-01T00:00:00Z", "b", "x,y", "0000-00-00T00:00:00", {"base64": "AA=="}, "text"]
    ]


async def test_parameters_are_values_in_any_mode_and_collation(browser, direct):
    given = [7, 1.5, "a'b\\'; -- %s ?", {"base64": "AP8="}, None, True]
    assert (await browser.query("SELECT ?, ?, ?, ?, ?, ?", params=given))["rows"] == [
        [7, 1.5, "a'b\\'; -- %s ?", {"base64": "AP8="}, None, 1]
    ]
    await direct.run(
        "CREATE TABLE t (v varchar(50) CHARACTER SET latin1 COLLATE latin1_german1_ci, w varchar(50) COLLATE utf8mb4_bin)"
    )
    await direct.run(
        "INSERT INTO t VALUES ('grün', 'grün')", "SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'"
    )
    try:
        assert (await browser.query("SELECT w FROM t WHERE v = ? AND w = ?", params=["grün", "grün"]))["rows"] == [
            ["grün"]
        ]
        assert await browser.value("SELECT ?", params=["\\' OR 1=1 -- "]) == "\\' OR 1=1 -- "
    finally:
        await direct.run("SET GLOBAL sql_mode = DEFAULT")
    for params in ([], [1, 2]):
        assert (await browser.query("SELECT ?", 422, params=params))["code"] == "sql_error"


async def test_a_table_is_paged_sorted_and_filtered(browser, direct):
    await direct.run("CREATE TABLE t (id int PRIMARY KEY, name text, score decimal(10,2), v mediumblob)")
    values = ",".join(f"({n}, '{'even_' if n % 2 == 0 else 'odd%'}{n}', {n / 4}, NULL)" for n in range(1, 26))
    await direct.run(f"INSERT INTO t VALUES {values}", "INSERT INTO t (id, v) VALUES (26, repeat('x', 9000000))")
    page = await browser.data("t", limit=10)
    assert [row[0] for row in page["rows"]] == list(range(1, 11)) and page["truncated"]
    assert page["columns"][2] == {"name": "score", "type": "decimal(10,2)"}
    rest = await browser.data("t", schema="shop", limit=20, cursor=page["next_cursor"])
    assert [row[0] for row in rest["rows"]] == list(range(11, 27)) and rest["next_cursor"] is None
    assert rest["rows"][-1][3]["truncated"]

    async def ids(**query):
        return [row[0] for row in (await browser.data("t", **query))["rows"]]

    assert await ids(sort=[{"column": "id", "descending": True}], limit=2) == [26, 25]
    for column, op, value, wanted in [
        ("id", "=", 3, [3]),
        ("id", "in", [1, "2"], [1, 2]),
        ("score", ">=", "6.25", [25]),
        ("name", "contains", "d%1", [1, 11, 13, 15, 17, 19]),
        ("name", "starts_with", "even_2", [2, 20, 22, 24]),
        ("name", "is_null", None, [26]),
        ("name", "=", "x' OR 1=1 -- ", []),
    ]:
        assert await ids(filter=[{"column": column, "op": op, "value": value}]) == wanted, (column, op)
    assert (await browser.data("t` ; DROP TABLE t", 404))["code"] == "no_such_table"
    assert (await browser.data("t", 422, sort=[{"column": "id`; --"}]))["code"] == "bad_query"


async def test_53_identifiers_with_quotes_and_comments_are_only_names(browser, direct):
    quoted = "`" + ODD.replace("`", "``") + "`"
    await direct.run(
        "CREATE TABLE users (id int)", f"CREATE TABLE {quoted} ({quoted} int)", f"INSERT INTO {quoted} VALUES (5), (6)"
    )
    assert f"shop.{ODD}" in await browser.tables()
    page = await browser.data(ODD, sort=[{"column": ODD}], filter=[{"column": ODD, "op": ">", "value": 5}])
    assert page["rows"] == [[6]]
    assert (await browser.export(table=ODD)).content.decode().splitlines()[1:] == ["5", "6"]
    assert "shop.users" in await browser.tables()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (2)",
        "UPDATE t SET id = 2",
        "DELETE FROM t",
        "TRUNCATE t",
        "DROP TABLE t",
        "CREATE TABLE u (id int)",
        "CREATE TEMPORARY TABLE u (id int)",
        "REPLACE INTO t VALUES (2)",
        "SELECT write_it()",
        "SELECT nextval(s)",
        "CALL write_and_commit()",
        "BEGIN NOT ATOMIC COMMIT; INSERT INTO t VALUES (2); END",
        "EXECUTE IMMEDIATE 'INSERT INTO t VALUES (2)'",
        "COMMIT",
        "START TRANSACTION READ WRITE",
        "SET SESSION TRANSACTION READ WRITE",
        "SET GLOBAL max_connections = 10",
        "SET STATEMENT max_statement_time = 0 FOR INSERT INTO t VALUES (2)",
        "SELECT 1; INSERT INTO t VALUES (2)",
        "SELECT 1 INTO OUTFILE '/tmp/codeyard-was-here'",
        "SELECT 1 INTO DUMPFILE '/tmp/codeyard-was-here'",
        "SELECT 1) INTO OUTFILE '/tmp/codeyard-was-here' -- ",
        "SELECT 1) AS x, (SELECT 2 INTO OUTFILE '/tmp/codeyard-was-here'",
        "SELECT 1 /*! INTO OUTFILE '/tmp/codeyard-was-here' */",
        "SELECT 1 UNION SELECT 2 INTO OUTFILE '/tmp/codeyard-was-here'",
        "/*! INSERT INTO t VALUES (2) */",
        "/*!SHUTDOWN*/",
        "SHUTDOWN",
        "KILL 1",
        "FLUSH TABLES WITH READ LOCK",
        "LOCK TABLES t WRITE",
        "LOAD DATA INFILE '/etc/hostname' INTO TABLE t",
        "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t",
        "GRANT ALL ON *.* TO app@'%'",
        "CREATE USER x",
        "INSTALL SONAME 'ha_archive'",
        "HANDLER t OPEN",
        "ANALYZE TABLE t",
        "ANALYZE INSERT INTO t VALUES (2)",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (2)",
        "SHOW STATUS; INSERT INTO t VALUES (2)",
        "DESCRIBE t; DROP TABLE t",
        "SELECT * FROM t PROCEDURE ANALYSE(); DROP TABLE t",
        "USE mysql",
        "XA START 'x'",
        "DO SLEEP(0)",
    ],
)
async def test_53_reading_stays_reading_whatever_is_sent(as_root, direct, statement):
    await direct.run(
        "CREATE TABLE t (id int)",
        "INSERT INTO t VALUES (1)",
        "CREATE SEQUENCE s",
        "CREATE FUNCTION write_it() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (2); RETURN 1; END",
        "CREATE PROCEDURE write_and_commit() BEGIN COMMIT; INSERT INTO t VALUES (2); END",
    )
    error = await as_root.query(statement, 422)
    assert error["code"] in ("sql_error", "read_only"), error
    assert await direct.run("SELECT id FROM t") == [(1,)]
    assert (await direct.run("SHOW TABLES"))[0][0] in ("s", "t")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM t",
        "SELECT a.id, b.id FROM t a JOIN t b USING (id) -- a comment",
        "WITH x AS (SELECT id FROM t) SELECT id FROM x ORDER BY id LIMIT 1",
        "(SELECT id FROM t) UNION (SELECT 1)",
        "VALUES (1)",
        "SHOW TABLES",
        " show create table t",
        "EXPLAIN SELECT * FROM t",
        "DESCRIBE t",
        "SELECT id FROM t # another",
    ],
)
async def test_what_reads_is_let_through(browser, direct, statement):
    await direct.run("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    assert (await browser.query(statement))["rows"]


async def test_writing_is_asked_for_and_lasts(browser, direct):
    await browser.query("CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, v text)", write=True)
    assert (await browser.query("INSERT INTO t (v) VALUES (?), (?)", params=["a", "b"], write=True))["row_count"] == 2
    made = await browser.query("INSERT INTO t (v) SELECT 'c' FROM seq_1_to_500 RETURNING id", write=True, limit=3)
    assert len(made["rows"]) == 3 and made["truncated"]
    assert await direct.run("SELECT count(*) FROM t") == [(502,)]
    assert (await browser.query("INSERT INTO t VALUES (1, '')", 422, write=True))["details"]["errno"] == 1062
    assert (await browser.query("INSERT INTO t VALUES (0, ''); DROP TABLE t", 422, write=True))["code"] == "sql_error"


async def test_53_rows_bytes_and_cells_are_bounded(browser):
    many = await browser.query("SELECT seq FROM seq_1_to_1000000", limit=10_000)
    assert len(many["rows"]) == 10_000 and many["truncated"]
    wide = await browser.query("SELECT repeat('x', 60000) FROM seq_1_to_10000", limit=10_000)
    assert wide["truncated"] and 130 <= len(wide["rows"]) <= 140
    cell = await browser.value("SELECT repeat('é', 50000)")
    assert cell["truncated"] and cell["bytes"] == 100_000


async def test_53_a_huge_answer_is_not_taken_in(browser, direct):
    await direct.run("SET GLOBAL max_allowed_packet = 1073741824")
    assert (await browser.query("SELECT repeat('x', 150000000)", 413))["code"] == "answer_too_large"


async def test_53_time_is_up(browser, direct):
    mark = f"mark{uuid4().hex}"
    for statement in (
        f"SELECT sleep(60) AS {mark}",
        f"SELECT count(*) AS {mark} FROM seq_1_to_100000 a, seq_1_to_10000000 b",
    ):
        error = await browser.query(statement, 408, timeout_seconds=0.3)
        assert error["code"] == "query_timeout"
        await direct.until_running(mark, 0)


async def test_53_cancel_stops_the_statement_in_the_server(browser, direct):
    query_id, mark = str(uuid4()), f"mark{uuid4().hex}"
    asked = asyncio.create_task(browser.query(f"SELECT sleep(50) AS {mark}", 409, query_id=query_id))
    await direct.until_running(f"%sleep(50) AS {mark}", 1)
    assert (await browser.client.delete(f"{browser.base}/queries/{query_id}")).status_code == 204
    assert (await asked)["code"] == "query_cancelled"
    await direct.until_running(mark, 0)


async def test_an_export_has_every_row(browser):
    answer = await browser.export(format="json", sql="SELECT seq AS id, '=1' AS v FROM seq_1_to_3000")
    assert len(json.loads(answer.content)) == 3000
    lines = (await browser.export(sql="SELECT seq AS id, '=1' AS v FROM seq_1_to_3000")).content.decode().split("\r\n")
    assert lines[:2] == ["id,v", "1,'=1"] and len(lines) == 3002
    assert (await browser.export(422, sql="DO 1")).json()["error"]["code"] == "read_only"


async def test_a_password_that_was_changed_is_told(browser, server, monkeypatch):
    aim(monkeypatch, Target("mysql", server.host, server.port, "shop", "app", "wrong"))
    assert (await browser.query("SELECT 1", 409))["code"] == "cannot_sign_in"
    aim(monkeypatch, Target("mysql", server.host, server.port, "nothing", "app", server.password))
    assert (await browser.query("SELECT 1", 409))["code"] == "cannot_sign_in"


async def test_53_a_server_that_asks_for_our_files_gets_none():
    """LOAD DATA LOCAL's packet 0xFB, which a rogue server may answer to anything."""
    greeting = (
        b"\x0a8.0.0\0" + (1).to_bytes(4, "little") + b"12345678\0" + b"\xff\xf7\x2d\x02\x00\xff\x81\x15" + b"\0" * 10
    )
    greeting += b"901234567890\0mysql_native_password\0"
    heard = bytearray()

    async def rogue(reader, writer):
        def packet(number: int, data: bytes) -> None:
            writer.write(len(data).to_bytes(3, "little") + bytes([number]) + data)

        packet(0, greeting)
        if not await reader.read(1 << 16):
            return
        packet(2, b"\0\0\0\x02\0\0\0")
        while asked := await reader.read(1 << 16):
            heard.extend(asked)
            packet(1, b"\xfb/etc/hostname")
        writer.close()

    server = await asyncio.start_server(rogue, "127.0.0.1", 0)
    target = Target("mysql", "127.0.0.1", server.sockets[0].getsockname()[1], "", "x", "x")
    with pytest.raises((errors.SqlError, errors.CannotReach)):
        async with asyncio.timeout(20), opened(target, write=False, seconds=5) as connection:
            await connection.schema()
    server.close()
    with open("/etc/hostname", "rb") as file:
        assert file.read().strip() not in bytes(heard)


@pytest.mark.parametrize("odd", ODD_VALUES)
async def test_odd_values_are_taken_or_refused(browser, direct, odd):
    """Attack row 65: never a 500."""
    await direct.run("CREATE TABLE t (v text)")
    await browser.takes_or_refuses(odd, "?")
