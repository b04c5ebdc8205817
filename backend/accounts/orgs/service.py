"""Organisations: who is a member, and as what. An organisation always keeps an owner."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.mail import service as mail
from backend.accounts.orgs import repository
from backend.accounts.orgs.events import (
    InvitationChanged,
    MemberChanged,
    MemberInvited,
    MemberJoined,
    MemberLeft,
    OrganizationRenamed,
)
from backend.accounts.orgs.models import Invitation, Membership, Organization, UsedInvitation
from backend.accounts.orgs.schemas import InvitationCreate
from backend.accounts.users.models import User
from backend.accounts.users.service import normal_email
from backend.core import crypto, slugs
from backend.core.auth import Actor, Role
from backend.core.db import now
from backend.core.errors import Conflict, Forbidden, NotFound
from backend.core.events import emit
from backend.core.live import notify
from backend.core.settings import Settings


class NoSuchOrganization(NotFound):
    """There is no such organisation."""


class LastOwner(Conflict):
    """An organisation needs an owner: make somebody else one first."""


class OnlyOwners(Forbidden):
    """Only an owner can make, change or remove an owner."""


class MemberAlready(Conflict):
    """Whoever has that address is a member already: change their role instead."""


class InvitedAlready(Conflict):
    """An invitation for that address is out: send it again, or withdraw it first."""


class InvalidInvitation(Forbidden):
    """That invitation is not valid any more, or is for another address: ask for a new one."""


class InvitationUsed(Forbidden):
    """Somebody joined by this invitation already: if it was you, sign in; else ask for one of your own."""


def require(actor: Actor, organization_id: UUID, scope: str) -> None:
    """404 for an organisation that `actor` does not see, 403 for one where the scope is missing."""
    if not actor.may(organization_id, "organization:read") and not actor.may(organization_id, scope):
        raise NoSuchOrganization
    actor.require(organization_id, scope)


async def rename(db: AsyncSession, actor: Actor, organization_id: UUID, name: str) -> Organization:
    """Its slug stays, since links name it."""
    require(actor, organization_id, "admin")
    organization = await repository.lock(db, organization_id)
    if organization is None:
        raise NoSuchOrganization
    organization.name = name.strip()
    await emit(db, OrganizationRenamed(organization_id=organization_id, organization_name=organization.name))
    return organization


async def create(db: AsyncSession, user: User, name: str) -> Organization:
    """An organisation whose owner is `user`. Its slug is the name's, numbered if taken."""
    wanted = slugs.slug(name)[:60].strip("-") or "organisation"
    slug = slugs.free(wanted, await repository.slugs_like(db, wanted))
    organization = Organization(name=name.strip(), slug=slug)
    db.add(organization)
    await db.flush()
    await join(db, organization.id, user.id, Role.OWNER)
    return organization


async def join(db: AsyncSession, organization_id: UUID, user_id: UUID, role: Role) -> None:
    db.add(Membership(organization_id=organization_id, user_id=user_id, role=role))
    await db.flush()
    await emit(db, MemberJoined(**await _whom(db, organization_id, user_id), role=role))
    await notify(db, "access")


async def set_role(db: AsyncSession, actor: Actor, organization_id: UUID, user_id: UUID, role: Role) -> None:
    membership = await _changeable(db, actor, organization_id, user_id, to=role)
    membership.role = role
    await emit(db, MemberChanged(**await _whom(db, organization_id, user_id), role=role))
    await notify(db, "access")


async def remove(db: AsyncSession, actor: Actor, organization_id: UUID, user_id: UUID) -> None:
    membership = await _changeable(db, actor, organization_id, user_id, to=None)
    await db.delete(membership)
    await emit(db, MemberLeft(**await _whom(db, organization_id, user_id)))
    await notify(db, "access")


async def _whom(db: AsyncSession, organization_id: UUID, user_id: UUID) -> dict[str, Any]:
    """By name, too: who is gone is looked up in no list of members."""
    user = await db.get_one(User, user_id)
    return {"organization_id": organization_id, "user_id": user_id, "user_name": user.name}


async def _changeable(
    db: AsyncSession, actor: Actor, organization_id: UUID, user_id: UUID, *, to: Role | None
) -> Membership:
    leaves = to is None and actor.user_id == user_id
    require(actor, organization_id, "organization:read" if leaves else "admin")
    await repository.lock(db, organization_id)
    membership = await repository.membership(db, organization_id, user_id)
    if membership is None:
        raise NotFound("There is no such member.")
    owners = await repository.owners(db, organization_id)
    if Role.OWNER in (membership.role, to) and actor.user_id not in owners:
        raise OnlyOwners
    if membership.role == Role.OWNER and to != Role.OWNER and len(owners) == 1:
        raise LastOwner
    return membership


async def invite(
    db: AsyncSession, actor: Actor, settings: Settings, organization_id: UUID, data: InvitationCreate
) -> tuple[Invitation, str]:
    """The invitation and its code, which is shown once and sent to the address. Valid for `days`. An address has one at a time:
    a second would let somebody back in who joined by the first and was removed."""
    require(actor, organization_id, "admin")
    if data.role == Role.OWNER and actor.user_id not in await repository.owners(db, organization_id):
        raise OnlyOwners
    email = normal_email(data.email)
    await repository.lock(db, organization_id)
    if await repository.has_address(db, organization_id, email):
        raise MemberAlready
    before = await repository.invitation_of(db, organization_id, email)
    if before is not None and before.expires_at > now():
        raise InvitedAlready(invitation_id=before.id)
    if before is not None:
        await db.delete(before)
    code = crypto.new_token()
    invitation = Invitation(
        organization_id=organization_id,
        email=email,
        role=data.role,
        hash=crypto.digest(code),
        expires_at=now() + timedelta(days=data.days),
    )
    db.add(invitation)
    await db.flush()
    await _send(db, settings, invitation, code)
    place = {"organization_id": organization_id, "invitation_id": invitation.id}
    await emit(db, MemberInvited(**place, role=invitation.role, by_name=actor.name, email=email))
    return invitation, code


async def invite_again(
    db: AsyncSession, actor: Actor, settings: Settings, organization_id: UUID, invitation_id: UUID
) -> tuple[Invitation, str]:
    """A new code for the same invitation, for as long as the first was valid: the old one stops working."""
    require(actor, organization_id, "admin")
    invitation = await db.get(Invitation, invitation_id, with_for_update=True)
    if invitation is None or invitation.organization_id != organization_id:
        raise NotFound("There is no such invitation.")
    code = crypto.new_token()
    lasts = invitation.expires_at - invitation.created_at
    invitation.hash, invitation.created_at, invitation.expires_at = crypto.digest(code), now(), now() + lasts
    await _send(db, settings, invitation, code)
    await _tell_changed(db, invitation, "sent again")
    return invitation, code


async def _send(db: AsyncSession, settings: Settings, invitation: Invitation, code: str) -> None:
    organization = await db.get_one(Organization, invitation.organization_id)
    at = mail.link(settings, f"/register?invitation={code}")
    text = f"You are invited to {organization.name} as {invitation.role}. Open this link to join:\n\n{at}\n"
    await mail.send(db, settings, invitation.email, f"Invitation to {organization.name}", text)


async def withdraw(db: AsyncSession, actor: Actor, organization_id: UUID, invitation_id: UUID) -> None:
    require(actor, organization_id, "admin")
    gone = await db.scalar(
        delete(Invitation)
        .where(Invitation.id == invitation_id, Invitation.organization_id == organization_id)
        .returning(Invitation)
    )
    if gone is None:
        raise NotFound("There is no such invitation.")
    await _tell_changed(db, gone, "withdrawn")


async def _tell_changed(db: AsyncSession, invitation: Invitation, how: str) -> None:
    place = {"organization_id": invitation.organization_id, "invitation_id": invitation.id}
    await emit(db, InvitationChanged(**place, how=how, email=invitation.email))


async def read_invitation(db: AsyncSession, code: str) -> tuple[Invitation, Organization]:
    """Raises InvitationUsed for one that was used, InvalidInvitation for one that was withdrawn, sent again or is over."""
    ours = select(Invitation, Organization).join(Organization, Organization.id == Invitation.organization_id)
    found = await db.execute(ours.where(Invitation.hash == crypto.digest(code), Invitation.expires_at > now()))
    row = found.one_or_none()
    if row is None:
        raise await _why_not(db, code)
    return row[0], row[1]


async def accept(db: AsyncSession, user: User, code: str) -> None:
    """By its code. Uses the invitation up: of two that try at once, one joins. Who joined by it may say so again."""
    if not await _accept(db, user, Invitation.hash == crypto.digest(code)):
        used = await db.get(UsedInvitation, crypto.digest(code))
        if (
            used is None
            or used.user_id != user.id
            or await repository.membership(db, used.organization_id, user.id) is None
        ):
            raise await _why_not(db, code)


async def accept_told(db: AsyncSession, user: User, invitation_id: UUID) -> None:
    """Without its code, for who has proved that the address is theirs."""
    if user.email_verified_at is None or not await _accept(db, user, Invitation.id == invitation_id):
        raise InvalidInvitation


async def _accept(db: AsyncSession, user: User, which: ColumnElement[bool]) -> bool:
    """Whether there was one for that person."""
    used = delete(Invitation).where(which, Invitation.expires_at > now(), Invitation.email == user.email)
    invitation = await db.scalar(used.returning(Invitation))
    if invitation is None:
        return False
    here, until = invitation.organization_id, invitation.expires_at
    db.add(UsedInvitation(hash=invitation.hash, organization_id=here, user_id=user.id, expires_at=until))
    await db.execute(delete(UsedInvitation).where(UsedInvitation.expires_at < now()))
    await db.execute(delete(Invitation).where(Invitation.organization_id == here, Invitation.email == user.email))
    if await repository.membership(db, here, user.id) is None:
        await join(db, here, user.id, invitation.role)
    return True


async def _why_not(db: AsyncSession, code: str) -> Forbidden:
    """What is told of a code that lets nobody in. It names the organisation, as it did before it was used."""
    ours = select(Organization).join(UsedInvitation, UsedInvitation.organization_id == Organization.id)
    found = await db.scalar(ours.where(UsedInvitation.hash == crypto.digest(code), Organization.deleted_at.is_(None)))
    if found is None:
        return InvalidInvitation()
    return InvitationUsed(organization_id=found.id, organization=found.name)
