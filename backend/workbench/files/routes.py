"""/workspace/{session_id}/filesystem, /file-tree and /search."""

from uuid import UUID

from litestar import Router, post
from litestar.params import FromPath, JSONBody

from backend.core.auth import Me, scope
from backend.core.resources import Hands
from backend.workbench.files import schemas, service

MAX_BODY = 100_000_000
"""Bytes of one request: base64 of the largest file that `max_file_mb` allows by default, with room."""


@post(
    "/workspace/{session_id:uuid}/filesystem",
    guards=[scope("files:read")],
    status_code=200,
    request_max_body_size=MAX_BODY,
)
async def act_on_file(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.Operation]
) -> schemas.Answer:
    """Read, write, delete, mkdir, move, copy or stat, as `op` says. Those that change something need files:write."""
    return await service.act(resources, actor, session_id, data)


@post("/workspace/{session_id:uuid}/file-tree", guards=[scope("files:read")], status_code=200)
async def list_tree(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.TreeQuery]
) -> schemas.FileTree:
    """What lies in a folder, as deep as asked. Links are not followed; `.git` is not shown."""
    return await service.list_tree(resources, actor, session_id, data)


@post("/workspace/{session_id:uuid}/search", guards=[scope("files:read")], status_code=200)
async def search_files(
    resources: Hands, actor: Me, session_id: FromPath[UUID], data: JSONBody[schemas.SearchQuery]
) -> schemas.SearchResult:
    """Lines of text that match, in files that git does not ignore, sorted by path."""
    return await service.find(resources, actor, session_id, data)


router = Router("/", route_handlers=[act_on_file, list_tree, search_files], tags=["files"])
