"""Looks again at whoever stays: a socket or a stream through a preview ends when its viewer's access does."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from backend.core.resources import Resources
from backend.workbench.previews.hosts import Host
from backend.workbench.previews.places import Places
from backend.workbench.previews.signing import Claims

log = logging.getLogger(__name__)

SECONDS = 0.5


class Stay(NamedTuple):
    """One long connection. `claims` is None where nobody had to show anything."""

    host: Host
    claims: Claims | None
    end: Callable[[], None]
    holds_up: bool


class Reviewer:
    """Runs while anybody stays, and not otherwise."""

    def __init__(self, resources: Resources, places: Places) -> None:
        self._resources = resources
        self._places = places
        self._stays: dict[int, Stay] = {}
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watching(
        self, host: Host, claims: Claims | None, end: Callable[[], None], *, holds_up: bool = False
    ) -> Iterator[None]:
        """Calls `end` when access is gone; with `holds_up` also when the server drains, which would wait for it."""
        stay = Stay(host, claims, end, holds_up)
        self._stays[id(stay)] = stay
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            del self._stays[id(stay)]

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        live = self._resources.live
        with live.bell("access", "previews") as bell:
            while self._stays:
                began = time.monotonic()
                await bell.wait(SECONDS)
                if time.monotonic() - began < SECONDS:  # rung: somebody's access changed
                    self._places.clear()
                if live.draining.is_set():
                    for stay in [stay for stay in self._stays.values() if stay.holds_up]:
                        stay.end()
                try:
                    await self._review()
                except Exception:
                    log.exception("could not review open previews; trying again")

    async def _review(self) -> None:
        allowed: dict[tuple[Host, Claims | None], bool] = {}
        for stay in list(self._stays.values()):
            who = stay.host, stay.claims
            if who not in allowed:
                allowed[who] = await self._places.still(*who)
            if not allowed[who] and id(stay) in self._stays:
                stay.end()
