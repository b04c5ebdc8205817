"""What happens to language servers when nobody waits: those of a deleted session end with it, and that for
compose.yaml learns of new variables."""

from backend.core.events import on
from backend.core.resources import Resources
from backend.workbench.lsp import service
from backend.workbench.services.events import VariableChanged
from backend.workbench.sessions.events import SessionDeleted


@on(SessionDeleted)
async def end_language_servers(event: SessionDeleted, resources: Resources) -> None:
    if event.session_id is not None:
        await service.end_all(resources, event.session_id)


@on(VariableChanged)
async def tell_compose_servers(event: VariableChanged, resources: Resources) -> None:
    if event.workspace_id is not None:
        await service.restart_compose(resources, event.workspace_id)
