"""What happens to deliveries with time."""

from datetime import timedelta

from backend.core.jobs import every
from backend.core.resources import Resources
from backend.edge.webhooks import service


@every(timedelta(minutes=10))
async def tidy_webhooks(resources: Resources) -> None:
    async with resources.database.begin() as db:
        await service.give_up(db)
