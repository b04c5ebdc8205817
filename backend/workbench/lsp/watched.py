"""Tells the language servers of a session what changes in its files while anybody has an editor open."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Final
from uuid import UUID

from backend.core.resources import Resources
from backend.workbench.files.service import folder_of
from backend.workbench.files.watch import CannotWatch, watching
from lsp_bridge.bridges import Bridges

_KINDS: Final = {"created": 1, "modified": 2, "deleted": 3}


class Watched:
    """One a server, in its event loop: a task for each session that somebody looks at."""

    def __init__(self, resources: Resources, bridges: Bridges) -> None:
        self._resources = resources
        self._bridges = bridges
        self._lookers: Counter[UUID] = Counter()
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    @contextlib.contextmanager
    def looking(self, session_id: UUID) -> Iterator[None]:
        self._lookers[session_id] += 1
        if self._lookers[session_id] == 1:
            self._tasks[session_id] = asyncio.create_task(self._tell(session_id), name="changes for language servers")
        try:
            yield
        finally:
            self._lookers[session_id] -= 1
            if not self._lookers[session_id]:
                del self._lookers[session_id]
                self._tasks.pop(session_id).cancel()

    def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    async def _tell(self, session_id: UUID) -> None:
        with contextlib.suppress(CannotWatch):
            async with watching(folder_of(self._resources, session_id)) as viewer:
                await viewer.started()
                async for changes in viewer.messages():
                    told = [(one.path, _KINDS[one.type]) for one in changes.events if one.path_b64 is None]
                    if told:
                        self._bridges.files_changed(str(session_id), told)
