"""What happens to language servers when nobody waits: those of a deleted session end with it."""

from backend.core.events import on
from backend.core.resources import Resources
from backend.workbench.lsp import service
from backend.workbench.sessions.events import SessionDeleted


@on(SessionDeleted)
async def end_language_servers(event: SessionDeleted, resources: Resources) -> None:
    if event.session_id is not None:
        await service.end_all(resources, event.session_id)
