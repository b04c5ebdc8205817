"""Whose account here an account at the provider is. Only a token has proved it; and a verdict given there counts here as that
person's only where they could have given it here."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs.models import Membership
from backend.core.auth import Role
from backend.workbench.access.models import WorkspaceGrant
from backend.workbench.connections import service as connections
from backend.workbench.mirrors.twin import Twin


async def known(db: AsyncSession, pair: Twin, accounts: Iterable[str]) -> dict[str, UUID]:
    """Owners and admins, and members of whom no grant of the workspace may say less."""
    found = await connections.owners_of(db, pair.connection, list(set(accounts)))
    pull = pair.pull
    granted = exists().where(
        WorkspaceGrant.workspace_id == pull.workspace_id,
        or_(WorkspaceGrant.user_id == Membership.user_id, WorkspaceGrant.team_id.is_not(None)),
    )
    may = or_(Membership.role.in_((Role.OWNER, Role.ADMIN)), (Membership.role == Role.MEMBER) & ~granted)
    query = select(Membership.user_id).where(
        Membership.organization_id == pull.organization_id, Membership.user_id.in_(found.values()), may
    )
    members = set(await db.scalars(query))
    return {account: user_id for account, user_id in found.items() if user_id in members}
