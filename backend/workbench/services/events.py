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


class ServiceDisk(ServiceEvent, frozen=True):
    """It holds more on disk than it may: `message` says how much, and what happens at twice as much."""

    name: ClassVar[str] = "service.disk"
    service_id: str
    service: str
    held_bytes: int
    limit_bytes: int
    message: str


class ServicesChanged(ServiceEvent, frozen=True):
    """compose.yaml was edited through the API."""

    name: ClassVar[str] = "services.changed"


class OperationProgress(ServiceEvent, frozen=True):
    """`operation` as GET …/operations/{id} shows it."""

    name: ClassVar[str] = "operation.progress"
    operation: dict[str, Any]


class RegistryChanged(Event, frozen=True):
    """The workspace's login at a registry was set or forgotten: `how` says which."""

    name: ClassVar[str] = "workspace.registry_changed"
    scope: ClassVar[str] = "services:read"
    audited: ClassVar[bool] = True
    registry: str
    how: str


class VariableChanged(Event, frozen=True):
    """A variable of the workspace was set, generated or forgotten: `how` says which. The value is told nowhere."""

    name: ClassVar[str] = "workspace.variable_changed"
    scope: ClassVar[str] = "services:read"
    audited: ClassVar[bool] = True
    variable: str
    how: str
