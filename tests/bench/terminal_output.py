"""20 MB of 99-column lines through one terminal until the viewer holds the last byte, against a bare `os.read` loop over the
same program, and against jupyter_server with terminado.

The program is `cat`, which is faster than any terminal, so that the terminal is what is measured. One that prints line by line
is reported beside it: there the program is the limit, for everybody alike.
"""

import os
import pty
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import uvloop

from tests.bench.harness import finish, say
from tests.bench.shells import Jupyter, Shell, ours, quiet, session_of, settle
from tests.server import Server

ROUNDS = 7
LINES = 200_000
LAST = b"-the end-"
PRINTER = f"""
for number in range({LINES}):
    print(f"{{number:099d}}")
"""

Opener = Callable[[], AbstractAsyncContextManager[Shell]]


async def through(opener: Opener, command: str) -> float:
    """MB/s from the command's start to its last byte at the viewer."""
    async with opener() as shell:
        await shell.type("PS1=; stty -echo\n")
        await settle(shell)
        with quiet():
            started, size, last = time.perf_counter(), 0, b""
            await shell.type(f"{command}; printf -- '-the %s-' end\n")
            while LAST not in last:
                piece = await shell.output()
                size += len(piece)
                last = last[-20:] + piece[-200:]
            seconds = time.perf_counter() - started
        await shell.type("exit\n")
    assert size >= 100 * LINES, size
    return size / 1e6 / seconds


def bare(command: str) -> float:
    """MB/s of `os.read` in a loop over the same command in the same shell."""
    child, master = pty.fork()
    if child == 0:
        os.execvp("bash", ["bash", "-c", f"{command}; printf -- '-the %s-' end"])
    started, size = time.perf_counter(), 0
    try:
        while data := os.read(master, 65536):
            size += len(data)
    except OSError:
        pass  # EIO: the other side is closed
    seconds = time.perf_counter() - started
    os.waitpid(child, 0)
    os.close(master)
    return size / 1e6 / seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Server() as server, Jupyter() as jupyter:
        with open(f"{folder}/printer.py", "w") as script:
            script.write(PRINTER)
        with open(f"{folder}/lines", "w") as lines:
            lines.writelines(f"{number:098d}.\n" for number in range(LINES))
        commands = {"lines": f"{sys.executable} -S {folder}/printer.py", "cat": f"cat {folder}/lines"}
        session_id = session_of(server)
        rates: dict[str, dict[str, list[float]]] = {name: {"ours": [], "bare": [], "theirs": []} for name in commands}
        for number in range(ROUNDS):
            for name, command in commands.items():
                found = rates[name]
                found["bare"].append(bare(command))
                found["ours"].append(uvloop.run(through(lambda: ours(server, session_id), command)))
                found["theirs"].append(uvloop.run(through(jupyter.shell, command)))
                say(
                    f"round {number + 1}, {name}: "
                    + ", ".join(f"{who} {rate[-1]:.0f} MB/s" for who, rate in found.items())
                )
    figures = {name: {who: statistics.median(rate) for who, rate in found.items()} for name, found in rates.items()}
    finish(
        "terminal-output",
        {f"{name}_mb_s": round(found["ours"], 1) for name, found in figures.items()},
        {f"{name}_{who}_mb_s": round(found[who], 1) for name, found in figures.items() for who in ("bare", "theirs")}
        | {"what": "bare: an os.read loop over the same program; theirs: jupyter_server with terminado"},
        {
            f"{name}_of_{who}": found["ours"] / found[who]
            for name, found in figures.items()
            for who in ("bare", "theirs")
        },
        {"lines_of_bare": (">=", 0.75), "lines_of_theirs": (">=", 1.5)},
    )


if __name__ == "__main__":
    sys.exit(main())
