"""From a template, a repository or an archive to a workspace that runs."""

import os
from pathlib import Path
from uuid import UUID

from backend.core.auth import Actor
from backend.core.errors import AppError, Invalid, NotFound
from backend.core.resources import Resources
from backend.ledger.receipts.service import Once
from backend.ledger.secrets import service as secrets
from backend.workbench.files import disk
from backend.workbench.files.beneath import Root
from backend.workbench.files.service import folder_of
from backend.workbench.files.unpack import Format, unpack
from backend.workbench.provisioning import service as provisioning
from backend.workbench.services import service as services
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions import service as session_rules
from backend.workbench.sessions.models import Status
from backend.workbench.templates import catalogue, schemas
from backend.workbench.vcs import schemas as vcs_schemas
from backend.workbench.vcs import service as vcs
from backend.workbench.workspaces.schemas import Workspace, WorkspaceCreate


class NoSuchTemplate(NotFound):
    """There is no such template; GET /templates lists them."""


class WhichSource(Invalid):
    """Give one of `template`, `clone_url` and `archive`."""


class NoArchive(Invalid):
    """An archive's name ends in .zip, .tar.gz or .tgz."""


async def create(resources: Resources, actor: Actor, once: Once, data: schemas.AutoCreate) -> schemas.Created:
    """A workspace of it, the variables given set, everything started. What fails after the workspace is there is told with it:
    it is not thrown away."""
    if sum(source is not None for source in (data.template, data.clone_url, data.archive)) != 1:
        raise WhichSource
    template = catalogue.catalogue().get(data.template) if data.template is not None else None
    if data.template is not None and template is None:
        raise NoSuchTemplate
    archive = await _archive(resources, actor, data.archive) if data.archive is not None else None
    async with once.around(resources.database):
        name = data.name or (template.name if template is not None else _name_of(data))
        wanted = WorkspaceCreate(
            name=name, organization_id=data.organization_id, clone_url=data.clone_url, clone_token=data.clone_token
        )
        workspace = await provisioning.create(resources, actor, Once.none(), wanted)
        created = await _fill(resources, actor, workspace, template, archive, data.variables, run=data.run)
        await once.seal_apart(resources.database, created)
    return created


def _name_of(data: schemas.AutoCreate) -> str:
    source = data.clone_url or (data.archive.path if data.archive is not None else "")
    last = source.rstrip("/").rpartition("/")[2]
    for ending in (".git", ".zip", ".tar.gz", ".tgz"):
        last = last.removesuffix(ending)
    return last[:200] or "Workspace"


async def _archive(resources: Resources, actor: Actor, given: schemas.Archive) -> tuple[UUID, str, Format]:
    """Looks that it is there and the caller's to read."""
    session = await session_rules.ready(resources, actor, given.session_id, "files:read")
    format: Format = "zip" if given.path.lower().endswith(".zip") else "tar.gz"
    if not given.path.lower().endswith((".zip", ".tar.gz", ".tgz")):
        raise NoArchive
    with Root(folder_of(resources, session.id)) as root:
        disk.status(root, _parts(given.path))
    return session.id, given.path, format


def _parts(path: str) -> tuple[bytes, ...]:
    return tuple(part.encode() for part in path.split("/") if part)


async def _fill(
    resources: Resources,
    actor: Actor,
    workspace: Workspace,
    template: schemas.Template | None,
    archive: tuple[UUID, str, Format] | None,
    variables: dict[str, str],
    *,
    run: bool,
) -> schemas.Created:
    session_id = workspace.default_session_id
    created = schemas.Created(workspace, session_id, [], None)
    try:
        if template is not None:
            await resources.in_thread(catalogue.copy, template.id, folder_of(resources, session_id))
            await _commit(resources, actor, session_id, f"Start from the template {template.name}")
        elif archive is not None:
            await resources.in_thread(_unpack, resources, archive, session_id)
            await _commit(resources, actor, session_id, f"Start from {archive[1]}")
        async with resources.database.begin() as db:
            session = await sessions.get(db, session_id)
        if session is None or session.status != Status.READY:
            created.problem = "The repository is still being cloned: run the services when it is there."
        async with resources.database.begin() as db:
            await secrets.put(db, resources.data, workspace.organization_id, workspace.id, variables)
        if created.problem is not None:
            return created
        listed = await services.listed(resources, actor, session_id)
        created.services = [service.name for service in listed.items]
        wrong = [problem.message for problem in listed.problems if problem.severity == "error"]
        if wrong:
            created.problem = wrong[0]
        elif not created.services:
            created.problem = (
                "Nothing in it says what runs: write a compose.yaml, or take what its services' list proposes."
            )
        elif run:
            created.operation = await services.run(resources, actor, session_id, "run-all", None)
    except AppError as error:
        created.problem = error.message
    return created


def _unpack(resources: Resources, archive: tuple[UUID, str, Format], session_id: UUID) -> None:
    source, path, format = archive
    with Root(folder_of(resources, source)) as theirs, theirs.at(_parts(path), follow=True) as place:
        with Root(folder_of(resources, session_id)) as root:
            unpack(root, (), Path(f"/proc/self/fd/{place.folder}", os.fsdecode(place.name)), format, project=True)


async def _commit(resources: Resources, actor: Actor, session_id: UUID, message: str) -> None:
    at = await vcs.target(resources, actor, session_id, "root", "vcs:write")
    await vcs.commit(resources, actor, Once.none(), at, vcs_schemas.CommitCreate(message=message))
