"""Connections: a caller's own tokens at providers. A token is used for the instance that it was given for, and nowhere else."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.providers import catalogue, exchange
from backend.accounts.providers import service as providers
from backend.accounts.providers.exchange import Tokens
from backend.core import git, outside
from backend.core.auth import Actor, NeedsPerson
from backend.core.db import new_id
from backend.core.errors import Conflict, Invalid, NotFound
from backend.core.git import CloneUrl
from backend.core.resources import Resources
from backend.workbench.connections import schemas
from backend.workbench.connections import tokens as sealing
from backend.workbench.connections.clients.bitbucket import Bitbucket
from backend.workbench.connections.clients.contract import Client, ProviderRefused
from backend.workbench.connections.clients.github import GitHub
from backend.workbench.connections.clients.gitlab import GitLab
from backend.workbench.connections.models import Connection

Provider = Literal["github", "gitlab", "bitbucket"]
_CLIENTS: Final[dict[str, Callable[..., Client]]] = {"github": GitHub, "gitlab": GitLab, "bitbucket": Bitbucket}
_USERNAMES: Final = {"github": "x-access-token", "gitlab": "oauth2", "bitbucket": "x-token-auth"}


class NoSuchConnection(NotFound):
    """You have no such connection to this provider."""


class NotConnected(Conflict):
    """You are not connected to this provider: POST a token to it first."""


class BadBaseUrl(Invalid):
    """`base_url` must be https://host, without a path; whoever runs the server can allow http:// and private networks by
    CODEYARD_ALLOW_PRIVATE_CLONE."""


class Credential(NamedTuple):
    """What git shows to a remote."""

    username: str
    token: str


async def connect(
    resources: Resources, actor: Actor, provider: Provider, data: schemas.ConnectionCreate
) -> schemas.Connection:
    """By a token of one's own."""
    base_url = _base(resources, provider, data.base_url)
    return await keep(resources, actor.id, provider, base_url, Tokens(data.token, "", None, None), data.username)


async def keep(
    resources: Resources,
    owner_id: UUID,
    provider: str,
    base_url: str,
    tokens: Tokens,
    username: str = "",
    *,
    oauth: bool = False,
) -> schemas.Connection:
    """Asks the provider whose token it is, and keeps it for its owner; a second one of the same account takes its place."""
    account = await _client(resources, provider, base_url, tokens.access, username).account()
    if not account:
        raise ProviderRefused
    again = {"username": username, "oauth": oauth} | sealing.sealed(resources, owner_id, provider, base_url, tokens)
    row = insert(Connection).values(
        id=new_id(), owner_id=owner_id, provider=provider, base_url=base_url, account=account[:200], **again
    )
    kept = row.on_conflict_do_update(index_elements=["owner_id", "provider", "base_url", "account"], set_=again)
    async with resources.database.begin() as db:
        query = kept.returning(Connection)
        return show((await db.scalars(query, execution_options={"populate_existing": True})).one())


async def start(resources: Resources, actor: Actor, provider: Provider) -> tuple[str, str]:
    """(where to send the browser, the secret for its cookie). Raises NoSuchProvider, NeedsPerson."""
    if actor.user_id is None:
        raise NeedsPerson
    return await providers.start(resources, provider, user_id=actor.user_id, connecting=True)


async def come_back(
    resources: Resources, provider: Provider, *, state: str, code: str, issuer: str, browser: str
) -> schemas.Connection:
    """Makes the connection that a browser came back for. Each state works once, in the browser that went, for who sent it."""
    if not state.startswith(providers.CONNECTING):
        raise exchange.ProviderRefused
    found, attempt = await providers.claim(resources, provider, state=state, code=code, issuer=issuer, browser=browser)
    if attempt.user_id is None:
        raise exchange.ProviderRefused
    places, redirect = await exchange.endpoints(found), catalogue.redirect_of(resources.settings, found)
    tokens = await exchange.redeem(found, places, code, redirect=redirect, verifier=attempt.verifier)
    base_url = _base(resources, provider, found.base)
    return await keep(resources, attempt.user_id, provider, base_url, tokens, oauth=True)


def _base(resources: Resources, provider: str, given: str | None) -> str:
    """An origin: scheme, host, port. Raises BadBaseUrl."""
    settings = resources.settings
    url = (given or getattr(settings, f"{provider}_url")).rstrip("/")
    if not outside.is_plain_url(url) or urlsplit(url).path or urlsplit(url).query:
        raise BadBaseUrl
    if not url.startswith("https://") and not settings.allow_private_clone:
        raise BadBaseUrl
    return url.lower()


def _client(resources: Resources, provider: str, base_url: str, token: str, username: str) -> Client:
    return _CLIENTS[provider](base_url, token, username, allow_private=resources.settings.allow_private_clone)


async def mine(db: AsyncSession, actor: Actor, provider: Provider) -> Sequence[Connection]:
    """The caller's own, oldest first."""
    query = select(Connection).where(Connection.owner_id == actor.id, Connection.provider == provider)
    return (await db.scalars(query.order_by(Connection.created_at))).all()


async def disconnect(resources: Resources, actor: Actor, provider: Provider, connection_id: UUID) -> None:
    """Gone here at once; what was made by OAuth is taken back at the provider too, as well as that can."""
    own = Connection.id == connection_id, Connection.owner_id == actor.id, Connection.provider == provider
    async with resources.database.begin() as db:
        row: Connection | None = await db.scalar(delete(Connection).where(*own).returning(Connection))
    if row is None:
        raise NoSuchConnection
    if row.oauth:
        await sealing.revoke(resources, row)


async def one_of(resources: Resources, actor: Actor, provider: Provider, connection_id: UUID | None) -> Connection:
    """The caller's connection of that id, or the oldest. Raises NoSuchConnection, NotConnected."""
    async with resources.database.begin() as db:
        found = await mine(db, actor, provider)
    if connection_id is not None:
        found = [row for row in found if row.id == connection_id]
        if not found:
            raise NoSuchConnection
    if not found:
        raise NotConnected
    return await sealing.renewed(resources, found[0])


def client_of(resources: Resources, row: Connection) -> Client:
    return _client(resources, row.provider, row.base_url, credential_of(resources, row).token, row.username)


def credential_of(resources: Resources, row: Connection) -> Credential:
    return Credential(row.username or _USERNAMES[row.provider], sealing.access_of(resources, row))


async def connection_for(
    resources: Resources, owner_id: UUID, url: CloneUrl, connection_id: UUID | None = None
) -> Connection | None:
    """What that person or key has for the host of a remote; to no other host, port or scheme is its token ever sent. Raises
    NoSuchConnection where the one of that id is not theirs, or of another host."""
    query = select(Connection).where(Connection.owner_id == owner_id, Connection.base_url == git.origin_of(url.address))
    if connection_id is not None:
        query = query.where(Connection.id == connection_id)
    async with resources.database.begin() as db:
        row = (await db.scalars(query.order_by(Connection.created_at))).first()
    if row is None and connection_id is not None:
        raise NoSuchConnection("You have no such connection to the host of that URL.")
    return await sealing.renewed(resources, row) if row is not None else None


async def with_credential(
    resources: Resources, owner_id: UUID, url: CloneUrl, connection_id: UUID | None = None
) -> CloneUrl:
    """The URL with what `connection_for` has for it."""
    row = await connection_for(resources, owner_id, url, connection_id)
    if row is None:
        return url
    found = credential_of(resources, row)
    return replace(url, username=found.username, password=found.token)


async def owners_of(db: AsyncSession, row: Connection, accounts: Sequence[str]) -> dict[str, UUID]:
    """Who has proved, by a token, to be which of these accounts of `row`'s provider. One that two have is nobody's."""
    same = Connection.provider == row.provider, Connection.base_url == row.base_url
    query = select(Connection.account, Connection.owner_id).where(*same, Connection.account.in_(accounts)).distinct()
    found: dict[str, list[UUID]] = {}
    for account, owner_id in await db.execute(query):
        found.setdefault(account, []).append(owner_id)
    return {account: owners[0] for account, owners in found.items() if len(owners) == 1}


def show(row: Connection) -> schemas.Connection:
    return schemas.Connection(row.id, row.provider, row.base_url, row.account, row.oauth, row.created_at)
