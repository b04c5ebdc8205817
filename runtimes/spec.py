"""What a runtime is asked to run and what it says of it: plain data, and the protocols that every driver keeps."""

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any, Final, Literal, Protocol, runtime_checkable

import msgspec

State = dict[str, Any]
"""A driver's own notes on one thing that it started: JSON, kept by the caller, handed back unchanged."""

Progress = Literal["pulling", "building", "installing", "starting"]


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """For a private registry, by its host; told to no other, and never kept by a driver."""

    username: str
    password: str
    registry: str


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """An image made of the folder `context` beneath the host folder `root`, where no link is followed; `dockerfile` is relative
    to it. `logins` are for the registries of the images that it begins with, one each."""

    root: str
    context: str
    dockerfile: str = "Dockerfile"
    inline: str | None = None
    args: dict[str, str] = {}
    target: str | None = None
    logins: list[Login] = []


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """A bind is `source` beneath the host folder `root`, where no link is followed; a volume is `source`, its name within
    the group; a tmpfs has at most `size` bytes."""

    kind: Literal["bind", "volume", "tmpfs"]
    target: str
    root: str = ""
    source: str = ""
    read_only: bool = False
    size: int | None = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A health check; times in seconds. `test` is a command's words, run without a shell unless they start one."""

    test: list[str]
    interval: float = 30.0
    timeout: float = 30.0
    start_period: float = 0.0
    retries: int = 3


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`cpus` in cores, `memory` and `disk` in bytes, `pids` processes. None: the driver's own default."""

    cpus: float | None = None
    memory: int | None = None
    pids: int | None = None
    disk: int | None = None


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """One service of one group (a session). Within a group names resolve to each other; between groups nothing does.

    `ports` are the TCP ports on which it listens. `install` runs to its end before the command, each start.
    """

    group: str
    name: str
    image: str = ""
    build: Build | None = None
    entrypoint: list[str] | None = None
    command: list[str] | None = None
    install: str | None = None
    environment: dict[str, str] = {}
    working_dir: str | None = None
    user: str | None = None
    init: bool = True
    read_only: bool = False
    stop_signal: str | None = None
    stop_grace: float = 10.0
    mounts: list[Mount] = []
    ports: list[int] = []
    aliases: list[str] = []
    health: Health | None = None
    limits: Limits = Limits()
    files: dict[str, bytes] = {}
    """Configs and secrets: absolute path in the container to content, read-only for the program."""
    pull: Literal["missing", "always", "never"] = "missing"
    login: Login | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a started thing now. `health` is None without a check; `health_log` the last check's output. What is
    `frozen` runs, and does nothing."""

    running: bool
    frozen: bool = False
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    health: Literal["starting", "healthy", "unhealthy"] | None = None
    health_log: str = ""
    started_at: float | None = None
    finished_at: float | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Use at one moment. `cpu_seconds`, `received`, `sent`, `read`, `written` count up from the start; bytes otherwise."""

    at: float
    cpu_seconds: float
    memory: int
    memory_limit: int | None = None
    received: int = 0
    sent: int = 0
    read: int = 0
    written: int = 0
    pids: int = 0


class LogChunk(msgspec.Struct, frozen=True, kw_only=True):
    """What a program wrote to one of its streams: whole lines, each beginning with its moment (RFC 3339 with
    nanoseconds, UTC) and a space."""

    stream: Literal["stdout", "stderr"]
    lines: bytes


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Something of this installation that a driver came upon."""

    group: str
    name: str
    state: State
    running: bool


class RuntimeFailed(Exception):
    """What could not be done, said for who reads it: `code` for programs, `message` the cause, `remedy` what to do."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy


class Tell(Protocol):
    """How a start tells where it is: `percent` 0–100 where known."""

    def __call__(self, step: Progress, *, percent: int | None = None, message: str = "") -> None: ...


class Runtime(Protocol):
    """What every driver does. It keeps no memory: whoever calls keeps `State`, so a restarted server finds its own again."""

    name: str

    def close(self) -> None:
        """Lets go of its connections; what runs goes on."""
        ...

    async def start(self, spec: Spec, tell: Tell) -> State:
        """The same group and name again: what the first call started. Raises RuntimeFailed."""
        ...

    def handle(self, group: str, name: str) -> State:
        """What `start` answers for it: enough to stop a start that was not waited for."""
        ...

    async def poll(self, state: State) -> Status | None:
        """None when it is gone."""
        ...

    async def stop(self, state: State, *, grace: float | None = None) -> None:
        """Not there any more when this returns; not there already is no error. Volumes stay. It has `grace` seconds to end by
        itself; None: those of its spec."""
        ...

    async def put_away(self, group: str) -> None:
        """Everything of a group but its volumes, whatever its state; nothing left is no error."""
        ...

    async def remove_group(self, group: str) -> None:
        """Everything of a group, volumes too."""
        ...


@runtime_checkable
class CanLog(Protocol):
    def logs(self, state: State, *, since: Mapping[str, str], follow: bool) -> AsyncIterator[LogChunk]:
        """The lines of each stream later than its moment in `since` (none: from the first on); ends with the program."""
        ...


@runtime_checkable
class CanExec(Protocol):
    async def has_image(self, image: str) -> bool:
        """Whether it is here, without a pull. Raises EngineAway."""
        ...

    async def exec_tty(
        self, state: State, argv: list[str], *, env: dict[str, str], cols: int, rows: int
    ) -> tuple[int, State]:
        """A program on a TTY in the running container: the stream's descriptor, now the caller's, and notes on it."""
        ...

    async def exec_pipes(self, state: State, argv: list[str], *, cwd: str, env: dict[str, str]) -> tuple[int, State]:
        """A program without a TTY: what is written to the descriptor is its input; read is what it says, in the engine's frames
        (`engine.demultiplexed`)."""
        ...

    async def exec_pid(self, notes: State) -> int | None:
        """Its number where this server runs; None when it has ended."""
        ...

    async def exec_resize(self, notes: State, cols: int, rows: int) -> None: ...

    async def exec_status(self, notes: State) -> int | None:
        """None while it runs, else its exit code."""
        ...

    async def exec_signal(self, notes: State, name: str) -> None: ...

    async def run(self, state: State, argv: list[str], *, timeout: float = 30.0) -> tuple[int, bytes]:
        """Run to the end; its exit code and the first 1 MiB that it said."""
        ...


@runtime_checkable
class CanMeasure(Protocol):
    def measure(self, state: State) -> AsyncIterator[Sample]:
        """About one sample a second while it runs."""
        ...


@runtime_checkable
class CanMeasureDisk(Protocol):
    async def disk(self) -> dict[tuple[str, str], int]:
        """Bytes that each (group, name) of this installation holds beside the files it was given: what it wrote itself, and its
        volumes. Costs a walk over them: ask now and then."""
        ...


@runtime_checkable
class CanOwn(Protocol):
    async def own(self, folder: str, *, image: str, everything: bool = False) -> None:
        """What containers' root made in `folder` becomes this process' user's; `everything`: whatever is not yet. `image` has the
        programs for it. Raises RuntimeFailed."""
        ...


@runtime_checkable
class CanReach(Protocol):
    async def address(self, state: State, port: int) -> tuple[str, int] | None:
        """Where the server (not a browser) reaches that port; None while it is not running."""
        ...


@runtime_checkable
class CanRestart(Protocol):
    async def restart(self, state: State) -> bool:
        """The same thing again, as it is; False where there is nothing to restart."""
        ...


@runtime_checkable
class CanWatch(Protocol):
    """For drivers whose things live on without the server."""

    def changes(self) -> AsyncIterator[tuple[str, str]]:
        """(group, name) of each thing of this installation whose status changed. Ends when the engine goes."""
        ...

    async def everything(self) -> list[Found]:
        """All that this installation has there, whoever started it."""
        ...

    async def sweep(self) -> None:
        """Removes what a server that was killed in the middle of a copy has left of it."""
        ...

    async def began(self) -> float | None:
        """When the engine was started, in seconds of the epoch; None where it does not say."""
        ...

    async def groups(self) -> set[str]:
        """All groups of which anything is there, volumes included."""
        ...


@runtime_checkable
class CanKeepVolumes(Protocol):
    async def copy_volumes(self, group: str, to: str) -> list[str]:
        """Copies every volume of a group, content included; their names. The target's own are replaced; half of them where
        it raises RuntimeFailed."""
        ...

    async def thaw(self, state: State) -> None:
        """Wakes what was frozen for a copy that did not end, or by hand; who is being copied stays as it is."""
        ...

    async def remove_volumes(self, group: str, names: Collection[str]) -> None:
        """Those volumes of a group, whose services have none of them mounted; gone already is no error."""
        ...


DEFAULT_PIDS: Final = 2048
