"""Whose a process is, as far as /proc tells: the terminals' programs, those that forked away included."""

import contextlib
import os
from collections.abc import Collection, Iterator
from typing import Final

Table = tuple[dict[int, int], dict[int, int]]
"""Parent and session of each process, by its id."""

#: In the environment of all that starts in a terminal: tells whose a process is that left its session and its parents.
MARK: Final = "TERM_SESSION_ID"


def relatives(
    terminal: str,
    shell: int,
    *,
    parent: int | None = None,
    others: Collection[int | None] = (),
    table: Table | None = None,
) -> set[int]:
    """The processes of a terminal: those of the shell's session or with the terminal's mark, and their descendants.

    `parent`: only its children (and theirs) are looked at, less `others`. `table`: what `processes()` told just now.
    """
    parents, sessions = table or processes()
    children: dict[int, list[int]] = {}
    for pid, above in parents.items():
        children.setdefault(above, []).append(pid)
    mark = f"{MARK}={terminal}".encode()
    candidates = parents if parent is None else [pid for pid in children.get(parent, ()) if pid not in others]
    roots = [pid for pid in candidates if sessions[pid] == shell or mark in environment(pid)]
    found: set[int] = set()
    while roots:
        pid = roots.pop()
        if pid not in found:
            found.add(pid)
            roots += children.get(pid, ())
    return found


def processes() -> Table:
    """Parent and session of every live process, zombies left out (proc(5), stat)."""
    parents: dict[int, int] = {}
    sessions: dict[int, int] = {}
    for pid in _pids():
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{pid}/stat", "rb") as file:
                state, parent, _, session = file.read().rpartition(b")")[2].split()[:4]
            if state not in (b"Z", b"X"):
                parents[pid], sessions[pid] = int(parent), int(session)
    return parents, sessions


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def pid_inside(pid: int) -> int | None:
    """What a process is called in its own PID namespace (proc(5), NSpid); None where it is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return next(int(line.split()[-1]) for line in file if line.startswith(b"NSpid:"))
    except (OSError, StopIteration):
        return None


def environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read().split(b"\0")
    except OSError:
        return []
