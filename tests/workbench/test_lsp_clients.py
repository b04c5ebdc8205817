"""Clients that other people wrote, at a real server on a port: VS Code's libraries and pygls' client at /ws/lsp, tus-js-client
at uploads."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from tests.server import ROOT, Server
from tests.workbench.test_lsp import LIBRARY, MAIN

CLIENTS = ROOT / "tests" / "clients_js"
NODE = ROOT / ".venv" / "node" / "bin" / "node"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def session(server: Server) -> str:
    workspace = server.ask("POST", "/workspace", {"name": "clients"})
    session = workspace["default_session_id"]
    for path, text in (("library.py", LIBRARY), ("main.py", MAIN)):
        server.ask("POST", f"/workspace/{session}/filesystem", {"op": "write", "path": path, "content": text})
    return session


async def run(client: str, *words: str) -> dict:
    """What it says on its last line."""

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(NODE), str(CLIENTS / client), *words], capture_output=True, text=True, timeout=120, check=False
        )

    done = await asyncio.to_thread(start)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def lsp_url(server: Server, session: str) -> str:
    return f"ws://127.0.0.1:{server.port}/api/v1/ws/lsp?session_id={session}&language=python"


async def test_vs_codes_libraries_hover_complete_rename_and_say_goodbye(server, session):
    said = await run("lsp.mjs", lsp_url(server, session), server.key)
    assert "rectangle" in said["hover"]
    assert said["definition"] == "file:///workspace/library.py"
    assert "area" in said["completions"]
    assert set(said["renamed"]) == {"file:///workspace/library.py", "file:///workspace/main.py"}
    assert said["code"] == 1000


async def test_pygls_client_hovers_and_hears_problems(server, session):
    client = LanguageClient("a-test", "1")
    problems: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()

    @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def _published(params: lsp.PublishDiagnosticsParams) -> None:
        problems.put_nowait(params)

    headers = {"Authorization": f"Bearer {server.key}"}
    async with connect(lsp_url(server, session), additional_headers=headers) as socket:
        client.protocol.set_writer(Writer(socket), include_headers=False)
        reading = asyncio.create_task(read(socket, client))
        await client.initialize_async(lsp.InitializeParams(lsp.ClientCapabilities(), root_uri="file:///workspace"))
        client.initialized(lsp.InitializedParams())
        uri = "file:///workspace/main.py"
        client.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(uri, "python", 1, MAIN)))
        about = lsp.HoverParams(lsp.TextDocumentIdentifier(uri), lsp.Position(3, 14))
        hover = await client.text_document_hover_async(about)
        assert hover is not None and "rectangle" in str(hover.contents)
        async with asyncio.timeout(60):
            while not (told := await problems.get()).diagnostics:
                pass
        assert told.uri == uri
        await client.shutdown_async(None)
        client.exit(None)
        await reading
        assert socket.close_code == 1000


class Writer:
    """pygls writes whole messages."""

    def __init__(self, socket) -> None:
        self.socket = socket

    def write(self, data: bytes):
        return self.socket.send(data.decode())

    def close(self) -> None:
        pass


async def read(socket, client: LanguageClient) -> None:
    async for message in socket:
        client.protocol.handle_message(client.protocol.structure_message(json.loads(message)))


def packed(data: bytes) -> bytes:
    return Frame(Opcode.TEXT, data).serialize(mask=True, extensions=[PerMessageDeflate(False, False, 15, 15)])


BAD_FRAMES = {
    "of 64 MiB": (Frame(Opcode.TEXT, bytes(64 << 20)).serialize(mask=True)[: 1 << 20], 1009),
    "half a character": (Frame(Opcode.TEXT, b"{\xc3").serialize(mask=True), 1007),
    "packed, which nobody agreed to": (packed(bytes(8 << 20)), 1002),
}


@pytest.mark.parametrize("path", ["/ws/lsp", "/ws/terminal", "/ws/lsp-fs-watch", "/ws/events"])
async def test_row_48_frames_that_are_too_large_packed_or_without_end_do_no_harm(server, session, path):
    """As they are on the wire; what the handlers themselves refuse is in test_lsp_hostile and test_terminals."""
    url = f"ws://127.0.0.1:{server.port}/api/v1{path}?session_id={session}&language=python"
    headers = {"Authorization": f"Bearer {server.key}"}
    for what, (frame, code) in BAD_FRAMES.items():
        async with connect(url, additional_headers=headers, compression="deflate") as socket:
            assert socket.protocol.extensions == [], "packed messages are agreed to"
            socket.transport.write(frame)
            with pytest.raises(ConnectionClosedError) as closed:
                async for _ in socket:
                    pass
            assert closed.value.rcvd is not None and closed.value.rcvd.code == code, what
    async with connect(url, additional_headers=headers) as socket:
        socket.transport.write(Frame(Opcode.PING, b"x").serialize(mask=True) * 20_000)
        async with asyncio.timeout(60):
            await (await socket.ping())


async def test_tus_js_client_uploads_half_and_goes_on_where_it_was(server, session, tmp_path: Path):
    sent = tmp_path / "sent.bin"
    sent.write_bytes(os.urandom(3_000_001))
    url = f"http://127.0.0.1:{server.port}/api/v1/filestorage"
    said = await run("upload.mjs", url, server.key, session, "in/here.bin", str(sent))
    assert said["same"] and 1_500_000 <= said["sent"] < said["size"]
    arrived = server.data / "sessions" / session / "workspace" / "in" / "here.bin"
    assert arrived.read_bytes() == sent.read_bytes()
