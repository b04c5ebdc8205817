"""What the engine is asked to create for a service: the body of the request, its mounts, its files."""

import contextlib
import io
import math
import os
import re
import stat
import tarfile
from typing import Any, Final

from runtimes.spec import DEFAULT_PIDS, Health, Mount, RuntimeFailed, Spec

#: What the entrypoints of ordinary images need: they chown their data, drop to a user, and may listen below 1024.
CAPABILITIES: Final = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"]

INSTALLED: Final = "/tmp/.codeyard-installed"  # noqa: S108 - a mark in the container, of the container
INSTALL_FAILED: Final = 97
_LOGS: Final = {"Type": "json-file", "Config": {"max-size": "20m", "max-file": "3"}}


def sources(mounts: list[Mount]) -> list[dict[str, Any]]:
    """The binds as the engine wants them. Raises RuntimeFailed for one whose path has a link in it, or leads out.

    The engine opens the path again, so `misplaced` looks at what it mounted: who can write there may have put a link in its
    place between the two looks. (An open descriptor's name in /proc does not help: it is of another mount namespace.)
    """
    return [
        {"Type": "bind", "Source": _path(mount), "Target": mount.target, "ReadOnly": mount.read_only}
        for mount in mounts
        if mount.kind == "bind"
    ]


def misplaced(mounts: list[Mount], pid: int) -> list[str]:
    """The binds that in the running container `pid` are not what they were to be (proc(5), mountinfo). Nothing is said where
    the kernel does not let us look, as for a server that is not root, or where the process has ended (of a zombie, EINVAL)."""
    try:
        with open(f"/proc/{pid}/mountinfo") as file:
            there = {(fields[2], _plain(fields[3])) for fields in map(str.split, file)}
    except OSError:
        return []
    return [
        mount.source
        for mount in mounts
        if mount.kind == "bind" and mount.source and _on_disk(_path(mount)) not in there
    ]


def _path(mount: Mount) -> str:
    if not mount.source:
        return mount.root
    descriptor = open_beneath(mount.root, mount.source)
    os.close(descriptor)
    return os.path.join(mount.root, mount.source)


def _on_disk(path: str) -> tuple[str, str]:
    """(device, path within its file system) of a host path, as mountinfo names them."""
    path = os.path.realpath(path)
    best = ("", "", "/")
    with open("/proc/self/mountinfo") as file:
        for fields in map(str.split, file):
            point = _plain(fields[4])
            if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(best[1]):
                best = fields[2], point, _plain(fields[3])
    device, point, root = best
    return device, os.path.normpath(f"{root}/{path[len(point.rstrip('/')) :]}")


def _plain(field: str) -> str:
    """mountinfo writes space, tab, newline and backslash as octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)


def body(spec: Spec, image: dict[str, Any], network: str, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    """The body of POST /containers/create."""
    entrypoint, command = spec.entrypoint, spec.command
    if spec.install:
        own = image["Config"]
        words = (own.get("Entrypoint") or []) if entrypoint is None else entrypoint
        words = words + ((own.get("Cmd") or []) if command is None and entrypoint is None else command or [])
        script = f'[ -e {INSTALLED} ] || ( {spec.install}\n) || exit {INSTALL_FAILED}\n: >{INSTALLED}\nexec "$@"'
        entrypoint, command = ["/bin/sh", "-c", script, "codeyard"], words
    limits = spec.limits
    host: dict[str, Any] = {
        "NetworkMode": network,
        "Mounts": mounts,
        "Tmpfs": {m.target: _tmpfs(m) for m in spec.mounts if m.kind == "tmpfs"},
        "CapDrop": ["ALL"],
        "CapAdd": CAPABILITIES,
        "SecurityOpt": ["no-new-privileges:true"],
        "ReadonlyRootfs": spec.read_only,
        "Init": spec.init,
        "PidsLimit": limits.pids or DEFAULT_PIDS,
        "LogConfig": _LOGS,
        "RestartPolicy": {"Name": "no"},  # who should run is the server's to say
    }
    if any(
        mount["Type"] == "bind" for mount in mounts
    ):  # where the engine has user namespaces: its files are not of one
        host["UsernsMode"] = "host"
    if limits.cpus:
        host |= {"CpuPeriod": 100_000, "CpuQuota": int(limits.cpus * 100_000)}  # may say more than the machine has
    if limits.memory:
        host |= {"Memory": limits.memory, "MemorySwap": limits.memory}
    asked: dict[str, Any] = {
        "Image": image["Id"],
        "Hostname": spec.name[:63],
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": [spec.name, *spec.aliases]}}},
    }
    if entrypoint is not None:
        asked["Entrypoint"] = entrypoint
    if command is not None:
        asked["Cmd"] = command
    if spec.health is not None:
        asked["Healthcheck"] = _check(spec.health)
    asked["StopTimeout"] = math.ceil(spec.stop_grace)
    optional = {"WorkingDir": spec.working_dir, "User": spec.user, "StopSignal": spec.stop_signal}
    return asked | {name: value for name, value in optional.items() if value is not None}


def _check(health: Health) -> dict[str, Any]:
    nanoseconds = 1_000_000_000
    return {
        "Test": health.test if health.test[:1] in (["CMD"], ["CMD-SHELL"], ["NONE"]) else ["CMD", *health.test],
        "Interval": int(health.interval * nanoseconds),
        "Timeout": int(health.timeout * nanoseconds),
        "StartPeriod": int(health.start_period * nanoseconds),
        "Retries": health.retries,
    }


def _tmpfs(mount: Mount) -> str:
    return f"rw,nosuid,nodev,size={mount.size or 64 << 20}"


def open_beneath(root: str, relative: str, *, make: bool = True) -> int:
    """A descriptor (O_PATH) of a file or folder, made as a folder where there is none and `make` says so. Links are refused:
    RuntimeFailed."""
    here = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in relative.split("/"):
        if part in ("", "."):
            continue
        try:
            if part == "..":
                raise RuntimeFailed("mount_escapes", f"The mount {relative} leads out of the working copy.")
            if make:
                with contextlib.suppress(FileExistsError, NotADirectoryError):
                    os.mkdir(part, dir_fd=here)
            below = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
        except OSError as error:
            raise RuntimeFailed("bad_mount", f"The mount {relative} cannot be opened: {error.strerror}.") from error
        finally:
            os.close(here)
        here = below
        if not (stat.S_ISDIR(os.fstat(here).st_mode) or stat.S_ISREG(os.fstat(here).st_mode)):
            os.close(here)
            raise RuntimeFailed(
                "bad_mount", f"The mount {relative} is a link or no regular file.", "Mount what it points to instead."
            )
    return here


def archive(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.size, entry.mode = len(content), 0o444
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
