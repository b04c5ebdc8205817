"""Status, log of 1,000, diff, commit and blame on 10,000 files and 5,000 commits: through the API by one client that keeps its
connection, as a page does, against the git client's own process doing the same on a clone, in turns. Neither answer is parsed."""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.harness import finish, median, say
from tests.bench.repositories import many_files
from tests.server import Server

ROUNDS = 15


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cy-bench-") as folder, Server() as server:
        upstream = many_files(Path(folder) / "upstream", files=10_000, commits=5_000)
        made = server.ask("POST", "/workspace", {"name": "vcs", "clone_url": f"file://{upstream}"})
        session = made["default_session_id"]
        mine = server.data / "sessions" / session / "workspace"
        plain = Path(folder) / "plain"
        subprocess.run(["git", "clone", "-q", str(upstream), str(plain)], check=True)
        at = f"/workspace/{session}/version-controls"
        head = server.ask("GET", f"{at}/status")["head"]
        old = subprocess.run(
            ["git", "-C", str(plain), "rev-parse", "HEAD~100"], check=True, capture_output=True, text=True
        )
        base = old.stdout.strip()

        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        headers = {"authorization": f"Bearer {server.key}", "content-type": "application/json"}

        def ask(method: str, path: str, body: object = None) -> None:
            connection.request(method, f"/api/v1{at}{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            told = answer.read()
            assert answer.status < 400, (path, told)

        def git(*words: str) -> None:
            identity = ["-c", "user.name=B", "-c", "user.email=b@example.com"]
            subprocess.run(["git", "-C", str(plain), *identity, *words], check=True, capture_output=True)

        def change(number: int) -> None:
            for root in (mine, plain):
                (root / "d1" / "f101.txt").write_text(f"changed {number}\n")
                (root / "new.txt").write_text(f"new {number}\n")

        def commit_by_client() -> None:
            git("add", "-A")
            git("commit", "-q", "-m", "bench")

        pairs: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "status": (
                lambda: ask("GET", "/status"),
                lambda: git("status", "--porcelain", "--untracked-files=all"),
            ),
            "log": (
                lambda: ask("POST", "/log", {"limit": 1000}),
                lambda: git("log", "-1000", "--decorate"),
            ),
            "diff": (
                lambda: ask("POST", "/diff", {"from": base, "to": head}),
                lambda: git("diff", "-M", base, head),
            ),
            "blame": (
                lambda: ask("GET", "/blame?path=d0/f0.txt"),
                lambda: git("blame", "--porcelain", "d0/f0.txt"),
            ),
            "commit": (lambda: ask("POST", "/commit", {"message": "bench"}), commit_by_client),
        }
        ours: dict[str, float] = {}
        theirs: dict[str, float] = {}
        for name, (by_api, by_client) in pairs.items():
            api_times, client_times = [], []
            for number in range(ROUNDS):
                change(number)
                started = time.perf_counter()
                by_api()
                api_times.append(time.perf_counter() - started)
                started = time.perf_counter()
                by_client()
                client_times.append(time.perf_counter() - started)
            ours[name], theirs[name] = median(api_times), median(client_times)
            say(f"{name}: ours {ours[name] * 1000:.1f} ms, git {theirs[name] * 1000:.1f} ms")
    finish(
        "vcs",
        {f"{name}_ms": round(value * 1000, 1) for name, value in ours.items()},
        {f"{name}_ms": round(value * 1000, 1) for name, value in theirs.items()}
        | {"what": "the git client's own process"},
        {name: ours[name] / theirs[name] for name in pairs},
        dict.fromkeys(pairs, ("<=", 1.0)),
    )


if __name__ == "__main__":
    sys.exit(main())
