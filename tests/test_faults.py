"""What goes wrong under a running server: PostgreSQL dies, the disk fills, a second server comes, the server itself is
killed half way. A clear error or a recovery each time, and nothing that was acknowledged is lost."""

import os
import signal
import threading
from collections import Counter

import pytest

from tests.server import Server, wait_until
from tests.test_cli import run


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


class Load:
    """Clients that create workspaces and read them back, until told to stop; keeps what was answered."""

    def __init__(self, server: Server, label: str, clients: int = 4) -> None:
        self.server = server
        self.label = label
        self.answers: Counter[int] = Counter()
        self.odd: list[object] = []
        self.acknowledged: dict[str, str] = {}
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(n,)) for n in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _work(self, client: int) -> None:
        for turn in range(100_000):
            if self.ended.is_set():
                return
            name = f"{self.label} {client} {turn}"
            self._ask("POST", "/workspace", {"name": name}, name)
            self._ask("GET", "/workspace?limit=5")

    def _ask(self, method: str, path: str, body: object = None, name: str = "") -> None:
        try:
            status, answer, headers = self.server.request(method, path, body)
        except OSError as error:
            self.odd.append(error)
            return
        self.answers[status] += 1
        if status == 201:
            self.acknowledged[answer["id"]] = name
        elif status == 503 and answer["error"]["code"] == "unavailable" and "retry-after" in headers:
            pass
        elif status >= 300:
            self.odd.append((method, path, status, answer))


def postmaster(server: Server) -> int:
    return int((server.data / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def workspaces(server: Server) -> dict[str, dict]:
    found, cursor = {}, ""
    while cursor is not None:
        page = server.ask("GET", f"/workspace?limit=200{cursor and '&cursor='}{cursor}")
        found |= {row["id"]: row for row in page["items"]}
        cursor = page["next_cursor"]
    return found


def unfinished(server: Server) -> list[dict]:
    """Default sessions that nobody makes ready any more."""
    sessions = (server.ask("GET", f"/sessions/{row['default_session_id']}") for row in workspaces(server).values())
    return [session for session in sessions if session["status"] != "ready"]


def test_a_database_that_dies_under_load_is_answered_503_and_loses_nothing(server: Server):
    with Load(server, "load") as load:
        for _ in range(3):
            before = len(load.acknowledged)
            wait_until(lambda before=before: len(load.acknowledged) > before + 20)
            os.kill(postmaster(server), signal.SIGKILL)
        before = len(load.acknowledged)
        wait_until(lambda: len(load.acknowledged) > before + 20)
    assert load.odd == []
    assert load.answers[503] > 0
    assert load.acknowledged.items() <= {id: row["name"] for id, row in workspaces(server).items()}.items()
    wait_until(lambda: unfinished(server) == [])
    assert server.request("GET", "/organizations")[0] == 200


def test_what_a_killed_server_had_half_made_is_made_or_gone_after_the_next_start(server: Server):
    for turn in range(3):
        with Load(server, f"killed {turn}") as load:
            wait_until(lambda load=load: len(load.acknowledged) > 5)
            server.kill()
        server.start()
        rows = workspaces(server)
        assert load.acknowledged.items() <= {id: row["name"] for id, row in rows.items()}.items()
        wait_until(lambda: unfinished(server) == [])


def test_a_second_server_on_the_same_data_is_refused_with_the_first_ones_process(server: Server):
    told = run("up", settings=server.settings | {"CODEYARD_PORT": "0"})
    assert told.returncode == 1
    assert f"process {server.process.pid}" in told.stderr
    assert "codeyard down" in told.stderr
    assert server.request("GET", "/workspace")[0] == 200


def test_the_data_is_free_again_at_once_when_its_server_was_killed(server: Server):
    keeper_left = server.data / "keeper"
    server.kill()
    server.start()
    assert keeper_left.is_dir()
    assert server.request("GET", "/workspace")[0] == 200
