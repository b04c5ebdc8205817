"""Dropping old receipts."""

from datetime import timedelta

from backend.core.jobs import every
from backend.core.resources import Resources
from backend.ledger.receipts import service


@every(timedelta(hours=1))
async def prune_receipts(resources: Resources) -> None:
    async with resources.database.begin() as db:
        await service.prune(db)
