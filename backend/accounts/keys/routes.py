"""/organizations/{id}/api-keys."""

from uuid import UUID

import msgspec
from litestar import Router, delete, get, post
from litestar.params import FromPath, JSONBody

from backend.accounts.keys import schemas, service
from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.paging import Page
from backend.ledger.receipts.service import OnceOnly


@get(guards=[scope("admin")])
async def list_api_keys(db: Db, actor: Me, organization_id: FromPath[UUID]) -> Page[schemas.ApiKey]:
    rows = await service.list_all(db, actor, organization_id)
    return Page([msgspec.convert(row, schemas.ApiKey, from_attributes=True) for row in rows])


@post(guards=[scope("admin")])
async def create_api_key(
    db: Db, actor: Me, once: OnceOnly, organization_id: FromPath[UUID], data: JSONBody[schemas.ApiKeyCreate]
) -> schemas.NewApiKey:
    """Makes a key. `key` is shown in this answer and never again."""
    await once.claim(db)
    row, key = await service.create(db, actor, organization_id, data)
    await once.seal_secret(db, row.id)
    shown = msgspec.convert(row, schemas.NewApiKey, from_attributes=True)
    shown.key = key
    return shown


@delete("/{key_id:uuid}", guards=[scope("admin")])
async def revoke_api_key(db: Db, actor: Me, organization_id: FromPath[UUID], key_id: FromPath[UUID]) -> None:
    await service.revoke(db, actor, organization_id, key_id)


@delete(guards=[scope("admin")])
async def revoke_all_api_keys(db: Db, actor: Me, organization_id: FromPath[UUID]) -> None:
    """Ends every key of the organisation at once, for the day that one leaked and nobody knows which."""
    await service.revoke_all(db, actor, organization_id)


router = Router(
    "/organizations/{organization_id:uuid}/api-keys",
    route_handlers=[list_api_keys, create_api_key, revoke_all_api_keys, revoke_api_key],
    tags=["api keys"],
)
