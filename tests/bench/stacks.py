"""A server on the machine's Docker engine, what the service benchmarks ask of it, and the engine's own client beside it."""

import contextlib
import pty
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from tests import require
from tests.server import Server

SOCKET = "/var/run/docker.sock"


class Stacks(Server):
    """`codeyard up` with the engine; what it made there is removed at the end."""

    def __init__(self, *images: str, **settings: str) -> None:
        require.images("base", "session", *images)
        super().__init__(**({"CODEYARD_DOCKER_SOCKET": SOCKET} | settings))

    def installation(self) -> str:
        """What the labels and names of its containers bear."""
        return (self.data / "installation").read_text()

    def __exit__(self, *_: object) -> None:
        installation = self.installation()
        self.down()
        remove(f"label=codeyard.installation={installation}")
        shutil.rmtree(self.data, ignore_errors=True)

    def stack(self, name: str, compose: str, **more: str) -> str:
        """A session with this compose.yaml; its id."""
        session = self.ask("POST", "/workspace", {"name": name} | more)["default_session_id"]
        self.write(session, "compose.yaml", compose)
        return str(session)

    def write(self, session: str, path: str, content: str) -> None:
        self.ask("POST", f"/workspace/{session}/filesystem", {"op": "write", "path": path, "content": content})

    def service(self, session: str, name: str) -> dict[str, Any]:
        rows = self.ask("GET", f"/workspace/{session}/services")["items"]
        return next(one for one in rows if one["name"] == name)

    def run(self, session: str, verb: str) -> dict[str, Any]:
        """Asks for it and waits until it is over. Fails if it failed."""
        operation = self.ask("POST", f"/workspace/{session}/runtimes/{verb}")
        while operation["status"] in ("queued", "running"):
            time.sleep(0.01)
            operation = self.ask("GET", f"/workspace/{session}/operations/{operation['id']}")
        assert operation["status"] == "succeeded", operation
        return operation

    def container(self, session: str, service: str) -> str:
        """The engine's id of what runs a service."""
        labels = ("--filter", f"label=codeyard.group={session}", "--filter", f"label=codeyard.service={service}")
        return docker("ps", "-q", *labels)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def remove(labelled: str) -> None:
    """Everything with that label."""
    for kind, force in (("container", ["-f"]), ("network", []), ("volume", ["-f"])):
        words = [kind, "ls", "-q", "--filter", labelled, *(["-a"] if kind == "container" else [])]
        for one in docker(*words).split():
            subprocess.run(["docker", kind, "rm", *force, one], capture_output=True, check=False)


def answers(address: str, port: int, seconds: float = 30) -> None:
    """Returns once an HTTP server there gives an answer."""
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            if connection.recv(1):
                return
        time.sleep(0.002)
    raise AssertionError(f"nothing answers at {address}:{port}")


@contextlib.contextmanager
def terminal(*words: str) -> Iterator[int]:
    """The master of a PTY in which a command runs."""
    master, slave = pty.openpty()
    with subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as process:
        try:
            yield master
        finally:
            process.kill()
