"""Whose account here an account at the provider is. Only a token has proved it; and a verdict given there counts here as that
person's only where they could have given it here."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backend.workbench.access import service as access
from backend.workbench.connections import service as connections
from backend.workbench.mirrors.twin import Twin
from backend.workbench.pulls.repository import WRITE


async def known(db: AsyncSession, pair: Twin, accounts: Iterable[str]) -> dict[str, UUID]:
    """Those who may write pull requests in the workspace."""
    found = await connections.owners_of(db, pair.connection, list(set(accounts)))
    pull = pair.pull
    may = await access.who_may(db, pull.organization_id, pull.workspace_id, set(found.values()), WRITE)
    return {account: user_id for account, user_id in found.items() if user_id in may}
