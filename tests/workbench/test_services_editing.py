"""Services made and changed through the API: each an edit of compose.yaml that keeps the rest, and can be undone."""

import asyncio
import json
import os
import tempfile
from pathlib import Path
from uuid import UUID

import pytest

from backend.workbench.services import definition
from backend.workbench.sessions import repository as sessions
from runtimes.spec import RuntimeFailed

FILE = """\
# The shop.
services:
  web:
    image: "nginx:1"  # pinned
    environment:
      COLOUR: red
    depends_on: [db]

  db:
    image: postgres:17
"""


@pytest.fixture
async def here(client):
    workspace = (await client.post("/workspace", json={"name": "Shop"})).json()
    return f"/workspace/{workspace['default_session_id']}"


async def write(client, here, text=FILE):
    answer = await client.post(f"{here}/filesystem", json={"op": "write", "path": "compose.yaml", "content": text})
    assert answer.status_code == 200


async def content(client, here) -> str:
    return (await client.post(f"{here}/filesystem", json={"op": "read", "path": "compose.yaml"})).json()["content"]


async def service(client, here, name) -> dict:
    return next(one for one in (await client.get(f"{here}/services")).json()["items"] if one["name"] == name)


async def given(resources, here, name) -> dict[str, str]:
    """The environment that it would be started with."""
    async with resources.database.begin() as db:
        session = await sessions.get(db, UUID(here.rpartition("/")[2]))
    return definition.environments(resources, await definition.read(resources, session))[name]


async def test_the_first_service_begins_the_file(client, here):
    body = {
        "name": "my web",
        "type": "image",
        "image": "localhost:1/web:1",
        "ports": [80],
        "environment": [{"name": "A", "value": "1"}],
    }
    answer = await client.post(f"{here}/services", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "my-web" and answer.json()["state"] == "stopped"
    assert await content(client, here) == (
        "services:\n  my-web:\n    image: localhost:1/web:1\n    environment:\n      A: '1'\n    ports:\n      - 80\n"
    )


async def test_an_edit_keeps_the_comments_shows_as_a_diff_and_is_undone_by_its_snapshot(client, here):
    await write(client, here)
    web = await service(client, here, "web")
    answer = await client.put(f"{here}/services/{web['id']}", json={"image": "nginx:2"})
    assert answer.status_code == 200, answer.text
    assert await content(client, here) == FILE.replace("nginx:1", "nginx:2")
    undo = answer.json()["undo_snapshot_id"]
    assert (await client.post(f"{here}/version-controls/snapshots/{undo}/restore")).status_code == 200
    assert await content(client, here) == FILE


async def test_volumes_are_shown_as_an_edit_may_send_them_back(client, here):
    given = ["./app:/app:ro", "./:/all", "data:/data", "/cache"]
    text = (
        f"services:\n  web:\n    image: nginx:1\n    tmpfs: /run\n    volumes: {json.dumps(given)}\nvolumes:\n  data:\n"
    )
    await write(client, here, text)
    web = await service(client, here, "web")
    assert web["volumes"] == given
    answer = await client.put(f"{here}/services/{web['id']}", json={"volumes": web["volumes"]})
    assert (answer.status_code, answer.json().get("volumes")) == (200, given), answer.text


async def test_a_secret_never_reaches_the_file_or_an_answer(client, here, resources):
    await write(client, here)
    web = await service(client, here, "web")
    body = {
        "environment": [{"name": "COLOUR", "value": "blue"}, {"name": "TOKEN", "value": "hush-hush", "secret": True}]
    }
    answer = await client.put(f"{here}/services/{web['id']}", json=body)
    assert answer.status_code == 200, answer.text
    text = await content(client, here)
    assert "TOKEN" in text and "hush-hush" not in text + answer.text + (await client.get(f"{here}/services")).text
    shown = {one["name"]: one for one in answer.json()["environment"]}
    assert shown["TOKEN"] == {"name": "TOKEN", "value": None, "secret": True} and shown["COLOUR"]["value"] == "blue"
    rows = await resources.database.rows("SELECT sealed FROM secrets")
    assert len(rows) == 1 and b"hush-hush" not in bytes(rows[0]["sealed"])

    # without it, and undone: the file says which of those that are kept it gets
    body = {"environment": [{"name": "COLOUR", "value": "blue"}]}
    undo = (await client.put(f"{here}/services/{web['id']}", json=body)).json()["undo_snapshot_id"]
    assert await given(resources, here, "web") == {"COLOUR": "blue"}
    assert [one["name"] for one in (await service(client, here, "web"))["environment"]] == ["COLOUR"]
    assert (await client.post(f"{here}/version-controls/snapshots/{undo}/restore")).status_code == 200
    assert await given(resources, here, "web") == {"COLOUR": "blue", "TOKEN": "hush-hush"}


async def test_a_database_comes_with_credentials_that_nobody_else_has(client, here):
    answer = await client.post(f"{here}/services", json={"name": "db", "type": "database", "engine": "postgres"})
    assert answer.status_code == 201, answer.text
    db = answer.json()
    assert db["kind"] == "database" and db["environment"][-1] == {
        "name": "POSTGRES_PASSWORD",
        "value": None,
        "secret": True,
    }
    text = await content(client, here)
    assert "db-data:/var/lib/postgresql/data" in text and "volumes:\n  db-data:\n" in text


async def test_removing_and_reordering(client, here):
    await write(client, here)
    web, db = await service(client, here, "web"), await service(client, here, "db")
    answer = await client.put(f"{here}/services/reorder", json={"ids": [db["id"], web["id"]]})
    assert [one["name"] for one in answer.json()["items"]] == ["db", "web"]
    assert (await client.put(f"{here}/services/reorder", json={"ids": [db["id"]]})).status_code == 409
    assert (await client.delete(f"{here}/services/{db['id']}")).status_code == 204
    text = await content(client, here)
    assert "postgres" not in text and "depends_on" not in text and "# The shop." in text
    assert (await client.delete(f"{here}/services/{db['id']}")).status_code == 404


async def test_renaming_gives_it_a_new_id_and_keeps_its_secrets(client, here, resources):
    await client.post(f"{here}/services", json={"name": "db", "type": "database"})
    db = await service(client, here, "db")
    before = (await given(resources, here, "db"))["POSTGRES_PASSWORD"]
    answer = await client.put(f"{here}/services/{db['id']}", json={"name": "store"})
    assert answer.status_code == 200 and answer.json()["id"] != db["id"], answer.text
    assert (await given(resources, here, "store"))["POSTGRES_PASSWORD"] == before


async def test_an_edit_that_would_break_the_file_changes_nothing(client, here):
    await write(client, here)
    web = await service(client, here, "web")
    for body in ({"depends_on": ["nope"]}, {"volumes": ["/:/host"]}, {"image": "-v"}, {"volumes": ["nowhere:/x"]}):
        answer = await client.put(f"{here}/services/{web['id']}", json=body)
        assert answer.status_code == 422 and answer.json()["error"]["code"] == "bad_definition", answer.text
        assert answer.json()["error"]["details"]["problems"]
    assert await content(client, here) == FILE
    answer = await client.post(f"{here}/services", json={"name": "web", "type": "image", "image": "x"})
    assert answer.status_code == 409


@pytest.mark.parametrize(
    "lines",
    [
        """command: [sh, -c, "echo $$HOME; sleep ${N:-9}"]""",
        """command: sh -c 'echo "$$HOME"'""",
        """x-codeyard: {install: "echo $$A ${B:-b}", start: "exec $$SHELL"}""",
    ],
)
async def test_commands_are_shown_as_an_edit_may_send_them_back(client, here, resources, lines):
    await write(client, here, f"services:\n  web:\n    image: x\n    {lines}\n")
    async with resources.database.begin() as db:
        session = await sessions.get(db, UUID(here.rpartition("/")[2]))
    before = (await definition.read(resources, session)).project.services["web"]
    shown = await service(client, here, "web")
    sent = {name: shown[name] or None for name in ("command", "install_command", "start_command")}
    assert (await client.put(f"{here}/services/{shown['id']}", json=sent)).status_code == 200
    after = (await definition.read(resources, session)).project.services["web"]
    assert after == before


async def test_a_secret_that_looks_like_a_reference_is_not_told_with_what_it_refers_to(client, here):
    await write(client, here, "services:\n  web:\n    image: x\n    environment: {URL: '${V}'}\n")
    session = (await client.get(f"/sessions/{here.rpartition('/')[2]}")).json()
    await client.put(f"/workspace/{session['workspace_id']}/variables/V", json={"value": "x${host::hunter2}"})
    web = await service(client, here, "web")
    given = [
        {"name": "URL", "value": "${V}"},
        {"name": "KEY", "value": "y${hunter::2}${host::hunter2}", "secret": True},
    ]
    assert (await client.put(f"{here}/services/{web['id']}", json={"environment": given})).status_code == 200
    answer = await client.get(f"{here}/services")
    assert [one["path"] for one in answer.json()["problems"]] == [
        "services.web.environment.URL",
        "services.web.environment.KEY",
    ]
    assert "hunter" not in answer.text


async def test_a_service_of_another_file_is_to_be_changed_there(client, here):
    files = {
        "part/compose.yaml": "services:\n  inner: {image: x}\n",
        "compose.override.yaml": "services:\n  web: {cpus: 1}\n  over: {image: x}\n",
    }
    for path, text in files.items():
        await client.post(f"{here}/filesystem", json={"op": "write", "path": path, "content": text})
    text = "include: [part/compose.yaml]\nservices:\n  web:\n    image: x\n"
    await write(client, here, text)
    for name, file in (("inner", "part/compose.yaml"), ("over", "compose.override.yaml")):
        path = f"{here}/services/{(await service(client, here, name))['id']}"
        asked = [client.put(path, json={"cpus": 2}), client.put(path, json={"name": "other"}), client.delete(path)]
        for answer in [await one for one in asked]:
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "declared_elsewhere"), answer.text
            assert f"declared in {file}" in answer.json()["error"]["message"]
    answer = await client.delete(f"{here}/services/{(await service(client, here, 'web'))['id']}")
    assert "declared in compose.override.yaml" in answer.json()["error"]["message"]
    assert await content(client, here) == text


async def test_edits_at_once_are_all_made(client, here):
    await write(client, here)
    answers = await asyncio.gather(*(client.post(f"{here}/services", json={"name": f"n{n}"}) for n in range(6)))
    assert [answer.status_code for answer in answers] == [201] * 6, [answer.text for answer in answers]
    listed = (await client.get(f"{here}/services")).json()["items"]
    assert {one["name"] for one in listed} == {"web", "db", *(f"n{n}" for n in range(6))}
    assert (await content(client, here)).startswith(FILE)


async def test_a_secret_that_has_no_value_is_told(client, here):
    await write(client, here, "services:\n  web:\n    image: x\n    x-codeyard: {secrets: [TOKEN]}\n")
    [problem] = (await client.get(f"{here}/services")).json()["problems"]
    assert (problem["severity"], problem["code"]) == ("warning", "variable_unset") and "TOKEN" in problem["message"]
    web = await service(client, here, "web")
    given = {"environment": [{"name": "TOKEN", "value": "x", "secret": True}]}
    assert (await client.put(f"{here}/services/{web['id']}", json=given)).status_code == 200
    assert (await client.get(f"{here}/services")).json()["problems"] == []


async def test_limits_are_changed_and_taken_away_wherever_the_file_has_them(client, here):
    text = "services:\n  web:\n    image: x\n    cpus: 0.5  # half\n    deploy: {resources: {limits: {memory: 64M, pids: 9}}}\n"
    await write(client, here, text)
    path = f"{here}/services/{(await service(client, here, 'web'))['id']}"
    shown = (await client.put(path, json={"cpus": None, "memory_bytes": 128 << 20})).json()
    assert shown["limits"] == {"cpus": 0, "memory_bytes": 128 << 20, "pids": 9}
    kept = "    deploy: {resources: {limits: {pids: 9}}}\n"
    assert (await content(client, here)) == f"services:\n  web:\n    image: x\n{kept}    mem_limit: 134217728\n"
    assert (await client.put(path, json={"memory_bytes": None})).json()["limits"]["memory_bytes"] == 0
    assert (await content(client, here)) == f"services:\n  web:\n    image: x\n{kept}"


async def test_a_refused_edit_speaks_of_what_is_wrong_alone(client, here):
    await write(client, here, "services:\n  web:\n    image: x\n    ports: ['80:80']\n")
    web = await service(client, here, "web")
    error = (await client.put(f"{here}/services/{web['id']}", json={"image": "-v"})).json()["error"]
    assert "image's name" in error["message"] and "preview" not in error["message"]
    assert [one["severity"] for one in error["details"]["problems"]] == ["error", "ignored"]


async def test_a_file_that_is_broken_is_listed_with_its_lines_and_nothing_runs(client, here):
    await write(client, here, "services:\n  web:\n    image: x\n    privileged: true\n")
    found = (await client.get(f"{here}/services")).json()
    assert found["items"] == [] and [(p["path"], p["line"]) for p in found["problems"]] == [
        ("services.web.privileged", 4)
    ]
    answer = await client.post(f"{here}/runtimes/run-all")
    assert answer.status_code == 422 and answer.json()["error"]["code"] == "bad_definition"


async def test_variables_fill_in_the_file_and_are_never_shown(client, here, resources):
    session = (await client.get(f"/sessions/{here.rpartition('/')[2]}")).json()
    there = f"/workspace/{session['workspace_id']}/variables"
    assert (await client.put(f"{there}/TAG", json={"value": "hush"})).status_code == 204
    assert (await client.get(there)).json()["items"] == [{"name": "TAG"}]
    await write(client, here, 'services:\n  web:\n    image: "nginx:${TAG}"\n')
    assert (await service(client, here, "web"))["image"] == "nginx:hush"

    lines = "    environment: {{URL: 'pg://${{TAG}}@db', COST: 5$${more}}}\n    command: serve ${{TAG}}\n    env_file: app.env\n"
    await client.post(f"{here}/filesystem", json={"op": "write", "path": "app.env", "content": "FROM=${TAG}\n"})
    await write(client, here, "services:\n  web:\n    image: nginx:1\n" + lines.format(more=""))
    web = await service(client, here, "web")
    shown = {one["name"]: one["value"] for one in web["environment"]}
    assert (shown, web["command"]) == ({"URL": "pg://${TAG}@db", "COST": "5$$", "FROM": "${TAG}"}, "serve ${TAG}")
    given = [{"name": name, "value": shown[name]} for name in ("URL", "COST")]
    assert (await client.put(f"{here}/services/{web['id']}", json={"environment": given})).status_code == 200
    assert lines.format(more="") in await content(client, here)  # what was shown and comes back changes nothing

    await write(client, here, "services:\n  web:\n    image: nginx:1\n    environment: {A: '${variable::GONE}'}\n")
    [problem] = (await client.get(f"{here}/services")).json()["problems"]  # told before anything is started
    assert (problem["severity"], problem["path"]) == ("error", "services.web.environment.A")
    assert "GONE; set it in the workspace" in problem["message"] and problem["line"] == 2
    assert (await client.delete(f"{there}/TAG")).status_code == 204
    assert (await client.delete(f"{there}/TAG")).status_code == 404
    assert (await client.put(f"{there}/9x", json={"value": "x"})).status_code in (404, 422)


async def test_a_repository_without_a_file_gets_a_proposal(client, here):
    package = '{"scripts": {"dev": "vite"}, "devDependencies": {"vite": "7", "pg": "8"}}'
    await client.post(f"{here}/filesystem", json={"op": "write", "path": "package.json", "content": package})
    found = (await client.get(f"{here}/services")).json()
    assert found["source"] == "none" and found["proposal"]["stack"] == "Vite + PostgreSQL"
    await write(client, here, found["proposal"]["compose"].replace("${POSTGRES_PASSWORD:?set it}", "x"))
    assert [one["name"] for one in (await client.get(f"{here}/services")).json()["items"]] == ["web", "postgres"]


async def test_attacks_43_and_65_odd_bodies_are_refused(client, here):
    for body in (
        {},
        {"name": "a/b"},
        {"name": "x", "type": "virus"},
        {"name": "x", "ports": [0]},
        {"name": "x", "ports": [65536]},
        {"name": "x", "organization_id": "x"},
        {"name": "x", "cpus": -1},
        {"name": "x", "environment": [{"name": "a b", "value": "x"}]},
        {"name": "x", "type": "upload", "folder": "../.."},
        {"name": "x", "type": "upload", "folder": "nowhere"},
        {"name": "x", "type": "image"},
        {"name": "..", "type": "image", "image": "x"},
    ):
        answer = await client.post(f"{here}/services", json=body)
        assert 400 <= answer.status_code < 500, (body, answer.text)


async def test_a_config_that_is_too_large_is_not_cut_off_in_silence(client, here, resources):
    large = {"op": "write", "path": "big", "content": "x" * ((1 << 20) + 1)}
    assert (await client.post(f"{here}/filesystem", json=large)).status_code == 200
    await write(client, here, "services: {web: {image: x, configs: [big]}}\nconfigs: {big: {file: ./big}}\n")
    async with resources.database.begin() as db:
        session = await sessions.get(db, UUID(here.rpartition("/")[2]))
    declared = await definition.read(resources, session)
    with pytest.raises(RuntimeFailed, match="larger than 1 MiB"):
        definition.wanted(resources, declared, "web")


def test_what_a_read_only_service_is_given_is_written_anew_by_who_is_not_root_too():
    files = {"/etc/one": b"same", "/etc/two": b"same", "/run/secrets/token": b"hush"}
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        whoever = os.geteuid()
        os.seteuid(whoever or 12345)
        try:
            for _ in range(2):
                given = definition._given(Path(folder) / "given" / "web", files)
                assert {one.target: (Path(one.root) / one.source).read_bytes() for one in given} == files
                assert all(one.read_only for one in given)
        finally:
            os.seteuid(whoever)
