"""`kill -9` of the server, of containers and of the engine itself at random moments, while services are started and stopped: is
everything as it should be within ten seconds of the server and the engine being back? 200 cycles; ROUNDS=n for fewer.

Wrong is: a service that should run and does not, or is said to be otherwise; one that should not and does; a container of ours
that no service knows; an operation that does not end."""

import os
import random
import sys
import time
from typing import Any

from tests.bench.harness import finish, median, percentile, say
from tests.engines import IMAGE, Engine
from tests.server import Server

ROUNDS = int(os.environ.get("ROUNDS", "200"))
WITHIN = 10.0  # seconds
SERVICES = 4
COMPOSE = "services:\n" + "".join(
    f"  s{n}:\n    image: {IMAGE}\n    command: sleep 6000\n    init: true\n    stop_grace_period: 1s\n"
    for n in range(SERVICES)
)
LABELS = '{{.Label "codeyard.service"}} {{.State}}'


class Chaos:
    """One session under load on an engine of its own."""

    def __init__(self, server: Server, engine: Engine, dice: random.Random) -> None:
        self.server, self.engine, self.dice = server, engine, dice
        self.session = str(server.ask("POST", "/workspace", {"name": "chaos"})["default_session_id"])
        self.path = f"/workspace/{self.session}"
        write = {"op": "write", "path": "compose.yaml", "content": COMPOSE}
        server.ask("POST", f"{self.path}/filesystem", write)
        self.asked: list[str] = []

    def services(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.server.ask("GET", f"{self.path}/services")["items"]
        return found

    def load(self) -> None:
        """Some starts and stops, not waited for."""
        for service in self.dice.sample(self.services(), self.dice.randint(1, SERVICES)):
            verb = self.dice.choice(("start", "restart", "stop"))
            status, answer, _ = self.server.request("POST", f"{self.path}/runtimes/{service['id']}/{verb}")
            if status == 202:
                self.asked.append(answer["id"])

    def strike(self) -> str:
        time.sleep(self.dice.uniform(0, 0.8))
        who = self.dice.choice(("server", "container", "container", "engine"))
        if who == "server":
            self.server.kill()
            time.sleep(self.dice.uniform(0, 0.5))
            self.server.start()
        elif who == "engine":
            self.engine.kill()
            self.engine.start()
        elif running := self.engine.ask("ps", "-q").split():
            self.engine.ask("kill", self.dice.choice(running))
        return who

    def wrong(self) -> list[str]:
        """What is not as it should be."""
        there = dict(line.rsplit(" ", 1) for line in self.engine.ask("ps", "-a", "--format", LABELS).splitlines())
        found = []
        for service in self.services():
            state = there.pop(service["name"], "gone")
            if service["desired"] == "running" and (service["state"], state) != ("running", "running"):
                found.append(
                    f"{service['name']} should run: said to be {service['state']}, is {state} ({service['reason']})"
                )
            if service["desired"] == "stopped" and (service["state"], state) != ("stopped", "gone"):
                found.append(f"{service['name']} should not run: said to be {service['state']}, is {state}")
        found += [f"orphan {name}" for name in there]
        for operation in self.asked:
            if self.server.ask("GET", f"{self.path}/operations/{operation}")["status"] in ("queued", "running"):
                found.append(f"operation {operation} does not end")
        return found

    def settle(self) -> tuple[float, list[str]]:
        """Seconds until all is right, and what still is not when the time is over."""
        started = time.monotonic()
        while True:
            found = self.wrong()
            took = time.monotonic() - started
            if not found or took > WITHIN:
                self.asked.clear()
                return took, found
            time.sleep(0.1)


def main() -> None:
    dice = random.Random(20261128)
    took: list[float] = []
    wrong: list[str] = []
    struck = {"server": 0, "container": 0, "engine": 0}
    with Engine() as engine, Server(CODEYARD_DOCKER_SOCKET=engine.socket) as server:
        chaos = Chaos(server, engine, dice)
        for number in range(ROUNDS):
            chaos.load()
            who = chaos.strike()
            struck[who] += 1
            seconds, left = chaos.settle()
            took.append(seconds)
            wrong += [f"cycle {number + 1} ({who}): {one}" for one in left]
            say(f"cycle {number + 1}: {who} killed, right after {seconds:.1f} s {left or ''}")
    orphans = sum("orphan" in one for one in wrong)
    stuck = sum("does not end" in one for one in wrong)
    finish(
        "reconcile-chaos",
        {
            "cycles": ROUNDS,
            **struck,
            "settled_p50_s": round(median(took), 1),
            "settled_p99_s": round(percentile(took, 0.99), 1),
        },
        {"what": f"nothing wrong {WITHIN:.0f} s after the server and the engine are back", "examples": wrong[:5]},
        {"orphans": orphans, "stuck": stuck, "wrong_states": len(wrong) - orphans - stuck},
        dict.fromkeys(("orphans", "stuck", "wrong_states"), ("<=", 0)),
    )


if __name__ == "__main__":
    sys.exit(main())
