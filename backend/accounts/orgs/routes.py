"""/organizations: the caller's organisations, their members and invitations."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Router, delete, get, post, put
from litestar.params import FromPath, JSONBody

from backend.accounts.orgs import repository, schemas, service
from backend.accounts.users import service as users
from backend.core.auth import ROLES, SCOPES, Access, Me, anyone, person, scope, signed_in
from backend.core.db import Db
from backend.core.errors import Unauthorized
from backend.core.paging import Page
from backend.core.resources import Hands, Resources
from backend.ledger.receipts.service import OnceOnly


@get(guards=[scope("organization:read")])
async def list_organizations(db: Db, actor: Me) -> Page[schemas.Organization]:
    return Page([show(organization, role) for organization, role in await repository.list_all(db, actor)])


@post(guards=[person])
async def create_organization(
    db: Db, actor: Me, once: OnceOnly, data: JSONBody[schemas.OrganizationCreate]
) -> schemas.Organization:
    """Creates an organisation that the caller owns."""
    await once.claim(db)
    user = await users.get(db, actor.id)
    if user is None:
        raise Unauthorized
    shown = show(await service.create(db, user, data.name), "owner")
    await once.seal(db, shown)
    return shown


@get("/{organization_id:uuid}", guards=[scope("organization:read")])
async def get_organization(db: Db, actor: Me, organization_id: FromPath[UUID]) -> schemas.Organization:
    found = await repository.get(db, actor, organization_id)
    if found is None:
        raise service.NoSuchOrganization
    return show(*found)


@put("/{organization_id:uuid}", guards=[scope("admin")])
async def update_organization(
    db: Db, actor: Me, organization_id: FromPath[UUID], data: JSONBody[schemas.OrganizationCreate]
) -> schemas.Organization:
    """Renames it; its slug, which links name, stays."""
    organization = await service.rename(db, actor, organization_id, data.name)
    membership = await repository.membership(db, organization_id, actor.id)
    return show(organization, membership.role if membership else None)


@get("/{organization_id:uuid}/members", guards=[scope("organization:read")])
async def list_members(db: Db, actor: Me, organization_id: FromPath[UUID]) -> Page[schemas.Member]:
    service.require(actor, organization_id, "organization:read")
    return Page([show_member(row) for row in await repository.members(db, organization_id)])


@put("/{organization_id:uuid}/members/{user_id:uuid}", guards=[scope("admin")], status_code=204)
async def set_member_role(
    db: Db, actor: Me, organization_id: FromPath[UUID], user_id: FromPath[UUID], data: JSONBody[schemas.MemberUpdate]
) -> None:
    """Changes a member's role; their open sockets close within two seconds and connect again with the new rights."""
    await service.set_role(db, actor, organization_id, user_id, data.role)


@delete("/{organization_id:uuid}/members/{user_id:uuid}", guards=[scope("organization:read")])
async def remove_member(db: Db, actor: Me, organization_id: FromPath[UUID], user_id: FromPath[UUID]) -> None:
    """Removing somebody needs `admin`; everybody may leave."""
    await service.remove(db, actor, organization_id, user_id)


@get("/{organization_id:uuid}/invitations", guards=[scope("admin")])
async def list_invitations(db: Db, actor: Me, organization_id: FromPath[UUID]) -> Page[schemas.Invitation]:
    service.require(actor, organization_id, "admin")
    rows = await repository.invitations(db, organization_id)
    return Page([msgspec.convert(row, schemas.Invitation, from_attributes=True) for row in rows])


@post("/{organization_id:uuid}/invitations", guards=[scope("admin")])
async def invite_member(
    db: Db,
    actor: Me,
    resources: Hands,
    once: OnceOnly,
    organization_id: FromPath[UUID],
    data: JSONBody[schemas.InvitationCreate],
) -> schemas.NewInvitation:
    """Invites an address by e-mail; the answer's `invitation` is the code to register with or to accept, shown once."""
    await once.claim(db)
    row, code = await service.invite(db, actor, resources.settings, organization_id, data)
    await once.seal_secret(db, row.id)
    return show_new(row, code, resources)


@post("/{organization_id:uuid}/invitations/{invitation_id:uuid}/resend", guards=[scope("admin")], status_code=200)
async def resend_invitation(
    db: Db, actor: Me, resources: Hands, organization_id: FromPath[UUID], invitation_id: FromPath[UUID]
) -> schemas.NewInvitation:
    """Sends a new code, valid as long as the first was; the old one stops working."""
    row, code = await service.invite_again(db, actor, resources.settings, organization_id, invitation_id)
    return show_new(row, code, resources)


@delete("/{organization_id:uuid}/invitations/{invitation_id:uuid}", guards=[scope("admin")])
async def withdraw_invitation(
    db: Db, actor: Me, organization_id: FromPath[UUID], invitation_id: FromPath[UUID]
) -> None:
    await service.withdraw(db, actor, organization_id, invitation_id)


@post("/auth/invitation", guards=[anyone], status_code=200)
async def read_invitation(resources: Hands, data: JSONBody[schemas.InvitationCode]) -> schemas.InvitationShown:
    """What a code is for, so that whoever opened its link knows before signing up or in."""
    async with resources.database.begin() as db:
        invitation, organization = await service.read_invitation(db, data.invitation)
    return schemas.InvitationShown(organization.name, invitation.email, invitation.role, invitation.expires_at)


@get("/roles", guards=[signed_in])
async def list_roles() -> schemas.Roles:
    """Which rights each role has: the table that the server itself asks."""
    rows = [schemas.RoleShown(role, sorted(scopes), role in [*map(str, Access)]) for role, scopes in ROLES.items()]
    return schemas.Roles([*rows, schemas.RoleShown(Access.NONE, [], in_workspaces=True)], dict(SCOPES))


def show(organization: Any, role: Any) -> schemas.Organization:
    return schemas.Organization(organization.id, organization.name, organization.slug, role)


def show_new(row: Any, code: str, resources: Resources) -> schemas.NewInvitation:
    shown = msgspec.convert(row, schemas.NewInvitation, from_attributes=True)
    shown.invitation, shown.mailed = code, bool(resources.settings.smtp_url)
    return shown


def show_member(row: Any) -> schemas.Member:
    membership, user = row
    return schemas.Member(user.id, user.email, user.name, membership.role, membership.created_at)


of_organizations = Router(
    "/organizations",
    route_handlers=[
        list_organizations,
        create_organization,
        get_organization,
        update_organization,
        list_members,
        set_member_role,
        remove_member,
        list_invitations,
        invite_member,
        resend_invitation,
        withdraw_invitation,
    ],
)

router = Router("", route_handlers=[list_roles, read_invitation, of_organizations], tags=["organizations"])
