"""What changes in a session's folder, by inotify(7): one watcher a session, in a thread of its own, for all who look.

Folders are watched by descriptor and links are not followed, so nothing outside is ever watched. (Ready-made watchers follow
links and do not say when the kernel's queue overflowed.) `.git` and half-written files are left out. Where events were lost,
`resync` tells a viewer to read what it shows again; where the system's limit on watches is reached, `partial` says that
some folders are not watched.
"""

import asyncio
import contextlib
import ctypes
import errno
import logging
import os
import select
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from backend.core.errors import Unavailable
from backend.workbench.files.beneath import DIRECTORY, MAX_DEPTH, Root, is_hidden, show
from backend.workbench.files.schemas import Change, Changes

log = logging.getLogger(__name__)

_MODIFY, _ATTRIB, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x4, 0x40, 0x80, 0x100, 0x200
_OVERFLOW, _IGNORED, _ONLYDIR, _IS_FOLDER = 0x4000, 0x8000, 0x1000000, 0x40000000
_WATCHED = _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_EVENT = struct.Struct("iIII")  # wd, mask, cookie, length of the name

GATHER = 0.03
"""Seconds over which changes are gathered into one message."""
BEHIND = 100
"""Messages that a viewer may be behind before it is told to read all again."""
MOST = 5000
"""Changes in one message; more are a `resync`."""

_libc = ctypes.CDLL(None, use_errno=True)


class CannotWatch(Unavailable):
    """This folder cannot be watched: it is gone, or the system's limit on watchers (fs.inotify.max_user_instances) is reached."""


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


class _Folder:
    """A watched folder; `inside` holds its names, with the folders among them."""

    def __init__(self, parts: tuple[bytes, ...], watch: int) -> None:
        self.parts = parts
        self.watch = watch
        self.inside: dict[bytes, _Folder | None] = {}


class _Batch:
    """Changes being gathered: of each path what it comes to."""

    def __init__(self) -> None:
        self.types: dict[tuple[bytes, ...], str] = {}

    def add(self, path: tuple[bytes, ...], type: str) -> None:
        before = self.types.pop(path, None)
        if before == "created" and type == "deleted":
            return
        if before == "created":
            type = "created"
        elif before == "deleted" and type == "created":
            type = "modified"
        self.types[path] = type


class Inotify:
    """Keeps watches on all folders beneath a root and tells what changed. Blocking; for one thread."""

    def __init__(self, root: Root, name: str) -> None:
        """`name` is that of the root in its own parent, where its end is seen (the descriptor we hold keeps the kernel from
        telling of it directly)."""
        self.root = root
        self.name = os.fsencode(name)
        self.partial = self.gone = False
        self._by_watch: dict[int, _Folder] = {}
        self._start()

    def _start(self) -> None:
        self.fd = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        above = os.open("..", DIRECTORY, dir_fd=self.root.fd)
        try:
            self._above = self._watch(above, _DELETE | _MOVED_FROM)
        finally:
            os.close(above)
        self.gone = self._enter(()) is None

    def close(self) -> None:
        os.close(self.fd)

    def restart(self) -> None:
        """After an overflow: forgets all and looks again."""
        self.close()
        self._by_watch.clear()
        self._start()

    def read(self, batch: _Batch) -> bool:
        """Adds what happened to `batch`. False when some of it was lost."""
        try:
            data = os.read(self.fd, 1 << 18)
        except BlockingIOError:
            return True
        at = 0
        while at < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size + length
            if mask & _OVERFLOW:
                return False
            self._happened(watch, mask, data[at - length : at].rstrip(b"\0"), batch)
        return True

    def _happened(self, watch: int, mask: int, name: bytes, batch: _Batch) -> None:
        if watch == self._above:
            self.gone = self.gone or name == self.name
        if mask & _IGNORED:
            self._by_watch.pop(watch, None)
        folder = self._by_watch.get(watch)
        if folder is None or not name or is_hidden(name):
            return
        path = (*folder.parts, name)
        if mask & (_DELETE | _MOVED_FROM):
            self._leave(folder.inside.pop(name, None))
            batch.add(path, "deleted")
        elif mask & (_CREATE | _MOVED_TO):
            batch.add(path, "modified" if name in folder.inside else "created")
            self._leave(folder.inside.get(name))
            folder.inside[name] = self._enter(path, batch) if mask & _IS_FOLDER else None
        elif name in folder.inside and folder.inside[name] is None:
            batch.add(path, "modified")

    def _enter(self, parts: tuple[bytes, ...], batch: _Batch | None = None) -> _Folder | None:
        """Watches a folder and those in it. With `batch`, what is found in it is new."""
        if len(parts) > MAX_DEPTH:
            return None
        try:
            opened = self.root.open_plain(parts, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None  # gone already
        try:
            watch = self._watch(opened, _WATCHED)
            if watch is None or watch in self._by_watch:
                return None
            folder = self._by_watch[watch] = _Folder(parts, watch)
            with os.scandir(opened) as found:
                names = [(os.fsencode(item.name), item.is_dir(follow_symlinks=False)) for item in found]
        except OSError:
            return None
        finally:
            os.close(opened)
        for name, is_folder in names:
            if not is_hidden(name):
                if batch is not None:
                    batch.add((*parts, name), "created")
                folder.inside[name] = self._enter((*parts, name), batch) if is_folder else None
        return folder

    def _watch(self, opened: int, mask: int) -> int | None:
        """None where the system allows no more."""
        try:
            return _checked(_libc.inotify_add_watch(self.fd, b"/proc/self/fd/%d" % opened, mask | _ONLYDIR))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            if not self.partial:
                log.warning("fs.inotify.max_user_watches is reached: some folders are not watched")
            self.partial = True
            return None

    def _leave(self, folder: _Folder | None) -> None:
        """No more of a folder that is gone or lies elsewhere now."""
        for left in _with_all_inside(folder):
            if self._by_watch.pop(left.watch, None) is not None:
                _libc.inotify_rm_watch(self.fd, left.watch)


def _with_all_inside(folder: _Folder | None) -> Iterator[_Folder]:
    waiting = [folder] if folder else []
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(inner for inner in one.inside.values() if inner is not None)


class Viewer:
    """One who looks: `messages` yields what changes until the folder is gone."""

    def __init__(self, watcher: "Watcher") -> None:
        self._watcher = watcher
        self._queue: asyncio.Queue[Changes | None] = asyncio.Queue(BEHIND)
        self._lost = False

    async def started(self) -> None:
        """Until the watches are in place. Raises CannotWatch."""
        await self._watcher.ready.wait()
        if self._watcher.gone:
            raise CannotWatch

    async def messages(self) -> AsyncIterator[Changes]:
        """The first is empty: what changes from now on is told."""
        await self._watcher.ready.wait()
        yield Changes([], self._watcher.seq, partial=self._watcher.partial)
        while (changes := await self._queue.get()) is not None:
            if self._lost:
                self._lost = False
                while not self._queue.empty() and (newer := self._queue.get_nowait()) is not None:
                    changes = newer
                changes = Changes([], changes.seq, resync=True, partial=changes.partial)
            yield changes

    def tell(self, changes: Changes | None) -> None:
        try:
            self._queue.put_nowait(changes)
        except asyncio.QueueFull:
            self._lost = True
            if changes is None:
                self._queue.get_nowait()
                self._queue.put_nowait(None)


class _Said(NamedTuple):
    """From the thread to the loop."""

    changes: list[Change]
    resync: bool
    partial: bool
    gone: bool


class Watcher:
    """Watches one folder while anybody looks. Made, used and ended in the event loop; only `_run` is in the thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._viewers: set[Viewer] = set()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.ready = asyncio.Event()
        self.partial = False
        self.gone = False
        self.seq = 0
        self._thread.start()

    def __len__(self) -> int:
        return len(self._viewers)

    def join(self) -> Viewer:
        viewer = Viewer(self)
        self._viewers.add(viewer)
        if self.gone:
            viewer.tell(None)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    def end(self) -> None:
        """The thread ends by itself soon after, and closes what it opened."""
        os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        try:
            with Root(self._folder) as root, contextlib.closing(Inotify(root, self._folder.name)) as inotify:
                self._say(_Said([], False, inotify.partial, inotify.gone))
                while not inotify.gone and self._wait(inotify.fd, None):
                    self._say(self._gather(inotify))
        except Exception:
            log.exception("watching a session's folder ended")
        self._say(_Said([], False, False, True))
        os.close(self._wake)

    def _wait(self, fd: int, seconds: float | None) -> bool:
        """True when something happened, False when told to end or, with `seconds`, when nothing did."""
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        ready = [one for one, _ in poll.poll(None if seconds is None else max(seconds, 0) * 1000)]
        return fd in ready and self._wake not in ready

    def _gather(self, inotify: Inotify) -> _Said:
        """Everything that happens within a moment, as one message."""
        batch = _Batch()
        until = time.monotonic() + GATHER
        whole = inotify.read(batch) and len(batch.types) <= MOST
        while whole and not inotify.gone and self._wait(inotify.fd, until - time.monotonic()):
            whole = inotify.read(batch) and len(batch.types) <= MOST
        if not whole:
            inotify.restart()
            return _Said([], True, inotify.partial, inotify.gone)
        changes = [Change(type, *show(b"/".join(path))) for path, type in batch.types.items()]
        return _Said(changes, False, inotify.partial, inotify.gone)

    def _say(self, said: _Said) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before us
            self._loop.call_soon_threadsafe(self._hear, said)

    def _hear(self, said: _Said) -> None:
        self.partial = said.partial or self.partial
        if said.changes or said.resync:
            self.seq += 1
            changes = Changes(said.changes, self.seq, resync=said.resync, partial=self.partial)
            for viewer in self._viewers:
                viewer.tell(changes)
        if said.gone and not self.gone:
            self.gone = True
            for viewer in self._viewers:
                viewer.tell(None)
        self.ready.set()


_watchers: dict[Path, Watcher] = {}
"""Those of this process, by folder, while anybody looks."""


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[Viewer]:
    """A viewer of `folder`; the last to leave ends the watcher."""
    watcher = _watchers.get(folder)
    if watcher is None or watcher.gone:
        watcher = _watchers[folder] = Watcher(folder)
    viewer = watcher.join()
    try:
        yield viewer
    finally:
        watcher.leave(viewer)
        if not len(watcher):
            if not watcher.gone:
                watcher.end()
            if _watchers.get(folder) is watcher:
                del _watchers[folder]
