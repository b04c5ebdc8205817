"""Organisation A asks for 40 services and B for 20, at once: what is rejected, who starts when, how long it all takes against
the docker client with as many at a time, and what is left over."""

import concurrent.futures
import http.client
import json
import subprocess
import sys
import time
from typing import Any

from tests.bench.harness import finish, say
from tests.bench.stacks import Stacks, docker, remove

SLOTS = 4
IMAGE = "debian:bookworm-slim"
MARK = "codeyard.bench=storm"


def compose(count: int) -> str:
    one = "  s{}:\n    image: " + IMAGE + "\n    command: sleep 600\n    stop_grace_period: 1s\n"
    return "services:\n" + "".join(one.format(number) for number in range(count))


def another_organization(server: Stacks) -> str:
    """A key of B."""
    body = {"email": "b@example.com", "password": "correct horse battery", "name": "B", "organization": "B"}
    status, me, headers = server.request("POST", "/auth/register", body, signed_in=False)
    assert status == 201, me
    scopes = [f"{what}:write" for what in ("workspaces", "sessions", "files", "services")]
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    cookie = {"cookie": headers["set-cookie"].split(";")[0], "x-csrf-token": me["csrf_token"], "origin": server.url}
    path = f"/api/v1/organizations/{me['organizations'][0]['id']}/api-keys"
    connection.request("POST", path, json.dumps({"name": "b", "scopes": scopes}), cookie)
    return str(json.loads(connection.getresponse().read())["key"])


def watch(server: Stacks, asked: dict[str, tuple[str, str]], key_of: dict[str, str]) -> dict[str, Any]:
    """Follows both operations to their end: whether both were told a position, and how they ended."""
    seen: dict[str, Any] = {"positions": 0, "estimates": 0, "status": {}}
    while len(seen["status"]) < len(asked):
        for who, (session, operation) in asked.items():
            server.key = key_of[who]
            found = server.ask("GET", f"/workspace/{session}/operations/{operation}")
            seen["positions"] += found["position"] is not None
            seen["estimates"] += found["estimate_seconds"] is not None
            if found["status"] in ("succeeded", "failed"):
                seen["status"][who] = found["status"]
        time.sleep(0.1)
    return seen


def ours() -> dict[str, Any]:
    with Stacks(CODEYARD_REGISTRATION="1", CODEYARD_START_SLOTS=str(SLOTS)) as server:
        key_of = {"a": server.key, "b": another_organization(server)}
        sessions = {}
        for who, count in (("a", 40), ("b", 20)):
            server.key = key_of[who]
            sessions[who] = server.stack(who, compose(count))
        asked = {}
        started = time.perf_counter()
        for who, session in sessions.items():
            server.key = key_of[who]
            asked[who] = session, server.ask("POST", f"/workspace/{session}/runtimes/run-all")["id"]
        seen = watch(server, asked, key_of)
        took = time.perf_counter() - started
        begun = []
        for who, session in sessions.items():
            for container in docker("ps", "-q", "--filter", f"label=codeyard.group={session}").split():
                begun.append((docker("inspect", "-f", "{{.State.StartedAt}}", container), who))
        order = [who for _, who in sorted(begun)]
        places = [number for number, who in enumerate(order, 1) if who == "b"]
        late = max(place - (2 * k + 4) for k, place in enumerate(places, 1))
        installation = server.installation()
    left = docker("ps", "-aq", "--filter", f"label=codeyard.installation={installation}").split()
    rejected = 60 - len(order) if set(seen["status"].values()) == {"succeeded"} else 60
    told = seen["positions"] > 0 and seen["estimates"] > 0
    return {"seconds": took, "rejected": rejected, "orphans": len(left), "b_late_by": late, "position_told": told}


def theirs() -> float:
    """As many at a time, by a client that knows nothing of organisations; on a network, as ours."""
    docker("network", "create", "--label", MARK, "codeyard-bench-storm")
    words = [
        "docker",
        "run",
        "-d",
        "--init",
        "--label",
        MARK,
        "--network",
        "codeyard-bench-storm",
        IMAGE,
        "sleep",
        "600",
    ]

    def one(_: int) -> None:
        subprocess.run(words, capture_output=True, check=True)

    started = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
        list(pool.map(one, range(60)))
    took = time.perf_counter() - started
    remove(f"label={MARK}")
    return took


def main() -> None:
    peer = theirs()
    say(f"docker client: {peer:.1f} s")
    found = ours()
    say(f"ours: {found}")
    finish(
        "start-storm",
        found | {"seconds": round(found["seconds"], 1), "slots": SLOTS},
        {"seconds": round(peer, 1), "what": f"docker run of 60, {SLOTS} at a time"},
        {
            "time": found["seconds"] / peer,
            "rejected": found["rejected"],
            "orphans": found["orphans"],
            "b_late_by": found["b_late_by"],
            "position_told": int(found["position_told"]),
        },
        {
            "time": ("<=", 1.3),
            "rejected": ("<=", 0),
            "orphans": ("<=", 0),
            "b_late_by": ("<=", 0),
            "position_told": (">=", 1),
        },
    )


if __name__ == "__main__":
    sys.exit(main())
