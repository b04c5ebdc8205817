"""Terminals on the wire. What their socket says is in `runtimes/frames.py`."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from runtimes.terminal import Terminal as Live


class Terminal(msgspec.Struct):
    """`pid` is its number where it runs: in a container, the one that `ps` shows there. `exit_code` is that of an exited program;
    one ended by a signal has `exit_signal` ("SIGHUP") instead."""

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
        pid=terminal.pid_inside,
        cols=terminal.cols,
        rows=terminal.rows,
        state="running" if terminal.exit is None else "exited",
        exit_code=status.get("code"),
        exit_signal=status.get("signal"),
        created_at=datetime.fromtimestamp(terminal.created_at, UTC),
        viewers=len(terminal.viewers),
    )


Text = Annotated[str, Meta(max_length=8000, pattern=r"^[^\x00]*$(?!\n)")]
Name = Annotated[str, Meta(max_length=200, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$(?!\n)")]


class Run(msgspec.Struct, forbid_unknown_fields=True):
    """`command` is for a shell. It runs in the session, or inside of a service; `cwd` is relative to where that is. `env` is
    added to what a terminal has."""

    command: Annotated[str, Meta(min_length=1, max_length=32_000, pattern=r"^[^\x00]*$(?!\n)")]
    cwd: Text = ""
    env: Annotated[dict[Name, Text], Meta(max_length=200)] = {}
    timeout_seconds: Annotated[float, Meta(gt=0, le=3600)] = 600
    service_id: UUID | None = None


class Ended(msgspec.Struct, kw_only=True):
    """A command that did not end in its time (`timed_out`) has no `exit_code`, and neither has one that a signal ended
    (`exit_signal`). `truncated`: not all of its output was told."""

    exit_code: int | None
    exit_signal: str | None
    truncated: bool
    timed_out: bool


class Ran(Ended, kw_only=True):
    """`output` is both of its outputs as they came; of more than 1 MiB the last part."""

    output: str
