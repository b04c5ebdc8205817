"""Keystroke echo in a terminal inside of a service's container, over our socket, against `docker exec -it` in a PTY, in turns."""

import os
import random
import sys
import time

import uvloop

from tests.bench.harness import finish, percentile, say
from tests.bench.shells import echoes, ours, quiet, start_cat
from tests.bench.stacks import Stacks, terminal

ROUNDS = 5
KEYS = 400
PAUSE = 0.002
COMPOSE = "services:\n  box:\n    image: debian:bookworm-slim\n    command: sleep infinity\n"


async def measure_ours(server: Stacks, session: str, service: str) -> list[float]:
    async with ours(server, session, service_id=service) as shell:
        await start_cat(shell)
        with quiet():
            return await echoes(shell, KEYS, pause=PAUSE)


def measure_theirs(container: str) -> list[float]:
    """The same keys by the same clock; a blocking read stands where ours awaits a frame."""
    times = []
    dice = random.Random(0)
    with terminal("docker", "exec", "-it", container, "cat") as master:
        os.write(master, b"ready\n")
        said = b""
        while said.count(b"ready") < 2:
            said += os.read(master, 4096)
        with quiet():
            for number in range(KEYS):
                if number % 60 == 0 and number:
                    os.write(master, b"\n")
                    said = b""
                    while said.count(b"x") < 60:
                        said += os.read(master, 4096)
                started = time.perf_counter()
                os.write(master, b"x")
                while b"x" not in os.read(master, 4096):
                    pass
                times.append((time.perf_counter() - started) * 1000)
                time.sleep(PAUSE * dice.uniform(0.5, 1.5))
    return times


def main() -> None:
    found: dict[str, list[float]] = {"ours": [], "docker": []}
    with Stacks() as server:
        session = server.stack("exec", COMPOSE)
        server.run(session, "run-all")
        service, container = server.service(session, "box")["id"], server.container(session, "box")
        for number in range(ROUNDS):
            found["ours"] += uvloop.run(measure_ours(server, session, service))
            found["docker"] += measure_theirs(container)
            p50 = {who: percentile(times[-KEYS:], 0.5) for who, times in found.items()}
            say(f"round {number + 1}: ours p50 {p50['ours']:.2f} ms, docker exec -it {p50['docker']:.2f} ms")
    figures = {
        who: {"p50_ms": round(percentile(times, 0.5), 3), "p99_ms": round(percentile(times, 0.99), 3)}
        for who, times in found.items()
    }
    finish(
        "exec-terminal",
        figures["ours"],
        figures["docker"] | {"what": "docker exec -it in a PTY"},
        {"p50": figures["ours"]["p50_ms"] / figures["docker"]["p50_ms"]},
        {"p50": ("<=", 1.5)},
    )


if __name__ == "__main__":
    sys.exit(main())
