"""A Docker engine of a test's own, beside the machine's: one that may be killed."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import require
from tests.server import wait_until

IMAGE = "debian:bookworm-slim"


class Engine:
    """`dockerd` with its own data, socket and containerd; needs root. Use as a context manager."""

    def __init__(self, *options: str) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="cy-engine-"))
        self.folder.chmod(0o755)  # root of a user namespace has to get to its data
        self.socket = str(self.folder / "docker.sock")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Engine":
        if os.getuid() != 0:
            reason = "an engine of the test's own needs root"
            (pytest.fail if "docker" in os.environ.get("CODEYARD_TEST_REQUIRE", "") else pytest.skip)(reason)
        self.start()
        with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as packed:
            subprocess.run([*self.docker(), "load"], stdin=packed.stdout, check=True, capture_output=True)
        return self

    def __exit__(self, *_: object) -> None:
        for container in self.ask("ps", "-aq").split():
            subprocess.run([*self.docker(), "rm", "-f", container], capture_output=True, check=False)
        for network in self.ask("network", "ls", "-q", "--filter", "type=custom").split():
            subprocess.run([*self.docker(), "network", "rm", network], capture_output=True, check=False)
        self.stop()
        subprocess.run(
            f"umount -l {self.folder}/exec/netns/* {self.folder}/data/overlay2/*/merged {self.folder}/data",
            shell=True,
            capture_output=True,
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Until it answers."""
        require.missing("docker")
        # In a network of its own, since two engines in one fight for its bridge and firewall.
        words = ["unshare", "--net", "dockerd", "--host", f"unix://{self.socket}", "--data-root", self.folder / "data",
                 "--exec-root", self.folder / "exec", "--pidfile", self.folder / "pid", "--log-level", "error",
                 *self.options]  # fmt: skip
        for stale in ("pid", "exec/containerd/containerd.pid"):  # of one that was killed, and perhaps not reaped yet
            (self.folder / stale).unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        wait_until(
            lambda: subprocess.run([*self.docker(), "info"], capture_output=True, check=False).returncode == 0, 60
        )

    def stop(self) -> None:
        """As a machine does that is shut down: its containers end."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    def kill(self) -> None:
        """It and its containerd, at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def docker(self) -> list[str]:
        return ["docker", "--host", f"unix://{self.socket}"]

    def ask(self, *words: str) -> str:
        return subprocess.run([*self.docker(), *words], capture_output=True, text=True, check=False, timeout=60).stdout
