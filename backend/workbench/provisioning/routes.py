"""POST, DELETE and restore of /workspace, and duplication: what makes or removes a workspace."""

from uuid import UUID

from litestar import Router, delete, get, post
from litestar.params import FromPath, JSONBody

from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.paging import Page
from backend.core.resources import Hands
from backend.ledger.receipts.service import OnceOnly
from backend.workbench.provisioning import service
from backend.workbench.workspaces import repository, schemas


@post(guards=[scope("workspaces:write")])
async def create_workspace(
    resources: Hands, actor: Me, once: OnceOnly, data: JSONBody[schemas.WorkspaceCreate]
) -> schemas.Workspace:
    """Creates a workspace, empty or from `clone_url`. A small clone is ready when this answers; of a larger one the default
    session is `starting` and events tell how far it is."""
    return await service.create(resources, actor, once, data)


@delete("/{workspace_id:uuid}", guards=[scope("workspaces:write")])
async def delete_workspace(db: Db, actor: Me, workspace_id: FromPath[UUID]) -> None:
    """Puts it into the bin with its sessions, from where it can be restored for seven days. Remotes are not touched."""
    await service.put_into_bin(db, actor, workspace_id)


@post("/{workspace_id:uuid}/restore", guards=[scope("workspaces:write")], status_code=200)
async def restore_workspace(resources: Hands, actor: Me, workspace_id: FromPath[UUID]) -> schemas.Workspace:
    """Takes it out of the bin with the sessions that went there with it."""
    return await service.restore(resources, actor, workspace_id)


@post("/{workspace_id:uuid}/duplicate", guards=[scope("workspaces:write")])
async def duplicate_workspace(
    resources: Hands,
    actor: Me,
    once: OnceOnly,
    workspace_id: FromPath[UUID],
    data: JSONBody[schemas.WorkspaceDuplicate],
) -> schemas.Workspace:
    """Copies repositories and every session as it stands. Nothing is shared with the original; secrets go along
    only `with_secrets`."""
    return await service.duplicate(resources, actor, once, workspace_id, data)


@get("/bin", guards=[scope("workspaces:read")])
async def list_binned_workspaces(db: Db, actor: Me) -> Page[schemas.Workspace]:
    """What lies in the bin, last deleted first."""
    rows = await repository.list_binned(db, actor)
    return Page([schemas.Workspace(*row) for row in rows])


router = Router(
    "/workspace",
    route_handlers=[
        create_workspace,
        delete_workspace,
        restore_workspace,
        duplicate_workspace,
        list_binned_workspaces,
    ],
    tags=["workspaces"],
)
