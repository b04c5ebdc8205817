"""What goes wrong under a running server: PostgreSQL dies, the disk fills, a second server comes, the server itself is
killed half way. A clear error or a recovery each time, and nothing that was acknowledged is lost."""

import base64
import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

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
        except (OSError, http.client.HTTPException) as error:  # a killed server answers half or not at all
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


def test_a_database_that_dies_under_load_loses_nothing_and_answers_503_at_worst(server: Server):
    with Load(server, "load") as load:
        for _ in range(3):
            before = len(load.acknowledged)
            wait_until(lambda before=before: len(load.acknowledged) > before + 20)
            os.kill(postmaster(server), signal.SIGKILL)
        before = len(load.acknowledged)
        wait_until(lambda: len(load.acknowledged) > before + 20)
    assert load.odd == []
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


def test_what_a_killed_server_was_writing_is_shown_nowhere_and_swept_by_the_next(server: Server):
    session = server.ask("POST", "/workspace", {"name": "half"})["default_session_id"]
    root = server.data / "sessions" / session / "workspace"
    large = base64.b64encode(os.urandom(6_000_000)).decode()

    def write() -> int:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return file_call(server, session, op="write", path="large", content=large, encoding="base64")[0]
        return 0

    with ThreadPoolExecutor(1) as pool:
        while not (half := list(root.glob(".codeyard-tmp-*"))):
            writing = pool.submit(write)
            wait_until(lambda writing=writing: any(root.glob(".codeyard-tmp-*")) or writing.done(), every=0)
            if writing.done():  # it was too fast
                assert writing.result() == 200
                continue
            server.kill()
            writing.result()
            if not (half := list(root.glob(".codeyard-tmp-*"))):
                server.start()
    (root / "deep" / half[0].name).mkdir(parents=True)  # of an archive that was unpacked
    (root / "deep" / half[0].name / "part").write_text("half")
    (root / "deep" / "kept").write_text("mine")
    server.start()
    wait_until(lambda: not half[0].exists() and not (root / "deep" / half[0].name).exists())
    assert (root / "deep" / "kept").read_text() == "mine"
    files = server.ask("GET", f"/workspace/{session}/version-controls/status")["files"]
    assert {file["path"] for file in files} <= {"large", "deep/kept"}
    assert write() == 200


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


@pytest.fixture(scope="module")
def small():
    """A server whose data lies on a file system of 200 MB."""
    server = Server()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "tmpfs", str(server.data)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        server.data.rmdir()
        pytest.skip("only root can mount a small file system")
    try:
        with server:
            yield server
    finally:
        subprocess.run(["umount", "-l", str(server.data)], check=True)
        server.data.rmdir()


@contextlib.contextmanager
def full(server: Server):
    """The disk has no byte left until the block ends."""
    filler = server.data / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    try:
        yield
    finally:
        filler.unlink()


def file_call(server: Server, session_id: str, **words: object) -> tuple[int, dict]:
    return server.request("POST", f"/workspace/{session_id}/filesystem", words)[:2]


def shell(server: Server, session_id: str) -> ClientConnection:
    key = {"authorization": f"Bearer {server.key}"}
    address = f"{server.socket_url}/ws/terminal?session_id={session_id}"
    return connect(address, additional_headers=key, open_timeout=60)


def test_a_full_disk_is_named_on_write_and_on_commit_and_costs_nothing(small: Server):
    workspace = small.ask("POST", "/workspace", {"name": "kept"})
    session_id = workspace["default_session_id"]
    vcs = f"/workspace/{session_id}/version-controls"
    big = base64.b64encode(os.urandom(1 << 20)).decode()
    assert file_call(small, session_id, op="write", path="a.txt", content="first")[0] == 200
    first = small.ask("POST", f"{vcs}/commit", {"message": "first"})["id"]
    assert file_call(small, session_id, op="write", path="big", content=big, encoding="base64")[0] == 200

    with full(small):
        refused = {
            "write": file_call(small, session_id, op="write", path="a.txt", content="x" * 100_000),
            "commit": small.request("POST", f"{vcs}/commit", {"message": "second"})[:2],
            "fork": small.request("POST", "/sessions", {"workspace_id": workspace["id"], "name": "other"})[:2],
            "workspace": small.request("POST", "/workspace", {"name": "another"})[:2],
        }
        assert {(what, status) for what, (status, _) in refused.items()} <= {
            (what, status) for what in refused for status in (507, 503)
        }
        assert refused["write"][0] == refused["commit"][0] == 507
        assert "disk is full" in refused["write"][1]["error"]["message"]
        with pytest.raises(InvalidStatus) as no_room, shell(small, session_id):  # its output has a place on disk
            pass
        assert no_room.value.response.status_code == 507
        assert file_call(small, session_id, op="read", path="a.txt")[1]["content"] == "first"
        assert small.ask("POST", f"{vcs}/log", {})["items"][0]["id"] == first

    assert file_call(small, session_id, op="read", path="big", encoding="base64")[1]["content"] == big
    second = small.ask("POST", f"{vcs}/commit", {"message": "second"})["id"]
    assert [commit["id"] for commit in small.ask("POST", f"{vcs}/log", {})["items"]][:2] == [second, first]
    wait_until(lambda: unfinished(small) == [])
    small.ask("POST", "/sessions", {"workspace_id": workspace["id"], "name": "other"})
    small.ask("POST", "/workspace", {"name": "another"})
    with shell(small, session_id) as opened:
        assert json.loads(opened.recv(timeout=60))["type"] == "attached"


def test_a_small_pack_that_unfolds_to_more_than_the_disk_holds_fails_by_its_name_and_leaves_nothing(
    small: Server, tmp_path
):
    """Attack row 35: 400 MB of one word are half a megabyte on the way."""
    git = ["git", "-c", "user.name=B", "-c", "user.email=b@example.com", "-C", str(tmp_path)]
    (tmp_path / "bomb").write_bytes(b"bomb" * (100 << 20))
    for words in (["init", "-q", "-b", "main"], ["add", "bomb"], ["commit", "-qm", "Bomb"]):
        subprocess.run([*git, *words], check=True)
    free = shutil.disk_usage(small.data).free
    bomb = small.ask("POST", "/workspace", {"name": "bomb", "clone_url": f"file://{tmp_path}"})
    session: dict = {}

    def has_failed() -> bool:
        session.update(small.ask("GET", f"/sessions/{bomb['default_session_id']}"))
        return session["status"] == "failed"

    wait_until(has_failed)
    assert "disk is full" in session["status_reason"]["message"]
    wait_until(lambda: shutil.disk_usage(small.data).free > free - (20 << 20))
    assert small.request("POST", "/workspace", {"name": "after it"})[0] == 201
