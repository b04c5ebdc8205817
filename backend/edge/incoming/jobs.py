"""What happens to received deliveries with time."""

from datetime import timedelta

from backend.core.jobs import every
from backend.core.resources import Resources
from backend.edge.incoming import repository

MOST = 20_000


@every(timedelta(hours=1))
async def forget_old_deliveries(resources: Resources) -> None:
    async with resources.database.begin() as db:
        await repository.forget_old(db, most=MOST)
