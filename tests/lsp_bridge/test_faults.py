"""Servers and editors that are ill: the others work on, and are told."""

import asyncio
import json
from dataclasses import replace

import pytest

from lsp_bridge.bridge import CAN_MORE, Place
from lsp_bridge.bridges import Bridges
from lsp_bridge.framing import MAX_BODY
from lsp_bridge.process import spawn_here
from lsp_bridge.server import how_it_ended, version_in
from tests.lsp_bridge.conftest import HURRIED
from tests.lsp_bridge.editor import PATIENCE, Editor, Failed, fake, place


def state(name):
    return lambda params: params["servers"][0]["state"] == name


async def recovers(editor: Editor) -> None:
    """It answers again."""
    async with asyncio.timeout(60):
        while True:
            try:
                assert await editor.command("fake.return", 1) == 1
                return
            except Failed:
                await asyncio.sleep(0.02)


async def test_a_server_that_is_killed_comes_back_with_the_documents_as_they_are(editor, bridges):
    uri = editor.open("a.py", "x")
    editor.type(uri, 2, "typed")
    with pytest.raises(Failed, match="it ended with exit code 3: Traceback: it is broken"):
        await editor.command("fake.crash")
    editor.type(uri, 3, "typed while it was away")
    await recovers(editor)
    documents = await editor.command("fake.documents")
    assert documents[uri]["text"] == "typed while it was away"
    assert "started again" in (await editor.told("window/showMessage"))["message"]
    assert "Traceback: it is broken" in "\n".join(bridges.logs("one", "test", "fake"))
    assert bridges.status()[0].restarts == 1


async def test_problems_of_a_server_that_died_are_not_shown_for_ever(editor, tmp_path):
    published = {"uri": f"{tmp_path.resolve().as_uri()}/a.py", "diagnostics": [{"message": "old"}]}
    await editor.command("fake.tell", ["textDocument/publishDiagnostics", published])
    with pytest.raises(Failed):
        await editor.command("fake.crash")
    await editor.told("textDocument/publishDiagnostics", lambda p: not p["diagnostics"])


async def test_a_crash_loop_ends_with_a_state_that_says_so_and_can_be_started_by_hand(bridges, tmp_path):
    """Attack row 51."""
    editor = Editor(bridges, place(tmp_path, fake("fake", "--crash")))
    result = await editor.start()
    assert result["capabilities"]["textDocumentSync"]  # the editor stays an editor
    told = await editor.told("$/codeyard/servers", state("failed"))
    assert "4 times in a row" in told["servers"][0]["reason"] and "exit code 7" in told["servers"][0]["reason"]
    await editor.wait(lambda one: "does not run any more" in str(one))
    restarts = bridges.status()[0].restarts
    assert "it never starts" in "\n".join(bridges.logs("one", "test", "fake"))
    with pytest.raises(Failed, match="fake is failed"):
        await editor.command("fake.return", 1)
    bridges.restart("one", "test", "fake")
    async with asyncio.timeout(60):
        while bridges.status()[0].restarts == restarts:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("code", "complaints", "said"),
    [
        (0, [], "exit code 0"),
        (1, ["error: no toolchain", "help: install one"], "exit code 1: error: no toolchain"),
        (1, ["Usage: server"], "exit code 1: Usage: server"),
        (-9, ["error: an old one"], "signal 9"),
        (137, [], "signal 9"),
        (134, ["thread 'main' panicked"], "signal 6: thread 'main' panicked"),
        (255, [], "exit code 255"),
    ],
)
def test_why_a_server_ended_is_told_in_its_own_words(code, complaints, said):
    assert how_it_ended(code, complaints) == said


async def test_an_editor_that_came_while_a_server_was_ill_comes_again_when_it_is_well(bridges, tmp_path):
    """It was told of nothing that it could ask."""
    well = tmp_path / "well"
    spec, words = fake()

    async def spawn(argv, cwd, env):
        return await spawn_here(words if well.exists() else [*words, "--crash"], cwd, env)

    where = replace(place(tmp_path, (spec, words)), spawn=spawn)
    early = Editor(bridges, where)
    assert "hoverProvider" not in (await early.start())["capabilities"]
    early.open("a.py", "typed")
    await early.told("$/codeyard/servers", state("failed"))
    well.touch()
    bridges.restart("one", "test", "fake")
    async with asyncio.timeout(PATIENCE):
        assert await early.viewer.gone() == CAN_MORE
    late = Editor(bridges, where)
    assert "hoverProvider" in (await late.start())["capabilities"]
    [document] = (await late.command("fake.documents")).values()
    assert document["text"] == "typed"
    with pytest.raises(Failed):
        await late.command("fake.crash")
    await recovers(late)  # it knew of all that


async def test_a_server_that_is_not_there_says_so(bridges, tmp_path):
    spec, _ = fake()
    editor = Editor(bridges, place(tmp_path, (spec, ["/nowhere/server"])))
    await editor.start()
    told = await editor.told("$/codeyard/servers", state("failed"))
    assert "cannot be started: No such file" in told["servers"][0]["reason"]


async def test_a_server_that_never_initialises_is_given_up(tmp_path):
    """Attack row 51: a server that never answers."""
    bridges = Bridges(replace(HURRIED, start=0.3))
    editor = Editor(bridges, place(tmp_path, fake("fake", "--never")))
    await editor.start()
    told = await editor.told("$/codeyard/servers", state("failed"))
    assert "it said nothing" in told["servers"][0]["reason"]
    await bridges.close()


async def test_a_server_that_hangs_is_called_so_then_started_again(tmp_path):
    """Attack row 51: a server that never answers."""
    bridges = Bridges(replace(HURRIED, quiet=0.2, answer=1.0))
    editor = Editor(bridges, place(tmp_path))
    await editor.start()
    with pytest.raises(Failed, match="said nothing"):
        await editor.command("fake.hang")
    await editor.told("$/codeyard/servers", state("unresponsive"))
    await recovers(editor)
    await bridges.close()


async def test_a_server_that_stops_reading_is_started_again(editor, monkeypatch):
    monkeypatch.setattr("lsp_bridge.server._BACKLOG", 1024 * 1024)
    hangs = editor.ask_later("workspace/executeCommand", {"command": "fake.hang"})
    for number in range(40):
        editor.open(f"{number}.py", "x" * 65536)
    assert "does not read" in (await editor.answer(hangs))["error"]["message"]
    await recovers(editor)


@pytest.mark.parametrize(
    "garbage",
    [
        "Content-Length: -1\r\n\r\n{}",
        "Content-Length: 99999999999999\r\n\r\n{}",
        "Content-Type: x\r\n\r\n{}",
        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "no header at all " * 1000,
    ],
)
async def test_a_server_that_leaves_the_protocol_is_started_again(editor, garbage):
    """Attack row 51."""
    editor.ask_later("workspace/executeCommand", {"command": "fake.raw", "arguments": [garbage]})
    told = await editor.told("$/codeyard/servers", state("restarting"))
    assert "does not speak the protocol" in told["servers"][0]["reason"]
    await recovers(editor)


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[]",
        "null",
        '{"id":1.5,"result":1}',
        '{"id":{},"method":"x"}',
        '{"id":true,"method":"x"}',
        '{"method":7}',
        '{"id":999999,"result":"nobody asked"}',
        '{"id":"999","error":{}}',
        '{"method":"textDocument/publishDiagnostics","params":{"uri":7}}',
        '{"method":"textDocument/publishDiagnostics","params":{"uri":"file:///a","diagnostics":{}}}',
        '{"method":"$/progress","params":[]}',
        '{"method":"window/logMessage","params":7}',
        '{"id":"q","method":"workspace/applyEdit","params":7}',
        '{"id":"q","method":"client/registerCapability","params":{"registrations":[{}]}}',
        '{"id":"q","method":"what/isThis","params":{}}',
        '{"method":"x","params":' + "[" * 5000 + "]" * 5000 + "}",
        '{"method":"x","params":"\xff\xfe"}',
    ],
)
async def test_a_message_that_is_none_does_no_harm(editor, body):
    """Attack row 51: id types, and the rest."""
    raw = f"Content-Length: {len(body)}\r\n\r\n{body}"
    assert await editor.command("fake.raw", raw) is None
    assert await editor.command("fake.return", 2) == 2


async def test_an_answer_that_cannot_be_read_is_an_error_to_who_asked(editor):
    """Servers written in JavaScript can say half of a character."""
    heard = await editor.command("fake.heard", "workspace/executeCommand")
    body = f'{{"jsonrpc":"2.0","id":{heard[-1]["id"] + 1},"result":"\\ud800"}}'
    with pytest.raises(Failed, match="cannot be read"):
        await editor.command("fake.raw", f"Content-Length: {len(body)}\r\n\r\n{body}")


async def test_a_server_that_talks_only_nonsense_is_started_again(editor):
    editor.ask_later(
        "workspace/executeCommand", {"command": "fake.raw", "arguments": ["Content-Length: 3\r\n\r\n???", 50]}
    )
    told = await editor.told("$/codeyard/servers", state("restarting"))
    assert "messages were none" in told["servers"][0]["reason"]
    await recovers(editor)


async def test_a_flood_is_cut_and_counted_and_the_editor_goes_on(editor, bridges):
    """Attack row 51: a `$/progress` flood."""
    body = json.dumps({"method": "$/progress", "params": {"token": 1, "value": {"kind": "report"}}})
    await editor.command("fake.ask", "window/workDoneProgress/create", {"token": 1})
    assert await editor.command("fake.raw", f"Content-Length: {len(body)}\r\n\r\n{body}", 50_000) is None
    assert await editor.command("fake.return", 3) == 3
    assert bridges.status()[0].dropped > 10_000
    assert len([one for one in editor.heard if one.get("method") == "$/progress"]) < 5000
    assert "are dropped" in "\n".join(bridges.logs("one", "test", "fake"))


async def test_an_answer_that_is_too_large_is_refused_to_who_asked(editor):
    """Attack row 48: a message of more than 32 MiB."""
    with pytest.raises(Failed, match="too large"):
        await editor.command("fake.large", MAX_BODY)
    assert len(await editor.command("fake.large", 1_000_000)) == 1_000_000


async def test_a_server_that_uses_too_much_memory_is_started_again(bridges, tmp_path):
    editor = Editor(bridges, place(tmp_path, fake(limit=60 << 20)))
    await editor.start()
    assert 0 < (await measured(bridges)) < 60 << 20
    editor.ask_later("workspace/executeCommand", {"command": "fake.memory", "arguments": [100 << 20]})
    told = await editor.told("$/codeyard/servers", state("restarting"))
    assert "MB of memory" in told["servers"][0]["reason"]
    await recovers(editor)


async def measured(bridges) -> int:
    async with asyncio.timeout(60):
        while (memory := bridges.status()[0].memory_bytes) is None:
            await asyncio.sleep(0.02)
    return memory


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", -32700),
        ("", -32700),
        ("[]", -32700),
        ('"x"', -32700),
        ("[" * 100_000, -32700),
        ('{"id":1.5,"method":"x"}', -32600),
        ('{"id":[],"method":"x"}', -32600),
        ('{"id":true,"method":"x"}', -32600),
        ('{"id":12345678901234567890123,"method":"x"}', -32600),
        ('{"id":1,"method":7}', -32700),
        ('{"jsonrpc":"2.0","id":"\\ud800","method":"x"}', -32700),
    ],
)
async def test_an_editor_that_sends_nonsense_is_told(editor, text, code):
    """Attack rows 48 and 51."""
    editor.viewer.receive(text)
    assert (await editor.wait(lambda one: "error" in one))["error"]["code"] == code
    assert await editor.command("fake.return", 1) == 1


async def test_an_editor_s_message_that_is_too_large_is_refused(editor):
    """Attack row 48."""
    editor.viewer.receive(" " * (MAX_BODY + 1))
    assert "32 MiB" in (await editor.wait(lambda one: "error" in one))["error"]["message"]


@pytest.mark.parametrize(
    "method",
    [
        "textDocument/didOpen",
        "textDocument/didChange",
        "textDocument/didClose",
        "textDocument/didSave",
        "$/cancelRequest",
        "window/workDoneProgress/cancel",
    ],
)
@pytest.mark.parametrize(
    "params",
    [
        None,
        7,
        [],
        {},
        {"textDocument": {}},
        {"textDocument": {"uri": "file:///workspace/x"}},
        {"textDocument": {"uri": 5, "version": "x"}},
        {"id": {}},
        {"token": "fake/7"},
    ],
)
async def test_notifications_with_wrong_parameters_do_no_harm(editor, method, params):
    editor.tell(method, params)
    assert await editor.command("fake.return", 1) == 1


@pytest.mark.parametrize("place", [(-1, -5, 99, 99), (5, 0, 1, 0), (0, 2**40, 2**40, 0)])
async def test_positions_that_are_none_are_the_nearest_ones(editor, place):
    uri = editor.open("a.py", "one\ntwo")
    editor.type(uri, 2, "X", place)
    assert await editor.command("fake.return", 1) == 1


async def test_questions_before_the_handshake_are_refused(bridges, tmp_path):
    editor = Editor(bridges, place(tmp_path))
    with pytest.raises(Failed, match="initialize comes first"):
        await editor.ask("textDocument/hover", {})
    await editor.start()
    with pytest.raises(Failed, match="initialize comes once"):
        await editor.ask("initialize", {})


async def test_an_editor_asks_only_so_much_at_once(editor):
    editor.ask_later("workspace/executeCommand", {"command": "fake.hang"})
    numbers = [editor.ask_later("textDocument/definition", {}) for _ in range(1100)]
    assert "under way" in (await editor.answer(numbers[-1]))["error"]["message"]


async def test_who_does_not_read_is_ended_and_nobody_waits_for_it(editor, bridges, tmp_path):
    """Attack row 49, as far as it is about us: what is sent is never taken."""

    async def never(_: str) -> None:
        await asyncio.Event().wait()

    stuck = bridges.attach(place(tmp_path), never)
    stuck.receive('{"id":1,"method":"initialize","params":{}}')
    for _ in range(11_000):
        stuck.receive("nonsense")
    assert "does not read" in await asyncio.wait_for(stuck.gone(), PATIENCE)
    assert await editor.command("fake.return", 1) == 1


async def test_who_cannot_be_sent_to_is_gone(editor, bridges, tmp_path):
    async def broken(_: str) -> None:
        raise ConnectionError("reset")

    gone = bridges.attach(place(tmp_path), broken)
    gone.receive("nonsense")
    assert "reset" in await asyncio.wait_for(gone.gone(), PATIENCE)
    assert bridges.status()[0].viewers == 1


async def test_a_question_to_an_editor_that_leaves_is_answered_for_it(bridges, tmp_path):
    ada, bob = Editor(bridges, place(tmp_path)), Editor(bridges, place(tmp_path))
    await ada.start()
    ada.send = lambda message: None  # it never answers
    asked = {"command": "fake.ask", "arguments": ["workspace/applyEdit", {"edit": {"changes": {}}}]}
    Editor.send(ada, {"id": 99, "method": "workspace/executeCommand", "params": asked})
    await ada.told("workspace/applyEdit")
    await bob.start()
    ada.viewer.leave()
    heard = await bob.command("fake.return", "free again")
    assert heard == "free again"


async def test_servers_run_where_the_caller_says(bridges, tmp_path):
    spawned = []

    async def spawn(argv, cwd, env):
        spawned.append((list(argv), cwd, dict(env)))
        raise OSError(2, "no container")

    spec, argv = fake()
    there = Place(session="s", language="l", root="/workspace", servers=[(spec, argv)], env={"A": "b"}, spawn=spawn)
    editor = Editor(bridges, there)
    await editor.start()
    assert spawned[0] == (argv, "/workspace", {"A": "b"})


async def test_ending_a_session_ends_its_editors_and_processes(editor, bridges):
    [status] = bridges.status()
    await bridges.end("one")
    assert "ended" in await editor.viewer.gone()
    assert bridges.status() == []
    with pytest.raises(ProcessLookupError):
        import os

        os.kill(status.pid, 0)


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("0.0.105", "0.0.105"),
        ("clangd version 22.1.1 linux x86_64", "22.1.1"),
        ('{"GoVersion":"go1.27.3","Path":"x","Version":"v0.23.0"}', "0.23.0"),
        ('{"GoVersion":"go1.27.3"}', ""),
        ("{", "{"),
        ("1", "1"),
        ("", ""),
    ],
)
def test_a_server_s_version_is_its_number(said, version):
    assert version_in(said) == version
