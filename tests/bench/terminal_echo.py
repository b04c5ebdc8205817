"""Keystroke echo through the running server with 1 and with 50 terminals, against jupyter_server with terminado."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import uvloop

from tests.bench.harness import finish, percentile, say
from tests.bench.shells import Jupyter, Shell, echoes, ours, quiet, session_of, start_cat
from tests.server import Server

ROUNDS = 5
KEYS_ALONE = 600
KEYS_AMONG_50 = 60
PAUSE = 0.1  # seconds between the keys of each of 50 typists: ten a second

Opener = Callable[[], AbstractAsyncContextManager[Shell]]


async def measure(opener: Opener, terminals: int) -> list[float]:
    """Milliseconds of each echo, over all terminals."""
    async with contextlib.AsyncExitStack() as stack:
        shells = [await stack.enter_async_context(opener()) for _ in range(terminals)]
        await asyncio.gather(*(start_cat(shell) for shell in shells))
        with quiet():
            if terminals == 1:
                return await echoes(shells[0], KEYS_ALONE, pause=0.002)
            times = await asyncio.gather(
                *(echoes(shell, KEYS_AMONG_50, pause=PAUSE, seed=seed) for seed, shell in enumerate(shells))
            )
    return [one for some in times for one in some]


def main() -> None:
    found: dict[str, dict[int, list[float]]] = {"ours": {1: [], 50: []}, "theirs": {1: [], 50: []}}
    with Server() as server, Jupyter() as jupyter:
        session_id = session_of(server)
        openers: dict[str, Opener] = {"ours": lambda: ours(server, session_id), "theirs": jupyter.shell}
        for number in range(ROUNDS):
            for who, opener in openers.items():
                for terminals in (1, 50):
                    times = uvloop.run(measure(opener, terminals))
                    found[who][terminals] += times
                    p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
                    say(f"round {number + 1}: {who}, {terminals}: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
                    if who == "ours":
                        for terminal in server.ask("GET", f"/workspace/{session_id}/terminals")["items"]:
                            server.ask("DELETE", f"/workspace/{session_id}/terminals/{terminal['id']}")
    shares = {"p50": 0.5, "p99": 0.99}
    figures = {
        who: {f"{name}_ms_{n}": round(percentile(by[n], share), 3) for n in by for name, share in shares.items()}
        for who, by in found.items()
    }
    ratio = {key: figures["ours"][key] / figures["theirs"][key] for key in figures["ours"]}
    finish(
        "terminal-echo",
        figures["ours"],
        figures["theirs"] | {"what": "jupyter_server with terminado, same client"},
        ratio,
        dict.fromkeys(ratio, ("<=", 0.5)),
    )


if __name__ == "__main__":
    sys.exit(main())
