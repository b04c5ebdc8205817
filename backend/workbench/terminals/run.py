"""One command for who has no terminal, such as a CI job with `curl`: it runs in one that others can watch and into which nobody
types, and is answered with its exit code and what it said. It ends when its caller goes.
"""

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from backend.core.auth import Actor, Credential
from backend.core.errors import Unauthorized, Unavailable
from backend.core.resources import Resources
from backend.workbench.terminals import schemas, service
from runtimes.frames import Exit, Lag
from runtimes.terminal import Terminal

MOST: Final = 1 << 20
"""Bytes of output in an answer: the last ones, where a failure stands."""

_LOOK_AGAIN: Final = 15.0  # seconds between two looks at whether the caller still may
_PLAIN: Final = {"TERM": "dumb", "PAGER": "cat", "GIT_PAGER": "cat"}
"""No colours, and no pager, which would wait for keys that nobody presses."""


class Restarting(Unavailable):
    """The server restarts and cannot say how the command ends: it goes on in the terminal that `details` name."""


class Said:
    """What a program has said so far: of much, the last part."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.truncated = False
        self.exit: Exit | None = None

    async def listen(self, terminal: Terminal) -> None:
        """Until its program has ended, or this server lets go of it."""
        restores = False
        with terminal.attach(after=0, acks=False, writes=False) as viewer:
            async for message in viewer.messages():
                if isinstance(message, Exit):
                    self.exit = message
                elif isinstance(message, Lag):
                    self.truncated = restores = True
                elif isinstance(message, bytes):
                    if not restores:  # else it is for a screen
                        self._keep(message)
                    restores = False

    def _keep(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > MOST:
            del self.data[:-MOST]
            self.truncated = True


async def run(
    resources: Resources,
    actor: Actor,
    session_id: UUID,
    data: schemas.Run,
    *,
    credential: Credential | None,
    gone: Callable[[], Awaitable[None]],
) -> schemas.Ran:
    """Runs it until it ends, its time is over, the caller hangs up (`gone` returns) or may not any more. Whatever it left running
    ends with it. Raises what opening a terminal raises, Unauthorized, MissingScope, Restarting."""
    session = await service.enter(resources, actor, session_id, service.WRITE)
    wanted = service.Wanted(data.service_id, _quietly(data), title=data.command, env=_PLAIN | data.env)
    terminal = await service.open_one(resources, actor, session, wanted)
    said = Said()
    waits: list[asyncio.Task[Any]] = [
        asyncio.ensure_future(said.listen(terminal)),
        asyncio.ensure_future(gone()),
        asyncio.ensure_future(_while_allowed(resources, session_id, credential)),
    ]
    try:
        done, _ = await asyncio.wait(waits, timeout=data.timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        if said.exit is None:
            for task in done:
                task.result()
            if resources.live.draining.is_set() or terminal.closed:
                raise Restarting(terminal_id=terminal.id)
        return _answer(said, timed_out=not done)
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        if not resources.live.draining.is_set() and not terminal.closed:
            await service.end(resources, session, terminal)


def _quietly(data: schemas.Run) -> str:
    """The command without line ends for a screen and with nothing to read, where it should run."""
    where = f"cd -- {shlex.quote(data.cwd)} || exit; " if data.cwd else ""
    return f"stty -onlcr 2>/dev/null; exec </dev/null; {where}{data.command}"


async def _while_allowed(resources: Resources, session_id: UUID, credential: Credential | None) -> None:
    """Returns when the server is about to end; raises when the caller may not any more."""
    with resources.live.bell("access") as bell:
        while not resources.live.draining.is_set():
            actor = await resources.authenticate(credential) if credential else None
            if actor is None:
                raise Unauthorized
            await service.enter(resources, actor, session_id, service.WRITE)
            await bell.wait(_LOOK_AGAIN)


def _answer(said: Said, *, timed_out: bool) -> schemas.Ran:
    code, name = (said.exit.code, said.exit.signal) if said.exit else (None, None)
    return schemas.Ran(
        exit_code=code if isinstance(code, int) else None,
        exit_signal=name if isinstance(name, str) else None,
        output=said.data.decode("utf-8", "replace"),
        truncated=said.truncated,
        timed_out=timed_out,
    )
