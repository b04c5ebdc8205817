"""What services hold on disk beside the working copy: measured now and then, told of above the limit, stopped at twice that."""

import asyncio
import logging
from typing import Final
from uuid import UUID

from prometheus_client import Gauge

from backend.core.events import emit
from backend.core.resources import Resources
from backend.workbench.services import repository
from backend.workbench.services.conductor import Conductor
from backend.workbench.services.events import ServiceDisk
from backend.workbench.services.models import Runtime
from runtimes.engine import EngineAway, EngineError
from runtimes.spec import CanMeasureDisk

log = logging.getLogger(__name__)

EVERY: Final = 120.0  # seconds: the engine walks over everything for it
_HELD = Gauge(
    "codeyard_service_disk_held_bytes", "What a service's container and volumes hold.", ["session", "service"]
)


class DiskWatch:
    """One a server, in its event loop."""

    def __init__(self, resources: Resources, conductor: Conductor) -> None:
        self.resources = resources
        self.conductor = conductor
        self.held: dict[UUID, int] = {}
        self._told: set[UUID] = set()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except (EngineAway, EngineError) as error:
                log.info("what services hold on disk was not measured: %s", error)
            except Exception:
                log.exception("what services hold on disk was not measured")

    async def look(self) -> None:
        """Measures, tells of who is above the limit, stops who is far above."""
        driver = self.resources.runtime
        if not isinstance(driver, CanMeasureDisk):
            return
        found = await driver.disk()
        async with self.resources.database.begin() as db:
            rows = await repository.alive(db)
        _HELD.clear()
        self.held = {}
        for row in rows:
            held = found.get((str(row.session_id), row.name))
            if held is not None:
                self.held[row.id] = held
                _HELD.labels(str(row.session_id), row.name).set(held)
                await self._judge(row, held, self.resources.settings.service_disk_mb << 20)
        self._told &= set(self.held)

    async def _judge(self, row: Runtime, held: int, limit: int) -> None:
        if not limit or held <= limit:
            self._told.discard(row.id)
            return
        said = f"It holds {_mib(held)} of the {_mib(limit)} that it may."
        if held > 2 * limit and row.desired == "running":
            await self.conductor.note(row.id, desired="stopped")
            await self.conductor.bring_down(row.id)
            remedy = "What its container wrote is gone with it; its volumes stay: make room in them before it is started again."
            await self.conductor.note(row.id, reason={"code": "disk_limit", "message": said, "remedy": remedy})
        elif row.id not in self._told:
            self._told.add(row.id)
            async with self.resources.database.begin() as db:
                await emit(
                    db,
                    ServiceDisk(
                        organization_id=row.organization_id,
                        workspace_id=row.workspace_id,
                        session_id=row.session_id,
                        service_id=str(row.id),
                        service=row.name,
                        held_bytes=held,
                        limit_bytes=limit,
                        message=f"{said} At twice as much it is stopped.",
                    ),
                )


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
