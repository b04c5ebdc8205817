"""/auth: the first account, sign-up, login, logout, who am I, sign-ins."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.keys import service as keys
from backend.accounts.keys.schemas import ApiKey
from backend.accounts.orgs import repository as organizations
from backend.accounts.orgs.routes import show as show_organization
from backend.accounts.signin import account, addresses, outbox, schemas, service
from backend.accounts.signin.known import known_cookie
from backend.accounts.signin.models import SignIn
from backend.accounts.users import service as users
from backend.accounts.users.models import User
from backend.core import crypto
from backend.core.auth import Actor, KeyRefused, Me, anyone, cookie_name, is_secure, person, signed_in, stranger
from backend.core.db import Db
from backend.core.errors import Unauthorized
from backend.core.events import position
from backend.core.paging import Page
from backend.core.resources import Hands, Resources

AnyRequest = Request[Any, Any, Any]


@post("/setup", guards=[stranger])
async def set_up(resources: Hands, request: AnyRequest, data: JSONBody[schemas.Setup]) -> Response[schemas.MeAnswer]:
    """Creates the first account with the one-time token that the server printed, and signs in. 404 afterwards."""
    password_hash = await users.hash_password(data.password)
    async with resources.database.begin() as db:
        user = await service.set_up(db, data, password_hash)
        return await enter(db, resources, request, user, status=201)


@post("/setup/check", guards=[anyone], status_code=204)
async def check_setup(resources: Hands, data: JSONBody[schemas.SetupToken]) -> None:
    """Whether that token creates the first account still, so that whoever opened its link knows before filling a form in."""
    async with resources.database.begin() as db:
        await service.check_setup(db, data.token)


@post("/register", guards=[stranger])
async def register(
    resources: Hands, request: AnyRequest, data: JSONBody[schemas.Register]
) -> Response[schemas.MeAnswer]:
    """Creates an account and signs in."""
    password_hash = await users.hash_password(data.password)
    async with resources.database.begin() as db:
        user = await service.register(db, resources.settings, data, password_hash)
        await addresses.send_verification(db, resources.settings, user)
        return await enter(db, resources, request, user, status=201)


@post("/login", guards=[stranger], status_code=200)
async def login(resources: Hands, request: AnyRequest, data: JSONBody[schemas.Login]) -> Response[schemas.MeAnswer]:
    user = await service.check_login(resources.database, resources.data, data, service.browser_of(request))
    async with resources.database.begin() as db:
        return await enter(db, resources, request, user, status=200)


@post("/logout", guards=[person], status_code=204)
async def logout(db: Db, actor: Me, request: AnyRequest, resources: Hands) -> Response[None]:
    await service.sign_out(db, actor)
    return Response(None, status_code=204, cookies=[cookie(request, resources, "", max_age=0)])


@get("/me", guards=[signed_in])
async def get_me(db: Db, actor: Me) -> schemas.MeAnswer:
    """Who calls: a person, or a key, which learns here what it is of, what it may and until when."""
    if actor.user_id is None:
        return await show_key(db, actor)
    user = await users.get(db, actor.id)
    if user is None:
        raise Unauthorized
    return await show_me(db, actor, user)


@get("/sign-ins", guards=[person])
async def list_sign_ins(db: Db, actor: Me) -> Page[schemas.SignIn]:
    return Page([show(row, actor) for row in await service.list_sign_ins(db, actor)])


@delete("/sign-ins/{sign_in_id:uuid}", guards=[person])
async def end_sign_in(db: Db, actor: Me, sign_in_id: FromPath[UUID]) -> None:
    """Signs that browser out; its sockets close within two seconds."""
    await service.end_sign_in(db, actor, sign_in_id)


@post("/password", guards=[person], status_code=204)
async def change_password(resources: Hands, actor: Me, data: JSONBody[schemas.PasswordChange]) -> None:
    """Changes the password and signs every other browser out."""
    await service.change_password(resources.database, actor, data)


async def enter(
    db: AsyncSession, resources: Resources, request: AnyRequest, user: User, *, status: int
) -> Response[schemas.MeAnswer]:
    """Signs `user` in on this browser, which is known from now on."""
    row, secret = await service.sign_in(db, resources.settings, user, service.browser_of(request))
    actor = Actor(name=user.name, user_id=user.id, sign_in_id=row.id, grants={}, csrf_token=row.csrf_token)
    answer = await show_me(db, actor, user)
    seconds = resources.settings.session_days * 86_400
    secure = is_secure(request, resources.settings)
    known = known_cookie(resources.data, crypto.digest(user.email), secure=secure)
    return Response(answer, status_code=status, cookies=[cookie(request, resources, secret, max_age=seconds), known])


async def show_me(db: AsyncSession, actor: Actor, user: User) -> schemas.MeAnswer:
    mine = [show_organization(row, role) for row, role in await organizations.of_user(db, user.id)]
    return schemas.MeAnswer(await account.show_user(db, user), None, mine, actor.csrf_token, await position(db))


async def show_key(db: AsyncSession, actor: Actor) -> schemas.MeAnswer:
    found = await keys.get(db, actor.id)
    if found is None:
        raise KeyRefused
    row, organization = found
    key = msgspec.convert(row, ApiKey, from_attributes=True)
    return schemas.MeAnswer(None, key, [show_organization(organization, None)], "", await position(db))


def show(row: SignIn, actor: Actor) -> schemas.SignIn:
    return schemas.SignIn(
        row.id, row.address, row.browser, row.created_at, row.last_used_at, row.expires_at, row.id == actor.sign_in_id
    )


def cookie(request: AnyRequest, resources: Resources, value: str, *, max_age: int) -> Cookie:
    secure = is_secure(request, resources.settings)
    return Cookie(
        cookie_name(secure=secure), value=value, path="/", max_age=max_age, secure=secure, httponly=True, samesite="lax"
    )


of_sign_in = Router(
    "/auth",
    route_handlers=[set_up, check_setup, register, login, logout, get_me, list_sign_ins, end_sign_in, change_password],
    tags=["sign-in"],
)

of_account = Router("", route_handlers=account.handlers, tags=["account"])
of_mail = Router("", route_handlers=[outbox.read_outbox], tags=["mail"])

router = Router("", route_handlers=[of_sign_in, of_account, of_mail])
