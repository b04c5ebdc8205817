"""A pull request's difference of 300 files and 20,000 changed lines: through the API, as the page asks for it, against
`git diff` of the same commits, renames found by both, in turns."""

import http.client
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.harness import finish, median, say
from tests.server import Server

FILES, CHANGED, ROUNDS = 300, 34, 15


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cy-bench-") as folder, Server() as server:
        plain = Path(folder) / "plain"
        pull, lines = prepare(server, plain)
        at = f"/workspace/{pull['workspace_id']}/sessions/{pull['head_session_id']}/pull-requests/1/diff"
        ours, theirs = [], []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            raw = fetch(server, at)
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            git(plain, "diff", "-M", "main", "head")
            theirs.append(time.perf_counter() - started)
        diff = json.loads(raw)
        shown = sum(file["additions"] + file["deletions"] for file in diff["items"])
        assert len(diff["items"]) == FILES and shown == lines and diff["next_cursor"] is None
        assert not any(file["truncated"] for file in diff["items"])
        assert sum(file["status"] == "renamed" for file in diff["items"]) == 10
        say(f"{shown} changed lines")
    mine, client = median(ours), median(theirs)
    finish(
        "pulls",
        {"diff_ms": round(mine * 1000, 1), "files": FILES, "changed_lines": lines},
        {"diff_ms": round(client * 1000, 1), "what": "git diff -M, its output thrown away"},
        {"diff": mine / client},
        {"diff": ("<=", 1.5)},
    )


def fetch(server: Server, path: str) -> bytes:
    """The answer as it comes: reading JSON is the page's, as reading the client's output would be."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", f"/api/v1{path}", headers={"authorization": f"Bearer {server.key}"})
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    assert answer.status == 200, raw
    return raw


def git(at: Path, *words: str) -> str:
    identity = ["-c", "user.name=B", "-c", "user.email=b@example.com"]
    return subprocess.run(["git", "-C", str(at), *identity, *words], check=True, capture_output=True, text=True).stdout


def prepare(server: Server, plain: Path) -> tuple[dict[str, str], int]:
    """The pull request, and the same two commits as `main` and `head` of a repository at `plain`; how many lines change."""
    plain.mkdir()
    git(plain, "init", "-q", "-b", "main")
    for number in range(FILES):
        at = plain / f"d{number // 20}"
        at.mkdir(exist_ok=True)
        text = "".join(f"line {line} of file {number}, which says something or other\n" for line in range(400))
        (at / f"f{number}.py").write_text(text)
    git(plain, "add", "-A")
    git(plain, "commit", "-q", "-m", "Base")
    made = server.ask("POST", "/workspace", {"name": "pulls", "clone_url": f"file://{plain}"})
    head = server.ask("POST", "/sessions", {"workspace_id": made["id"], "name": "head"})
    git(plain, "switch", "-q", "-c", "head")
    for root in (plain, server.data / "sessions" / head["id"] / "workspace"):
        change(root)
    git(plain, "add", "-A")
    git(plain, "commit", "-q", "-m", "Head")
    server.ask("POST", f"/workspace/{head['id']}/version-controls/commit", {"message": "Head"})
    body = {"head_session_id": head["id"], "title": "Everything"}
    pull = server.ask("POST", f"/workspace/{made['id']}/pull-requests", body)
    counted = git(plain, "diff", "-M", "--numstat", "main", "head").splitlines()
    return pull, sum(int(line.split()[0]) + int(line.split()[1]) for line in counted)


def change(root: Path) -> None:
    """Every twelfth line of every file, and another name for ten of them."""
    for number in range(FILES):
        path = root / f"d{number // 20}" / f"f{number}.py"
        lines = path.read_text().splitlines(keepends=True)
        for at in range(CHANGED):
            if at * 12 < len(lines):
                lines[at * 12] = f"changed line {at} of file {number}, to say something else\n"
        path.write_text("".join(lines))
        if number < 10:
            path.rename(path.with_name(f"g{number}.py"))


if __name__ == "__main__":
    sys.exit(main())
