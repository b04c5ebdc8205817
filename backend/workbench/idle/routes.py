"""/workspace/{session_id}/idle."""

from uuid import UUID

from litestar import Router, get, put
from litestar.params import FromPath, JSONBody

from backend.core.auth import Me, scope
from backend.core.resources import Hands
from backend.workbench.idle import schemas, service


@get(guards=[scope("services:read")])
async def get_idleness(resources: Hands, actor: Me, session_id: FromPath[UUID]) -> schemas.Idleness:
    """Whether anybody uses the session, and when its services stop if nobody does. Asking does not count as use."""
    return await service.show(resources, actor, session_id)


@put("/keep", guards=[scope("services:write")])
async def keep_session(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Keep]
) -> schemas.Idleness:
    """Let its services run on for some hours though nobody uses them."""
    return await service.keep(resources, actor, session_id, data.hours)


router = Router("/workspace/{session_id:uuid}/idle", route_handlers=[get_idleness, keep_session], tags=["services"])
