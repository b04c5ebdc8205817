"""An editor at /ws/lsp, as a browser's is: JSON-RPC over a socket of the application."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

PATIENCE = 60


class Failed(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]


class Editor:
    """`heard` is all that came, in order; `closed` what ended the socket."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []
        self.closed: Exception | None = None
        self.answers: dict[str, Callable[[Any], Any]] = {}
        self._news = asyncio.Condition()
        self._numbers = itertools.count(1)
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            while True:
                message = json.loads(await self.socket.receive(PATIENCE))
                if "method" in message and "id" in message:
                    result = self.answers.get(message["method"], lambda _: None)(message.get("params"))
                    await self.send({"id": message["id"], "result": result})
                async with self._news:
                    self.heard.append(message)
                    self._news.notify_all()
        except Exception as error:
            async with self._news:
                self.closed = error
                self._news.notify_all()

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps({"jsonrpc": "2.0", **message}))

    async def tell(self, method: str, params: Any) -> None:
        await self.send({"method": method, "params": params})

    async def wait(self, wanted: Callable[[dict[str, Any]], Any], since: int = 0) -> dict[str, Any]:
        """The first message after `since` others, of all so far and to come, that is wanted."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.heard[since:] if wanted(one)), None)

        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: found() is not None or self.closed is not None)
        message = found()
        if message is None:
            raise self.closed or AssertionError
        return message

    async def end(self) -> Exception:
        """What closed the socket."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: self.closed is not None)
        assert self.closed is not None
        return self.closed

    async def told(self, method: str, wanted: Callable[[Any], Any] = lambda _: True, since: int = 0) -> Any:
        return (await self.wait(lambda one: one.get("method") == method and wanted(one["params"]), since))["params"]

    async def ask(self, method: str, params: Any) -> Any:
        """The result; raises what an error says."""
        number = next(self._numbers)
        await self.send({"id": number, "method": method, "params": params})
        answer = await self.wait(lambda one: one.get("id") == number and "method" not in one)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["result"]

    async def start(self) -> dict[str, Any]:
        params = {"processId": None, "rootUri": "file:///workspace", "capabilities": {}}
        result = await self.ask("initialize", params)
        await self.tell("initialized", {})
        return result

    async def open(self, path: str, text: str, language: str = "python", version: int = 1) -> str:
        uri = f"file:///workspace/{path}"
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        await self.tell("textDocument/didOpen", {"textDocument": item})
        return uri

    async def type(self, uri: str, version: int, text: str) -> None:
        change = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]}
        await self.tell("textDocument/didChange", change)

    async def ask_at(self, method: str, uri: str, line: int, character: int, **more: Any) -> Any:
        where = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        return await self.ask(f"textDocument/{method}", where | more)


@asynccontextmanager
async def editing(client: Any, session_id: str, language: str = "python", **more: Any) -> AsyncIterator[Editor]:
    """An editor that has said hello."""
    async with client.socket("/ws/lsp", session_id=session_id, language=language, **more) as socket:
        editor = Editor(socket)
        await editor.start()
        try:
            yield editor
        finally:
            editor.task.cancel()
