"""What happens to previews' tokens when nobody waits: keys turn, used entries are forgotten."""

from datetime import timedelta

from sqlalchemy import delete

from backend.core.db import now
from backend.core.jobs import every
from backend.core.resources import Resources
from backend.workbench.previews import signing
from backend.workbench.previews.models import PreviewEntry


@every(timedelta(hours=1))
async def turn_keys(resources: Resources) -> None:
    await signing.turn_keys(resources)
    async with resources.database.begin() as db:
        await db.execute(delete(PreviewEntry).where(PreviewEntry.expires_at < now() - timedelta(minutes=5)))
