"""Notifications: who is told of what, once, and never of their own doing; what happened in a workspace."""

import pytest
from sqlalchemy import select

from backend.accounts.users.models import User
from backend.core.auth import Access, Role
from backend.core.db import now
from backend.core.events import EventRow
from tests import make
from tests.conftest import idle


@pytest.fixture
async def at(client):
    made = (await client.post("/workspace", json={"name": "demo"})).json()
    return f"/workspace/{made['id']}"


@pytest.fixture
def told(database):
    async def kinds(caller) -> list[tuple[str, str, int]]:
        await idle(database)
        items = (await caller.get("/notifications")).json()["items"]
        return [(one["kind"], one["about"], one["number"]) for one in reversed(items)]

    return kinds


async def test_people_are_told_what_concerns_them_and_nothing_else(client, at, call, database, ada, told):
    grace, barred, linus = [await make.person(database, ada.organization_id, Role.MEMBER) for _ in range(3)]
    await make.grant(database, barred, at.rpartition("/")[2], Access.NONE)
    hers, theirs = call(grace), call(barred)
    body = {"title": "t", "body": f"@{grace.email} @{barred.email}"}
    await client.post(f"{at}/tasks", json=body)
    await client.post(f"{at}/tasks", json={"title": "t", "assignee_id": str(barred.user_id)})
    session = (await client.post("/sessions", json={"workspace_id": at.rpartition("/")[2], "name": "s"})).json()["id"]
    await client.post(f"/workspace/{session}/filesystem", json={"op": "write", "path": "x", "content": "x"})
    await client.post(f"/workspace/{session}/version-controls/commit", json={"message": "x"})
    pull = {"head_session_id": session, "title": "t", "reviewers": [str(grace.user_id)]}
    assert (await client.post(f"{at}/pull-requests", json=pull)).status_code == 201
    side = f"{at}/sessions/{session}/pull-requests/1"
    assert (await hers.post(f"{side}/review", json={"verdict": "approve"})).status_code == 201
    words = f"Hm @{linus.email} @{barred.email}"
    thread = (await hers.post(f"{at}/pull-requests/1/threads", json={"body": words})).json()
    await client.post(f"{at}/pull-requests/1/threads/{thread['id']}/comments", json={"body": "So"})
    await hers.post(f"{at}/pull-requests/1/merge", json={})
    # sorted: what waits in the queue together is told in any order
    assert sorted(await told(hers)) == [
        ("assigned", "task", 1),
        ("commented", "pull", 1),
        ("review_requested", "pull", 1),
    ]
    assert sorted(await told(client)) == [("approved", "pull", 1), ("commented", "pull", 1), ("merged", "pull", 1)]
    assert await told(call(linus)) == [("mentioned", "pull", 1)]
    assert await told(theirs) == []


async def test_whom_a_task_mentions_besides_is_told_once(client, at, call, database, ada, told):
    grace, linus, alan = [await make.person(database, ada.organization_id, Role.MEMBER) for _ in range(3)]
    await client.post(f"{at}/tasks", json={"title": "t", "body": f"@{grace.email}, ask @{linus.email}"})
    await client.put(f"{at}/tasks/1", json={"body": f"@{linus.email} and @{alan.email}", "assignee_id": None})
    await client.put(f"{at}/tasks/1", json={"status": "done"})
    assert await told(call(grace)) == [("assigned", "task", 1)]
    assert await told(call(linus)) == await told(call(alan)) == [("mentioned", "task", 1)]


async def test_members_of_a_team_are_told_that_it_was_asked(client, at, call, database, ada, told):
    grace = await make.person(database, ada.organization_id, Role.MEMBER)
    teams = f"/organizations/{ada.organization_id}/teams"
    team = (await client.post(teams, json={"name": "Readers"})).json()["id"]
    for user in (grace.user_id, ada.user_id):
        await client.put(f"{teams}/{team}/members/{user}")
    workspace = at.rpartition("/")[2]
    session = (await client.post("/sessions", json={"workspace_id": workspace, "name": "s"})).json()["id"]
    await client.post(f"/workspace/{session}/filesystem", json={"op": "write", "path": "x", "content": "x"})
    await client.post(f"/workspace/{session}/version-controls/commit", json={"message": "x"})
    await client.post(f"{at}/pull-requests", json={"head_session_id": session, "title": "t"})
    await client.put(f"{at}/pull-requests/1", json={"reviewer_teams": [team]})
    assert await told(call(grace)) == [("review_requested", "pull", 1)]
    assert await told(client) == []


async def test_members_of_a_team_are_told_that_it_was_mentioned(client, at, call, database, ada, told):
    grace, linus = [await make.person(database, ada.organization_id, Role.MEMBER) for _ in range(2)]
    teams = f"/organizations/{ada.organization_id}/teams"
    team = (await client.post(teams, json={"name": "All readers"})).json()["id"]
    for user in (grace.user_id, ada.user_id):
        await client.put(f"{teams}/{team}/members/{user}")
    await client.post(f"{at}/tasks", json={"title": "t", "body": f"@{linus.email}, ask @all-readers"})
    assert await told(call(grace)) == [("mentioned", "task", 1)]
    assert await told(call(linus)) == [("assigned", "task", 1)]
    workspace = at.rpartition("/")[2]
    session = (await client.post("/sessions", json={"workspace_id": workspace, "name": "s"})).json()["id"]
    await client.post(f"/workspace/{session}/filesystem", json={"op": "write", "path": "x", "content": "x"})
    await client.post(f"/workspace/{session}/version-controls/commit", json={"message": "x"})
    await client.post(f"{at}/pull-requests", json={"head_session_id": session, "title": "t"})
    await client.post(f"{at}/pull-requests/1/threads", json={"body": "@All-readers: see"})
    assert await told(call(grace)) == [("mentioned", "task", 1), ("mentioned", "pull", 1)]
    assert await told(client) == []


async def test_they_are_counted_paged_and_marked_as_read(client, at, call, database, ada, told):
    """Attack rows 42 and 66: another's ids mark nothing, and cursors are checked."""
    grace = await make.person(database, ada.organization_id, Role.MEMBER)
    hers = call(grace)
    for told_of in (1, 2, 3):
        await client.post(f"{at}/tasks", json={"title": "t", "assignee_id": str(grace.user_id)})
        assert len(await told(hers)) == told_of  # one by one: what comes at once is told in any order
    first = (await hers.get("/notifications", params={"limit": 2})).json()
    rest = (await hers.get("/notifications", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [one["number"] for one in first["items"] + rest["items"]] == [3, 2, 1]
    ids = [first["items"][0]["id"]]
    await client.post("/notifications/read", json={"ids": ids})
    assert (await hers.get("/notifications/unread")).json() == {"unread": 3}
    assert (await hers.post("/notifications/read", json={"ids": ids})).json() == {"unread": 2}
    assert len((await hers.get("/notifications", params={"unread": True})).json()["items"]) == 2
    assert (await hers.post("/notifications/read", json={})).json() == {"unread": 0}
    assert (await hers.get("/notifications", params={"cursor": "x"})).status_code == 400


async def test_an_invited_person_with_an_account_is_told_and_joins_by_the_notice(client, call, database, ada, told):
    """Attack row 42: a notice is no invitation to whoever has not proved the address, and joins once."""
    acme = f"/organizations/{ada.organization_id}"
    grace = await make.person(database, await make.organization(database, "Else"), Role.OWNER)
    hers = call(grace)
    invited = {"email": grace.email, "role": "commenter"}
    assert (await client.post(f"{acme}/invitations", json=invited)).status_code == 201
    assert await told(hers) == []  # anybody may register with her address
    async with database.begin() as db:
        (await db.get_one(User, grace.user_id)).email_verified_at = now()
    assert await told(hers) == [("invited", "invitation", None)]
    async with database.begin() as db:  # her bell hears of it in her own organisation
        query = select(EventRow.organization_id, EventRow.data).where(EventRow.name == "notification.created")
        heard = {"user_ids": [str(grace.user_id)]}
        assert (await db.execute(query)).all() == [(grace.organization_id, heard)]
    [notice] = (await hers.get("/notifications")).json()["items"]
    assert (notice["title"], notice["workspace_id"]) == ("Acme", None)
    assert (await hers.get(f"{acme}/activity")).status_code == 404
    accept = f"/notifications/{notice['id']}/accept"
    assert (await client.post(accept)).json()["error"]["code"] == "no_such_invitation"
    assert (await hers.post(accept)).status_code == 204
    assert (await hers.post(accept)).status_code == 404
    assert (await hers.get("/notifications")).json()["items"] == []
    names = [fact["name"] for fact in (await hers.get(f"{acme}/activity")).json()["items"]]
    assert names == ["member.joined"]  # who was invited is for admins to know


async def test_facts_say_who_did_it_and_what_it_is_called(client, at, call, database, ada):
    program = call(await make.key(database, ada.organization_id, "workspaces:read", "sessions:write"))
    workspace = at.rpartition("/")[2]
    for caller, name in ((client, "hers"), (program, "its")):
        assert (await caller.post("/sessions", json={"workspace_id": workspace, "name": name})).status_code == 201
    facts = (await client.get(f"{at}/activity")).json()["items"]
    made = [fact["data"] for fact in reversed(facts) if fact["name"] == "session.created"][1:]
    assert made == [
        {"by": str(ada.user_id), "by_name": "Owner", "session_name": "hers"},
        {"by": None, "by_name": "test", "session_name": "its"},
    ]
    grace = await make.person(database, ada.organization_id, Role.MEMBER)
    role = f"/organizations/{ada.organization_id}/members/{grace.user_id}"
    assert (await client.put(role, json={"role": "viewer"})).status_code == 204
    newest = (await client.get(f"/organizations/{ada.organization_id}/activity")).json()["items"][0]
    assert (newest["data"]["user_name"], newest["data"]["by_name"]) == ("Member", "Owner")


async def test_activity_is_what_the_caller_may_read(client, at, call, database, ada):
    await client.post(f"{at}/tasks", json={"title": "t"})
    page = (await client.get(f"{at}/activity", params={"limit": 1})).json()
    assert [fact["name"] for fact in page["items"]] == ["task.created"]
    older = (await client.get(f"{at}/activity", params={"cursor": page["next_cursor"]})).json()
    assert "workspace.created" in [fact["name"] for fact in older["items"]]
    narrow = call(await make.key(database, ada.organization_id, "workspaces:read"))
    names = {fact["name"].partition(".")[0] for fact in (await narrow.get(f"{at}/activity")).json()["items"]}
    assert names == {"workspace"}
