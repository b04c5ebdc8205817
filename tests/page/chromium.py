#!/usr/bin/env python3
"""Chromium that does not hear of the machine's networks: a container of another test brings one, and Chromium would drop every
request under way (ERR_NETWORK_CHANGED).

A seccomp filter refuses it sockets of AF_NETLINK, after which it takes the network for steady and online. See seccomp(2).
Where Chromium comes without its window (Debian's chromium-headless-shell) that is taken: a page then costs half the CPU.
"""

import ctypes
import os
import platform
import shutil
import struct
import sys

SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine())  # the number of the call
AF_NETLINK, EAFNOSUPPORT = 16, 97
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, FIRST_ARGUMENT = 0, 16  # where they lie in struct seccomp_data
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | EAFNOSUPPORT


def found() -> str:
    """The program; empty where there is none."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium") or ""


def refuse_netlink() -> None:
    code = [
        (LOAD, 0, 0, NUMBER), (JUMP_IF_EQUAL, 0, 3, SOCKET),
        (LOAD, 0, 0, FIRST_ARGUMENT), (JUMP_IF_EQUAL, 0, 1, AF_NETLINK),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]  # fmt: skip
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in code))
    described = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0) != 0:
        print("no seccomp here: requests may be dropped when a container brings a network", file=sys.stderr)


if __name__ == "__main__":
    if SOCKET is not None:
        refuse_netlink()
    program = found()
    os.execv(program, [program, *sys.argv[1:]])
