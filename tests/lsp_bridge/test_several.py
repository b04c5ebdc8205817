"""Several servers of one language, as one to the editor."""

from dataclasses import replace

import pytest

from lsp_bridge.bridges import Bridges
from tests.lsp_bridge.conftest import HURRIED
from tests.lsp_bridge.editor import Editor, at, fake, place

URI = "file:///workspace/a.py"


@pytest.fixture
async def editor(bridges, tmp_path):
    made = Editor(bridges, place(tmp_path, fake("types", "--tokens"), fake("lint", formats=True)))
    made.capabilities = (await made.start())["capabilities"]
    made.open("a.py", "x")
    return made


def asked(**more):
    return {"textDocument": {"uri": URI}, **at(0, 0), **more}


async def test_capabilities_are_those_of_all(editor):
    assert editor.capabilities["completionProvider"]["triggerCharacters"] == ["t", "l"]
    commands = editor.capabilities["executeCommandProvider"]["commands"]
    assert "types.ask" in commands and "lint.ask" in commands
    assert editor.capabilities["semanticTokensProvider"] and editor.capabilities["textDocumentSync"]["change"] == 2
    assert "diagnosticProvider" not in editor.capabilities


async def test_completions_are_united_and_resolved_by_who_offered_them(editor):
    items = (await editor.ask("textDocument/completion", asked()))["items"]
    assert [item["label"] for item in items] == ["of types", "of lint"]
    for item, name in zip(items, ["types", "lint"], strict=True):
        resolved = await editor.ask("completionItem/resolve", item)
        assert resolved["detail"] == f"resolved by {name}"
        assert (await editor.ask("completionItem/resolve", resolved))["data"] == item["data"]
    heard = (await editor.command("lint.heard", "completionItem/resolve"))[0]["params"]
    assert heard["data"] == {"uri": URI}  # its own data, as it gave it


async def test_hovers_stand_under_one_another(editor):
    assert (await editor.ask("textDocument/hover", asked()))["contents"]["value"] == "types 1\n\n---\n\nlint 1"


async def test_the_designated_one_formats(editor):
    assert await editor.ask("textDocument/formatting", asked(options={})) == [{"newText": "formatted by lint"}]


async def test_one_place_is_asked_of_the_first(editor):
    assert await editor.ask("textDocument/definition", asked()) == [{"uri": URI, "range": None}]
    assert not await editor.command("lint.heard", "textDocument/definition")


async def test_diagnostics_are_united_and_one_server_s_news_leave_the_other_s(editor, tmp_path):
    uri = tmp_path.resolve().as_uri() + "/a.py"
    for name, messages, shown in [
        ("types", ["t1"], ["t1"]),
        ("lint", ["l1", "l2"], ["t1", "l1", "l2"]),
        ("types", [], ["l1", "l2"]),
    ]:
        published = {"uri": uri, "diagnostics": [{"message": one, "source": name} for one in messages]}
        await editor.command(f"{name}.tell", ["textDocument/publishDiagnostics", published])
        await editor.told(
            "textDocument/publishDiagnostics",
            lambda params, shown=shown: [one["message"] for one in params["diagnostics"]] == shown,
        )


async def test_code_actions_are_united_and_each_server_sees_its_own_diagnostics(editor, tmp_path):
    uri = tmp_path.resolve().as_uri() + "/a.py"
    for name in ("types", "lint"):
        published = {"uri": uri, "diagnostics": [{"message": "x", "source": name}]}
        await editor.command(f"{name}.tell", ["textDocument/publishDiagnostics", published])
    diagnostics = [{"source": "types"}, {"source": "lint"}, {"source": "somebody"}, {}]
    actions = await editor.ask("textDocument/codeAction", asked(context={"diagnostics": diagnostics}))
    assert [one["title"] for one in actions] == ["of types", "of lint"]
    assert [one["data"]["data"] for one in actions] == [["types", "somebody", None], ["lint", "somebody", None]]
    assert (await editor.ask("codeAction/resolve", actions[1]))["detail"] == "resolved by lint"


async def test_one_that_is_down_leaves_the_others_answers(editor, bridges):
    number = editor.ask_later("workspace/executeCommand", {"command": "types.crash"})
    assert "types: it ended" in (await editor.answer(number))["error"]["message"]
    items = (await editor.ask("textDocument/completion", asked()))["items"]
    assert "of lint" in [item["label"] for item in items]


async def test_one_that_is_slow_is_not_waited_for(tmp_path):
    bridges = Bridges(replace(HURRIED, merge=0.05))
    editor = Editor(bridges, place(tmp_path, fake("types"), fake("lint")))
    await editor.start()
    editor.open("a.py", "x")
    editor.ask_later("workspace/executeCommand", {"command": "types.hang"})
    items = (await editor.ask("textDocument/completion", asked()))["items"]
    assert [item["label"] for item in items] == ["of lint"]
    await bridges.close()


async def test_one_that_does_not_begin_is_told_of_and_not_waited_for(tmp_path):
    bridges = Bridges(replace(HURRIED, quiet=0.2))
    editor = Editor(bridges, place(tmp_path, fake("types", "--never"), fake("lint")))
    assert "hoverProvider" in (await editor.start())["capabilities"]
    told = await editor.told("$/codeyard/servers")
    assert [one["state"] for one in told["servers"]] == ["unresponsive", "ready"]
    assert told["servers"][0]["reason"] == "it has not answered initialize yet"
    editor.open("a.py", "x")
    assert (await editor.ask("textDocument/hover", asked()))["contents"]["value"] == "lint 1"
    await bridges.close()


async def test_a_server_gets_the_documents_that_are_its_own(bridges, tmp_path):
    editor = Editor(bridges, place(tmp_path, fake("types", patterns=("*.py",)), fake("lint", language_ids=("toml",))))
    await editor.start()
    editor.open("a.py", "x")
    editor.open("b.toml", "x", language="toml")
    assert list(await editor.command("types.documents")) == [URI]
    assert list(await editor.command("lint.documents")) == ["file:///workspace/b.toml"]
    toml = {"textDocument": {"uri": "file:///workspace/b.toml"}, **at(0, 0)}
    assert (await editor.ask("textDocument/hover", toml))["contents"]["value"] == "lint 1"
