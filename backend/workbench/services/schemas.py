"""Services on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from runtimes.compose.model import Problem

ServiceName = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$(?!\n)", description="Spaces become hyphens.")
]
VariableName = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$(?!\n)")]
Value = Annotated[str, Meta(max_length=32_768)]
Line = Annotated[str, Meta(max_length=4000)]


class Reason(msgspec.Struct):
    """Why: a code for programs, the cause and what to do about it for people."""

    code: str
    message: str
    remedy: str = ""


class PortShown(msgspec.Struct):
    target: int
    protocol: str
    preview_url: str | None
    visibility: str = "organization"


class Variable(msgspec.Struct):
    """`value` is null for a secret: those are never shown."""

    name: str
    value: str | None
    secret: bool


class DependencyShown(msgspec.Struct):
    service: str
    condition: str


class LimitsShown(msgspec.Struct):
    """0 is what the installation's settings say."""

    cpus: float
    memory_bytes: int
    pids: int


class HealthShown(msgspec.Struct):
    """`log` is what the last check said."""

    status: str
    log: str = ""


class Service(msgspec.Struct):
    """As compose.yaml declares it, and as it runs. `restart_needed`: the declaration changed since it was started."""

    id: UUID
    name: str
    kind: str
    icon: str
    image: str
    build: bool
    command: str
    install_command: str
    start_command: str
    ports: list[PortShown]
    environment: list[Variable]
    volumes: list[str]
    depends_on: list[DependencyShown]
    limits: LimitsShown
    state: str
    desired: str
    reason: Reason | None
    exit_code: int | None
    health: HealthShown | None
    started_at: datetime | None
    restarts: int
    restart_needed: bool
    line: int | None
    disk_bytes: int | None = None
    """What its container and volumes held when that was measured last."""
    undo_snapshot_id: UUID | None = None
    """After an edit: the snapshot that undoes it."""
    note: str = ""
    """After it was added: what a person should know of how."""


class Proposal(msgspec.Struct):
    """A compose.yaml for a repository that has none."""

    stack: str
    explanation: str
    compose: str


class Services(msgspec.Struct):
    """In the file's order. `problems` lists what is wrong with it and what was ignored."""

    items: list[Service]
    source: str
    problems: list[Problem]
    runtime: str
    runtime_reason: str
    proposal: Proposal | None = None
    next_cursor: None = None


class VariableGiven(msgspec.Struct, forbid_unknown_fields=True):
    """A `secret` goes into the encrypted store and never into the file; its `value` may be left out to keep what is there. Other
    values are written as compose.yaml has them: `${NAME}` takes a variable, `$$` is a dollar sign."""

    name: VariableName
    value: Value | None = None
    secret: bool = False


class ServiceCreate(msgspec.Struct, forbid_unknown_fields=True):
    """`empty`: a command in the workbench's image, `image`: an image, `database`: a database with generated credentials,
    `upload`: the folder `folder` of the working copy, built or run as what it holds."""

    name: ServiceName
    type: Literal["empty", "image", "upload", "database"] = "empty"
    image: Annotated[str, Meta(max_length=500)] = ""
    engine: Literal["postgres", "mysql", "mariadb", "redis"] = "postgres"
    folder: Annotated[str, Meta(max_length=1000)] = ""
    install_command: Line = ""
    start_command: Line = ""
    ports: Annotated[list[Annotated[int, Meta(ge=1, le=65535)]], Meta(max_length=50)] = []
    environment: Annotated[list[VariableGiven], Meta(max_length=200)] = []
    volumes: Annotated[list[Annotated[str, Meta(max_length=500)]], Meta(max_length=50)] = []
    depends_on: Annotated[list[str], Meta(max_length=50)] = []
    cpus: Annotated[float, Meta(gt=0, le=256)] | None = None
    memory_bytes: Annotated[int, Meta(ge=6_291_456)] | None = None


class ServiceUpdate(msgspec.Struct, forbid_unknown_fields=True):
    """What is given changes; null takes a field away."""

    name: ServiceName | UnsetType = UNSET
    kind: Literal["application", "database", "cache", "gateway", "image"] | UnsetType = UNSET
    icon: Annotated[str, Meta(max_length=200)] | UnsetType | None = UNSET
    image: Annotated[str, Meta(min_length=1, max_length=500)] | UnsetType = UNSET
    command: Line | UnsetType | None = UNSET
    install_command: Line | UnsetType | None = UNSET
    start_command: Line | UnsetType | None = UNSET
    ports: Annotated[list[Annotated[int, Meta(ge=1, le=65535)]], Meta(max_length=50)] | UnsetType = UNSET
    environment: Annotated[list[VariableGiven], Meta(max_length=200)] | UnsetType = UNSET
    volumes: Annotated[list[Annotated[str, Meta(max_length=500)]], Meta(max_length=50)] | UnsetType = UNSET
    depends_on: Annotated[list[str], Meta(max_length=50)] | UnsetType = UNSET
    cpus: Annotated[float, Meta(gt=0, le=256)] | UnsetType | None = UNSET
    memory_bytes: Annotated[int, Meta(ge=6291456)] | UnsetType | None = UNSET


class ImportDockerHub(msgspec.Struct, forbid_unknown_fields=True):
    """`image` is pulled once and pinned by its digest. Credentials are kept encrypted for later pulls."""

    image: Annotated[str, Meta(min_length=1, max_length=500)]
    name: ServiceName | None = None
    username: Annotated[str, Meta(max_length=200)] = ""
    password: Annotated[str, Meta(max_length=4000)] = ""


class Reorder(msgspec.Struct, forbid_unknown_fields=True):
    """The whole set, in the order to show and to start in."""

    ids: Annotated[list[UUID], Meta(max_length=500)]


class VolumesCopy(msgspec.Struct, forbid_unknown_fields=True):
    """Whose volumes."""

    from_session_id: UUID


class VolumesCopied(msgspec.Struct):
    volumes: list[str]


class VariableShown(msgspec.Struct):
    """A value is never shown."""

    name: str


class VariableSet(msgspec.Struct, forbid_unknown_fields=True):
    value: Value


class RegistryShown(msgspec.Struct):
    """The password is never shown."""

    registry: str
    username: str


class RegistrySet(msgspec.Struct, forbid_unknown_fields=True):
    username: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Annotated[str, Meta(min_length=1, max_length=4000)]


class Step(msgspec.Struct):
    """`step` is where it is: queued, waiting, pulling, building, installing, starting, healthy, stopping."""

    service: str
    service_id: UUID
    step: str
    status: Literal["waiting", "running", "done", "failed"]
    percent: int | None = None
    message: str = ""


class Operation(msgspec.Struct):
    """`position` in the queue of starts (1 is next) and `estimate_seconds` until it is done, while it waits."""

    id: UUID
    session_id: UUID
    kind: str
    status: Literal["queued", "running", "succeeded", "failed"]
    position: int | None
    estimate_seconds: float | None
    steps: list[Step]
    error: Reason | None
    created_at: datetime
    finished_at: datetime | None


class LogLine(msgspec.Struct):
    """`at` is RFC 3339 with nanoseconds."""

    at: str
    stream: str
    text: str


class LogPage(msgspec.Struct):
    """Oldest first. `truncated`: more matched than `tail` shows; lines before the oldest are no longer kept."""

    items: list[LogLine]
    truncated: bool


class Sample(msgspec.Struct):
    """What a service used in the second before `at`."""

    service_id: UUID
    at: datetime
    cpu: float
    memory_bytes: int
    memory_limit_bytes: int | None
    received_bps: float
    sent_bps: float
    read_bps: float
    written_bps: float
    pids: int


def reason(found: dict[str, Any] | None) -> Reason | None:
    return msgspec.convert(found, Reason) if found else None
