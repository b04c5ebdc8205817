"""The three-service template, started a second time with its volumes initialised, to all healthy, against a script of docker
commands that does the same in the best order, in turns."""

import json
import sys
import time

from tests.bench.harness import finish, median, say
from tests.bench.stacks import Stacks, docker, remove

ROUNDS = 5
MARK = "codeyard.bench=stack"
NAMES = ("db", "api", "page")
HEALTHY = "running healthy"


def ours(server: Stacks, session: str) -> float:
    started = time.perf_counter()
    server.run(session, "run-all")
    took = time.perf_counter() - started
    assert all(server.service(session, name)["state"] == "running" for name in NAMES)
    server.run(session, "stop-all")
    return took


def recipes(server: Stacks, session: str) -> dict[str, list[str]]:
    """How docker would be told of the containers that ours are: image, command, environment, mounts, health check."""
    found = {}
    for name in NAMES:
        [seen] = json.loads(docker("inspect", server.container(session, name)))
        own = seen["Config"]
        words = ["run", "-d", "--init", "--label", MARK, "--network", "codeyard-bench-stack", "--network-alias", name]
        words += [word for variable in own["Env"] for word in ("-e", variable)]
        for mount in seen["Mounts"]:
            words += ["-v", f"{mount['Name'] if mount['Type'] == 'volume' else mount['Source']}:{mount['Destination']}"]
        words += ["-w", own["WorkingDir"]] if own["WorkingDir"] else []
        check = own["Healthcheck"]
        words += ["--health-cmd", " ".join(check["Test"][1:]), "--health-interval", f"{check['Interval']}ns"]
        entry, command = own["Entrypoint"] or [], own["Cmd"] or []
        words += ["--entrypoint", entry[0]] if entry else []
        found[name] = [*words, seen["Image"], *entry[1:], *command]
    return found


def theirs(recipe: dict[str, list[str]]) -> float:
    started = time.perf_counter()
    docker("network", "create", "--label", MARK, "codeyard-bench-stack")
    for name in NAMES:  # each needs the one before to be healthy
        container = docker(*recipe[name])
        while (state := docker("inspect", "-f", "{{.State.Status}} {{.State.Health.Status}}", container)) != HEALTHY:
            assert state.startswith("running"), docker("logs", container)
            time.sleep(0.01)
    took = time.perf_counter() - started
    remove(f"label={MARK}")
    return took


def main() -> None:
    found: dict[str, list[float]] = {"ours": [], "docker": []}
    with Stacks("node", "python", "postgres") as server:
        made = server.ask("POST", "/workspace/auto-create", {"template": "full-stack"})
        session, operation = made["session_id"], made["operation"]
        while operation["status"] in ("queued", "running"):
            time.sleep(0.2)
            operation = server.ask("GET", f"/workspace/{session}/operations/{operation['id']}")
        assert operation["status"] == "succeeded", operation
        recipe = recipes(server, session)
        server.run(session, "stop-all")
        for number in range(ROUNDS):
            found["ours"].append(ours(server, session))
            found["docker"].append(theirs(recipe))
            say(f"round {number + 1}: " + ", ".join(f"{who} {times[-1]:.2f} s" for who, times in found.items()))
    p50 = {who: median(times) for who, times in found.items()}
    finish(
        "stack-start",
        {"p50_s": round(p50["ours"], 2)},
        {"p50_s": round(p50["docker"], 2), "what": "docker commands in the best order, health asked as often"},
        {"p50": p50["ours"] / p50["docker"]},
        {"p50": ("<=", 1.3)},
    )


if __name__ == "__main__":
    sys.exit(main())
