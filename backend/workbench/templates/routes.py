"""GET /templates and POST /workspace/auto-create."""

from litestar import Router, get, post
from litestar.params import JSONBody

from backend.core.auth import Me, scope, signed_in
from backend.core.paging import Page
from backend.core.resources import Hands
from backend.ledger.receipts.service import OnceOnly
from backend.workbench.templates import catalogue, schemas, service


@get("/templates", guards=[signed_in])
async def list_templates() -> Page[schemas.Template]:
    """Projects to start from."""
    return Page(list(catalogue.catalogue().values()))


@post("/workspace/auto-create", guards=[scope("workspaces:write")])
async def auto_create(
    resources: Hands, actor: Me, once: OnceOnly, data: JSONBody[schemas.AutoCreate]
) -> schemas.Created:
    """A workspace from a template, a git URL or an archive, with the variables given (credentials are generated at the first
    start) and everything started. `operation` tells how far it is."""
    return await service.create(resources, actor, once, data)


router = Router("/", route_handlers=[list_templates, auto_create], tags=["templates"])
