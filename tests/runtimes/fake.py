"""Drivers for tests: one that runs nothing and remembers, and ones that misbehave as a real engine may."""

import asyncio
import time
from itertools import count

from runtimes.spec import Found, RuntimeFailed, Spec, State, Status, Tell

_SLEEPS = ("sleep", "while")


class Fake:
    """Runs nothing: a script of `exit N` has ended with N, one of another kind runs. What is in `failing` cannot be started."""

    name = "fake"

    def __init__(self) -> None:
        self.running: dict[str, tuple[Spec, Status]] = {}
        self.failing: dict[str, RuntimeFailed] = {}
        self.starts: list[str] = []
        self._number = count()

    async def start(self, spec: Spec, tell: Tell) -> State:
        tell("starting")
        await self._pause()
        if (failure := self.failing.get(spec.name)) is not None:
            raise failure
        key = f"{spec.group}/{spec.name}"
        held = self.running.get(key)
        if held is None or held[0] != spec or not held[1].running:
            self.starts.append(spec.name)
            self.running[key] = spec, _begun(spec)
        return self.handle(spec.group, spec.name)

    def handle(self, group: str, name: str) -> State:
        return {"key": f"{group}/{name}"}

    async def poll(self, state: State) -> Status | None:
        await self._pause()
        held = self.running.get(state["key"])
        return held[1] if held else None

    async def stop(self, state: State, *, grace: float | None = None) -> None:
        await self._pause()
        self.running.pop(state["key"], None)

    async def put_away(self, group: str) -> None:
        for key in [key for key in self.running if key.startswith(group + "/")]:
            del self.running[key]

    async def remove_group(self, group: str) -> None:
        await self.put_away(group)

    async def everything(self) -> list[Found]:
        return [
            Found(group=spec.group, name=spec.name, state={"key": key}, running=status.running)
            for key, (spec, status) in self.running.items()
        ]

    def dies(self, group: str, name: str, code: int) -> None:
        """Its program ends by itself."""
        spec, _ = self.running[f"{group}/{name}"]
        self.running[f"{group}/{name}"] = spec, Status(running=False, exit_code=code, finished_at=time.time())

    def close(self) -> None:
        """Nothing to let go of."""

    async def _pause(self) -> None:
        await asyncio.sleep(0)


class Slow(Fake):
    """Answers late, each time."""

    async def _pause(self) -> None:
        await asyncio.sleep(0.05)


class Never(Fake):
    """Never answers a start."""

    async def start(self, spec: Spec, tell: Tell) -> State:
        tell("starting")
        await asyncio.Event().wait()
        raise AssertionError


def _begun(spec: Spec) -> Status:
    words = " ".join(spec.command or [])
    if "/no/such" in words:
        return Status(running=False, exit_code=127)
    if "exit " in words:
        return Status(running=False, exit_code=int(words.rpartition("exit ")[2]), started_at=time.time())
    return Status(running=True, started_at=time.time())
