"""Who holds a data directory, and how that ends. `codeyard down` is here and not in `operate`, since it is to do its work on a
machine too busy to load the whole server.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from backend.core.settings import InvalidSetting, Settings, load
from runtimes.terminals import Terminals

ENDS_WITHIN = 30.0
"""Seconds that a server has to end after it was asked to, before `down` kills it."""
_DIES_WITHIN = 30.0
"""Seconds that the kernel has for one that was killed."""
_FREE_WITHIN = 1.0
"""Seconds for which who starts waits for a lock that nobody means to keep: `holder` looks by taking it, and a child that a killed
server was just starting has it for a moment."""


class CannotStart(Exception):
    """The server cannot run as it is set up. The message says why and what to do."""


@contextlib.contextmanager
def owning(data: Path) -> Iterator[None]:
    """Holds the data directory for this process alone. The kernel lets go of it however the process ends."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o711)  # nobody lists it; PostgreSQL's own user passes through to its folder
        for private in ("repos", "sessions", "terminals", "uploads", "keeper"):
            (data / private).mkdir(exist_ok=True, mode=0o700)
        file = (data / "lock").open("a+")
    except OSError as error:
        raise CannotStart(
            f"The data directory {data} cannot be used ({error.strerror}): set CODEYARD_DATA to a folder of this user's."
        ) from None
    with file as lock:
        try:
            _take(lock.fileno())
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CannotStart(
                f"Another Codeyard server (process {holder}) uses {data}. End it with `codeyard down`, "
                "or give this one another folder by CODEYARD_DATA."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _take(lock: int) -> None:
    """Raises BlockingIOError where somebody keeps it. flock(2) knows no limit of time, so it is asked again and again."""
    deadline = time.monotonic() + _FREE_WITHIN
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def holder(data: Path) -> int | None:
    """The process id of the server that has `data`, None when there is none."""
    try:
        with (data / "lock").open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # of two who look neither takes the other for a server
            except BlockingIOError:
                return int(lock.read().strip() or 0) or None
    except (OSError, ValueError):
        pass
    return None


def run() -> int:
    """`codeyard down`, its errors told."""
    try:
        return down(load())
    except InvalidSetting as error:
        print(f"codeyard: {error}", file=sys.stderr)
        return 1


def down(settings: Settings) -> int:
    """SIGINT to the server, then waits until it is gone; one that hangs is killed, which loses nothing that was committed.
    Without a server, ends terminals that a crash left."""
    pid = holder(settings.data)
    if pid is None:
        ended = asyncio.run(end_terminals(settings))
        print("No server was running." + (" Its terminals were ended." if ended else ""))
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    if _is_gone(settings, pid, within=ENDS_WITHIN):
        asyncio.run(end_terminals(settings))  # those of one that was asked twice, and so waited for nobody
        print("Ended.")
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    if not _is_gone(settings, pid, within=_DIES_WITHIN):
        print(f"codeyard: process {pid} cannot be ended: it waits in the kernel, for a disk perhaps", file=sys.stderr)
        return 1
    asyncio.run(end_terminals(settings))
    print(f"The server had not ended within {ENDS_WITHIN:.0f} s and was killed; its terminals were ended.")
    return 0


def _is_gone(settings: Settings, pid: int, *, within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if holder(settings.data) != pid:
            return True
        time.sleep(0.05)  # a lock cannot be waited for with an end
    return False


async def end_terminals(settings: Settings) -> bool:
    """Ends the terminals that a server which is gone left behind; False when there are none."""
    if not (settings.data / "keeper" / "keeper.sock").exists():
        return False
    from runtimes.docker import Docker  # only here: it takes longer to load than all else that `down` does
    from runtimes.inside import control_for

    driver = Docker("", socket_path=settings.docker_socket) if settings.docker_socket else None
    terminals = Terminals(str(settings.data), control_for=partial(control_for, driver))
    await terminals.open()
    await terminals.end()
    return True
