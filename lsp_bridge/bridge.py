"""One language of one session: its servers, and the viewers that share them. To each viewer it is one language server."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from lsp_bridge import asked, capabilities, merge, rpc
from lsp_bridge.catalog import ServerSpec
from lsp_bridge.diagnostics import Diagnostics
from lsp_bridge.documents import SAVE_CONFLICT, Document, Documents
from lsp_bridge.edits import localise, objection
from lsp_bridge.paths import Paths
from lsp_bridge.process import Spawn, spawn_here
from lsp_bridge.progress import Progress
from lsp_bridge.rpc import Message
from lsp_bridge.server import Server, Timing
from lsp_bridge.viewer import Send, Viewer

CONTENT_MODIFIED: Final = -32801
_APART: Final = 0.05  # seconds between two tellings of one file's problems
_FORMATTING: Final = {"textDocument/formatting", "textDocument/rangeFormatting", "textDocument/onTypeFormatting"}
_MAKES_EDITS: Final = _FORMATTING | {"textDocument/rename", "textDocument/codeAction"}
_ANSWERS_EDIT: Final = {"textDocument/rename", "workspace/willRenameFiles"}
_OFFER_EDITS: Final = {"textDocument/codeAction", "codeAction/resolve"}
ENDED: Final = "the language servers of this session have been ended"
CAN_MORE: Final = "the language servers can do more by now: come again"
_SETTLED: Final = {"ready", "unresponsive", "restarting", "failed", "stopped"}
_OPERATIONS: Final = ("workspace/didCreateFiles", "workspace/didRenameFiles", "workspace/didDeleteFiles")
_READERS_TELL: Final = {
    "textDocument/didOpen",
    "textDocument/didClose",
    "$/cancelRequest",
    "window/workDoneProgress/cancel",
}


def plain_environment() -> dict[str, str]:
    """What a server here needs to be found and to find things, and none of our own settings or secrets."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}


@dataclass(frozen=True)
class Place:
    """Where the servers of one session and language run. `root`: the working copy, an absolute path as the servers see it.
    `servers`: each with the words that start it there. `missing`: those that would serve but are not there, which viewers are
    told of."""

    session: str
    language: str
    root: str
    servers: Sequence[tuple[ServerSpec, Sequence[str]]]
    missing: Sequence[ServerSpec] = ()
    env: Mapping[str, str] = field(default_factory=plain_environment)
    spawn: Spawn = spawn_here


class _About(msgspec.Struct):
    class Item(msgspec.Struct):
        uri: str = ""

    textDocument: Item | None = None  # noqa: N815  (the protocol's name)


class _Command(msgspec.Struct):
    command: str = ""


class Bridge:
    """Everything in it happens in one event loop, without a lock: only servers and viewers wait."""

    def __init__(self, place: Place, timing: Timing) -> None:
        self.place = place
        self.timing = timing
        self.paths = Paths(place.root)
        self.viewers: dict[int, Viewer] = {}
        self.active: Viewer | None = None
        """Who last asked or typed."""
        self.executing: list[tuple[Server, Viewer]] = []
        """Commands under way, the last one at the end."""
        self.registrations: dict[str, tuple[str, bytes]] = {}
        self.documents = Documents(self.paths, lambda: self.servers, self._tell_conflict)
        self.diagnostics = Diagnostics(self.paths, self.documents)
        self.progress = Progress()
        self.left_at: float | None = asyncio.get_running_loop().time()
        self._number = 0
        self._changed = asyncio.Event()
        self._lingering: dict[str, asyncio.TimerHandle] = {}
        self._published: dict[str, bool] = {}
        """Files whose problems were told a moment ago → whether others have come since."""
        self._selective = any(spec.patterns or spec.language_ids for spec, _ in place.servers)
        self.servers = [
            Server(spec, argv, self.paths, place.env, place.spawn, timing, self) for spec, argv in place.servers
        ]

    def attach(self, send: Send, *, writes: bool = True) -> Viewer:
        """One who does not write sees everything, and changes nothing that others see."""
        self._number += 1
        viewer = self.viewers[self._number] = Viewer(self, self._number, send, writes=writes)
        if not writes:
            self.documents.readers.add(viewer.number)
        self.left_at = None
        return viewer

    async def end(self) -> None:
        """Viewers first, then the servers, as the protocol asks."""
        for viewer in list(self.viewers.values()):
            viewer.leave(ENDED)
        for timer in self._lingering.values():
            timer.cancel()
        await asyncio.gather(*(server.stop() for server in self.servers))

    def files_changed(self, changes: Sequence[tuple[str, int]]) -> None:
        """For servers that watch files: (path relative to the working copy, 1 created, 2 changed, 3 deleted)."""
        events = [{"uri": f"{self.paths.uri}/{asked.quoted(path)}", "type": kind} for path, kind in changes]
        for server in self.servers:
            if any(method == "workspace/didChangeWatchedFiles" for method, _ in server.registered.values()):
                server.tell("workspace/didChangeWatchedFiles", rpc.encode({"changes": events}))

    # -- viewers ---------------------------------------------------------------------------------------------------

    async def initialised(self) -> dict[str, Any]:
        """Waits until each server is ready, or is known not to be; not for ever: who can do more later ends its viewers."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.timing.start / 3):
                while not all(server.state in _SETTLED for server in self.servers):
                    self._changed.clear()
                    await self._changed.wait()
        names = [f"{server.spec.name} {server.version}".strip() for server in self.servers]
        return {
            "capabilities": capabilities.together(server.capabilities for server in self.servers),
            "serverInfo": {"name": "codeyard", "version": ", ".join(names)},
        }

    def viewer_joined(self, viewer: Viewer) -> None:
        """What earlier ones were told: registrations, work under way, problems, and servers that are not well."""
        asked.tell_registrations(viewer, self.registrations)
        for created, began in self.progress.under_way() if asked.shows_progress(viewer) else ():
            viewer.ask("window/workDoneProgress/create", created)
            if began is not None:
                viewer.tell("$/progress", began)
        for key in self.diagnostics.files():
            viewer.tell("textDocument/publishDiagnostics", self.diagnostics.about(key, viewer.number))
        viewer.tell("$/codeyard/servers", self._states())
        for server in self.servers:
            if server.state != "ready":
                self._say_state(server, [viewer])
        if not self.servers and self.place.missing:
            ways = "; ".join(f"{one.name}: {one.install}" for one in self.place.missing)
            asked.show(viewer, 2, f"No language server for {self.place.language} is installed here. {ways}")

    def viewer_left(self, viewer: Viewer, *, properly: bool) -> None:
        """One that dropped may be back in a moment: its documents stay open for a while."""
        self.viewers.pop(viewer.number, None)
        for under_way in viewer.pending.values():
            for server, number in under_way:
                server.cancel(number)
        viewer.pending.clear()
        self.progress.left(viewer)
        if self.active is viewer:
            self.active = None
        self.documents.readers.discard(viewer.number)
        for document in list(self.documents.by_key.values()):
            if self.documents.leave(document, viewer.number, linger=not properly):
                self._linger(document)
        if not self.viewers:
            self.left_at = asyncio.get_running_loop().time()

    def _linger(self, document: Document) -> None:
        def close() -> None:
            self._lingering.pop(document.key, None)
            if self.documents.by_key.get(document.key) is document:
                self.documents.forget(document)

        if document.key in self._lingering:
            self._lingering[document.key].cancel()
        self._lingering[document.key] = asyncio.get_running_loop().call_later(self.timing.linger, close)

    def viewer_told(self, viewer: Viewer, method: str, params: bytes) -> None:
        try:
            self._take(viewer, method, params)
        except (msgspec.MsgspecError, UnicodeError) as error:
            asked.show(viewer, 2, f"{method} was not understood: {error}")

    def _take(self, viewer: Viewer, method: str, params: bytes) -> None:
        if not viewer.writes and method not in _READERS_TELL:
            return
        match method:
            case "textDocument/didChange":
                self.active = viewer
                if not self.documents.change(viewer.number, params):
                    asked.show(viewer, 2, "a document has to be opened before it is changed")
            case "textDocument/didOpen":
                document = self.documents.open(viewer.number, params)
                if len(document.copies) > 1 or document.version > 1 or document.key in self._lingering:
                    about = self.diagnostics.about(document.key, viewer.number)
                    viewer.tell("textDocument/publishDiagnostics", about)
                if document.key in self._lingering:
                    self._lingering.pop(document.key).cancel()
            case "textDocument/didClose":
                self.documents.close(viewer.number, params)
            case "textDocument/didSave":
                self.documents.save(viewer.number, params)
            case "$/cancelRequest":
                raw_id = rpc.encode(rpc.value(params).get("id")) if params[:1] == b"{" else b""
                for server, number in viewer.pending.get(raw_id, ()):
                    server.cancel(number)
            case "window/workDoneProgress/cancel":
                name, token = self.progress.theirs(msgspec.json.decode(params, type=asked.Token).token)
                for server in self.servers:
                    if server.spec.name == name:
                        server.tell(method, rpc.encode({"token": int(token) if token.isdigit() else token}))
            case "workspace/didChangeConfiguration" | "$/setTrace" | "workspace/didChangeWorkspaceFolders":
                pass  # settings of a shared server are not one viewer's
            case _ if method in _OPERATIONS or not method.startswith("textDocument/will"):
                for server in self.servers:
                    server.tell(method, self.paths.to_server(params))

    # -- questions -------------------------------------------------------------------------------------------------

    def viewer_asked(self, viewer: Viewer, raw_id: bytes, method: str, params: bytes) -> None:
        if viewer.writes:
            self.active = viewer
        elif method == "workspace/executeCommand":
            return viewer.refuse(raw_id, rpc.REQUEST_FAILED, "commands change files, and you may only read here")
        try:
            self._ask(viewer, raw_id, method, params)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            viewer.refuse(raw_id, rpc.INVALID_PARAMS, str(error)[:300])
        return None

    def _ask(self, viewer: Viewer, raw_id: bytes, method: str, params: bytes) -> None:
        if method in _MAKES_EDITS:
            document = self._document(params)
            if document is not None and viewer.number in document.copies and not document.in_step(viewer.number):
                message = "another editor of this session has changed this file since"
                return viewer.refuse(raw_id, CONTENT_MODIFIED, message)
        able = self._able(method, params)
        if b"codeyard.server" in params and method.endswith("/resolve"):
            name, item = merge.untagged(rpc.value(params))
            if name:
                able, params = [one for one in able if one.spec.name == name], rpc.encode(item)
                return self._ask_tagged(viewer, raw_id, able, method, params, name)
        if not able:
            what = _command_of(params) if method == "workspace/executeCommand" else method
            return viewer.refuse(raw_id, rpc.METHOD_NOT_FOUND, self._nobody(what))
        if len(able) > 1 and method in merge.MERGED:
            return self._ask_several(viewer, raw_id, able, method, params)
        return self._ask_one(viewer, raw_id, able[0], method, params)

    def _able(self, method: str, params: bytes) -> list[Server]:
        able = [server for server in self.servers if server.answers(method)]
        if self._selective and len(self.servers) > 1 and b'"textDocument"' in params:
            document = self._document(params)
            if document is not None:
                able = [one for one in able if one.spec.takes(document.key, document.language_id)]
        if method == "workspace/executeCommand":
            command = _command_of(params)
            return [server for server in able if command in asked.commands(server)][:1]
        if len(able) > 1:
            able = [one for one in able if one.state not in ("failed", "stopped")] or able
            if method in _FORMATTING:
                able.sort(key=lambda one: not one.spec.formats)
        return able

    def _document(self, params: bytes) -> Document | None:
        about = msgspec.json.decode(params, type=_About).textDocument if params else None
        return self.documents.get(about.uri) if about else None

    def _nobody(self, method: str) -> str:
        unwell = "; ".join(f"{one.spec.name} is {one.state}" for one in self.servers if one.state != "ready")
        return f"no language server here answers {method}{': ' if unwell else ''}{unwell}"

    def _ask_one(
        self,
        viewer: Viewer,
        raw_id: bytes,
        server: Server,
        method: str,
        params: bytes,
        change: Callable[[bytes], bytes] | None = None,
    ) -> None:
        params, tokens = self.progress.own(viewer, self.paths.to_server(params))
        executes = method == "workspace/executeCommand"
        if executes:
            self.executing.append((server, viewer))

        def done(message: Message) -> None:
            viewer.pending.pop(raw_id, None)
            if tokens:
                self.progress.done(tokens)
            if executes:
                self.executing.remove((server, viewer))
            error = bytes(message.error)
            if error and error != rpc.NULL:
                viewer.push(rpc.failure(raw_id, self.paths.to_viewer(error)))
                return
            result = self.paths.to_viewer(bytes(message.result))
            try:
                result = self._local(viewer, method, result)
                viewer.push(rpc.answer(raw_id, change(result) if change else result))
            except (msgspec.MsgspecError, _Refused) as refused:
                viewer.refuse(raw_id, rpc.REQUEST_FAILED, str(refused))

        number = server.ask(method, params, done)
        viewer.pending[raw_id] = [(server, number)]

    def _local(self, viewer: Viewer, method: str, result: bytes) -> bytes:
        """A result with edits as this viewer can make them. An offer of one that it must not make is disabled."""
        offers = method in _OFFER_EDITS
        if method in _ANSWERS_EDIT and (why := objection(rpc.value(result), viewer.number, self.documents, self.paths)):
            raise _Refused(why)
        if not offers and b'"documentChanges"' not in result:
            return result
        found = rpc.value(result)
        for action in (found if isinstance(found, list) else [found]) if offers else ():
            edit = action.get("edit") if isinstance(action, dict) else None
            if edit and (why := objection(edit, viewer.number, self.documents, self.paths)):
                if method.endswith("/resolve"):
                    raise _Refused(why)
                del action["edit"]
                action["disabled"] = {"reason": why}
        localise(found, viewer.number, self.documents)
        return rpc.encode(found)

    def _ask_tagged(
        self, viewer: Viewer, raw_id: bytes, able: list[Server], method: str, params: bytes, name: str
    ) -> None:
        """Of an item that came from one server, whose answer stays marked as that one's."""
        if not able:
            viewer.push(rpc.answer(raw_id, rpc.encode(merge.tagged(name, rpc.value(params)))))
            return
        self._ask_one(
            viewer, raw_id, able[0], method, params, lambda raw: rpc.encode(merge.tagged(name, rpc.value(raw)))
        )

    def _ask_several(self, viewer: Viewer, raw_id: bytes, able: list[Server], method: str, params: bytes) -> None:
        """The first to answer does not wait for ever for the others."""
        answers: dict[str, Any] = {}
        errors: list[bytes] = []
        waiting = {server.spec.name for server in able}
        timer: list[asyncio.TimerHandle] = []
        viewer.pending[raw_id] = []
        found = self._without_tokens(params)

        def finish() -> None:
            if viewer.pending.pop(raw_id, None) is None:
                return None
            for one in timer:
                one.cancel()
            if not answers and errors:
                return viewer.push(rpc.failure(raw_id, self.paths.to_viewer(errors[0])))
            order = [(one.spec.name, answers[one.spec.name]) for one in able if answers.get(one.spec.name)]
            try:
                made = rpc.encode(merge.MERGED[method](order))
                viewer.push(rpc.answer(raw_id, self._local(viewer, method, self.paths.to_viewer(made))))
            except (msgspec.MsgspecError, TypeError, AttributeError, RecursionError) as error:
                viewer.refuse(raw_id, rpc.REQUEST_FAILED, f"the servers' answers cannot be merged: {error}")
            return None

        def take(server: Server, message: Message) -> None:
            name = server.spec.name
            waiting.discard(name)
            error = bytes(message.error)
            if error and error != rpc.NULL:
                errors.append(error)
            else:
                with contextlib.suppress(msgspec.MsgspecError):
                    answers[name] = rpc.value(message.result)
                if answers.get(name) and waiting and not timer:
                    timer.append(asyncio.get_running_loop().call_later(self.timing.merge, finish))
            if not waiting:
                finish()

        for server in able:
            mine = self.paths.to_server(self._its_own(server, method, found))
            number = server.ask(method, mine, lambda message, server=server: take(server, message))  # type: ignore[misc]
            viewer.pending[raw_id].append((server, number))

    def _without_tokens(self, params: bytes) -> bytes:
        if b"Token" not in params:
            return params
        found = rpc.value(params)
        return (
            rpc.encode({k: v for k, v in found.items() if not k.endswith("Token")})
            if isinstance(found, dict)
            else params
        )

    def _its_own(self, server: Server, method: str, params: bytes) -> bytes:
        """Servers stumble over data that others put into diagnostics."""
        if method != "textDocument/codeAction":
            return params
        found = rpc.value(params)
        with contextlib.suppress(KeyError, TypeError):
            found["context"]["diagnostics"] = self.diagnostics.own(server.spec.name, found["context"]["diagnostics"])
        return rpc.encode(found)

    # -- servers ---------------------------------------------------------------------------------------------------

    def server_ready(self, server: Server) -> None:
        for key in self.diagnostics.forget(server.spec.name):
            self._publish(key)
        self.documents.reopen(server)
        able = capabilities.together(one.capabilities for one in self.servers)
        for viewer in list(self.viewers.values()):
            if viewer.told_able is not None and able.keys() - viewer.told_able:
                viewer.leave(CAN_MORE)  # who said hello while this one was ill would never ask it

    def server_changed(self, server: Server) -> None:
        self._changed.set()
        if server.state in ("restarting", "failed", "starting"):
            for ended in self.progress.forget(server.spec.name):
                self._all_progress(ended)
        self._everybody("$/codeyard/servers", self._states())
        if server.state != "starting":
            self._say_state(server, self.ready())

    def server_told(self, server: Server, method: str, params: bytes) -> None:
        with contextlib.suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
            if method == "textDocument/publishDiagnostics":
                key = self.diagnostics.publish(server.spec.name, params)
                if key is not None:
                    self._publish(key)
            elif method == "$/progress":
                self._report(server, params)
            elif method not in ("telemetry/event", "$/logTrace", "$/cancelRequest"):
                self._everybody(method, self.paths.to_viewer(params))

    def server_asked(self, server: Server, raw_id: bytes, method: str, params: bytes) -> None:
        try:
            asked.answer(self, server, raw_id, method, params)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            server.refuse(raw_id, rpc.INVALID_PARAMS, str(error)[:300])

    def _report(self, server: Server, params: bytes) -> None:
        told = self.progress.report(server.spec.name, params)
        if told is not None:
            owner, body = told
            if owner is None:
                self._all_progress(body)
            else:
                owner.tell("$/progress", self.paths.to_viewer(body))

    def _all_progress(self, body: bytes) -> None:
        for viewer in self.ready():
            if asked.shows_progress(viewer):
                viewer.tell("$/progress", body)

    def _publish(self, key: str) -> None:
        """At once, and the last of those that come in the next moment at its end."""
        if key in self._published:
            self._published[key] = True
            return
        self._published[key] = False
        self.later(_APART, lambda: self._publish_last(key))
        for viewer in self.ready():
            viewer.tell("textDocument/publishDiagnostics", self.diagnostics.about(key, viewer.number))

    def _publish_last(self, key: str) -> None:
        if self._published.pop(key):
            self._publish(key)

    def later(self, seconds: float, do: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, do)

    # -- what everybody is told ------------------------------------------------------------------------------------

    def ready(self) -> list[Viewer]:
        return [viewer for viewer in self.viewers.values() if viewer.ready]

    def _everybody(self, method: str, params: bytes) -> None:
        for viewer in self.ready():
            viewer.tell(method, params)

    def _states(self) -> bytes:
        return rpc.encode(
            {
                "servers": [{"name": one.spec.name, "state": one.state, "reason": one.reason} for one in self.servers],
                "missing": [{"name": one.name, "install": one.install} for one in self.place.missing],
            }
        )

    def _say_state(self, server: Server, to: list[Viewer]) -> None:
        """For editors that do not know our own notification."""
        words = {
            "restarting": (2, "has ended and is started again"),
            "failed": (1, "does not run any more"),
            "unresponsive": (2, "does not answer"),
        }
        if server.state in words:
            kind, what = words[server.state]
            for viewer in to:
                asked.show(viewer, kind, f"{server.spec.name} {what}: {server.reason}")

    def _tell_conflict(self, number: int, what: str, details: dict[str, Any]) -> None:
        viewer = self.viewers.get(number)
        if viewer is not None:
            viewer.tell("$/codeyard/document", rpc.encode({"what": what, **details}))
            if what == SAVE_CONFLICT:
                name = details["uri"].rpartition("/")[2]
                asked.show(viewer, 2, f"{name}: {details['message']}")


def _command_of(params: bytes) -> str:
    return msgspec.json.decode(params, type=_Command).command


class _Refused(Exception):
    """An answer that a viewer must not act on; the text says why."""
