"""Follows what runs: its log to disk, what it uses into memory and to Prometheus."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from prometheus_client import Counter, Gauge

from backend.core.resources import Resources
from backend.workbench.services import logs, schemas
from backend.workbench.services.models import Runtime
from runtimes.engine import EngineAway, EngineError
from runtimes.spec import CanLog, CanMeasure, Sample

log = logging.getLogger(__name__)

HISTORY: Final = 120  # samples kept a service, one a second

_Kind = tuple[str, UUID]
_Work = Callable[[Runtime], Awaitable[None]]

_LABELS = ["session", "service"]
_CPU = Gauge("codeyard_service_cpu_cores", "Processors that a service uses.", _LABELS)
_MEMORY = Gauge("codeyard_service_memory_bytes", "Memory that a service uses.", _LABELS)
_RECEIVED = Gauge("codeyard_service_received_bytes", "Received since it was started.", _LABELS)
_SENT = Gauge("codeyard_service_sent_bytes", "Sent since it was started.", _LABELS)
_DISK = Gauge("codeyard_service_disk_bytes", "Read and written since it was started.", [*_LABELS, "direction"])
_LINES = Counter("codeyard_service_log_bytes", "Log bytes of services taken in.")


class Watchers:
    """One a server, in its event loop."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.samples: dict[UUID, deque[schemas.Sample]] = {}
        self.of_session: dict[UUID, set[UUID]] = {}
        self._bells: dict[UUID, set[asyncio.Event]] = {}
        self._tasks: dict[_Kind, asyncio.Task[Any]] = {}
        self._next: dict[_Kind, Runtime] = {}

    def follow(self, row: Runtime) -> None:
        """From now on until it ends. Following already is no error: the log of the run before may still be read, and then this
        one is next."""
        self.of_session.setdefault(row.session_id, set()).add(row.id)
        driver = self.resources.runtime
        if isinstance(driver, CanLog):
            self._follow(("log", row.id), row, partial(self._keep_log, driver))
        if isinstance(driver, CanMeasure):
            self._follow(("use", row.id), row, partial(self._measure, driver))

    def _follow(self, kind: _Kind, row: Runtime, work: _Work) -> None:
        self._next[kind] = row
        if kind not in self._tasks:
            self._tasks[kind] = asyncio.create_task(self._each(kind, work))

    async def _each(self, kind: _Kind, work: _Work) -> None:
        """One run after the other: the driver's stream is of one, and ends with it."""
        try:
            while (row := self._next.pop(kind, None)) is not None:
                await self._guarded(work, row)
        finally:
            del self._tasks[kind]

    async def _guarded(self, work: _Work, row: Runtime) -> None:
        try:
            await work(row)
        except (EngineAway, EngineError) as error:
            log.info("%s is not followed any more: %s", row.name, error)
        except Exception:
            log.exception("following %s failed", row.name)

    async def _keep_log(self, driver: CanLog, row: Runtime) -> None:
        kept = logs.log_of(self.resources.data, row.session_id, row.name)
        seen = await asyncio.to_thread(kept.seen)
        async for chunk in driver.logs(row.handle or {}, since=seen, follow=True):
            await asyncio.to_thread(kept.append, chunk)
            _LINES.inc(len(chunk.lines))
            self._ring(row.id)

    async def _measure(self, driver: CanMeasure, row: Runtime) -> None:
        history = self.samples[row.id] = deque(maxlen=HISTORY)
        labels = str(row.session_id), row.name
        before: Sample | None = None
        try:
            async for sample in driver.measure(row.handle or {}):
                if before is not None and sample.at > before.at:
                    shown = _between(row.id, before, sample)
                    history.append(shown)
                    _CPU.labels(*labels).set(shown.cpu)
                _MEMORY.labels(*labels).set(sample.memory)
                _RECEIVED.labels(*labels).set(sample.received)
                _SENT.labels(*labels).set(sample.sent)
                _DISK.labels(*labels, "read").set(sample.read)
                _DISK.labels(*labels, "written").set(sample.written)
                before = sample
                self._ring(row.session_id)
        finally:
            self.samples.pop(row.id, None)
            for gauge in (_CPU, _MEMORY, _RECEIVED, _SENT):
                _drop(gauge, labels)
            for direction in ("read", "written"):
                _drop(_DISK, (*labels, direction))

    async def lines(
        self, row_id: UUID, kept: logs.Log, at: logs.Position, *, search: str, stream: str
    ) -> AsyncIterator[tuple[list[schemas.LogLine], logs.Position] | None]:
        """What is added from there on, as it comes; None now and then while nothing does."""
        with self.bell(row_id) as rung:
            while True:
                rung.clear()
                data, at = await asyncio.to_thread(kept.read, at)
                if data:
                    found = await asyncio.to_thread(logs.matching, data, search=search, stream=stream)
                    if found:
                        yield found, at
                    continue
                try:
                    async with asyncio.timeout(15):
                        await rung.wait()
                except TimeoutError:
                    yield None

    async def use(self, session_id: UUID) -> AsyncIterator[list[schemas.Sample]]:
        """What is kept of a session's services, then each second what is new; an empty list while nothing is."""
        last: dict[UUID, datetime] = {}
        with self.bell(session_id) as rung:
            while True:
                rung.clear()
                new = []
                for service_id in self.of_session.get(session_id, ()):
                    after = last.get(service_id)
                    mine = [one for one in self.samples.get(service_id, ()) if after is None or one.at > after]
                    if mine:
                        last[service_id] = mine[-1].at
                        new += mine
                if new:
                    yield new
                try:
                    async with asyncio.timeout(15):
                        await rung.wait()
                except TimeoutError:
                    yield []

    @contextmanager
    def bell(self, key: UUID) -> Iterator[asyncio.Event]:
        """Rung when there is more of a service's log, or of a session's samples."""
        rung = asyncio.Event()
        self._bells.setdefault(key, set()).add(rung)
        try:
            yield rung
        finally:
            self._bells[key].discard(rung)
            if not self._bells[key]:
                del self._bells[key]

    def _ring(self, key: UUID) -> None:
        for bell in self._bells.get(key, ()):
            bell.set()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _drop(gauge: Gauge, labels: tuple[str, ...]) -> None:
    try:
        gauge.remove(*labels)
    except KeyError:
        return


def _between(service_id: UUID, before: Sample, after: Sample) -> schemas.Sample:
    seconds = after.at - before.at

    def rate(now: float, then: float) -> float:
        return round(max(now - then, 0) / seconds, 3)

    return schemas.Sample(
        service_id=service_id,
        at=datetime.fromtimestamp(after.at, UTC),
        cpu=rate(after.cpu_seconds, before.cpu_seconds),
        memory_bytes=after.memory,
        memory_limit_bytes=after.memory_limit,
        received_bps=rate(after.received, before.received),
        sent_bps=rate(after.sent, before.sent),
        read_bps=rate(after.read, before.read),
        written_bps=rate(after.written, before.written),
        pids=after.pids,
    )
