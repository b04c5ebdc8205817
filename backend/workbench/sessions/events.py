"""What happens to a session."""

from typing import Any, ClassVar

from backend.core.events import Event


class SessionEvent(Event, frozen=True, kw_only=True):
    """`workspace_id` and `session_id` are always set; `session_name` is what it is called by now."""

    scope: ClassVar[str] = "sessions:read"
    session_name: str = ""


class SessionCreated(SessionEvent, frozen=True):
    name: ClassVar[str] = "session.created"


class SessionReady(SessionEvent, frozen=True):
    name: ClassVar[str] = "session.ready"


class SessionFailed(SessionEvent, frozen=True):
    name: ClassVar[str] = "session.failed"
    reason: dict[str, Any]


class SessionProgress(SessionEvent, frozen=True):
    """How far a clone is: `step` such as "Receiving objects", `percent` 0–100 where the server says."""

    name: ClassVar[str] = "session.progress"
    step: str
    percent: int | None = None


class SessionDeleted(SessionEvent, frozen=True):
    """It lies in the bin; its terminals and working copy go now."""

    name: ClassVar[str] = "session.deleted"
    audited: ClassVar[bool] = True


class SessionRestored(SessionEvent, frozen=True):
    name: ClassVar[str] = "session.restored"
    audited: ClassVar[bool] = True


class SessionPurged(SessionEvent, frozen=True):
    name: ClassVar[str] = "session.purged"
