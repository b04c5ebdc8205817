"""POST restart of a service until it answers on its port, while it ran and while it was stopped, against `docker run` of the same
until that answers, in turns: of the same image in a network in which names resolve, and of the bare image beside it. Who is
asked whether it runs is the engine itself, every few milliseconds: clients started for that took a processor to themselves."""

import subprocess
import sys
import time

import docker.errors
from docker import APIClient

from tests.bench.harness import finish, median, say
from tests.bench.stacks import SOCKET, Stacks, answers
from tests.bench.stacks import docker as client

ROUNDS = 15
IMAGE = "nginx:1"
COMPOSE = f"services:\n  web:\n    image: {IMAGE}\n    ports: [80]\n"
NETWORK = "codeyard-bench-start"


class Looking:
    """What the engine says of one container."""

    def __init__(self) -> None:
        self.engine = APIClient(base_url=f"unix://{SOCKET}", version="1.41")

    def started(self, container: str) -> str:
        """When it was, in the engine's words; "" where there is none that runs."""
        try:
            state = self.engine.inspect_container(container)["State"]
        except docker.errors.NotFound:
            return ""
        return str(state["StartedAt"]) if state["Running"] else ""

    def until_it_answers(self, container: str, *, but: str = "") -> None:
        """Once it was started, and not at the moment `but`."""
        while self.started(container) in ("", but):
            time.sleep(0.003)  # asked without a pause, the engine would have less time for what is measured
        networks = self.engine.inspect_container(container)["NetworkSettings"]["Networks"]
        answers(next(iter(networks.values()))["IPAddress"], 80)


def ours(server: Stacks, looking: Looking, session: str, *, stopped: bool) -> float:
    service = server.service(session, "web")["id"]
    container = f"codeyard-{server.installation()[:8]}-{session}-web"
    if stopped:
        server.run(session, "stop-all")
    before = looking.started(container)
    started = time.perf_counter()
    server.ask("POST", f"/workspace/{session}/runtimes/{service}/restart")
    looking.until_it_answers(container, but=before)
    took = time.perf_counter() - started
    while server.service(session, "web")["state"] != "running":
        time.sleep(0.01)
    return took


def theirs(looking: Looking, *words: str) -> float:
    started = time.perf_counter()
    container = client("run", "-d", *words, IMAGE)
    looking.until_it_answers(container)
    took = time.perf_counter() - started
    subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=True)
    return took


def main() -> None:
    found: dict[str, list[float]] = {"restart": [], "start": [], "docker": [], "bare": []}
    with Stacks("nginx") as server:
        looking = Looking()
        client("network", "create", NETWORK)
        try:
            session = server.stack("start", COMPOSE)
            server.run(session, "run-all")
            for number in range(ROUNDS):
                found["restart"].append(ours(server, looking, session, stopped=False))
                found["start"].append(ours(server, looking, session, stopped=True))
                found["docker"].append(theirs(looking, "--network", NETWORK))
                found["bare"].append(theirs(looking))
                say(f"round {number + 1}: " + ", ".join(f"{name} {times[-1]:.3f} s" for name, times in found.items()))
        finally:
            client("network", "rm", NETWORK)
    p50 = {name: median(times) for name, times in found.items()}
    what = f"docker run --network … {IMAGE} until it answers; bare without a network of its own, where no names resolve"
    finish(
        "service-start",
        {"restart_p50_s": round(p50["restart"], 3), "start_p50_s": round(p50["start"], 3)},
        {"p50_s": round(p50["docker"], 3), "bare_p50_s": round(p50["bare"], 3), "what": what},
        {
            "restart": p50["restart"] / p50["docker"],
            "start": p50["start"] / p50["docker"],
            "restart_to_bare": p50["restart"] / p50["bare"],
            "start_to_bare": p50["start"] / p50["bare"],
        },
        dict.fromkeys(("restart", "start"), ("<=", 1.3)),
    )


if __name__ == "__main__":
    sys.exit(main())
