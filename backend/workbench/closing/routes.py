"""/organizations: deleting one, what lies in the bin, and taking it back."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.params import FromPath, QueryParameter

from backend.accounts.orgs.routes import show
from backend.accounts.orgs.schemas import Organization
from backend.core.auth import Me, person
from backend.core.db import Db, now
from backend.core.paging import Page
from backend.core.resources import Hands
from backend.workbench.closing import schemas, service

Confirm = Annotated[str, QueryParameter(max_length=200, description="The organisation's name, typed again.")]


@delete("/{organization_id:uuid}", guards=[person])
async def delete_organization(db: Db, actor: Me, organization_id: FromPath[UUID], confirm: Confirm) -> None:
    """Everybody is out at once and its keys are gone. For seven days an owner can take it back; then nothing is left."""
    await service.put_into_bin(db, actor, organization_id, confirm)


@get("/bin", guards=[person])
async def list_binned_organizations(db: Db, actor: Me, resources: Hands) -> Page[schemas.DeletedOrganization]:
    """Deleted ones that the caller owns, last deleted first."""
    days = timedelta(days=resources.settings.bin_days)
    rows = [(row, row.deleted_at or now()) for row in await service.list_binned(db, actor)]
    return Page([schemas.DeletedOrganization(row.id, row.name, at, at + days) for row, at in rows])


@post("/{organization_id:uuid}/restore", guards=[person], status_code=200)
async def restore_organization(db: Db, actor: Me, organization_id: FromPath[UUID]) -> Organization:
    """Takes it out of the bin with its members; each workspace is restored by itself, keys and invitations are made anew."""
    return show(await service.restore(db, actor, organization_id), "owner")


router = Router(
    "/organizations",
    route_handlers=[delete_organization, list_binned_organizations, restore_organization],
    tags=["organizations"],
)
