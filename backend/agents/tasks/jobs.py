"""Deliveries of webhooks that a rule matched become tasks, each once."""

from uuid import UUID, uuid5

import msgspec

from backend.agents.tasks import schemas, service
from backend.core.events import on
from backend.core.resources import Resources
from backend.edge.incoming.events import WebhookReceived
from backend.workbench.access.mentions import named
from backend.workbench.workspaces.models import Workspace


@on(WebhookReceived)
async def make_task(event: WebhookReceived, resources: Resources) -> None:
    """Whom `assignee` means no more has none of it: then it is whose the text mentions, or nobody's."""
    title = (
        "".join(c if c.isprintable() else " " for c in event.title).strip()[:300] or f"{event.provider} {event.event}"
    )
    body, url = event.body[:65_000], event.url if event.url.startswith(("https://", "http://")) else ""
    labels = ["".join(c for c in label if c.isprintable())[:50] for label in event.labels[:30]]
    data = schemas.TaskCreate(title=title, body=body, labels=[label for label in labels if label.strip()])
    async with resources.database.begin() as db:
        workspace = await db.get(Workspace, event.workspace_id)
        if workspace is None or workspace.deleted_at is not None:
            return
        if event.assignee:
            who = await named(db, workspace.organization_id, workspace.id, event.assignee, scope=service.READ)
            if who is not None:
                data.assignee_id, data.team_id = (None, who.id) if who.is_team else (who.id, None)
        if url and not any(c.isspace() for c in url):
            data.links = [schemas.Link("issue", url=url)]
        source = str(uuid5(UUID(str(event.delivery_id)), title + msgspec.json.encode(labels).decode()))
        await service.create(db, workspace, data, actor=None, author=event.provider, source=source)
