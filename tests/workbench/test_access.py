"""Teams, and what people and teams may in single workspaces."""

import pytest

from backend.core.auth import Access, Role
from tests import make
from tests.clients import Closed


@pytest.fixture
async def workspace(client):
    return (await client.post("/workspace", json={"name": "one"})).json()


async def test_the_table_of_roles_is_shown(client):
    roles = {row["role"]: row for row in (await client.get("/roles")).json()["roles"]}
    assert list(roles) == ["owner", "admin", "member", "commenter", "viewer", "none"]
    assert "admin" not in roles["member"]["scopes"] and "files:write" in roles["member"]["scopes"]
    assert set(roles["commenter"]["scopes"]) - set(roles["viewer"]["scopes"]) == {"pulls:comment"}


async def test_a_workspace_is_hidden_from_one_member_everywhere(client, call, database, ada, workspace):
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    session = workspace["default_session_id"]
    paths = [
        f"/workspace/{workspace['id']}",
        f"/sessions/{session}",
        f"/sessions/{workspace['id']}/sessions",
        f"/workspace/{session}/terminals",
        f"/workspace/{session}/services",
        f"/workspace/{session}/version-controls/status",
    ]
    for path in paths:
        assert (await call(bob).get(path)).status_code == 200, path
    at = f"/workspace/{workspace['id']}/access/people/{bob.user_id}"
    assert (await client.put(at, json={"access": "none"})).status_code == 204
    for path in paths:
        assert (await call(bob).get(path)).status_code == 404, path
    assert (await call(bob).get("/workspace")).json()["items"] == []
    assert (await call(bob).get("/sessions")).json()["items"] == []
    assert (await client.delete(at)).status_code == 204
    assert [row["id"] for row in (await call(bob).get("/workspace")).json()["items"]] == [workspace["id"]]


async def test_pages_of_workspaces_hold_what_was_given_and_not_what_was_taken(client, call, database, ada):
    made = [(await client.post("/workspace", json={"name": f"w{n}"})).json()["id"] for n in range(5)]
    bob = await make.person(database, ada.organization_id, Role.VIEWER)
    for hidden in (made[0], made[3]):
        await client.put(f"/workspace/{hidden}/access/people/{bob.user_id}", json={"access": "none"})
    first = (await call(bob).get("/workspace", params={"limit": 2})).json()
    rest = (await call(bob).get("/workspace", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [row["id"] for row in first["items"] + rest["items"]] == [made[1], made[2], made[4]]


async def test_teams_give_the_most_and_a_persons_own_counts_first(client, call, database, ada, workspace):
    bob = await make.person(database, ada.organization_id, Role.VIEWER)
    org = f"/organizations/{ada.organization_id}"
    teams = [(await client.post(f"{org}/teams", json={"name": n})).json()["id"] for n in ("low", "high")]
    for team, access in zip(teams, ("none", "member"), strict=True):
        await client.put(f"{org}/teams/{team}/members/{bob.user_id}")
        await client.put(f"/workspace/{workspace['id']}/access/teams/{team}", json={"access": access})

    async def renames() -> int:
        return (await call(bob).put(f"/workspace/{workspace['id']}", json={"name": "new"})).status_code

    assert await renames() == 200
    own = f"/workspace/{workspace['id']}/access/people/{bob.user_id}"
    await client.put(own, json={"access": "viewer"})
    assert await renames() == 403
    await client.delete(own)
    await client.delete(f"{org}/teams/{teams[1]}")
    assert (await call(bob).get(f"/workspace/{workspace['id']}")).status_code == 404


async def test_everybody_is_told_what_they_may_in_a_workspace(client, call, database, ada, workspace):
    somebody = await make.person(database, ada.organization_id, Role.MEMBER)
    mine = f"/workspace/{workspace['id']}/access/mine"
    assert "admin" in (await client.get(mine)).json()["scopes"]
    assert "pulls:write" in (await call(somebody).get(mine)).json()["scopes"]
    await make.grant(database, somebody, workspace["id"], Access.COMMENTER)
    scopes = (await call(somebody).get(mine)).json()["scopes"]
    assert "pulls:comment" in scopes and "pulls:write" not in scopes


async def test_admins_keep_everything_whatever_is_given_to_them(client, call, database, ada, workspace):
    admin = await make.person(database, ada.organization_id, Role.ADMIN)
    await client.put(f"/workspace/{workspace['id']}/access/people/{admin.user_id}", json={"access": "none"})
    assert (await call(admin).get(f"/workspace/{workspace['id']}")).status_code == 200


async def test_whoever_leaves_the_organisation_leaves_its_teams_and_grants(client, call, database, ada, workspace):
    bob = await make.person(database, ada.organization_id, Role.VIEWER)
    org = f"/organizations/{ada.organization_id}"
    team = (await client.post(f"{org}/teams", json={"name": "t"})).json()["id"]
    await client.put(f"{org}/teams/{team}/members/{bob.user_id}")
    await client.put(f"/workspace/{workspace['id']}/access/people/{bob.user_id}", json={"access": "member"})
    assert (await client.delete(f"{org}/members/{bob.user_id}")).status_code == 204
    assert (await client.get(f"{org}/teams")).json()["items"][0]["members"] == []
    assert (await client.get(f"/workspace/{workspace['id']}/access")).json()["items"] == []
    assert (await call(bob).get(f"/workspace/{workspace['id']}")).status_code in (403, 404)


async def test_only_members_and_teams_of_the_organisation_can_be_given_anything(client, database, ada, workspace):
    """Attack rows 42 and 45."""
    other = await make.person(database, await make.organization(database, "Other"), Role.OWNER)
    org = f"/organizations/{ada.organization_id}"
    at = f"/workspace/{workspace['id']}/access"
    assert (await client.put(f"{at}/people/{other.user_id}", json={"access": "viewer"})).status_code == 404
    assert (await client.put(f"{at}/teams/{other.user_id}", json={"access": "viewer"})).status_code == 404
    assert (await client.put(f"{at}/people/{ada.user_id}", json={"access": "owner"})).status_code == 422
    team = (await client.post(f"{org}/teams", json={"name": "t"})).json()["id"]
    assert (await client.put(f"{org}/teams/{team}/members/{other.user_id}")).status_code == 404
    assert (await client.post(f"{org}/teams", json={"name": "t"})).json()["error"]["code"] == "team_name_taken"


async def test_a_socket_closes_when_access_to_its_workspace_changes(client, call, database, ada, workspace):
    """Attack row 8."""
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    async with call(bob).socket("/ws/lsp-fs-watch", session_id=workspace["default_session_id"]) as socket:
        at = f"/workspace/{workspace['id']}/access/people/{bob.user_id}"
        await client.put(at, json={"access": Access.NONE})
        with pytest.raises(Closed) as closed:
            while True:
                await socket.receive()
    assert closed.value.code == 4403


async def test_facts_of_a_hidden_workspace_are_not_told(client, call, database, ada, workspace):
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    await client.put(f"/workspace/{workspace['id']}/access/people/{bob.user_id}", json={"access": "none"})
    seen = (await client.post("/workspace", json={"name": "two"})).json()
    async with call(bob).socket("/ws/events") as socket:
        await client.put(f"/workspace/{workspace['id']}", json={"name": "hidden"})
        await client.put(f"/workspace/{seen['id']}", json={"name": "seen"})
        while (fact := await socket.receive_json())["name"] != "workspace.updated":
            pass
    assert fact["workspace_id"] == seen["id"]
