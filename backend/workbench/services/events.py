"""What happens to services."""

from typing import Any, ClassVar

from backend.core.events import Event


class ServiceEvent(Event, frozen=True):
    """`workspace_id` and `session_id` are always set."""

    scope: ClassVar[str] = "services:read"


class ServiceState(ServiceEvent, frozen=True):
    name: ClassVar[str] = "service.state"
    service_id: str
    service: str
    state: str
    desired: str
    reason: dict[str, Any] | None = None
    exit_code: int | None = None
    health: dict[str, Any] | None = None


class ServicesChanged(ServiceEvent, frozen=True):
    """compose.yaml was edited through the API."""

    name: ClassVar[str] = "services.changed"


class OperationProgress(ServiceEvent, frozen=True):
    """`operation` as GET …/operations/{id} shows it."""

    name: ClassVar[str] = "operation.progress"
    operation: dict[str, Any]
