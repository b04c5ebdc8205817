"""POST /workspace/{session_id}/services/import-github, -gitlab and -bitbucket, and the end of an import under way."""

from uuid import UUID

from litestar import Router, post
from litestar.params import FromPath, JSONBody

from backend.core.auth import Me, scope
from backend.core.resources import Hands
from backend.workbench.imports import schemas, service
from backend.workbench.services.schemas import Operation

ACCEPTED = 202


@post("/import-github", guards=[scope("services:write")], status_code=ACCEPTED)
async def import_from_github(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Import]
) -> Operation:
    """Clone a repository into a folder of the session and declare a service of it, by the caller's own connection."""
    return await service.start(resources, actor, session_id, "github", data)


@post("/import-gitlab", guards=[scope("services:write")], status_code=ACCEPTED)
async def import_from_gitlab(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Import]
) -> Operation:
    """The same from GitLab."""
    return await service.start(resources, actor, session_id, "gitlab", data)


@post("/import-bitbucket", guards=[scope("services:write")], status_code=ACCEPTED)
async def import_from_bitbucket(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Import]
) -> Operation:
    """The same from Bitbucket."""
    return await service.start(resources, actor, session_id, "bitbucket", data)


@post(
    "/workspace/{session_id:uuid}/operations/{operation_id:uuid}/cancel",
    guards=[scope("services:write")],
    status_code=ACCEPTED,
)
async def cancel_import(
    resources: Hands, actor: Me, session_id: FromPath[UUID], operation_id: FromPath[UUID]
) -> Operation:
    """Ends an import that is under way. The operation fails as `cancelled` once nothing of it is left; what is moved in already
    stays."""
    return await service.cancel(resources, actor, session_id, operation_id)


of_services = Router(
    "/workspace/{session_id:uuid}/services",
    route_handlers=[import_from_github, import_from_gitlab, import_from_bitbucket],
)

router = Router("", route_handlers=[of_services, cancel_import], tags=["imports"])
