"""POST restart of a service until it answers on its port, while it ran and while it was stopped, against `docker run` of the same
image until that answers, in turns."""

import subprocess
import sys
import time

from tests.bench.harness import finish, median, say
from tests.bench.stacks import Stacks, address_of, answers, docker

ROUNDS = 15
IMAGE = "nginx:1"
COMPOSE = f"services:\n  web:\n    image: {IMAGE}\n    ports: [80]\n"


def ours(server: Stacks, session: str, *, stopped: bool) -> float:
    if stopped:
        server.run(session, "stop-all")
    service = server.service(session, "web")["id"]
    before = None if stopped else docker("inspect", "-f", "{{.State.StartedAt}}", server.container(session, "web"))
    started = time.perf_counter()
    server.ask("POST", f"/workspace/{session}/runtimes/{service}/restart")
    while True:  # until the engine says that it runs anew
        container = server.container(session, "web")
        if (
            container
            and docker("inspect", "-f", "{{.State.StartedAt}}", container) != before
            and (address := address_of(container))
        ):
            break
    answers(address, 80)
    took = time.perf_counter() - started
    while server.service(session, "web")["state"] != "running":
        time.sleep(0.01)
    return took


def theirs() -> float:
    started = time.perf_counter()
    container = docker("run", "-d", IMAGE)
    while not (address := address_of(container)):
        pass
    answers(address, 80)
    took = time.perf_counter() - started
    subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=True)
    return took


def main() -> None:
    found: dict[str, list[float]] = {"restart": [], "start": [], "docker": []}
    with Stacks("nginx") as server:
        session = server.stack("start", COMPOSE)
        server.run(session, "run-all")
        for number in range(ROUNDS):
            found["restart"].append(ours(server, session, stopped=False))
            found["start"].append(ours(server, session, stopped=True))
            found["docker"].append(theirs())
            say(f"round {number + 1}: " + ", ".join(f"{name} {times[-1]:.3f} s" for name, times in found.items()))
    p50 = {name: median(times) for name, times in found.items()}
    finish(
        "service-start",
        {"restart_p50_s": round(p50["restart"], 3), "start_p50_s": round(p50["start"], 3)},
        {"p50_s": round(p50["docker"], 3), "what": f"docker run {IMAGE} until it answers"},
        {"restart": p50["restart"] / p50["docker"], "start": p50["start"] / p50["docker"]},
        dict.fromkeys(("restart", "start"), ("<=", 1.3)),
    )


if __name__ == "__main__":
    sys.exit(main())
