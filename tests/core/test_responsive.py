"""What a server asks of the garbage collector and of the kernel's scheduler once it is loaded."""

import json
import os
import platform
import subprocess
import sys

import pytest

ASKS = """
import ctypes, gc, json
from backend.core import responsive
responsive.settle()
said = ctypes.create_string_buffer(48)
ctypes.CDLL(None).syscall({"x86_64": 315, "aarch64": 275}[responsive.platform.machine()], 0, said, 48, 0)
print(json.dumps([gc.get_freeze_count(), gc.get_threshold(), responsive._ATTRIBUTES.unpack(said.raw)]))
"""


def test_what_is_loaded_is_not_looked_through_again_and_turns_are_short():
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("the number of the system call is known for two kinds of machine")
    frozen, thresholds, attributes = json.loads(subprocess.check_output([sys.executable, "-c", ASKS]))
    assert frozen > 1000 and thresholds[0] > 700
    assert attributes[1:4] == [0, 1, os.getpriority(os.PRIO_PROCESS, 0)], (
        "an ordinary process, whose children do not inherit it"
    )
    if tuple(map(int, platform.release().split(".")[:2])) >= (6, 12):
        assert attributes[5] == 100_000
