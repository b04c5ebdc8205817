"""Imports: a repository of a provider becomes a repository of the workspace, checked out into a folder of the session, and a
service in its compose.yaml. What takes time is a job; an operation tells how far it is."""

import os
from uuid import UUID

import msgspec

from backend.core import cloning, git
from backend.core.auth import Actor
from backend.core.db import new_id
from backend.core.errors import Conflict, Invalid, clash
from backend.core.jobs import enqueue
from backend.core.resources import Resources
from backend.workbench.connections import service as connections
from backend.workbench.connections.clients.contract import ProviderUnreachable
from backend.workbench.imports import jobs, schemas
from backend.workbench.provisioning.submodules import name_for
from backend.workbench.services import schemas as services
from backend.workbench.services.definition import service_id
from backend.workbench.services.models import Operation
from backend.workbench.services.operations import shown
from backend.workbench.services.service import NoSuchOperation
from backend.workbench.sessions import disk
from backend.workbench.sessions import service as sessions
from backend.workbench.sessions.service import reason_of
from backend.workbench.workspaces.models import Repository


class RepositoryTaken(Conflict):
    """This workspace has a repository of that name: give the import another `name`."""


class FolderTaken(Conflict):
    """The session has a file or folder of that name: give the import another `name`."""


class BadSubdirectory(Invalid):
    """`subdirectory` is a path in the repository, without `..`, a leading slash or `.git`."""


class NotUnderWay(Conflict):
    """Only an import that is under way can be cancelled."""


async def cancel(resources: Resources, actor: Actor, session_id: UUID, operation_id: UUID) -> services.Operation:
    """Asks for its end, of which the operation tells once nothing of the import is left. Raises NoSuchOperation, NotUnderWay."""
    session = await sessions.ready(resources, actor, session_id, "services:write")
    async with resources.database.begin() as db:
        operation = await db.get(Operation, operation_id, with_for_update=True)
        if operation is None or operation.session_id != session.id:
            raise NoSuchOperation
        if operation.kind != "import" or operation.finished_at is not None:
            raise NotUnderWay
        operation.error = reason_of(jobs.Cancelled())
    return shown(operation, msgspec.convert(operation.steps, list[services.Step]))


async def start(
    resources: Resources, actor: Actor, session_id: UUID, provider: connections.Provider, data: schemas.Import
) -> services.Operation:
    """Looks repository, branch and folder up at the provider, so that what is wrong is said now, and begins."""
    session = await sessions.ready(resources, actor, session_id, "services:write")
    parts = data.subdirectory.split("/")
    if any(part in (".", "..") or part.lower() == ".git" for part in parts):
        raise BadSubdirectory
    connection = await connections.one_of(resources, actor, provider, data.connection_id)
    client = connections.client_of(resources, connection)
    found = await client.repository(data.repository)
    settings = resources.settings
    url = await git.check_clone_url(
        found.url, allow_file=settings.allow_file_clone, allow_private=settings.allow_private_clone
    )
    if not url.address.startswith(("https://", "http://")):
        raise ProviderUnreachable
    name = name_for(data.name or found.name.rpartition("/")[2])
    place = disk.place_of(resources, session, name, name)
    if os.path.lexists(place.work_tree):
        raise FolderTaken
    step = services.Step(name, service_id(session.id, name), "queued", "waiting")
    operation = Operation(
        id=new_id(),
        session_id=session.id,
        organization_id=session.organization_id,
        workspace_id=session.workspace_id,
        kind="import",
        status="queued",
        steps=msgspec.to_builtins([step]),
    )
    branch = data.branch or found.default_branch
    if data.branch or data.subdirectory:
        known = await connections.with_credential(resources, connection.owner_id, url)
        tip = await cloning.look_for(branch, known, allow_file=False)
        if data.subdirectory and not (tip and await client.has_folder(found.name, tip, data.subdirectory)):
            raise jobs.NoSuchFolder
    row = Repository(
        id=new_id(),
        workspace_id=session.workspace_id,
        name=name,
        path=name,
        remote_url=url.address,
        default_branch=branch,
    )
    order = jobs.Order(
        operation.id, row.id, connection.owner_id, url.address, branch, name, data.subdirectory, data.start_command
    )
    async with resources.database.begin() as db:
        db.add(row)
        with clash("uq_repositories_workspace_id_name", RepositoryTaken):
            await db.flush()
        db.add(operation)
        await db.flush()
        await enqueue(db, jobs.import_repository, order)
    return shown(operation, [step])
