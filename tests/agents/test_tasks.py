"""Tasks through the API: made by hand, by mention and by webhook, ordered and changed many at once."""

import asyncio

import pytest

from backend.core.auth import Access, Role
from backend.core.db import new_id
from backend.core.events import emit
from backend.core.paging import encode
from backend.edge.incoming.events import WebhookReceived
from backend.workbench.access.mentions import mentioned
from tests import make
from tests.conftest import idle


@pytest.fixture
async def workspace(client):
    return (await client.post("/workspace", json={"name": "demo"})).json()


@pytest.fixture
def board(client, workspace):
    async def ask(method: str, call: str = "", body=None, status: int = 200, at=workspace["id"], **params):
        answer = await client.request(method, f"/workspace/{at}/tasks{call}", json=body, params=params)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    return ask


async def test_one_is_made_changed_found_by_either_id_and_deleted(board, workspace):
    made = await board("POST", "", {"title": "Fix it", "body": "**now**", "labels": ["bug"]}, 201)
    assert (made["number"], made["status"], made["assignee_id"]) == (1, "todo", None)
    session = workspace["default_session_id"]
    assert (await board("GET", "/1", at=session))["id"] == made["id"]
    changed = await board("PUT", f"/{made['id']}", {"status": "in_progress", "title": "Fix all"})
    assert (changed["status"], changed["title"], changed["body"]) == ("in_progress", "Fix all", "**now**")
    assert len((await board("GET", "", assignee=str(new_id()), label="bug"))["items"]) == 0
    assert [len((await board("GET", "", label=label))["items"]) for label in ("bug", "none")] == [1, 0]
    await board("DELETE", "/1", None, 204)
    assert (await board("GET", "/1", None, 404))["error"]["code"] == "no_such_task"


async def test_a_mention_assigns_and_code_mentions_nobody(board, database, ada):
    grace = await make.person(database, ada.organization_id, Role.MEMBER)
    name = grace.email.partition("@")[0]
    made = await board("POST", "", {"title": "t", "body": f"@{name}, please"}, 201)
    assert made["assignee_id"] == str(grace.user_id)
    for body in (f"`@{name}`", f"```\n@{name}\n```", f"x@{name}", "@nobody"):
        assert (await board("POST", "", {"title": "t", "body": body}, 201))["assignee_id"] is None, body
    later = await board("PUT", "/2", {"body": f"for @{grace.email}."})
    assert later["assignee_id"] == str(grace.user_id)
    async with database.begin() as db:
        assert await mentioned(db, ada.organization_id, f"@{grace.email.upper()} @{name}") == [(grace.user_id, False)]


@pytest.fixture
def team(client, ada):
    async def make_one(name: str, *members) -> str:
        at = f"/organizations/{ada.organization_id}/teams"
        made = (await client.post(at, json={"name": name})).json()["id"]
        for one in members:
            await client.put(f"{at}/{made}/members/{one.user_id}")
        return made

    return make_one


@pytest.mark.parametrize(
    ("name", "mention"), [("Core", "@core"), ("Front end & Design", "@Front-End-design"), ("Größe 2", "@größe-2")]
)
async def test_a_team_that_is_mentioned_is_assigned(board, team, name, mention):
    id = await team(name)
    made = await board("POST", "", {"title": "t", "body": f"{mention}, please"}, 201)
    assert (made["assignee_id"], made["team_id"]) == (None, id)
    await board("POST", "", {"title": "t"}, 201)
    later = await board("PUT", "/2", {"body": f"for {mention}."})
    assert (later["assignee_id"], later["team_id"]) == (None, id)


async def test_what_is_mentioned_first_has_the_task_and_what_two_are_called_is_neither(board, team, ada, database):
    grace = await make.person(database, ada.organization_id, Role.MEMBER)
    core = await team("Core")
    for body, expected in (
        (f"@core and @{grace.email}", (None, core)),
        (f"@{grace.email} and @core", (str(grace.user_id), None)),
    ):
        made = await board("POST", "", {"title": "t", "body": body}, 201)
        assert (made["assignee_id"], made["team_id"]) == expected
    await team(grace.email.partition("@")[0])
    made = await board("POST", "", {"title": "t", "body": f"@{grace.email.partition('@')[0]}"}, 201)
    assert (made["assignee_id"], made["team_id"]) == (None, None)


async def test_it_is_for_a_member_or_a_team_and_for_one_of_them(board, client, ada, database):
    made = await client.post(f"/organizations/{ada.organization_id}/teams", json={"name": "Core"})
    team = made.json()["id"]
    task = await board("POST", "", {"title": "t", "team_id": team}, 201)
    assert task["team_id"] == team
    mine = await board("PUT", "/1", {"assignee_id": str(ada.user_id)})
    assert (mine["assignee_id"], mine["team_id"]) == (str(ada.user_id), None)
    stranger = await make.person(database, await make.organization(database, "Other"))
    for body in ({"assignee_id": str(stranger.user_id)}, {"team_id": str(new_id())}):
        assert (await board("PUT", "/1", body, 422))["error"]["code"] == "not_assignable"
    both = {"title": "t", "team_id": team, "assignee_id": str(ada.user_id)}
    assert (await board("POST", "", both, 422))["error"]["code"] == "not_assignable"


async def test_links_lead_into_this_workspace_only(board, client, workspace):
    session = workspace["default_session_id"]
    links = [{"kind": "session", "id": session}, {"kind": "issue", "url": "https://example.com/1"}]
    made = await board("POST", "", {"title": "t", "links": links}, 201)
    assert [link["kind"] for link in made["links"]] == ["session", "issue"]
    other = (await client.post("/workspace", json={"name": "other"})).json()["default_session_id"]
    for link in (
        {"kind": "session", "id": other},
        {"kind": "pull", "id": session},
        {"kind": "issue"},
        {"kind": "session", "url": "https://x.example"},
    ):
        assert (await board("POST", "", {"title": "t", "links": [link]}, 422))["error"]["code"] == "bad_link", link
    bad = {"kind": "issue", "url": "javascript:alert(1)"}
    await board("POST", "", {"title": "t", "links": [bad]}, 422)


async def test_many_are_ordered_and_changed_at_once_all_or_none(board, client, workspace):
    ids = [(await board("POST", "", {"title": f"t{n}"}, 201))["id"] for n in range(4)]

    async def manage(expected=200, **body):
        answer = await client.post("/task-management", json={"workspace_id": workspace["id"]} | body)
        assert answer.status_code == expected, answer.text
        return answer.json()

    await manage(task_ids=[ids[3], ids[1]], order=True, add_labels=["now"])
    assert [t["title"] for t in (await board("GET"))["items"]] == ["t3", "t1", "t0", "t2"]
    assert len((await board("GET", "", label="now"))["items"]) == 2
    assert (await manage(404, task_ids=[ids[0], str(new_id())], status="done"))["error"]["code"] == "no_such_task"
    assert (await board("GET", "/1"))["status"] == "todo"
    first = await board("GET", "", limit=3)
    rest = await board("GET", "", limit=3, cursor=first["next_cursor"])
    assert [t["title"] for t in first["items"] + rest["items"]] == ["t3", "t1", "t0", "t2"]
    await manage(task_ids=[ids[3], ids[2]], order=True, after=ids[1])
    assert [t["title"] for t in (await board("GET"))["items"]] == ["t1", "t3", "t2", "t0"]
    assert (await manage(404, task_ids=ids[:1], order=True, after=str(new_id())))["error"]["code"] == "no_such_task"
    await manage(task_ids=ids[:3], delete=True)
    assert [t["title"] for t in (await board("GET"))["items"]] == ["t3"]


async def test_tasks_that_are_ordered_at_once_have_a_place_each(board, client, workspace):
    ids = [(await board("POST", "", {"title": "t"}, 201))["id"] for _ in range(6)]

    async def first(one):
        body = {"workspace_id": workspace["id"], "task_ids": [one], "order": True}
        assert (await client.post("/task-management", json=body)).status_code == 200

    await asyncio.gather(*(first(one) for one in ids * 2))
    assert len({task["position"] for task in (await board("GET"))["items"]}) == 6


async def test_a_task_is_for_nobody_who_may_not_see_it(board, database, ada, workspace):
    barred = await make.person(database, ada.organization_id, Role.MEMBER)
    await make.grant(database, barred, workspace["id"], Access.NONE)
    refused = await board("POST", "", {"title": "t", "assignee_id": str(barred.user_id)}, 422)
    assert refused["error"]["code"] == "not_assignable"
    assert (await board("POST", "", {"title": "t", "body": f"@{barred.email}"}, 201))["assignee_id"] is None


async def test_numbers_are_given_once_each_to_many_at_once(board):
    made = await asyncio.gather(*(board("POST", "", {"title": "t"}, 201) for _ in range(8)))
    assert sorted(task["number"] for task in made) == list(range(1, 9))


async def test_a_delivery_of_a_webhook_becomes_a_task_once(board, workspace, ada, resources):
    """Attack row 63: the same fact told twice, and what strangers write."""
    fact = WebhookReceived(
        organization_id=ada.organization_id,
        workspace_id=workspace["id"],
        integration_id=new_id(),
        delivery_id=new_id(),
        provider="github",
        event="issues.opened",
        title="Broken\nthing " + "x" * 400,
        body="It <b>broke</b>",
        url="https://example.com/1",
        labels=["bug", " ", "y" * 80],
        assignee=ada.email.partition("@")[0],
    )
    for _ in range(2):
        async with resources.database.begin() as db:
            await emit(db, fact)
    await idle(resources.database)
    [task] = (await board("GET"))["items"]
    assert task["title"].startswith("Broken thing x") and task["assignee_id"] == str(ada.user_id)
    assert task["links"][0]["url"] == "https://example.com/1" and task["author"] == {"id": None, "name": "github"}


async def test_a_delivery_for_a_team_is_the_teams_and_for_who_may_see_it_no_more_nobodys(
    board, workspace, ada, resources, database, team
):
    core = await team("Core")
    barred = await make.person(database, ada.organization_id, Role.MEMBER)
    await make.grant(database, barred, workspace["id"], Access.NONE)
    for assignee in ("Core", barred.email, "who left", "gone@example.com"):
        fact = WebhookReceived(
            organization_id=ada.organization_id, workspace_id=workspace["id"], integration_id=new_id(), delivery_id=new_id(),
            provider="github", event="issues.opened", title=assignee, body="", url="", labels=[], assignee=assignee,
        )  # fmt: skip
        async with database.begin() as db:
            await emit(db, fact)
    await idle(database)
    found = {task["title"]: (task["assignee_id"], task["team_id"]) for task in (await board("GET"))["items"]}
    nobody = (None, None)
    assert found == {"Core": (None, core), barred.email: nobody, "who left": nobody, "gone@example.com": nobody}


async def test_foreign_ids_and_hostile_bodies_open_nothing(board, client, workspace, call, database, ada):
    """Attack rows 42, 43, 46, 65 and 66."""
    task = await board("POST", "", {"title": "t"}, 201)
    other = (await client.post("/workspace", json={"name": "other"})).json()["id"]
    await board("GET", f"/{task['id']}", None, 404, at=other)
    for ref in ("0", "x", "%00", "9" * 30):
        assert (await client.get(f"/workspace/{workspace['id']}/tasks/{ref}")).status_code in (400, 404), ref
    for body in ({"title": "a\0b"}, {"title": ""}, {"title": "t", "number": 9}, {"title": "t", "status": "x"}, []):
        assert (await client.post(f"/workspace/{workspace['id']}/tasks", json=body)).status_code in (400, 422), body
    for params in ({"cursor": encode("todo", 10**12, 0)}, {"limit": 0}, {"label": "\0"}, {"status": "x"}):
        assert (await client.get(f"/workspace/{workspace['id']}/tasks", params=params)).status_code in (400, 422), (
            params
        )
    barred = await make.person(database, ada.organization_id, Role.MEMBER)
    await make.grant(database, barred, workspace["id"], Access.NONE)
    assert (await call(barred).get(f"/workspace/{workspace['id']}/tasks")).status_code == 404
    body = {"workspace_id": workspace["id"], "task_ids": [task["id"]], "status": "done"}
    assert (await call(barred).post("/task-management", json=body)).status_code == 404
