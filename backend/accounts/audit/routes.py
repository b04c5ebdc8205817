"""/organizations/{id}/audit: the log as pages and as CSV, and whether it is whole."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, Router, get
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Meta

from backend.accounts.audit import repository, schemas, service
from backend.accounts.audit.repository import Filter
from backend.accounts.orgs.service import require
from backend.core.auth import Me, scope
from backend.core.db import Db
from backend.core.errors import Invalid
from backend.core.events import kinds
from backend.core.paging import Cursor, Limit, Page, decode, page

MOST = 10_000
Action = Annotated[str, QueryParameter(max_length=80, pattern=r"^[a-z_.]*$(?!\n)", description="The name of an event.")]


class WithoutZone(Invalid):
    """`since` and `until` need a time zone, as in 2026-01-31T08:00:00Z."""


def narrowed(
    actor_id: UUID | None, action: str, workspace_id: UUID | None, since: datetime | None, until: datetime | None
) -> Filter:
    if any(moment is not None and moment.tzinfo is None for moment in (since, until)):
        raise WithoutZone
    return Filter(actor_id, action, workspace_id, since, until)


@get(guards=[scope("admin")])
async def list_audit_entries(
    db: Db,
    actor: Me,
    organization_id: FromPath[UUID],
    actor_id: FromQuery[UUID | None] = None,
    action: Action = "",
    workspace_id: FromQuery[UUID | None] = None,
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[schemas.Entry]:
    """Newest first."""
    require(actor, organization_id, "admin")
    only = narrowed(actor_id, action, workspace_id, since, until)
    position = decode(cursor, tuple[Annotated[int, Meta(ge=0, le=2**63 - 1)]])
    before = position[0] if position else None
    rows = await repository.newest(db, organization_id, only, before=before, limit=limit)
    return page(rows, limit, service.show, lambda row: (row.number,))


@get("/csv", guards=[scope("admin")], media_type="text/csv")
async def download_audit_entries(
    db: Db,
    actor: Me,
    organization_id: FromPath[UUID],
    actor_id: FromQuery[UUID | None] = None,
    action: Action = "",
    workspace_id: FromQuery[UUID | None] = None,
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
) -> Response[str]:
    """The newest 10,000 that fit, as CSV; older ones by `until`."""
    require(actor, organization_id, "admin")
    only = narrowed(actor_id, action, workspace_id, since, until)
    rows = await repository.newest(db, organization_id, only, before=None, limit=MOST)
    body = service.as_csv([service.show(row) for row in rows[:MOST]])
    name = {"content-disposition": 'attachment; filename="audit.csv"'}
    return Response(body, media_type="text/csv", headers=name)


@get("/actions", guards=[scope("admin")])
async def list_audit_actions(actor: Me, organization_id: FromPath[UUID]) -> list[str]:
    """Every action that an entry can have, by name."""
    require(actor, organization_id, "admin")
    return [kind.name for kind in kinds() if kind.audited]


@get("/actors", guards=[scope("admin")])
async def list_audit_actors(db: Db, actor: Me, organization_id: FromPath[UUID]) -> list[schemas.Doer]:
    """Who has entries, by name: what `actor_id` can be. Those who have left and keys that were revoked, too."""
    require(actor, organization_id, "admin")
    found = [
        schemas.Doer(row.actor_id, row.actor_name, row.by_key)
        for row in await repository.actors(db, organization_id)
        if row.actor_id
    ]
    return sorted(found, key=lambda one: (one.by_key, one.name.casefold()))


@get("/verify", guards=[scope("admin")])
async def verify_audit_log(db: Db, actor: Me, organization_id: FromPath[UUID]) -> schemas.Verified:
    """Computes every hash anew and says whether an entry was changed, removed or put in between."""
    require(actor, organization_id, "admin")
    return await service.verify(db, organization_id)


router = Router(
    "/organizations/{organization_id:uuid}/audit",
    route_handlers=[
        list_audit_entries,
        download_audit_entries,
        list_audit_actions,
        list_audit_actors,
        verify_audit_log,
    ],
    tags=["audit"],
)
