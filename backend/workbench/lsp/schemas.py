"""Language servers on the wire."""

from datetime import UTC, datetime

import msgspec

from lsp_bridge.bridges import ServerStatus
from lsp_bridge.catalog import Language, ServerSpec
from lsp_bridge.server import State


class LanguageServer(msgspec.Struct):
    """`state` is starting, ready, unresponsive, restarting, failed or stopped, and `reason` says why. `memory_bytes` is that of
    the server and what it started; beyond `memory_limit` it is started again. `dropped` counts messages of it that were none,
    too large or too many."""

    name: str
    version: str
    state: State
    reason: str
    started_at: datetime | None
    restarts: int
    memory_bytes: int | None
    memory_limit: int
    viewers: int
    documents: int
    pending: int
    dropped: int


class Installable(msgspec.Struct):
    """`install` is the line that brings it, to be typed in a terminal of the session."""

    name: str
    install: str


class LanguageServers(msgspec.Struct):
    """One language. `patterns` are the file names it is for, with the language id of such a document. `servers` are those that
    run; empty until an editor opens such a file. `candidates` are all that could serve it, the best of each kind first; of
    each kind one that is installed is used."""

    language: str
    title: str
    patterns: dict[str, str]
    servers: list[LanguageServer]
    candidates: list[list[Installable]]


class Log(msgspec.Struct):
    """What it said last, a line each, with the time of day (UTC)."""

    server: str
    lines: list[str]


def show(language: Language, running: list[ServerStatus]) -> LanguageServers:
    return LanguageServers(
        language.name,
        language.title,
        language.ids,
        [_show(one) for one in running if one.language == language.name],
        [[installable(spec) for spec in role] for role in language.servers],
    )


def installable(spec: ServerSpec) -> Installable:
    return Installable(spec.name, spec.install)


def _show(one: ServerStatus) -> LanguageServer:
    return LanguageServer(
        name=one.server,
        version=one.version,
        state=one.state,
        reason=one.reason,
        started_at=datetime.fromtimestamp(one.started_at, UTC) if one.started_at is not None else None,
        restarts=one.restarts,
        memory_bytes=one.memory_bytes,
        memory_limit=one.memory_limit,
        viewers=one.viewers,
        documents=one.documents,
        pending=one.pending,
        dropped=one.dropped,
    )
