"""`kill -9` of the server and its restart, again and again, under 20 chattering shells: what the viewers put together against
what the programs wrote, and how soon after it is ready they are back.

CYCLES in the environment says how often (500).
"""

import asyncio
import contextlib
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.bench.harness import finish, percentile, say
from tests.bench.shells import ours, session_of
from tests.server import Server

CYCLES = int(os.environ.get("CYCLES", "500"))
SHELLS = 20
LIVES = (0.05, 0.5)  # seconds from ready to the kill

BEGIN = b"-begin-\n"
CHATTER = """
import hashlib, os, random, select, sys, time
dice, digest, size = random.Random(sys.argv[1]), hashlib.sha256(), 0
os.write(1, b"-begin-\\n")
while not select.select([0], [], [], 0)[0]:
    piece = dice.randbytes(dice.randrange(1, 700)).hex().encode() + b"\\n"
    while piece:
        count = os.write(1, piece)
        digest.update(piece[:count])
        size += count
        piece = piece[count:]
    time.sleep(dice.uniform(0, 0.02))
with open(sys.argv[2] + ".new", "w") as file:
    print(size, digest.hexdigest(), file=file)
os.rename(sys.argv[2] + ".new", sys.argv[2])
"""


class Viewer:
    """What one viewer has put together over all of its connections."""

    def __init__(self, terminal_id: str, start: int) -> None:
        self.terminal_id = terminal_id
        self.start = self.offset = start
        self.digest = hashlib.sha256()

    async def watch(self, server: Server, session_id: str, ready: float, back: "asyncio.Queue[float]") -> None:
        """One connection, until it breaks. Says through `back` after how long it was attached again."""
        with contextlib.suppress(OSError):
            async with ours(server, session_id, terminal_id=self.terminal_id, after=self.offset) as shell:
                told = json.loads(await shell.socket.receive())
                assert (told["type"], told["offset"]) == ("attached", self.offset), told
                shell.offset = shell.acknowledged = self.offset
                back.put_nowait(time.perf_counter() - ready)
                while True:
                    piece = await shell.output()
                    self.digest.update(piece)
                    self.offset += len(piece)


async def begin(server: Server, session_id: str, folder: str) -> list[Viewer]:
    """The chattering shells, each with a viewer that starts after the line that says that it begins."""
    viewers = []
    for number in range(SHELLS):
        async with ours(server, session_id) as shell:
            await shell.type("stty raw -echo\n")
            await shell.type(f"exec {sys.executable} -S {folder}/chatter.py {number} {folder}/{number}\n")
            seen = b""
            while BEGIN not in seen:
                seen += await shell.output()
            after = len(seen) - seen.index(BEGIN) - len(BEGIN)
            viewers.append(Viewer(shell.terminal_id, shell.offset - after))
    return viewers


async def cycle(server: Server, session_id: str, viewers: list[Viewer], seconds: float) -> list[float]:
    """The seconds until each viewer was back. Kills the server at the end."""
    ready = time.perf_counter()
    back: asyncio.Queue[float] = asyncio.Queue()
    tasks = [asyncio.create_task(viewer.watch(server, session_id, ready, back)) for viewer in viewers]
    times = [await asyncio.wait_for(back.get(), 60) for _ in viewers]
    await asyncio.sleep(seconds)
    server.kill()
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    return times


async def end(server: Server, session_id: str, viewers: list[Viewer], folder: str) -> list[tuple[int, str]]:
    """Tells the programs to end, reads what is left; size and digest of what each wrote."""
    tasks = [asyncio.create_task(viewer.watch(server, session_id, 0.0, asyncio.Queue())) for viewer in viewers]
    async with (
        contextlib.AsyncExitStack() as typing
    ):  # closing a socket with unread output would take back what was typed
        for viewer in viewers:
            shell = await typing.enter_async_context(ours(server, session_id, terminal_id=viewer.terminal_id, ack=0))
            await shell.type("\n")
        await asyncio.wait_for(asyncio.gather(*tasks), 120)  # the server closes the socket after the exit
    written = []
    for number in range(SHELLS):
        size, digest = Path(folder, str(number)).read_text().split()
        written.append((int(size), digest))
    return written


def main() -> None:
    dice = random.Random(1)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        Path(folder, "chatter.py").write_text(CHATTER)
        session_id = session_of(server)
        viewers = uvloop.run(begin(server, session_id, folder))
        for number in range(CYCLES):
            times += uvloop.run(cycle(server, session_id, viewers, dice.uniform(*LIVES)))
            server.start()
            if number % 25 == 24:
                read = sum(viewer.offset - viewer.start for viewer in viewers)
                say(
                    f"{number + 1} kills, {read / 1e6:.1f} MB, back within {percentile(times, 0.99) * 1000:.0f} ms (p99)"
                )
        written = uvloop.run(end(server, session_id, viewers, folder))
    lost = doubled = wrong = 0
    for viewer, (size, digest) in zip(viewers, written, strict=True):
        read = viewer.offset - viewer.start
        lost += max(0, size - read)
        doubled += max(0, read - size)
        wrong += viewer.digest.hexdigest() != digest
    back = percentile(times, 0.99) * 1000
    finish(
        "terminal-survival",
        {"kills": CYCLES, "shells": SHELLS, "bytes": sum(size for size, _ in written), "bytes_lost": lost,
         "bytes_twice": doubled, "wrong_sha256": wrong, "reattach_p99_ms": round(back, 1)},
        {"reattach_p99_ms": 300, "what": "nothing lost, nothing twice, back within 300 ms of ready"},
        {"lost": float(lost), "twice": float(doubled), "wrong": float(wrong), "reattach_p99": back / 300},
        {"lost": ("<=", 0), "twice": ("<=", 0), "wrong": ("<=", 0), "reattach_p99": ("<=", 1.0)},
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
