"""Signed tokens: what lets a browser into one preview host. HMAC-SHA256 (RFC 2104) over JSON, with the id of the key.

A token is `{key id}.{claims}.{mac}`, the latter two base64url. The key's id only selects among our own keys, there is one
algorithm, and the purpose is part of what is signed: an entry is no pass, and nothing in a token says how to check it.
"""

import base64
import binascii
import hmac
import secrets
import time
from datetime import timedelta
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import delete, select, text

from backend.core.db import new_id, now
from backend.core.resources import Resources
from backend.ledger.secrets.vault import KeyLost, vault
from backend.workbench.previews.models import PreviewKey, sealed_of

ENTRY_SECONDS = 30
PASS_SECONDS = 12 * 3600
KEY_DAYS = 30
_LOOK_AGAIN = 1.0
_LOCK = 0x70726576  # "prev": of two servers that find no key, one makes it

Purpose = Literal["entry", "pass"]


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Who (`kind` and `subject`: a sign-in or an API key) may see the preview at `host`, until `expires` (Unix seconds).
    An entry also has where it leads."""

    id: UUID
    host: str
    kind: Literal["sign-in", "key"]
    subject: UUID
    expires: int
    path: str = "/"


def seal(key_id: str, key: bytes, purpose: Purpose, claims: Claims) -> str:
    payload = _encode(msgspec.json.encode(claims))
    return f"{key_id}.{payload}.{_encode(_mac(key, purpose, key_id, payload))}"


def unseal(keys: dict[str, bytes], purpose: Purpose, token: str, host: str) -> Claims | None:
    """The claims of a token for `host` that one of `keys` signed and that has not expired; else None."""
    key_id, _, rest = token.partition(".")
    payload, _, mac = rest.partition(".")
    key = keys.get(key_id)
    if key is None or len(token) > 4096 or not token.isascii():
        return None
    if not hmac.compare_digest(_encode(_mac(key, purpose, key_id, payload)), mac):
        return None
    try:
        claims = msgspec.json.decode(_decode(payload), type=Claims)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return None
    return claims if claims.host == host and claims.expires > time.time() else None


def _mac(key: bytes, purpose: Purpose, key_id: str, payload: str) -> bytes:
    return hmac.digest(key, f"codeyard-preview:{purpose}:{key_id}.{payload}".encode(), "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(data: str) -> bytes:
    return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))


class Signer:
    """The installation's preview keys, as the database had them `_LOOK_AGAIN` seconds ago at most. The newest signs."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._keys: dict[str, bytes] = {}
        self._read_at = 0.0

    async def keys(self) -> dict[str, bytes]:
        if time.monotonic() - self._read_at > _LOOK_AGAIN:
            self._keys = await self._read()
            self._read_at = time.monotonic()
        return self._keys

    async def sign(self, purpose: Purpose, claims: Claims) -> str:
        keys = await self.keys()
        if not keys:
            await add_key(self._resources, unless_any=True)
            keys = self._keys = await self._read()
        newest = max(keys)
        return seal(newest, keys[newest], purpose, claims)

    async def verify(self, purpose: Purpose, token: str, host: str) -> Claims | None:
        return unseal(await self.keys(), purpose, token, host)

    async def _read(self) -> dict[str, bytes]:
        found = {}
        for row in await self._resources.database.rows("SELECT id, vault_key, sealed FROM preview_keys"):
            try:
                value = vault(self._resources.data).open(row["vault_key"], row["sealed"], of=sealed_of(row["id"]))
            except KeyLost:
                continue  # the data directory is another one: its tokens end, and a new key is made
            found[row["id"]] = bytes.fromhex(value)
        return found


async def add_key(resources: Resources, *, unless_any: bool = False) -> None:
    """A new key, which signs from now on; ids sort by age."""
    name = f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(2)}"
    vault_key, sealed = vault(resources.data).seal(secrets.token_hex(32), of=sealed_of(name))
    async with resources.database.begin() as db:
        await db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        fresh = PreviewKey.created_at > now() - timedelta(days=KEY_DAYS)
        if unless_any and (rows := (await db.scalars(select(PreviewKey).where(fresh))).all()):
            openable = [row for row in rows if _opens(resources, row)]
            if openable:
                return
        db.add(PreviewKey(id=name, vault_key=vault_key, sealed=sealed))


def _opens(resources: Resources, row: PreviewKey) -> bool:
    try:
        vault(resources.data).open(row.vault_key, row.sealed, of=sealed_of(row.id))
    except KeyLost:
        return False
    return True


async def turn_keys(resources: Resources) -> None:
    """Makes a key where the newest is old, and drops those whose last token has expired. Called once an hour."""
    await add_key(resources, unless_any=True)
    async with resources.database.begin() as db:
        await db.execute(delete(PreviewKey).where(PreviewKey.created_at < now() - timedelta(days=KEY_DAYS + 1)))


def claims_for(host: str, kind: Literal["sign-in", "key"], subject: UUID, *, seconds: int, path: str = "/") -> Claims:
    return Claims(id=new_id(), host=host, kind=kind, subject=subject, expires=int(time.time()) + seconds, path=path)
