"""Files that a container's root made in a session, where this server is not root itself: it may not change them, and some of them
not read. They become the server's when it first needs one, by the engine; whoever is root in a container still may all.
"""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pygit2

from backend.core.errors import PermissionDenied
from backend.core.settings import Settings
from runtimes.spec import CanOwn, Runtime, RuntimeFailed


class StillThere(OSError):
    """A folder could not be removed."""


def denied(error: Exception) -> bool:
    """Whether the system did not let us."""
    by_git = isinstance(error, pygit2.GitError) and "Permission denied" in str(error)
    return by_git or isinstance(error, PermissionDenied | PermissionError | StillThere)


def told(error: Exception) -> Exception:
    """As a caller is told of it, who can do something about it: git names the path, ours from the session's folder on."""
    if not isinstance(error, pygit2.GitError):
        return error
    path = str(error).partition("/workspace/")[2].partition("'")[0]
    return PermissionDenied(f"{path}: {PermissionDenied().message}" if path else None)


class Owning:
    """One installation's. Several who need the same session's files at the same moment wait for the same container."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._going: dict[Path, asyncio.Task[bool]] = {}

    async def taken(self, runtime: Runtime | None, words: Iterable[Any], *, everything: bool) -> bool:
        """Whether it is worth another try of what was refused, of which `words` are the arguments: they tell whose files it is
        about. With `everything`, what other users than root made is taken, too: nobody needs it any more."""
        folders = {folder for word in words if (folder := self._session(word)) is not None}
        if os.geteuid() == 0 or not folders or not isinstance(runtime, CanOwn):
            return False
        for folder in folders - self._going.keys():
            self._going[folder] = asyncio.create_task(self._take(runtime, folder, everything=everything))
        return any(await asyncio.gather(*(asyncio.shield(self._going[folder]) for folder in folders)))

    def _session(self, word: Any) -> Path | None:
        """The folder of the session that an argument is about."""
        word = word[0] if isinstance(word, list | tuple) and word else word
        word = getattr(word, "place", word)
        sessions = self._settings.data / "sessions"
        if (session_id := getattr(word, "session_id", None)) is not None:
            return sessions / str(session_id)
        if not isinstance(word, Path) or not word.is_relative_to(sessions) or word == sessions:
            return None
        return sessions / word.relative_to(sessions).parts[0]

    async def _take(self, runtime: CanOwn, folder: Path, *, everything: bool) -> bool:
        try:
            await runtime.own(str(folder), image=self._settings.session_image, everything=everything)
        except (RuntimeFailed, OSError):
            return False
        finally:
            del self._going[folder]
        return True
