"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): same key and body replays the stored answer.

The receipt is claimed in the transaction of the effect and sealed with the answer in the last one, so a crash can lose
neither without the other. A second call waits for the first one's transaction on the primary key.
"""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.auth import actor_of
from backend.core.db import Database
from backend.core.errors import AppError, BadRequest, Conflict, Invalid
from backend.ledger.receipts.models import Receipt

KEPT = timedelta(hours=48)


class InvalidIdempotencyKey(BadRequest):
    """Idempotency-Key must be 1 to 255 printable ASCII characters."""


class IdempotencyKeyReused(Invalid):
    """That Idempotency-Key was used with another body: take a new one for a new request."""


class StillRunning(Conflict):
    """The first request with that Idempotency-Key is still running: ask again in a moment."""


class AlreadyCreated(Conflict):
    """It was created by the first request with that Idempotency-Key; its secret was in that answer and is not stored."""


class Replayed(AppError):
    """Not an error: the answer was given before, and is given again."""

    status = 200

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__()
        self.answer_status = status
        self.answer = answer


def show_replayed(_: Request[Any, Any, Any], replayed: Replayed) -> Response[Any]:
    """The exception handler that answers once more what was answered before."""
    return Response(replayed.answer, status_code=replayed.answer_status, headers={"Idempotent-Replayed": "true"})


class Once:
    """The `once: OnceOnly` dependency of a POST that creates; does nothing where no Idempotency-Key was sent."""

    def __init__(self, key: str | None, actor_id: Any, route: str, body_hash: bytes) -> None:
        self._key = key
        self._values = {"actor_id": actor_id, "route": route, "key": key}
        self._body_hash = body_hash

    @classmethod
    def none(cls) -> "Once":
        """For a step whose answer is not the caller's."""
        return cls(None, None, "", b"")

    async def claim(self, db: AsyncSession) -> None:
        """Call first. Raises Replayed, StillRunning or IdempotencyKeyReused when the key was used before."""
        if self._key is None:
            return
        first = insert(Receipt).values(**self._values, body_hash=self._body_hash).on_conflict_do_nothing()
        if await db.scalar(first.returning(Receipt.key)) is not None:
            return
        found = await db.get(Receipt, (self._values["actor_id"], self._values["route"], self._key))
        if found is None:
            raise StillRunning
        if found.body_hash != self._body_hash:
            raise IdempotencyKeyReused
        if found.status is None:
            raise StillRunning
        if found.status == AlreadyCreated.status:
            raise AlreadyCreated(id=found.answer)
        raise Replayed(found.status, found.answer)

    async def seal(self, db: AsyncSession, answer: msgspec.Struct, *, status: int = 201) -> None:
        """Stores the answer, in the transaction that makes it true."""
        if self._key is None:
            return
        mine = update(Receipt).where(*(getattr(Receipt, name) == value for name, value in self._values.items()))
        await db.execute(mine.values(status=status, answer=msgspec.to_builtins(answer)))

    async def seal_secret(self, db: AsyncSession, created_id: UUID) -> None:
        """For an answer that carries a secret: only the id is stored, and a second request gets AlreadyCreated with it."""
        if self._key is not None:
            mine = (getattr(Receipt, name) == value for name, value in self._values.items())
            await db.execute(update(Receipt).where(*mine).values(status=AlreadyCreated.status, answer=str(created_id)))

    async def withdraw(self, db: AsyncSession) -> None:
        """Forgets the claim of an effect that failed, so that it can be tried again."""
        if self._key is not None:
            await db.execute(
                text("DELETE FROM receipts WHERE actor_id = :actor_id AND route = :route AND key = :key"), self._values
            )

    @asynccontextmanager
    async def around(self, database: Database) -> AsyncIterator[None]:
        """Claims the key for an effect on the disk, in a transaction of its own; a failure gives it back."""
        if self._key is None:
            yield
            return
        async with database.begin() as db:
            await self.claim(db)
        try:
            yield
        except BaseException:
            async with database.begin() as db:
                await self.withdraw(db)
            raise

    async def seal_apart(self, database: Database, answer: msgspec.Struct) -> None:
        if self._key is not None:
            async with database.begin() as db:
                await self.seal(db, answer)


OnceOnly = NamedDependency[Once]


async def provide_once(request: Request[Any, Any, Any]) -> Once:
    key = request.headers.get("idempotency-key")
    actor = actor_of(request.scope)
    if key is None or actor is None:
        return Once.none()
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise InvalidIdempotencyKey
    # the path itself, not its template: the same key on another workspace is another request
    route = f"{request.method} {request.url.path}"[:200]
    return Once(key, actor.id, route, hashlib.sha256(await request.body()).digest())


async def forget_unfinished(db: AsyncSession) -> None:
    """At the start of the server: a claim without an answer belongs to a call that the last end cut off."""
    await db.execute(text("DELETE FROM receipts WHERE status IS NULL"))


async def prune(db: AsyncSession) -> None:
    await db.execute(
        text("DELETE FROM receipts WHERE created_at < now() - make_interval(secs => :s)"), {"s": KEPT.total_seconds()}
    )
