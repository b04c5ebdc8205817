"""/auth/providers and /account/identities."""

from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from backend.accounts.mail.service import only_the_installations_owner
from backend.accounts.providers import catalogue, exchange, schemas, service
from backend.accounts.signin.routes import enter
from backend.core.auth import Me, anyone, is_secure, person
from backend.core.db import Db
from backend.core.errors import AppError
from backend.core.paging import Page
from backend.core.resources import Hands, Resources

AnyRequest = Request[Any, Any, Any]
Given = FromQuery[str]
State = Annotated[str, QueryParameter(name="state")]  # the framework keeps the name to itself


@get("/auth/providers", guards=[anyone])
async def list_providers(resources: Hands) -> schemas.WaysIn:
    """What the sign-in page has a button for."""
    rows = [schemas.Provider(p.name, p.label) for p in catalogue.providers(resources.settings)]
    return schemas.WaysIn(rows, registration=resources.settings.registration)


@get("/auth/providers/settings", guards=[person])
async def list_provider_settings(resources: Hands, actor: Me) -> Page[schemas.ProviderSettings]:
    """For the installation's owner: each provider with what to register there and which variables to set here."""
    only_the_installations_owner(actor)
    settings = resources.settings
    set_up = {one.name for one in catalogue.providers(settings)}
    return Page(
        [
            schemas.ProviderSettings(
                one.name,
                one.label,
                one.name in set_up,
                catalogue.redirect_of(settings, one),
                [f"CODEYARD_{one.name.upper()}_{ending}" for ending in catalogue.variables(one)],
            )
            for one in catalogue.known(settings)
        ]
    )


@post("/auth/providers/{provider:str}/start", guards=[anyone], status_code=200)
async def start_provider_sign_in(
    resources: Hands, request: AnyRequest, provider: FromPath[str], data: JSONBody[schemas.Start]
) -> Response[schemas.Departure]:
    """Send the browser to `url`; it comes back signed in, or to /sign-in?error=…"""
    url, secret = await service.start(resources, provider, invitation=data.invitation)
    return Response(schemas.Departure(url), cookies=[cookie(request, resources, secret)])


@post("/account/identities/{provider:str}/start", guards=[person], status_code=200)
async def start_linking(
    resources: Hands, request: AnyRequest, actor: Me, provider: FromPath[str]
) -> Response[schemas.Departure]:
    """Send the browser to `url`; it comes back to /profile with the provider linked, or with ?error=…"""
    url, secret = await service.start(resources, provider, user_id=actor.id)
    return Response(schemas.Departure(url), cookies=[cookie(request, resources, secret)])


@get("/auth/providers/{provider:str}/callback", guards=[anyone], status_code=303)
async def come_back_from_provider(
    resources: Hands,
    request: AnyRequest,
    provider: FromPath[str],
    returned: State = "",
    code: Given = "",
    iss: Given = "",
) -> Response[None]:
    """Where the provider sends the browser. Who went to connect goes on to where connections are made: one redirect is
    registered for both."""
    if returned.startswith(service.CONNECTING) and provider in exchange.REPOSITORIES:
        return to(f"/api/v1/{provider}/callback?{urlencode({'state': returned, 'code': code, 'iss': iss})}", [])
    browser = request.cookies.get(cookie_name(request, resources), "")
    invited = ""
    try:
        by, attempt = await service.claim(resources, provider, state=returned, code=code, issuer=iss, browser=browser)
        invited = attempt.invitation or ""
        user = await service.come_back(resources, by, attempt, code)
        cookies = [cookie(request, resources, "", max_age=0)]
        if user is not None:
            async with resources.database.begin() as db:
                cookies += (await enter(db, resources, request, user, status=200)).cookies
        if invited and await service.still_invites(resources, invited):
            return to(f"/register?{urlencode({'invitation': invited})}", cookies)
        return to("/" if user is not None else "/profile", cookies)
    except AppError as error:
        page = "/profile" if browser.startswith(service.LINKING) else "/sign-in"
        told = {"error": error.code} | ({"invitation": invited} if invited else {})
        return to(f"{page}?{urlencode(told)}", [cookie(request, resources, "", max_age=0)])


@get("/account/identities", guards=[person])
async def list_identities(db: Db, actor: Me) -> Page[schemas.Identity]:
    rows = await service.list_mine(db, actor)
    return Page([msgspec.convert(row, schemas.Identity, from_attributes=True) for row in rows])


@delete("/account/identities/{identity_id:uuid}", guards=[person])
async def unlink_identity(db: Db, actor: Me, identity_id: FromPath[UUID]) -> None:
    await service.unlink(db, actor, identity_id)


def to(path: str, cookies: list[Cookie]) -> Response[None]:
    return Response(None, status_code=303, headers={"location": path, "cache-control": "no-store"}, cookies=cookies)


def cookie_name(request: AnyRequest, resources: Resources) -> str:
    return "__Host-codeyard-provider" if is_secure(request, resources.settings) else "codeyard-provider"


def cookie(request: AnyRequest, resources: Resources, value: str, *, max_age: int = 600) -> Cookie:
    """Lax, since the browser comes back from another site."""
    secure = is_secure(request, resources.settings)
    return Cookie(
        cookie_name(request, resources),
        value=value,
        path="/",
        max_age=max_age,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


router = Router(
    "",
    route_handlers=[
        list_providers,
        list_provider_settings,
        start_provider_sign_in,
        start_linking,
        come_back_from_provider,
        list_identities,
        unlink_identity,
    ],
    tags=["providers"],
)
