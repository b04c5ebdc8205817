"""Brings services up and down and keeps them as they should be: the one who talks to the driver.

What should be true stands in the database; what is true is asked of the driver, at its events and every few seconds. One lock
a service keeps starting, stopping and looking apart. Nothing here is remembered that a restarted server would miss.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from weakref import WeakValueDictionary

from backend.core.db import now
from backend.core.events import emit
from backend.core.resources import Resources
from backend.workbench.services import definition as definitions
from backend.workbench.services import repository
from backend.workbench.services.events import ServiceState
from backend.workbench.services.models import UP, Runtime, Stage
from backend.workbench.services.noting import Noting
from backend.workbench.services.slots import Slots
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions.models import Session
from backend.workbench.sessions.models import Status as SessionStatus
from runtimes.compose.model import BadCompose
from runtimes.engine import EngineAway, EngineError
from runtimes.spec import CanKeepVolumes, CanRestart, CanWatch, RuntimeFailed, Spec, Status, Tell
from runtimes.spec import Runtime as Driver

log = logging.getLogger(__name__)

POLL: Final = 5.0  # seconds between looks at everything
_STEADY: Final = 60.0  # seconds after which a crash is the first one again
_SLOWEST: Final = 60.0  # seconds between two tries of what keeps crashing
_NOT_FOUND: Final = {  # what shells and `init` mean by these; a program may mean something else
    126: "its command may be no program, or not executable",
    127: "its command, or what that calls, may not be there",
}
IDLE: Final = "idle"  # the reason of what was stopped since nobody used it, which stays with it
_ENGINE_MISSING: Final = ("engine_away", "needs_engine")
_ENGINES_FAULT: Final = ("engine_away", "engine_refused", "vanished")  # what one says that is about to end, too


class Conductor:
    """One a server, in its event loop."""

    def __init__(self, resources: Resources, driver: Driver) -> None:
        self.resources = resources
        self.driver = driver
        self.slots = Slots(resources.settings.start_slots)
        self.changed = asyncio.Condition()
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._starting: dict[UUID, asyncio.Task[Any]] = {}
        self._timers: dict[UUID, asyncio.TimerHandle] = {}
        self._news: set[UUID] = set()  # of which something was told that nobody has looked at yet
        self._tasks: set[asyncio.Task[Any]] = set()
        self.away = False  # whether the engine did not answer when it was asked last
        self.on_up: list[Callable[[Runtime], None]] = []
        self.held: Counter[UUID] = Counter()  # how many operations will bring it up themselves, in their order

    # --- up and down

    async def bring_up(
        self, runtime_id: UUID, tell: Tell, *, ticket: asyncio.Future[None] | None = None
    ) -> Runtime | None:
        """Starts it, if it still should run. The row afterwards. Raises RuntimeFailed, BadCompose, also noted on the row."""
        task = asyncio.current_task()
        async with self._lock(runtime_id):
            if task is not None:
                self._starting[runtime_id] = task
            try:
                row = await self._row(runtime_id)
                if row is None or row.desired != "running":
                    return row
                async with self.slots.turn(row.organization_id, ticket or asyncio.get_running_loop().create_future()):
                    return await self._start(row, tell)
            finally:
                self._starting.pop(runtime_id, None)

    async def _start(self, row: Runtime, tell: Tell) -> Runtime | None:
        noting = Noting(self.spawn, self.note, row.id, tell)
        try:
            async with self.resources.database.begin() as db:
                session = await sessions.get(db, row.session_id)
            if session is None or session.status != SessionStatus.READY:
                return row
            spec, digest, restart = await self._wanted(session, row.name)
            handle = await self.driver.start(spec, noting)
            status = await self.driver.poll(handle)
        except Exception as error:  # whatever it was: nothing is under way any more
            await noting.close()
            await self.note(row.id, state=Stage.FAILED, reason=reason_of(error), ended_at=now())
            raise
        finally:
            noting.closed = True
        await noting.close()
        after = await self.note(
            row.id,
            handle=handle,
            driver=self.driver.name,
            digest=digest,
            restart=restart,
            has_health=spec.health is not None or (status is not None and status.health is not None),
            exit_code=None,
            ended_at=None,
            state=stage_of(status) if status is not None and status.running else Stage.STARTING,
            health=health_of(status),
            reason=None,
            started_at=_moment(status.started_at) if status else now(),
        )
        if after is None or after.desired != "running":  # stopped or deleted meanwhile
            await self.driver.stop(handle, grace=0)
            return await self.note(row.id, state=Stage.STOPPED, handle=None)
        await self._is_up(after, status)
        return after

    async def _is_up(self, row: Runtime, status: Status | None) -> None:
        """Or was, for a moment."""
        for follow in self.on_up:
            follow(row)
        if status is None or not status.running:
            await self._look(row, status)

    async def _wanted(self, session: Session, name: str) -> tuple[Spec, str, str]:
        """What to start, the digest of its declaration, its restart policy."""
        if name == definitions.WORKBENCH:
            spec = await self.resources.in_thread(definitions.workbench, self.resources, session)
            return spec, definitions.fingerprint(spec), "always"
        definition = await definitions.read(self.resources, session, ("*",))
        if name not in definition.project.services:
            raise RuntimeFailed("not_declared", f"compose.yaml has no service {name} any more.")
        spec, digest = await self.resources.in_thread(definitions.wanted, self.resources, definition, name)
        return spec, digest, definition.project.services[name].restart.policy

    async def bring_down(self, runtime_id: UUID, *, tell: Tell | None = None) -> None:
        """Stops it, whatever it was about to do. The row's `desired` is the caller's to set first."""
        self._forget_timer(runtime_id)
        if (starting := self._starting.get(runtime_id)) is not None:
            starting.cancel()
        async with self._lock(runtime_id):
            row = await self._row(runtime_id)
            if row is None or (row.desired == "running" and tell is None):
                return
            await self.note(runtime_id, state=Stage.STOPPING)
            why = row.reason if row.reason and row.reason["code"] == IDLE else None
            handle = self._handle(row) or self.driver.handle(str(row.session_id), row.name)
            try:
                await self.driver.stop(handle)
            except (EngineAway, EngineError) as error:
                await self.note(runtime_id, reason=reason_of(error))
                raise
            await self.note(
                runtime_id,
                state=Stage.STOPPED,
                handle=None,
                health=None,
                reason=why,
                exit_code=None,
                started_at=None,
                restarts=0,
            )

    async def again(
        self, runtime_id: UUID, tell: Tell, *, ticket: asyncio.Future[None] | None = None
    ) -> Runtime | None:
        """Restarts it: in place when nothing of it changed, else as a new one. What is built is built again, from cache where
        it is the same, and what is installed is installed again: its dependencies may be others by now, or gone."""
        async with self.resources.database.begin() as db:
            row = await repository.get(db, runtime_id)
            session = await sessions.get(db, row.session_id) if row is not None else None
        if row is not None and row.state in UP and self._handle(row) and isinstance(self.driver, CanRestart):
            definition = session and await definitions.read(self.resources, session, ("*",))
            service = definition.project.services.get(row.name) if definition else None
            looked = await definitions.look(self.resources, definition, [row.name]) if definition and service else None
            made = service is not None and (service.build is not None or service.install)
            if looked is not None and looked.digests[row.name] == row.digest and not made:
                async with self._lock(runtime_id):
                    tell("starting")
                    if await self.driver.restart(row.handle or {}):
                        status = await self.driver.poll(row.handle or {})
                        after = await self.note(
                            runtime_id,
                            state=stage_of(status) if status and status.running else Stage.STARTING,
                            health=health_of(status),
                            reason=None,
                            restarts=0,
                            started_at=_moment(status.started_at) if status else now(),
                        )
                        if after is not None:
                            await self._is_up(after, status)
                        return after
        if row is not None and row.handle:
            await self.bring_down(runtime_id, tell=tell)
        return await self.bring_up(runtime_id, tell, ticket=ticket)

    async def give_up(self, runtime_id: UUID, error: Exception) -> None:
        """It was to be started and is not, as for lack of what it needs: the row says why."""
        async with self._lock(runtime_id):
            row = await self._row(runtime_id)
            if row is not None and row.state == Stage.QUEUED:
                await self.note(runtime_id, state=Stage.FAILED, reason=reason_of(error), ended_at=now())

    async def put_away(self, session_id: UUID) -> None:
        """Everything of a session but its volumes. Its rows say already that nothing should run."""
        async with self.resources.database.begin() as db:
            rows = await repository.of_session(db, session_id)
        for row in rows.values():
            self._forget_timer(row.id)
            if (starting := self._starting.get(row.id)) is not None:
                starting.cancel()
        await self.driver.put_away(str(session_id))
        for row in rows.values():
            await self.note(row.id, state=Stage.STOPPED, handle=None, health=None, reason=None, started_at=None)

    # --- looking

    async def look(self, runtime_id: UUID, *, lost: bool = False) -> None:
        """Compares the row with the truth. `lost`: the engine was away, so an end was not the program's own doing."""
        async with self._lock(runtime_id):
            self._news.discard(runtime_id)
            row = await self._row(runtime_id)
            if row is not None and (handle := self._handle(row)) is not None:
                await self._look(row, await self.driver.poll(handle), lost=lost)

    async def _look(self, row: Runtime, status: Status | None, *, lost: bool = False) -> None:
        if status is not None and status.running:
            if status.frozen and row.desired == "running" and isinstance(self.driver, CanKeepVolumes):
                await self.driver.thaw(row.handle or {})
            stage, health = stage_of(status), health_of(status)
            if row.desired == "running" and (stage != row.state or health != row.health):
                reason = _unhealthy(status) if stage == Stage.UNHEALTHY else None
                await self.note(
                    row.id, state=stage, health=health, reason=reason, started_at=_moment(status.started_at)
                )
            return
        if row.desired != "running":
            if row.state != Stage.STOPPED:
                await self.note(row.id, state=Stage.STOPPED, handle=None, health=None, started_at=None)
            return
        if row.state not in UP and not lost:
            return  # its end was seen before
        code = status.exit_code if status else None
        ended = (_moment(status.finished_at) if status else None) or now()
        if code == 0 and not lost and row.restart not in ("always", "unless-stopped"):
            await self.note(row.id, state=Stage.EXITED, exit_code=0, ended_at=ended, health=None, reason=None)
            return
        if row.restart == "no" and not lost:
            why = _ended(status, "Its `restart` says that it stays so.")
            await self.note(row.id, state=Stage.EXITED, exit_code=code, ended_at=ended, health=None, reason=why)
            return
        steady = row.started_at is not None and ended - row.started_at > timedelta(seconds=_STEADY)
        restarts = 0 if lost else 1 if steady else row.restarts + 1
        delay = (
            0.0 if lost else min(0.5 * 2 ** min(restarts - 1, 9), _SLOWEST)
        )  # a day of it is more than a float holds
        why = _ended(status, f"It is started again in {delay:g} s; its log may say why.")
        await self.note(
            row.id, state=Stage.EXITED, exit_code=code, ended_at=ended, health=None, reason=why, restarts=restarts
        )
        self.later(row.id, delay)

    def later(self, runtime_id: UUID, delay: float) -> None:
        """Starts it again after so many seconds, unless it should not run by then."""
        self._forget_timer(runtime_id)
        timer = asyncio.get_running_loop().call_later(delay, lambda: self.spawn(self._revive(runtime_id)))
        self._timers[runtime_id] = timer

    async def _revive(self, runtime_id: UUID) -> None:
        self._forget_timer(runtime_id)
        with contextlib.suppress(RuntimeFailed, BadCompose, EngineAway, EngineError):
            await self.bring_up(runtime_id, _say_nothing)

    async def reconcile(self, *, lost: bool = False, began: float | None = None) -> None:
        """Compares everything. Who was up before the engine `began` and is no more has ended with the one before. Raises
        EngineAway."""
        found = {}
        if isinstance(self.driver, CanWatch):
            found = {(one.group, one.name): one for one in await self.driver.everything()}
        rows: Sequence[Runtime] = ()
        if await repository.any_alive(self.resources.database):
            async with self.resources.database.begin() as db:
                rows = await repository.alive(db)
        for row in rows:
            there = found.pop((str(row.session_id), row.name), None)
            if self.busy(row.id) or row.id in self._timers:
                continue
            if row.desired != "running":
                self.spawn(self._quietly(self.bring_down(row.id)))
            elif self.held[row.id]:
                continue
            elif row.state in UP and row.driver != self.driver.name:
                self.later(row.id, 0)  # the last server had another driver; a start tells whether this one can
            elif row.state in UP and row.handle:
                if (
                    not isinstance(self.driver, CanWatch)
                    or there is None
                    or not there.running
                    or row.state != Stage.RUNNING
                ):
                    ended_with_it = began is not None and row.started_at and row.started_at.timestamp() < began
                    await self.look(row.id, lost=bool(lost or ended_with_it))
            elif row.state == Stage.EXITED:
                if lost or (row.reason and row.exit_code != 0 and row.restart != "no"):
                    self.later(row.id, 0)
            elif row.state != Stage.FAILED or (row.reason or {}).get("code") in (
                _ENGINES_FAULT if lost else _ENGINE_MISSING if isinstance(self.driver, CanWatch) else ()
            ):
                self.later(row.id, 0)  # it was on its way when the server ended
        for one in found.values():
            if not await self._is_ours_to_keep(one.group, one.name):
                log.warning("stopping what nobody asked for: %s of %s", one.name, one.group)
                await self.driver.stop(one.state, grace=1)

    async def _is_ours_to_keep(self, group: str, name: str) -> bool:
        """Whether a row has come to want it, or is busy with it, since we looked."""
        with contextlib.suppress(ValueError):
            runtime_id = definitions.service_id(UUID(group), name)
            row = await self._row(runtime_id)
            return self.busy(runtime_id) or (
                row is not None and (row.desired == "running" or row.state != Stage.STOPPED)
            )
        return False

    # --- for ever

    async def run(self) -> None:
        """Until cancelled: follows the driver's events and looks at everything now and then."""
        lost, began, looked_at = False, None, None
        while True:
            try:
                if isinstance(self.driver, CanWatch):
                    began = await self.driver.began()
                    if began is not None:  # else a line that breaks cannot be told from an engine that does
                        lost = looked_at not in (None, began)
                    await self.driver.sweep()
                await self.reconcile(lost=lost, began=began)
                lost, self.away, looked_at = False, False, began
                if isinstance(self.driver, CanWatch):
                    await self._watch(self.driver)
                    lost = True
                else:
                    await asyncio.sleep(POLL / 5)
            except (EngineAway, EngineError) as error:
                lost = self.away = True
                log.warning("the container engine does not answer: %s", error)
            except Exception:
                log.exception("looking at the services failed")
            await asyncio.sleep(0.5)

    async def _watch(self, driver: CanWatch) -> None:
        """Until the engine goes."""
        looking = asyncio.create_task(self._poll())
        try:
            async for group, name in driver.changes():
                with contextlib.suppress(ValueError):
                    runtime_id = definitions.service_id(UUID(group), name)
                    if runtime_id not in self._news:
                        self._news.add(runtime_id)  # whoever starts or stops it now may have looked before it was so
                        self.spawn(self._quietly(self.look(runtime_id)))
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            await self._quietly(self.reconcile())

    async def close(self) -> None:
        """Lets go; what runs goes on."""
        for timer in self._timers.values():
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- small things

    async def note(self, runtime_id: UUID, **changes: Any) -> Runtime | None:
        """Writes what is true now, and says so to who listens. None if the row is gone."""

        async def step() -> Runtime | None:
            async with self.resources.database.begin() as db:
                row = await repository.note(db, runtime_id, changes)
                if row is not None:
                    await emit(db, fact(row))
                return row

        row = await self.resources.database.persist(step)
        async with self.changed:
            self.changed.notify_all()
        return row

    async def _row(self, runtime_id: UUID) -> Runtime | None:
        async with self.resources.database.begin() as db:
            return await repository.get(db, runtime_id)

    def _handle(self, row: Runtime) -> dict[str, Any] | None:
        """The driver's note on it, unless that was another's, of a server that had an engine or had none."""
        return row.handle if row.driver == self.driver.name else None

    def _lock(self, runtime_id: UUID) -> asyncio.Lock:
        return self._locks.setdefault(runtime_id, asyncio.Lock())

    def busy(self, runtime_id: UUID) -> bool:
        lock = self._locks.get(runtime_id)
        return lock is not None and lock.locked()

    def _forget_timer(self, runtime_id: UUID) -> None:
        if (timer := self._timers.pop(runtime_id, None)) is not None:
            timer.cancel()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _quietly(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except (EngineAway, EngineError, RuntimeFailed, BadCompose) as error:
            log.info("services could not be looked after: %s", error)
        except Exception:
            log.exception("services could not be looked after")


def _say_nothing(step: str, *, percent: int | None = None, message: str = "") -> None:
    """For starts that no operation waits for."""


def stage_of(status: Status | None) -> Stage:
    if status is None or not status.running:
        return Stage.EXITED
    return {"starting": Stage.STARTING, "unhealthy": Stage.UNHEALTHY}.get(status.health or "", Stage.RUNNING)


def health_of(status: Status | None) -> dict[str, str] | None:
    return {"status": status.health, "log": status.health_log} if status and status.health else None


def fact(row: Runtime) -> ServiceState:
    return ServiceState(
        organization_id=row.organization_id,
        workspace_id=row.workspace_id,
        session_id=row.session_id,
        service_id=str(row.id),
        service=row.name,
        state=row.state,
        desired=row.desired,
        reason=row.reason,
        exit_code=row.exit_code,
        health=row.health,
    )


def reason_of(error: Exception) -> dict[str, str]:
    """{code, message, remedy} of a failure."""
    if isinstance(error, RuntimeFailed):
        return {"code": error.code, "message": error.message, "remedy": error.remedy}
    if isinstance(error, BadCompose):
        return {
            "code": "bad_compose",
            "message": str(error),
            "remedy": "Mend compose.yaml; GET …/services lists all of it.",
        }
    if isinstance(error, EngineAway):
        remedy = "It is tried again as soon as the engine answers."
        return {"code": "engine_away", "message": "The container engine does not answer.", "remedy": remedy}
    if isinstance(error, OSError):
        return {"code": "disk", "message": f"The session's files cannot be read: {error.strerror}.", "remedy": ""}
    if isinstance(error, EngineError):
        return {
            "code": "engine_refused",
            "message": str(error),
            "remedy": "The engine's words say what it does not like.",
        }
    return {"code": "internal", "message": "Something went wrong here.", "remedy": "The server's log says what it was."}


def _unhealthy(status: Status) -> dict[str, str]:
    said = status.health_log.strip() or "nothing"
    remedy = "It runs, but fails the check: look into its log, or give it longer by `retries` or `start_period`."
    return {"code": "unhealthy", "message": f"The health check failed; it said: {said}", "remedy": remedy}


def _ended(status: Status | None, remedy: str) -> dict[str, str]:
    if status is None:
        return {"code": "vanished", "message": "Its container was removed by somebody else.", "remedy": remedy}
    if status.oom_killed:
        remedy = "Give it more memory, or find what takes it."
        return {
            "code": "out_of_memory",
            "message": "It was killed for using more memory than it may.",
            "remedy": remedy,
        }
    message = f"It ended with exit code {status.exit_code}."
    if status.exit_code in _NOT_FOUND:
        message = f"It ended with exit code {status.exit_code}: {_NOT_FOUND[status.exit_code]}."
    return {"code": "crashed", "message": message, "remedy": remedy}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
