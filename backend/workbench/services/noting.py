"""Where a start is: passed on to who waits for it, and kept on the row, in the order in which it was said."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final
from uuid import UUID

from backend.workbench.services.models import Stage
from runtimes.spec import Tell

_STAGES: Final = {"pulling": Stage.PULLING, "building": Stage.BUILDING, "installing": Stage.INSTALLING}


class Noting:
    """One a start. A driver tells it from its loop and does not wait, so each writing waits for the one before."""

    def __init__(
        self,
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        note: Callable[..., Coroutine[Any, Any, Any]],
        runtime_id: UUID,
        tell: Tell,
    ) -> None:
        self._spawn = spawn
        self._note = note
        self._id = runtime_id
        self._tell = tell
        self._last = ""
        self._writing: asyncio.Task[Any] | None = None
        self.closed = False

    def __call__(self, step: Any, *, percent: int | None = None, message: str = "") -> None:
        self._tell(step, percent=percent, message=message)
        if step != self._last and not self.closed:
            self._last = step
            self._writing = self._spawn(self._write(self._writing, _STAGES.get(step, Stage.STARTING)))

    async def _write(self, before: asyncio.Task[Any] | None, stage: Stage) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        if not self.closed:
            await self._note(self._id, state=stage)

    async def close(self) -> None:
        """Nothing of it is written after this."""
        self.closed = True
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
