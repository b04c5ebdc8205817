"""Services live on without the server: it finds the engine, takes up what it left, and lets go at the end."""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from uuid import uuid4

from backend.core.resources import Resources
from backend.workbench.services import repository
from backend.workbench.services.conductor import Conductor
from backend.workbench.services.disk import DiskWatch
from backend.workbench.services.models import UP
from backend.workbench.services.operations import Operations
from backend.workbench.services.watchers import Watchers
from runtimes.docker import Docker
from runtimes.process import Process
from runtimes.spec import Runtime

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def lifespan(resources: Resources) -> AsyncIterator[None]:
    driver = resources.runtime = resources.runtime or choose(resources)
    if isinstance(driver, Docker):
        await _end_processes(resources)
    conductor = Conductor(resources, driver)
    operations = Operations(resources, conductor)
    resources.kept.put(conductor)
    watchers = Watchers(resources)
    disk = DiskWatch(resources, conductor)
    for thing in (operations, watchers, disk):
        resources.kept.put(thing)
    conductor.on_up.append(watchers.follow)
    async with resources.database.begin() as db:
        for row in await repository.alive(db):
            if row.state in UP and row.driver == driver.name:
                watchers.follow(row)
    await operations.resume()
    running = [asyncio.create_task(conductor.run()), asyncio.create_task(disk.run())]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await conductor.close()
        await watchers.close()
        driver.close()


async def _end_processes(resources: Resources) -> None:
    """What ran without containers, when the last server had no engine, runs in them from now on."""
    before = Process(_processes(resources))
    await asyncio.gather(*(before.stop(found.state) for found in await before.everything()))


def _processes(resources: Resources) -> str:
    return str(resources.data / "runtimes")


def choose(resources: Resources) -> Runtime:
    """The engine where there is one; processes of the server's own user where there is none."""
    socket = resources.settings.docker_socket
    if socket and os.path.exists(socket):
        return Docker(installation(resources), socket_path=socket)
    log.warning(
        "no Docker engine at %s: services run as processes of this user, and only its owner may run them", socket
    )
    return Process(_processes(resources))


def installation(resources: Resources) -> str:
    """The id on all that this installation makes in an engine; made once."""
    path = resources.data / "installation"
    with contextlib.suppress(FileExistsError):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(uuid4().hex)
    return path.read_text()
