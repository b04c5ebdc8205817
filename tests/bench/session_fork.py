"""POST /sessions on a repository of 10,000 files, against `git worktree add` of the same, in turns."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.harness import finish, median, say
from tests.bench.repositories import many_files
from tests.server import Server

ROUNDS = 20


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cy-bench-") as folder, Server() as server:
        upstream = many_files(Path(folder) / "upstream", files=10_000, commits=1)
        made = server.ask("POST", "/workspace", {"name": "fork", "clone_url": f"file://{upstream}"})
        plain = Path(folder) / "plain"
        subprocess.run(["git", "clone", "-q", str(upstream), str(plain)], check=True)
        ours, theirs = [], []
        for number in range(ROUNDS):
            started = time.perf_counter()
            server.ask("POST", "/sessions", {"workspace_id": made["id"], "name": f"s{number}"})
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            words = [
                "git",
                "-C",
                str(plain),
                "worktree",
                "add",
                "-q",
                "-b",
                f"w{number}",
                str(Path(folder) / f"w{number}"),
            ]
            subprocess.run(words, check=True)
            theirs.append(time.perf_counter() - started)
            say(f"round {number + 1}: ours {ours[-1]:.3f} s, worktree add {theirs[-1]:.3f} s")
    finish(
        "session-fork",
        {"median_s": round(median(ours), 3)},
        {"median_s": round(median(theirs), 3), "what": "git worktree add of the same 10,000 files"},
        {"median": median(ours) / median(theirs)},
        {"median": ("<=", 1.2)},
    )


if __name__ == "__main__":
    sys.exit(main())
