"""The language server for compose.yaml as an editor sees it: what is wrong, what could stand there, what it means, what to do."""

import pytest

from tests.conftest import idle
from tests.workbench.lsp_editor import editing

COMPOSE = """services:
  web:
    image: nginx:1
    privileged: true
    container_name: mine
    depends_on: [bd]
    ports: ["8080:80"]
    environment:
      URL: ${NOWHERE}
      KEY: ${API_KEY}
  other:
    image: nginx:1
    ports:
      - "8080:81"
  db:
    image: postgres:15
    restart: always
    x-codeyard:
      kind: database
      instal: make
"""


@pytest.fixture
async def editor(client, database, workspace, yard, without_the_workbenchs_image):
    await client.put(f"/workspace/{workspace['id']}/variables/API_KEY", json={"value": "hunter2"})
    await idle(database)  # a job tells of it, which would start a server again that has just begun
    yard.write(".env", "FROM_FILE=1\n")
    async with editing(client, yard.id, "yaml") as editor:
        yield editor


async def problems(editor, text=COMPOSE, version=1):
    since = len(editor.heard)
    uri = await editor.open("compose.yaml", text, "yaml")
    told = await editor.told("textDocument/publishDiagnostics", lambda one: any_of_compose(one), since)
    return uri, [one for one in told["diagnostics"] if one["source"] == "compose"]


def any_of_compose(params) -> bool:
    return any(one.get("source") == "compose" for one in params["diagnostics"])


async def test_it_says_what_is_refused_unknown_without_effect_or_without_value_and_where(editor):
    _, found = await problems(editor)
    said = {(one["code"], one["range"]["start"]["line"]): one["message"] for one in found}
    assert "`privileged` is not allowed" in said["refused", 3]
    assert said["unknown_service", 5].startswith("web depends on bd")
    assert ("ignored", 4) in said and ("ignored", 19) in said
    assert ("variable_unset", 8) in said and not any(line == 9 for _, line in said)


async def test_ports_that_two_services_publish_are_warned_of(editor):
    _, found = await problems(editor)  # whatever else is wrong in it
    assert [(one["range"]["start"]["line"], one["severity"]) for one in found if one["code"] == "port_clash"] == [
        (13, 2)
    ]


async def test_it_proposes_fields_values_services_and_variables(editor):
    uri, _ = await problems(editor)

    async def labels(line, character):
        found = await editor.ask_at("completion", uri, line, character)
        return {one["label"] for one in (found["items"] if isinstance(found, dict) else found)}

    assert {"healthcheck", "x-codeyard"} <= await labels(16, 4)
    assert await labels(5, 16) == {"other", "db"}
    assert {"always", "no"} <= await labels(16, 13)
    assert {"database", "cache"} <= await labels(18, 12)
    assert {"API_KEY", "FROM_FILE"} <= await labels(8, 13)


async def test_it_explains_fields_and_where_a_variable_is_from_but_not_its_value(editor):
    uri, _ = await problems(editor)

    async def said(line, character):
        return str(await editor.ask_at("hover", uri, line, character))

    assert "host" in await said(3, 6) or "out of its container" in await said(3, 6)
    assert "a variable of the workspace" in await said(9, 14)
    assert "nothing here gives it a value" in await said(8, 14)
    assert "hunter2" not in str(editor.heard)


async def test_a_field_that_is_refused_is_taken_out_by_a_code_action(editor):
    uri, found = await problems(editor)
    refused = next(one for one in found if one["code"] == "refused")
    about = {"textDocument": {"uri": uri}, "range": refused["range"], "context": {"diagnostics": [refused]}}
    [action] = await editor.ask("textDocument/codeAction", about)
    assert action["title"] == "Remove privileged"
    [edit] = next(iter(action["edit"]["changes"].values()))
    assert (edit["range"]["start"]["line"], edit["range"]["end"]["line"], edit["newText"]) == (3, 4, "")


async def test_of_a_list_only_the_service_that_nobody_knows_is_taken_out(editor):
    uri, found = await problems(editor, COMPOSE.replace("[bd]", "[db, bd, 'other']"))
    unknown = next(one for one in found if one["code"] == "unknown_service")
    about = {"textDocument": {"uri": uri}, "range": unknown["range"], "context": {"diagnostics": [unknown]}}
    [action] = await editor.ask("textDocument/codeAction", about)
    assert action["title"] == "Remove bd"
    assert [one["newText"] for one in action["edit"]["changes"][uri]] == ["    depends_on: [db, 'other']\n"]


async def test_a_variable_that_is_set_counts_at_once_in_the_editors_that_are_open(client, workspace, editor):
    await problems(editor)
    since = len(editor.heard)
    named = f"/workspace/{workspace['id']}/variables/NOWHERE"
    assert (await client.put(named, json={"value": "known now"})).status_code < 300

    def settled(params) -> bool:
        return any_of_compose(params) and "variable_unset" not in {one.get("code") for one in params["diagnostics"]}

    told = await editor.told("textDocument/publishDiagnostics", settled, since)
    assert ("refused", 3) in {(one["code"], one["range"]["start"]["line"]) for one in told["diagnostics"]}


HOSTILE = {
    "nothing": "",
    "nul": "\0",
    "circle": "a: &a [*a]",
    "deep": "services: [" * 5000,
    "alias": "services:\n  web: *nothing\n",
    "half a pair": "\ud83d: {",
    "long": "- 1\n" * 50_000,
    "wide": f"services:\n  web:\n    image: {'x' * 1_000_000}\n",
    "list": "services:\n  - web\n",
}


async def test_hostile_text_is_told_as_a_problem_and_the_server_goes_on(client, yard, editor):
    uri = await editor.open("compose.yaml", "", "yaml")
    for version, text in enumerate(HOSTILE.values(), 2):
        await editor.type(uri, version, text)
        for line in (0, 2, 40_000):
            await editor.ask_at("completion", uri, line, 4)
            await editor.ask_at("hover", uri, line, 0)
    await editor.type(uri, 100, COMPOSE)
    await editor.told("textDocument/publishDiagnostics", any_of_compose)
    [listed] = [
        one
        for one in (await client.get(f"/workspace/{yard.id}/language-servers")).json()["items"]
        if one["language"] == "yaml"
    ]
    assert [one["restarts"] for one in listed["servers"] if one["name"] == "compose"] == [0]
