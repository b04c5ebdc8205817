"""Files of libraries, outside of the working copy, which a definition leads to. They are read where the servers run, as who runs
them, and never written."""

import asyncio
import os
import re
import stat
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from backend.core.errors import NotFound, TooLarge
from backend.workbench.files.beneath import READ, BadPath
from backend.workbench.files.disk import etag_of
from backend.workbench.files.schemas import Content
from backend.workbench.files.tree import moment
from runtimes.inside import Piped
from runtimes.spec import CanExec, State

LARGEST: Final = 8 << 20
_PATIENCE: Final = 10.0
_FOLDERS: Final = re.compile(
    r"/(site-packages|dist-packages|node_modules|typeshed|typeshed-fallback|pyrefly_bundled_typeshed_\w+|lib(64)?/python3[\w.]*"
    r"|usr(/local)?/include|usr/lib|pkg/mod|go/src|registry/src|rustlib/src)/[^/]"
)
"""Where the languages of `lsp_bridge/catalog.py` keep their libraries. What lies there is what anybody can install."""

_LOOK: Final = (
    'at=$(readlink -f -- "$1") && [ -f "$at" ] && printf "%s\\0%s\\0" "$at" "$(stat -c %Y -- "$at")" && '
    'exec head -c "$2" -- "$at"'
)


class NoSuchLibraryFile(NotFound):
    """No file of a library lies there."""


def path_of(uri: str) -> str | None:
    """The absolute path of a library's file; None for every other URI. Raises BadPath for one that is written to be taken for
    another."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise BadPath from None
    path = unquote(parts.path, errors="surrogateescape")
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not _FOLDERS.search(path):
        return None
    if "\0" in path or os.path.normpath(path) != path or not path.isprintable():
        raise BadPath
    return path


async def read_inside(driver: CanExec, handle: State, path: str) -> Content:
    """In the session's container. Raises NoSuchLibraryFile, TooLarge, RuntimeFailed, EngineAway."""
    program = await Piped.start(driver, handle, ["/bin/sh", "-c", _LOOK, "sh", path, f"{LARGEST + 1}"], cwd="/", env={})
    errors = asyncio.create_task(_drain(program))
    said = b""
    try:
        async with asyncio.timeout(_PATIENCE):
            while piece := await program.read():
                said += piece
    except TimeoutError:
        raise NoSuchLibraryFile from None
    finally:
        program.kill()
        errors.cancel()
    real, _, rest = said.partition(b"\0")
    time, _, data = rest.partition(b"\0")
    if not _FOLDERS.search(os.fsdecode(real)) or not time.isdigit():
        raise NoSuchLibraryFile
    return _content(path, data, int(time))


async def _drain(program: Piped) -> None:
    while await program.read_errors():
        pass


def read_here(path: str, *, private: Path) -> Content:
    """On this machine, but for what lies beneath `private`: the sessions, which are others' too. Blocks. Raises
    NoSuchLibraryFile, TooLarge."""
    real = os.path.realpath(path)
    if not _FOLDERS.search(real) or Path(real).is_relative_to(os.path.realpath(private)):
        raise NoSuchLibraryFile
    try:
        found = os.open(real, READ | os.O_NOFOLLOW)
    except (OSError, ValueError):
        raise NoSuchLibraryFile from None
    try:
        status = os.fstat(found)
        if not stat.S_ISREG(status.st_mode):
            raise NoSuchLibraryFile
        with os.fdopen(found, "rb", closefd=False) as file:
            return _content(path, file.read(LARGEST + 1), int(status.st_mtime))
    finally:
        os.close(found)


def _content(path: str, data: bytes, time: int) -> Content:
    if len(data) > LARGEST:
        raise TooLarge(f"A library's file is shown up to {LARGEST >> 20} MiB.")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise NoSuchLibraryFile("This file of a library is not text.") from None
    return Content(
        path=path,
        content=text,
        encoding="utf-8",
        size=len(data),
        etag=etag_of(data),
        mtime=moment(time),
        executable=False,
        truncated=False,
    )
