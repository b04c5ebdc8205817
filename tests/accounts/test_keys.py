"""API keys: made once, shown once, used, expired, revoked."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from backend.accounts.keys.models import ApiKey, KeyMinute
from backend.core import crypto
from backend.core.db import now
from backend.ledger.receipts.models import Receipt
from tests import make
from tests.clients import Refused


def keys_of(somebody):
    return f"/organizations/{somebody.organization_id}/api-keys"


async def test_a_key_is_shown_once_and_works(call, client, ada, database):
    body = {"name": "ci", "scopes": ["workspaces:read", "organization:read"]}
    made = (await client.post(keys_of(ada), json=body)).json()
    assert made["key"].startswith(made["prefix"]) and made["prefix"].startswith("cy_live_")
    assert crypto.is_key(made["key"])
    listed = (await client.get(keys_of(ada))).json()["items"]
    assert [(row["id"], "key" in row) for row in listed] == [(made["id"], False)]
    program = call(make.Somebody({"authorization": f"Bearer {made['key']}"}, ada.organization_id))
    assert (await program.get("/workspace")).status_code == 200
    assert (await program.get(keys_of(ada))).status_code == 403
    async with database.begin() as db:
        assert (await db.get(ApiKey, made["id"])).last_used_at is not None


async def test_a_revoked_and_an_expired_key_are_nobody(call, client, ada, database):
    late = await make.key(database, ada.organization_id, "workspaces:read", expires_at=now() - timedelta(seconds=1))
    assert (await call(late).get("/workspace")).status_code == 401
    good = await make.key(database, ada.organization_id, "workspaces:read")
    assert (await call(good).get("/workspace")).status_code == 200
    assert (await client.delete(f"{keys_of(ada)}/{good.key_id}")).status_code == 204
    assert (await call(good).get("/workspace")).status_code == 401


async def test_a_mistyped_key_costs_no_query():
    key = crypto.new_key()
    assert crypto.is_key(key)
    assert not crypto.is_key(key[:-1] + ("a" if key[-1] != "a" else "b"))
    assert not crypto.is_key("cy_live_" + "é" * 38)


async def test_scopes_that_do_not_exist_and_times_that_have_passed_are_refused(client, ada):
    unknown = await client.post(keys_of(ada), json={"name": "x", "scopes": ["root"]})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "unknown_scope")
    past = {"name": "x", "scopes": ["admin"], "expires_at": "2001-01-01T00:00:00Z"}
    assert (await client.post(keys_of(ada), json=past)).status_code == 422
    assert (await client.post(keys_of(ada), json=past | {"expires_at": "2031-01-01T00:00:00"})).status_code == 422


async def test_a_key_cannot_make_a_key_that_may_more(call, ada, database):
    admin_only = await make.key(database, ada.organization_id, "admin")
    answer = await call(admin_only).post(keys_of(ada), json={"name": "x", "scopes": ["files:write"]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "more_than_yours")


async def test_anything_but_a_bearer_key_is_nobody(call):
    for authorization in ("Basic YTpi", "Bearer", "Bearer x y", "cy_live_x", "Bearer " + "x" * 5000):
        answer = await call(None).get("/workspace", headers={"authorization": authorization})
        assert answer.status_code == 401


async def test_a_key_made_twice_by_one_idempotency_key_is_one_and_its_secret_is_not_stored(client, ada, database):
    """Attack row 63."""
    headers = {"idempotency-key": "k"}
    body = {"name": "ci", "scopes": ["files:read"]}
    made = await client.post(keys_of(ada), json=body, headers=headers)
    again = await client.post(keys_of(ada), json=body, headers=headers)
    assert (made.status_code, again.status_code) == (201, 409)
    assert again.json()["error"]["code"] == "already_created"
    assert again.json()["error"]["details"] == {"id": made.json()["id"]}
    async with database.begin() as db:
        stored = await db.scalar(select(Receipt.answer))
    assert stored == made.json()["id"]


async def test_all_keys_of_one_organisation_end_at_once(client, call, database, ada):
    mine = [await make.key(database, ada.organization_id, "workspaces:read") for _ in range(2)]
    foreign = await make.key(database, await make.organization(database, "Other"), "workspaces:read")
    assert (await client.delete(f"/organizations/{ada.organization_id}/api-keys")).status_code == 204
    assert [(await call(key).get("/workspace")).status_code for key in (*mine, foreign)] == [401, 401, 200]


@pytest.mark.parametrize(("lasts", "days"), [("1 day", 1), ("1 month", 30), ("1 year", 365), ("never", None)])
async def test_a_key_lasts_a_day_a_month_a_year_or_for_good(client, ada, lasts, days):
    made = await client.post(keys_of(ada), json={"name": "x", "scopes": ["files:read"], "expires_in": lasts})
    assert made.status_code == 201
    expires_at = made.json()["expires_at"]
    left = None if expires_at is None else datetime.fromisoformat(expires_at) - now()
    assert left is None if days is None else timedelta(days=days, minutes=-5) < left <= timedelta(days=days)


async def test_expiries_that_contradict_and_limits_out_of_range_are_refused(client, ada):
    body = {"name": "x", "scopes": ["files:read"]}
    for wrong in (
        {"expires_in": "1 day", "expires_at": "2031-01-01T00:00:00Z"},
        {"expires_in": "2 days"},
        {"requests_per_minute": 0},
        {"requests_per_minute": 2**40},
        {"requests_per_minute": True},
    ):
        assert (await client.post(keys_of(ada), json=body | wrong)).status_code == 422


async def test_a_key_with_a_limit_is_told_what_is_left_and_when_to_come_back(client, call, ada, database):
    body = {"name": "x", "scopes": ["workspaces:read"], "requests_per_minute": 2}
    made = (await client.post(keys_of(ada), json=body)).json()
    assert made["requests_per_minute"] == 2
    program = call(make.Somebody({"authorization": f"Bearer {made['key']}"}, ada.organization_id))
    answers = [await program.get("/workspace") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in answers] == ["r=1", "r=0", "r=0"]
    assert answers[0].headers["ratelimit-policy"] == '"minute";q=2;w=60'
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].json()["error"]["code"] == "key_limit_reached"
    for began in (-61, 3600):  # the minute passes; a clock that was an hour ahead is put right
        async with database.begin() as db:
            await db.execute(update(KeyMinute).values(began=now() + timedelta(seconds=began), used=2))
        assert (await program.get("/workspace")).status_code == 200


async def test_calls_made_at_once_share_one_count(call, ada, database):
    limited = call(await make.key(database, ada.organization_id, "workspaces:read", requests_per_minute=5))
    answers = await asyncio.gather(*(limited.get("/workspace") for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 7


async def test_a_limited_key_that_opens_sockets_is_refused_with_429(call, ada, database):
    limited = call(await make.key(database, ada.organization_id, "terminals:read", requests_per_minute=1))
    await limited.get("/workspace")
    with pytest.raises(Refused) as refused:
        async with limited.socket("/ws/terminal", session_id=str(uuid4())):
            pass
    assert (refused.value.status, refused.value.body["error"]["code"]) == (429, "key_limit_reached")
    assert int(refused.value.headers[b"retry-after"]) > 0


async def test_a_key_without_a_limit_is_not_counted(call, client, ada, database):
    free = call(await make.key(database, ada.organization_id, "workspaces:read"))
    assert "ratelimit" not in (await free.get("/workspace")).headers
    async with database.begin() as db:
        assert (await db.scalars(select(KeyMinute))).all() == []
    [listed] = (await client.get(keys_of(ada))).json()["items"]
    assert (listed["last_used_address"], listed["requests_per_minute"]) == ("127.0.0.1", None)
