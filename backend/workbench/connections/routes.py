"""/github, /gitlab and /bitbucket: the caller's connections, and what lies there."""

from typing import Annotated, Any, cast
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from backend.accounts.providers.routes import cookie, cookie_name, to
from backend.accounts.providers.schemas import Departure
from backend.core.auth import Me, anyone, scope
from backend.core.db import Db
from backend.core.errors import AppError
from backend.core.paging import Cursor, Page, decode, encode
from backend.core.resources import Hands
from backend.workbench.connections import schemas, service
from backend.workbench.connections.service import Provider

PROVIDERS = ("/github", "/gitlab", "/bitbucket")
IMPORTS = [scope("services:write")]
Text = Annotated[str, QueryParameter(max_length=200)]
FullName = Annotated[
    str, QueryParameter(min_length=3, max_length=300, pattern=r"^[^/\x00-\x20?#%\\]+(/[^/\x00-\x20?#%\\]+)+$(?!\n)")
]


def at(path: str) -> list[str]:
    return [f"{provider}{path}" for provider in PROVIDERS]


def asked(request: Request[Any, Any, Any]) -> Provider:
    """Which of the providers the path names."""
    return cast(Provider, request.url.path.split("/")[3])


@get(at(""), guards=IMPORTS)
async def list_connections(request: Request[Any, Any, Any], db: Db, actor: Me) -> Page[schemas.Connection]:
    """The caller's own connections to this provider. Tokens are never shown."""
    return Page([service.show(row) for row in await service.mine(db, actor, asked(request))])


@post(at(""), guards=IMPORTS)
async def connect_provider(
    request: Request[Any, Any, Any], resources: Hands, actor: Me, data: JSONBody[schemas.ConnectionCreate]
) -> schemas.Connection:
    """Connect by a token. It is kept encrypted, for the caller alone, and sent to `base_url` alone."""
    return await service.connect(resources, actor, asked(request), data)


@post(at("/start"), guards=IMPORTS, status_code=200)
async def start_connecting(request: Request[Any, Any, Any], resources: Hands, actor: Me) -> Response[Departure]:
    """Connect by OAuth, where the settings name an app (GET /auth/providers lists it): send the browser to `url`. It comes back
    to /integrations?connected=…, or with ?error=…"""
    url, secret = await service.start(resources, actor, asked(request))
    return Response(Departure(url), cookies=[cookie(request, resources, secret)])


@get(at("/callback"), guards=[anyone], status_code=303)
async def come_back_to_connect(
    request: Request[Any, Any, Any],
    resources: Hands,
    returned: Annotated[str, QueryParameter(name="state", max_length=500)] = "",
    code: Annotated[str, QueryParameter(max_length=4000)] = "",
    iss: Annotated[str, QueryParameter(max_length=500)] = "",
) -> Response[None]:
    """Where the provider's answer goes on to, by way of /auth/providers/{name}/callback, the one redirect that is registered."""
    provider, browser = asked(request), request.cookies.get(cookie_name(request, resources), "")
    try:
        await service.come_back(resources, provider, state=returned, code=code, issuer=iss, browser=browser)
        where = urlencode({"connected": provider})
    except AppError as error:
        where = urlencode({"error": error.code})
    return to(f"/integrations?{where}", [cookie(request, resources, "", max_age=0)])


@delete(at("/{connection_id:uuid}"), guards=IMPORTS)
async def disconnect_provider(
    request: Request[Any, Any, Any], resources: Hands, actor: Me, connection_id: FromPath[UUID]
) -> None:
    """Forget the token; one by OAuth is revoked at GitHub and GitLab too, and at Bitbucket, which cannot, expires within two
    hours. Repositories that were imported stay."""
    await service.disconnect(resources, actor, asked(request), connection_id)


@get(at("/organizations"), guards=IMPORTS)
async def list_provider_organizations(
    request: Request[Any, Any, Any], resources: Hands, actor: Me, connection_id: FromQuery[UUID | None] = None
) -> Page[schemas.Organization]:
    """The account itself and the organisations, groups or workspaces that it is in."""
    row = await service.one_of(resources, actor, asked(request), connection_id)
    return Page(await service.client_of(resources, row).organizations())


@get(at("/repositories"), guards=IMPORTS)
async def list_provider_repositories(
    request: Request[Any, Any, Any],
    resources: Hands,
    actor: Me,
    connection_id: FromQuery[UUID | None] = None,
    organization: Text = "",
    part: Annotated[str, QueryParameter(name="query", max_length=200)] = "",
    cursor: Cursor = "",
) -> Page[schemas.Repository]:
    """Repositories that the account can see, last changed first; of one organisation, or by a part of the name."""
    row = await service.one_of(resources, actor, asked(request), connection_id)
    found, more = await service.client_of(resources, row).repositories(organization, part, _page(cursor))
    return Page(found, encode(more) if more else None)


@get(at("/branches"), guards=IMPORTS)
async def list_provider_branches(
    request: Request[Any, Any, Any],
    resources: Hands,
    actor: Me,
    repository: FullName,
    connection_id: FromQuery[UUID | None] = None,
    cursor: Cursor = "",
) -> Page[schemas.Branch]:
    row = await service.one_of(resources, actor, asked(request), connection_id)
    found, more = await service.client_of(resources, row).branches(repository, _page(cursor))
    return Page(found, encode(more) if more else None)


def _page(cursor: str) -> int:
    position = decode(cursor, tuple[int])
    return min(max(position[0], 1), 10_000) if position else 1


router = Router(
    "/",
    route_handlers=[
        list_connections,
        connect_provider,
        start_connecting,
        come_back_to_connect,
        disconnect_provider,
        list_provider_organizations,
        list_provider_repositories,
        list_provider_branches,
    ],
    tags=["imports"],
)
