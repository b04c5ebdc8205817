"""The audit log: what is written, that it cannot be changed unseen, how it is read."""

import asyncio
import csv
import io

import pyotp
import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError

from backend.accounts.audit.models import AuditEntry
from backend.accounts.audit.schemas import Entry
from backend.accounts.audit.service import as_csv
from backend.core.auth import Role
from tests import make
from tests.conftest import idle


def log_of(somebody):
    return f"/organizations/{somebody.organization_id}/audit"


async def entries(client, ada, **only):
    answer = await client.get(log_of(ada), params=only)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def make_teams(client, ada, *names):
    for name in names:
        assert (
            await client.post(f"/organizations/{ada.organization_id}/teams", json={"name": name})
        ).status_code == 201


async def forge(database, statement):
    """Changes the log as one who owns the database could."""
    async with database.begin() as db:
        await db.execute(text("SET LOCAL session_replication_role = replica"))
        await db.execute(statement)


async def test_who_did_what_from_where_is_written_with_the_deed(client, ada, database):
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    at = f"/organizations/{ada.organization_id}"
    await client.put(f"{at}/members/{bob.user_id}", json={"role": "viewer"})
    made = (await client.post(f"{at}/api-keys", json={"name": "ci", "scopes": ["files:read"]})).json()
    await client.delete(f"{at}/api-keys/{made['id']}")
    workspace = (await client.post("/workspace", json={"name": "one"})).json()
    await client.put(f"/workspace/{workspace['id']}/access/people/{bob.user_id}", json={"access": "none"})
    await client.put(f"/workspace/{workspace['id']}/variables/TOKEN", json={"value": "hunter2"})
    await client.delete(f"/workspace/{workspace['id']}")
    found = await entries(client, ada)
    assert [row["action"] for row in reversed(found)] == [
        "member.changed",
        "key.changed",
        "key.changed",
        "workspace.access_changed",
        "workspace.variable_changed",
        "session.deleted",
        "workspace.deleted",
    ]
    assert {(row["actor_id"], row["by_key"], row["address"]) for row in found} == {
        (str(ada.user_id), False, "127.0.0.1")
    }
    assert found[2]["data"] == {"variable": "TOKEN", "how": "set"}
    assert made["key"] not in str(found) and "hunter2" not in str(found)


async def test_whom_and_what_it_was_about_is_told_by_name(client, ada, database):
    """What is gone is looked up nowhere any more."""
    at = f"/organizations/{ada.organization_id}"
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    members = (await client.get(f"{at}/members")).json()["items"]
    name = next(row["name"] for row in members if row["user_id"] == str(bob.user_id))
    made = (await client.post(f"{at}/invitations", json={"email": "eve@example.com"})).json()
    await client.delete(f"{at}/invitations/{made['id']}")
    workspace = (await client.post("/workspace", json={"name": "one"})).json()
    await client.put(f"/workspace/{workspace['id']}/access/people/{bob.user_id}", json={"access": "none"})
    fork = (await client.post("/sessions", json={"workspace_id": workspace["id"], "name": "fork"})).json()
    await client.delete(f"/sessions/{fork['id']}")
    await client.delete(f"{at}/members/{bob.user_id}")
    said = {row["action"]: row["data"] for row in await entries(client, ada)}
    assert said["member.invited"]["email"] == said["member.invitation_changed"]["email"] == "eve@example.com"
    assert said["member.left"]["user_name"] == said["workspace.access_changed"]["whose"] == name
    assert said["workspace.access_changed"]["workspace_name"] == "one"
    assert said["session.deleted"]["session_name"] == "fork"


async def test_a_key_is_named_as_the_one_who_did_it(client, call, ada, database):
    key = await make.key(database, ada.organization_id, "admin")
    await make_teams(call(key), ada, "a")
    [row] = await entries(client, ada)
    assert (row["actor_id"], row["by_key"]) == (str(key.key_id), True)


async def test_who_has_entries_is_listed_also_when_they_are_gone(client, call, ada, database):
    at = f"/organizations/{ada.organization_id}"
    bob = await make.person(database, ada.organization_id, Role.ADMIN)
    key = await make.key(database, ada.organization_id, "admin")
    other = await make.person(database, await make.organization(database, "Other"), Role.OWNER)
    await make_teams(call(bob), ada, "b")
    await make_teams(call(key), ada, "k")
    await make_teams(call(other), other, "o")
    assert (await client.delete(f"{at}/members/{bob.user_id}")).status_code == 204
    assert (await client.delete(f"{at}/api-keys/{key.key_id}")).status_code == 204
    found = (await client.get(f"{log_of(ada)}/actors")).json()
    assert [(one["id"], one["by_key"]) for one in found] == [
        (str(bob.user_id), False),
        (str(ada.user_id), False),
        (str(key.key_id), True),
    ]  # Admin, Owner, test
    for one, action in zip(found, ("team.changed", "key.changed", "team.changed"), strict=True):
        assert (await entries(client, ada, actor_id=one["id"]))[0]["action"] == action
    assert (await call(other).get(f"{log_of(ada)}/actors")).status_code == 404


async def test_a_sign_in_is_written_for_each_organisation_of_the_person(client, call, ada):
    me = (await client.get("/auth/me")).json()["user"]
    answer = await call(None).post("/auth/login", json={"email": me["email"], "password": make.PASSWORD})
    assert answer.status_code == 200
    [row] = await entries(client, ada, action="member.signed_in")
    assert (row["actor_id"], row["address"]) == (me["id"], "127.0.0.1")


async def test_what_fails_is_not_written(client, ada):
    await make_teams(client, ada, "a")
    again = await client.post(f"/organizations/{ada.organization_id}/teams", json={"name": "a"})
    assert again.status_code == 409
    assert len(await entries(client, ada)) == 1


async def test_deeds_at_once_make_one_chain(client, ada):
    await asyncio.gather(*(make_teams(client, ada, f"t{n}") for n in range(12)))
    assert [row["number"] for row in await entries(client, ada)] == list(range(12, 0, -1))
    verified = (await client.get(f"{log_of(ada)}/verify")).json()
    assert (verified["intact"], verified["entries"], verified["broken_at"]) == (True, 12, None)


async def test_the_log_cannot_be_changed_or_shortened(client, ada, database):
    await make_teams(client, ada, "a")
    for statement in ("UPDATE audit_entries SET actor_name = 'x'", "DELETE FROM audit_entries"):
        with pytest.raises(DBAPIError, match="only added to"):
            async with database.begin() as db:
                await db.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        (update(AuditEntry).where(AuditEntry.number == 2).values(address="10.0.0.1"), 2),
        (text("DELETE FROM audit_entries WHERE number = 2"), 2),
        (text("UPDATE audit_entries SET data = '{}' WHERE number = 3"), 3),
    ],
)
async def test_a_change_behind_its_back_is_found(client, ada, database, statement, broken_at):
    await make_teams(client, ada, "a", "b", "c")
    await forge(database, statement)
    verified = (await client.get(f"{log_of(ada)}/verify")).json()
    assert (verified["intact"], verified["broken_at"]) == (False, broken_at)


async def test_the_log_is_narrowed_and_paged(client, ada):
    await make_teams(client, ada, "a", "b", "c")
    first = (await client.get(log_of(ada), params={"limit": 2})).json()
    rest = (await client.get(log_of(ada), params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [row["number"] for row in first["items"] + rest["items"]] == [3, 2, 1] and rest["next_cursor"] is None
    middle = first["items"][1]["at"]
    assert [row["number"] for row in await entries(client, ada, since=middle)] == [3, 2]
    assert [row["number"] for row in await entries(client, ada, until=middle)] == [1]
    assert await entries(client, ada, action="key.changed") == []
    assert len(await entries(client, ada, actor_id=ada.user_id)) == 3
    assert await entries(client, ada, workspace_id=ada.user_id) == []


async def test_filters_that_make_no_sense_are_refused(client, ada):
    """Attack row 53: identifiers with quotes and comments."""
    for wrong in (
        {"actor_id": "x'--"},
        {"action": "a'; DROP TABLE users"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"limit": 0},
    ):
        assert (await client.get(log_of(ada), params=wrong)).status_code in (400, 422), wrong
    assert (await client.get(log_of(ada), params={"cursor": "WzFlOTld"})).status_code == 400


async def test_names_that_are_formulas_stay_text_in_the_csv(client, ada, database):
    """Attack row 53: CSV export beginning with = + - @."""
    async with database.begin() as db:
        await db.execute(text("UPDATE users SET name = '=cmd|'' /C calc''!A0' WHERE id = :id"), {"id": ada.user_id})
    await make_teams(client, ada, '=1+1","x')
    answer = await client.get(f"{log_of(ada)}/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert row["actor_name"] == "'=cmd|' /C calc'!A0"
    assert "=1+1" in row["data"] and row["data"].startswith("{")


@pytest.mark.parametrize("name", ["=1", "+1", "-1", "@a", " =1", "\t=1", "\r=1"])
async def test_each_beginning_of_a_formula_is_seen(client, ada, name):
    await make_teams(client, ada, "a")
    [entry] = (await client.get(log_of(ada))).json()["items"]
    shown = as_csv([Entry(**entry | {"actor_name": name})])
    [row] = csv.DictReader(io.StringIO(shown, newline=""))
    assert row["actor_name"] == "'" + name


async def test_who_tried_to_get_in_and_what_changed_at_their_door(call, client, ada, database):
    """Guessing fills no log, and a stranger learns nothing from what it answers."""
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    for _ in range(3):
        wrong = await call(None).post("/auth/login", json={"email": bob.email, "password": "wrong"})
        unknown = await call(None).post("/auth/login", json={"email": "nobody@example.com", "password": "wrong"})
        assert wrong.json()["error"]["code"] == unknown.json()["error"]["code"] == "wrong_credentials"
    passwords = {"current": make.PASSWORD, "new": "another one entirely"}
    assert (await call(bob).post("/auth/password", json=passwords)).status_code == 204
    fresh = {"password": passwords["new"]}
    secret = (await call(bob).post("/account/second-factor", json=fresh)).json()["secret"]
    code = {"code": pyotp.TOTP(secret).now()}
    codes = (await call(bob).post("/account/second-factor/confirm", json=code)).json()["recovery_codes"]
    login = fresh | {"email": bob.email, "code": codes[0]}
    assert (await call(None).post("/auth/login", json=login)).status_code == 200
    off = fresh | {"code": codes[1]}
    assert (await call(bob).post("/account/second-factor/disable", json=off)).status_code == 204
    assert (await call(bob).post("/auth/logout")).status_code == 204
    await idle(database)
    found = [(row["action"], row["data"].get("how", row["data"].get("attempts"))) for row in await entries(client, ada)]
    assert sorted(found, key=str) == sorted(
        [
            ("member.login_failed", 1),
            ("member.password_changed", "changed"),
            ("member.second_factor_changed", "on"),
            ("member.second_factor_changed", "recovery code used"),
            ("member.signed_in", None),
            ("member.second_factor_changed", "recovery code used"),
            ("member.second_factor_changed", "off"),
            ("member.signed_out", None),
        ],
        key=str,
    )
    assert {row["data"]["user_id"] for row in await entries(client, ada)} == {str(bob.user_id)}
