"""The keeper: a small process that owns the shells, so that the server may crash, be killed or be replaced without
them noticing.

It runs as a program of its own (`python -m runtimes.keeper DIRECTORY`; standard library and ptyprocess only), spawns and
reaps what runs on PTYs, keeps a duplicate of each PTY's master, and answers on the Unix socket DIRECTORY/keeper.sock
(SOCK_SEQPACKET, only for its own uid). No byte of output passes through it.

A packet is one line of JSON. Requests `{"id", "verb", …}` are answered by `{"id", "ok": true, …}` or
`{"id", "error", "code"}`:

    hello   {version}                                       → {version, pid, verbs}
    spawn   {terminal, argv, cwd, env, cols, rows, labels}  → {terminal: Record} and the master
    adopt   {terminal, cols, rows, labels} and a stream     → {terminal: Record}: a stream that somebody else made
    list    {}                                              → {terminal: Record, more: true} and its master each, {}
    resize  {terminal, cols, rows}                          → {}
    signal  {terminal, name, all?}                          → {}: to the foreground process group, or to all of them
    close   {terminal, grace?}                              → {left: [pid]}: SIGHUP, later SIGKILL, forgotten
    end     {}                                              → {}: closes all of them, then exits

`{"event": "exit", "terminal", "exit": {"code"} | {"signal"}}` goes to everybody; the status stays in the Record until
`close`. Later versions only add verbs and fields: a newer server asks `hello` what an older keeper knows.

Record: {id, pid, argv, cwd, cols, rows, labels, created_at (seconds of the epoch), exit (null while it runs)}.
"""

import argparse
import array
import contextlib
import ctypes
import errno
import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import struct
import sys
import termios
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ptyprocess import PtyProcess

from runtimes.processes import MARK, Table, processes, relatives

VERSION: Final = 1
PACKET: Final = 128 << 10  # bytes of the longest request
IDLE: Final = 60.0  # seconds without terminals and without a server after which there is nothing to keep
PATIENCE: Final = 5.0  # seconds after SIGKILL until `close` says who is left (a process stuck in the kernel)
MOMENT: Final = 0.005  # seconds that a look at all processes holds
BACKLOG: Final = 4096  # packets that a server may leave unread before it is cut off; on return it asks for the list
_SOCKET: Final = "keeper.sock"
_PR_SET_CHILD_SUBREAPER = 36

Message = dict[str, Any]


class Refused(Exception):
    """A request that cannot be done; the first argument is a code, the second says why."""


@dataclass(eq=False)
class Kept:
    """One terminal: its Record, and the master."""

    record: Message
    master: int
    closing: bool = False

    @property
    def pid(self) -> int | None:
        pid: int | None = self.record["pid"]
        return pid


@dataclass(eq=False)
class Peer:
    """A connected server and what it has not read yet."""

    socket: socket.socket
    unsent: deque[tuple[bytes, int | None]] = field(default_factory=deque)


class Keeper:
    """The loop: one thread, nothing in it waits for a server or for a shell."""

    def __init__(self, listener: socket.socket, directory: int, *, idle: float | None) -> None:
        """`directory` is open where `listener` has its name."""
        self.listener = listener
        self.directory = directory
        self.name = os.stat(_SOCKET, dir_fd=directory)
        self.idle = idle
        self.kept: dict[str, Kept] = {}
        self.peers: set[Peer] = set()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.looked_at, self.looked = -MOMENT, processes()
        self.ending = self.ended = False
        self.selector = selectors.DefaultSelector()
        self.verbs: dict[str, Callable[[Peer, Message, list[int]], None]] = {
            "hello": self.do_hello,
            "spawn": self.do_spawn,
            "adopt": self.do_adopt,
            "list": self.do_list,
            "resize": self.do_resize,
            "signal": self.do_signal,
            "close": self.do_close,
            "end": self.do_end,
        }

    def run(self) -> None:
        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        asked: list[int] = []  # a signal may come anywhere: it is acted on in the loop
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        self.selector.register(woken, selectors.EVENT_READ, lambda _: self.reap(woken))
        idle_since = time.monotonic()
        while not self.ended:
            now = time.monotonic()
            if self.kept or self.peers:
                idle_since = now
            elif self.idle is not None and now - idle_since >= self.idle:
                return
            due = min((at for at, _ in self.timers), default=now + 1 if self.idle or self.kept else now + 60)
            for key, mask in self.selector.select(max(0, due - now)):
                key.data(mask)
            self.fire()
            if asked or (not self.peers and not self.ending and self.is_lost()):
                asked.clear()
                self.end_all(lambda: None)

    def is_lost(self) -> bool:
        """Whether nobody can find us any more: who deletes a data directory leaves no shells of it behind."""
        try:
            return not os.path.samestat(self.name, os.stat(_SOCKET, dir_fd=self.directory))
        except FileNotFoundError:
            return True
        except OSError:
            return False  # the disk is away: it may come back

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self.timers.append((time.monotonic() + seconds, act))

    def fire(self) -> None:
        now = time.monotonic()
        ready = [act for at, act in self.timers if at <= now]
        self.timers = [(at, act) for at, act in self.timers if at > now]
        for act in ready:
            act()

    # --- packets

    def accept(self, _mask: int) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self.listener.accept()
            if peer_uid(connection) != os.geteuid():
                connection.close()
                return
            connection.setblocking(False)
            peer = Peer(connection)
            self.peers.add(peer)
            self.selector.register(connection, selectors.EVENT_READ, lambda mask: self.exchange(peer, mask))

    def exchange(self, peer: Peer, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                self.flush(peer)
            if mask & selectors.EVENT_READ:
                data, descriptors, flags, _ = socket.recv_fds(peer.socket, PACKET, 1, socket.MSG_CMSG_CLOEXEC)
                if not data:
                    self.drop(peer)
                elif flags & socket.MSG_TRUNC:
                    self.send(peer, {"id": None, "error": f"A request has {PACKET} bytes at most.", "code": "too_long"})
                else:
                    self.handle(peer, data, descriptors)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(peer)

    def handle(self, peer: Peer, data: bytes, descriptors: list[int]) -> None:
        number = None
        try:
            request = json.loads(data)
            number = request["id"]
            verb = self.verbs.get(request["verb"])
            if verb is None:
                raise Refused("unknown_verb", f"version {VERSION} of the keeper does not know {request['verb']!r}")
            verb(peer, request, descriptors)
        except Refused as error:
            self.send(peer, {"id": number, "code": error.args[0], "error": error.args[1]})
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, "failed")
            self.send(peer, {"id": number, "code": code, "error": str(error)})
        except Exception as error:  # whatever a request says, the shells live on
            self.send(peer, {"id": number, "code": "bad_request", "error": f"{type(error).__name__}: {error}"})
        finally:
            for descriptor in descriptors:  # a verb that keeps one takes it out of the list
                os.close(descriptor)

    def send(self, peer: Peer, message: Message, descriptor: int | None = None) -> None:
        """Queue a packet. The descriptor is duplicated, so that it may be closed before the packet leaves."""
        if peer not in self.peers:
            return
        kept = None if descriptor is None else os.dup(descriptor)
        peer.unsent.append((json.dumps(message).encode() + b"\n", kept))
        self.flush(peer)

    def flush(self, peer: Peer) -> None:
        if peer not in self.peers:
            return
        try:
            while peer.unsent:
                data, descriptor = peer.unsent[0]
                ancillary = []
                if descriptor is not None:
                    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
                peer.socket.sendmsg([data], ancillary)
                peer.unsent.popleft()
                if descriptor is not None:
                    os.close(descriptor)
        except BlockingIOError:
            pass
        except OSError:
            self.drop(peer)
            return
        if len(peer.unsent) > BACKLOG:
            self.drop(peer)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.unsent else 0)
        key = self.selector.get_key(peer.socket)
        if key.events != events:
            self.selector.modify(peer.socket, events, key.data)

    def drop(self, peer: Peer) -> None:
        if peer in self.peers:
            self.peers.remove(peer)
            self.selector.unregister(peer.socket)
            peer.socket.close()
            for _, descriptor in peer.unsent:
                if descriptor is not None:
                    os.close(descriptor)
            peer.unsent.clear()

    # --- verbs

    def do_hello(self, peer: Peer, request: Message, _: list[int]) -> None:
        answer = {"id": request["id"], "ok": True, "version": VERSION, "pid": os.getpid(), "verbs": sorted(self.verbs)}
        self.send(peer, answer)

    def do_spawn(self, peer: Peer, request: Message, _: list[int]) -> None:
        kept = self.kept.get(request["terminal"])
        if kept is None:  # asked again after a lost answer: what the first call started
            size = check_size(request["cols"], request["rows"])
            env = {str(name): str(value) for name, value in request["env"].items()} | {MARK: request["terminal"]}
            pid, master = start(request["argv"], cwd=request["cwd"], env=env, size=size)
            kept = self.keep(request, pid, master)
        self.send(peer, {"id": request["id"], "ok": True, "terminal": kept.record}, kept.master)

    def do_adopt(self, peer: Peer, request: Message, descriptors: list[int]) -> None:
        if request["terminal"] in self.kept:
            raise Refused("exists", "that terminal is kept already")
        if not descriptors:
            raise Refused("no_stream", "adopt comes with the stream to keep")
        check_size(request["cols"], request["rows"])
        kept = self.keep(request, None, descriptors.pop())
        self.send(peer, {"id": request["id"], "ok": True, "terminal": kept.record})

    def keep(self, request: Message, pid: int | None, master: int) -> Kept:
        known = {key: request.get(key) for key in ("argv", "cwd", "cols", "rows", "labels")}
        record = {"id": request["terminal"], "pid": pid, **known, "created_at": time.time(), "exit": None}
        kept = self.kept[request["terminal"]] = Kept(record, master)
        return kept

    def do_list(self, peer: Peer, request: Message, _: list[int]) -> None:
        for kept in self.kept.values():
            if not kept.closing:
                message = {"id": request["id"], "ok": True, "more": True, "terminal": kept.record}
                self.send(peer, message, kept.master)
        self.send(peer, {"id": request["id"], "ok": True})

    def do_resize(self, peer: Peer, request: Message, _: list[int]) -> None:
        kept = self.find(request)
        cols, rows = check_size(request["cols"], request["rows"])
        if kept.pid is not None:
            fcntl.ioctl(kept.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        kept.record.update(cols=cols, rows=rows)
        self.send(peer, {"id": request["id"], "ok": True})

    def do_signal(self, peer: Peer, request: Message, _: list[int]) -> None:
        kept = self.find(request)
        number = signal.Signals[request["name"]]
        if request.get("all"):
            self.strike(kept, number)
        elif kept.pid is not None and kept.record["exit"] is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.tcgetpgrp(kept.master) or kept.pid, number)
        self.send(peer, {"id": request["id"], "ok": True})

    def do_close(self, peer: Peer, request: Message, _: list[int]) -> None:
        kept = self.find(request)
        grace = min(max(float(request.get("grace", 1.0)), 0.0), 60.0)
        self.finish(kept, grace, lambda left: self.send(peer, {"id": request["id"], "ok": True, "left": left}))

    def do_end(self, peer: Peer, request: Message, _: list[int]) -> None:
        self.end_all(lambda: self.send(peer, {"id": request["id"], "ok": True}))

    def find(self, request: Message) -> Kept:
        kept = self.kept.get(request["terminal"])
        if kept is None:
            raise Refused("not_found", f"there is no terminal {request['terminal']}")
        return kept

    # --- processes

    def reap(self, woken: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while woken.recv(4096):
                pass
        self.collect()

    def collect(self) -> None:
        """Everyone who died: shells, and the orphans that came back to us (we are their subreaper)."""
        shells = {kept.pid: kept for kept in self.kept.values() if kept.pid is not None}
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                if (kept := shells.get(pid)) is not None and kept.record["exit"] is None:
                    kept.record["exit"] = exit_of(status)
                    event = {"event": "exit", "terminal": kept.record["id"], "exit": kept.record["exit"]}
                    for peer in list(self.peers):
                        self.send(peer, event)

    def members(self, kept: Kept) -> set[int]:
        """The processes of a terminal. Who forked away became our child, so nobody else's processes are looked at."""
        if kept.pid is None:
            return set()
        shells = {other.pid for other in self.kept.values()}
        others = shells - {kept.pid}
        family = relatives(kept.record["id"], kept.pid, parent=os.getpid(), others=others, table=self.table())
        return family if kept.record["exit"] is None else family - {kept.pid}

    def table(self) -> Table:
        """All processes as they were a moment ago: who ends sixty terminals does not look sixty times."""
        if time.monotonic() - self.looked_at > MOMENT:
            self.looked = processes()
            self.looked_at = time.monotonic()
        return self.looked

    def strike(self, kept: Kept, number: int) -> set[int]:
        members = self.members(kept)
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        return members

    def finish(self, kept: Kept, grace: float, done: Callable[[list[int]], None]) -> None:
        """End everything of a terminal, forget it, then say who could not be ended."""
        kept.closing = True
        began = time.monotonic()

        def look() -> None:
            waited = time.monotonic() - began
            left = self.strike(kept, signal.SIGKILL) if waited >= grace else self.members(kept)
            if left and waited < grace + PATIENCE:
                self.later(0.02 if waited < 0.2 else 0.1, look)
                return
            self.collect()  # the shell may have died just now: how is told before it is forgotten
            if self.kept.pop(kept.record["id"], None) is not None:
                os.close(kept.master)
            done(sorted(left))

        self.strike(kept, signal.SIGHUP)
        self.strike(kept, signal.SIGCONT)  # who is stopped cannot die of SIGHUP
        self.later(0.005, look)

    def end_all(self, done: Callable[[], None]) -> None:
        self.ending = True
        waiting = set(self.kept)

        def one(name: str) -> None:
            waiting.discard(name)
            if not waiting:
                leave()

        def leave() -> None:
            parents, _ = processes()
            for pid, parent in parents.items():
                if parent == os.getpid():  # forked away and left its mark behind: it was nobody's
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            done()
            self.ended = True

        for name, kept in list(self.kept.items()):
            self.finish(kept, 1.0, lambda _, name=name: one(name))  # type: ignore[misc]
        if not waiting:
            leave()


def start(argv: list[str], *, cwd: str, env: dict[str, str], size: tuple[int, int]) -> tuple[int, int]:
    """Run `argv` on a new PTY; return its process id and the master. OSError where it cannot be started."""
    if not argv or not all(isinstance(word, str) for word in argv):
        raise Refused("bad_request", "argv is a list of words")
    program = shutil.which(argv[0], path=env.get("PATH", os.defpath))
    if program is None:
        raise Refused("not_found", f"there is no program {argv[0]}")

    def prepare() -> None:
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.umask(0o022)
        os.chdir(cwd)
        os.execve(program, argv, env)  # noqa: S606 - a program and its words, no shell

    def become() -> None:
        # ptyprocess reports what fails in here to the parent, and ends the child; but not what fails in its own exec.
        try:
            prepare()
        except Exception as error:
            raise OSError(str(error)) from None

    cols, rows = size
    process = PtyProcess.spawn([program], preexec_fn=become, dimensions=(rows, cols))
    master = os.dup(process.fd)
    process.fileobj.close()
    process.closed = True  # ours now: its finaliser shall not hang it up
    return process.pid, master


def check_size(cols: object, rows: object) -> tuple[int, int]:
    """A terminal has 1 to 1,000 columns and rows, as whole numbers."""
    for number in (cols, rows):
        if type(number) is not int or not 1 <= number <= 1000:
            raise Refused("bad_size", "columns and rows are whole numbers from 1 to 1000")
    return cols, rows  # type: ignore[return-value]


def exit_of(status: int) -> Message:
    code = os.waitstatus_to_exitcode(status)
    return {"code": code} if code >= 0 else {"signal": signal_name(-code)}


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"  # a real-time signal


def peer_uid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    uid: int = struct.unpack("3i", credentials)[1]
    return uid


def listen(directory: str) -> socket.socket | None:
    """The listening socket, or None where another keeper has the directory."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    os.chmod(directory, 0o700)
    lock = os.open(os.path.join(directory, "keeper.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(
            lock, fcntl.LOCK_EX | fcntl.LOCK_NB
        )  # held, and left open, until this process and its forks are gone
    except BlockingIOError:
        os.close(lock)
        return None
    os.umask(0o177)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(directory, _SOCKET))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with short(directory) as base:
        listener.bind(f"{base}/{_SOCKET}")
    listener.listen(16)
    listener.setblocking(False)
    return listener


@contextlib.contextmanager
def short(directory: str) -> Iterator[str]:
    """Another name of `directory`: a Unix socket's path has 107 bytes at most."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def main() -> None:
    parser = argparse.ArgumentParser(prog="keeper", description="Keeps the terminals of a Codeyard server alive.")
    parser.add_argument("directory", help="where keeper.sock is made; one keeper a directory")
    parser.add_argument(
        "--foreground", action="store_true", help="do not detach, and stay when there is nothing to keep"
    )
    arguments = parser.parse_args()
    arguments.directory = os.path.abspath(arguments.directory)
    listener = listen(arguments.directory)
    if listener is None:
        sys.exit(0 if not arguments.foreground else "another keeper has this directory")
    if not arguments.foreground:
        # Whoever started us goes on once our first process is gone: from then on the socket answers.
        if os.fork():
            os._exit(0)
        os.setsid()
    directory = os.open(arguments.directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.chdir("/")
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    found = Keeper(listener, directory, idle=None if arguments.foreground else IDLE)
    found.run()
    if not found.is_lost():
        os.unlink(_SOCKET, dir_fd=directory)


if __name__ == "__main__":
    main()
