"""Tokens of connections: sealed, opened, and, of those by OAuth, renewed before they expire and taken back."""

import asyncio
import logging
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import or_, update

from backend.accounts.providers import catalogue, exchange
from backend.accounts.providers.exchange import ProviderAway, Tokens
from backend.core.db import now
from backend.core.errors import AppError
from backend.core.resources import Resources
from backend.ledger.secrets.vault import vault
from backend.workbench.connections.clients.contract import ProviderRefused, ProviderUnreachable
from backend.workbench.connections.models import Connection, sealed_of

log = logging.getLogger(__name__)

EARLY: Final = timedelta(minutes=5)
"""How long before its end a token is renewed: a clone may take a while."""
TURN: Final = timedelta(seconds=60)


def sealed(resources: Resources, owner_id: UUID, provider: str, base_url: str, tokens: Tokens) -> dict[str, Any]:
    """The columns that hold them."""
    whose = (owner_id, provider, base_url)
    key_id, access = vault(resources.data).seal(tokens.access, of=sealed_of(*whose))
    renewal = None
    if tokens.refresh:
        _, renewal = vault(resources.data).seal(tokens.refresh, of=sealed_of(*whose, "renewal"), by=key_id)
    expires = now() + timedelta(seconds=tokens.lasts) if tokens.lasts is not None else None
    return {"key_id": key_id, "sealed": access, "renewal": renewal, "expires_at": expires, "renewing_until": None}


def access_of(resources: Resources, row: Connection) -> str:
    return vault(resources.data).open(row.key_id, row.sealed, of=sealed_of(row.owner_id, row.provider, row.base_url))


async def renewed(resources: Resources, row: Connection) -> Connection:
    """The connection with a token that holds for a while yet. Providers take a refresh token once, so one at a time renews, the
    others wait for it. Raises ProviderRefused, ProviderUnreachable."""
    for _ in range(200):
        if row.renewal is None or row.expires_at is None or row.expires_at > now() + EARLY:
            return row
        mine = update(Connection).where(
            Connection.id == row.id,
            Connection.renewal == row.renewal,
            or_(Connection.renewing_until.is_(None), Connection.renewing_until < now()),
        )
        async with resources.database.begin() as db:
            found = await db.scalar(mine.values(renewing_until=now() + TURN).returning(Connection.id))
        if found is not None:
            return await _renew(resources, row)
        await asyncio.sleep(0.1)
        async with resources.database.begin() as db:
            again = await db.get(Connection, row.id)
        if again is None:
            raise ProviderRefused
        row = again
    raise ProviderUnreachable


async def _renew(resources: Resources, row: Connection) -> Connection:
    assert row.renewal is not None
    of = sealed_of(row.owner_id, row.provider, row.base_url, "renewal")
    values: dict[str, Any] = {"renewing_until": None}
    try:
        provider = catalogue.find(resources.settings, row.provider)
        old = vault(resources.data).open(row.key_id, row.renewal, of=of)
        tokens = await exchange.refresh(provider, old)
        tokens.refresh = tokens.refresh or old
        values = sealed(resources, row.owner_id, row.provider, row.base_url, tokens)
    except ProviderAway as error:
        raise ProviderUnreachable from error
    except (exchange.ProviderRefused, catalogue.NoSuchProvider) as error:
        raise ProviderRefused from error
    finally:
        changed = update(Connection).where(Connection.id == row.id).values(**values)
        async with resources.database.begin() as db:
            await db.execute(changed)
    async with resources.database.begin() as db:
        found = await db.get(Connection, row.id)
    if found is None:
        raise ProviderRefused
    return found


async def revoke(resources: Resources, row: Connection) -> None:
    """As well as the provider can: it is gone here whatever comes of it."""
    try:
        provider = catalogue.find(resources.settings, row.provider)
        await exchange.revoke(provider, access_of(resources, row))
    except AppError as error:
        log.warning("a token of %s could not be revoked there: %s", row.provider, error.message)
