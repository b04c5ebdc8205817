"""Problems as the servers of a bridge last said them: joined by file, kept for who comes later."""

from typing import Any, Final

import msgspec

from lsp_bridge import rpc
from lsp_bridge.documents import Documents
from lsp_bridge.paths import Paths

MAX_FILES: Final = 5000
MAX_BYTES: Final = 64 * 1024 * 1024


class Published(msgspec.Struct):
    uri: str
    diagnostics: msgspec.Raw
    version: int | None = None


class _Source(msgspec.Struct):
    source: str | None = None


class Diagnostics:
    def __init__(self, paths: Paths, documents: Documents) -> None:
        self._paths = paths
        self._documents = documents
        self._files: dict[str, dict[str, bytes]] = {}  # key → server → the inside of its list
        self._uris: dict[str, str] = {}
        self._bytes = 0
        self.sources: dict[str, set[str]] = {}
        """Server → what its diagnostics call their source."""

    def publish(self, server: str, params: bytes) -> str | None:
        """The key of the file that viewers have to be told of; None where that is old news. Raises msgspec.MsgspecError."""
        published = msgspec.json.decode(self._paths.to_viewer(params), type=Published)
        key = self._paths.key(published.uri)
        document = self._documents.by_key.get(key)
        if document is not None and published.version is not None and published.version < document.version:
            return None  # about a text that is no more; news of the present one follow
        self._uris[key] = published.uri
        inside = bytes(published.diagnostics).strip().removeprefix(b"[").removesuffix(b"]").strip()
        sources = self.sources.setdefault(server, set())
        if inside and len(sources) < 20:
            found = msgspec.json.decode(published.diagnostics, type=list[_Source])
            sources.update(one.source for one in found if one.source)
        self._put(key, server, inside)
        return key

    def _put(self, key: str, server: str, inside: bytes) -> None:
        of_file = self._files.setdefault(key, {})
        self._bytes += len(inside) - len(of_file.pop(server, b""))
        if inside:
            of_file[server] = inside
        if not of_file:
            del self._files[key]
            if self._documents.by_key.get(key) is None:
                self._uris.pop(key, None)
        while len(self._files) > MAX_FILES or (self._bytes > MAX_BYTES and len(self._files) > 1):
            oldest = next(iter(self._files))
            self._bytes -= sum(map(len, self._files.pop(oldest).values()))

    def forget(self, server: str) -> list[str]:
        """What it said is not true any more; the keys of the files that it said something of."""
        keys = [key for key, of_file in self._files.items() if server in of_file]
        for key in keys:
            self._put(key, server, b"")
        return keys

    def files(self) -> list[str]:
        """The keys of those with problems."""
        return list(self._files)

    def about(self, key: str, viewer: int) -> bytes:
        """The parameters of textDocument/publishDiagnostics for one viewer: its own spelling of the URI, and its own version if
        it has the text that they are about."""
        document = self._documents.by_key.get(key)
        copy = document.copies.get(viewer) if document else None
        uri = copy.uri if copy else self._uris.get(key, key)
        version = b',"version":%d' % copy.version if document and copy and document.in_step(viewer) else b""
        inside = b",".join(self._files.get(key, {}).values())
        return b'{"uri":%b%b,"diagnostics":[%b]}' % (rpc.encode(uri), version, inside)

    def own(self, server: str, diagnostics: list[Any]) -> list[Any]:
        """Of those that an editor hands back, the ones that this server may have made."""
        foreign = set().union(*(found for name, found in self.sources.items() if name != server))
        foreign -= self.sources.get(server, set())
        return [one for one in diagnostics if not (isinstance(one, dict) and one.get("source") in foreign)]
