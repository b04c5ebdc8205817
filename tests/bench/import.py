"""A repository of 100 MB, 1,000 files and 200 commits, imported into a session over HTTP with a token until the feed says that it
is over, its working copy and its service being there, against `git clone --bare` from the same server."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.harness import finish, median, say
from tests.forges import NAME, forge
from tests.remotes import TOKEN
from tests.server import Server

FILES, COMMITS, ROUNDS = 1000, 200, 3


def large(at: Path) -> Path:
    """The repository, bare, in one pack, as a provider has it."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(at)], check=True)
    feed = subprocess.Popen(["git", "-C", str(at), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert feed.stdin is not None
    for number in range(COMMITS):
        feed.stdin.write(
            b"commit refs/heads/main\ncommitter Bench <b@example.com> %d +0000\n" % (1_700_000_000 + number)
        )
        feed.stdin.write(b"data 2\nx\n")
        for file in range(FILES) if number == 0 else [number]:
            body = base64.encodebytes(os.urandom(100_000 if number == 0 else 1000))
            feed.stdin.write(b"M 100644 inline d%d/f%d.txt\ndata %d\n%b\n" % (file // 50, file, len(body), body))
    feed.stdin.close()
    assert feed.wait() == 0
    subprocess.run(["git", "-C", str(at), "repack", "-adq"], check=True)
    return at


@contextlib.contextmanager
def told(server: Server) -> Iterator[http.client.HTTPResponse]:
    """The feed, from now on, as the page has it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", "/api/v1/events", headers={"authorization": f"Bearer {server.key}"})
    with contextlib.closing(connection):
        yield connection.getresponse()


def wait_for_end(feed: http.client.HTTPResponse) -> None:
    for line in feed:
        if line.startswith(b"data: "):
            operation = json.loads(line.removeprefix(b"data: "))["data"].get("operation", {})
            assert operation.get("status") != "failed", operation
            if operation.get("status") == "succeeded":
                return


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="cy-import-"))
    size = sum(path.stat().st_size for path in large(folder / f"{NAME}.git").rglob("*.pack")) / 1e6
    ours, theirs = [], []
    with forge(folder) as upstream, Server(CODEYARD_ALLOW_PRIVATE_CLONE="1") as server:
        server.ask("POST", "/github", {"token": TOKEN, "base_url": upstream.base})
        session = server.ask("POST", "/workspace", {"name": "one"})["default_session_id"]
        credential = base64.b64encode(f"x:{TOKEN}".encode()).decode()
        for number in range(ROUNDS):
            started = time.perf_counter()
            with told(server) as feed:
                wanted = {"repository": NAME, "name": f"copy{number}"}
                server.ask("POST", f"/workspace/{session}/services/import-github", wanted)
                wait_for_end(feed)
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            words = ["git", "-c", f"http.extraHeader=Authorization: Basic {credential}", "clone", "-q", "--bare"]
            subprocess.run([*words, f"{upstream.base}/{NAME}.git", str(folder / f"bare{number}")], check=True)
            theirs.append(time.perf_counter() - started)
            say(f"round {number + 1}: import {ours[-1]:.2f} s, clone --bare {theirs[-1]:.2f} s")
    shutil.rmtree(folder)
    finish(
        "import",
        {"seconds": round(median(ours), 2), "megabytes": round(size)},
        {"seconds": round(median(theirs), 2), "what": "git clone --bare of the same repository from the same server"},
        {"seconds": median(ours) / median(theirs)},
        {"seconds": ("<=", 1.2)},
    )


if __name__ == "__main__":
    sys.exit(main())
