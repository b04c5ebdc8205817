"""Purging organisations whose days in the bin are over."""

from datetime import timedelta

from sqlalchemy import delete, select

from backend.accounts.orgs.models import Organization
from backend.core.db import now
from backend.core.events import EventRow
from backend.core.jobs import every
from backend.core.resources import Resources
from backend.ledger.secrets.models import Secret
from backend.workbench.provisioning.service import bin_all_of
from backend.workbench.workspaces.models import Workspace


@every(timedelta(minutes=5))
async def purge_bin(resources: Resources) -> None:
    await purge_older_than(resources, timedelta(days=resources.settings.bin_days))


async def purge_older_than(resources: Resources, age: timedelta) -> None:
    """The organisation's row and all that hangs on it, once the purge of workspaces has removed the last of its own: their
    files, branches, containers and rows are that purge's."""
    async with resources.database.begin() as db:
        overdue = list(await db.scalars(select(Organization.id).where(Organization.deleted_at < now() - age)))
    for organization_id in overdue:
        async with resources.database.begin() as db:
            found = await db.get(Organization, organization_id, with_for_update=True)
            if found is None or found.deleted_at is None:  # gone, or taken back meanwhile
                continue
            await bin_all_of(db, organization_id, at=found.deleted_at)  # made by a call that began before the deletion
            if await db.scalar(select(Workspace.id).where(Workspace.organization_id == organization_id).limit(1)):
                continue
            for table in (Secret, EventRow):
                await db.execute(delete(table).where(table.organization_id == organization_id))
            await db.execute(delete(Organization).where(Organization.id == organization_id))
