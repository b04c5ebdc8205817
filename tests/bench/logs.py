"""100 MB of log lines from a service to a viewer who follows them as server-sent events, against `docker logs -f` of the same
program, in turns: from the first byte that is printed to the last one that is seen."""

import http.client
import subprocess
import sys
import time
from typing import IO, cast

from tests.bench.harness import finish, median, say
from tests.bench.stacks import Stacks, docker

ROUNDS = 3
LINES = 1_000_000
LINE = "a line of the log of a service, as long as most of them are: ninety-nine columns and its end, so. "
WORK = f"while [ ! -e /tmp/go ]; do sleep 0.05; done; yes '{LINE:<98}' | head -n {LINES}; echo the-last; sleep 600"
COMPOSE = f'services:\n  talker:\n    image: debian:bookworm-slim\n    command: [sh, -c, "{WORK}"]\n'
MB = LINES * 99 / 1e6


def until_last(stream: IO[bytes]) -> None:
    rest = b""
    while data := cast(bytes, stream.read1(1 << 20)):  # type: ignore[attr-defined]
        if b"the-last" in rest + data:
            return
        rest = data[-16:]
    raise AssertionError("the log ended before its last line")


def ours(server: Stacks, session: str) -> float:
    server.run(session, "run-all")
    service, container = server.service(session, "talker")["id"], server.container(session, "talker")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    path = f"/api/v1/workspace/{session}/services/{service}/logs?follow=true&tail=0"
    connection.request("GET", path, headers={"Authorization": f"Bearer {server.key}"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    docker("exec", container, "touch", "/tmp/go")
    started = time.perf_counter()
    until_last(cast(IO[bytes], answer))
    took = time.perf_counter() - started
    connection.close()
    server.run(session, "stop-all")
    return took


def theirs() -> float:
    container = docker("run", "-d", "debian:bookworm-slim", "sh", "-c", WORK)
    with subprocess.Popen(["docker", "logs", "-f", container], stdout=subprocess.PIPE) as viewer:
        docker("exec", container, "touch", "/tmp/go")
        started = time.perf_counter()
        assert viewer.stdout is not None
        until_last(viewer.stdout)
        took = time.perf_counter() - started
        docker("rm", "-f", container)
        viewer.kill()
    return took


def main() -> None:
    found: dict[str, list[float]] = {"ours": [], "docker": []}
    with Stacks() as server:
        session = server.stack("logs", COMPOSE)
        for number in range(ROUNDS):
            found["ours"].append(ours(server, session))
            found["docker"].append(theirs())
            rates = ", ".join(f"{who} {MB / times[-1]:.0f} MB/s" for who, times in found.items())
            say(f"round {number + 1}: {rates}")
    rate = {who: MB / median(times) for who, times in found.items()}
    finish(
        "logs",
        {"mb_per_s": round(rate["ours"], 1)},
        {"mb_per_s": round(rate["docker"], 1), "what": "docker logs -f of the same program"},
        {"rate": rate["ours"] / rate["docker"]},
        {"rate": (">=", 0.5)},
    )


if __name__ == "__main__":
    sys.exit(main())
