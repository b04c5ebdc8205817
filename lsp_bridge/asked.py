"""What servers ask of their client: answered once, here where it can be, else by the one viewer that it concerns."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from lsp_bridge import rpc
from lsp_bridge.edits import localise, objection
from lsp_bridge.rpc import Message
from lsp_bridge.server import Server
from lsp_bridge.viewer import Viewer

if TYPE_CHECKING:
    from lsp_bridge.bridge import Bridge

_OURS: Final = {
    "workspace/didChangeWatchedFiles",
    "workspace/didChangeConfiguration",
    "workspace/didChangeWorkspaceFolders",
}
_MAX_REGISTRATIONS: Final = 1000


class Token(msgspec.Struct):
    token: int | str


class _Item(msgspec.Struct):
    section: str | None = None


class _Configuration(msgspec.Struct):
    items: list[_Item]


class _Registration(msgspec.Struct):
    id: str
    method: str
    registerOptions: msgspec.Raw = msgspec.Raw(rpc.NULL)  # noqa: N815  (the protocol's name)


class _Registrations(msgspec.Struct):
    registrations: list[_Registration]


class _Unregistrations(msgspec.Struct):
    unregisterations: list[_Registration]  # (so it is spelled in LSP 3.17)


def answer(bridge: "Bridge", server: Server, raw_id: bytes, method: str, params: bytes) -> None:
    """Raises msgspec.MsgspecError where the parameters are not what they must be."""
    match method:
        case "workspace/configuration":
            items = msgspec.json.decode(params, type=_Configuration).items
            server.answer(raw_id, rpc.encode([setting(server.spec.settings, item.section or "") for item in items]))
        case "workspace/workspaceFolders":
            server.answer(raw_id, rpc.encode([{"uri": bridge.paths.uri, "name": "workspace"}]))
        case "client/registerCapability":
            _register(bridge, server, params)
            server.answer(raw_id, rpc.NULL)
        case "client/unregisterCapability":
            _unregister(bridge, server, params)
            server.answer(raw_id, rpc.NULL)
        case "window/workDoneProgress/create":
            token = msgspec.json.decode(params, type=Token).token
            created = bridge.progress.create(server.spec.name, token)
            server.answer(raw_id, rpc.NULL)
            for viewer in bridge.ready():
                if shows_progress(viewer):
                    viewer.ask(method, created)
        case "workspace/applyEdit":
            _apply(bridge, server, raw_id, params)
        case "window/showDocument":
            _show_document(bridge, server, raw_id, params)
        case "window/showMessageRequest":
            _one_viewer(bridge, server, raw_id, method, params, rpc.NULL)
        case _ if method.startswith("workspace/") and method.endswith("/refresh"):
            server.answer(raw_id, rpc.NULL)
            for viewer in bridge.ready():
                if viewer.can("workspace", method.split("/")[1], "refreshSupport"):
                    viewer.ask(method, rpc.NULL)
        case _:
            server.refuse(raw_id, rpc.METHOD_NOT_FOUND, f"{method} is not answered here")


def setting(settings: dict[str, Any], section: str) -> Any:
    """Of a dotted section; None where the catalogue says nothing, which lets the server take its default."""
    found: Any = settings
    for name in section.split(".") if section else ():
        found = found.get(name) if isinstance(found, dict) else None
    return found


def commands(server: Server) -> set[str]:
    """What it executes."""
    found = set((server.capabilities.get("executeCommandProvider") or {}).get("commands", ()))
    for method, options in server.registered.values():
        if method == "workspace/executeCommand" and isinstance(options, dict):
            found.update(options.get("commands", ()))
    return found


def show(viewer: Viewer, kind: int, message: str) -> None:
    """`kind`: 1 error, 2 warning, 3 information."""
    viewer.tell("window/showMessage", rpc.encode({"type": kind, "message": message[:1000]}))


def quoted(path: str) -> str:
    return quote(path, errors="surrogateescape")


def _register(bridge: "Bridge", server: Server, params: bytes) -> None:
    """Viewers learn of it if it is news; a server that was started again only repeats itself."""
    news: dict[str, tuple[str, bytes]] = {}
    for one in msgspec.json.decode(params, type=_Registrations).registrations:
        if len(server.registered) >= _MAX_REGISTRATIONS and one.id not in server.registered:
            continue
        options = rpc.value(one.registerOptions)
        server.registered[one.id] = (one.method, options)
        if one.method in _OURS or one.method.startswith("textDocument/did") or "iagnostic" in one.method:
            continue
        name = f"{server.spec.name}/{one.id}"
        told = rpc.encode({"id": name, "method": one.method, "registerOptions": options})
        if bridge.registrations.get(name) != (one.method, told):
            bridge.registrations[name] = news[name] = (one.method, told)
    for viewer in bridge.ready():
        tell_registrations(viewer, news)


def _unregister(bridge: "Bridge", server: Server, params: bytes) -> None:
    gone = []
    for one in msgspec.json.decode(params, type=_Unregistrations).unregisterations:
        server.registered.pop(one.id, None)
        name = f"{server.spec.name}/{one.id}"
        if bridge.registrations.pop(name, None) is not None:
            gone.append({"id": name, "method": one.method})
    for viewer in bridge.ready():
        known = [one for one in gone if _can_register(viewer, one["method"])]
        if known:
            viewer.ask("client/unregisterCapability", rpc.encode({"unregisterations": known}))


def tell_registrations(viewer: Viewer, registrations: dict[str, tuple[str, bytes]]) -> None:
    """Those that its client says it can take."""
    known = [told for method, told in registrations.values() if _can_register(viewer, method)]
    if known:
        viewer.ask("client/registerCapability", b'{"registrations":[%b]}' % b",".join(known))


def shows_progress(viewer: Viewer) -> bool:
    return viewer.can("window", "workDoneProgress")


def _can_register(viewer: Viewer, method: str) -> bool:
    return viewer.can(*method.split("/")[:2], "dynamicRegistration")


def _whom(bridge: "Bridge", server: Server) -> Viewer | None:
    """Whose command it executes, else who was last active, else anybody who writes."""
    for executing, viewer in reversed(bridge.executing):
        if executing is server and viewer.ready:
            return viewer
    if bridge.active is not None and bridge.active.ready:
        return bridge.active
    return next((viewer for viewer in bridge.viewers.values() if viewer.ready and viewer.writes), None)


def _apply(bridge: "Bridge", server: Server, raw_id: bytes, params: bytes) -> None:
    def refuse(why: str) -> None:
        server.answer(raw_id, rpc.encode({"applied": False, "failureReason": why}))

    found = rpc.value(bridge.paths.to_viewer(params))
    edit = found.get("edit") if isinstance(found, dict) else None
    viewer = _whom(bridge, server)
    if not isinstance(edit, dict):
        return refuse("there is no edit")
    if viewer is None:
        return refuse("no editor is connected")
    if why := objection(edit, viewer.number, bridge.documents, bridge.paths):
        show(viewer, 2, f"{server.spec.name} was not let: {why}")
        return refuse(why)
    localise(found, viewer.number, bridge.documents)
    no = rpc.encode({"applied": False, "failureReason": "the editor did not answer"})
    return _pass_on(bridge, viewer, server, raw_id, "workspace/applyEdit", rpc.encode(found), no)


def _show_document(bridge: "Bridge", server: Server, raw_id: bytes, params: bytes) -> None:
    """Only files of the working copy: a server opens nobody's browser."""
    found = rpc.value(bridge.paths.to_viewer(params))
    uri = found.get("uri") if isinstance(found, dict) else None
    if not bridge.paths.is_inside(uri) or found.get("external"):
        return server.answer(raw_id, b'{"success":false}')
    return _one_viewer(bridge, server, raw_id, "window/showDocument", params, b'{"success":false}')


def _one_viewer(bridge: "Bridge", server: Server, raw_id: bytes, method: str, params: bytes, otherwise: bytes) -> None:
    viewer = _whom(bridge, server)
    if viewer is None:
        return server.answer(raw_id, otherwise)
    return _pass_on(bridge, viewer, server, raw_id, method, bridge.paths.to_viewer(params), otherwise)


def _pass_on(
    bridge: "Bridge", viewer: Viewer, server: Server, raw_id: bytes, method: str, params: bytes, otherwise: bytes
) -> None:
    """`otherwise` where the viewer leaves, fails, or takes longer than a server may."""
    pid = server.pid
    timer = bridge.later(bridge.timing.answer, lambda: finish(None))

    def finish(message: Message | None) -> None:
        timer.cancel()
        viewer.forget(number)
        if server.pid != pid:
            return  # the one that asked is no more
        result = bytes(message.result) if message is not None else b""
        server.answer(raw_id, bridge.paths.to_server(result) if result else otherwise)

    done: Callable[[Message], None] = finish
    number = viewer.ask(method, params, done)
