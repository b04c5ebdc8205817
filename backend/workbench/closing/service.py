"""Deleting an organisation and taking it back. Only its owners may, as people: a key cannot.

What it takes at once: everybody's way in (pages, sockets, keys, invitations), and what its workspaces run. What waits in the
bin: members with their roles, teams, the log, and its workspaces, which are in their own bin from the same moment on.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.keys import service as keys
from backend.accounts.orgs import repository as organizations
from backend.accounts.orgs.events import OrganizationDeleted, OrganizationRestored
from backend.accounts.orgs.models import Invitation, Membership, Organization
from backend.accounts.orgs.service import OnlyOwners, require
from backend.core.auth import Actor, Role
from backend.core.db import now
from backend.core.errors import Invalid, NotFound
from backend.core.events import emit
from backend.core.live import notify
from backend.workbench.provisioning.service import bin_all_of


class AnotherName(Invalid):
    """Give the organisation's name as `confirm`, to the letter: this deletes all that is in it."""


async def put_into_bin(db: AsyncSession, actor: Actor, organization_id: UUID, confirm: str) -> None:
    """Raises OnlyOwners, AnotherName. Of two at once the second finds nothing."""
    require(actor, organization_id, "admin")
    organization = await organizations.lock(db, organization_id)
    if organization is None or organization.deleted_at is not None:
        raise NotFound("There is no such organisation.")
    if actor.user_id not in await organizations.owners(db, organization_id):
        raise OnlyOwners("Only an owner can delete an organisation.")
    if confirm != organization.name:
        raise AnotherName
    organization.deleted_at = now()
    await keys.revoke_all(db, actor, organization_id)
    await db.execute(delete(Invitation).where(Invitation.organization_id == organization_id))
    await bin_all_of(db, organization_id, at=organization.deleted_at)
    await emit(db, OrganizationDeleted(organization_id=organization_id, organization_name=organization.name))
    await notify(db, "access")


async def list_binned(db: AsyncSession, actor: Actor) -> Sequence[Organization]:
    """Those that the caller owns, last deleted first."""
    return (await db.scalars(_mine(actor).order_by(Organization.deleted_at.desc()))).all()


async def restore(db: AsyncSession, actor: Actor, organization_id: UUID) -> Organization:
    """Its members are back as they were. Keys and invitations are not; its workspaces are taken from their bin one by one."""
    organization = await db.scalar(_mine(actor).where(Organization.id == organization_id).with_for_update())
    if organization is None:
        raise NotFound("There is no such organisation in the bin.")
    organization.deleted_at = None
    await emit(db, OrganizationRestored(organization_id=organization_id, organization_name=organization.name))
    await notify(db, "access")
    return organization


def _mine(actor: Actor) -> Select[Organization]:
    owned = select(Membership.organization_id).where(Membership.user_id == actor.user_id, Membership.role == Role.OWNER)
    return select(Organization).where(Organization.deleted_at.is_not(None), Organization.id.in_(owned))
