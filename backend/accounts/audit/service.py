"""The audit log: written as the last thing of each transaction that emitted an audited event, read by admins, checked."""

import csv
import hashlib
import io
from datetime import UTC
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from backend.accounts.audit import repository
from backend.accounts.audit.models import AuditEntry
from backend.accounts.audit.schemas import Entry, Verified
from backend.core.auth import calling
from backend.core.db import now
from backend.core.events import AUDITED, Event

START = b"\0" * 32
"""The hash before an organisation's first entry."""

BATCH = 1000
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('audit ' || :organization, 0))")


@event.listens_for(Session, "before_commit")
def _write(db: Session) -> None:
    """Last in the transaction, so that the lock that orders an organisation's entries is held for no longer than its commit
    and nothing is waited for while holding it. Organisations in one order, so that two transactions cannot cross."""
    facts: list[tuple[Event, dict[str, Any]]] = db.info.pop(AUDITED, [])
    if not facts:
        return
    db.flush()
    for organization_id in sorted({fact.organization_id for fact, _ in facts}):
        db.execute(_LOCK, {"organization": str(organization_id)})
        last = select(AuditEntry.number, AuditEntry.hash).where(AuditEntry.organization_id == organization_id)
        found = db.execute(last.order_by(AuditEntry.number.desc()).limit(1)).one_or_none()
        number, before = found or (0, START)
        for fact, data in facts:
            if fact.organization_id == organization_id:
                number += 1
                entry = _entry(fact, data, number)
                before = entry.hash = digest(entry, before)
                db.add(entry)
    db.flush()


def _entry(fact: Event, data: dict[str, Any], number: int) -> AuditEntry:
    call = calling.get()
    return AuditEntry(
        organization_id=fact.organization_id,
        number=number,
        at=now(),
        action=fact.name,
        actor_id=call.actor.id if call else None,
        actor_name=call.actor.name if call else "",
        by_key=call is not None and call.actor.key_id is not None,
        address=call.address[:64] if call else "",
        workspace_id=fact.workspace_id,
        session_id=fact.session_id,
        data=data,
    )


def digest(entry: AuditEntry, before: bytes) -> bytes:
    """SHA-256 of the hash before and of the entry's fields as JSON in the order of the table, keys sorted."""
    fields = [
        entry.organization_id,
        entry.number,
        entry.at.astimezone(UTC),
        entry.action,
        entry.actor_id,
        entry.actor_name,
        entry.by_key,
        entry.address,
        entry.workspace_id,
        entry.session_id,
        entry.data,
    ]
    return hashlib.sha256(before + msgspec.json.encode(fields, order="sorted")).digest()


async def verify(db: AsyncSession, organization_id: UUID) -> Verified:
    """Computes the whole chain anew."""
    number, before = 0, START
    while rows := await repository.following(db, organization_id, number, BATCH):
        for row in rows:
            if row.number != number + 1 or row.hash != digest(row, before):
                return Verified(False, number, number + 1, before.hex())
            number, before = row.number, row.hash
        db.expunge_all()
    return Verified(True, number, None, before.hex())


def show(row: AuditEntry) -> Entry:
    return Entry(
        row.number,
        row.at,
        row.action,
        row.actor_id,
        row.actor_name,
        row.by_key,
        row.address,
        row.workspace_id,
        row.session_id,
        row.data,
        row.hash.hex(),
    )


def as_csv(entries: list[Entry]) -> str:
    """RFC 4180, with a heading. A cell that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV
    injection), so names that people chose stay text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(Entry.__struct_fields__)
    for entry in entries:
        cells = msgspec.to_builtins(entry)
        cells["data"] = msgspec.json.encode(cells["data"]).decode()
        writer.writerow([_plain(cells[name]) for name in Entry.__struct_fields__])
    return out.getvalue()


def _plain(cell: Any) -> Any:
    is_formula = (isinstance(cell, str) and cell.lstrip()[:1] in {"=", "+", "-", "@"}) or str(cell)[:1] in {"\t", "\r"}
    return f"'{cell}" if is_formula and cell else cell
