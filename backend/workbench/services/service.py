"""Services: the rules. What is declared is read from compose.yaml, changed by editing it, and run by the conductor."""

import shlex
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

import msgspec

from backend.core.auth import Actor
from backend.core.db import new_id, now
from backend.core.errors import Conflict, Invalid, NotFound, Unavailable
from backend.core.resources import Resources
from backend.workbench.services import addresses, repository, schemas, variables
from backend.workbench.services import definition as definitions
from backend.workbench.services.conductor import Conductor, reason_of
from backend.workbench.services.definition import Definition, service_id
from backend.workbench.services.disk import DiskWatch
from backend.workbench.services.logs import Log, log_of
from backend.workbench.services.models import UP, Operation, Runtime, Stage
from backend.workbench.services.operations import Operations
from backend.workbench.services.watchers import Watchers
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions.models import Session, Status
from backend.workbench.sessions.service import NoSuchSession, NotReady
from backend.workbench.workspaces import service as workspaces
from backend.workbench.workspaces.models import Workspace
from runtimes.compose import model
from runtimes.compose.detect import propose
from runtimes.compose.model import BadCompose, Volume
from runtimes.compose.mounts import anonymous
from runtimes.engine import EngineAway
from runtimes.spec import CanKeepVolumes, RuntimeFailed

READ, WRITE = "services:read", "services:write"


class NoSuchService(NotFound):
    """There is no such service in this session."""


class NoSuchOperation(NotFound):
    """There is no such operation in this session."""


class BadDefinition(Invalid):
    """compose.yaml cannot be used as it is; `details.problems` says where and why."""


class NoServices(Conflict):
    """This session declares no services: add one, or take the proposed compose.yaml."""


class NoRuntime(Unavailable):
    """This server runs no services: it was started as a worker."""


class NoVolumes(Conflict):
    """Services run as processes here, which have no volumes."""


class StillRunning(Conflict):
    """Services of this session run: stop them before their volumes are replaced."""


class CannotCopy(Conflict):
    """The volumes were not all copied, and may be half replaced: copy them again."""


class NotRunning(Conflict):
    """The service is not running: start it first."""


async def enter(resources: Resources, actor: Actor, session_id: UUID, scope: str) -> Session:
    """The session, ready, if the caller sees it and has `scope` there."""
    async with resources.database.begin() as db:
        session = await sessions.find(db, actor, session_id)
    if session is None:
        raise NoSuchSession
    actor.require(session.organization_id, scope, session.workspace_id)
    if session.status != Status.READY:
        raise NotReady(status=session.status)
    return session


async def workspace(resources: Resources, actor: Actor, workspace_id: UUID, scope: str) -> Workspace:
    """The workspace, if the caller sees it and has `scope` there."""
    async with resources.database.begin() as db:
        return await workspaces.get(db, actor, workspace_id, scope)


async def read(resources: Resources, session: Session) -> Definition:
    """What the session declares. Raises BadDefinition."""
    try:
        return await definitions.read(resources, session, ("*",))
    except BadCompose as error:
        raise BadDefinition(str(error), problems=msgspec.to_builtins(error.problems)) from error


async def listed(resources: Resources, actor: Actor, session_id: UUID) -> schemas.Services:
    """What is declared, in order, each with its live state; what still runs and is declared no more at the end."""
    session = await enter(resources, actor, session_id, READ)
    driver = resources.runtime.name if resources.runtime is not None else "none"
    found = schemas.Services(
        items=[], source="compose", problems=[], runtime=driver, runtime_reason=_why(resources), proposal=None
    )
    definition = None
    try:
        definition = await definitions.read(resources, session, ("*",))
        found.source, found.problems = definition.project.source, definition.project.problems
    except BadCompose as error:
        found.problems = error.problems
    async with resources.database.begin() as db:
        rows = await repository.of_session(db, session.id)
    if definition is not None:
        up = [name for name in definition.project.services if name in rows and rows[name].state in UP]
        looked = await definitions.look(resources, definition, up)
        found.items = [
            show(resources, definition, name, rows.pop(name, None), looked.digests.get(name, ""))
            for name in definition.project.services
        ]
        found.problems = [*found.problems, *looked.problems]
        if definition.project.source == "none":
            found.proposal = await _proposal(resources, session)
    found.items += [
        show(resources, None, row.name, row)
        for row in rows.values()
        if (row.state != Stage.STOPPED or row.desired == "running") and row.name != definitions.WORKBENCH
    ]
    return found


async def find(
    resources: Resources, session: Session, runtime_id: UUID
) -> tuple[Definition | None, str, Runtime | None]:
    """(what is declared, name, row) by a service's id. Raises NoSuchService."""
    async with resources.database.begin() as db:
        row = await repository.get(db, runtime_id)
    if row is not None and row.session_id != session.id:
        row = None
    try:
        definition = await definitions.read(resources, session, ("*",))
    except BadCompose:
        if row is None:
            raise NoSuchService from None
        return None, row.name, row
    name = next((name for name in definition.project.services if definition.id_of(name) == runtime_id), None)
    if name is None and (row is None or row.state == Stage.STOPPED):
        raise NoSuchService
    return (definition if name is not None else None), name or (row.name if row else ""), row


async def run(
    resources: Resources, actor: Actor, session_id: UUID, kind: str, runtime_id: UUID | None
) -> schemas.Operation:
    """Asks for services to be started (with what they need), restarted or stopped; answers at once."""
    return await ask(resources, await enter(resources, actor, session_id, WRITE), kind, runtime_id)


async def ask(resources: Resources, session: Session, kind: str, runtime_id: UUID | None = None) -> schemas.Operation:
    """The same, asked by the house itself."""
    operations = resources.kept.get(Operations)
    if operations is None or resources.runtime is None:
        raise NoRuntime
    if kind in ("stop", "stop-all"):
        definition, names, desired = None, await _to_stop(resources, session, runtime_id), "stopped"
    else:
        definition = await read(resources, session)
        if definition.project.generated:
            await variables.generate(resources, session, definition.project.generated)
            definition = await read(resources, session)
        names, desired = await _to_start(resources, definition, kind, runtime_id), "running"
    steps = [
        schemas.Step(service=n, service_id=service_id(session.id, n), step="waiting", status="waiting") for n in names
    ]
    row = Operation(
        id=new_id(),
        session_id=session.id,
        organization_id=session.organization_id,
        workspace_id=session.workspace_id,
        kind=kind,
        status="queued",
        steps=msgspec.to_builtins(steps),
        created_at=now(),
    )
    async with resources.database.begin() as db:
        still = await sessions.get(db, session.id)
        if still is None or still.status != Status.READY:
            raise NotReady(status=still.status if still else "deleted")
        wanted = {step.service_id: step.service for step in steps}
        await repository.want(db, session, wanted, desired, resources.runtime.name)
        db.add(row)
    operations.perform(row, definition.project if definition is not None else None)
    return operations.show(row)


async def _to_stop(resources: Resources, session: Session, runtime_id: UUID | None) -> list[str]:
    if runtime_id is not None:
        return [(await find(resources, session, runtime_id))[1]]
    async with resources.database.begin() as db:
        rows = await repository.of_session(db, session.id)
    up = [name for name, row in rows.items() if row.desired == "running" or row.state != Stage.STOPPED]
    return [name for name in up if name != definitions.WORKBENCH]


async def _to_start(resources: Resources, definition: Definition, kind: str, runtime_id: UUID | None) -> list[str]:
    """With what they depend on, unless that is up already; a restart is of the one alone."""
    services = definition.project.services
    if runtime_id is None:
        if not services:
            raise NoServices
        return _closed(services, [name for name, service in services.items() if not service.profiles])
    name = next((name for name in services if definition.id_of(name) == runtime_id), None)
    if name is None:
        raise NoSuchService
    async with resources.database.begin() as db:
        rows = await repository.of_session(db, definition.session.id)
    needed = [
        other
        for other in _closed(services, [name])
        if other != name and (other not in rows or rows[other].state not in UP or rows[other].desired != "running")
    ]
    return [*needed, name] if kind == "start" or name not in rows or rows[name].state not in UP else [name]


def _closed(services: dict[str, model.Service], names: Iterable[str]) -> list[str]:
    """These and all that they need, in the file's order."""
    wanted, todo = set(), list(names)
    while todo:
        name = todo.pop()
        if name in services and name not in wanted:
            wanted.add(name)
            todo += [dependency.service for dependency in services[name].depends_on if dependency.required]
    return [name for name in services if name in wanted]


async def copy_volumes(resources: Resources, actor: Actor, session_id: UUID, source_id: UUID) -> list[str]:
    """Gives the session a copy of another one's volumes, database content included, in place of its own; their names. Both are
    of one workspace, and the session's own services are stopped. Raises CannotCopy."""
    session = await enter(resources, actor, session_id, WRITE)
    source = await enter(resources, actor, source_id, READ)
    if source.workspace_id != session.workspace_id or source.id == session.id:
        raise NoSuchSession
    driver = resources.runtime
    if not isinstance(driver, CanKeepVolumes):
        raise NoVolumes
    async with resources.database.begin() as db:
        rows = await repository.of_session(db, session.id)
    at_rest = (Stage.STOPPED, Stage.FAILED)
    if any(row.state not in at_rest for row in rows.values() if row.name != definitions.WORKBENCH):
        raise StillRunning
    try:
        return await driver.copy_volumes(str(source.id), str(session.id))
    except (RuntimeFailed, EngineAway) as error:
        reason = reason_of(error)
        raise CannotCopy(f"{CannotCopy.__doc__} ({reason['message']})", reason=reason) from error


async def operation(resources: Resources, actor: Actor, session_id: UUID, operation_id: UUID) -> schemas.Operation:
    async with resources.database.begin() as db:
        row = await repository.operation(db, actor, session_id, operation_id)
    if row is None:
        raise NoSuchOperation
    operations = resources.kept.get(Operations)
    return operations.show(row) if operations is not None else Operations.show(Operations.__new__(Operations), row)


class Watched(NamedTuple):
    id: UUID
    log: Log


async def log(resources: Resources, actor: Actor, session_id: UUID, runtime_id: UUID) -> Watched:
    """A service's log, kept after its container is gone."""
    session = await enter(resources, actor, session_id, READ)
    _, name, _ = await find(resources, session, runtime_id)
    return Watched(runtime_id, log_of(resources.data, session.id, name))


def watchers(resources: Resources) -> Watchers:
    found = resources.kept.get(Watchers)
    if found is None:
        raise NoRuntime
    return found


async def _proposal(resources: Resources, session: Session) -> schemas.Proposal | None:
    found = await resources.in_thread(propose, definitions.root_of(resources, session.id))
    return (
        schemas.Proposal(stack=found.stack, explanation=found.explanation, compose=found.compose)
        if found is not None
        else None
    )


def _why(resources: Resources) -> str:
    """What a person should know of where services run here."""
    if resources.runtime is None:
        return "This server runs no services."
    if resources.runtime.name == "process":
        return (
            "No Docker engine answers, so only services without an image run, as this server's own user. "
            "Install and start Docker for the rest; `codeyard doctor` says what it finds."
        )
    found = resources.kept.get(Conductor)
    if found is not None and found.away:
        return "The Docker engine does not answer, so what is shown here was true before. Start it: it is looked for."
    return ""


def show(
    resources: Resources, definition: Definition | None, name: str, row: Runtime | None, digest: str = ""
) -> schemas.Service:
    """`digest` is that of what is declared now, where something runs that can be compared with it."""
    service = definition.project.services[name] if definition is not None else model.Service(name=name)
    session_id = definition.session.id if definition is not None else row.session_id if row is not None else UUID(int=0)
    secret = set(service.secrets)
    variables = definition.values.get(definitions.SHARED, {}) if definition is not None else {}

    def hidden(text: str) -> str:
        return _hidden(text, variables)

    tcp = [port for port in service.ports if port.protocol == "tcp"]
    changed = digest != "" and row is not None and row.state in UP and row.digest != digest
    return schemas.Service(
        id=service_id(session_id, name),
        name=name,
        kind=service.kind,
        icon=service.icon,
        image=service.image,
        build=service.build is not None,
        command=service.lines.get("command", hidden(shlex.join(service.command or []))),
        install_command=service.lines.get("install", hidden(service.install or "")),
        start_command=service.lines.get("start", hidden(service.start or "")),
        ports=[
            schemas.PortShown(
                target=port.target,
                protocol=port.protocol,
                preview_url=addresses.url(resources.settings, session_id, name, None if port is tcp[0] else port.target)
                if port.protocol == "tcp"
                else None,
            )
            for port in service.ports
        ],
        environment=[
            schemas.Variable(n, None if n in secret else service.written.get(n, hidden(value)), n in secret)
            for n, value in [
                *service.environment.items(),
                *((n, "") for n in sorted(secret - set(service.environment))),
            ]
        ],
        volumes=[_written(volume, name) for volume in service.volumes if volume.kind != "tmpfs"],
        depends_on=[schemas.DependencyShown(one.service, one.condition) for one in service.depends_on],
        limits=schemas.LimitsShown(service.limits.cpus or 0, service.limits.memory or 0, service.limits.pids or 0),
        state=row.state if row is not None else Stage.STOPPED,
        desired=row.desired if row is not None else "stopped",
        reason=schemas.reason(row.reason) if row is not None else None,
        exit_code=row.exit_code if row is not None else None,
        health=msgspec.convert(row.health, schemas.HealthShown) if row is not None and row.health else None,
        started_at=row.started_at if row is not None else None,
        restarts=row.restarts if row is not None else 0,
        restart_needed=changed,
        line=service.line,
        disk_bytes=disk.held.get(row.id) if row is not None and (disk := resources.kept.get(DiskWatch)) else None,
    )


def _written(volume: Volume, service: str) -> str:
    """As compose writes it in one line, which an edit may send back."""
    if volume.source == anonymous(service, volume.target):
        return volume.target
    source = f"./{volume.source}" if volume.kind == "bind" else volume.source
    return f"{source}:{volume.target}{':ro' if volume.read_only else ''}"


def _hidden(text: str, variables: Mapping[str, str]) -> str:
    """As it was before these were filled in: their values are never shown, and an edit that sends back what it was shown does not
    write them into the file. What is shorter than four characters is no secret, and may stand there by chance."""
    for name, value in sorted(variables.items(), key=lambda one: -len(one[1])):
        if len(value) >= 4:
            text = text.replace(value, f"${{{name}}}")
    return text


def conductor(resources: Resources) -> Conductor:
    found = resources.kept.get(Conductor)
    if found is None:
        raise NoRuntime
    return found
