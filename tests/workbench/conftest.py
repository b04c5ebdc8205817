"""Sessions to work in."""

import pytest

from tests.workbench.yard import Yard


@pytest.fixture
async def workspace(client):
    return (await client.post("/workspace", json={"name": "demo"})).json()


@pytest.fixture
async def yard(client, workspace, resources):
    session = (await client.get(f"/sessions/{workspace['default_session_id']}")).json()
    return Yard(client, session, resources.data)


@pytest.fixture
def fork(client, workspace, resources):
    async def make(name: str, parent: Yard) -> Yard:
        body = {"workspace_id": workspace["id"], "name": name, "parent_session_id": parent.id}
        return Yard(client, (await client.post("/sessions", json=body)).json(), resources.data)

    return make
