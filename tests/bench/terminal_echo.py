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

ROUNDS = {1: 60, 50: 30}
KEYS = {
    1: 60,
    50: 10,
}  # of each terminal in a round: a fraction of a second, so that both get the same of what else runs here
PAUSE = {1: 0.002, 50: 0.1}  # seconds between the keys of each typist, in the mean

Opener = Callable[[], AbstractAsyncContextManager[Shell]]


async def measure(openers: dict[str, Opener], terminals: int) -> dict[str, list[float]]:
    """Milliseconds of each echo over all terminals, of each server, in turns."""
    found: dict[str, list[float]] = {who: [] for who in openers}
    async with contextlib.AsyncExitStack() as stack:
        shells = {
            who: [await stack.enter_async_context(opener()) for _ in range(terminals)]
            for who, opener in openers.items()
        }
        await asyncio.gather(*(start_cat(shell) for several in shells.values() for shell in several))
        with quiet():
            for number in range(ROUNDS[terminals]):
                for who in sorted(shells, reverse=number % 2 == 1):
                    typing = (
                        echoes(shell, KEYS[terminals], pause=PAUSE[terminals], seed=100 * number + at)
                        for at, shell in enumerate(shells[who])
                    )
                    found[who] += [one for some in await asyncio.gather(*typing) for one in some]
    return found


def main() -> None:
    found: dict[str, dict[int, list[float]]] = {"ours": {}, "theirs": {}}
    with Server() as server, Jupyter() as jupyter:
        session_id = session_of(server)
        openers: dict[str, Opener] = {"ours": lambda: ours(server, session_id), "theirs": jupyter.shell}
        for terminals in ROUNDS:
            for who, times in uvloop.run(measure(openers, terminals)).items():
                found[who][terminals] = times
                p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
                say(f"{who}, {terminals}: p50 {p50:.2f} ms, p99 {p99:.2f} ms of {len(times)} keys")
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
