"""Terminals on the wire. What their socket says is in `runtimes/frames.py`."""

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import msgspec

from runtimes.terminal import Terminal as Live


class Terminal(msgspec.Struct):
    """`exit_code` is that of an exited program; one ended by a signal has `exit_signal` ("SIGHUP") instead."""

    id: str
    title: str
    service_id: UUID | None
    pid: int | None
    cols: int
    rows: int
    state: Literal["running", "exited"]
    exit_code: int | None
    exit_signal: str | None
    created_at: datetime
    viewers: int


def show(terminal: Live) -> Terminal:
    status = terminal.exit or {}
    return Terminal(
        id=terminal.id,
        title=terminal.labels.get("title", ""),
        service_id=terminal.labels.get("service_id"),
        pid=terminal.pid,
        cols=terminal.cols,
        rows=terminal.rows,
        state="running" if terminal.exit is None else "exited",
        exit_code=status.get("code"),
        exit_signal=status.get("signal"),
        created_at=datetime.fromtimestamp(terminal.created_at, UTC),
        viewers=len(terminal.viewers),
    )
