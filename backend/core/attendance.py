"""Attendance: which sessions somebody looks at or talks to, so that those that nobody does can be put to rest.

The outermost layer counts every request and socket that names a session, the previews' gate every one to its apps. It is
this process's own: a session's sockets end where its terminals and services are.
"""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

_ID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_PATH = re.compile(rf"/api/v1/(?:workspace|sessions)/({_ID})(?!/idle)")  # who asks whether it is idle does not wake it
_QUERY = re.compile(rf"(?:^|&)session_id=({_ID})".encode())


def session_in(path: str, query: bytes) -> str | None:
    """The session (or workspace, which does no harm) that a request names."""
    if found := _PATH.match(path):
        return found[1]
    named = _QUERY.search(query) if query else None
    return named[1].decode() if named else None


class Attendance:
    """Keys are the ids of sessions, as text."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    @contextmanager
    def present(self, session_id: str) -> Iterator[None]:
        """Somebody is there until the block ends."""
        self.enter(session_id)
        try:
            yield
        finally:
            self.leave(session_id)

    def enter(self, session_id: str) -> None:
        self._open[session_id] += 1

    def leave(self, session_id: str) -> None:
        self._last[session_id] = time.monotonic()
        self._open[session_id] -= 1
        if not self._open[session_id]:
            del self._open[session_id]

    def away(self, session_id: UUID) -> float | None:
        """Seconds since somebody was last there, 0 while somebody is; None if nobody was since the server started."""
        key = str(session_id)
        if key in self._open:
            return 0.0
        last = self._last.get(key)
        return None if last is None else time.monotonic() - last

    def forget(self, older: float) -> None:
        """What was last seen more than so many seconds ago."""
        limit = time.monotonic() - older
        self._last = {key: last for key, last in self._last.items() if last > limit}
