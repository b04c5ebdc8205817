"""What a compose file says, after merging, interpolation and checking: plain data."""

from typing import Literal

import msgspec

from runtimes.spec import Health, Limits

WORKBENCH = "codeyard-workbench"  # the service that every session has beside what it declares
Kind = Literal["application", "database", "cache", "gateway", "image"]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell the author. `path` is dotted (`services.web.privileged`), `line` counts from 1 in `file`.

    `error`: nothing runs until it is gone. `ignored`: a field without effect here. `warning`: it runs, but look.
    """

    severity: Literal["error", "ignored", "warning"]
    code: str
    path: str
    message: str
    file: str = "compose.yaml"
    line: int | None = None


class BadCompose(Exception):
    """The file cannot be used; `problems` has at least one error."""

    def __init__(self, problems: list[Problem]) -> None:
        first = [p for p in problems if p.severity == "error"][:3]
        at = [p.file if p.line is None else f"{p.file}:{p.line}" for p in first]
        places = [f"{where} {p.path}".rstrip() for where, p in zip(at, first, strict=True)]
        super().__init__("; ".join(f"{place}: {p.message}" for place, p in zip(places, first, strict=True)))
        self.problems = problems


class ComposeBuild(msgspec.Struct, frozen=True, kw_only=True):
    """`context` is relative to the working copy ("" is its top), never outside of it."""

    context: str
    dockerfile: str = "Dockerfile"
    dockerfile_inline: str | None = None
    args: dict[str, str] = {}
    target: str | None = None


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """`source`: a path within the working copy (bind, "" is its top), a named volume (volume), nothing (tmpfs).

    An anonymous volume has the name that its service and target give it.
    """

    kind: Literal["bind", "volume", "tmpfs"]
    target: str
    source: str = ""
    read_only: bool = False
    size: int | None = None


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A port in the container. What the file publishes on the host is not: a preview address takes its place."""

    target: int
    protocol: Literal["tcp", "udp"] = "tcp"
    name: str = ""


class Dependency(msgspec.Struct, frozen=True, kw_only=True):
    service: str
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"] = "service_started"
    required: bool = True
    restart: bool = False


class FileMount(msgspec.Struct, frozen=True, kw_only=True):
    """A config or secret in the container: from a file of the working copy, inline content, or a variable by its name, whose
    value is the content where there is one."""

    target: str
    file: str | None = None
    content: str | None = None
    environment: str | None = None


class Restart(msgspec.Struct, frozen=True, kw_only=True):
    """Without a word in the file a service that crashes is started again: a stack in development shall go on."""

    policy: Literal["no", "always", "on-failure", "unless-stopped"] = "on-failure"
    max_attempts: int | None = None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service. Lists are words for exec; None leaves the image's own. `install` and `start` are shell lines
    (`x-codeyard`); `start` takes the place of `command`. `packages` are toolchains like `node@24`."""

    name: str
    file: str = "compose.yaml"
    line: int | None = None
    kind: Kind = "application"
    icon: str = ""
    image: str = ""
    build: ComposeBuild | None = None
    entrypoint: list[str] | None = None
    command: list[str] | None = None
    environment: dict[str, str] = {}
    written: dict[str, str] = {}
    """Of the environment: values as the file has them, where variables were filled in. Those are for people to see."""
    lines: dict[str, str] = {}
    """`command`, `install` and `start` as the file has them, or would on one line: to be seen, and sent back by an edit."""
    ports: list[Port] = []
    expose: list[int] = []
    volumes: list[Volume] = []
    networks: list[str] = []
    aliases: list[str] = []
    depends_on: list[Dependency] = []
    healthcheck: Health | None = None
    profiles: list[str] = []
    limits: Limits = Limits()
    restart: Restart = Restart()
    user: str | None = None
    working_dir: str | None = None
    init: bool = True
    read_only: bool = False
    stop_signal: str | None = None
    stop_grace: float = 10.0
    files: list[FileMount] = []
    pull: Literal["missing", "always", "never"] = "missing"
    install: str | None = None
    start: str | None = None
    packages: list[str] = []
    secrets: list[str] = []
    """Names of environment variables whose value is kept encrypted, not in the file (`x-codeyard.secrets`)."""
    labels: dict[str, str] = {}


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A whole file. `services` in the file's order. `shared` is `x-codeyard.shared`, in every service's environment.

    `source`: what it was read from; `files`: every file that it took, relative to the working copy.
    """

    services: dict[str, Service]
    volumes: list[str] = []
    shared: dict[str, str] = {}
    source: Literal["compose", "devcontainer", "procfile", "none"] = "compose"
    files: list[str] = []
    problems: list[Problem] = []
    variables: list[str] = []
    """Every `${NAME}` that the file asks for."""
    generated: list[str] = []
    """Variables that have no value yet, and ask for one to be made (`x-codeyard.variables`, `generate`)."""
