"""Services made, changed and removed: each time an edit of compose.yaml that leaves the rest of it alone, checked before it is
written, after a snapshot that undoes it. Values of secrets go into the encrypted store and never into the file. They are kept
until the workspace goes, though the file names them no more: an undo brings the name back, and other sessions may have it."""

import contextlib
import secrets as randomness
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from backend.core.auth import Actor
from backend.core.errors import Conflict, Invalid, NotFound
from backend.core.events import emit
from backend.core.resources import Resources
from backend.ledger.secrets import service as secrets
from backend.workbench.files import disk
from backend.workbench.files.beneath import Root
from backend.workbench.files.service import largest
from backend.workbench.services import definition as definitions
from backend.workbench.services import repository, schemas, service
from backend.workbench.services.definition import REGISTRY, SHARED, Definition, login_of
from backend.workbench.services.events import ServicesChanged
from backend.workbench.services.models import Runtime, Stage
from backend.workbench.services.schemas import ServiceCreate, ServiceUpdate, VariableGiven
from backend.workbench.services.service import WRITE, BadDefinition, NoSuchService, conductor, enter
from backend.workbench.sessions.models import Session
from backend.workbench.sessions.service import where
from backend.workbench.snapshots import service as snapshots
from runtimes import docker_images
from runtimes.compose import detect, edit, engines
from runtimes.compose.model import BadCompose
from runtimes.compose.read import load
from runtimes.compose.source import parsed, read_text
from runtimes.docker import Docker
from runtimes.spec import CanKeepVolumes, Login, RuntimeFailed, Spec

Secrets = dict[str, str]
_TRIES: Final = 20  # as many edits at once find their turn


class NameTaken(Conflict):
    """There is a service of that name in this session."""


class StopItFirst(Conflict):
    """The service runs under its name: stop it first."""


class NotAllServices(Conflict):
    """`ids` must be all services of the session, each once: read them again."""


class NotComposed(Conflict):
    """What runs is declared by a devcontainer.json or Procfile: write a compose.yaml first, which then takes its place."""


class DeclaredElsewhere(Conflict):
    """The service is declared in another file than the session's own compose file: change it there."""


class NothingFound(Invalid):
    """Nothing in that folder says how to run it: give an image, or a start command."""


class CannotPull(Conflict):
    """The image could not be pulled."""


class NoEngine(Conflict):
    """Images need a Docker engine, and none answers here."""


class Edited(NamedTuple):
    """What is declared after an edit, and the snapshot that undoes it."""

    definition: Definition
    rows: dict[str, Runtime]
    undo: UUID

    async def show(self, resources: Resources, name: str) -> schemas.Service:
        looked = await definitions.look(resources, self.definition, [name])
        shown = service.show(resources, self.definition, name, self.rows.get(name), looked.digests[name])
        shown.undo_snapshot_id = self.undo
        return shown


class Engine(msgspec.Struct, frozen=True):
    """A database as a service: its image, what is generated, what is kept. `{name}` is the service's own."""

    image: str
    fields: dict[str, Any]
    generated: list[str]
    volume: str


ENGINES: Final = {
    "postgres": Engine(
        "postgres:15",
        {
            "environment": {"POSTGRES_USER": "app", "POSTGRES_DB": "app"},
            "healthcheck": {"test": "pg_isready -U app -d app", "interval": "2s", "retries": 30},
            "expose": [5432],
        },
        ["POSTGRES_PASSWORD"],
        "/var/lib/postgresql/data",
    ),
    "mariadb": Engine(
        "mariadb:10.11",
        {
            "environment": {"MARIADB_USER": "app", "MARIADB_DATABASE": "app"},
            "healthcheck": {
                "test": 'mariadb-admin ping -u app -p"$$MARIADB_PASSWORD"',
                "interval": "2s",
                "retries": 60,
            },
            "expose": [3306],
        },
        ["MARIADB_PASSWORD", "MARIADB_ROOT_PASSWORD"],
        "/var/lib/mysql",
    ),
    "mysql": Engine(
        "mysql:8.4",
        {
            "environment": {"MYSQL_USER": "app", "MYSQL_DATABASE": "app"},
            "healthcheck": {"test": 'mysqladmin ping -u app -p"$$MYSQL_PASSWORD"', "interval": "2s", "retries": 60},
            "expose": [3306],
        },
        ["MYSQL_PASSWORD", "MYSQL_ROOT_PASSWORD"],
        "/var/lib/mysql",
    ),
    "redis": Engine(
        "redis:7.0",
        {
            "command": ["sh", "-c", 'exec redis-server --requirepass "$$REDIS_PASSWORD"'],
            "healthcheck": {"test": 'redis-cli -a "$$REDIS_PASSWORD" ping', "interval": "2s", "retries": 30},
            "expose": [6379],
        },
        ["REDIS_PASSWORD"],
        "/data",
    ),
}


async def create(resources: Resources, actor: Actor, session_id: UUID, data: ServiceCreate) -> schemas.Service:
    return await add(resources, await enter(resources, actor, session_id, WRITE), data)


async def add(resources: Resources, session: Session, data: ServiceCreate) -> schemas.Service:
    name = data.name.strip().replace(" ", "-")
    note = ""
    if data.type == "image":
        if name in (await service.read(resources, session)).project.services:
            raise NameTaken  # before a registry is asked
        data.image, note = await _pinned(resources, data.image)
    fields, kept, volumes = await _fields_of(resources, session, name, data)
    given, secret = _environment(data.environment)
    if given:
        fields["environment"] = fields.get("environment", {}) | given
    kept |= {n: v for n, v in secret.items() if v is not None}
    if kept:
        fields.setdefault("x-codeyard", {})["secrets"] = sorted(kept)
    if data.ports:
        fields["ports"] = data.ports
    if data.volumes:
        fields["volumes"] = [*fields.get("volumes", []), *data.volumes]
    if data.depends_on:
        fields["depends_on"] = data.depends_on
    fields |= {"cpus": data.cpus, "mem_limit": data.memory_bytes}

    def act(text: str) -> str:
        try:
            text = edit.add_service(text, name, fields)
        except ValueError:
            raise NameTaken from None
        for volume in volumes:
            text = edit.declare_volume(text, volume)
        return text

    edited = await _edit(resources, session, act, name, f"Add the service {name}", kept)
    shown = await edited.show(resources, name)
    shown.note = note
    return shown


async def _pinned(resources: Resources, image: str) -> tuple[str, str]:
    """(the image by its digest, "") or (as it is, why its digest cannot be had)."""
    if "@" in image:
        return image, ""
    try:
        if not isinstance(resources.runtime, Docker):
            raise RuntimeFailed("no_engine", "There is no Docker engine here that could ask for its digest.")
        return await docker_images.pin(resources.runtime.engine, image), ""
    except RuntimeFailed as error:
        return image, f"{image} is not pinned: each pull takes what its tag means then. {_told(error)}"


def _told(error: RuntimeFailed) -> str:
    return f"{error.message.removesuffix('.')}. {error.remedy}".strip()


async def _fields_of(
    resources: Resources, session: Session, name: str, data: ServiceCreate
) -> tuple[dict[str, Any], Secrets, list[str]]:
    """(fields in compose.yaml, secrets, named volumes) of a new service of its type."""
    extra = {key: line for key, line in (("install", data.install_command), ("start", data.start_command)) if line}
    if data.type == "database":
        engine = ENGINES[data.engine]
        volume = f"{name}-data"
        fields = {"image": data.image or engine.image, **engine.fields, "volumes": [f"{volume}:{engine.volume}"]}
        fields["x-codeyard"] = {"kind": "cache" if data.engine == "redis" else "database", "icon": data.engine}
        return fields, {variable: randomness.token_urlsafe(24) for variable in engine.generated}, [volume]
    if data.type == "image":
        if not data.image:
            raise Invalid("`image` names the image of a service of type image.")
        return {"image": data.image, **({"x-codeyard": extra} if extra else {})}, {}, []
    if data.type == "upload":
        return await _from_folder(resources, session, data, extra), {}, []
    return ({"image": data.image} if data.image else {}) | {"x-codeyard": extra or {"start": "sleep infinity"}}, {}, []


async def _from_folder(
    resources: Resources, session: Session, data: ServiceCreate, extra: dict[str, str]
) -> dict[str, Any]:
    """A service of what was uploaded: built by its Dockerfile, else run as what it looks like."""
    root = definitions.root_of(resources, session.id)

    def look() -> dict[str, Any] | None:
        with Root(root) as beneath:
            parts = tuple(part.encode() for part in data.folder.split("/") if part not in ("", "."))
            disk.status(beneath, parts)  # refuses what leads out, or is not there
        folder = root / data.folder
        if (folder / "Dockerfile").is_file():
            return {"build": f"./{data.folder}"}
        found = detect.service_of(folder, data.folder)
        return dict(found) if found is not None else None

    fields = await resources.in_thread(look)
    if fields is None and "start" not in extra:
        raise NothingFound
    fields = fields or {"volumes": [f"./{data.folder}:/app"], "working_dir": "/app"}
    if extra:
        fields["x-codeyard"] = fields.get("x-codeyard", {}) | extra
    return fields | ({"image": data.image} if data.image else {})


async def update(
    resources: Resources, actor: Actor, session_id: UUID, runtime_id: UUID, data: ServiceUpdate
) -> schemas.Service:
    session = await enter(resources, actor, session_id, WRITE)
    definition, name = await _declared(resources, session, runtime_id)
    new = name if isinstance(data.name, UnsetType) else data.name.strip().replace(" ", "-")
    if new != name:
        await _check_stopped(resources, runtime_id)
    changes, kept = _changes(definition, name, data)

    def act(text: str) -> str:
        try:
            text = edit.update_service(text, name, changes) if changes else text
            return text if new == name else edit.rename_service(text, name, new)
        except KeyError:
            raise _elsewhere(definition, name) from None
        except ValueError:
            raise NameTaken from None

    if new != name:
        kept = definition.values.get(name, {}) | kept
        await _keep(resources, session, definition.values.get(REGISTRY + name, {}), REGISTRY + new)
    edited = await _edit(resources, session, act, new, f"Change the service {name}", kept)
    return await edited.show(resources, new)


def _changes(definition: Definition, name: str, data: ServiceUpdate) -> tuple[dict[str, Any], Secrets]:
    """(what to change in the file, secrets to set)."""
    changes: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for field, key in (("kind", "kind"), ("icon", "icon"), ("install_command", "install"), ("start_command", "start")):
        if (value := getattr(data, field)) is not UNSET:
            extra[key] = value
    for field in ("image", "command", "ports", "volumes", "depends_on"):
        if (value := getattr(data, field)) is not UNSET:
            changes[field] = value or None
    changes |= _limits(data.cpus, data.memory_bytes)
    kept: Secrets = {}
    if not isinstance(data.environment, UnsetType):
        service_ = definition.project.services[name]
        given, secret = _environment(data.environment)
        changes["environment"] = {n: None for n in service_.environment if n not in given} | given
        kept = {n: v for n, v in secret.items() if v is not None}
        extra["secrets"] = sorted(secret) or None
    if extra:
        changes["x-codeyard"] = extra
    return changes, kept


def _environment(given: list[VariableGiven]) -> tuple[dict[str, str], dict[str, str | None]]:
    """(what goes into the file, what goes into the store; None keeps what is there)."""
    plain = {one.name: one.value or "" for one in given if not one.secret}
    return plain, {one.name: one.value for one in given if one.secret}


def _limits(cpus: float | UnsetType | None, memory: int | UnsetType | None) -> dict[str, Any]:
    """In place of what `deploy` says, since a file that says both is refused elsewhere."""
    found: dict[str, Any] = {}
    below: dict[str, None] = {}
    for key, long, value in (("cpus", "cpus", cpus), ("mem_limit", "memory", memory)):
        if value is not UNSET:
            found[key], below[long] = value, None
    return found | ({"deploy": {"resources": {"limits": below}}} if below else {})


async def remove(resources: Resources, actor: Actor, session_id: UUID, runtime_id: UUID, *, drop_volumes: bool) -> None:
    """Stops it and takes it out of the file. Its volumes stay until the session is purged, unless they are to be dropped: then
    those go at once that no other service has."""
    session = await enter(resources, actor, session_id, WRITE)
    definition, name = await _declared(resources, session, runtime_id)

    def act(text: str) -> str:
        try:
            return edit.remove_service(text, name)
        except KeyError:
            raise _elsewhere(definition, name) from None

    await _edit(resources, session, act, None, f"Remove the service {name}", {}, gone=name)
    async with resources.database.begin() as db:
        row = await repository.get(db, runtime_id)
        if row is not None:
            row.desired = "stopped"
    if row is not None and row.state != Stage.STOPPED:
        await conductor(resources).bring_down(runtime_id)
    if drop_volumes and isinstance(resources.runtime, CanKeepVolumes):
        held = {
            by: {volume.source for volume in one.volumes if volume.kind == "volume"}
            for by, one in definition.project.services.items()
        }
        await resources.runtime.remove_volumes(str(session.id), held.pop(name).difference(*held.values()))


async def reorder(resources: Resources, actor: Actor, session_id: UUID, ids: list[UUID]) -> schemas.Services:
    session = await enter(resources, actor, session_id, WRITE)
    definition = await service.read(resources, session)
    names = {definition.id_of(name): name for name in definition.project.services}
    if set(ids) != set(names) or len(ids) != len(names):
        raise NotAllServices
    order = [names[one] for one in ids]
    await _edit(resources, session, lambda text: edit.reorder(text, order), None, "Reorder the services", {})
    return await service.listed(resources, actor, session_id)


async def import_image(
    resources: Resources, actor: Actor, session_id: UUID, data: schemas.ImportDockerHub
) -> schemas.Service:
    """Pulls the image, so that what is wrong with it is said now, and pins it by its digest."""
    session = await enter(resources, actor, session_id, WRITE)
    driver = resources.runtime
    if not isinstance(driver, Docker):
        raise NoEngine
    last = data.image.split("@")[0].rpartition("/")[2].partition(":")[0]
    name = (data.name or last).strip().replace(" ", "-")
    declared = await service.read(resources, session)
    if name in declared.project.services:
        raise NameTaken
    registry = docker_images.registry_of(data.image)
    login = Login(username=data.username, password=data.password, registry=registry) if data.username else None
    kept = login_of(declared.values, name, data.image)
    spec = Spec(group=str(session.id), name="import", image=data.image, login=login or kept)
    if login is not None:
        spec = msgspec.structs.replace(
            spec, pull="always"
        )  # an image that is here already would tell nothing of the login
    try:
        image = await docker_images.provide(driver.engine, driver.installation, spec, _silent)
    except RuntimeFailed as error:
        raise CannotPull(_told(error), reason=error.code) from error
    pinned = docker_images.pinned(data.image, image)
    ports = sorted(int(port.partition("/")[0]) for port in (image["Config"].get("ExposedPorts") or {}))
    fields: dict[str, Any] = {
        "image": pinned,
        **({"ports": ports} if ports else {}),
    }
    if engines.of_image(data.image) is None:
        fields["x-codeyard"] = {"kind": "image"}

    def act(text: str) -> str:
        try:
            return edit.add_service(text, name, fields)
        except ValueError:
            raise NameTaken from None

    if login is not None:
        await _keep(resources, session, msgspec.to_builtins(login), REGISTRY + name)
    edited = await _edit(resources, session, act, name, f"Import the image {data.image}", {})
    return await edited.show(resources, name)


def _silent(step: str, *, percent: int | None = None, message: str = "") -> None:
    """The caller waits for the whole."""


# --- the edit itself


async def _declared(resources: Resources, session: Session, runtime_id: UUID) -> tuple[Definition, str]:
    definition = await service.read(resources, session)
    name = next((name for name in definition.project.services if definition.id_of(name) == runtime_id), None)
    if name is None:
        raise NoSuchService
    return definition, name


def _elsewhere(definition: Definition, name: str, *, but: str = "") -> DeclaredElsewhere:
    """`but`: a file that is not meant."""
    for file in definition.project.files:
        with contextlib.suppress(BadCompose):
            services = parsed(read_text(definition.root, file) or "", file).get("services")
            if file != but and isinstance(services, dict) and name in services:
                return DeclaredElsewhere(f"{name} is declared in {file}: change it there.")
    return DeclaredElsewhere()


async def _check_stopped(resources: Resources, runtime_id: UUID) -> None:
    async with resources.database.begin() as db:
        row = await repository.get(db, runtime_id)
    if row is not None and (row.state != Stage.STOPPED or row.desired == "running"):
        raise StopItFirst


async def _edit(
    resources: Resources,
    session: Session,
    act: Callable[[str], str],
    name: str | None,
    label: str,
    kept: Secrets,
    *,
    gone: str = "",
) -> Edited:
    """Edits the file and the secrets; what is declared then. Raises BadDefinition for an edit that would break it, and
    DeclaredElsewhere where a service that is to be gone would still be there."""
    definition = await service.read(resources, session)
    if definition.project.source in ("devcontainer", "procfile"):
        raise NotComposed
    file = definition.project.files[0] if definition.project.files else "compose.yaml"
    variables = definition.values.get(SHARED, {})
    parts = (file.encode(),)

    def plan() -> tuple[str, str]:
        with Root(definition.root) as root:
            try:
                content = disk.read(root, parts, largest=largest(resources))
                before, etag = content.data.decode(), content.etag or ""
            except NotFound:
                before, etag = "", "*"
        after = act(before)
        if gone in load(definition.root, variables=variables, instead={file: after}).services:
            raise _elsewhere(definition, gone, but=file)
        return after, etag

    def write(after: str, etag: str) -> None:
        with Root(definition.root) as root:
            disk.write(root, parts, after.encode(), etag=etag, largest=largest(resources))

    for left in reversed(range(_TRIES)):
        try:
            after, etag = await resources.in_thread(plan)
        except BadCompose as error:
            raise BadDefinition(str(error), problems=msgspec.to_builtins(error.problems)) from error
        undo = await snapshots.take(resources, session, reason="services", label=label)
        if name is not None:
            await _keep(resources, session, kept, name)
        try:
            await resources.in_thread(write, after, etag)
            break
        except disk.EtagMismatch:  # somebody else's edit came first: this one is made of what the file says now
            if not left:
                raise
    async with resources.database.begin() as db:
        await emit(db, ServicesChanged(**where(session)))
        rows = await repository.of_session(db, session.id)
    return Edited(await service.read(resources, session), rows, undo.id)


async def _keep(resources: Resources, session: Session, values: Secrets, part: str) -> None:
    async with resources.database.begin() as db:
        await secrets.put(db, resources.data, session.organization_id, session.workspace_id, values, part=part)
