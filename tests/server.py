"""A real server on a port with a data directory of its own, for tests of the page and of restarts, and for the benchmarks."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backend.core.postgres import Postgres
from tests import clusters

ROOT = Path(__file__).resolve().parents[1]
OWNER = {"email": "ada@example.com", "password": "correct horse battery", "name": "Ada", "organization": "Acme"}


def _first(headers: list[tuple[str, str]]) -> dict[str, str]:
    """By lower-case name; of several of one name the first, as the sign-in is of cookies."""
    return {name.lower(): value for name, value in reversed(headers)}


class Server:
    """`codeyard up` as a process, without an engine unless one is given. Use as a context manager: set up with an owner (signed
    in) and a key that may all. A `new` one makes its own database, as a first start does, and waits for the disk, as is measured;
    others find one that has its tables (tests/clusters.py)."""

    def __init__(self, *, new: bool = "PYTEST_VERSION" not in os.environ, **settings: str) -> None:
        self.data = Path(tempfile.mkdtemp(prefix="cy-"))
        self.data.chmod(0o755)
        self.settings = {
            "CODEYARD_PORT": "0",
            "CODEYARD_DATA": str(self.data),
            "CODEYARD_ALLOW_FILE_CLONE": "1",
            "CODEYARD_DOCKER_SOCKET": "",
        } | settings
        self.new = new
        self.port = 0
        self.key = ""
        self.organization_id = ""
        self.cookie = ""
        self.csrf_token = ""
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Server":
        token = self.start()
        status, me, headers = self.request("POST", "/auth/setup", OWNER | {"token": token}, signed_in=False)
        assert status == 201, me
        self.cookie = headers["set-cookie"].split(";")[0]
        self.csrf_token = me["csrf_token"]
        self.organization_id = me["organizations"][0]["id"]
        scopes = [
            "admin",
            *(
                f"{what}:write"
                for what in ("workspaces", "sessions", "files", "terminals", "services", "vcs", "pulls", "tasks")
            ),
        ]
        body = {"name": "tests", "scopes": scopes}
        status, made, _ = self.request("POST", f"/organizations/{self.organization_id}/api-keys", body)
        assert status == 201, made
        self.key = made["key"]
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.down()
        finally:
            shutil.rmtree(self.data, ignore_errors=True)  # whatever lives on of it sees that, and ends

    def start(self) -> str:
        """Starts it and waits until it is ready; the one-time token when one was printed, else an empty string."""
        if not (self.new or "CODEYARD_DATABASE_URL" in self.settings or (self.data / "postgres").exists()):
            clusters.copy(self.data / "postgres")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CODEYARD_")} | self.settings
        environment["HOME"] = str(self.data)  # shells start without the dotfiles of whoever runs this
        if self.port:  # a restart comes back where it was
            environment["CODEYARD_PORT"] = str(self.port)
        log = (self.data / "server.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backend.cli", "up"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        log.close()
        token = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:  # it says where it listens once it does
            token = found[1] if (found := re.search(r"token=([\w-]+)", line)) else token
            if found := re.search(r"listening on http://[^ ]*:(\d+)", line):
                self.port = int(found[1])
                return token
        raise AssertionError(f"the server did not start: {(self.data / 'server.log').read_text()[-3000:]}")

    def kill(self) -> None:
        """`kill -9`, as a crash would."""
        assert self.process is not None
        self.process.kill()
        self._reap()

    def stop(self) -> None:
        """SIGTERM, as a service manager would: terminals stay."""
        assert self.process is not None
        self.process.terminate()
        self._reap()

    def down(self) -> None:
        """Ends the server and its terminals: by SIGINT, as `codeyard down` sends it, or by that where it was killed."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
                self._reap()
                return
        command = [sys.executable, "-m", "backend.cli", "down"]
        subprocess.run(command, cwd=ROOT, env=os.environ | self.settings, capture_output=True, check=True, timeout=120)
        if self.process is not None:
            self._reap()

    def _reap(self) -> None:
        assert self.process is not None
        self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def request(
        self, method: str, path: str, body: Any = None, *, signed_in: bool = True
    ) -> tuple[int, Any, dict[str, str]]:
        """(status, decoded answer, headers) of one call, by key, or by cookie before there is one."""
        headers = {"content-type": "application/json", "origin": self.url}
        if signed_in:
            headers |= (
                {"authorization": f"Bearer {self.key}"}
                if self.key
                else {"cookie": self.cookie, "x-csrf-token": self.csrf_token}
            )
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None, _first(answer.getheaders())
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer; fails on any status of 400 and above."""
        status, answer, _ = self.request(method, path, body)
        assert status < 400, (method, path, status, answer)
        return answer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/v1"

    def dsn(self) -> str:
        """The embedded database, for who wants to look past the server."""
        return Postgres(self.data / "postgres").dsn()

    def resident_mb(self) -> float:
        """Memory of the server process alone, in MB."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def alive(pid: int) -> bool:
    """Whether that process runs; one that ended and was not waited for does not."""
    with contextlib.suppress(OSError):  # it may go between two looks
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(condition: Any, seconds: float = 60, *, every: float = 0.05) -> Any:
    """The first true value of `condition()`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError("waited in vain")
