"""Bringing a pull request and its twin into step.

Nothing is done because of what an event or a webhook says: each only gives a reason to look. What both sides are now is
read, compared with what they last agreed on, and whichever side has changed since is brought to the other; where both have,
the provider's holds, since others have read it there. So a replayed, late, lost or forged notice changes nothing, and a
crash in between is made up by the next look. One at a time looks after a pull request, by a lease in its row, and no
transaction is open while the provider is asked.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import select, update

from backend.core.db import new_id, now
from backend.core.errors import AppError, clash
from backend.core.events import emit
from backend.core.jobs import enqueue
from backend.core.resources import Resources
from backend.workbench.connections.clients.contract import ProviderBusy, ProviderUnreachable, RemotePull, State
from backend.workbench.mirrors import landing, talk, twin, words
from backend.workbench.mirrors.errors import TRANSIENT, told
from backend.workbench.mirrors.twin import Twin
from backend.workbench.pulls import repository
from backend.workbench.pulls.errors import AlreadyOpen
from backend.workbench.pulls.events import PullClosed, PullOpened, PullUpdated
from backend.workbench.pulls.models import ALIVE, PullMirror
from backend.workbench.pulls.models import State as Here
from backend.workbench.pulls.service import facts

log = logging.getLogger(__name__)

LEASE: Final = timedelta(minutes=10)
TRIES: Final = 8
FIRST_WAIT, LONGEST_WAIT = 20, 3600
PATIENCE: Final = 20.0
MOST_LABELS: Final = 30


class Sync(msgspec.Struct):
    """The pull request to look after."""

    pull_id: UUID


class Found(NamedTuple):
    """What a look came to: what is wrong, if anything, and what both sides agree on."""

    error: AppError | None
    seen: dict[str, Any] | None


async def run(resources: Resources, pull_id: UUID, *, again: Callable[..., Awaitable[None]]) -> None:
    """Looks until there is no more reason to; nothing for a pull request without a mirror. Where somebody is at it already, they
    look once more. `again` is the job that does this later, after what passes by itself."""
    lease = new_id()
    wanted = await _take(resources, pull_id, lease)
    try:
        while wanted is not None:
            found = await _look(resources, pull_id)
            wanted = await _settle(resources, pull_id, lease, wanted, found, again)
    except BaseException:
        await asyncio.shield(_drop(resources, pull_id, lease))
        raise


async def _take(resources: Resources, pull_id: UUID, lease: UUID) -> int | None:
    """The count of reasons so far, None where there is nothing to look after or somebody else does, who then looks once more: the
    row is locked, so that they do not end in between."""
    async with resources.database.begin() as db:
        row = await db.get(PullMirror, pull_id, with_for_update=True)
        if row is None:
            return None
        if row.leased_until is not None and row.leased_until > now():
            row.wanted += 1
            return None
        row.lease, row.leased_until = lease, now() + LEASE
        return row.wanted


async def ended(resources: Resources, pull_id: UUID) -> None:
    """Until nobody looks after that pull request, but not for longer than somebody waits for an answer."""
    query = select(PullMirror.pull_id).where(PullMirror.pull_id == pull_id, PullMirror.leased_until > now())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while True:
                async with resources.database.begin() as db:
                    if await db.scalar(query) is None:
                        return
                await asyncio.sleep(0.1)


async def _drop(resources: Resources, pull_id: UUID, lease: UUID) -> None:
    mine = PullMirror.pull_id == pull_id, PullMirror.lease == lease
    async with resources.database.begin() as db:
        await db.execute(update(PullMirror).where(*mine).values(lease=None, leased_until=None))


async def _settle(
    resources: Resources,
    pull_id: UUID,
    lease: UUID,
    wanted: int,
    found: Found,
    again: Callable[..., Awaitable[None]],
) -> int | None:
    """Writes what a look came to; the count of reasons where there were more meanwhile, else the lease ends."""
    error = found.error
    async with resources.database.begin() as db:
        pull = await repository.lock(db, pull_id)
        row = await db.get(PullMirror, pull_id, with_for_update=True)
        if pull is None or row is None or row.lease != lease:
            return None
        before = (row.state, row.error)
        row.seen = row.seen if found.seen is None else found.seen
        row.error = told(error) if error else None
        row.tries = row.tries + 1 if error else 0
        waits = isinstance(error, TRANSIENT) and row.tries < TRIES
        row.state = "waiting" if waits else "failed" if error else "in_step"
        row.last_synced_at = row.last_synced_at if error else now()
        if before != (row.state, row.error):
            await emit(db, PullUpdated(**facts(pull, there=""), how="mirror"))
        if row.wanted != wanted and not waits:
            row.leased_until = now() + LEASE
            return row.wanted
        row.lease, row.leased_until = None, None
        if waits:
            await enqueue(db, again, Sync(pull_id), after=_wait(error, row.tries))
    return None


def _wait(error: AppError | None, tries: int) -> timedelta:
    asked = (error.headers or {}).get("Retry-After", "") if isinstance(error, ProviderBusy) else ""
    seconds = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0
    return timedelta(seconds=min(max(seconds, FIRST_WAIT * 2 ** (tries - 1)), max(LONGEST_WAIT, seconds)))


async def _look(resources: Resources, pull_id: UUID) -> Found:
    """What can be brought into step is, also where something else cannot."""
    try:
        pair = await twin.load(resources, pull_id)
        remote = await _opened(pair)
    except AppError as error:
        return Found(error, None)
    problems: list[AppError] = []
    for step in (landing.carry_head, _texts, _labels, _states, talk.reconcile):
        try:
            remote = await step(pair, remote)
        except AppError as error:
            problems.append(error)
            if isinstance(error, TRANSIENT) and step is not _states:
                break
    worst = sorted(problems, key=lambda error: isinstance(error, TRANSIENT))
    return Found(worst[0] if worst else None, pair.seen)


async def _opened(pair: Twin) -> RemotePull:
    """The twin; made where there is none yet, found again where it was made and the server died before it knew."""
    pull, head, base = pair.pull, pair.seen["head"], pair.seen["base"]
    if pull.provider_number is not None:
        return await pair.client.pull(pair.name, pull.provider_number)
    await landing.send_head(pair)
    remote = await pair.client.find_pull(pair.name, head=head, base=base)
    if remote is None:
        draft = pull.state == Here.DRAFT
        remote = await pair.client.open_pull(
            pair.name, head=head, base=base, title=pull.title, body=pull.body, draft=draft
        )
    if remote.number >= 2**31:
        raise ProviderUnreachable
    async with pair.resources.database.begin() as db:
        row = await repository.lock(db, pull.id)
        mirror = await db.get(PullMirror, pull.id)
        if row is not None and mirror is not None:
            row.provider, row.provider_number = pair.connection.provider, remote.number
            row.provider_url = remote.url[:2000] if remote.url.startswith(("https://", "http://")) else None
            mirror.seen = pair.seen
            await db.flush()
            await db.refresh(row)
            pair.sides.pull.provider_number = remote.number
    return remote


# --- title, body, state ----------------------------------------------------------------------------------------------------


async def _texts(pair: Twin, remote: RemotePull) -> RemotePull:
    """Title and body, each by itself."""
    pull, seen = pair.pull, pair.seen
    here = {"title": pull.title, "body": words.clean(pull.body)}
    there = {"title": words.line(remote.title, 300) or pull.title, "body": words.clean(remote.body)}
    differ = [key for key in here if here[key] != there[key]]
    take = {key: there[key] for key in differ if key in seen and there[key] != seen[key]}
    give = {key: here[key] for key in differ if key not in take}
    if take:
        async with pair.resources.database.begin() as db:
            row = await repository.lock(db, pull.id)
            if row is not None and all(words.clean(getattr(row, key)) == here[key] for key in take):
                for key, value in take.items():
                    setattr(row, key, value)
                await emit(db, PullUpdated(**facts(row, there=""), how="edited"))
    if give:
        await pair.client.change_pull(pair.name, remote, title=give.get("title"), body=give.get("body"), state=None)
        remote = await pair.client.pull(pair.name, pair.number)
    seen |= here | take
    return remote


async def _labels(pair: Twin, remote: RemotePull) -> RemotePull:
    """As one list; those of both sides where they never agreed on any. Where the provider has none, ours stay ours."""
    if remote.labels is None:
        return remote
    pull, agreed = pair.pull, pair.seen.get("labels")
    there = [label for label in remote.labels if label and words.line(label, 50) == label][:MOST_LABELS]
    wanted = pull.labels if agreed is None or set(there) == set(agreed) else there
    if agreed is None:
        wanted = list(dict.fromkeys([*pull.labels, *there]))[:MOST_LABELS]
    if set(wanted) != set(pull.labels):
        async with pair.resources.database.begin() as db:
            row = await repository.lock(db, pull.id)
            if row is None or row.labels != pull.labels:
                return remote  # somebody changed them meanwhile, which is a reason to look again
            row.labels = wanted
            await emit(db, PullUpdated(**facts(row, there=""), how="edited"))
    if set(wanted) != set(there):
        odd = [label for label in remote.labels if label not in there]  # what has no place here stays there
        await pair.client.set_labels(pair.name, pair.number, [*wanted, *odd])
    pair.seen["labels"] = wanted
    return remote


async def _states(pair: Twin, remote: RemotePull) -> RemotePull:
    """draft, open, closed; merged on either side ends it on both, by the commits themselves."""
    here, there, seen = str(pair.pull.state), remote.state, pair.seen.get("state")
    if there == "merged":
        await landing.bring_merge(pair, remote)
    elif here == Here.MERGED:
        remote = await landing.send_merge(pair, remote)
        there = remote.state
    elif here != there and seen not in (None, there):
        await _take_state(pair, there)
    elif here != there:
        await pair.client.change_pull(pair.name, remote, title=None, body=None, state=_word(pair.pull.state))
        remote = await pair.client.pull(pair.name, pair.number)
        there = _word(pair.pull.state)
    pair.seen["state"] = there
    return remote


def _word(state: Here) -> State:
    return "draft" if state == Here.DRAFT else "closed" if state == Here.CLOSED else "open"


async def _take_state(pair: Twin, there: State) -> None:
    async with pair.resources.database.begin() as db:
        row = await repository.lock(db, pair.pull.id)
        if row is None or row.state != pair.pull.state:
            return  # somebody changed it meanwhile, which is a reason to look again
        if there == "closed":
            row.state, row.ended_at = Here.CLOSED, now()
            await emit(db, PullClosed(**facts(row, there=""), how="closed"))
            return
        was_closed = row.state not in ALIVE
        row.state, row.ended_at = Here(there), None
        with clash("uq_pull_requests_alive", AlreadyOpen):
            await db.flush()
        how = PullOpened(**facts(row, there=""), how="reopened") if was_closed else None
        await emit(db, how or PullUpdated(**facts(row, there=""), how="edited"))
