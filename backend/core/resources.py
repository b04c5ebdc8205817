"""Resources: what a handler or job that touches the world is handed, instead of a database session."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import anyio.to_thread
import pygit2
from anyio import CapacityLimiter
from litestar.datastructures import State
from litestar.di import NamedDependency

from backend.core import owning
from backend.core.attendance import Attendance
from backend.core.auth import Admissions, Authenticator
from backend.core.db import Database
from backend.core.live import Live
from backend.core.settings import Settings
from runtimes.inside import control_for
from runtimes.spec import Runtime
from runtimes.terminals import Terminals

P = ParamSpec("P")
T = TypeVar("T")


class Kept:
    """What features keep alive as long as the server, by its type."""

    def __init__(self) -> None:
        self._things: dict[type, object] = {}

    def put(self, thing: object) -> None:
        self._things[type(thing)] = thing

    def get(self, kind: type[T]) -> T | None:
        found = self._things.get(kind)
        return found if isinstance(found, kind) else None


@dataclass
class Resources:
    """One installation's hands."""

    settings: Settings
    database: Database
    live: Live
    authenticate: Authenticator
    admissions: Admissions
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(16))
    terminals: Terminals = field(init=False)
    runtime: Runtime | None = None
    """What runs services; None where none are run."""
    kept: Kept = field(default_factory=Kept)
    attendance: Attendance = field(default_factory=Attendance)
    ends_terminals: bool = False
    """Set before the server ends when a person asked for the end (Ctrl-C, `codeyard down`); otherwise shells live on."""

    def __post_init__(self) -> None:
        data = str(self.settings.data)
        self._owning = owning.Owning(self.settings)
        self.terminals = Terminals(data, control_for=lambda labels: control_for(self.runtime, labels))

    @property
    def data(self) -> Path:
        return self.settings.data

    async def in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs blocking work (git, disk) in a worker thread; `threads` bounds how much of it at a time. What is refused for files
        that a container's root made is done once they are the server's (`owning`)."""
        work = partial(function, *args, **kwargs)
        try:
            return await anyio.to_thread.run_sync(work, limiter=self.threads)
        except Exception as error:
            if not owning.denied(error):
                raise
            if not await self._owning.taken(self.runtime, args, everything=isinstance(error, owning.StillThere)):
                raise owning.told(error) from error
        try:
            return await anyio.to_thread.run_sync(work, limiter=self.threads)
        except pygit2.GitError as error:
            raise (owning.told(error) if owning.denied(error) else error) from error


Hands = NamedDependency[Resources]


async def provide_resources(state: State) -> Resources:
    """The `resources: Hands` dependency."""
    found: Resources = state.resources
    return found
