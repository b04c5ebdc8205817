"""/account and /auth: the person's own profile, addresses and second factor."""

from typing import Any

from litestar import Request, Response, get, post, put
from litestar.params import JSONBody
from msgspec import UNSET

from backend.accounts.factors import service as factors
from backend.accounts.orgs import repository as organizations
from backend.accounts.orgs import service as orgs
from backend.accounts.signin import addresses, schemas, service
from backend.accounts.signin.events import SecondFactorChanged, tell
from backend.accounts.signin.known import known_cookie
from backend.accounts.users import service as users
from backend.accounts.users.models import User
from backend.core import crypto
from backend.core.auth import Actor, Me, anyone, is_secure, person
from backend.core.db import Db
from backend.core.errors import Unauthorized
from backend.core.resources import Hands


@get("/account/profile", guards=[person])
async def get_profile(db: Db, actor: Me) -> schemas.User:
    return await show_user(db, await _me(db, actor))


@put("/account/profile", guards=[person], status_code=204)
async def update_profile(db: Db, actor: Me, data: JSONBody[schemas.Profile]) -> None:
    user = await _me(db, actor)
    if data.name is not UNSET:
        user.name = data.name.strip()
    if data.default_organization_id is not UNSET:
        chosen = data.default_organization_id
        if chosen is not None and await organizations.membership(db, chosen, user.id) is None:
            raise orgs.NoSuchOrganization
        user.default_organization_id = chosen


@post("/account/email", guards=[person], status_code=204)
async def change_email(resources: Hands, actor: Me, data: JSONBody[schemas.EmailChange]) -> None:
    """Sends a link to the new address; the old one counts until it is opened."""
    user = await service.person_with_password(resources.database, actor, data.password)
    async with resources.database.begin() as db:
        await addresses.ask_verification(db, resources.settings, user, users.normal_email(data.email))


@post("/auth/verify-email/send", guards=[person], status_code=204)
async def send_verification(db: Db, actor: Me, resources: Hands) -> None:
    """Sends the link once more; older ones stop working."""
    await addresses.ask_verification(db, resources.settings, await _me(db, actor))


@post("/auth/verify-email", guards=[anyone], status_code=204)
async def verify_email(resources: Hands, data: JSONBody[schemas.EmailToken]) -> None:
    async with resources.database.begin() as db:
        await addresses.verify(db, resources.settings, data.token)


@post("/auth/reset-password/send", guards=[anyone], status_code=204)
async def ask_password_reset(resources: Hands, data: JSONBody[schemas.Address]) -> None:
    """Sends a link if there is such an account; the answer is the same if there is none."""
    await addresses.ask_reset(resources.database, resources.settings, data.email)


@post("/auth/reset-password", guards=[anyone], status_code=204)
async def reset_password(
    resources: Hands, request: Request[Any, Any, Any], data: JSONBody[schemas.Reset]
) -> Response[None]:
    """Sets a new password and ends every sign-in. This browser is known from now on: others' wrong passwords do not keep it
    waiting."""
    account = crypto.digest(await addresses.reset(resources.database, data.token, data.password))
    known = known_cookie(resources.data, account, secure=is_secure(request, resources.settings))
    return Response(None, status_code=204, cookies=[known])


@post("/auth/accept-invitation", guards=[person], status_code=204)
async def accept_invitation(db: Db, actor: Me, data: JSONBody[schemas.Acceptance]) -> None:
    """Joins the organisation with the account that one has. The invitation must be for its address."""
    await orgs.accept(db, await _me(db, actor), data.invitation)


@get("/account/second-factor", guards=[person])
async def get_second_factor(db: Db, actor: Me) -> schemas.Factor:
    enabled = await factors.find(db, actor.id) is not None
    return schemas.Factor(enabled, await factors.codes_left(db, actor.id))


@post("/account/second-factor", guards=[person], status_code=200)
async def set_up_second_factor(resources: Hands, actor: Me, data: JSONBody[schemas.Confirmation]) -> schemas.NewFactor:
    """What an authenticator app needs; asks for the password again."""
    user = await service.person_with_password(resources.database, actor, data.password)
    async with resources.database.begin() as db:
        return schemas.NewFactor(*await factors.begin(db, resources.data, user.id, user.email))


@post("/account/second-factor/confirm", guards=[person], status_code=200)
async def confirm_second_factor(
    db: Db, actor: Me, resources: Hands, data: JSONBody[schemas.Code]
) -> schemas.RecoveryCodes:
    """Turns it on by a first code, signs every other browser out, and shows the recovery codes once."""
    codes = await factors.confirm(db, resources.data, actor.id, data.code)
    await tell(db, actor.id, SecondFactorChanged, how="on")
    await service.end_others(db, actor.id, keep=actor.sign_in_id)
    return schemas.RecoveryCodes(codes)


@post("/account/second-factor/recovery-codes", guards=[person], status_code=200)
async def renew_recovery_codes(
    resources: Hands, request: Request[Any, Any, Any], actor: Me, data: JSONBody[schemas.FactorRemoval]
) -> schemas.RecoveryCodes:
    """Ten new ones; the old ones stop working. Asks for the password and a code."""
    await _with_both(resources, request, actor, data)
    async with resources.database.begin() as db:
        await tell(db, actor.id, SecondFactorChanged, how="recovery codes renewed")
        return schemas.RecoveryCodes(await factors.new_codes(db, actor.id))


@post("/account/second-factor/disable", guards=[person], status_code=204)
async def disable_second_factor(
    resources: Hands, request: Request[Any, Any, Any], actor: Me, data: JSONBody[schemas.FactorRemoval]
) -> None:
    """Turns it off, and signs every other browser out. Asks for the password and a code."""
    await _with_both(resources, request, actor, data)
    async with resources.database.begin() as db:
        await factors.remove(db, actor.id)
        await tell(db, actor.id, SecondFactorChanged, how="off")
        await service.end_others(db, actor.id, keep=actor.sign_in_id)


async def _with_both(
    resources: Hands, request: Request[Any, Any, Any], actor: Actor, data: schemas.FactorRemoval
) -> None:
    user = await service.person_with_password(resources.database, actor, data.password)
    browser = service.browser_of(request)
    await service.check_second(resources.database, resources.data, user, browser, data.code)


async def _me(db: Db, actor: Actor) -> User:
    user = await users.get(db, actor.id)
    if user is None:
        raise Unauthorized
    return user


async def show_user(db: Db, user: User) -> schemas.User:
    return schemas.User(
        user.id,
        user.email,
        user.name,
        user.created_at,
        email_verified=user.email_verified_at is not None,
        default_organization_id=user.default_organization_id,
        has_second_factor=await factors.find(db, user.id) is not None,
        owns_installation=user.owns_installation,
    )


handlers = [
    get_profile,
    update_profile,
    change_email,
    send_verification,
    verify_email,
    ask_password_reset,
    reset_password,
    accept_invitation,
    get_second_factor,
    set_up_second_factor,
    confirm_second_factor,
    renew_recovery_codes,
    disable_second_factor,
]
