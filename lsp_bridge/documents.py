"""The documents that viewers have open, and what the servers are told of them: a server has the text of the last typist."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from lsp_bridge import rpc
from lsp_bridge.paths import Paths
from lsp_bridge.server import Server
from lsp_bridge.text import Change, Text

FULL: Final = 1
INCREMENTAL: Final = 2

DIFFERS: Final = "differs"
SAVE_CONFLICT: Final = "save_conflict"


class Item(msgspec.Struct):
    uri: str
    languageId: str = ""  # noqa: N815  (the protocol's names)
    version: int | None = None
    text: str = ""


class Opened(msgspec.Struct):
    textDocument: Item  # noqa: N815


class Changed(msgspec.Struct):
    textDocument: Item  # noqa: N815
    contentChanges: msgspec.Raw  # noqa: N815


@dataclass(slots=True)
class Copy:
    """What one viewer has in its editor; the numbers of both versions when they were last compared; whether it was told that
    the servers have another text."""

    uri: str
    version: int
    text: Text
    compared: tuple[int, int, bool] = (-1, -1, False)
    told: bool = False


@dataclass(slots=True)
class Document:
    """`version` and `text` are the servers'; `author` is the viewer whose copy that text is, None when it has gone; `saved` is
    the version that lies in the file, as far as viewers said."""

    key: str
    uri: str
    language_id: str
    version: int
    text: Text
    author: int | None
    copies: dict[int, Copy] = field(default_factory=dict)
    saved: int = 1

    def in_step(self, viewer: int) -> bool:
        """Whether a viewer sees the text that the servers have."""
        copy = self.copies.get(viewer)
        if copy is None:
            return False
        if copy.text is self.text:
            return True
        if copy.compared[:2] != (self.version, copy.version):
            copy.compared = (self.version, copy.version, copy.text == self.text)
        return copy.compared[2]


Tell = Callable[[int, str, dict[str, Any]], None]
"""(viewer, what: DIFFERS or SAVE_CONFLICT, {uri, message}): something that it should show."""


class Documents:
    """Of one bridge. Parameters of viewers come as they were sent; msgspec.MsgspecError where they are not what they must be."""

    def __init__(self, paths: Paths, servers: Callable[[], Iterable[Server]], tell: Tell) -> None:
        self.by_key: dict[str, Document] = {}
        self.readers: set[int] = set()
        """Viewers whose text is not what the servers have, where somebody who writes has the document open."""
        self._paths = paths
        self._servers = servers
        self._tell = tell

    def get(self, uri: str) -> Document | None:
        return self.by_key.get(self._paths.key(uri))

    # -- what viewers do -------------------------------------------------------------------------------------------

    def open(self, viewer: int, params: bytes) -> Document:
        """A newcomer's own text is not what the servers learn while another has the document open: nobody typed."""
        item = msgspec.json.decode(params, type=Opened).textDocument
        key = self._paths.key(item.uri)
        document = self.by_key.get(key)
        copy = Copy(item.uri, item.version or 0, Text(item.text))
        if document is None:
            uri = self._paths.to_server(rpc.encode(item.uri))
            document = Document(key, rpc.value(uri), item.languageId, 1, copy.text, viewer, {viewer: copy})
            self.by_key[key] = document
            for server in self._told(document):
                self.tell_open(server, document)
            return document
        others = document.copies.keys() - {viewer}
        document.copies[viewer] = copy
        if copy.text == document.text:
            copy.text = document.text.copy() if others else document.text
        elif (
            not others or document.author == viewer or (document.author in self.readers and viewer not in self.readers)
        ):
            self._whole(document, viewer)
        else:
            self._differs(document, viewer)
        if not others:
            document.author = viewer
        return document

    def change(self, viewer: int, params: bytes) -> bool:
        """False where that viewer has no such document open."""
        changed = msgspec.json.decode(params, type=Changed)
        document = self.get(changed.textDocument.uri)
        copy = document.copies.get(viewer) if document else None
        if document is None or copy is None:
            return False
        changes = msgspec.json.decode(changed.contentChanges, type=list[Change])
        was_in_step = document.in_step(viewer)
        copy.text.change(changes)
        copy.version = changed.textDocument.version or copy.version + 1
        if document.author != viewer:
            if copy.text == document.text:  # editors that edit together each send what one of them typed
                copy.told = False
                return True
            if not was_in_step:
                self._whole(document, viewer)
                return True
            document.text, document.author = copy.text, viewer
        document.version += 1
        for server in self._told(document):
            if server.sync[0] == INCREMENTAL:
                server.tell(
                    "textDocument/didChange",
                    b'{"textDocument":%b,"contentChanges":%b}' % (_named(document), bytes(changed.contentChanges)),
                )
            elif server.sync[0] == FULL:
                self._tell_whole(server, document)
        self._tell_others(document)
        return True

    def save(self, viewer: int, params: bytes) -> None:
        document = self.get(msgspec.json.decode(params, type=Opened).textDocument.uri)
        if document is None or viewer not in document.copies:
            return
        if not document.in_step(viewer):
            uri = document.copies[viewer].uri
            message = "another editor of this session has changed this file since; saving would overwrite its text"
            self._tell(viewer, SAVE_CONFLICT, {"uri": uri, "message": message})
            return
        document.saved = document.version
        for server in self._told(document):
            if server.sync[1]:
                text = b',"text":' + rpc.encode(str(document.text)) if server.sync[2] else b""
                name = rpc.encode({"uri": document.uri})
                server.tell("textDocument/didSave", b'{"textDocument":%b%b}' % (name, text))

    def close(self, viewer: int, params: bytes) -> None:
        document = self.get(msgspec.json.decode(params, type=Opened).textDocument.uri)
        if document is not None:
            self.leave(document, viewer)

    def leave(self, document: Document, viewer: int, *, linger: bool = False) -> bool:
        """Closes it for one viewer; for the servers when that was the last. `linger`: not for the servers yet, the viewer may
        come back; True if it has to be closed later."""
        if document.copies.pop(viewer, None) is None:
            return False
        if not document.copies:
            document.author = None
            if linger:
                return True
            self.forget(document)
        elif document.author == viewer:
            document.author = None
            heirs = list(document.copies)
            heir = next((one for one in reversed(heirs) if one not in self.readers), heirs[-1])
            if document.in_step(heir):
                document.copies[heir].text = document.text
                document.author = heir
            else:
                self._whole(document, heir)
        return False

    def forget(self, document: Document) -> None:
        """For the servers too, unless somebody has it open."""
        if document.copies or self.by_key.pop(document.key, None) is None:
            return
        params = rpc.encode({"textDocument": {"uri": document.uri}})
        for server in self._told(document):
            server.tell("textDocument/didClose", params)

    # -- what servers learn ----------------------------------------------------------------------------------------

    def tell_open(self, server: Server, document: Document) -> None:
        item = {
            "uri": document.uri,
            "languageId": document.language_id,
            "version": document.version,
            "text": str(document.text),
        }
        server.tell("textDocument/didOpen", rpc.encode({"textDocument": item}))

    def reopen(self, server: Server) -> None:
        """For one that has just been started."""
        for document in self.by_key.values():
            if takes(server, document):
                self.tell_open(server, document)

    def _told(self, document: Document) -> Iterable[Server]:
        return (server for server in self._servers() if takes(server, document))

    def _whole(self, document: Document, viewer: int) -> None:
        """The servers get that viewer's text; who sees another is told."""
        document.text = document.copies[viewer].text
        document.author = viewer
        document.version += 1
        for server in self._told(document):
            if server.sync[0]:
                self._tell_whole(server, document)
        self._tell_others(document)

    def _tell_others(self, document: Document) -> None:
        for other, copy in document.copies.items():
            if not copy.told and not document.in_step(other):
                self._differs(document, other)
            elif other == document.author:
                copy.told = False

    def _differs(self, document: Document, viewer: int) -> None:
        """Once, until it sees the servers' text again."""
        copy = document.copies[viewer]
        if not copy.told:
            copy.told, uri = True, copy.uri
            message = "another editor of this session has other text of this file; problems shown are about that text"
            self._tell(viewer, DIFFERS, {"uri": uri, "message": message})

    def _tell_whole(self, server: Server, document: Document) -> None:
        text = rpc.encode([{"text": str(document.text)}])
        server.tell("textDocument/didChange", b'{"textDocument":%b,"contentChanges":%b}' % (_named(document), text))


def takes(server: Server, document: Document) -> bool:
    return server.spec.takes(document.key, document.language_id)


def _named(document: Document) -> bytes:
    return rpc.encode({"uri": document.uri, "version": document.version})
