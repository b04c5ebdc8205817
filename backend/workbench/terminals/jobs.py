"""What happens to terminals when nobody waits: those of a deleted session end with it."""

from backend.core.events import on
from backend.core.resources import Resources
from backend.workbench.sessions.events import SessionDeleted
from backend.workbench.terminals import service


@on(SessionDeleted)
async def close_terminals(event: SessionDeleted, resources: Resources) -> None:
    if event.session_id is not None:
        await service.close_all(resources, event.session_id)
