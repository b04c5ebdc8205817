"""All bridges of a server: one for each session and language that somebody looks at, or did a moment ago."""

import asyncio
from collections.abc import Sequence

import msgspec

from lsp_bridge.bridge import Bridge, Place
from lsp_bridge.server import Server, State, Timing
from lsp_bridge.viewer import Send, Viewer


class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`memory_bytes` is the proportional set size of the server and all that it started; `dropped` counts messages that were
    none, too large, or too many."""

    session: str
    language: str
    server: str
    version: str
    state: State
    reason: str
    pid: int | None
    started_at: float | None
    restarts: int
    memory_bytes: int | None
    memory_limit: int
    viewers: int
    documents: int
    pending: int
    dropped: int


class Bridges:
    """Made, used and closed within one event loop."""

    def __init__(self, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self._bridges: dict[tuple[str, str], Bridge] = {}
        self._ends: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None

    def attach(self, place: Place, send: Send, *, writes: bool = True) -> Viewer:
        """An editor comes. The servers of `place` are started unless they run for another; then its root and servers count."""
        return self.start(place).attach(send, writes=writes)

    def place(self, session: str, language: str) -> Place | None:
        """Where servers of this language run already; None where it has to be looked up: also where some are missing and
        nobody would notice that they are looked for again."""
        bridge = self._bridges.get((session, language))
        return None if bridge is None or (bridge.place.missing and not bridge.viewers) else bridge.place

    def start(self, place: Place) -> Bridge:
        """The servers, before somebody comes: they wait for `warm` seconds."""
        key = (place.session, place.language)
        before = self._bridges.get(key)
        if before is not None and not before.viewers and [*before.place.servers] != [*place.servers]:
            self._end(key)
        if key not in self._bridges:
            self._bridges[key] = Bridge(place, self._timing)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="bridges without viewers")
        return self._bridges[key]

    def status(self, session: str | None = None) -> list[ServerStatus]:
        return [
            _status(bridge, server)
            for bridge in self._bridges.values()
            if session in (None, bridge.place.session)
            for server in bridge.servers
        ]

    def logs(self, session: str, language: str, server: str) -> list[str]:
        """What it said last, and what happened to it. Raises KeyError where there is no such server."""
        return list(self._server(session, language, server).log)

    def restart(self, session: str, language: str, server: str) -> None:
        """Raises KeyError where there is no such server."""
        self._server(session, language, server).restart()

    def files_changed(self, session: str, changes: Sequence[tuple[str, int]]) -> None:
        """(path relative to the working copy, 1 created, 2 changed, 3 deleted) for each."""
        for bridge in self._bridges.values():
            if bridge.place.session == session:
                bridge.files_changed(changes)

    async def end(self, session: str, language: str | None = None) -> None:
        """All servers of a session, or those of one language; their viewers are gone."""
        keys = [key for key in self._bridges if key[0] == session and language in (None, key[1])]
        await asyncio.gather(*(self._bridges.pop(key).end() for key in keys))

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        for session in {key[0] for key in self._bridges}:
            await self.end(session)
        if self._ends:
            await asyncio.wait(self._ends)

    def _server(self, session: str, language: str, server: str) -> Server:
        return {one.spec.name: one for one in self._bridges[session, language].servers}[server]

    async def _keep(self) -> None:
        """Ends the bridges that nobody has looked at for `warm` seconds."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._timing.tick)
            for key, bridge in list(self._bridges.items()):
                if bridge.left_at is not None and loop.time() - bridge.left_at > self._timing.warm:
                    self._end(key)

    def _end(self, key: tuple[str, str]) -> None:
        end = asyncio.create_task(self._bridges.pop(key).end())
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)


def _status(bridge: Bridge, server: Server) -> ServerStatus:
    return ServerStatus(
        session=bridge.place.session,
        language=bridge.place.language,
        server=server.spec.name,
        version=server.version,
        state=server.state,
        reason=server.reason,
        pid=server.pid,
        started_at=server.started_at,
        restarts=server.restarts,
        memory_bytes=server.memory,
        memory_limit=server.spec.memory_limit,
        viewers=len(bridge.viewers),
        documents=len(bridge.documents.by_key),
        pending=server.pending,
        dropped=server.dropped,
    )
