"""What a workspace keeps for its services, encrypted and only ever written: variables that compose files ask for, and logins at
registries, whose images they name."""

import re
import secrets as randomness
from typing import Final
from uuid import UUID

from backend.core.errors import Invalid, NotFound
from backend.core.events import emit
from backend.core.resources import Resources
from backend.ledger.secrets import service as secrets
from backend.workbench.services import schemas
from backend.workbench.services.definition import LOGIN, SHARED
from backend.workbench.services.events import RegistryChanged, VariableChanged
from backend.workbench.sessions.models import Session
from backend.workbench.workspaces.models import Workspace

_HOST: Final = re.compile(
    r"(?=.*[.:]|localhost$)[a-z0-9][a-z0-9.-]{0,252}(:[0-9]{1,5})?"
)  # as an image may begin with it


class NotARegistry(Invalid):
    """Write the host that its images begin with, such as ghcr.io or registry.example.com:5000; Docker Hub is docker.io."""


class NoSuchVariable(NotFound):
    """The workspace has no such variable."""


class NoSuchRegistry(NotFound):
    """The workspace has no login at that registry."""


async def names(resources: Resources, workspace_id: UUID) -> list[str]:
    async with resources.database.begin() as db:
        return sorted(name for part, name in await secrets.names(db, workspace_id) if part == SHARED)


async def put(resources: Resources, workspace: Workspace, name: str, value: str) -> None:
    async with resources.database.begin() as db:
        await secrets.put(db, resources.data, workspace.organization_id, workspace.id, {name: value})
        await emit(db, VariableChanged(**_of(workspace), variable=name, how="set"))


async def generate(resources: Resources, session: Session, wanted: list[str]) -> None:
    """Values of 192 random bits for those that have none."""
    of = {"organization_id": session.organization_id, "workspace_id": session.workspace_id}
    async with resources.database.begin() as db:
        made = {name: randomness.token_urlsafe(24) for name in wanted}
        for name in await secrets.put(
            db, resources.data, session.organization_id, session.workspace_id, made, new=True
        ):
            await emit(db, VariableChanged(**of, variable=name, how="generated"))


async def forget(resources: Resources, workspace: Workspace, name: str) -> None:
    async with resources.database.begin() as db:
        if (SHARED, name) not in await secrets.names(db, workspace.id):
            raise NoSuchVariable
        await secrets.forget(db, workspace.id, part=SHARED, named=[name])
        await emit(db, VariableChanged(**_of(workspace), variable=name, how="forgotten"))


async def registries(resources: Resources, workspace_id: UUID) -> list[schemas.RegistryShown]:
    async with resources.database.begin() as db:
        kept = await secrets.read(db, resources.data, workspace_id)
    return [
        schemas.RegistryShown(part.removeprefix(LOGIN), values["username"])
        for part, values in sorted(kept.items())
        if part.startswith(LOGIN)
    ]


async def log_in(resources: Resources, workspace: Workspace, registry: str, data: schemas.RegistrySet) -> None:
    if not _HOST.fullmatch(registry):
        raise NotARegistry
    login = {"registry": registry, "username": data.username, "password": data.password}
    async with resources.database.begin() as db:
        await secrets.put(db, resources.data, workspace.organization_id, workspace.id, login, part=LOGIN + registry)
        await emit(db, RegistryChanged(**_of(workspace), registry=registry, how="set"))


async def log_out(resources: Resources, workspace: Workspace, registry: str) -> None:
    async with resources.database.begin() as db:
        if (LOGIN + registry, "username") not in await secrets.names(db, workspace.id):
            raise NoSuchRegistry
        await secrets.forget(db, workspace.id, part=LOGIN + registry)
        await emit(db, RegistryChanged(**_of(workspace), registry=registry, how="forgotten"))


def _of(workspace: Workspace) -> dict[str, UUID]:
    return {"organization_id": workspace.organization_id, "workspace_id": workspace.id}
