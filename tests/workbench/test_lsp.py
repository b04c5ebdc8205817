"""Language servers of a session, over the socket that an editor in a browser has: in the session's container, and beside us."""

import asyncio
import os
import shutil
from contextlib import AsyncExitStack

import msgspec
import pytest

from backend.core.auth import Role
from backend.workbench.services.conductor import Conductor
from tests import make
from tests.clients import Closed
from tests.workbench.lsp_editor import Failed, editing

LIBRARY = '''def area(width: float, height: float) -> float:
    """The area of a rectangle."""
    return width * height
'''
MAIN = """import os
from library import area

total: str = area(2, 3)
"""


@pytest.fixture
def session(yard):
    yard.write("library.py", LIBRARY)
    yard.write("main.py", MAIN)
    return yard


async def status(client, session, language="python"):
    items = (await client.get(f"/workspace/{session.id}/language-servers")).json()["items"]
    return next(one for one in items if one["language"] == language)


async def serves_python(editor) -> None:
    """Hover, definition, completion and rename of one server, diagnostics of both, all by the viewers' paths."""
    uri = await editor.open("main.py", MAIN)
    hover = await editor.ask_at("hover", uri, 3, 13)
    assert "rectangle" in str(hover["contents"])
    definition = await editor.ask_at("definition", uri, 3, 13)
    assert "file:///workspace/library.py" in str(definition)
    items = await editor.ask_at("completion", uri, 3, 15)
    assert any(one["label"] == "area" for one in (items["items"] if isinstance(items, dict) else items))
    edit = await editor.ask_at("rename", uri, 3, 13, newName="surface")
    assert {"library.py", "main.py"} == {name.rpartition("/")[2] for name in touched(edit)}
    await editor.told(
        "textDocument/publishDiagnostics",
        lambda params: {"F401", "invalid-assignment"} <= {one.get("code") for one in params["diagnostics"]},
    )


def touched(edit) -> set[str]:
    return set(edit.get("changes") or {}) | {one["textDocument"]["uri"] for one in edit.get("documentChanges") or ()}


@pytest.mark.docker
async def test_in_the_sessions_container_a_linter_and_a_type_checker_serve_as_one(client, session):
    async with editing(client, session.id) as editor:
        await serves_python(editor)
        now = await status(client, session)
        assert [(one["name"], one["state"], one["viewers"]) for one in now["servers"]] == [
            ("ty", "ready", 1),
            ("ruff", "ready", 1),
        ]
        async with asyncio.timeout(60):
            while not all((one["memory_bytes"] or 0) > 1 << 20 for one in (await status(client, session))["servers"]):
                await asyncio.sleep(0.1)
        async with editing(client, session.id) as second:
            await second.open("main.py", MAIN)
            assert (await status(client, session))["servers"][0]["viewers"] == 2
            told = await second.told("textDocument/publishDiagnostics", lambda params: params["diagnostics"])
            assert told["uri"] == "file:///workspace/main.py"


@pytest.mark.docker
async def test_who_comes_while_the_workbench_starts_waits_for_it(client, session, resources):
    """As a page does, with a terminal and a language for each of its tabs."""
    changed = resources.kept.get(Conductor).changed
    async with asyncio.timeout(60), changed:
        run = asyncio.create_task(client.post(f"/workspace/{session.id}/run", json={"command": "true"}))
        await changed.wait()  # it has begun to start
    async with editing(client, session.id, "json") as editor:
        await editor.told("$/codeyard/servers", all_ready)
    assert (await run).json()["exit_code"] == 0


@pytest.mark.docker
async def test_the_sessions_image_brings_the_servers_of_the_languages_of_the_web(client, session):
    """Three at a time, as somebody opens files."""
    for some in (("typescript", "json", "html"), ("css", "yaml"), ("shell", "dockerfile")):
        async with AsyncExitStack() as stack:
            editors = [await stack.enter_async_context(editing(client, session.id, one)) for one in some]
            for editor in editors:
                told = await editor.told("$/codeyard/servers", all_ready)
                assert told["missing"] == [] and told["servers"]
    async with editing(client, session.id, "typescript") as editor:
        uri = await editor.open("a.ts", "const total: number = 'x';\ntotal.toF", "typescript")
        items = await editor.ask_at("completion", uri, 1, 9)
        assert any(one["label"] == "toFixed" for one in (items["items"] if isinstance(items, dict) else items))


async def test_without_an_engine_they_run_beside_us_and_viewers_see_the_same_paths(
    client, session, without_the_workbenchs_image
):
    async with editing(client, session.id) as editor:
        await serves_python(editor)


async def test_a_project_that_is_configured_for_another_type_checker_gets_that_one(
    client, session, without_the_workbenchs_image
):
    session.write("pyproject.toml", "[tool.basedpyright]\ntypeCheckingMode = 'strict'\n")
    async with editing(client, session.id) as editor:
        told = await editor.told("$/codeyard/servers", all_ready)
        assert [one["name"] for one in told["servers"]] == ["basedpyright", "ruff"]
        await editor.open("main.py", MAIN)
        await editor.told(
            "textDocument/publishDiagnostics",
            lambda params: "reportAssignmentType" in {one.get("code") for one in params["diagnostics"]},
        )


async def test_a_language_without_a_server_says_which_is_missing_and_how_to_install_it(
    client, session, without_the_workbenchs_image, monkeypatch
):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name == "gopls" else which(name, **more))
    async with editing(client, session.id, "go") as editor:
        told = await editor.told("$/codeyard/servers")
        assert [one["name"] for one in told["missing"]] == ["gopls"] and told["servers"] == []
        shown = await editor.told("window/showMessage")
        assert "go install golang.org/x/tools/gopls@latest" in shown["message"]
        uri = await editor.open("main.go", "package main", "go")
        with pytest.raises(Failed, match="no language server here answers"):
            await editor.ask_at("hover", uri, 0, 0)
    listed = await status(client, session, "go")
    assert "go install" in listed["candidates"][0][0]["install"] and "*.go" in listed["patterns"]


async def test_one_server_is_restarted_in_place_and_all_of_a_language_by_coming_again(
    client, session, without_the_workbenchs_image
):
    async with editing(client, session.id) as editor:
        uri = await editor.open("main.py", MAIN)
        await editor.ask_at("hover", uri, 3, 13)
        path = f"/workspace/{session.id}/language-servers/python"
        since = len(editor.heard)
        answer = await client.post(f"{path}/restart", params={"server": "ty"})
        assert answer.status_code == 200, answer.text
        await editor.told("$/codeyard/servers", lambda params: all_ready(params), since)
        assert "rectangle" in str(await editor.ask_at("hover", uri, 3, 13))
        [log] = (await client.get(f"{path}/logs", params={"server": "ty"})).json()["items"]
        assert any("ready" in line for line in log["lines"])
        assert (await client.post(f"{path}/restart")).status_code == 200
        ended = await editor.end()
        assert isinstance(ended, Closed) and ended.code == 1012
    for call, params in (("restart", {"server": "nobody"}), ("logs", {"server": "nobody"})):
        answer = await client.request("POST" if call == "restart" else "GET", f"{path}/{call}", params=params)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_server")
    answer = await client.get(f"/workspace/{session.id}/language-servers/klingon/logs")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_language")


def all_ready(params) -> bool:
    return all(one["state"] == "ready" for one in params["servers"])


async def test_who_may_only_read_sees_everything_and_changes_nothing(
    client, call, ada, database, workspace, session, without_the_workbenchs_image
):
    somebody = await make.person(database, ada.organization_id, Role.MEMBER)
    given = f"/workspace/{workspace['id']}/access/people/{somebody.user_id}"
    assert (await client.put(given, json={"access": "viewer"})).status_code == 204
    reader = call(somebody)
    async with editing(client, session.id) as writer, editing(reader, session.id) as watcher:
        uri = await watcher.open("main.py", "lies = 1\n")
        await watcher.ask_at("hover", uri, 0, 0)
        await writer.open("main.py", MAIN)
        for editor in (writer, watcher):
            assert "rectangle" in str(await editor.ask_at("hover", uri, 3, 13))
        await watcher.type(uri, 2, "more_lies = 1\n")
        await watcher.ask_at("hover", uri, 0, 0)
        assert "rectangle" in str(await writer.ask_at("hover", uri, 3, 13))
        with pytest.raises(Failed, match="you may only read"):
            await watcher.ask("workspace/executeCommand", {"command": "ruff.applyAutofix"})


async def definition_of_len(client, session):
    async with editing(client, session.id) as editor:
        uri = await editor.open("main.py", MAIN + "len(total)\n")
        [found] = await editor.ask_at("definition", uri, 4, 1)
    answer = await client.get("/lsp-fs", params={"session_id": session.id, "uri": found["uri"]})
    assert answer.status_code == 200, answer.text
    lines = answer.json()["content"].splitlines()
    assert lines[found["range"]["start"]["line"]].startswith("def len(")


@pytest.mark.docker
async def test_a_definition_in_a_library_is_read_where_the_servers_run(client, session):
    await definition_of_len(client, session)

    async def get(path):
        return await client.get("/lsp-fs", params={"session_id": session.id, "uri": f"file://{path}"})

    found = await get("/usr/local/lib/node_modules/typescript/lib/lib.es5.d.ts")
    assert "interface CallableFunction" in found.json()["content"] and found.json()["size"] > 1 << 17
    hostile = (
        "/usr/lib/python3/nothing",
        "/usr/local/lib/node_modules/",
        "/usr/local/lib/node_modules/$(id)",
        "/usr/local/lib/node_modules/typescript/lib",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
    )
    for path in hostile:
        assert (await get(path)).status_code in (404, 422), path


async def test_a_definition_in_a_library_is_read_beside_us_and_nothing_else_is(
    client, call, ada, database, resources, session, fork, tmp_path, monkeypatch, without_the_workbenchs_image
):
    """Attack rows of paths: dot segments, links, other schemes and hosts, devices, others' sessions, a secret's second name."""
    await definition_of_len(client, session)
    installed = tmp_path / "site-packages"
    installed.mkdir()
    (installed / "good.py").write_text("good = 1\n")
    (installed / "passwd.py").symlink_to("/etc/passwd")
    (installed / "folder.py").mkdir()
    (installed / "bytes.py").write_bytes(b"\xff\0")
    os.mkfifo(installed / "waits.py")
    (installed / "huge.py").write_bytes(b"#" * (8 << 20) + b"\n")
    branch = await fork("branch", session)
    branch.write("node_modules/secret.js", "theirs")
    theirs = branch.root / "node_modules"
    (installed / "theirs").symlink_to(theirs)

    async def get(uri, caller=client, op="read"):
        answer = await caller.get("/lsp-fs", params={"session_id": session.id, "uri": uri, "op": op})
        return answer.status_code, answer.json().get("content")

    at = f"file://{installed}"
    assert await get(f"{at}/good.py") == await get(f"{at}/g%6Fod.py") == (200, "good = 1\n")
    refused = {
        422: (
            f"{at}/../site-packages/good.py",
            f"{at}/%2e%2e/site-packages/good.py",
            f"{at}//good.py",
            f"{at}/good.py%00.txt",
            f"{at}/a%0Ab",
            f"{at}/%ff.py",
            f"http://elsewhere{installed}/good.py",
            f"file://elsewhere{installed}/good.py",
            "file:///etc/passwd",
            "file:///etc/site-packages",
            f"file://[{installed}/good.py",
            str(installed / "good.py"),
        ),
        404: (
            *(f"{at}/{name}" for name in ("nothing.py", "passwd.py", "folder.py", "bytes.py", "waits.py")),
            f"file://{theirs}/secret.js",
            f"{at}/theirs/secret.js",
            f"{at}/{'a' * 5000}",
        ),
        413: (f"{at}/huge.py",),
    }
    for status, uris in refused.items():
        for uri in uris:
            assert (await get(uri))[0] == status, uri
    assert (await get(f"{at}/good.py", op="stat"))[0] == (await get(at, op="list"))[0] == 422
    member = await make.person(database, ada.organization_id, Role.MEMBER)
    monkeypatch.setattr(resources, "settings", msgspec.structs.replace(resources.settings, allow_unisolated=False))
    assert (await get(f"{at}/good.py", call(member)))[0] == 403  # who may not run programs as our user
    stranger = call(await make.key(database, await make.organization(database, "Other"), "files:read"))
    assert (await get(f"{at}/good.py", stranger))[0] == 404


async def test_files_are_read_by_the_uri_that_servers_say(client, session):
    async def get(uri, op="read"):
        return await client.get("/lsp-fs", params={"session_id": session.id, "uri": uri, "op": op})

    session.write("a b/ü.txt", "found")
    assert (await get("file:///workspace/a%20b/%C3%BC.txt")).json()["content"] == "found"
    assert (await get("file:///workspace/library.py", "stat")).json()["type"] == "file"
    assert "main.py" in [one["name"] for one in (await get("file:///workspace", "list")).json()["entries"]]
    outside = (
        "file:///etc/passwd",
        "file:///workspace/../etc/passwd",
        "file:///workspace/%2e%2e/x",
        "http://x/workspace/a",
    )
    for uri in (
        *outside,
        "file:///workspace-of-another/a",
        "file://elsewhere/workspace/a",
        "main.py",
        "",
        "file:///workspace/%00",
    ):
        answer = await get(uri)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_path"), (uri, answer.text)
    assert (await get("file:///workspace/nothing")).status_code == 404
