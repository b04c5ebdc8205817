"""Who holds a credential: one statement per call, in autocommit, since every request asks it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from backend.core import crypto
from backend.core.auth import ACCESS, ROLES, Access, Actor, Allowance, Credential, Role, with_reads
from backend.core.db import Database, now
from backend.core.errors import TooMany

_BY_KEY = (
    "SELECT id, organization_id, name, scopes, expires_at, requests_per_minute,"
    " last_used_at IS NULL OR last_used_at < now() - interval '1 minute' AS stale"
    " FROM api_keys WHERE hash = $1 AND (expires_at IS NULL OR expires_at > now())"
)
_USED = "UPDATE api_keys SET last_used_at = now(), last_used_address = $2 WHERE id = $1"
_COUNT_WHERE = (
    "INSERT INTO api_key_minutes AS m (key_id, began, used) SELECT id, now(), 1 FROM api_keys WHERE id = $1"
    " ON CONFLICT (key_id) DO UPDATE SET"
    " began = CASE WHEN {0} THEN now() ELSE m.began END, used = CASE WHEN {0} THEN 1 ELSE m.used + 1 END"
    " RETURNING used, ceil(extract(epoch FROM began + interval '1 minute' - now()))::int AS seconds"
)
_COUNT = _COUNT_WHERE.format("m.began NOT BETWEEN now() - interval '1 minute' AND now() + interval '1 minute'")
"""A key's minute is over after a minute; one that began more than a minute from now did by a clock that was ahead."""
_WHO = (
    "SELECT s.id, s.user_id, s.csrf_token, s.expires_at, u.name, u.owns_installation,"
    " s.last_used_at < now() - interval '10 minutes' AS stale,"
    " array_agg(m.organization_id) AS organizations, array_agg(m.role) AS roles,"
    " (SELECT json_agg(json_build_array(g.organization_id, g.workspace_id, g.access, g.user_id IS NOT NULL))"
    "  FROM workspace_grants g WHERE g.user_id = s.user_id"
    "  OR g.team_id IN (SELECT team_id FROM team_members t WHERE t.user_id = s.user_id)) AS accesses"
    " FROM sign_ins s JOIN users u ON u.id = s.user_id LEFT JOIN (memberships m JOIN organizations o"
    " ON o.id = m.organization_id AND o.deleted_at IS NULL) ON m.user_id = u.id"
    " WHERE s.{} = $1 AND s.expires_at > now() GROUP BY s.id, u.id"
)
_BY_COOKIE = _WHO.format("hash")
_BY_ID = _WHO.format("id")


class KeyLimitReached(TooMany):
    """This key has made as many calls as it may in a minute: wait for the seconds in Retry-After, or make one that may more."""


async def authenticate(
    database: Database, credential: Credential, address: str = "", *, session_days: int
) -> Actor | None:
    """The actor behind a key or a cookie; None when there is none, or none any more. With an `address`, this is a use of the
    key: it is remembered, and counted where the key has a limit. Raises KeyLimitReached."""
    if credential.is_key:
        return await _key(database, credential.secret, address) if crypto.is_key(credential.secret) else None
    return await _cookie(database, credential.secret, session_days)


async def _key(database: Database, secret: str, address: str) -> Actor | None:
    found = await database.rows(_BY_KEY, crypto.digest(secret))
    if not found:
        return None
    [row] = found
    if row["stale"] and address:
        await database.rows(_USED, row["id"], address[:64])
    limit = row["requests_per_minute"] if address else None
    allowance = await _count(database, row["id"], limit) if limit else None
    scopes: list[str] = msgspec.json.decode(row["scopes"])
    grants = {row["organization_id"]: with_reads(frozenset(scopes))}
    return Actor(key_id=row["id"], name=row["name"], grants=grants, expires_at=row["expires_at"], allowance=allowance)


async def _count(database: Database, key_id: UUID, limit: int) -> Allowance:
    """Counts one call in the key's minute, which begins with the first call after the last one ended; PostgreSQL keeps it,
    so that all server processes share it."""
    counted = await database.rows(_COUNT, key_id)
    used, seconds = counted[0] if counted else (1, 60)  # revoked since: this call was the last
    allowance = Allowance(limit, limit - used, max(seconds, 1))
    if allowance.remaining < 0:
        raise KeyLimitReached(headers={"Retry-After": str(allowance.seconds), **allowance.headers()})
    return allowance


async def _cookie(database: Database, secret: str, session_days: int) -> Actor | None:
    found = await database.rows(_BY_COOKIE, crypto.digest(secret))
    if not found:
        return None
    [row] = found
    if row["stale"]:  # a sign-in in use lasts on
        until = now() + timedelta(days=session_days)
        await database.rows("UPDATE sign_ins SET last_used_at = now(), expires_at = $2 WHERE id = $1", row["id"], until)
    return _person(row)


async def by_sign_in(database: Database, sign_in_id: UUID) -> Actor | None:
    """The person behind a sign-in that was asked about by its id; None when it is over."""
    found = await database.rows(_BY_ID, sign_in_id)
    return _person(found[0]) if found else None


def _person(row: Any) -> Actor:
    memberships = zip(row["organizations"], row["roles"], strict=True)
    grants = {id: ROLES[Role(role)] for id, role in memberships if id is not None}
    return Actor(
        user_id=row["user_id"],
        sign_in_id=row["id"],
        name=row["name"],
        grants=grants,
        workspaces=_workspaces(row["accesses"], grants) if row["accesses"] else {},
        owns_installation=row["owns_installation"],
        csrf_token=row["csrf_token"],
        expires_at=row["expires_at"],
    )


_Given = list[tuple[UUID, UUID, Access, bool]]


def _workspaces(accesses: str, grants: dict[UUID, frozenset[str]]) -> dict[UUID, frozenset[str]]:
    """What workspaces give a person in place of their role: what was given to themselves, else the most that a team of theirs
    has. Whoever administers the organisation has all of it."""
    given = msgspec.json.decode(accesses, type=_Given)
    found: dict[UUID, frozenset[str]] = {}
    for organization_id, workspace_id, access, is_own in sorted(given, key=lambda row: row[3]):
        if "admin" not in grants.get(organization_id, {"admin"}):
            teams = frozenset[str]() if is_own else found.get(workspace_id, frozenset())
            found[workspace_id] = ACCESS[access] | teams
    return found
