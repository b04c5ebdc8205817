"""SQLite files of the working copy in the browser (attack rows 19 and 53)."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from backend.workbench.databases import errors, sqlite
from tests import make
from tests.databases import ODD_VALUES, Browser, session_of


@pytest.fixture
async def session_id(client, ada):
    return await session_of(client, ada.organization_id)


@pytest.fixture
def work(resources, session_id) -> Path:
    return resources.data / "sessions" / session_id / "workspace"


@pytest.fixture
def sql(work):
    connection = sqlite3.connect(work / "app.db", isolation_level=None)
    yield connection
    connection.close()


@pytest.fixture
def browser(client, session_id):
    return at(client, session_id, "app.db")


def at(client, session_id: str, path: str) -> Browser:
    return Browser(client, session_id, "sqlite", path=path)


async def test_the_schema_tells_tables_columns_keys_and_indexes(browser, sql):
    sql.executescript("""
        CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL UNIQUE, born date DEFAULT '2000-01-01');
        CREATE TABLE orders (a int, b int REFERENCES users(id), PRIMARY KEY (a, b));
        CREATE INDEX by_lower ON users (lower(email), born);
        CREATE VIEW grown AS SELECT * FROM users;
        CREATE VIEW broken AS SELECT * FROM gone;
        INSERT INTO users (email) VALUES ('a'), ('b');
    """)
    tables = await browser.tables()
    assert list(tables) == ["main.broken", "main.grown", "main.orders", "main.users"]
    users = tables["main.users"]
    assert users["rows_estimate"] == 2
    assert users["columns"][0] == {
        "name": "id",
        "type": "INTEGER",
        "nullable": False,
        "default": None,
        "primary_key": True,
    }
    assert users["columns"][2]["default"] == "'2000-01-01'"
    assert {"name": "by_lower", "columns": ["(expression)", "born"], "unique": False} in users["indexes"]
    there = {"schema": "main", "table": "users", "columns": ["id"]}
    assert tables["main.orders"]["foreign_keys"] == [{"columns": ["b"], "references": there}]
    assert tables["main.grown"]["kind"] == "view"


async def test_every_type_has_a_value_in_json(browser, sql):
    sql.execute("CREATE TABLE t (v)")
    for expression, wanted in {
        "1": 1,
        "9223372036854775807": "9223372036854775807",
        "0.5": 0.5,
        "9e999": "Infinity",
        "NULL": None,
        "x'00ff'": {"base64": "AP8="},
        "'é'": "é",
        "cast(x'ff41' AS text)": "\ufffdA",
    }.items():
        assert await browser.value(f"SELECT {expression}") == wanted, expression
    given = [7, 1.5, "a'b", {"base64": "AP8="}, None, True]
    assert (await browser.query("SELECT ?, ?, ?, ?, ?, ?", params=given))["rows"] == [[*given[:-1], 1]]
    for params in ([], [1, 2]):
        assert (await browser.query("SELECT ?", 422, params=params))["code"] == "sql_error"


async def test_a_table_is_paged_sorted_and_filtered(browser, sql):
    sql.execute("CREATE TABLE t (id integer PRIMARY KEY, name text, score real, v blob)")
    sql.executemany("INSERT INTO t VALUES (?, ?, ?, NULL)", [(n, f"n_{n}", n / 4) for n in range(1, 26)])
    sql.execute("INSERT INTO t VALUES (26, NULL, NULL, ?)", (b"x" * 1_000_000,))
    page = await browser.data("t", limit=10)
    assert [row[0] for row in page["rows"]] == list(range(1, 11)) and page["total_estimate"] == 26
    assert page["columns"][2] == {"name": "score", "type": "REAL"}
    rest = await browser.data("t", limit=20, cursor=page["next_cursor"])
    assert [row[0] for row in rest["rows"]] == list(range(11, 27)) and rest["next_cursor"] is None
    assert rest["rows"][-1][3]["truncated"]
    for column, op, value, wanted in [
        ("id", "=", 3, [3]),
        ("id", "in", [1, "2"], [1, 2]),
        ("score", ">=", "6.25", [25]),
        ("name", "starts_with", "n_2", [2, 20, 21, 22, 23, 24, 25]),
        ("name", "is_null", None, [26]),
        ("name", "=", "x' OR 1=1 --", []),
    ]:
        found = await browser.data("t", filter=[{"column": column, "op": op, "value": value}])
        assert [row[0] for row in found["rows"]] == wanted, (column, op)
    assert (await browser.data('t"; DROP TABLE t', 404))["code"] == "no_such_table"
    assert (await browser.data("t", 404, schema="temp"))["code"] == "no_such_table"
    assert (await browser.data("t", 422, sort=[{"column": 'id"; --'}]))["code"] == "bad_query"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (2)",
        "UPDATE t SET id = 2",
        "DELETE FROM t",
        "DROP TABLE t",
        "CREATE TABLE u (id int)",
        "WITH x AS (SELECT 2) INSERT INTO t SELECT * FROM x",
        "SELECT 1; INSERT INTO t VALUES (2)",
        "ATTACH '{outside}' AS x",
        "ATTACH ':memory:' AS x",
        "VACUUM INTO '{outside}'",
        "VACUUM",
        "REINDEX",
        "PRAGMA query_only = off",
        "PRAGMA writable_schema = on",
        "PRAGMA user_version = 5",
        "PRAGMA journal_mode = delete",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA database_list",
        "PRAGMA mmap_size = 1000000000",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('{outside}')",
        "SELECT fts3_tokenizer('simple', x'4141414141414141')",
        "SELECT readfile('/etc/hostname')",
        "SELECT writefile('{outside}', 'x')",
    ],
)
async def test_53_reading_stays_reading_whatever_is_sent(browser, sql, work, tmp_path, statement):
    sql.executescript("CREATE TABLE t (id int); CREATE INDEX i ON t (id); INSERT INTO t VALUES (1)")
    outside = tmp_path / "outside"
    assert await browser.value("SELECT id FROM t") == 1
    error = await browser.query(statement.format(outside=outside), 422)
    assert error["code"] in ("sql_error", "read_only"), error
    assert sql.execute("SELECT id FROM t").fetchall() == [(1,)] and not outside.exists()
    assert sql.execute("PRAGMA user_version").fetchone() == (0,)


async def test_writing_is_asked_for_and_stays_in_its_file(browser, sql, work, tmp_path):
    assert (await browser.query("CREATE TABLE t (id integer PRIMARY KEY, v)", write=True))["columns"] == []
    assert (await browser.query("INSERT INTO t (v) VALUES (?), (?)", params=["a", "b"], write=True))["row_count"] == 2
    many = (
        "WITH n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 99) INSERT INTO t (v) SELECT x FROM n RETURNING id"
    )
    made = await browser.query(many, write=True, limit=3)
    assert len(made["rows"]) == 3 and made["truncated"]
    assert sql.execute("SELECT count(*) FROM t").fetchone() == (101,)
    await browser.query("VACUUM", write=True)
    outside = tmp_path / "outside"
    for statement in (f"ATTACH '{outside}' AS x", f"VACUUM INTO '{outside}'", "PRAGMA writable_schema = on"):
        assert (await browser.query(statement, 422, write=True))["code"] == "sql_error"
    await browser.query("BEGIN", write=True)
    await browser.query("INSERT INTO t VALUES (1000, 1)", write=True)
    assert not outside.exists() and sorted(os.listdir(work)) == [".git", "app.db"]


async def test_a_write_ahead_log_is_read_and_nothing_is_left_beside_a_file(browser, sql, work):
    sql.executescript("PRAGMA journal_mode = wal; CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
    assert (work / "app.db-wal").stat().st_size > 0
    assert await browser.value("SELECT id FROM t") == 1
    await browser.query("INSERT INTO t VALUES (2)", write=True)
    assert sql.execute("SELECT count(*) FROM t").fetchone() == (2,)
    sql.close()
    assert sorted(os.listdir(work)) == [".git", "app.db"]
    assert await browser.value("SELECT count(*) FROM t") == 2
    assert sorted(os.listdir(work)) == [".git", "app.db"]


async def test_a_file_that_another_writes_is_waited_for_then_told(browser, sql):
    sql.execute("CREATE TABLE t (id int)")
    path = sql.execute("PRAGMA database_list").fetchone()[2]
    holding = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN EXCLUSIVE'); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"1\n"
        asked = asyncio.create_task(browser.query("INSERT INTO t VALUES (1)", 422, write=True))
        assert (await asked)["details"]["name"] == "SQLITE_BUSY"
        other.stdin.close()
    assert (await browser.query("INSERT INTO t VALUES (1)", write=True))["row_count"] == 1


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("nothing.db", 404, "not_found"),
        ("", 422, "bad_query"),
        ("../app.db", 422, "bad_path"),
        ("/etc/passwd", 422, "bad_path"),
        (".git", 422, "bad_path"),
        ("app.db\0", 422, "bad_path"),
        ("folder", 409, "is_directory"),
        ("pipe", 422, "not_a_regular_file"),
        ("out", 422, "path_escapes"),
        ("text", 422, "not_a_database"),
        ("hard", 422, "not_a_regular_file"),
        ("broken", 422, "not_a_database"),
        ("file:app.db?mode=rwc", 404, "not_found"),
    ],
)
async def test_19_only_a_database_of_the_working_copy_is_opened(client, session_id, work, tmp_path, path, status, code):
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE secret (v)")
    other.commit()
    other.close()
    os.mkfifo(work / "pipe")
    (work / "folder").mkdir()
    (work / "out").symlink_to(tmp_path / "other.db")
    os.link(tmp_path / "other.db", work / "hard")
    (work / "text").write_text("no database at all, only text that is a little longer than a header of one has to be")
    (work / "broken").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert (await at(client, session_id, path).query("SELECT * FROM secret", status))["code"] == code


async def test_19_links_inside_and_odd_names_are_followed(client, session_id, work):
    for name in ("a?mode=memory&x=1#y%41.db", "é ü.db", "-x.db"):
        made = sqlite3.connect(work / name)
        made.execute("CREATE TABLE t AS SELECT 7 AS v")
        made.close()
        assert await at(client, session_id, name).value("SELECT v FROM t") == 7, name
    (work / "link.db").symlink_to("-x.db")
    assert await at(client, session_id, "link.db").value("SELECT v FROM t") == 7


async def test_19_a_folder_swapped_for_a_link_never_leads_out(resources, session_id, work, tmp_path, monkeypatch):
    """The server looks at one file; before SQLite opens its path, a shell puts a link to another folder there."""
    for where, word in ((work / "inner", "mine"), (tmp_path, "theirs")):
        where.mkdir(exist_ok=True)
        made = sqlite3.connect(where / "x.db")
        made.execute("CREATE TABLE t (v)")
        made.execute("INSERT INTO t VALUES (?)", (word,))
        made.commit()
        made.close()
    look = sqlite._open

    def look_then_swap(*given):
        found = look(*given)
        (work / "inner").rename(work / "moved")
        (work / "inner").symlink_to(tmp_path)
        return found

    monkeypatch.setattr(sqlite, "_open", look_then_swap)
    for write in (False, True):
        for unguarded in (False, True):
            if (work / "moved").exists():
                (work / "inner").unlink()
                (work / "moved").rename(work / "inner")
            with pytest.raises((errors.SqlError, errors.CannotReach, errors.NotProtected)):
                opening = sqlite.opened(resources, work, "inner/x.db", write=write, seconds=5, unguarded=unguarded)
                async with opening as connection, connection.run("SELECT v FROM t", []) as result:
                    assert [row async for batch in result.batches for row in batch] == []


async def test_without_landlock_it_only_reads(resources, work, sql):
    sql.executescript("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
    async with (
        sqlite.opened(resources, work, "app.db", write=False, seconds=5, unguarded=True) as connection,
        connection.run("SELECT id FROM t", []) as result,
    ):
        assert [row async for batch in result.batches for row in batch] == [[1]]
    with pytest.raises(errors.NotProtected):
        async with sqlite.opened(resources, work, "app.db", write=True, seconds=5, unguarded=True):
            pass


async def test_53_endless_statements_end(browser, sql):
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    assert (await browser.query(endless, 408, timeout_seconds=0.5))["code"] == "query_timeout"
    query_id = str(uuid4())
    asked = asyncio.create_task(browser.query(endless, 409, query_id=query_id))
    gone = f"{browser.base}/queries/{query_id}"
    async with asyncio.timeout(30):
        while (await browser.client.delete(gone)).status_code != 204:
            await asyncio.sleep(0.02)
    assert (await asked)["code"] == "query_cancelled"


async def test_53_rows_bytes_cells_and_memory_are_bounded(browser, sql):
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"
    many = await browser.query(f"{endless} x FROM n", limit=10_000)
    assert len(many["rows"]) == 10_000 and many["truncated"]
    wide = await browser.query(f"{endless} hex(zeroblob(30000)) FROM n", limit=10_000)
    assert wide["truncated"] and 130 <= len(wide["rows"]) <= 140
    cell = await browser.value("SELECT hex(zeroblob(50000))")
    assert cell["truncated"] and cell["bytes"] == 100_000
    assert (await browser.query("SELECT zeroblob(1000000000)", 413))["code"] == "answer_too_large"
    hungry = f"{endless} x FROM n ORDER BY hex(zeroblob(100000 + x))"
    assert (await browser.query(hungry, 413))["code"] == "answer_too_large"


async def test_exports_are_whole(browser, sql):
    sql.execute("CREATE TABLE t (id integer PRIMARY KEY, v)")
    sql.execute("BEGIN")
    sql.executemany("INSERT INTO t (v) VALUES (?)", [("=1+1",)] * 5000)
    sql.execute("COMMIT")
    lines = (await browser.export(table="t")).content.decode().split("\r\n")
    assert lines[:2] == ["id,v", "1,'=1+1"] and len(lines) == 5002
    assert len(json.loads((await browser.export(format="json", sql="SELECT * FROM t")).content)) == 5000
    assert (await browser.export(422, sql="DELETE FROM t")).json()["error"]["code"] == "read_only"


async def test_53_it_is_a_file_and_needs_a_files_scopes(call, database, ada, sql, session_id):
    sql.execute("CREATE TABLE t (v)")
    reader = at(
        call(await make.key(database, ada.organization_id, "files:read", "sessions:read")), session_id, "app.db"
    )
    assert (await reader.query("SELECT count(*) FROM t"))["rows"] == [[0]]
    assert (await reader.query("DELETE FROM t", 403, write=True))["code"] == "missing_scope"
    services = at(
        call(await make.key(database, ada.organization_id, "services:write", "sessions:read")), session_id, "app.db"
    )
    assert (await services.query("SELECT 1", 403))["code"] == "missing_scope"
    stranger = await make.person(database, await make.organization(database, "Other"))
    assert (await at(call(stranger), session_id, "app.db").query("SELECT 1", 404))["code"] == "no_such_session"


@pytest.mark.parametrize("odd", ODD_VALUES)
async def test_odd_values_are_taken_or_refused(browser, sql, odd):
    """Attack row 65: never a 500."""
    sql.execute("CREATE TABLE t (v)")
    await browser.takes_or_refuses(odd, "?")
