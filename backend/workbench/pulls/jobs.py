"""Pull requests follow their sessions' branches."""

from uuid import UUID

from backend.core.events import on
from backend.core.resources import Resources
from backend.workbench.pulls import repository, service
from backend.workbench.vcs.events import Committed, WorkingCopyChanged


@on(Committed)
async def after_commit(event: Committed, resources: Resources) -> None:
    await _refresh(resources, event.session_id)


@on(WorkingCopyChanged)
async def after_change(event: WorkingCopyChanged, resources: Resources) -> None:
    """By a merge, a pull or a rollback. A merged pull request moves its base too: the others look again when somebody looks at
    them, else each merge of fifty would look at fifty."""
    if event.how != service.BY_PULL:
        await _refresh(resources, event.session_id)


async def _refresh(resources: Resources, session_id: UUID | None) -> None:
    async with resources.database.begin() as db:
        alive = await repository.alive_of(db, session_id) if session_id else []
    for pull_id in alive:
        await service.refresh(resources, pull_id)
