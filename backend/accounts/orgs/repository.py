"""Queries on organisations and their members."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs.models import Invitation, Membership, Organization
from backend.accounts.users.models import User
from backend.core.auth import Actor, Role


def visible(actor: Actor) -> Select[Organization, Role]:
    """The organisations that `actor` may see, with the person's own role in each."""
    mine = (Membership.organization_id == Organization.id) & (Membership.user_id == actor.user_id)
    seen = Organization.id.in_(actor.organizations("organization:read"))
    return select(Organization, Membership.role).outerjoin(Membership, mine).where(seen)


async def list_all(db: AsyncSession, actor: Actor) -> Sequence[Row[Organization, Role]]:
    return (await db.execute(visible(actor).order_by(Organization.name, Organization.id))).all()


async def get(db: AsyncSession, actor: Actor, organization_id: UUID) -> Row[Organization, Role] | None:
    return (await db.execute(visible(actor).where(Organization.id == organization_id))).one_or_none()


async def of_user(db: AsyncSession, user_id: UUID) -> Sequence[Row[Organization, Role]]:
    """The person's organisations with their role in each."""
    query = select(Organization, Membership.role).join(Membership, Membership.organization_id == Organization.id)
    mine = Membership.user_id == user_id, Organization.deleted_at.is_(None)
    return (await db.execute(query.where(*mine).order_by(Organization.name))).all()


async def lock(db: AsyncSession, organization_id: UUID) -> Organization | None:
    """The organisation, held until the transaction ends, so that two changes of its members cannot cross."""
    return await db.get(Organization, organization_id, with_for_update=True)


async def slugs_like(db: AsyncSession, slug: str) -> set[str]:
    return set(await db.scalars(select(Organization.slug).where(Organization.slug.startswith(slug, autoescape=True))))


async def members(db: AsyncSession, organization_id: UUID) -> Sequence[Row[Membership, User]]:
    query = select(Membership, User).join(User, User.id == Membership.user_id)
    return (await db.execute(query.where(Membership.organization_id == organization_id).order_by(User.email))).all()


async def membership(db: AsyncSession, organization_id: UUID, user_id: UUID) -> Membership | None:
    return await db.get(Membership, (organization_id, user_id))


async def roles(db: AsyncSession, organization_id: UUID, people: Collection[UUID]) -> dict[UUID, Role]:
    """Of those of `people` who are members."""
    query = select(Membership.user_id, Membership.role).where(Membership.organization_id == organization_id)
    found = await db.execute(query.where(Membership.user_id.in_(people)))
    return {row.user_id: row.role for row in found}


async def owners(db: AsyncSession, organization_id: UUID) -> Sequence[UUID]:
    query = select(Membership.user_id).where(Membership.organization_id == organization_id)
    return (await db.scalars(query.where(Membership.role == Role.OWNER))).all()


async def invitations(db: AsyncSession, organization_id: UUID) -> Sequence[Invitation]:
    query = select(Invitation).where(Invitation.organization_id == organization_id)
    return (await db.scalars(query.order_by(Invitation.created_at))).all()


async def invitation_of(db: AsyncSession, organization_id: UUID, email: str) -> Invitation | None:
    """The one for that address."""
    query = select(Invitation).where(Invitation.organization_id == organization_id, Invitation.email == email)
    return await db.scalar(query.order_by(Invitation.expires_at.desc()).limit(1))


async def has_address(db: AsyncSession, organization_id: UUID, email: str) -> bool:
    """Whether a member's address is that."""
    query = select(Membership.user_id).join(User, User.id == Membership.user_id)
    return await db.scalar(query.where(Membership.organization_id == organization_id, User.email == email)) is not None
