"""Organisations in the bin: who may, what closes at once, what comes back, and that the purge leaves nothing."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select

from backend.core.auth import Role
from backend.core.db import Base
from backend.workbench.closing import jobs
from backend.workbench.provisioning import jobs as provisioning
from tests import make
from tests.conftest import idle


def at(somebody):
    return f"/organizations/{somebody.organization_id}"


async def test_only_an_owner_who_types_the_name_deletes_it(call, database, ada):
    """Attack rows 42 and 45."""
    admin = await make.person(database, ada.organization_id, Role.ADMIN)
    stranger = await make.person(database, await make.organization(database, "Other"), Role.OWNER)
    key = (await call(ada).post(f"{at(ada)}/api-keys", json={"name": "ci", "scopes": ["admin"]})).json()["key"]
    named = {"confirm": "Acme"}
    assert (await call(admin).delete(at(ada), params=named)).json()["error"]["code"] == "only_owners"
    assert (await call(stranger).delete(at(ada), params=named)).status_code == 404
    by_key = await call(None).delete(at(ada), params=named, headers={"authorization": f"Bearer {key}"})
    assert by_key.json()["error"]["code"] == "needs_person"
    for wrong in ("", "acme", "Acme "):
        refused = await call(ada).delete(at(ada), params={"confirm": wrong})
        assert refused.json()["error"]["code"] == "another_name", wrong
    assert (await call(ada).delete(at(ada))).status_code in (400, 422)


async def test_all_ways_in_close_at_once_and_an_owner_takes_it_back(call, database, ada):
    eve = await make.person(database, ada.organization_id, Role.OWNER)
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    workspace = (await call(ada).post("/workspace", json={"name": "one"})).json()
    key = (await call(ada).post(f"{at(ada)}/api-keys", json={"name": "ci", "scopes": ["workspaces:read"]})).json()[
        "key"
    ]
    invited = {"email": "new@example.com"}
    code = (await call(ada).post(f"{at(ada)}/invitations", json=invited)).json()["invitation"]

    answers = await asyncio.gather(*(call(one).delete(at(ada), params={"confirm": "Acme"}) for one in (ada, eve)))
    assert sorted(answer.status_code for answer in answers) == [204, 404]  # two at once: one does it
    assert (await call(None).get("/workspace", headers={"authorization": f"Bearer {key}"})).status_code == 401
    assert (await call(None).post("/auth/invitation", json={"invitation": code})).status_code == 403
    for one in (ada, bob):
        assert (await call(one).get("/auth/me")).json()["organizations"] == []
        assert (await call(one).get(f"/workspace/{workspace['id']}")).status_code in (403, 404)
        assert (await call(one).get(f"{at(ada)}/members")).status_code in (403, 404)

    assert (await call(bob).get("/organizations/bin")).json()["items"] == []
    assert (await call(bob).post(f"{at(ada)}/restore")).status_code == 404
    [binned] = (await call(eve).get("/organizations/bin")).json()["items"]
    assert binned["name"] == "Acme"
    assert (await call(eve).post(f"{at(ada)}/restore")).json()["role"] == "owner"
    assert (await call(bob).get("/auth/me")).json()["organizations"][0]["role"] == "member"
    assert (await call(ada).post(f"/workspace/{workspace['id']}/restore")).status_code == 200
    actions = [row["action"] for row in (await call(ada).get(f"{at(ada)}/audit")).json()["items"]]
    assert {"organization.deleted", "organization.restored", "workspace.deleted", "key.changed"} <= set(actions)


async def test_the_purge_leaves_no_file_and_no_row(call, database, resources, ada):
    workspace = (await call(ada).post("/workspace", json={"name": "one"})).json()
    await call(ada).put(f"/workspace/{workspace['id']}/variables/TOKEN", json={"value": "hunter2"})
    await call(ada).post(f"{at(ada)}/teams", json={"name": "Crew"})
    other = await make.person(database, await make.organization(database, "Other"), Role.OWNER)
    await call(other).post("/workspace", json={"name": "stays"})
    assert (await call(ada).delete(at(ada), params={"confirm": "Acme"})).status_code == 204
    await idle(database)
    await jobs.purge_older_than(resources, timedelta(0))  # not before its workspaces
    assert (await call(ada).get("/organizations/bin")).json()["items"]
    await provisioning.purge_older_than(resources, timedelta(0))
    await jobs.purge_older_than(resources, timedelta(days=1))
    assert (await call(ada).get("/organizations/bin")).json()["items"]
    await jobs.purge_older_than(resources, timedelta(0))
    assert not (resources.data / "repos" / workspace["id"]).exists()
    assert not (resources.data / "sessions" / workspace["default_session_id"]).exists()
    async with database.begin() as db:
        for table in Base.metadata.sorted_tables:
            if "organization_id" in table.c:
                left = select(func.count()).where(table.c.organization_id == ada.organization_id)
                assert await db.scalar(left) == 0, table.name
    assert (await call(other).get("/workspace")).json()["items"][0]["name"] == "stays"
    assert (await call(ada).post(f"{at(ada)}/restore")).status_code == 404
