"""A process that answers keystrokes: short pauses of the garbage collector, and its turn soon on a busy machine."""

import ctypes
import gc
import os
import platform
import struct
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 50)  # objects made, then young collections, then middle ones, before the next
_SLICE: Final = 100_000  # nanoseconds of a turn: the shortest that the kernel grants
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274}  # glibc before 2.41 has no function for it
_RESET_ON_FORK: Final = 1
_ATTRIBUTES: Final = struct.Struct("<IIQiIQQQ")  # struct sched_attr, its first version: sched_setattr(2)


def settle() -> None:
    """Called once, in the event loop's thread, when everything is loaded."""
    gc.freeze()  # modules and routes stay for ever; to look through them all takes a fifth of a second, and finds a megabyte
    gc.set_threshold(*_THRESHOLDS)
    _ask_for_short_turns()


def _ask_for_short_turns() -> None:
    """Linux ≥ 6.12: who wants short turns is given them sooner, among sessions' builds that want long ones. It gets no more
    time by that, needs no right for it, and its children and other threads do not inherit it. Elsewhere nothing happens."""
    number = _SCHED_SETATTR.get(platform.machine())
    if platform.system() != "Linux" or number is None:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, _RESET_ON_FORK, nice, 0, _SLICE, 0, 0)
    ctypes.CDLL(None).syscall(number, 0, attributes, 0)
