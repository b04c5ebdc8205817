"""Keeping, forgetting and using secrets. Values leave here only to be injected into what runs."""

from pathlib import Path
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db import new_id, now
from backend.ledger.secrets.models import Secret, sealed_of
from backend.ledger.secrets.vault import vault


async def put(
    db: AsyncSession,
    data: Path,
    organization_id: UUID,
    owner_id: UUID,
    values: dict[str, str],
    *,
    part: str = "",
    new: bool = False,
) -> list[str]:
    """Sets values by name, in place of older ones, or with `new` only those that are not there; says which it set."""
    done = []
    for name, value in values.items():
        key_id, sealed = vault(data).seal(value, of=sealed_of(owner_id, part, name))
        row = insert(Secret).values(
            id=new_id(),
            organization_id=organization_id,
            owner_id=owner_id,
            part=part,
            name=name,
            key_id=key_id,
            sealed=sealed,
        )
        if new:
            row = row.on_conflict_do_nothing(index_elements=["owner_id", "part", "name"])
        else:
            again = {"key_id": key_id, "sealed": sealed, "updated_at": now()}
            row = row.on_conflict_do_update(index_elements=["owner_id", "part", "name"], set_=again)
        if (await db.execute(row.returning(Secret.name))).scalar() is not None:
            done.append(name)
    return done


async def names(db: AsyncSession, owner_id: UUID) -> set[tuple[str, str]]:
    """(part, name) of all that are kept for an owner."""
    found = await db.execute(select(Secret.part, Secret.name).where(Secret.owner_id == owner_id))
    return {(part, name) for part, name in found}


async def read(db: AsyncSession, data: Path, owner_id: UUID, *, part: str | None = None) -> dict[str, dict[str, str]]:
    """Values by part and name; those of one part only where it is named. Raises KeyLost."""
    values: dict[str, dict[str, str]] = {}
    query = select(Secret).where(Secret.owner_id == owner_id)
    for row in await db.scalars(query if part is None else query.where(Secret.part == part)):
        value = vault(data).open(row.key_id, row.sealed, of=sealed_of(owner_id, row.part, row.name))
        values.setdefault(row.part, {})[row.name] = value
    return values


async def copy(db: AsyncSession, data: Path, organization_id: UUID, owner_id: UUID, to: UUID) -> None:
    """The same values for another owner, of `organization_id`, sealed anew. Raises KeyLost."""
    for part, values in (await read(db, data, owner_id)).items():
        await put(db, data, organization_id, to, values, part=part)


async def forget(db: AsyncSession, owner_id: UUID, *, part: str | None = None, named: list[str] | None = None) -> None:
    query = delete(Secret).where(Secret.owner_id == owner_id)
    if part is not None:
        query = query.where(Secret.part == part)
    if named is not None:
        query = query.where(Secret.name.in_(named))
    await db.execute(query)


async def forget_ownerless(db: AsyncSession) -> None:
    """Those of purged workspaces and organisations."""
    await db.execute(
        text(
            "DELETE FROM secrets s WHERE NOT EXISTS (SELECT 1 FROM workspaces w WHERE w.id = s.owner_id)"
            " AND NOT EXISTS (SELECT 1 FROM organizations o WHERE o.id = s.owner_id)"
        )
    )
