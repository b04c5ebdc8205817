"""The three-service template, started a second time with its volumes initialised, to all healthy, against a script of docker
commands that does the same in the best order, in turns."""

import sys
import time

from tests.bench.harness import finish, median, say
from tests.bench.stacks import Stacks, docker, remove

ROUNDS = 5
MARK = "codeyard.bench=stack"
NAMES = ("db", "api", "page")


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
        container = server.container(session, name)

        def ask(form: str, container: str = container) -> list[str]:
            return docker("inspect", "-f", form, container).splitlines()

        words = ["run", "-d", "--init", "--label", MARK, "--network", "codeyard-bench-stack", "--network-alias", name]
        words += [word for line in ask("{{range .Config.Env}}{{println .}}{{end}}") if line for word in ("-e", line)]
        mounts = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}}{{else}}{{.Source}}{{end}}:{{.Destination}}{{println}}{{end}}'
        words += [word for line in ask(mounts) if line for word in ("-v", line)]
        [folder] = ask("{{.Config.WorkingDir}}") or [""]
        words += ["-w", folder] if folder else []
        check = ask("{{range .Config.Healthcheck.Test}}{{println .}}{{end}}")
        [interval] = ask("{{.Config.Healthcheck.Interval}}")
        words += ["--health-cmd", " ".join(check[1:]), "--health-interval", interval]
        entry = ask("{{range .Config.Entrypoint}}{{println .}}{{end}}")
        command = ask("{{range .Config.Cmd}}{{println .}}{{end}}")
        [image] = ask("{{.Image}}")
        found[name] = (
            [*words, "--entrypoint", entry[0], image, *entry[1:], *command] if entry else [*words, image, *command]
        )
    return found


def theirs(recipe: dict[str, list[str]]) -> float:
    started = time.perf_counter()
    docker("network", "create", "--label", MARK, "codeyard-bench-stack")
    for name in NAMES:  # each needs the one before to be healthy
        container = docker(*recipe[name])
        while docker("inspect", "-f", "{{.State.Health.Status}}", container) != "healthy":
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
