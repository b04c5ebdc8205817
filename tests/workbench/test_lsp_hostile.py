"""Hostile callers and servers and faults at /ws/lsp: attack rows 1–9, 48 and 51 of the language servers' sockets, and what an
editor sees when a server is killed, hangs, floods or talks nonsense. Rows 47, 49 and 50 are of terminals alone: there are no
sizes, offsets or control sequences here; row 6 has no tickets to steal. What the bridge itself does with each of row 51 is in
tests/lsp_bridge/test_faults.py."""

import asyncio
import json
import os
import signal
import sys
from contextlib import AsyncExitStack

import msgspec
import pytest

from backend.core.auth import Role
from lsp_bridge import catalog
from lsp_bridge.bridges import Bridges
from tests import make
from tests.clients import Closed, Refused
from tests.lsp_bridge.editor import FAKE
from tests.workbench.lsp_editor import Editor, Failed, editing

SQL = catalog.LANGUAGES["sql"]


@pytest.fixture
def session(yard, without_the_workbenchs_image, monkeypatch):
    """One whose SQL is served by a server that does what it is told, faults too."""
    spec = catalog.ServerSpec(name="fake", command=(sys.executable, str(FAKE), "fake"))
    language = catalog.Language(name="sql", title="SQL", ids=SQL.ids, servers=((spec,),))
    monkeypatch.setitem(catalog.LANGUAGES, "sql", language)
    return yard


@pytest.fixture
async def editor(client, session):
    async with editing(client, session.id, "sql") as editor:
        yield editor


async def command(editor: Editor, name: str, *arguments):
    return await editor.ask("workspace/executeCommand", {"command": f"fake.{name}", "arguments": list(arguments)})


async def server(client, session) -> dict:
    items = (await client.get(f"/workspace/{session.id}/language-servers")).json()["items"]
    [one] = next(one for one in items if one["language"] == "sql")["servers"]
    return one


ORIGINS = [
    "https://evil.example",
    "null",
    "http://localhost:8300.evil.example",
    "http://evillocalhost:8300",
    "http://localhost:9999",
    "https://localhost:8300",
    "http://localhost:8300\\n.evil",
    "",
]


async def test_rows_1_to_5_only_our_own_page_opens_the_sockets_with_a_cookie(client, session):
    sockets = (("/ws/lsp", {"language": "sql"}), ("/ws/lsp-fs-watch", {}))
    for origin in ORIGINS:
        for path, params in sockets:
            spoofed = {"origin": origin, "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
            with pytest.raises(Refused) as refused:
                async with client.socket(path, session_id=session.id, headers=spoofed, **params):
                    pass
            assert refused.value.status in (401, 403), (origin, path)


async def test_row_3_a_key_needs_no_origin(call, ada, database, session):
    key = call(await make.key(database, ada.organization_id, "files:read"))
    async with editing(key, session.id, "sql", headers={"origin": ""}) as editor:
        await editor.told("$/codeyard/servers")


async def test_rows_7_and_8_access_that_ends_or_shrinks_closes_the_socket(
    client, call, ada, database, workspace, session
):
    key = await make.key(database, ada.organization_id, "files:read")
    member = await make.person(database, ada.organization_id, Role.MEMBER)
    guest = await make.person(database, ada.organization_id, Role.MEMBER)
    members = f"/organizations/{ada.organization_id}/members/{member.user_id}"
    share = f"/workspace/{workspace['id']}/access/people/{guest.user_id}"
    async with (
        editing(call(key), session.id, "sql") as revoked,
        editing(call(member), session.id, "sql") as demoted,
        editing(call(guest), session.id, "sql") as shut_out,
    ):
        await client.delete(f"/organizations/{ada.organization_id}/api-keys/{key.key_id}")
        assert (await client.put(members, json={"role": "viewer"})).status_code == 204
        assert (await client.put(share, json={"access": "none"})).status_code == 204
        ends = [await one.end() for one in (revoked, demoted, shut_out)]
    assert [(type(one), one.code) for one in ends] == [(Closed, 4401), (Closed, 4403), (Closed, 4403)]


async def test_a_session_that_is_deleted_takes_its_servers_and_viewers_with_it(client, workspace, fork, session):
    branch = await fork("branch", session)
    async with editing(client, branch.id, "sql") as editor:
        assert (await client.delete(f"/sessions/{branch.id}")).status_code == 204
        ended = await editor.end()
    assert isinstance(ended, Closed) and ended.code == 1012


FRAMES = {
    "no JSON": "{",
    "nothing": "",
    "a list": "[]",
    "a number": "1",
    "a deep list": "[" * 100_000,
    "half a pair": '{"jsonrpc":"2.0","method":"\\ud800"}',
    "bytes that are no text": b"\xff\xfe\x00",
    "an id that is a list": '{"jsonrpc":"2.0","id":[],"method":"textDocument/hover"}',
    "an id that is an object": '{"jsonrpc":"2.0","id":{},"method":"textDocument/hover"}',
    "an answer to nobody": '{"jsonrpc":"2.0","id":99,"result":{}}',
    "no method": '{"jsonrpc":"2.0"}',
}


async def test_rows_9_and_48_frames_that_are_no_messages_are_answered_and_the_editor_goes_on(editor):
    for frame in FRAMES.values():
        await editor.socket.send(frame)
    for _ in range(2000):
        await editor.socket.send("")
    await editor.socket.send(json.dumps({"jsonrpc": "2.0", "method": "x", "params": "y" * (8 << 20)}))
    assert await command(editor, "return", "still here") == "still here"
    errors = [one["error"]["code"] for one in editor.heard if "error" in one]
    assert set(errors) <= {-32700, -32600, -32602, -32601} and len(errors) >= 2000


async def test_row_51_edits_and_documents_outside_of_the_workspace_reach_no_editor(editor):
    asked = []
    for method in ("workspace/applyEdit", "window/showDocument"):
        editor.answers[method] = lambda params: asked.append(params) or {"applied": True, "success": True}
    for uri in (
        "file:///etc/passwd",
        "file:///workspace/../etc/x",
        "http://evil.example/",
        "file:///workspace/%2e%2e/x",
    ):
        edit = {"edit": {"changes": {uri: []}}}
        answer = await command(editor, "ask", "workspace/applyEdit", edit)
        assert answer["result"]["applied"] is False and answer["result"]["failureReason"]
        answer = await command(editor, "ask", "window/showDocument", {"uri": uri})
        assert answer["result"] == {"success": False}
    assert asked == []


async def test_row_51_progress_that_floods_is_cut_and_the_editor_goes_on(client, session, editor):
    body = json.dumps({"method": "$/progress", "params": {"token": "t", "value": {"kind": "report"}}})
    await command(editor, "raw", f"Content-Length: {len(body)}\r\n\r\n{body}", 20_000)
    assert await command(editor, "return", 1) == 1
    assert (await server(client, session))["dropped"] > 1000
    assert len([one for one in editor.heard if one.get("method") == "$/progress"]) < 10_000


async def test_a_server_that_is_killed_comes_back_with_the_documents_and_says_so(client, session, editor):
    uri = await editor.open("a.sql", "SELECT 1", "sql")
    assert uri.rpartition("/")[2] in str(await command(editor, "documents"))
    pid = pid_of(session)
    since = len(editor.heard)
    os.kill(pid, signal.SIGKILL)
    told = await editor.told("window/showMessage", since=since)
    assert "fake has ended and is started again" in told["message"]
    await editor.told("$/codeyard/servers", lambda params: params["servers"][0]["state"] == "ready", since)
    assert "SELECT 1" in str(await command(editor, "documents"))
    assert (await server(client, session))["restarts"] == 1


def pid_of(session) -> int:
    found = [one for one in os.listdir("/proc") if one.isdigit() and is_ours(one, session)]
    assert len(found) == 1, found
    return int(found[0])


def is_ours(pid: str, session) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            return str(FAKE).encode() in words.read() and os.readlink(f"/proc/{pid}/cwd") == str(session.root)
    except OSError:
        return False


async def test_a_server_that_hangs_or_talks_nonsense_is_an_error_to_who_asked_and_no_more(client, session, editor):
    with pytest.raises(Failed):
        await command(editor, "raw", "Content-Length: -1\r\n\r\n")
    since = len(editor.heard)
    await editor.told("$/codeyard/servers", lambda params: params["servers"][0]["state"] == "ready", since)
    hung = asyncio.create_task(command(editor, "hang"))
    await asyncio.sleep(0)
    uri = await editor.open("a.sql", "SELECT 1", "sql")
    for version in range(2, 50):
        await editor.type(uri, version, f"SELECT {version}")
    answer = await client.post(f"/workspace/{session.id}/language-servers/sql/restart", params={"server": "fake"})
    assert answer.status_code == 200
    with pytest.raises(Failed, match="started again"):
        await hung
    await editor.told("$/codeyard/servers", lambda params: params["servers"][0]["state"] == "ready", since)
    assert "SELECT 49" in str(await command(editor, "documents"))


async def test_ten_viewers_with_conflicting_versions_leave_the_server_with_the_last_typist_and_every_text_alive(
    client, session
):
    async with AsyncExitStack() as stack:
        editors = [await stack.enter_async_context(editing(client, session.id, "sql")) for _ in range(10)]
        for number, editor in enumerate(editors):
            await editor.open("a.sql", "SELECT 0", "sql", version=number * 7)
            await command(editor, "return", number)
        for turn in range(3):
            for number, editor in enumerate(editors):
                await editor.type("file:///workspace/a.sql", 100 * turn + 10 - number, f"SELECT {turn}.{number}")
            await asyncio.gather(*(command(one, "return", 1) for one in editors))
        await editors[3].type("file:///workspace/a.sql", 999, "SELECT 'last'")
        documents = await command(editors[3], "documents")
        assert [one["text"] for one in documents.values()] == ["SELECT 'last'"]
        for editor in editors[4:]:
            await editor.tell("textDocument/didSave", {"textDocument": {"uri": "file:///workspace/a.sql"}})
            told = await editor.told("$/codeyard/document", lambda one: one["what"] == "save_conflict")
            assert "saving would overwrite" in told["message"]
        await editors[3].tell("textDocument/didClose", {"textDocument": {"uri": "file:///workspace/a.sql"}})
        await command(editors[3], "return", 1)
        [heir] = (await command(editors[9], "documents")).values()
        assert heir["text"].startswith("SELECT 2.")


async def test_who_may_not_share_our_user_runs_no_servers_as_it(call, ada, database, session, resources, monkeypatch):
    monkeypatch.setattr(resources, "settings", msgspec.structs.replace(resources.settings, allow_unisolated=False))
    member = call(await make.person(database, ada.organization_id, Role.MEMBER))
    with pytest.raises(Refused) as refused:
        async with editing(member, session.id, "sql"):
            pass
    assert (refused.value.status, refused.value.body["error"]["code"]) == (403, "unisolated")
    bridges = resources.kept.get(Bridges)
    assert bridges is not None and bridges.status(session.id) == []
