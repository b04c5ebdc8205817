"""Echo of one terminal while another one floods, watched from a process of its own, against the same when all is quiet."""

import asyncio
import contextlib
import multiprocessing
import sys
import time

import uvloop

from tests.bench.harness import finish, percentile, say
from tests.bench.shells import Ours, echoes, ours, quiet, session_of, settle, start_cat
from tests.server import Server

ROUNDS = 7
KEYS = 500


def flood(server: Server, session_id: str, done: "multiprocessing.synchronize.Event", bytes_seen: object) -> None:
    """Watches a terminal that writes without end, until told to stop."""

    async def watch() -> None:
        async with ours(server, session_id) as shell:
            await shell.type("yes 'a line of the flood, as wide as a terminal is, that goes on and on and on and on'\n")
            while not done.is_set():
                bytes_seen.value += len(await shell.output())  # type: ignore[attr-defined]
            await shell.type("\x03")
            await shell.type("exit\n")
            with contextlib.suppress(Exception):
                await settle(shell, 1.0)

    uvloop.run(watch())


async def type_in(shell: Ours) -> list[float]:
    with quiet():
        return await echoes(shell, KEYS, pause=0.002)


def main() -> None:
    spawn = multiprocessing.get_context("spawn")
    calm: list[list[float]] = []
    beside: list[list[float]] = []
    rates = []
    with Server() as server:
        session_id = session_of(server)

        async def go() -> None:
            async with ours(server, session_id) as shell:
                await start_cat(shell)
                for number in range(ROUNDS):
                    calm.append(await type_in(shell))
                    done, seen = spawn.Event(), spawn.Value("Q", 0)
                    server_words = (server.port, server.key)
                    viewer = spawn.Process(target=flood_by, args=(server_words, session_id, done, seen), daemon=True)
                    viewer.start()
                    while seen.value < 20_000_000:
                        await asyncio.sleep(0.05)
                    began, before = time.perf_counter(), seen.value
                    beside.append(await type_in(shell))
                    rates.append((seen.value - before) / 1e6 / (time.perf_counter() - began))
                    done.set()
                    await asyncio.to_thread(viewer.join)
                    calm_p99, beside_p99 = percentile(calm[-1], 0.99), percentile(beside[-1], 0.99)
                    say(
                        f"round {number + 1}: p99 {calm_p99:.2f} ms quiet,"
                        f" {beside_p99:.2f} ms beside a flood of {rates[-1]:.1f} MB/s"
                    )

        uvloop.run(go())
    quiet_ms = {f"p{share}": percentile([one for some in calm for one in some], share / 100) for share in (50, 99)}
    flood_ms = {f"p{share}": percentile([one for some in beside for one in some], share / 100) for share in (50, 99)}
    finish(
        "terminal-neighbour",
        {f"{key}_ms": round(value, 3) for key, value in flood_ms.items()}
        | {"flood_mb_s": round(sum(rates) / len(rates), 1)},
        {f"{key}_ms": round(value, 3) for key, value in quiet_ms.items()}
        | {"what": "the same terminal without the flood"},
        {"p99": flood_ms["p99"] / quiet_ms["p99"]},
        {"p99": ("<=", 3.0)},
    )


def flood_by(words: tuple[int, str], session_id: str, done: object, seen: object) -> None:
    """In the viewer's process: a stand-in for the server that knows its address and key."""
    server = Server.__new__(Server)
    server.port, server.key = words
    flood(server, session_id, done, seen)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
