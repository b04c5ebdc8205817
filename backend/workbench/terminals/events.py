"""What happens to a terminal."""

from typing import ClassVar

from backend.core.events import Event


class TerminalEvent(Event, frozen=True):
    """`workspace_id` and `session_id` are always set."""

    scope: ClassVar[str] = "terminals:read"
    terminal_id: str


class TerminalOpened(TerminalEvent, frozen=True):
    name: ClassVar[str] = "terminal.opened"


class TerminalClosed(TerminalEvent, frozen=True):
    """A caller ended it; one whose program ended by itself stays listed for an hour."""

    name: ClassVar[str] = "terminal.closed"
