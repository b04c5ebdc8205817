"""What several editors at one bridge may rely on."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_bridge.bridges import Bridges
from tests.lsp_bridge.conftest import HURRIED
from tests.lsp_bridge.editor import Editor, Failed, at, fake, place


async def two(bridges: Bridges, root: Path, *servers) -> tuple[Editor, Editor]:
    both = Editor(bridges, place(root, *servers)), Editor(bridges, place(root, *servers))
    for one in both:
        await one.start()
    return both


async def server_text(editor: Editor, path: str = "a.py") -> str:
    documents = await editor.command("fake.documents")
    return next(one["text"] for uri, one in documents.items() if uri.endswith(path))


async def test_editors_share_one_process_and_get_their_own_answers(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    asked = [
        (one, one.ask_later("workspace/executeCommand", {"command": "fake.return", "arguments": [name]}))
        for one, name in [(ada, "a"), (bob, "b")] * 20
    ]
    for one, number in asked:
        assert (await one.answer(number))["result"] == ("a" if one is ada else "b")
    [status] = bridges.status("one")
    assert status.viewers == 2 and status.state == "ready" and status.pid


async def test_the_server_is_initialised_once_and_each_editor_answered(bridges, tmp_path):
    ada, _ = await two(bridges, tmp_path)
    initialised = await ada.command("fake.heard", "initialize")
    assert len(initialised) == 1
    params = initialised[0]["params"]
    assert params["rootPath"] == str(tmp_path.resolve()) and params["capabilities"]["workspace"]["applyEdit"]


async def test_string_ids_are_answered_as_they_are(editor):
    editor.send(
        {"id": "ö-1", "method": "workspace/executeCommand", "params": {"command": "fake.return", "arguments": [1]}}
    )
    assert (await editor.answer("ö-1"))["result"] == 1


async def test_paths_are_the_viewers_in_both_directions(editor, tmp_path):
    real = tmp_path.resolve().as_uri()
    uri = editor.open("ein ordner/ä.py".replace(" ", "%20").replace("ä", "%C3%A4"), "x")
    assert list(await editor.command("fake.documents")) == [uri]  # mapped there and back
    edit = {"changes": {f"{real}/a.py": [], f"{real}-of-another/a.py": []}}
    assert await editor.command("fake.return", {"text": f'said "{real}/a.py"', **edit}) == {
        "text": f'said "{real}/a.py"',
        "changes": {"file:///workspace/a.py": [], f"{real}-of-another/a.py": []},
    }


async def test_a_text_that_looks_like_a_path_is_left_alone(editor):
    editor.open("a.py", "file:///workspace/a.py")
    editor.type("file:///workspace/a.py", 2, "file:///workspace/b.py")
    assert list((await editor.command("fake.lengths")).values()) == [len("file:///workspace/b.py")]


async def test_the_server_has_the_text_of_the_last_typist(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    uri = ada.open("a.py", "one\ntwo\n")
    bob.open("a.py", "one\ntwo\n", version=500)
    ada.type(uri, 2, "ADA ", (0, 0, 0, 0))
    assert await server_text(ada) == "ADA one\ntwo\n"
    bob.type(uri, 501, "BOB ", (1, 0, 1, 0))
    assert await server_text(ada) == "one\nBOB two\n"
    told = await ada.told("$/codeyard/document")
    assert told["what"] == "differs" and told["uri"] == uri
    ada.type(uri, 3, "!", (0, 7, 0, 7))
    assert await server_text(bob) == "ADA one!\ntwo\n"


async def test_versions_for_the_server_only_ever_grow(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    uri = ada.open("a.py", "", version=100)
    bob.open("a.py", "", version=1)
    for number in range(5):
        ada.type(uri, 101 + number, f"a{number}")
        bob.type(uri, 2 + number, f"b{number}")
    heard = await ada.command("fake.heard", "textDocument/didChange")
    versions = [one["params"]["textDocument"]["version"] for one in heard]
    assert versions == sorted(set(versions)) and len(versions) == 10


async def test_who_types_the_same_as_another_did_is_no_other_author(bridges, tmp_path):
    """As two editors do that edit one text together."""
    ada, bob = await two(bridges, tmp_path)
    uri = ada.open("a.py", "")
    bob.open("a.py", "")
    ada.type(uri, 2, "x", (0, 0, 0, 0))
    bob.type(uri, 2, "x", (0, 0, 0, 0))
    bob.type(uri, 3, "y", (0, 1, 0, 1))
    assert await server_text(ada) == "xy"
    heard = await ada.command("fake.heard", "textDocument/didChange")
    assert len(heard) == 2 and all("range" in one["params"]["contentChanges"][0] for one in heard)


async def test_saving_over_another_s_text_is_a_conflict(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    uri = ada.open("a.py", "x")
    bob.open("a.py", "x")
    bob.type(uri, 2, "of bob")
    ada.save(uri)
    assert (await ada.told("$/codeyard/document", lambda p: p["what"] == "save_conflict"))["uri"] == uri
    assert "another editor" in (await ada.told("window/showMessage"))["message"]
    bob.save(uri)
    [saved] = await bob.command("fake.heard", "textDocument/didSave")
    assert saved["params"]["text"] == "of bob"


async def test_ten_editors_with_conflicting_versions_end_with_the_last_typist(bridges, tmp_path):
    editors = [Editor(bridges, place(tmp_path)) for _ in range(10)]
    for one in editors:
        await one.start()
        one.open("a.py", "start", version=7)
    uri = "file:///workspace/a.py"
    for turn in range(5):
        for number, one in enumerate(editors):
            one.type(uri, 3 + turn, f"{number}.{turn} ", (0, 0, 0, 0))
    assert await server_text(editors[0]) == "9.4 9.3 9.2 9.1 9.0 start"
    editors[3].type(uri, 1, "", (0, 0, 0, 0))
    assert await server_text(editors[0]) == "3.4 3.3 3.2 3.1 3.0 start"  # nobody's text was lost


async def test_a_document_is_closed_with_its_last_editor(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    uri = ada.open("a.py", "of ada")
    bob.open("a.py", "of bob")
    assert await server_text(bob) == "of ada"
    ada.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert await server_text(bob) == "of bob"
    bob.tell("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert await bob.command("fake.documents") == {}


async def test_a_server_that_wants_whole_texts_gets_them(bridges, tmp_path):
    editor = Editor(bridges, place(tmp_path, fake("fake", "--full")))
    await editor.start()
    uri = editor.open("a.py", "a😀b\r\nc")
    editor.type(uri, 2, "X", (0, 3, 1, 0))
    assert await server_text(editor) == "a😀Xc"


async def test_diagnostics_reach_everybody_and_newcomers_with_their_own_versions(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    uri = ada.open("a.py", "x", version=40)
    bob.open("a.py", "x", version=9)
    real = tmp_path.resolve().as_uri()
    problem = {
        "message": "bad",
        "range": None,
        "source": "fake",
        "relatedInformation": [{"location": {"uri": f"{real}/b"}}],
    }
    published = {"uri": f"{real}/a.py", "version": 1, "diagnostics": [problem]}
    await ada.command("fake.tell", ["textDocument/publishDiagnostics", published])
    for one, version in [(ada, 40), (bob, 9)]:
        params = await one.told("textDocument/publishDiagnostics", lambda p: p["diagnostics"])
        assert params["version"] == version and params["uri"] == uri
        assert params["diagnostics"][0]["relatedInformation"][0]["location"]["uri"] == "file:///workspace/b"
    late = Editor(bridges, place(tmp_path))
    await late.start()
    assert (await late.told("textDocument/publishDiagnostics"))["diagnostics"][0]["message"] == "bad"


async def test_diagnostics_of_a_text_that_is_no_more_are_not_shown(editor, tmp_path):
    uri = editor.open("a.py", "x")
    editor.type(uri, 2, "y")
    for version, message in [(1, "old"), (2, "new")]:
        published = {
            "uri": f"{tmp_path.resolve().as_uri()}/a.py",
            "version": version,
            "diagnostics": [{"message": message}],
        }
        await editor.command("fake.tell", ["textDocument/publishDiagnostics", published])
    await editor.told("textDocument/publishDiagnostics", lambda p: p["diagnostics"][0]["message"] == "new")
    assert not [one for one in editor.heard if "old" in str(one)]


async def test_progress_goes_to_its_owner(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    number = ada.ask_later(
        "textDocument/definition", {"textDocument": {"uri": "file:///workspace/a.py"}, "workDoneToken": 5, **at(0, 0)}
    )
    await ada.answer(number)
    heard = await ada.command("fake.heard", "textDocument/definition")
    assert heard[0]["params"]["workDoneToken"] != 5
    token = "t"
    asked = {"command": "fake.tell", "arguments": [], "workDoneToken": token}
    asked["arguments"] = [["$/progress", {"token": "v2", "value": {"kind": "begin", "title": "it works"}}]]
    await ada.ask("workspace/executeCommand", asked)
    assert (await ada.told("$/progress"))["token"] == token
    assert not [one for one in bob.heard if one.get("method") == "$/progress"]


async def test_a_server_s_own_work_is_shown_to_all_and_to_who_comes_meanwhile(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    assert (await ada.command("fake.ask", "window/workDoneProgress/create", {"token": 1}))["result"] is None
    await ada.command("fake.tell", ["$/progress", {"token": 1, "value": {"kind": "begin", "title": "indexing"}}])
    late = Editor(bridges, place(tmp_path))
    await late.start()
    for one in (ada, bob, late):
        created = await one.told("window/workDoneProgress/create")
        assert (await one.told("$/progress"))["token"] == created["token"]


async def test_registrations_reach_those_here_and_those_who_come_later(bridges, tmp_path):
    ada, _ = await two(bridges, tmp_path)
    registration = {"id": "r1", "method": "textDocument/documentSymbol", "registerOptions": {"x": 1}}
    await ada.command("fake.ask", "client/registerCapability", {"registrations": [registration]})
    late = Editor(bridges, place(tmp_path))
    await late.start()
    for one in (ada, late):
        [told] = (await one.told("client/registerCapability"))["registrations"]
        assert told["method"] == "textDocument/documentSymbol" and told["registerOptions"] == {"x": 1}
    assert await late.ask("textDocument/documentSymbol", {"textDocument": {"uri": "file:///workspace/a"}}) is None
    await ada.command("fake.ask", "client/unregisterCapability", {"unregisterations": [registration]})
    [gone] = (await late.told("client/unregisterCapability"))["unregisterations"]
    assert gone["id"] == told["id"]
    with pytest.raises(Failed):
        await late.ask("textDocument/documentSymbol", {"textDocument": {"uri": "file:///workspace/a"}})


async def test_refreshes_are_asked_of_those_who_can(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    bob.viewer.capabilities = {}
    for name in ("inlayHint", "codeLens"):
        assert (await ada.command("fake.ask", f"workspace/{name}/refresh", None))["result"] is None
    await bob.command("fake.return", 1)
    asked = [one["method"] for one in ada.heard + bob.heard if str(one.get("method")).endswith("refresh")]
    assert asked == ["workspace/inlayHint/refresh"]


async def test_configuration_is_answered_once_from_the_catalogue(bridges, tmp_path):
    settings = {"fake": {"deep": {"x": 1}}}
    ada, bob = await two(bridges, tmp_path, fake(settings=settings))
    items = [{"section": "fake.deep"}, {"section": "other"}, {}]
    answer = await ada.command("fake.ask", "workspace/configuration", {"items": items})
    assert answer["result"] == [{"x": 1}, None, settings]
    assert not [one for one in ada.heard + bob.heard if one.get("method") == "workspace/configuration"]


async def test_an_edit_is_made_by_who_caused_it(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    uri = ada.open("a.py", "x", version=40)
    bob.open("a.py", "x", version=9)
    for one in (ada, bob):
        one.answers["workspace/applyEdit"] = lambda _: {"applied": True}
    real = tmp_path.resolve().as_uri()
    change = {"textDocument": {"uri": f"{real}/a.py", "version": 1}, "edits": []}
    answer = await bob.command("fake.ask", "workspace/applyEdit", {"edit": {"documentChanges": [change]}})
    assert answer["result"] == {"applied": True}
    applied = await bob.told("workspace/applyEdit")
    assert applied["edit"]["documentChanges"][0]["textDocument"] == {"uri": uri, "version": 9}
    assert not [one for one in ada.heard if one.get("method") == "workspace/applyEdit"]


OUTSIDE = [
    "file:///etc/passwd",
    "file:///workspace/../etc/passwd",
    "file:///workspace/%2e%2e/etc/passwd",
    "file:///workspace-of-another/x",
    "file://elsewhere/workspace/x",
    "http://localhost/workspace/x",
    "untitled:x",
    7,
    None,
]
HOW = ["changes", "edit", "create", "rename"]


@pytest.mark.parametrize(
    ("how", "uri"), [(how, uri) for how in HOW for uri in OUTSIDE if how != "changes" or type(uri) is str]
)
async def test_an_edit_outside_of_the_workspace_is_refused(editor, uri, how):
    """Attack row 51."""
    edit = {
        "changes": {"changes": {uri: []}},
        "edit": {"documentChanges": [{"textDocument": {"uri": uri, "version": None}, "edits": []}]},
        "create": {"documentChanges": [{"kind": "create", "uri": uri}]},
        "rename": {"documentChanges": [{"kind": "rename", "oldUri": "file:///workspace/a", "newUri": uri}]},
    }[how]
    editor.answers["workspace/applyEdit"] = lambda _: {"applied": True}
    answer = await editor.command("fake.ask", "workspace/applyEdit", {"edit": edit})
    assert answer["result"]["applied"] is False and "not in the workspace" in answer["result"]["failureReason"]
    assert not [one for one in editor.heard if one.get("method") == "workspace/applyEdit"]


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "http://evil.example/", "javascript:alert(1)", None])
async def test_a_server_opens_nothing_outside_of_the_workspace(editor, uri):
    """Attack row 51."""
    answer = await editor.command("fake.ask", "window/showDocument", {"uri": uri, "external": True})
    assert answer["result"] == {"success": False}
    assert not [one for one in editor.heard if one.get("method") == "window/showDocument"]


async def test_a_rename_is_refused_where_its_edits_are_not_for_the_asker(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    uri = ada.open("a.py", "x", version=40)
    params = {"textDocument": {"uri": uri}, **at(0, 0)}
    result = await ada.ask("textDocument/rename", params | {"newName": uri})
    assert result["documentChanges"][0]["textDocument"]["version"] == 40
    with pytest.raises(Failed, match="not in the workspace"):
        await ada.ask("textDocument/rename", params | {"newName": "file:///etc/passwd"})
    ada.type(uri, 41, "not saved")
    with pytest.raises(Failed, match="not saved"):
        await bob.ask("textDocument/rename", params | {"newName": uri})
    bob.open("a.py", "x")
    with pytest.raises(Failed, match="another editor"):
        await bob.ask("textDocument/rename", params | {"newName": uri})


async def test_an_offered_edit_that_is_not_for_the_asker_is_disabled(bridges, tmp_path):
    """Attack row 51: by whichever way a server sends it."""
    ada, bob = await two(bridges, tmp_path)
    uri = bob.open("a.py", "x")
    asked = {"textDocument": {"uri": uri}, "range": {}, "context": {"diagnostics": []}}
    for target, reason in (("file:///etc/passwd", "not in the workspace"), (f"{uri[:-4]}b.py", "not saved")):
        if reason == "not saved":
            ada.open("b.py", "x")
            ada.type(target, 2, "not saved")
        await bob.command("fake.offer", {"changes": {target: []}})
        [action] = await bob.ask("textDocument/codeAction", asked)
        assert "edit" not in action and reason in action["disabled"]["reason"]
        with pytest.raises(Failed, match=reason):
            await bob.ask("codeAction/resolve", {"title": "offered", "data": 1})
    await bob.command("fake.offer", {"changes": {uri: []}})
    [action] = await bob.ask("textDocument/codeAction", asked)
    assert action["edit"] == {"changes": {uri: []}} and "disabled" not in action


async def test_a_command_that_no_server_has_is_named(editor):
    with pytest.raises(Failed, match="no language server here answers nobodys"):
        await editor.command("nobodys")


async def test_a_question_is_cancelled_under_its_own_number(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    both = [
        one.ask_later("workspace/executeCommand", {"command": "fake.return", "arguments": [1]}) for one in (ada, bob)
    ]
    bob.tell("$/cancelRequest", {"id": both[1]})
    for one, number in zip((ada, bob), both, strict=True):
        await one.answer(number)
    heard = await ada.command("fake.heard")
    asked = [one["id"] for one in heard if one.get("method") == "workspace/executeCommand"]
    assert [one["params"]["id"] for one in heard if one.get("method") == "$/cancelRequest"] == [asked[1]]


async def test_leaving_never_ends_the_server(bridges, tmp_path):
    ada, bob = await two(bridges, tmp_path)
    [before] = bridges.status()
    assert await ada.ask("shutdown", None) is None
    ada.tell("exit", None)
    assert await ada.viewer.gone() == ""
    heard = await bob.command("fake.heard")
    assert not [one for one in heard if one.get("method") in ("shutdown", "exit")]
    assert bridges.status()[0].pid == before.pid


async def test_who_drops_and_returns_finds_the_server_warm_and_its_documents_open(bridges, tmp_path):
    ada = Editor(bridges, place(tmp_path))
    await ada.start()
    uri = ada.open("a.py", "x")
    ada.type(uri, 2, "drafted")
    await ada.command("fake.documents")
    pid = bridges.status()[0].pid
    ada.viewer.leave("the line broke")
    back = Editor(bridges, place(tmp_path))
    await back.start()
    back.open("a.py", "drafted")
    heard = await back.command("fake.heard")
    methods = [one["method"] for one in heard if one.get("method", "").startswith("textDocument/did")]
    assert methods == ["textDocument/didOpen", "textDocument/didChange"]
    assert bridges.status()[0].pid == pid


async def test_nobody_returns_and_it_ends_in_order(tmp_path):
    bridges = Bridges(replace(HURRIED, warm=0.1))
    editor = Editor(bridges, place(tmp_path))
    await editor.start()
    editor.viewer.leave()
    async with asyncio.timeout(60):
        while bridges.status():
            await asyncio.sleep(0.02)
    await bridges.close()


async def test_a_dropped_editor_s_documents_are_closed_in_the_end(tmp_path):
    bridges = Bridges(replace(HURRIED, linger=0.05))
    ada, bob = await two(bridges, tmp_path)
    ada.open("a.py", "x")
    assert await ada.command("fake.documents")
    ada.viewer.leave("the line broke")
    async with asyncio.timeout(60):
        while await bob.command("fake.documents"):
            await asyncio.sleep(0.02)
    await bridges.close()


async def test_servers_that_watch_files_hear_of_them(editor, bridges, tmp_path):
    bridges.files_changed("one", [("before.py", 1)])
    registration = {"id": "w", "method": "workspace/didChangeWatchedFiles", "registerOptions": {"watchers": []}}
    await editor.command("fake.ask", "client/registerCapability", {"registrations": [registration]})
    bridges.files_changed("one", [("a b.py", 2)])
    [heard] = await editor.command("fake.heard", "workspace/didChangeWatchedFiles")
    assert heard["params"]["changes"] == [{"uri": "file:///workspace/a%20b.py", "type": 2}]
    assert not [one for one in editor.heard if one.get("method") == "client/registerCapability"]


async def test_a_server_gets_none_of_our_environment(editor, monkeypatch):
    assert set(await editor.command("fake.environment")) <= {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR"}
