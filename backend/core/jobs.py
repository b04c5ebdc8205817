"""Jobs: work that nobody waits for, as rows of the transaction that asked for it. They run on PgQueuer.

A job may run twice and must be safe to. PgQueuer picks a crashed job up again without counting the try, so tries are
counted here, in a transaction of their own before each: a job that kills its worker ends after `TRIES` like one that raises.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job as QueuedJob
from pgqueuer.queries import Queries
from sqlalchemy import or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import CONNECTS_WITHIN, Base, CreatedAt, Database, Key, Time, new_id, now

if TYPE_CHECKING:
    from backend.core.resources import Resources  # a job is handed them; they know nothing of jobs

log = logging.getLogger(__name__)

Job = Callable[..., Awaitable[None]]

TRIES = 5
ENTRYPOINT = "job"


class JobTry(Base):
    """A job that has been started and has not ended well; `ended_at` is set when its tries were used up. What it was given is
    not kept: it may hold a token."""

    __tablename__ = "job_tries"

    id: Mapped[Key]
    job: Mapped[str]
    tries: Mapped[int]
    error: Mapped[str] = mapped_column(default="")
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[Time | None] = mapped_column(index=True)


class PeriodicRun(Base):
    """When each periodic job is due next; whoever moves the time on runs it, so several servers share the work."""

    __tablename__ = "periodic_runs"

    job: Mapped[str] = mapped_column(primary_key=True)
    next_run: Mapped[Time]


class Order(msgspec.Struct):
    """The payload of a queued job."""

    id: UUID
    job: str
    data: msgspec.Raw
    tries: int = 0


_jobs: dict[str, tuple[Job, type[msgspec.Struct]]] = {}
_periodic: dict[str, tuple[Callable[["Resources"], Awaitable[None]], timedelta]] = {}


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__.removeprefix('backend.')}.{function.__name__}"


def job(payload: type[msgspec.Struct]) -> Callable[[Job], Job]:
    """Registers `async def f(data: payload, resources)` as a job."""

    def register(function: Job) -> Job:
        _jobs[_name(function)] = (function, payload)
        return function

    return register


def every(
    period: timedelta,
) -> Callable[[Callable[["Resources"], Awaitable[None]]], Callable[["Resources"], Awaitable[None]]]:
    """Registers `async def f(resources)` to run once a `period` in the whole installation."""

    def register(function: Callable[["Resources"], Awaitable[None]]) -> Callable[["Resources"], Awaitable[None]]:
        _periodic[_name(function)] = (function, period)
        return function

    return register


@every(timedelta(hours=1))
async def forget_old(resources: "Resources") -> None:
    """PgQueuer writes down each step of each job, for good. Of jobs that were given up a month is kept."""
    async with resources.database.begin() as db:
        await db.execute(text("DELETE FROM pgqueuer_log WHERE created < now() - interval '7 days'"))
        await db.execute(text("DELETE FROM job_tries WHERE ended_at < now() - interval '30 days'"))


async def enqueue(db: AsyncSession, function: Job, data: msgspec.Struct, *, after: timedelta | None = None) -> UUID:
    """Queues `function(data, resources)`, to run once `db` has committed and `after` has passed."""
    order = Order(new_id(), _name(function), msgspec.Raw(msgspec.json.encode(data)))
    await _put(db, order, after)
    return order.id


async def _put(db: AsyncSession, order: Order, after: timedelta | None) -> None:
    await db.execute(text("SELECT 1"))  # the driver sends BEGIN with the first statement, and PgQueuer goes around it
    raw = (await (await db.connection()).get_raw_connection()).driver_connection
    await Queries(AsyncpgDriver(raw)).enqueue(ENTRYPOINT, msgspec.json.encode(order), execute_after=after)


async def run_order(resources: "Resources", payload: bytes) -> None:
    """One try of one job. Never raises: a failed try is queued again with a growing delay, until `TRIES`."""
    order = msgspec.json.decode(payload, type=Order)
    database = (
        resources.database
    )  # away, it is waited for: an order that ends here in an error is out of the queue for good
    if order.job not in _jobs:
        await database.persist(lambda: _end(database, order, "this version has no such job"))
        return
    function, kind = _jobs[order.job]
    tries = await database.persist(lambda: _count_try(database, order))
    if tries > TRIES:
        await database.persist(lambda: _end(database, order, "its worker died each time"))
        return
    try:
        await function(msgspec.json.decode(order.data, type=kind), resources)
    except Exception as error:
        log.exception("job %s failed, try %d of %d", order.job, tries, TRIES)
        why = repr(error)
        if tries >= TRIES:
            await database.persist(lambda: _end(database, order, why))
        else:
            await database.persist(lambda: _put_again(database, order, timedelta(seconds=2**tries)))
    else:
        await database.persist(lambda: _done(database, order))


async def _count_try(database: Database, order: Order) -> int:
    async with database.begin() as db:
        first = insert(JobTry).values(id=order.id, job=order.job, tries=1)
        again = first.on_conflict_do_update(index_elements=["id"], set_={"tries": JobTry.tries + 1})
        tries = await db.scalar(again.returning(JobTry.tries))
        return tries or 1


async def _put_again(database: Database, order: Order, after: timedelta) -> None:
    async with database.begin() as db:
        await _put(db, order, after)


async def _done(database: Database, order: Order) -> None:
    async with database.begin() as db:
        await db.execute(text("DELETE FROM job_tries WHERE id = :id"), {"id": order.id})


async def _end(database: Database, order: Order, error: str) -> None:
    log.error("job %s was given up: %s", order.job, error, extra={"job_id": str(order.id)})
    async with database.begin() as db:
        await db.execute(
            text("UPDATE job_tries SET ended_at = :now, error = :error WHERE id = :id"),
            {"id": order.id, "now": now(), "error": error},
        )


async def run_queue(resources: "Resources", *, concurrency: int) -> None:
    """Works the queue until cancelled; reconnects when the database was away."""
    while True:
        try:
            await _work(resources, concurrency)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.warning("the job queue lost its database, connecting again: %r", error)
        await asyncio.sleep(0.5)


async def _work(resources: "Resources", concurrency: int) -> None:
    connection = await asyncpg.connect(resources.database.dsn, timeout=CONNECTS_WITHIN)
    try:
        queue = PgQueuer(AsyncpgDriver(connection))
        connection.add_termination_listener(lambda _: queue.shutdown.set())

        @queue.entrypoint(ENTRYPOINT)
        async def work(queued: QueuedJob) -> None:
            await run_order(resources, queued.payload or b"")

        try:
            await queue.run(
                dequeue_timeout=timedelta(seconds=5),
                batch_size=concurrency,
                max_concurrent_tasks=concurrency * 2,
                heartbeat_timeout=timedelta(seconds=10),
            )
        finally:
            queue.shutdown.set()
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await connection.close()


async def run_periodic(resources: "Resources") -> None:
    """Runs what is due, for ever. A failure is logged and waits for its next turn."""
    while True:
        for name in await _due(resources.database, _periodic):
            function, period = _periodic[name]
            try:
                if await _claim(resources.database, name, period):
                    await function(resources)
            except Exception:
                log.exception("periodic job %s failed", name)
        await asyncio.sleep(5)


async def _due(database: Database, periodic: Mapping[str, tuple[object, timedelta]]) -> list[str]:
    """Those of `periodic` to try to claim, by one look: a claim is a commit, also of a job that is not due."""
    try:
        found = await database.rows("SELECT job, next_run FROM periodic_runs")
    except Exception as error:
        log.warning("no look at the periodic jobs, the database is away: %r", error)
        return []
    moment, next_runs = now(), {each["job"]: each["next_run"] for each in found}
    return [name for name, (_, period) in periodic.items() if _is_due(next_runs.get(name), moment, period)]


def _is_due(next_run: datetime | None, moment: datetime, period: timedelta) -> bool:
    """Two periods from now can only be what a clock said that was ahead and has been put right."""
    return next_run is None or not moment < next_run <= moment + 2 * period


async def _claim(database: Database, name: str, period: timedelta) -> bool:
    async with database.begin() as db:
        moment: datetime = now()
        due = insert(PeriodicRun).values(job=name, next_run=moment + period)
        # the same as `_is_due`, asked again under the row's lock
        is_due = or_(PeriodicRun.next_run <= moment, PeriodicRun.next_run > moment + 2 * period)
        moved = due.on_conflict_do_update(index_elements=["job"], set_={"next_run": moment + period}, where=is_due)
        return await db.scalar(moved.returning(PeriodicRun.job)) is not None
