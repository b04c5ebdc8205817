"""Jobs: they commit with what asked for them, are tried again, and end."""

import asyncio

import msgspec
import pytest
from sqlalchemy import text

from backend.core import jobs
from backend.core.db import now
from tests.conftest import idle


class Parcel(msgspec.Struct):
    word: str


delivered: list[str] = []


@jobs.job(Parcel)
async def deliver(parcel: Parcel, _: object) -> None:
    delivered.append(parcel.word)


@jobs.job(Parcel)
async def explode(parcel: Parcel, _: object) -> None:
    delivered.append(parcel.word)
    raise RuntimeError("as always")


@pytest.fixture(autouse=True)
def _empty():
    delivered.clear()


async def test_a_job_runs_once_its_transaction_has_committed(resources, database):
    async with database.begin() as db:
        await jobs.enqueue(db, deliver, Parcel("a"))
        await asyncio.sleep(0.1)
        assert delivered == []
    await idle(database)
    assert delivered == ["a"]


async def test_a_rolled_back_job_never_runs(resources, database):
    with pytest.raises(ZeroDivisionError):
        async with database.begin() as db:
            await jobs.enqueue(db, deliver, Parcel("never"))
            raise ZeroDivisionError
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM pgqueuer"))).scalar_one() == 0


async def test_a_failing_job_waits_longer_each_time_and_then_ends(resources, database):
    order = jobs.Order(jobs.new_id(), "tests.core.test_jobs.explode", msgspec.Raw(b'{"word":"b"}'))
    delays = []
    for _ in range(jobs.TRIES):
        await jobs.run_order(resources, msgspec.json.encode(order))
        async with database.begin() as db:
            waiting = (await db.execute(text("DELETE FROM pgqueuer RETURNING execute_after - created AS delay"))).all()
            delays += [round(row.delay.total_seconds()) for row in waiting]
    assert delays == [2, 4, 8, 16]
    async with database.begin() as db:
        row = await db.get(jobs.JobTry, order.id)
    assert row.ended_at is not None and "as always" in row.error
    assert delivered == ["b"] * jobs.TRIES


async def test_a_job_that_kills_its_worker_ends_too(resources, database):
    """PgQueuer picks it up again without counting; each pick is a try here."""
    order = jobs.Order(jobs.new_id(), "tests.core.test_jobs.deliver", msgspec.Raw(b'{"word":"poison"}'))
    async with database.begin() as db:
        db.add(jobs.JobTry(id=order.id, job=order.job, tries=jobs.TRIES, created_at=now()))
    await jobs.run_order(resources, msgspec.json.encode(order))
    assert delivered == []
    async with database.begin() as db:
        assert (await db.get(jobs.JobTry, order.id)).ended_at is not None


async def test_a_job_of_another_version_ends_and_the_log_says_so(resources, database, caplog):
    """What an upgrade finds in the queue under a name that is gone, begun or not."""
    order = jobs.Order(jobs.new_id(), "no.such.job", msgspec.Raw(b"{}"))
    async with database.begin() as db:
        db.add(jobs.JobTry(id=order.id, job=order.job, tries=1, created_at=now()))
        await jobs._put(db, order, None)
    await idle(database)
    async with database.begin() as db:
        row = await db.get(jobs.JobTry, order.id)
    assert row.ended_at is not None and "no such job" in row.error
    assert "job no.such.job was given up: this version has no such job" in caplog.text


async def test_what_is_written_down_of_each_job_is_kept_for_a_week(resources, database):
    async def written() -> tuple[bool, bool]:
        """Whether there is some that is older, and some that is not."""
        ages = text("SELECT now() - created > interval '7 days' AS old, count(*) FROM pgqueuer_log GROUP BY 1")
        async with database.read() as connection:
            found = {row.old for row in await connection.execute(ages)}
        return True in found, False in found

    for age in (8, 0):
        async with database.begin() as db:
            await jobs.enqueue(db, deliver, Parcel("a"))
        await idle(database)
        async with database.begin() as db:
            await db.execute(text(f"UPDATE pgqueuer_log SET created = created - interval '{age} days'"))
    assert await written() == (True, True)
    await jobs.forget_old(resources)
    assert await written() == (False, True)


async def test_a_periodic_job_is_claimed_by_one(database):
    async with database.begin() as db:
        await db.execute(text("DELETE FROM periodic_runs WHERE job = 'x'"))
    claims = await asyncio.gather(*(jobs._claim(database, "x", jobs.timedelta(hours=1)) for _ in range(8)))
    assert claims.count(True) == 1


async def test_only_what_is_due_is_tried_since_each_claim_is_a_commit(database):
    soon, late = now() + jobs.timedelta(minutes=30), now() - jobs.timedelta(seconds=1)
    periodic = {name: (None, jobs.timedelta(hours=1)) for name in ("new", "late", "soon")}
    async with database.begin() as db:
        await db.execute(text("DELETE FROM periodic_runs WHERE job IN ('new', 'late', 'soon')"))
        db.add_all([jobs.PeriodicRun(job="late", next_run=late), jobs.PeriodicRun(job="soon", next_run=soon)])
    assert await jobs._due(database, periodic) == ["new", "late"]


async def test_a_clock_that_was_ahead_and_is_put_right_does_not_silence_a_periodic_job(database):
    async with database.begin() as db:
        await db.execute(text("DELETE FROM periodic_runs WHERE job = 'x'"))
        db.add(jobs.PeriodicRun(job="x", next_run=now() + jobs.timedelta(days=365)))
    assert jobs._is_due(now() + jobs.timedelta(days=365), now(), jobs.timedelta(hours=1))
    claims = [await jobs._claim(database, "x", jobs.timedelta(hours=1)) for _ in range(2)]
    assert claims == [True, False]


async def test_a_job_waits_for_a_database_that_is_away(resources, database, monkeypatch):
    """PgQueuer forgets an order whose function raises, so none may."""
    count, failures = jobs._count_try, [ConnectionResetError(), ConnectionResetError()]

    async def unlucky(*words: object) -> int:
        if failures:
            raise failures.pop()
        return await count(*words)

    monkeypatch.setattr(jobs, "_count_try", unlucky)
    order = jobs.Order(jobs.new_id(), "tests.core.test_jobs.deliver", msgspec.Raw(b'{"word":"late"}'))
    await jobs.run_order(resources, msgspec.json.encode(order))
    assert delivered == ["late"]
