"""All terminals of one server: the connection to the keeper, and a `Terminal` for each shell that it keeps."""

import array
import asyncio
import contextlib
import fcntl
import json
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from runtimes import keeper
from runtimes.processes import relatives
from runtimes.ring import BadRing, Ring
from runtimes.terminal import Control, Terminal, Typing

FORGET_AFTER: Final = 3600.0  # seconds that an exited terminal's output can still be looked at

_ANSWER_WITHIN = 30.0  # seconds
_START_WITHIN = 5.0  # seconds
_log = logging.getLogger(__name__)

Message = dict[str, Any]


class KeeperRefused(Exception):
    """The keeper cannot do what was asked; `code` is its word for the reason (`not_found`, `ENOENT`, …)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeeperLost(Exception):
    """The keeper is gone, or does not answer."""


class InUse(Exception):
    """Another server reads these terminals; two would each get half of the output."""


class Terminals:
    """Opened once a server, in its event loop; `directory` is the data directory (DATA/keeper and DATA/terminals are
    used)."""

    def __init__(self, directory: str, *, control_for: Callable[[Message], Control] | None = None) -> None:
        """`control_for` finds the control of an adopted stream again, by its labels."""
        self._control_for = control_for
        self._keeper_directory = os.path.join(directory, "keeper")
        self._ring_directory = os.path.join(directory, "terminals")
        self._terminals: dict[str, Terminal] = {}
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._early_exits: dict[str, Message] = {}  # of terminals that are still being made
        self._expiry: dict[str, asyncio.TimerHandle] = {}
        self._typing = Typing()
        self._lock = -1
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Find the keeper, or start one, and take back what it keeps. KeeperLost where none can be had; InUse."""
        os.makedirs(self._ring_directory, mode=0o700, exist_ok=True)
        self._lock = os.open(self._ring_directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            await self._take_back()
        except BlockingIOError:
            self.leave()
            raise InUse(f"another server has the terminals in {self._ring_directory}") from None
        except BaseException:
            self.leave()
            raise

    async def _take_back(self) -> None:
        connection = await self._keeper()
        for answer, descriptor in await connection.ask("list"):
            if descriptor is not None:
                self._take(answer["terminal"], descriptor, self._ring(answer["terminal"]["id"]))
        for name in os.listdir(self._ring_directory):
            if name.removesuffix(".ring") not in self._terminals:
                os.unlink(os.path.join(self._ring_directory, name))

    def find(self, terminal_id: str) -> Terminal | None:
        return self._terminals.get(terminal_id)

    def __iter__(self) -> Iterator[Terminal]:
        return iter(list(self._terminals.values()))

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        cols: int = 80,
        rows: int = 24,
        labels: Message | None = None,
    ) -> Terminal:
        """Start a program on a new PTY. KeeperRefused where it cannot be started.

        `env` is all of its environment (see `shell_environment`); `labels` is JSON that stays with the terminal.
        """
        terminal_id = uuid4().hex
        ring = self._ring(terminal_id)
        fields = {"argv": list(argv), "cwd": cwd, "env": dict(env), "cols": cols, "rows": rows, "labels": labels or {}}
        return await self._make(terminal_id, ring, "spawn", fields)

    async def adopt(
        self, stream: int, *, control: Control, cols: int = 80, rows: int = 24, labels: Message
    ) -> Terminal:
        """Make a terminal of a stream that somebody else opened (a container's TTY); the descriptor is ours from now.

        The keeper holds a duplicate, so that the stream lives on; a restarted server gets `control` from `control_for`.
        """
        terminal_id = uuid4().hex
        ring = self._ring(terminal_id)
        fields = {"cols": cols, "rows": rows, "labels": labels}
        return await self._make(terminal_id, ring, "adopt", fields, stream=stream, control=control)

    async def close(self, terminal_id: str, *, grace: float = 1.0) -> None:
        """End everything that runs in a terminal and forget it: SIGHUP, and SIGKILL after `grace` seconds.

        Gone already is no error.
        """
        if terminal_id in self._terminals:
            await self._close(terminal_id, grace)

    async def _close(self, terminal_id: str, grace: float) -> None:
        terminal = self._terminals.get(terminal_id)
        if terminal is not None:
            await _end_elsewhere(terminal)
        try:
            connection = await self._keeper()
            [(answer, _)] = await connection.ask("close", terminal=terminal_id, grace=grace)
            if answer["left"]:
                _log.warning("terminal %s: processes %s cannot be ended", terminal_id, answer["left"])
        except KeeperRefused as error:
            if error.code != "not_found":
                raise
        self._forget(terminal_id)

    async def close_all(self, label: str, value: str) -> None:
        """Close every terminal with that label; also those of a server beside us, whose keeper we share."""
        connection = await self._keeper()
        found = []
        for answer, descriptor in await connection.ask("list"):
            if descriptor is not None:
                os.close(descriptor)
                record = answer["terminal"]
                found += [record["id"]] if record["labels"].get(label) == value else []
        await asyncio.gather(*(self._close(terminal_id, 1.0) for terminal_id in found))

    async def end(self) -> None:
        """End all terminals and the keeper, whether open or left already."""
        ends = await asyncio.gather(*(_end_elsewhere(terminal) for terminal in self), return_exceptions=True)
        for failed in filter(None, ends):
            _log.warning("a terminal's program could not be ended: %s", failed)
        connection = await self._keeper()
        with contextlib.suppress(KeeperLost):
            await connection.ask("end")
        for terminal_id in list(self._terminals):
            self._forget(terminal_id)
        self.leave()
        for name in os.listdir(self._ring_directory):
            os.unlink(os.path.join(self._ring_directory, name))

    def leave(self) -> None:
        """Let go of everything; keeper and shells go on. Another server may take over from now."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for timer in self._expiry.values():
            timer.cancel()
        for terminal in self._terminals.values():
            terminal.close()
        self._terminals.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- the keeper's side

    async def _keeper(self) -> "_Connection":
        async with self._connecting:
            for last in (False, True):  # one that keeps nothing may end just as it is reached
                if self._connection is not None:
                    break
                link = await asyncio.to_thread(reach, self._keeper_directory)
                connection = _Connection(link, on_exit=self._exited, on_lost=self._lost)
                try:
                    await connection.ask("hello", version=keeper.VERSION)
                    self._connection = connection
                except BaseException as error:
                    connection.close()
                    if last or not isinstance(error, KeeperLost):
                        raise
            assert self._connection is not None
            return self._connection

    async def _make(
        self,
        terminal_id: str,
        ring: Ring,
        verb: str,
        fields: Message,
        *,
        stream: int = -1,
        control: Control | None = None,
    ) -> Terminal:
        try:
            connection = await self._keeper()
            [(answer, master)] = await connection.ask(verb, stream, terminal=terminal_id, **fields)
        except BaseException:
            ring.close()
            os.unlink(ring.path)
            raise
        return self._take(answer["terminal"], stream if master is None else master, ring, control)

    def _take(self, record: Message, descriptor: int, ring: Ring, control: Control | None = None) -> Terminal:
        terminal_id = record["id"]
        if control is None and record["pid"] is None and self._control_for is not None:
            control = self._control_for(record["labels"])
        control = control or _Kept(self, terminal_id)
        terminal = self._terminals[terminal_id] = Terminal(
            terminal_id,
            descriptor,
            ring,
            control,
            record=record,
            typing=self._typing,
            on_stream_end=self._stream_ended if record["pid"] is None else None,
        )
        status = self._early_exits.pop(terminal_id, None) or record["exit"]
        if status is not None:
            self._exited(terminal_id, status)
        return terminal

    def _ring(self, terminal_id: str) -> Ring:
        path = os.path.join(self._ring_directory, f"{terminal_id}.ring")
        try:
            return Ring(path)
        except BadRing as error:
            _log.warning("%s: its history is lost", error)
            os.unlink(path)
            return Ring(path)

    def _exited(self, terminal_id: str, status: Message) -> None:
        terminal = self._terminals.get(terminal_id)
        if terminal is None:
            self._early_exits[terminal_id] = status
            return
        terminal.finish(status)
        loop = asyncio.get_running_loop()
        self._expiry[terminal_id] = loop.call_later(FORGET_AFTER, self._expire, terminal_id)

    def _stream_ended(self, terminal: Terminal) -> None:
        self._spawn(self._ask_status(terminal))

    async def _ask_status(self, terminal: Terminal) -> None:
        """Who made the stream knows how its program ended; a program may outlive its stream for a moment."""
        status = None
        for _ in range(50):
            if (status := await terminal.status()) is not None:
                break
            await asyncio.sleep(0.1)
        self._exited(terminal.id, status or {"signal": "SIGHUP"})

    def _expire(self, terminal_id: str) -> None:
        self._spawn(self.close(terminal_id))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lost(self) -> None:
        """The keeper was killed, and with it the exit codes: hang up what ran. The next spawn starts another keeper."""
        self._connection = None
        _log.error("the terminals' keeper is gone; %d terminals ended", len(self._terminals))
        for terminal in self:
            if terminal.exit is None:
                self._exited(terminal.id, {"signal": "SIGHUP"})
            terminal.hang_up()
            if terminal.pid is not None:
                for pid in relatives(terminal.id, terminal.pid):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)

    def _forget(self, terminal_id: str) -> None:
        if (timer := self._expiry.pop(terminal_id, None)) is not None:
            timer.cancel()
        if (terminal := self._terminals.pop(terminal_id, None)) is not None:
            if terminal.exit is None:
                terminal.finish({"signal": "SIGHUP"})  # it was hung up, and nobody could say how it took that
            terminal.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(terminal.ring.path)


class _Kept(Control):
    """The control of a PTY that the keeper owns."""

    def __init__(self, terminals: Terminals, terminal_id: str) -> None:
        self._terminals = terminals
        self._id = terminal_id

    async def resize(self, cols: int, rows: int) -> None:
        await self._ask("resize", cols=cols, rows=rows)

    async def signal(self, name: str) -> None:
        await self._ask("signal", name=name)

    async def _ask(self, verb: str, **fields: Any) -> None:
        try:
            connection = await self._terminals._keeper()
            await connection.ask(verb, terminal=self._id, **fields)
        except (KeeperRefused, KeeperLost) as error:
            _log.info("terminal %s: %s: %s", self._id, verb, error)  # it ended meanwhile: its viewers are told that


class _Connection:
    """Requests and answers over the keeper's socket. `on_lost` is called once when the keeper goes, not when we
    close."""

    def __init__(
        self, link: socket.socket, *, on_exit: Callable[[str, Message], None], on_lost: Callable[[], None]
    ) -> None:
        self._link = link
        self._on_exit = on_exit
        self._on_lost = on_lost
        self._last = 0
        self._waiting: dict[int, tuple[asyncio.Future[None], list[tuple[Message, int | None]]]] = {}
        self._loop = asyncio.get_running_loop()
        link.setblocking(False)
        self._loop.add_reader(link.fileno(), self._readable)

    async def ask(self, verb: str, descriptor: int = -1, /, **fields: Any) -> list[tuple[Message, int | None]]:
        """Send a request; return its answers, each with the descriptor that came along."""
        self._last += 1
        number = self._last
        packet = json.dumps({"id": number, "verb": verb, **fields}).encode() + b"\n"
        if len(packet) > keeper.PACKET:
            raise KeeperRefused("too_long", f"arguments and environment have {keeper.PACKET} bytes at most")
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))] if descriptor >= 0 else []
        future: asyncio.Future[None] = self._loop.create_future()
        answers: list[tuple[Message, int | None]] = []
        self._waiting[number] = future, answers
        try:
            self._link.sendmsg([packet], rights)
            async with asyncio.timeout(_ANSWER_WITHIN + fields.get("grace", 0)):
                await future
        except (OSError, TimeoutError) as error:  # (TimeoutError is one, too; said for the reader)
            raise KeeperLost(f"the keeper does not answer: {error!r}") from error
        finally:
            del self._waiting[number]
        return answers

    def close(self) -> None:
        if self._link.fileno() >= 0:
            self._loop.remove_reader(self._link.fileno())
            self._link.close()
            for future, _ in self._waiting.values():
                if not future.done():
                    future.set_exception(KeeperLost("the keeper is gone"))

    def _readable(self) -> None:
        try:
            while True:
                data, descriptors, _, _ = socket.recv_fds(self._link, keeper.PACKET, 1, socket.MSG_CMSG_CLOEXEC)
                if not data:
                    break
                self._handle(json.loads(data), descriptors[0] if descriptors else None)
        except BlockingIOError:
            return
        except OSError:
            pass
        if self._link.fileno() >= 0:
            self.close()
            self._on_lost()

    def _handle(self, message: Message, descriptor: int | None) -> None:
        if message.get("event") == "exit":
            self._on_exit(message["terminal"], message["exit"])
            return
        future, answers = self._waiting.get(message.get("id", 0), (None, []))
        if future is None or future.done():
            if descriptor is not None:
                os.close(descriptor)
        elif "error" in message:
            future.set_exception(KeeperRefused(message["code"], message["error"]))
        else:
            answers.append((message, descriptor))
            if not message.get("more"):
                future.set_result(None)


async def _end_elsewhere(terminal: Terminal) -> None:
    """Ends a program that is no child of the keeper's: it would live on in its container without a terminal."""
    if terminal.pid is None and terminal.exit is None:
        await terminal.end()


def reach(directory: str) -> socket.socket:
    """A socket to the keeper of `directory`, started if none answers. Blocks. KeeperLost where that fails."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for attempt in range(int(_START_WITHIN / 0.05)):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with keeper.short(directory) as base:
                link.connect(f"{base}/keeper.sock")
            if keeper.peer_uid(link) != os.geteuid():
                raise KeeperLost("the keeper's socket belongs to another user")
            return link
        except (FileNotFoundError, ConnectionError):
            link.close()
        except BaseException:
            link.close()
            raise
        if attempt % 20 == 0:
            _start(directory)
        else:
            time.sleep(0.05)
    raise KeeperLost(f"no keeper answers in {directory}; see keeper.log there")


def _start(directory: str) -> None:
    """Run the keeper as a program of its own; it detaches, and this returns once its socket answers."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    environment["PYTHONPATH"] = os.path.dirname(os.path.dirname(keeper.__file__))
    with open(os.path.join(directory, "keeper.log"), "ab") as log:
        subprocess.run(
            [sys.executable, "-s", "-P", "-m", "runtimes.keeper", directory],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=False,
        )


def shell_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a shell starts with: nothing of the server's own settings."""
    user = _user()
    base = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.environ.get("HOME") or (user.pw_dir if user else "/"),
        "USER": user.pw_name if user else str(os.getuid()),
        "LOGNAME": user.pw_name if user else str(os.getuid()),
        "SHELL": default_shell(),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    return base | dict(extra or {})


def default_shell() -> str:
    """The user's login shell, else bash, else sh."""
    user = _user()
    candidates = (user.pw_shell if user else "", "bash")
    return next((found for name in candidates if name and (found := shutil.which(name))), "/bin/sh")


def _user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None  # a container may run as a uid that has no entry
