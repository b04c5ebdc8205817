"""Where a declared port of a running service is reached by this server, found by the parts of its preview's host name."""

from typing import NamedTuple
from uuid import UUID

from backend.core.resources import Resources
from backend.workbench.services import addresses, repository
from backend.workbench.services import definition as definitions
from backend.workbench.services.models import UP, Runtime, Stage
from backend.workbench.sessions.models import Session
from backend.workbench.sessions.repository import look_up
from runtimes.compose.model import BadCompose, Service
from runtimes.engine import EngineAway, EngineError
from runtimes.spec import CanReach


class Reached(NamedTuple):
    """One declared TCP port. `address` is None while there is nothing to connect to; `reason` says in a sentence for people why,
    and is empty where `state` says it."""

    session: Session
    service_id: UUID
    service: str
    port: int
    address: tuple[str, int] | None
    state: str
    reason: str


_BY_PREFIX = (
    "SELECT id FROM sessions WHERE right(id::text, 10) = $1 AND deleted_at IS NULL AND status = 'ready' LIMIT 2"
)


async def reach(resources: Resources, *, session_prefix: str, service_slug: str, port: int | None) -> Reached | None:
    """The port of that host name; None where nothing of the kind is declared. `port` is None for the service's first."""
    found = await resources.database.rows(_BY_PREFIX, session_prefix)
    session = await look_up(resources.database, found[0]["id"]) if len(found) == 1 else None
    if session is None:
        return None
    try:
        definition = await definitions.read(resources, session, ("*",))
    except BadCompose:
        return None
    for name, service in definition.project.services.items():
        wanted = _port(service, port)
        if addresses.slug(name) == service_slug and wanted is not None:
            async with resources.database.begin() as db:
                row = await repository.get(db, definition.id_of(name))
            address, state, reason = await _address(resources, row, wanted)
            return Reached(session, definition.id_of(name), name, wanted, address, state, reason)
    return None


def _port(service: Service, wanted: int | None) -> int | None:
    ports = [port.target for port in service.ports if port.protocol == "tcp"]
    return wanted if wanted in ports else ports[0] if ports and wanted is None else None


async def _address(resources: Resources, row: Runtime | None, port: int) -> tuple[tuple[str, int] | None, str, str]:
    if row is None or row.state == Stage.STOPPED:
        return None, Stage.STOPPED, ""
    reason = " ".join(str(part) for part in map((row.reason or {}).get, ("message", "remedy")) if part)
    if row.state not in UP or not row.handle or not isinstance(resources.runtime, CanReach):
        return None, row.state, reason
    try:
        return await resources.runtime.address(row.handle, port), row.state, reason
    except (EngineAway, EngineError):
        return None, row.state, "The container engine does not answer."
