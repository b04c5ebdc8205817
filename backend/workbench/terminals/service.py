"""Terminals: who may open, watch and end which. Runs no transaction while it talks to the keeper."""

import errno
import os
from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from backend.core.auth import Actor
from backend.core.errors import DiskFull, Forbidden, Invalid, NotFound, TooMany, Unavailable
from backend.core.events import emit
from backend.core.resources import Resources
from backend.workbench.services import inside as services
from backend.workbench.sessions import repository as sessions
from backend.workbench.sessions.models import Status
from backend.workbench.sessions.service import NoSuchSession, NotReady
from backend.workbench.terminals import repository
from backend.workbench.terminals.events import TerminalClosed, TerminalOpened
from backend.workbench.terminals.repository import Entrance
from backend.workbench.vcs.changes import clean
from backend.workbench.vcs.service import author_of
from runtimes.inside import Inside, pid_in, shell_in
from runtimes.terminal import Terminal, Viewer
from runtimes.terminals import KeeperLost, KeeperRefused, default_shell, shell_environment

READ, WRITE = "terminals:read", "terminals:write"
PER_SESSION = 100


class NoSuchTerminal(NotFound):
    """There is no such terminal in this session: it was closed, or its program ended a while ago."""


class Unisolated(Forbidden):
    """Without a container engine and the workbench's image, terminals and language servers run as the server's own user, which
    only the installation's owner may do; CODEYARD_ALLOW_UNISOLATED=1 allows it to everybody."""


class BadOffset(Invalid):
    """`after` lies beyond the end of this terminal's output: leave it out to start with the recent part."""


class TooManyTerminals(TooMany):
    """This session has as many terminals as it may have: close some."""


class KeeperAway(Unavailable):
    """The process that keeps the terminals does not answer; try again in a few seconds."""


class Wanted(NamedTuple):
    """A new terminal: `command` in a shell, else the shell alone, inside of that service or where the session has its own.
    `env` is added to what a shell has; `title` is the command where none is given."""

    service_id: UUID | None = None
    command: str = ""
    title: str = ""
    env: Mapping[str, str] = {}
    size: tuple[int, int] = (80, 24)


async def enter(resources: Resources, actor: Actor, session_id: UUID, needs: str) -> Entrance:
    """The session, for who may do there what `needs` says. Raises NoSuchSession, MissingScope."""
    session = await repository.entrance(resources.database, actor, session_id)
    if session is None or actor.workspaces.get(session.workspace_id) == frozenset():
        raise NoSuchSession
    actor.require(session.organization_id, needs, session.workspace_id)
    return session


async def listed(resources: Resources, actor: Actor, session_id: UUID) -> list[Terminal]:
    """The session's terminals, oldest first."""
    await enter(resources, actor, session_id, READ)
    return _of(resources, session_id)


async def attach(
    resources: Resources,
    actor: Actor,
    session_id: UUID,
    terminal_id: str | None,
    *,
    service_id: UUID | None,
    command: str,
    after: int | None,
    acks: bool,
    size: tuple[int, int] | None,
) -> Viewer:
    """A viewer of that terminal, or of a new one where `terminal_id` is None. Who may only read, watches."""
    session = await enter(resources, actor, session_id, READ if terminal_id else WRITE)
    if terminal_id is None:
        if after:
            raise BadOffset(end=0)
        wanted = Wanted(service_id, command, size=size or (80, 24))
        terminal = await open_one(resources, actor, session, wanted)
    else:
        terminal = _find(resources, session_id, terminal_id)
        if "exec" not in terminal.labels:
            _may_share_our_user(resources, actor, session)
    try:
        writes = actor.may(session.organization_id, WRITE, session.workspace_id)
        viewer = terminal.attach(after=after, acks=acks, writes=writes)
    except ValueError as error:
        raise BadOffset(end=terminal.ring.end) from error
    if size is not None:
        await viewer.prefer(*size)
    return viewer


async def close(resources: Resources, actor: Actor, session_id: UUID, terminal_id: str) -> None:
    """End what runs in it and forget it."""
    session = await enter(resources, actor, session_id, WRITE)
    await end(resources, session, _find(resources, session_id, terminal_id))


async def end(resources: Resources, session: Entrance, terminal: Terminal) -> None:
    """The same for who was let in already."""
    await _ask_to_close(resources, terminal.id)
    async with resources.database.begin() as db:
        await emit(db, TerminalClosed(**_where(session), terminal_id=terminal.id))


async def close_all(resources: Resources, session_id: UUID) -> None:
    """End every terminal of a session; returns when their processes are gone."""
    await resources.terminals.close_all("session_id", str(session_id))


async def open_one(resources: Resources, actor: Actor, session: Entrance, wanted: Wanted) -> Terminal:
    """A new terminal of a session that the caller may write in."""
    if session.status != Status.READY:
        raise NotReady(status=session.status)
    if len(_of(resources, session.id)) >= PER_SESSION:
        raise TooManyTerminals(limit=PER_SESSION)
    try:
        beside = [one for one in _of(resources, session.id) if not one.labels.get("service_id") and one.exit is None]
        wanted = wanted._replace(env=await _identity(resources, actor) | dict(wanted.env))
        with services.told():
            place = await services.inside(resources, session.id, wanted.service_id, unused=not beside)
            terminal = (
                await _open_inside(resources, place, wanted)
                if place
                else await _open_here(resources, actor, session, wanted)
            )
    except KeeperRefused as error:
        raise services.CannotStart(f"The shell could not be started: {error}") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # there is no room for its ring
            raise DiskFull from error
        raise services.CannotStart(f"The shell could not be started: {error.strerror}") from error
    except KeeperLost as error:
        raise KeeperAway(headers={"Retry-After": "2"}) from error
    async with resources.database.begin() as db:
        still = await sessions.get(db, session.id)
        if still is not None and still.deleted_at is None:
            await emit(db, TerminalOpened(**_where(session), terminal_id=terminal.id))
            return terminal
    await _ask_to_close(resources, terminal.id)  # deleted while the shell started
    raise NoSuchSession


async def _identity(resources: Resources, actor: Actor) -> dict[str, str]:
    """Whose commits are made in a shell: whoever opened it, as with commits on the page."""
    name, email = clean(await author_of(resources, actor, None))
    return {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", email))
    }


async def _open_inside(resources: Resources, place: services.Inside, wanted: Wanted) -> Terminal:
    """A shell in a container: the engine's stream, which the keeper keeps as it keeps a PTY."""
    shell = await shell_in(place.driver, place.handle)
    cols, rows = wanted.size
    env = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **wanted.env}
    words = _words(shell, wanted.command)
    stream, notes = await place.driver.exec_tty(place.handle, words, env=env, cols=cols, rows=rows)
    return await resources.terminals.adopt(
        stream,
        control=Inside(place.driver, notes),
        cols=cols,
        rows=rows,
        labels={
            "session_id": str(place.session_id),
            "service_id": str(place.service_id) if place.service_id else None,
            "title": _title(wanted) or place.title or os.path.basename(shell),
            "exec": notes,
            "pid": await pid_in(place.driver, notes),
        },
    )


async def _open_here(resources: Resources, actor: Actor, session: Entrance, wanted: Wanted) -> Terminal:
    """A shell of the server's own user, where there is no engine with the workbench's image."""
    _may_share_our_user(resources, actor, session)
    shell = default_shell()
    return await resources.terminals.spawn(
        _words(shell, wanted.command),
        cwd=str(resources.data / "sessions" / str(session.id) / "workspace"),
        env=shell_environment(wanted.env),
        cols=wanted.size[0],
        rows=wanted.size[1],
        labels={"session_id": str(session.id), "service_id": None, "title": _title(wanted) or os.path.basename(shell)},
    )


def _title(wanted: Wanted) -> str:
    return "".join(c for c in " ".join((wanted.title or wanted.command).split()) if c.isprintable())[:80]


def _words(shell: str, command: str) -> list[str]:
    return [shell, "-c", command] if command else [shell]


async def share_our_user(resources: Resources, actor: Actor, session_id: UUID) -> None:
    """Raises Unisolated unless the caller may run programs beside us; NoSuchSession."""
    session = await repository.entrance(resources.database, actor, session_id)
    if session is None:
        raise NoSuchSession
    _may_share_our_user(resources, actor, session)


def _may_share_our_user(resources: Resources, actor: Actor, session: Entrance) -> None:
    owner = actor.owns_installation or session.owns_installation
    if not owner and not resources.settings.allow_unisolated:
        raise Unisolated


async def _ask_to_close(resources: Resources, terminal_id: str) -> None:
    try:
        await resources.terminals.close(terminal_id)
    except KeeperLost as error:
        raise KeeperAway(headers={"Retry-After": "2"}) from error


def _of(resources: Resources, session_id: UUID) -> list[Terminal]:
    ours = [terminal for terminal in resources.terminals if terminal.labels.get("session_id") == str(session_id)]
    return sorted(ours, key=lambda terminal: (terminal.created_at, terminal.id))


def _find(resources: Resources, session_id: UUID, terminal_id: str) -> Terminal:
    terminal = resources.terminals.find(terminal_id)
    if terminal is None or terminal.labels.get("session_id") != str(session_id):
        raise NoSuchTerminal
    return terminal


def _where(session: Entrance) -> dict[str, UUID]:
    return {
        "organization_id": session.organization_id,
        "workspace_id": session.workspace_id,
        "session_id": session.id,
    }
