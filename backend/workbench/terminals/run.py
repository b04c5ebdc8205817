"""One command for who has no terminal, such as a CI job with `curl`: it runs in one that others can watch and into which nobody
types, and is answered with its exit code and what it said, at its end or as it comes. It ends when its caller goes.
"""

import asyncio
import codecs
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

from backend.core.auth import Actor, Credential
from backend.core.errors import Unauthorized, Unavailable
from backend.core.resources import Resources
from backend.workbench.terminals import schemas, service
from backend.workbench.terminals.repository import Entrance
from runtimes.frames import Exit, Lag
from runtimes.terminal import Terminal

MOST: Final = 1 << 20
"""Bytes of output in an answer: the last ones, where a failure stands."""

KEEP_ALIVE: Final = 15.0
"""Seconds of silence after which who hears it as it comes is told that it goes on: proxies cut what is quiet for long."""

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
                        await self.hear(message)
                    restores = False

    async def hear(self, data: bytes) -> None:
        self.data += data
        if len(self.data) > MOST:
            del self.data[:-MOST]
            self.truncated = True


class Heard(Said):
    """What a program says, for who hears it as it comes. Who hears slowly is waited for, as far as the terminal keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(4)

    async def hear(self, data: bytes) -> None:
        await self._chunks.put(data)

    async def until(self, end: asyncio.Future[Any]) -> AsyncIterator[bytes]:
        """What it says until `end` is done; nothing (b"") after each KEEP_ALIVE of silence."""
        while not (end.done() and self._chunks.empty()):
            next_one = asyncio.ensure_future(self._chunks.get())
            try:
                await asyncio.wait((next_one, end), timeout=KEEP_ALIVE, return_when=asyncio.FIRST_COMPLETED)
                if next_one.done():
                    yield next_one.result()
                elif not end.done():
                    yield b""
            finally:
                next_one.cancel()


class Caller(NamedTuple):
    """Who waits for a command: by what they were let in, and what returns when they have hung up."""

    credential: Credential | None
    gone: Callable[[], Awaitable[None]]


class Begun(NamedTuple):
    """A command that runs."""

    session: Entrance
    terminal: Terminal
    timeout: float


async def begin(resources: Resources, actor: Actor, session_id: UUID, data: schemas.Run) -> Begun:
    """Starts it. Raises what opening a terminal raises."""
    session = await service.enter(resources, actor, session_id, service.WRITE)
    wanted = service.Wanted(data.service_id, _quietly(data), title=data.command, env=_PLAIN | data.env)
    return Begun(session, await service.open_one(resources, actor, session, wanted), data.timeout_seconds)


async def answer(resources: Resources, begun: Begun, caller: Caller) -> schemas.Ran:
    """How it ended and what it said. Raises Unauthorized, MissingScope, Restarting."""
    said = Said()
    ended = await _to_the_end(resources, begun, caller, said)
    return schemas.Ran(
        exit_code=ended.exit_code,
        exit_signal=ended.exit_signal,
        truncated=ended.truncated,
        timed_out=ended.timed_out,
        output=said.data.decode("utf-8", "replace"),
    )


def tell(resources: Resources, begun: Begun, caller: Caller) -> AsyncIterator[str | schemas.Ended]:
    """What it says as it comes, an empty text now and then while it says nothing, and how it ended. Raises as `answer` does. It
    ends with its caller even where nobody takes the first word."""
    heard = Heard()
    return _tell(heard, asyncio.ensure_future(_to_the_end(resources, begun, caller, heard)))


async def _tell(heard: Heard, end: asyncio.Future[schemas.Ended]) -> AsyncIterator[str | schemas.Ended]:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    async for data in heard.until(end):
        yield decode(data)
    if rest := decode(b"", final=True):
        yield rest
    yield end.result()


async def _to_the_end(resources: Resources, begun: Begun, caller: Caller, said: Said) -> schemas.Ended:
    """Until it has ended, its time is over, the caller hangs up or may not any more. Whatever it left running ends with it."""
    session, terminal, timeout = begun
    waits: list[asyncio.Task[Any]] = [
        asyncio.ensure_future(said.listen(terminal)),
        asyncio.ensure_future(caller.gone()),
        asyncio.ensure_future(_while_allowed(resources, session.id, caller.credential)),
    ]
    try:
        done, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if said.exit is None:
            for task in done:
                task.result()
            if resources.live.draining.is_set() or terminal.closed:
                raise Restarting(terminal_id=terminal.id)
        return _ended(said, timed_out=not done)
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


def _ended(said: Said, *, timed_out: bool) -> schemas.Ended:
    code, name = (said.exit.code, said.exit.signal) if said.exit else (None, None)
    return schemas.Ended(
        exit_code=code if isinstance(code, int) else None,
        exit_signal=name if isinstance(name, str) else None,
        truncated=said.truncated,
        timed_out=timed_out,
    )
