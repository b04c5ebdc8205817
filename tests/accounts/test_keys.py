"""API keys: made once, shown once, used, expired, revoked."""

from datetime import timedelta

from sqlalchemy import select

from backend.accounts.keys.models import ApiKey
from backend.core import crypto
from backend.core.db import now
from backend.ledger.receipts.models import Receipt
from tests import make


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
