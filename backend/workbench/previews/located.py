"""What a preview needs to know of a port: where it is reached, whose it is, and what it waits for."""

import ipaddress
from typing import Protocol
from uuid import UUID

import msgspec

from backend.core.resources import Resources


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """One declared TCP port of one service. `address` is None while there is nothing to connect to; `state` and `reason` say
    why (states are those of services; `reason` is a sentence for people)."""

    session_id: UUID
    organization_id: UUID
    workspace_id: UUID
    owner_id: UUID | None
    service_id: UUID
    service: str
    port: int
    address: tuple[str, int] | None
    state: str
    reason: str = ""


class Locate(Protocol):
    """Finds a port by the parts of its host name. `port` is None for the service's first. None where nothing is declared."""

    async def __call__(
        self, resources: Resources, *, session_prefix: str, service_slug: str, port: int | None
    ) -> Located | None: ...


def is_a_service(address: tuple[str, int], own_ports: set[int]) -> bool:
    """Whether a service of a session can be at `address`: no metadata service, no multicast, not this server itself."""
    host, port = address
    if not 1 <= port <= 65_535:
        return False
    if host == "localhost":
        return port not in own_ports
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    if found.is_loopback:
        return port not in own_ports
    return not (found.is_link_local or found.is_multicast or found.is_unspecified or found.is_reserved)
