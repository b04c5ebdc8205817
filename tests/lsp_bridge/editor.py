"""An editor for tests, at a bridge without a socket between."""

import asyncio
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lsp_bridge.bridge import Place, plain_environment
from lsp_bridge.bridges import Bridges
from lsp_bridge.catalog import ServerSpec

FAKE = Path(__file__).with_name("fake_server.py")
PATIENCE = 60


class Editor:
    def __init__(self, bridges: Bridges, place: Place) -> None:
        self.heard: list[dict[str, Any]] = []
        self.answers: dict[str, Callable[[Any], Any]] = {}
        """Method that the other side asks → our answer; null else."""
        self._news = asyncio.Condition()
        self._numbers = itertools.count(1)
        self._seen = 0
        self.viewer = bridges.attach(place, self._take)

    async def _take(self, text: str) -> None:
        message = json.loads(text)
        if "method" in message and "id" in message:
            result = self.answers.get(message["method"], lambda _: None)(message["params"])
            self.send({"id": message["id"], "result": result})
        async with self._news:
            self.heard.append(message)
            self._news.notify_all()

    def send(self, message: dict[str, Any]) -> None:
        self.viewer.receive(json.dumps({"jsonrpc": "2.0", **message}))

    def tell(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    async def wait(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first message, of all so far and to come, that is wanted."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.heard if wanted(one)), None)

        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: found() is not None)
        message = found()
        assert message is not None
        return message

    async def told(self, method: str, wanted: Callable[[Any], Any] = lambda _: True) -> Any:
        return (await self.wait(lambda one: one.get("method") == method and wanted(one["params"])))["params"]

    def ask_later(self, method: str, params: Any) -> int:
        number = next(self._numbers)
        self.send({"id": number, "method": method, "params": params})
        return number

    async def answer(self, number: int | str | None) -> dict[str, Any]:
        return await self.wait(lambda one: one.get("id") == number and "method" not in one)

    async def ask(self, method: str, params: Any) -> Any:
        """The result; raises what an error says."""
        answer = await self.answer(self.ask_later(method, params))
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["result"]

    async def start(self) -> dict[str, Any]:
        capabilities = {
            "window": {"workDoneProgress": True},
            "workspace": {"inlayHint": {"refreshSupport": True}},
            "textDocument": {"documentSymbol": {"dynamicRegistration": True}},
        }
        params = {"processId": None, "rootUri": "file:///workspace", "capabilities": capabilities}
        result = await self.ask("initialize", params)
        self.tell("initialized", {})
        return result

    async def command(self, name: str, *arguments: Any) -> Any:
        return await self.ask("workspace/executeCommand", {"command": name, "arguments": list(arguments)})

    def open(self, path: str, text: str, *, language: str = "python", version: int = 1) -> str:
        uri = f"file:///workspace/{path}"
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})
        return uri

    def type(self, uri: str, version: int, text: str, where: tuple[int, int, int, int] | None = None) -> None:
        """The whole text, or what takes the place of (line, character, line, character)."""
        change: dict[str, Any] = {"text": text}
        if where is not None:
            start, end = where[:2], where[2:]
            names = ("line", "character")
            change["range"] = {"start": dict(zip(names, start, strict=True)), "end": dict(zip(names, end, strict=True))}
        self.tell(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]},
        )

    def save(self, uri: str) -> None:
        self.tell("textDocument/didSave", {"textDocument": {"uri": uri}})


class Failed(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


def fake(name: str = "fake", *flags: str, **fields: Any) -> tuple[ServerSpec, list[str]]:
    spec = ServerSpec(name=name, command=(sys.executable,), **fields)
    return spec, [sys.executable, str(FAKE), name, *flags]


def place(root: Path, *servers: tuple[ServerSpec, list[str]], session: str = "one") -> Place:
    root = root.resolve()
    path = f"{Path(sys.executable).parent}:{plain_environment()['PATH']}"
    env = plain_environment() | {"PATH": path}
    return Place(session=session, language="test", root=str(root), servers=servers or (fake(),), env=env)


def at(line: int, character: int) -> dict[str, Any]:
    return {"position": {"line": line, "character": character}}
