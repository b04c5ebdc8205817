"""From compose.yaml to what a driver is asked to run: variables and secrets filled in, the session mounted."""

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import msgspec

from backend.core.resources import Resources
from backend.ledger.secrets import service as secrets
from backend.workbench.services import addresses
from backend.workbench.sessions.models import Session
from runtimes.compose import model, references, refuse
from runtimes.compose.model import WORKBENCH, BadCompose, Problem, Project
from runtimes.compose.read import load
from runtimes.docker_body import open_beneath
from runtimes.docker_images import registry_of
from runtimes.spec import Build, Limits, Login, Mount, RuntimeFailed, Spec

SHARED: Final = ""  # secrets of this part are the workspace's variables, the others a service's own
REGISTRY: Final = "registry:"  # and those of "registry:<service>" its login
LOGIN: Final = "login:"  # and those of "login:<registry>" that of the whole workspace
TOOLCHAINS: Final = {"node": "node", "python": "python", "go": "golang", "rust": "rust", "ruby": "ruby", "php": "php"}

_FILE_BYTES = 1 << 20
_NAMES_ITSELF: Final = (
    "whoami >/dev/null 2>&1 || echo codeyard:x:$(id -u):$(id -g)::$HOME:/bin/bash >>/etc/passwd || :; "
)
"""What an image lets anybody write its users into: ssh and the prompt of a shell need a name for the server's."""


@dataclass
class Definition:
    """A session's stack as it is declared now. `values` are the workspace's secrets by part and name."""

    session: Session
    root: Path
    project: Project
    values: dict[str, dict[str, str]]

    def id_of(self, name: str) -> UUID:
        return service_id(self.session.id, name)


def service_id(session_id: UUID, name: str) -> UUID:
    """A service has the same id for as long as it has its name: nothing is written when a file declares one."""
    return uuid5(session_id, name)


def root_of(resources: Resources, session_id: UUID) -> Path:
    return resources.data / "sessions" / str(session_id) / "workspace"


async def read(resources: Resources, session: Session, profiles: Collection[str] = ()) -> Definition:
    """Raises BadCompose."""
    async with resources.database.begin() as db:
        values = await secrets.read(db, resources.data, session.workspace_id)

    def define() -> Definition:
        root = root_of(resources, session.id)
        return Definition(session, root, load(root, variables=values.get(SHARED, {}), profiles=profiles), values)

    return await resources.in_thread(define)


class Looked(NamedTuple):
    """`digests` tell, of each service asked for, whether a restart would bring anything into effect; `problems` are references
    that keep all services from starting, and secrets without a value."""

    digests: dict[str, str]
    problems: list[Problem]


async def look(resources: Resources, definition: Definition, names: Collection[str]) -> Looked:
    """What the declaration comes to. Filling it in takes a while for many services, so it is done once, in a thread."""

    def take() -> Looked:
        filled: dict[str, dict[str, str]] = {}
        problems: list[Problem] = []
        try:
            filled = environments(resources, definition)
        except BadCompose as error:  # said again when one is started
            problems = error.problems
        problems += _unset(definition)
        return Looked({name: _digest(definition, name, filled.get(name, {})) for name in names}, problems)

    return await resources.in_thread(take)


def _unset(definition: Definition) -> Iterator[Problem]:
    there = {*definition.values.get(SHARED, {}), *definition.project.generated}
    for name, service in definition.project.services.items():
        for secret in sorted(set(service.secrets) - there - definition.values.get(name, {}).keys()):
            path = f"services.{name}.x-codeyard.secrets"
            message = f"the secret {secret} has no value, so {name} starts without it; give it one"
            yield refuse.warning("variable_unset", path, message, (service.file, service.line))


def _digest(definition: Definition, name: str, environment: dict[str, str]) -> str:
    """Of its declaration, and the variables and files that it is given: its Dockerfile, too, but not all that its image is built
    of, which may be gigabytes (a restart builds again whatever this says)."""
    service = definition.project.services[name]
    mounts = list(service.files)
    if service.build is not None and service.build.dockerfile_inline is None:
        dockerfile = os.path.normpath(f"{service.build.context}/{service.build.dockerfile}")
        mounts.append(model.FileMount(target="", file=dockerfile))
    files = []
    for mount in mounts:
        with contextlib.suppress(RuntimeFailed):
            files.append(hashlib.sha256(_content(definition, mount)).hexdigest())
    declared = msgspec.structs.replace(service, file="", line=None, depends_on=[], written={}, lines={})
    parts = msgspec.json.encode([declared, environment, files], order="deterministic")
    return hashlib.sha256(parts).hexdigest()


def environments(resources: Resources, definition: Definition) -> dict[str, dict[str, str]]:
    """Every service's environment with shared variables, secrets and cross references in place. Raises BadCompose."""
    project, values = definition.project, definition.values
    shared = values.get(SHARED, {})
    declared = {
        name: project.shared
        | service.environment
        | {n: value for n, value in (shared | values.get(name, {})).items() if n in service.secrets}
        for name, service in project.services.items()
    }
    inside = resources.runtime is not None and resources.runtime.name == "docker"
    return references.resolve(
        declared,
        hosts={name: name if inside else "127.0.0.1" for name in project.services},
        domain_urls={
            name: addresses.url(resources.settings, definition.session.id, name, None) for name in project.services
        },
        variables=shared | project.shared,
        places={name: (service.file, service.line) for name, service in project.services.items()},
        hidden={
            (name, variable)
            for name, service in project.services.items()
            for variable, value in declared[name].items()
            if variable in service.secrets or service.written.get(variable, value) != value
        },
    )


def wanted(resources: Resources, definition: Definition, name: str) -> tuple[Spec, str]:
    """What the driver is asked, and the digest that `look` gives. Reads configs and secrets, so it runs in a thread. Raises
    BadCompose, RuntimeFailed."""
    if definition.project.generated:  # forgotten since: a known text in its place would be everybody's password
        names = ", ".join(definition.project.generated)
        raise RuntimeFailed("variable_missing", f"{names} has no value any more.", "Start it again: one is made then.")
    environment = environments(resources, definition)[name]
    return _spec(resources, definition, name, environment), _digest(definition, name, environment)


def _spec(resources: Resources, definition: Definition, name: str, environment: dict[str, str]) -> Spec:
    service, settings = definition.project.services[name], resources.settings
    inside = resources.runtime is not None and resources.runtime.name == "docker"
    root = str(definition.root)
    files = {mount.target: _content(definition, mount) for mount in service.files}
    mounts = _mounts(root, service)
    if inside and service.read_only and files:
        mounts += _given(resources.data / "sessions" / str(definition.session.id) / "given" / name, files)
        files = {}
    command = service.command
    if service.start:
        command = ["/bin/sh", "-c", service.start]
    return Spec(
        group=str(definition.session.id),
        name=name,
        image=image_of(service, settings.session_image) if inside else service.image,
        build=_build(definition, service),
        entrypoint=service.entrypoint,
        command=command,
        install=service.install,
        environment=(addresses.allowing(settings) if service.ports else {}) | environment,
        working_dir=service.working_dir or ("/workspace" if not service.image and service.build is None else None),
        user=service.user,
        init=service.init,
        read_only=service.read_only,
        stop_signal=service.stop_signal,
        stop_grace=service.stop_grace,
        mounts=mounts,
        ports=[port.target for port in service.ports if port.protocol == "tcp"] + service.expose,
        aliases=service.aliases,
        health=service.healthcheck,
        limits=Limits(
            cpus=min(service.limits.cpus or settings.service_cpus, settings.service_cpus),
            memory=min(service.limits.memory or settings.service_memory_mb << 20, settings.service_memory_mb << 20),
            pids=service.limits.pids,
            disk=settings.service_disk_mb << 20 or None,
        ),
        files=files,
        pull=service.pull,
        login=login_of(definition.values, name, service.image),
    )


def workbench(resources: Resources, session: Session) -> Spec:
    """The session's own container: terminals, language servers and agents run there, on the same paths as here. The server's
    user owns the files, so it is that user inside; config, hooks and alternates of its git are not for it to change, nor
    anything of a repository that came while it ran: what is mounted is what was there when it started."""
    data, here = str(resources.data), f"sessions/{session.id}"
    git = resources.data / here / "git"
    repositories = []
    for folder in sorted(git.iterdir()):
        for name in ("", "config", "hooks", "objects/info"):
            if (folder / name).exists():
                path = f"{folder.name}/{name}".rstrip("/")
                repositories.append(
                    Mount(kind="bind", root=str(git), source=path, target=f"/git/{path}", read_only=bool(name))
                )
    return Spec(
        group=str(session.id),
        name=WORKBENCH,
        image=resources.settings.session_image,
        entrypoint=["/bin/sh", "-c", f"{_NAMES_ITSELF}exec sleep infinity"],
        working_dir="/workspace",
        user=f"{os.geteuid()}:{os.getegid()}",
        environment={"HOME": "/root" if os.geteuid() == 0 else "/tmp"},  # noqa: S108 - of the container
        mounts=[
            Mount(kind="bind", root=f"{data}/{here}/workspace", target="/workspace"),
            Mount(kind="bind", root=str(git), target="/git", read_only=True),
            *repositories,
            Mount(
                kind="bind",
                root=f"{data}/repos/{session.workspace_id}",
                target=f"/repos/{session.workspace_id}",
                read_only=True,
            ),
        ],
        limits=Limits(cpus=resources.settings.service_cpus, memory=resources.settings.service_memory_mb << 20),
        stop_grace=1,
        pull="never",
    )


def fingerprint(spec: Spec) -> str:
    return hashlib.sha256(msgspec.json.encode(spec, order="deterministic")).hexdigest()


def image_of(service: model.Service, workbench: str) -> str:
    """The image it says; without one that of its first toolchain, else the workbench's own."""
    if service.image or service.build is not None:
        return service.image
    for package in service.packages:
        name, _, version = package.partition("@")
        if name in TOOLCHAINS:
            return f"{TOOLCHAINS[name]}:{version or 'latest'}"
    return workbench


def login_of(values: dict[str, dict[str, str]], name: str, image: str) -> Login | None:
    """The service's own for its image's registry, else the workspace's."""
    registry = registry_of(image)
    found = (_login(values, REGISTRY + name), _login(values, LOGIN + registry))
    return next((login for login in found if login is not None and login.registry == registry), None)


def _login(values: dict[str, dict[str, str]], part: str) -> Login | None:
    kept = values.get(part)
    return msgspec.convert({"registry": ""} | kept, Login) if kept else None  # an old one is nobody's


def _build(definition: Definition, service: model.Service) -> Build | None:
    """With the workspace's logins, one a registry, since only the engine reads what it begins with: those of other services, over
    them the workspace's, over them its own."""
    if service.build is None:
        return None
    own = REGISTRY + service.name
    others = (part for part in definition.values if part.startswith(REGISTRY) and part != own)
    parts = [*sorted(others), *(part for part in definition.values if part.startswith(LOGIN)), own]
    logins = {login.registry: login for part in parts if (login := _login(definition.values, part))}
    return Build(
        root=str(definition.root),
        context=service.build.context,
        dockerfile=service.build.dockerfile,
        inline=service.build.dockerfile_inline,
        args=service.build.args,
        target=service.build.target,
        logins=[login for registry, login in logins.items() if registry],
    )


def _mounts(root: str, service: model.Service) -> list[Mount]:
    mounts = [
        Mount(
            kind=volume.kind,
            target=volume.target,
            root=root if volume.kind == "bind" else "",
            source=volume.source,
            read_only=volume.read_only,
            size=volume.size,
        )
        for volume in service.volumes
    ]
    if not service.image and service.build is None:  # it runs what lies in the working copy
        mounts.append(Mount(kind="bind", root=root, target="/workspace"))
    return mounts


def _given(folder: Path, files: dict[str, bytes]) -> list[Mount]:
    """What a read-only container is given, as files of the server's to mount: an engine puts none into it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in folder.iterdir():  # into which nobody may write again but root
        old.unlink()
    mounts = []
    for target, content in files.items():
        name = hashlib.sha256(target.encode() + b"\0" + content).hexdigest()
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o444)
        mounts.append(Mount(kind="bind", root=str(folder), source=name, target=target, read_only=True))
    return mounts


def _content(definition: Definition, mount: model.FileMount) -> bytes:
    if mount.content is not None:
        return mount.content.encode()
    if mount.environment is not None:
        message = f"{mount.target} needs the variable {mount.environment}."
        raise RuntimeFailed("variable_missing", message, "Set it in the workspace.")
    descriptor = open_beneath(str(definition.root), mount.file or "", make=False)
    try:
        with open(f"/proc/self/fd/{descriptor}", "rb") as file:
            content = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise RuntimeFailed("bad_file", f"{mount.file} cannot be read: {error.strerror}.") from error
    finally:
        os.close(descriptor)
    if len(content) > _FILE_BYTES:
        raise RuntimeFailed("too_large", f"{mount.file} is larger than 1 MiB.", "Mount it under `volumes` instead.")
    return content


__all__ = [
    "WORKBENCH",
    "BadCompose",
    "Definition",
    "Looked",
    "environments",
    "fingerprint",
    "image_of",
    "look",
    "read",
    "root_of",
    "service_id",
    "wanted",
]
