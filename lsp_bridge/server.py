"""One language server: its process, the ids of what it was asked, and what happens when it ends, hangs or talks nonsense."""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import msgspec

from lsp_bridge import capabilities, rpc
from lsp_bridge.catalog import ServerSpec
from lsp_bridge.framing import FramingError, TooLarge, Unframer, frame
from lsp_bridge.paths import Paths
from lsp_bridge.process import Process, Spawn
from lsp_bridge.rpc import Message

State = Literal["starting", "ready", "unresponsive", "restarting", "failed", "stopped"]

_LOG_LINES: Final = 1000
_LOG_LINE: Final = 2000
_BACKLOG: Final = 64 * 1024 * 1024
_NONSENSE: Final = 20
_FLOOD: Final = 500
_REST: Final = 0.05
_HEAD: Final = 512
_VERSION: Final = re.compile(r"\d+\.\d+[\w.+-]*")
_LAST_WORDS: Final = 20
_LAST_WORD: Final = 200
_ERROR: Final = re.compile("error|exception|panic", re.IGNORECASE)
_HEAD_ID: Final = re.compile(rb'"id"\s*:\s*(\d{1,18})')


@dataclass(frozen=True)
class Timing:
    """In seconds. `warm`: without viewers before it ends; `linger`: before the documents of a viewer that dropped are closed.

    `quiet`: a question without an answer and no other sign of life before it is called unresponsive, twice as long while it
    starts; `answer`: before a question is given up, and the server too if it said nothing at all meanwhile; `start`: for its
    initialisation.
    `back_off`: before each start after a crash; after the last, and crashes within `memory_of_crashes`, it stays down.
    `merge`: how long one server's answer waits for the others'; `sample`: between looks at its memory.
    """

    warm: float = 300.0
    linger: float = 60.0
    quiet: float = 10.0
    answer: float = 60.0
    start: float = 60.0
    back_off: Sequence[float] = (0.0, 1.0, 2.0, 5.0, 15.0, 30.0)
    memory_of_crashes: float = 300.0
    merge: float = 1.0
    sample: float = 10.0
    tick: float = 1.0


class Hears(Protocol):
    """Whoever has servers."""

    def server_changed(self, server: "Server") -> None:
        """Its state is another."""
        ...

    def server_ready(self, server: "Server") -> None:
        """It is initialised, and has not been told of a document yet."""
        ...

    def server_told(self, server: "Server", method: str, params: bytes) -> None: ...

    def server_asked(self, server: "Server", raw_id: bytes, method: str, params: bytes) -> None: ...


@dataclass(slots=True)
class Asked:
    """A question that the server has not answered."""

    method: str
    at: float
    done: Callable[[Message], None]


@dataclass
class Server:
    spec: ServerSpec
    argv: Sequence[str]
    paths: Paths
    env: Mapping[str, str]
    spawn: Spawn
    timing: Timing
    hears: Hears

    state: State = "starting"
    reason: str = ""
    restarts: int = 0
    started_at: float | None = None
    memory: int | None = None
    dropped: int = 0
    version: str = ""
    capabilities: dict[str, Any] = field(default_factory=dict)
    registered: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """id of a dynamic registration → its method and options."""
    sync: tuple[int, bool, bool] = (0, False, False)
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))

    def __post_init__(self) -> None:
        self._number = 0
        self._pending: dict[int, Asked] = {}
        self._waiting: list[bytes] = []  # requests for when it is ready
        self._process: Process | None = None
        self._heard = time.monotonic()
        self._up = False  # initialised: what is sent is written at once
        self._ending = False
        self._again = asyncio.Event()
        self._broken: asyncio.Future[str] | None = None
        self._nonsense = 0
        self._second = (0, 0)  # which one, and notifications in it
        self._complaints: deque[str] = deque(maxlen=_LAST_WORDS)  # the last lines of its standard error
        self._silenced = asyncio.Event()  # its standard error has ended
        self._life = asyncio.create_task(self._run(), name=f"language server {self.spec.name}")

    # -- what it is asked and told ---------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def pending(self) -> int:
        return len(self._pending)

    def answers(self, method: str) -> bool:
        """Whether it says that it does, at its start or later."""
        name = capabilities.registered_as(method)
        if self.capabilities.get(capabilities.PROVIDERS.get(name, "")) not in (None, False):  # {} says yes
            return True
        return any(method_ == name for method_, _ in self.registered.values())

    def ask(self, method: str, params: bytes, done: Callable[[Message], None]) -> int:
        """`done` is called once, with the answer or with an error of ours. The number is for `cancel`."""
        self._number += 1
        number = self._number
        if self.state in ("failed", "stopped"):
            asyncio.get_running_loop().call_soon(done, _failed(f"{self.spec.name}: {self.reason or 'it does not run'}"))
            return number
        self._pending[number] = Asked(method, time.monotonic(), done)
        body = rpc.request(number, method, params)
        if self._up:
            self._write(body)
        else:
            self._waiting.append(body)
        return number

    def cancel(self, number: int) -> None:
        if number in self._pending:
            self.tell("$/cancelRequest", b'{"id":%d}' % number)

    def tell(self, method: str, params: bytes) -> None:
        """Nothing while it is not ready: whoever has documents tells of them when it becomes so."""
        if self._up:
            self._write(rpc.notification(method, params))

    def answer(self, raw_id: bytes, result: bytes) -> None:
        self._write(rpc.answer(raw_id, result))

    def refuse(self, raw_id: bytes, code: int, message: str) -> None:
        self._write(rpc.failure(raw_id, rpc.error(code, message)))

    def _write(self, body: bytes) -> None:
        if self._process is not None:
            self._process.write(frame(body))

    # -- its life --------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """At once, whatever its state; crashes are forgotten."""
        self._again.set()
        self.break_off("")

    def break_off(self, reason: str) -> None:
        """Ends the process, which counts as a crash if there is a reason."""
        if self._broken is not None and not self._broken.done():
            self._broken.set_result(reason)

    async def stop(self) -> None:
        """Asks it to shut down, then ends it."""
        self._ending = True
        if self._up and self._process is not None:
            with contextlib.suppress(TimeoutError):
                left: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
                self.ask("shutdown", rpc.NULL, lambda message: None if left.done() else left.set_result(message))
                async with asyncio.timeout(2):
                    await left
                self.tell("exit", rpc.NULL)
                async with asyncio.timeout(2):
                    await self._process.wait()
        self._life.cancel()
        await asyncio.wait([self._life])
        self._become("stopped", "")

    def _become(self, state: State, reason: str) -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._note(f"{state}{': ' if reason else ''}{reason}")
            self.hears.server_changed(self)

    def _note(self, text: str) -> None:
        for line in text.splitlines()[:100]:
            self.log.append(f"{time.strftime('%H:%M:%S', time.gmtime())} {line[:_LOG_LINE]}")

    async def _run(self) -> None:
        crashes: deque[float] = deque(maxlen=len(self.timing.back_off) + 1)
        while not self._ending:
            reason = await self._live()
            if self._ending:
                return
            self._forget(reason or "it is being started again")
            now = time.monotonic()
            while crashes and now - crashes[0] > self.timing.memory_of_crashes:
                crashes.popleft()
            if reason:
                crashes.append(now)
            if len(crashes) > len(self.timing.back_off):
                self._become("failed", f"it ended {len(crashes)} times in a row; at last: {reason}")
                await self._again.wait()
            elif reason:
                delay = self.timing.back_off[len(crashes) - 1]
                self._become("restarting", f"{reason}; the next start is in {delay:g} s")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._again.wait()
            if self._again.is_set():
                self._again.clear()
                crashes.clear()
            self.restarts += 1
            self._become("starting", "")

    async def _live(self) -> str:
        """From its start to its end, and why it ended; empty if that was asked for."""
        self._broken = asyncio.get_running_loop().create_future()
        self._nonsense = 0
        self._complaints.clear()
        self._silenced.clear()
        try:
            self._process = process = await self.spawn(self.argv, self.paths.root, self.env)
        except OSError as error:
            return f"it cannot be started: {error.strerror or error}"
        self.started_at, self._heard = time.time(), time.monotonic()
        tasks = [
            asyncio.create_task(one) for one in (self._listen(process), self._errors(process), self._watch(process))
        ]
        try:
            self._initialise()
            return await self._broken
        finally:
            self._up = False
            self._process = None
            self.memory = None
            process.kill()
            for task in tasks:
                task.cancel()
            await asyncio.wait([*tasks, asyncio.create_task(process.wait())])

    def _forget(self, reason: str) -> None:
        """Everything that was asked is answered: with an error."""
        self._waiting.clear()
        pending, self._pending = self._pending, {}
        for asked in pending.values():
            asked.done(_failed(f"{self.spec.name}: {reason}"))

    def _initialise(self) -> None:
        uri = self.paths.uri
        params = {
            "processId": None,  # it may run where our number means another process
            "clientInfo": {"name": "codeyard"},
            "rootPath": self.paths.root,
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": "workspace"}],
            "capabilities": capabilities.CLIENT,
            "initializationOptions": self.spec.options,
        }
        self._number += 1
        self._pending[self._number] = Asked("initialize", time.monotonic(), self._initialised)
        self._write(rpc.request(self._number, "initialize", rpc.encode(params)))

    def _initialised(self, message: Message) -> None:
        class Answer(msgspec.Struct):
            capabilities: dict[str, Any] = {}
            serverInfo: dict[str, Any] = {}  # noqa: N815  (the protocol's name)

        try:
            answer = msgspec.json.decode(message.result, type=Answer)
        except msgspec.DecodeError:
            said = bytes(message.error)[:300].decode(errors="replace") or "no capabilities"
            return self.break_off(f"it does not initialise: {said}")
        self.capabilities = {k: v for k, v in answer.capabilities.items() if k not in self.spec.without}
        self.sync = capabilities.synchronised(answer.capabilities)
        self.version = version_in(str(answer.serverInfo.get("version", "")))
        self._up = True
        self.tell("initialized", b"{}")
        if self.spec.settings:
            self.tell("workspace/didChangeConfiguration", rpc.encode({"settings": self.spec.settings}))
        self.hears.server_ready(self)
        self._become("ready", "")
        waiting, self._waiting = self._waiting, []
        for body in waiting:
            self._write(body)
        return None

    # -- what it says ----------------------------------------------------------------------------------------------

    async def _listen(self, process: Process) -> None:
        unframer = Unframer()
        try:
            while piece := await process.read():
                self._heard = time.monotonic()
                if self.state == "unresponsive":
                    self._become("ready" if self._up else "starting", "")
                for body in unframer.feed(piece):
                    if isinstance(body, TooLarge):
                        self._too_large(body)
                    else:
                        self._hear(body)
                if self._second[1] > _FLOOD:
                    await asyncio.sleep(_REST)  # it waits until it is read; nobody else waits for it
        except FramingError as error:
            return self.break_off(f"it does not speak the protocol: {error}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                code = await process.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REST):  # whatever it started may hold it open
                    await self._silenced.wait()
            return self.break_off(f"it ended with {how_it_ended(code, self._complaints)}")
        return self.break_off("it closed its output")

    def _hear(self, body: bytes) -> None:
        try:
            message = rpc.read(body)
            raw_id = rpc.id_of(message)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            self._nonsense += 1
            self.dropped += 1
            self._note(f"not a message ({error}): {body[:200]!r}")
            self._unreadable(body[:_HEAD], "its answer cannot be read")
            if self._nonsense >= _NONSENSE:
                self.break_off(f"{_NONSENSE} of its messages were none")
            return
        if message.method is None:
            asked = self._pending.pop(int(raw_id), None) if raw_id and raw_id.isdigit() else None
            if asked is not None:
                asked.done(message)
            return
        if raw_id is None:
            floods = self._is_flood()
            if message.method == "window/logMessage":
                self._log(bytes(message.params))
            elif floods and message.method != "textDocument/publishDiagnostics":  # of those the last one counts
                self.dropped += 1
            else:
                self.hears.server_told(self, message.method, bytes(message.params))
            return
        self.hears.server_asked(self, raw_id, message.method, bytes(message.params))

    def _log(self, params: bytes) -> None:
        with contextlib.suppress(msgspec.MsgspecError, AttributeError):
            self._note(str(rpc.value(params).get("message", "")))

    def _is_flood(self) -> bool:
        """Whether a notification is one of too many in this second."""
        second = int(self._heard)
        self._second = (second, self._second[1] + 1 if self._second[0] == second else 1)
        if self._second[1] == _FLOOD + 1:
            self._note(f"more than {_FLOOD} notifications in a second: the others are dropped")
        return self._second[1] > _FLOOD

    def _too_large(self, body: TooLarge) -> None:
        self.dropped += 1
        self._note(f"a message of {body.length} bytes is too large: {body.head[:80]!r}")
        self._unreadable(body.head, f"its answer of {body.length >> 20} MiB is too large")

    def _unreadable(self, head: bytes, why: str) -> None:
        """If it looks like an answer, whoever asked does not wait for another."""
        number = _HEAD_ID.search(head)
        asked = self._pending.pop(int(number[1]), None) if number and b'"method"' not in head else None
        if asked is not None:
            asked.done(_failed(f"{self.spec.name}: {why}"))

    async def _errors(self, process: Process) -> None:
        rest = b""
        while piece := await process.read_errors():
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()[-_LOG_LINE:]
            for line in lines[-_LOG_LINES:]:
                self._complain(line.decode(errors="replace").rstrip("\r"))
        if rest:
            self._complain(rest.decode(errors="replace"))
        self._silenced.set()

    def _complain(self, line: str) -> None:
        self._note(line)
        if line.strip():
            self._complaints.append(line.strip()[:_LAST_WORD])

    # -- watching --------------------------------------------------------------------------------------------------

    async def _watch(self, process: Process) -> None:
        sample_at, backlog = time.monotonic() + self.timing.tick, 0
        while True:
            now = time.monotonic()
            if now >= sample_at:
                self.memory = await process.memory()
                sample_at = now + self.timing.sample
                if self.memory is not None and self.memory > self.spec.memory_limit:
                    self.break_off(
                        f"it used {self.memory >> 20} MB of memory, more than its {self.spec.memory_limit >> 20}"
                    )
            backlog, before = process.unwritten(), backlog
            if backlog > _BACKLOG and backlog >= before > 0:
                self.break_off("it does not read what it is sent")
            self._give_up(now)
            await asyncio.sleep(self.timing.tick)

    def _give_up(self, now: float) -> None:
        """What has waited for too long."""
        oldest = next(iter(self._pending.values()), None)
        if oldest is None:
            return None
        silent = now - max(self._heard, oldest.at)
        limit = self.timing.answer if self._up else self.timing.start
        if silent > limit:
            return self.break_off(f"it said nothing for {silent:.0f} s")
        if silent > self.timing.quiet * (1 if self._up else 2):
            self._become("unresponsive", f"it has not answered {oldest.method} yet")
        for number, asked in list(self._pending.items()):
            if now - asked.at < limit:
                break
            self.cancel(number)
            del self._pending[number]
            asked.done(_failed(f"{self.spec.name}: no answer in {limit:g} s"))
        return None


def how_it_ended(code: int, complaints: Sequence[str]) -> str:
    """What its exit code means (128 and more is an engine's word for a signal), and what it said of it."""
    signal = -code if code < 0 else code - 128
    if signal in (9, 15):
        return f"signal {signal}"  # somebody else's doing
    words = next((one for one in reversed(complaints) if _ERROR.search(one)), complaints[-1] if complaints else "")
    return (f"signal {signal}" if 0 < signal <= 64 else f"exit code {code}") + (f": {words}" if words else "")


def version_in(said: str) -> str:
    """gopls says JSON, clangd a sentence."""
    if said.startswith("{"):
        with contextlib.suppress(msgspec.MsgspecError, AttributeError):
            said = str(rpc.value(said.encode()).get("Version", ""))
    number = _VERSION.search(said)
    return (number[0] if number else said)[:40]


def _failed(message: str) -> Message:
    return Message(error=msgspec.Raw(rpc.error(rpc.REQUEST_FAILED, message)))
