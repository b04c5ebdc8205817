"""API keys: making, listing, revoking."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.keys.events import KeyChanged
from backend.accounts.keys.models import ApiKey
from backend.accounts.keys.schemas import ApiKeyCreate, Lasts
from backend.accounts.orgs.models import Organization
from backend.accounts.orgs.service import require
from backend.core import crypto
from backend.core.auth import SCOPES, Actor
from backend.core.db import now
from backend.core.errors import Forbidden, Invalid, NotFound
from backend.core.events import emit
from backend.core.live import notify


class UnknownScope(Invalid):
    """One of the scopes does not exist."""


class InThePast(Invalid):
    """`expires_at` must lie in the future."""


class TwoExpiries(Invalid):
    """Give `expires_at` or `expires_in`, not both."""


class MoreThanYours(Forbidden):
    """A key cannot be given scopes that its maker lacks."""


_DAYS = {Lasts.DAY: 1, Lasts.MONTH: 30, Lasts.YEAR: 365}


def _expiry(data: ApiKeyCreate) -> datetime | None:
    if data.expires_in is not None and data.expires_at is not None:
        raise TwoExpiries
    if data.expires_in in _DAYS:
        return now() + timedelta(days=_DAYS[data.expires_in])
    if data.expires_at is not None and data.expires_at <= now():
        raise InThePast
    return data.expires_at


async def create(db: AsyncSession, actor: Actor, organization_id: UUID, data: ApiKeyCreate) -> tuple[ApiKey, str]:
    """The stored row and the key itself, which is shown once."""
    require(actor, organization_id, "admin")
    unknown = sorted(set(data.scopes) - set(SCOPES))
    if unknown:
        raise UnknownScope(f"There is no scope {', '.join(unknown)}.", known=sorted(SCOPES))
    if not set(data.scopes) <= actor.grants[organization_id]:
        raise MoreThanYours
    expires_at = _expiry(data)
    key = crypto.new_key()
    row = ApiKey(
        organization_id=organization_id,
        name=data.name.strip(),
        prefix=key[:12],
        hash=crypto.digest(key),
        scopes=sorted(set(data.scopes)),
        created_by=actor.user_id,
        expires_at=expires_at,
        requests_per_minute=data.requests_per_minute,
    )
    db.add(row)
    await db.flush()
    await _tell(db, row, "created")
    return row, key


async def get(db: AsyncSession, key_id: UUID) -> tuple[ApiKey, Organization] | None:
    """A key with the organisation that it is of."""
    query = select(ApiKey, Organization).join(Organization, Organization.id == ApiKey.organization_id)
    found = (await db.execute(query.where(ApiKey.id == key_id))).one_or_none()
    return found and (found[0], found[1])


async def list_all(db: AsyncSession, actor: Actor, organization_id: UUID) -> Sequence[ApiKey]:
    require(actor, organization_id, "admin")
    query = select(ApiKey).where(ApiKey.organization_id == organization_id).order_by(ApiKey.created_at.desc())
    return (await db.scalars(query)).all()


async def revoke(db: AsyncSession, actor: Actor, organization_id: UUID, key_id: UUID) -> None:
    """Ends the key at once; sockets that it opened close within two seconds."""
    require(actor, organization_id, "admin")
    ours = delete(ApiKey).where(ApiKey.id == key_id, ApiKey.organization_id == organization_id)
    gone = await db.scalar(ours.returning(ApiKey))
    if gone is None:
        raise NotFound("There is no such key.")
    await _tell(db, gone, "revoked")
    await notify(db, "access")


async def revoke_all(db: AsyncSession, actor: Actor, organization_id: UUID) -> None:
    """Ends every key of the organisation at once, the one that asks too."""
    require(actor, organization_id, "admin")
    ours = delete(ApiKey).where(ApiKey.organization_id == organization_id)
    for gone in (await db.scalars(ours.returning(ApiKey))).all():
        await _tell(db, gone, "revoked")
    await notify(db, "access")


async def _tell(db: AsyncSession, key: ApiKey, how: str) -> None:
    here = key.organization_id
    await emit(db, KeyChanged(organization_id=here, key_id=key.id, key_name=key.name, prefix=key.prefix, how=how))
