"""Where the language servers of a session run: in its workbench container where there is an engine, else beside us."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from backend.core.errors import AppError
from backend.core.resources import Resources
from backend.ledger.secrets import service as secrets
from backend.workbench.files import disk
from backend.workbench.files.beneath import Root, parse
from backend.workbench.files.service import folder_of, largest
from backend.workbench.services import inside as services
from backend.workbench.services.definition import SHARED
from backend.workbench.sessions.models import Session
from lsp_bridge import catalog
from lsp_bridge.bridge import Place, plain_environment
from lsp_bridge.process import Process, spawn_here, tree_pss
from runtimes.engine import EngineAway
from runtimes.inside import Piped, programs_in
from runtimes.spec import RuntimeFailed

INSIDE: Final = "/workspace"
_COMPOSE: Final = catalog.COMPOSE.command[0]


class _Inside(Piped):
    async def memory(self) -> int | None:
        pid = await self.known()
        return await asyncio.to_thread(tree_pss, pid) if pid else None


async def find(resources: Resources, session: Session, language: catalog.Language) -> Place | None:
    """None where programs can run only as our own user. Raises RuntimeFailed, EngineAway."""
    place = await services.inside(resources, session.id, None)
    if place is None:
        return None
    path, programs = await programs_in(place.driver, place.handle, catalog.commands(language))
    found = await resources.in_thread(_find, resources, session, language, programs.get)

    async def spawn(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> Process:
        if argv[0] == _COMPOSE:
            return await _our_own(resources, session)
        try:
            now = await services.inside(resources, session.id, None)
            if now is None:
                raise OSError("the workbench's image is gone")
            return await _Inside.start(now.driver, now.handle, [*argv], cwd=cwd, env={**env})
        except RuntimeFailed as error:
            raise OSError(f"{error.message} {error.remedy}".strip()) from error
        except EngineAway as error:
            raise OSError("the container engine does not answer") from error

    return Place(
        session=str(session.id),
        language=language.name,
        root=INSIDE,
        servers=found.servers,
        missing=found.missing,
        env={"PATH": path, "LANG": "C.UTF-8"},
        spawn=spawn,
    )


def find_here(resources: Resources, session: Session, language: catalog.Language) -> Place:
    """As processes of our own user."""
    env = plain_environment()
    home = env.get("HOME", "")
    ours = (f"{home}/.local/bin", f"{home}/go/bin", f"{home}/.cargo/bin")
    env["PATH"] = os.pathsep.join([*ours, env.get("PATH", ""), str(Path(sys.executable).parent)])
    found = _find(resources, session, language, lambda name: shutil.which(name, path=env["PATH"]))

    async def spawn(argv: Sequence[str], cwd: str, env: Mapping[str, str]) -> Process:
        return await (_our_own(resources, session) if argv[0] == _COMPOSE else spawn_here(argv, cwd, env))

    return Place(
        session=str(session.id),
        language=language.name,
        root=str(folder_of(resources, session.id)),
        servers=found.servers,
        missing=found.missing,
        env=env,
        spawn=spawn,
    )


def _find(resources: Resources, session: Session, language: catalog.Language, which: catalog.Which) -> catalog.Found:
    def read(name: str) -> bytes | None:
        with contextlib.suppress(AppError), Root(folder_of(resources, session.id)) as root:
            return disk.read(root, parse(name), largest=largest(resources)).data
        return None

    return catalog.find(language, lambda name: _COMPOSE if name == _COMPOSE else which(name), read)


async def _our_own(resources: Resources, session: Session) -> Process:
    """The server for compose.yaml: it runs nothing of the session's, so it may run beside us."""
    async with resources.database.begin() as db:
        names = await secrets.names(db, session.workspace_id)
    words = [str(folder_of(resources, session.id)), *sorted(name for part, name in names if part == SHARED)]
    home = str(Path(__file__).resolve().parents[3])
    return await spawn_here(
        [sys.executable, "-m", "backend.workbench.lsp.compose_server", *words], home, plain_environment()
    )
