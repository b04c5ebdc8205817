"""Whose work a server reports on: its token stands for the viewer that asked, or for nobody in particular."""

import time
from typing import Any, Final

import msgspec

from lsp_bridge import rpc
from lsp_bridge.viewer import Viewer

_APART: Final = 0.05  # seconds between reports of one token that are passed on
_MAX_CREATED: Final = 100
_NAMES: Final = ("workDoneToken", "partialResultToken")


class Report(msgspec.Struct):
    token: int | str
    value: msgspec.Raw


class _Kind(msgspec.Struct):
    kind: str = ""


class Progress:
    def __init__(self) -> None:
        self._number = 0
        self._owners: dict[str, tuple[Viewer, Any]] = {}
        self._created: dict[str, bytes | None] = {}
        """A server's own tokens, as viewers know them → how that work began."""
        self._passed: dict[str, float] = {}

    def own(self, viewer: Viewer, params: bytes) -> tuple[bytes, list[str]]:
        """A request's parameters with tokens that mean this viewer among all, and those tokens."""
        if b"Token" not in params:
            return params, []
        found = rpc.value(params)
        tokens = []
        for name in _NAMES:
            if isinstance(found, dict) and isinstance(found.get(name), int | str):
                self._number += 1
                token = f"v{self._number}"
                self._owners[token] = (viewer, found[name])
                found[name] = token
                tokens.append(token)
        return (rpc.encode(found), tokens) if tokens else (params, [])

    def done(self, tokens: list[str]) -> None:
        for token in tokens:
            self._owners.pop(token, None)
            self._passed.pop(token, None)

    def left(self, viewer: Viewer) -> None:
        self.done([token for token, (owner, _) in self._owners.items() if owner is viewer])

    def create(self, server: str, token: int | str) -> bytes:
        """A server announces work that nobody asked for; the parameters by which viewers learn of it."""
        if len(self._created) >= _MAX_CREATED:
            del self._created[next(iter(self._created))]
        name = f"{server}/{token}"
        self._created[name] = None
        return rpc.encode({"token": name})

    def theirs(self, token: int | str) -> tuple[str, str]:
        """The server and its own token of one that viewers know."""
        server, _, own = str(token).partition("/")
        return server, own

    def report(self, server: str, params: bytes) -> tuple[Viewer | None, bytes] | None:
        """Who has to be told (None: everybody) and what; None if nobody. Raises msgspec.MsgspecError."""
        report = msgspec.json.decode(params, type=Report)
        token = str(report.token)
        owner, name = self._owners.get(token), f"{server}/{token}"
        if owner is None and name not in self._created:
            return None
        known = token if owner else name
        try:
            kind = msgspec.json.decode(report.value, type=_Kind).kind
        except msgspec.ValidationError:
            kind = ""  # part of a result: any JSON
        if kind == "report" and time.monotonic() - self._passed.get(known, 0.0) < _APART:
            return None
        self._passed[known] = time.monotonic()
        value = bytes(report.value)
        if owner is not None:
            return owner[0], b'{"token":%b,"value":%b}' % (rpc.encode(owner[1]), value)
        told = b'{"token":%b,"value":%b}' % (rpc.encode(name), value)
        if kind == "end":
            del self._created[name]
            self._passed.pop(known, None)
        elif kind == "begin":
            self._created[name] = told
        return None, told

    def under_way(self) -> list[tuple[bytes, bytes | None]]:
        """For a newcomer: what announced each work, and how it began."""
        return [(rpc.encode({"token": name}), began) for name, began in self._created.items()]

    def forget(self, server: str) -> list[bytes]:
        """Its work has ended with it: the reports that say so."""
        names = [name for name in self._created if name.startswith(server + "/")]
        return [
            b'{"token":%b,"value":{"kind":"end"}}' % rpc.encode(name)
            for name in names
            if self._created.pop(name) is not None
        ]
