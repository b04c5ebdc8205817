"""Redis in the browser, on a real server (attack row 53)."""

import asyncio
from uuid import uuid4

import pytest
import redis.asyncio

from backend.workbench.databases.errors import BadQuery
from backend.workbench.databases.redis import split
from backend.workbench.databases.target import Target
from tests import databases
from tests.databases import Browser, aim, session_of


@pytest.fixture(scope="module")
def server():
    with databases.redis() as target:
        yield target


@pytest.fixture
async def direct(server):
    client = redis.asyncio.Redis(host=server.host, port=server.port, password=server.password)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def browser(client, ada, server, direct, monkeypatch):
    aim(monkeypatch, server)
    return Browser(client, await session_of(client, ada.organization_id))


async def test_the_schema_tells_numbered_databases(browser, direct, server):
    await direct.mset({f"user:{n}": "x" for n in range(5)})
    tables = await browser.tables()
    assert list(tables) == ["0.keys"]
    assert (
        tables["0.keys"]["kind"] == "keyspace"
        and tables["0.keys"]["rows_estimate"] == 5
        and tables["0.keys"]["bytes"] > 0
    )
    assert [column["name"] for column in tables["0.keys"]["columns"]] == ["key", "type", "ttl_ms", "bytes"]
    await direct.execute_command("SELECT", "3")
    other = redis.asyncio.Redis(host=server.host, port=server.port, password=server.password, db=3)
    await other.set("a", "b")
    await other.aclose()
    assert list(await browser.tables()) == ["0.keys", "3.keys"]
    assert [row[0] for row in (await browser.data("keys", schema="3"))["rows"]] == ["a"]


async def test_keys_come_with_type_time_to_live_and_size(browser, direct):
    await direct.set("text", "x" * 1000, px=60_000)
    await direct.rpush("list", 1, 2)
    await direct.hset("hash", "field", "value")
    await direct.set(b"\xff\x00", "binary")
    found = {str(row[0]): row for row in (await browser.data("keys"))["rows"]}
    assert found["text"][1] == "string" and 0 < found["text"][2] <= 60_000 and found["text"][3] > 1000
    assert found["list"][1:3] == ["list", None] and found["hash"][1] == "hash"
    assert str({"base64": "/wA="}) in found


async def test_keys_are_found_by_pattern_and_type_page_by_page(browser, direct):
    await direct.mset({f"user:{n}": "x" for n in range(3000)} | {f"order:{n}*": "x" for n in range(10)})
    await direct.sadd("user:set", 1)
    found, cursor, pages = set(), "", 0
    while cursor is not None:
        page = await browser.data(
            "keys", limit=500, cursor=cursor, filter=[{"column": "key", "op": "=", "value": "user:*"}]
        )
        found |= {row[0] for row in page["rows"]}
        cursor, pages = page["next_cursor"], pages + 1
    assert len(found) == 3001 and pages > 2
    only = await browser.data("keys", filter=[{"column": "type", "op": "=", "value": "set"}])
    assert [row[0] for row in only["rows"]] == ["user:set"] and only["next_cursor"] is None
    plain = await browser.data("keys", limit=10_000, filter=[{"column": "key", "op": "ends_with", "value": "3*"}])
    assert [row[0] for row in plain["rows"]] == ["order:3*"]
    assert (await browser.data("keys", limit=10))["total_estimate"] == 3011
    for bad in ({"sort": [{"column": "key"}]}, {"filter": [{"column": "bytes", "op": ">", "value": 1}]}):
        assert (await browser.data("keys", 422, **bad))["code"] == "bad_query"
    assert (await browser.data("other", 404))["code"] == "no_such_table"
    assert (await browser.data("keys", 404, schema="0 FLUSHALL"))["code"] == "no_such_table"
    assert (await browser.data("keys", 422, schema="99"))["code"] == "sql_error"


async def test_a_command_answers_with_rows(browser, direct):
    await direct.set("a b", "é")
    await direct.rpush("list", "x", b"\xff", "z")
    await direct.zadd("z", {"one": 1.5})
    assert await browser.value('GET "a b"') == "é"
    assert await browser.value("get ?"[:3], params=["a b"]) == "é"
    assert (await browser.query("LRANGE list 0 -1"))["rows"] == [["x"], [{"base64": "/w=="}], ["z"]]
    assert (await browser.query("ZRANGE z 0 -1 WITHSCORES"))["rows"] == [["one"], ["1.5"]]
    assert await browser.value("GET nothing") is None
    assert await browser.value("TTL list") == -1
    assert "redis_version" in await browser.value("INFO server")
    error = await browser.query("LRANGE z 0 -1", 422)
    assert error["code"] == "sql_error" and error["details"]["message"].startswith("WRONGTYPE")
    assert (await browser.query("GET 'a", 422))["code"] == "bad_query"


@pytest.mark.parametrize(
    "command",
    [
        "SET a 1",
        "DEL a",
        "FLUSHALL",
        "CONFIG SET dir /tmp",
        "CONFIG GET requirepass",
        "DEBUG SLEEP 10",
        "KEYS *",
        "EVAL \"redis.call('set','a',1)\" 0",
        "EVAL_RO 'return 1' 0",
        "SORT a STORE b",
        "GETEX a EX 1",
        "GETDEL a",
        "BITFIELD a SET u8 0 1",
        "GEORADIUS a 1 1 1 m STORE b",
        "OBJECT FREQX a",
        "MEMORY PURGE",
        "XREAD BLOCK 0 STREAMS a $",
        "BLPOP a 0",
        "SLAVEOF attacker 6379",
        "REPLICAOF attacker 6379",
        "MIGRATE 127.0.0.1 6379 a 0 1000",
        "MODULE LOAD /tmp/x.so",
        "SHUTDOWN NOSAVE",
        "CLIENT KILL TYPE normal",
        "ACL LIST",
        "MULTI",
        "SAVE",
        "SCRIPT LOAD 'return 1'",
        "PUBLISH a b",
        '"\\x53ET" a 1',
        '"GET a\\r\\nSET" b 1',
    ],
)
async def test_53_reading_stays_reading_whatever_is_sent(browser, direct, command):
    await direct.set("a", "kept")
    refused = await browser.query(command, 422)
    assert refused["code"] == "read_only" and "write: true" in refused["message"]
    assert await direct.get("a") == b"kept" and await direct.dbsize() == 1


async def test_53_words_cannot_smuggle_a_second_command(browser, direct):
    assert await browser.value('GET "a\\r\\nSET b 1\\r\\n"') is None
    assert await browser.value("GET", params=["a\r\nSET b 1\r\n"]) is None
    assert await direct.dbsize() == 0


async def test_writing_is_asked_for(browser, direct):
    assert await browser.value("SET a 1 EX 100", write=True) == "OK"
    assert await direct.get("a") == b"1"
    for command in ("SUBSCRIBE a", "MONITOR"):
        assert (await browser.query(command, 422, write=True))["code"] == "bad_query"


async def test_53_answers_are_bounded(browser, direct):
    await direct.set("big", b"x" * 150_000_000)
    assert (await browser.query("GET big", 413))["code"] == "answer_too_large"
    await direct.set("long", "x" * 100_000)
    cell = await browser.value("GET long")
    assert cell["truncated"] and cell["bytes"] == 100_000
    await direct.rpush("list", *["x" * 1000] * 20_000)
    many = await browser.query("LRANGE list 0 -1", limit=10_000)
    assert many["truncated"] and len(many["rows"]) == values_that_fit(1000)


def values_that_fit(size: int) -> int:
    return 8 * 1024 * 1024 // size


async def test_53_a_command_that_waits_can_be_cancelled_and_times_out(browser, direct):
    query_id = str(uuid4())
    asked = asyncio.create_task(browser.query("BLPOP nothing 0", 409, write=True, query_id=query_id))
    await until_blocked(direct, 1)
    assert (await browser.client.delete(f"{browser.base}/queries/{query_id}")).status_code == 204
    assert (await asked)["code"] == "query_cancelled"
    await until_blocked(direct, 0)
    assert (await browser.query("BLPOP nothing 0", 408, write=True, timeout_seconds=0.3))["code"] == "query_timeout"
    await until_blocked(direct, 0)


async def until_blocked(direct, count: int) -> None:
    async with asyncio.timeout(30):
        while (await direct.info("clients"))["blocked_clients"] != count:
            await asyncio.sleep(0.02)


async def test_a_password_that_was_changed_is_told(browser, server, monkeypatch):
    for password in ("wrong", ""):
        aim(monkeypatch, Target("redis", server.host, server.port, "0", "", password))
        assert (await browser.query("PING", 409))["code"] == "cannot_sign_in"
    aim(monkeypatch, Target("redis", server.host, 1, "0", "", ""))
    assert (await browser.query("PING", 503))["code"] == "cannot_reach"


def test_words_are_split_as_redis_cli_does():
    assert split(r'''SET "a \"b\"\n\x41" 'it\'s' plain ""''') == [b"SET", b'a "b"\nA', b"it's", b"plain", b""]
    for wrong in ('"a', "'a", '"a"b', 'a"b"'):
        with pytest.raises(BadQuery):
            split(wrong)
