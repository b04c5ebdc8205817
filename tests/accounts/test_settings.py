"""Settings that travel with the account."""

import pytest

from backend.core.auth import Role
from tests import make

AT = "/account/settings"


async def test_what_is_set_is_there_again_and_only_for_oneself(client, call, ada, database):
    assert (await client.get(AT)).json() == {"settings": {}}
    kept = {"settings": {"theme": "dark", "editor.tabSize": 2, "editor.formatOnSave": True}}
    assert (await client.put(AT, json=kept)).json() == kept
    assert (await client.get(AT)).json() == kept
    other = await make.person(database, ada.organization_id, Role.MEMBER)
    assert (await call(other).get(AT)).json() == {"settings": {}}
    assert (await client.put(AT, json={"settings": {}})).status_code == 200
    assert (await client.get(AT)).json() == {"settings": {}}


@pytest.mark.parametrize(
    "settings",
    [
        {"theme": "x" * 1001},
        {"theme": "a\x00b"},
        {"the me\x00": 1},
        {"nested": {"deep": 1}},
        {"theme": None},
        {f"n{n}": n for n in range(101)},
        ["theme"],
    ],
)
async def test_what_cannot_be_a_setting_is_refused(client, settings):
    answer = await client.put(AT, json={"settings": settings})
    assert answer.status_code in (400, 422), answer.text
    assert (await client.get(AT)).json() == {"settings": {}}
