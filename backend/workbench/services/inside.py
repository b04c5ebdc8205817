"""The insides of a session where programs run: a service's container, or the session's own workbench."""

import contextlib
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from backend.core.errors import Conflict, Unavailable
from backend.core.resources import Resources
from backend.workbench.services import repository
from backend.workbench.services.conductor import Conductor
from backend.workbench.services.definition import WORKBENCH, fingerprint, service_id, workbench
from backend.workbench.services.models import UP
from backend.workbench.services.service import NoSuchService, NotRunning
from backend.workbench.sessions import repository as sessions
from runtimes.engine import EngineAway
from runtimes.spec import CanExec, RuntimeFailed, State


class CannotStart(Conflict):
    """The program could not be started."""


class EngineIsAway(Unavailable):
    """The container engine does not answer; what was asked for starts as soon as it does."""


class Inside(NamedTuple):
    """Where to run a program. `service_id` is None in the workbench."""

    driver: CanExec
    handle: State
    session_id: UUID
    service_id: UUID | None
    title: str


async def inside(
    resources: Resources, session_id: UUID, runtime_id: UUID | None, *, unused: bool = False
) -> Inside | None:
    """The container of that service; without one the session's workbench, started where it is not, and anew where it is `unused`
    and repositories came since. None where there is no engine with the workbench's image. Raises NoSuchService, NotRunning,
    RuntimeFailed, and EngineAway: what belongs into a container never runs beside it meanwhile."""
    driver = resources.runtime
    if runtime_id is None:
        return await _workbench(resources, session_id, unused=unused)
    async with resources.database.begin() as db:
        row = await repository.get(db, runtime_id)
    if row is None or row.session_id != session_id:
        raise NoSuchService
    if row.state not in UP or not row.handle:
        raise NotRunning(state=row.state)
    if not isinstance(driver, CanExec):
        return None  # it runs beside us: a shell here is a shell there
    return Inside(driver, row.handle, session_id, row.id, row.name)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """What keeps a container from being used, in words for who asked."""
    try:
        yield
    except RuntimeFailed as error:
        raise CannotStart(f"{error.message} {error.remedy}".strip(), reason=error.code) from error
    except EngineAway as error:
        raise EngineIsAway(headers={"Retry-After": "5"}) from error


async def _workbench(resources: Resources, session_id: UUID, *, unused: bool) -> Inside | None:
    driver, conductor = resources.runtime, resources.kept.get(Conductor)
    if not isinstance(driver, CanExec) or conductor is None or driver.name != "docker":
        return None
    if not await driver.has_image(resources.settings.session_image):
        return None
    runtime_id = service_id(session_id, WORKBENCH)
    async with resources.database.begin() as db:
        session = await sessions.get(db, session_id)
        row = await repository.get(db, runtime_id)
    if session is None:
        return None
    up = row is not None and row.state in UP and row.desired == "running" and row.handle is not None
    if row is not None and up and unused:
        up = row.digest == fingerprint(await resources.in_thread(workbench, resources, session))
    if not up:
        async with resources.database.begin() as db:
            await repository.want(db, session, {runtime_id: WORKBENCH}, "running", driver.name)
        row = await conductor.spawn(conductor.bring_up(runtime_id, _quiet))  # waits for who starts it already
    if row is None or not row.handle:
        raise RuntimeFailed("stopped", "The workbench was stopped while it started.", "Try again.")
    return Inside(driver, row.handle, session_id, None, "")


def _quiet(step: str, *, percent: int | None = None, message: str = "") -> None:
    """Nobody waits for its steps."""
