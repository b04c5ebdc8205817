"""Queries of the terminals. They have no table: the keeper remembers them, under the labels they were opened with."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.keys.models import ApiKey
from backend.accounts.users.models import User
from backend.core.auth import Actor


async def acts_for_the_owner(db: AsyncSession, actor: Actor) -> bool:
    """Whether the caller is the installation's owner, or a key that the owner made."""
    if actor.key_id is None:
        return actor.owns_installation
    maker = select(User.owns_installation).join(ApiKey, ApiKey.created_by == User.id)
    return bool(await db.scalar(maker.where(ApiKey.id == actor.key_id)))
