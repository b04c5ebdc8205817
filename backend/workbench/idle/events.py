"""What is told of a session that nobody uses."""

from datetime import datetime
from typing import ClassVar

from backend.core.events import Event


class SessionIdle(Event, frozen=True):
    """Its services stop at `stops_at`, for `reason`, unless it is used or kept until then."""

    scope: ClassVar[str] = "services:read"
    name: ClassVar[str] = "session.idle"
    stops_at: datetime
    reason: str


class SessionRested(Event, frozen=True):
    """Its services are being stopped, for `reason`."""

    scope: ClassVar[str] = "services:read"
    name: ClassVar[str] = "session.rested"
    reason: str
