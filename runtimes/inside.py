"""A terminal inside of what a driver runs: the engine's TTY stream, and what can be done to the program behind it."""

import contextlib
from typing import Any

from runtimes.engine import EngineAway
from runtimes.spec import CanExec, Runtime, RuntimeFailed, State
from runtimes.terminal import Control


class Inside(Control):
    """The control of a stream that `exec_tty` made, found again by its notes."""

    def __init__(self, driver: CanExec, notes: State) -> None:
        self._driver = driver
        self._notes = notes

    async def resize(self, cols: int, rows: int) -> None:
        with contextlib.suppress(EngineAway):
            await self._driver.exec_resize(self._notes, cols, rows)

    async def signal(self, name: str) -> None:
        with contextlib.suppress(EngineAway):
            await self._driver.exec_signal(self._notes, name)

    async def status(self) -> dict[str, Any] | None:
        try:
            code = await self._driver.exec_status(self._notes)
        except EngineAway:
            return {"signal": "SIGHUP"}  # its container goes with the engine
        return None if code is None else {"code": code}

    async def end(self) -> None:
        for name in ("SIGHUP", "SIGKILL"):
            await self.signal(name)


def control_for(driver: Runtime | None, labels: dict[str, Any]) -> Control:
    """The control of a stream that the keeper kept, by the labels it was given."""
    notes = labels.get("exec")
    return Inside(driver, notes) if isinstance(driver, CanExec) and notes else Control()


async def shell_in(driver: CanExec, state: State) -> str:
    """bash where there is one, else sh. Raises RuntimeFailed where the image has neither."""
    try:
        code, said = await driver.run(state, ["/bin/sh", "-c", "command -v bash || command -v sh"], timeout=10)
    except RuntimeFailed as error:
        if error.code != "command_not_found":
            raise
        code, said = 127, b""
    shell = said.decode("utf-8", "replace").strip().splitlines()[:1]
    if code != 0 or not shell or not shell[0].startswith("/"):
        raise RuntimeFailed(
            "no_shell",
            "This image has no shell.",
            "Its log and metrics are there; a shell needs an image with /bin/sh.",
        )
    return shell[0]
