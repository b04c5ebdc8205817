"""/workspace/{workspace_id}/pull-requests/{pull}: its mirror, and looking at both sides again."""

from uuid import UUID

from litestar import Router, delete, post
from litestar.params import FromPath

from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.resources import Hands
from backend.workbench.mirrors import service
from backend.workbench.pulls import schemas


@post("/{pull:str}/refresh", guards=[scope("pulls:read")], status_code=200)
async def refresh_pull_request(
    resources: Hands, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str]
) -> schemas.Pull:
    """Looks at both branches again, commits made in terminals included; one whose commits are in the base becomes merged. For who
    may write, at its twin at the provider, too, whatever webhooks were missed: what was pushed there comes into the head session
    where that only adds to it."""
    return await service.look(resources, actor, workspace_id, pull)


@post("/{pull:str}/mirror", guards=[scope("pulls:write")], status_code=200)
async def mirror_pull_request(
    resources: Hands, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str]
) -> schemas.Pull:
    """Pushes the branch and opens the pull request at the provider that the repository was imported from, by the caller's
    connection; from then on both are kept in step. On one that has a mirror: by the caller's connection from now on. What is
    wrong stands in `mirror.error`, with what to do."""
    return await service.begin(resources, actor, workspace_id, pull)


@delete("/{pull:str}/mirror", guards=[scope("pulls:write")])
async def stop_mirror(db: Db, actor: Me, workspace_id: FromPath[UUID], pull: FromPath[str]) -> None:
    """Both sides stay as they are, and go their own ways."""
    await service.stop(db, actor, workspace_id, pull)


router = Router(
    "/workspace/{workspace_id:uuid}/pull-requests",
    route_handlers=[refresh_pull_request, mirror_pull_request, stop_mirror],
    tags=["pull requests"],
)
