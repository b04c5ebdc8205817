"""Operations: several services started, restarted or stopped as one, in the order that they depend on each other, step by step
told to whoever looks."""

import asyncio
import contextlib
import logging
from collections import Counter
from typing import Any, Final
from uuid import UUID

import msgspec

from backend.core.db import now
from backend.core.events import emit
from backend.core.resources import Resources
from backend.workbench.services import definition as definitions
from backend.workbench.services import repository, schemas
from backend.workbench.services.conductor import Conductor, reason_of
from backend.workbench.services.events import OperationProgress
from backend.workbench.services.models import UP, Operation, Runtime, Stage
from backend.workbench.services.schemas import Step
from backend.workbench.sessions import repository as sessions
from runtimes.compose.model import BadCompose, Dependency, Project
from runtimes.engine import EngineAway, EngineError
from runtimes.spec import RuntimeFailed

log = logging.getLogger(__name__)

_TELL_EVERY: Final = 0.25  # seconds between two events of one operation


class Operations:
    """Those that run on this server. What is asked is a row before it is here, and is taken up again after a crash."""

    def __init__(self, resources: Resources, conductor: Conductor) -> None:
        self.resources = resources
        self.conductor = conductor
        self.running: dict[UUID, _Performance] = {}

    def perform(self, operation: Operation, project: Project | None = None) -> asyncio.Task[Any]:
        """`project` is what the session declares, for who has just read it."""
        performance = self.running[operation.id] = _Performance(self.resources, self.conductor, operation, project)
        task = self.conductor.spawn(performance.run())
        task.add_done_callback(lambda _: self.running.pop(operation.id, None))
        return task

    async def resume(self) -> None:
        """Takes up what the last server did not finish: a step that was done is not done again, every other one finds what it
        had started."""
        async with self.resources.database.begin() as db:
            rows = await repository.unfinished(db)
        for row in rows:
            self.perform(row)

    def show(self, row: Operation) -> schemas.Operation:
        performance = self.running.get(row.id)
        return performance.show() if performance is not None else shown(row, msgspec.convert(row.steps, list[Step]))


class _Performance:
    """One operation while it runs."""

    def __init__(self, resources: Resources, conductor: Conductor, row: Operation, project: Project | None) -> None:
        self.resources = resources
        self.conductor = conductor
        self.row = row
        self.project = project
        self.steps = {step.service: step for step in msgspec.convert(row.steps, list[Step])}
        self.tickets: dict[str, asyncio.Future[None]] = {}
        self.error: dict[str, str] | None = None
        self._left = [name for name, step in self.steps.items() if step.status != "done"]  # by the server before
        self._held = Counter(self.steps[name].service_id for name in self._left if "stop" not in row.kind)
        conductor.held += self._held
        self._telling: asyncio.Task[None] | None = None

    async def run(self) -> None:
        self.row.status = "running"
        self._changed()
        try:
            await (self._stop() if self.row.kind in ("stop", "stop-all") else self._start())
        except asyncio.CancelledError:
            raise  # the server ends; the next one takes it up
        except (RuntimeFailed, BadCompose) as error:
            self.error = reason_of(error)
        except Exception as error:
            log.exception("operation %s failed", self.row.id)
            self.error = reason_of(error)
        finally:
            self.conductor.held -= self._held
        failed = self.error or any(step.status == "failed" for step in self.steps.values())
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)
        self.row.status, self.row.finished_at = "failed" if failed else "succeeded", now()
        await self._write()  # at once: who is told that it is over may end the server

    # --- starting

    async def _start(self) -> None:
        project = self.project or await self._declared()
        if project is not None:
            await asyncio.gather(*(self._start_one(project, name) for name in self._left))

    async def _declared(self) -> Project | None:
        """None where the session is gone. Raises BadCompose."""
        async with self.resources.database.begin() as db:
            session = await sessions.get(db, self.row.session_id)
        return None if session is None else (await definitions.read(self.resources, session, ("*",))).project

    async def _start_one(self, project: Project, name: str) -> None:
        step = self.steps[name]
        work = self.conductor.again if self.row.kind == "restart" else self.conductor.bring_up
        try:
            service = project.services.get(name)
            for dependency in service.depends_on if service else ():
                await self._until_met(project, step, dependency)
            step.step, step.status = "queued", "running"
            ticket = self.tickets[name] = asyncio.get_running_loop().create_future()
            self._changed()
            row = await self.conductor.spawn(work(step.service_id, _Tell(self, step), ticket=ticket))
            self.conductor.held -= Counter({step.service_id: self._held.pop(step.service_id)})
            await self._until_well(step, row)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            self._fail(step, {"code": "stopped", "message": "It was stopped while it started.", "remedy": ""})
        except Exception as error:
            if not isinstance(error, RuntimeFailed | BadCompose | EngineAway | EngineError | OSError):
                log.exception("service %s could not be started", name)
            else:
                log.warning("service %s could not be started: %s", name, error)
            await self.conductor.give_up(step.service_id, error)
            self._fail(step, reason_of(error))

    async def _until_met(self, project: Project, step: Step, dependency: Dependency) -> None:
        """Until what it depends on is as it asks. Raises RuntimeFailed."""
        if dependency.service not in project.services:
            return
        step.step, step.message = "waiting", f"for {dependency.service}"
        self._changed()
        their = self.steps.get(dependency.service)
        runtime_id = definitions.service_id(self.row.session_id, dependency.service)
        async with self.conductor.changed:
            while True:
                async with self.resources.database.begin() as db:
                    row = await repository.get(db, runtime_id)
                if _meets(row, dependency.condition):
                    break
                if _in_vain(their, row, dependency.condition):
                    if not dependency.required or (their is None and self.row.kind == "restart"):
                        break  # a restart is of the one alone, and may be what mends the other
                    raise RuntimeFailed(
                        "dependency_failed",
                        f"{dependency.service} is not as {step.service} needs it ({dependency.condition}).",
                        f"Look at {dependency.service} first.",
                    )
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(5):
                        await self.conductor.changed.wait()
        step.message = ""

    async def _until_well(self, step: Step, row: Runtime | None) -> None:
        """A service with a health check is started once it is healthy."""
        step.step = "starting"
        async with self.conductor.changed:
            while row is not None and row.state == Stage.STARTING and row.desired == "running":
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(5):
                        await self.conductor.changed.wait()
                async with self.resources.database.begin() as db:
                    row = await repository.get(db, step.service_id)
        if row is None or row.desired != "running":
            self._fail(step, {"code": "stopped", "message": "It was stopped while it started.", "remedy": ""})
        elif row.state == Stage.RUNNING or (row.state == Stage.EXITED and row.exit_code == 0):
            step.step, step.status, step.percent = "healthy" if row.has_health else "running", "done", None
            self._changed()
            self.conductor.spawn(self._wake())
        else:
            self._fail(step, row.reason or {"code": row.state, "message": f"It is {row.state}.", "remedy": ""})

    # --- stopping

    async def _stop(self) -> None:
        """Who depends on others goes first."""
        project = None
        with contextlib.suppress(BadCompose):  # what runs can be stopped whatever the file says now
            project = await self._declared()
        users: dict[str, set[str]] = {name: set() for name in self.steps}
        for name, service in project.services.items() if project else ():
            for dependency in service.depends_on:
                if dependency.service in users and name in users:
                    users[dependency.service].add(name)
        done = {name: asyncio.Event() for name in self.steps}

        async def one(name: str) -> None:
            step = self.steps[name]
            try:
                for user in users[name]:
                    await done[user].wait()
                step.step, step.status = "stopping", "running"
                self._changed()
                await self.conductor.bring_down(step.service_id)
                step.step, step.status = "stopped", "done"
                self._changed()
            except Exception as error:
                self._fail(step, reason_of(error))
            finally:
                done[name].set()

        await asyncio.gather(*(one(name) for name in self.steps))

    # --- telling

    def _fail(self, step: Step, reason: dict[str, str]) -> None:
        step.status, step.message = "failed", reason["message"]
        self.error = self.error or reason
        self._changed()
        self.conductor.spawn(self._wake())

    async def _wake(self) -> None:
        async with self.conductor.changed:
            self.conductor.changed.notify_all()

    def _changed(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_soon())

    async def _tell_soon(self) -> None:
        await asyncio.sleep(_TELL_EVERY)
        await self._write()

    async def _write(self) -> None:
        steps = msgspec.to_builtins(list(self.steps.values()))
        said = msgspec.to_builtins(self.show())

        async def write() -> None:
            async with self.resources.database.begin() as db:
                await repository.finish(db, self.row.id, self.row.status, steps, self.error)
                await emit(
                    db,
                    OperationProgress(
                        organization_id=self.row.organization_id,
                        workspace_id=self.row.workspace_id,
                        session_id=self.row.session_id,
                        operation=said,
                    ),
                )

        await self.resources.database.persist(write)

    def show(self) -> schemas.Operation:
        self.row.error = self.error
        found = shown(self.row, list(self.steps.values()))
        if (
            self.row.status == "running"
            and (place := self.conductor.slots.place(set(self.tickets.values()))) is not None
        ):
            found.position, found.estimate_seconds = place
            if all(step.status == "waiting" or step.step == "queued" for step in self.steps.values()):
                found.status = "queued"
        return found


class _Tell:
    """Where a driver's start is, into its step."""

    def __init__(self, performance: _Performance, step: Step) -> None:
        self._performance = performance
        self._step = step

    def __call__(self, step: Any, *, percent: int | None = None, message: str = "") -> None:
        self._step.step, self._step.percent, self._step.message = step, percent, message
        self._performance._changed()


def _meets(row: Runtime | None, condition: str) -> bool:
    if row is None:
        return False
    ended_well = row.state == Stage.EXITED and row.exit_code == 0
    if condition == "service_completed_successfully":
        return ended_well
    if condition == "service_healthy":
        return row.state == Stage.RUNNING
    return row.state in UP or ended_well


def _in_vain(their: Step | None, row: Runtime | None, condition: str) -> bool:
    """Whether it is no use to wait. `their` is its own step, where it is started by the same operation."""
    if their is not None and their.status != "done":
        return their.status == "failed"
    if row is None or row.state in (Stage.FAILED, Stage.STOPPED) or row.desired != "running":
        return True
    if row.state == Stage.UNHEALTHY:
        return condition == "service_healthy"
    if row.state != Stage.EXITED:
        return False
    if condition == "service_completed_successfully":
        return row.exit_code != 0
    return row.exit_code == 0 or row.restart == "no"  # others that crash are started again


def shown(row: Operation, steps: list[Step]) -> schemas.Operation:
    return schemas.Operation(
        id=row.id,
        session_id=row.session_id,
        kind=row.kind,
        status=row.status,  # type: ignore[arg-type]
        position=None,
        estimate_seconds=None,
        steps=steps,
        error=schemas.reason(row.error),
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
