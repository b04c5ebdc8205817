"""Fifty pull requests of non-conflicting heads merged into one branch at once: how many at the first try, none lost, and a
branch that `git fsck` finds whole. Beside it: the same merges one after the other."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bench.harness import finish, percentile, say
from tests.server import Server

PULLS = 50
METHODS = ("merge", "squash", "rebase")


def main() -> None:
    with Server() as server:
        at_once = measure(server, "at once", parallel=PULLS)
        in_turn = measure(server, "in turn", parallel=1)
    finish(
        "merge",
        at_once,
        {"seconds": in_turn["seconds"], "what": "the same one after the other"},
        {
            "merged_at_once": at_once["merged_at_once"],
            "lost": at_once["lost"],
            "broken": at_once["broken"],
            "seconds": at_once["seconds"] / in_turn["seconds"],
        },
        {"merged_at_once": (">=", 45), "lost": ("<=", 0), "broken": ("<=", 0)},
    )


def measure(server: Server, name: str, *, parallel: int) -> dict[str, Any]:
    made = server.ask("POST", "/workspace", {"name": name})
    at = f"/workspace/{made['id']}/pull-requests"
    pulls = [open_one(server, made["id"], number) for number in range(PULLS)]

    def merge(pull: dict[str, Any]) -> tuple[int, float]:
        body = {"method": METHODS[pull["number"] % 3], "expected_head": pull["head_commit"]}
        started = time.perf_counter()
        status, _, _ = server.request("POST", f"{at}/{pull['number']}/merge", body)
        return status, time.perf_counter() - started

    started = time.perf_counter()
    with ThreadPoolExecutor(parallel) as pool:
        answers = list(pool.map(merge, pulls))
    seconds = time.perf_counter() - started
    again = [pull for pull, (status, _) in zip(pulls, answers, strict=True) if status != 200]
    assert all(status in (200, 423) for status, _ in answers), answers
    assert all(merge(pull)[0] == 200 for pull in again)
    main_session = server.data / "sessions" / made["default_session_id"] / "workspace"
    there = {path.name for path in main_session.glob("*.txt")}
    log = git(main_session, "ls-tree", "--name-only", "HEAD").split()
    wanted = {f"{number}.txt" for number in range(PULLS)}
    fsck = subprocess.run(["git", "-C", str(main_session), "fsck", "--strict"], capture_output=True, text=True)
    say(f"{name}: {PULLS - len(again)} of {PULLS} at the first try in {seconds:.1f} s")
    return {
        "merged_at_once": PULLS - len(again),
        "seconds": round(seconds, 2),
        "p50_ms": round(percentile([took for _, took in answers], 0.5) * 1000),
        "lost": len(wanted - there) + len(wanted - set(log)),
        "broken": int(fsck.returncode != 0) + len(git(main_session, "status", "--porcelain").splitlines()),
    }


def open_one(server: Server, workspace: str, number: int) -> dict[str, Any]:
    session = server.ask("POST", "/sessions", {"workspace_id": workspace, "name": f"head {number}"})["id"]
    write = {"op": "write", "path": f"{number}.txt", "content": f"{number}\n"}
    server.ask("POST", f"/workspace/{session}/filesystem", write)
    server.ask("POST", f"/workspace/{session}/version-controls/commit", {"message": f"Number {number}"})
    body = {"head_session_id": session, "title": f"Number {number}"}
    made: dict[str, Any] = server.ask("POST", f"/workspace/{workspace}/pull-requests", body)
    return made


def git(at: Any, *words: str) -> str:
    return subprocess.run(["git", "-C", str(at), *words], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
