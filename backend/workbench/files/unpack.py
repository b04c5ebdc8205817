"""Archives from strangers, unpacked beneath a root: all of it or nothing.

Everything goes into a folder at the side first, under limits that count what really comes out, whatever the archive says of
itself, and takes its place when it is whole. Refused: names that leave the folder or enter `.git`, links that lead out,
entries below a link, hard links, devices, names that differ only in case, and bombs.
"""

import gzip
import io
import os
import secrets
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Literal, NamedTuple, cast

from backend.core.errors import AppError, Invalid, NotFound
from backend.workbench.files import disk
from backend.workbench.files.beneath import DIRECTORY, TEMPORARY, Root, parse, show, told
from backend.workbench.files.disk import Parts

Format = Literal["zip", "tar.gz"]

MAX_ENTRIES = 100_000
MAX_BYTES = 5 << 30
FREE_BYTES = 100 << 20
"""An archive may always grow to this; beyond it, to `MAX_RATIO` times its own size."""
MAX_RATIO = 200
_CHUNK = 1 << 18


class BadArchive(Invalid):
    """This archive cannot be unpacked; nothing of it was."""


class _Entry(NamedTuple):
    """`open` gives a file's content; a link has a `target` instead, a folder neither."""

    name: bytes
    executable: bool = False
    target: bytes | None = None
    open: Callable[[], IO[bytes] | io.RawIOBase] | None = None


def unpack(root: Root, to: Parts, archive: Path, format: Format, *, project: bool = False) -> int:
    """Unpacks into the folder `to`, which may be there and hold other things. Of a `project` that is all in one folder, as hosts
    of repositories pack them, what is in that. Returns how many entries there were. Raises BadArchive, disk.Exists where it would
    replace something, DiskFull."""
    staging = (
        (*to[:-1], TEMPORARY + secrets.token_hex(8).encode()) if to else (TEMPORARY + secrets.token_hex(8).encode(),)
    )
    disk.make_folders(root, staging)
    try:
        with told(), archive.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            stage = _Stage(root, staging, size)
            try:
                for entry in (_zip_entries if format == "zip" else _tar_entries)(file, stage.allow):
                    stage.add(entry)
            except (zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, struct.error,
                    NotImplementedError, RuntimeError, UnicodeError, ValueError) as error:  # fmt: skip
                raise BadArchive(f"This archive cannot be read: {error}") from None
        alone = _names(root, staging) if project else []
        inner = (*staging, *alone) if len(alone) == 1 else staging
        _put(root, inner if stat.S_ISDIR(disk.status(root, inner)[0].st_mode) else staging, to)
    finally:
        with root.at(staging) as place, suppress(OSError, AppError):
            disk.remove_folder(place)
    return stage.entries


class _Stage:
    """The folder at the side, and the limits."""

    def __init__(self, root: Root, parts: Parts, archive_size: int) -> None:
        self.entries = 0
        self._root = root
        self._parts = parts
        self._left = min(MAX_BYTES, max(FREE_BYTES, archive_size * MAX_RATIO))
        self._spelt: dict[str, bytes] = {}
        self._files: set[Parts] = set()

    def allow(self, size: int) -> None:
        """Counts bytes that came out of the archive."""
        self._left -= size
        if self._left < 0:
            raise BadArchive("This archive would grow too large: it is refused as a bomb.")

    def add(self, entry: _Entry) -> None:
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise BadArchive(f"An archive has at most {MAX_ENTRIES} entries.")
        name = show(entry.name).path
        try:
            parts = parse(entry.name)
            self._check_spelling(parts)
            if parts:
                self._write(entry, parts)
        except BadArchive:
            raise
        except AppError as refused:
            if refused.status >= 500:
                raise
            raise BadArchive(f"{name}: {refused.message}", entry=name, reason=refused.code) from None

    def _check_spelling(self, parts: Parts) -> None:
        """File systems that ignore case, or how accents are composed, would make one of two."""
        for length in range(1, len(parts) + 1):
            spelt = b"/".join(parts[:length])
            folded = unicodedata.normalize("NFC", os.fsdecode(spelt)).casefold()
            if self._spelt.setdefault(folded, spelt) != spelt:
                raise BadArchive(f"{show(spelt).path}: another name in this archive differs only in case or accents.")

    def _write(self, entry: _Entry, parts: Parts) -> None:
        here = (*self._parts, *parts)
        if entry.target is None and entry.open is None:
            self._make_folders(here)
            return
        if parts in self._files:
            raise BadArchive(f"{show(entry.name).path}: this name comes twice.")
        self._files.add(parts)
        self._make_folders(here[:-1])
        with self._root.at(here) as place, told():
            if entry.target is not None:
                self._check_target(parts, entry.target)
                os.symlink(entry.target, place.name, dir_fd=place.folder)
            elif entry.open is not None:
                mode = 0o755 if entry.executable else 0o644
                with disk.replacing(place, mode, new=True, durable=False) as into, entry.open() as content:
                    while chunk := content.read(_CHUNK):
                        disk.write_all(into, chunk)

    def _make_folders(self, parts: Parts) -> None:
        """Without going through a link: one that the archive itself brought could lead anywhere."""
        disk.make_folders(self._root, parts)
        try:
            os.close(self._root.open_plain(parts, DIRECTORY))
        except OSError:
            raise BadArchive("An entry of this archive lies below a link.") from None

    def _check_target(self, parts: Parts, target: bytes) -> None:
        depth = len(parts) - 1
        for part in target.split(b"/"):
            depth += {b"..": -1, b".": 0, b"": 0}.get(part, 1)
            if depth < 0 or target.startswith(b"/"):
                raise BadArchive(f"{show(b'/'.join(parts)).path}: this link leads out of the archive.")


def _zip_entries(file: IO[bytes], allow: Callable[[int], None]) -> Iterator[_Entry]:
    _check_directory(file)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16 if info.create_system == 3 else 0  # 3: made on Unix
            name = info.filename.encode(errors="surrogateescape")
            kind = stat.S_IFMT(mode)
            if kind == stat.S_IFLNK:
                if info.file_size > 4096:
                    raise BadArchive(f"{show(name).path}: this link is too long.")
                yield _Entry(name, target=archive.read(info))
            elif info.is_dir():
                yield _Entry(name)
            elif kind in (0, stat.S_IFREG):
                yield _Entry(name, bool(mode & 0o111), open=partial(_open_counted, archive, info, allow))
            else:
                raise BadArchive(f"{show(name).path}: devices and the like are not unpacked.")


def _check_directory(file: IO[bytes]) -> None:
    """Refuses a central directory that would fill the memory before the first entry could be counted (APPNOTE 4.3.14–16)."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 66_000))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise BadArchive("This is not a zip archive.")
    (directory,) = struct.unpack_from("<I", tail, at + 12)
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
        (offset,) = struct.unpack_from("<Q", tail, at - 12)
        file.seek(min(offset, size))
        record = file.read(56)
        directory = struct.unpack_from("<Q", record, 40)[0] if len(record) == 56 else 1 << 40
    if directory > MAX_ENTRIES * 300:
        raise BadArchive(f"An archive has at most {MAX_ENTRIES} entries.")
    file.seek(0)


class _Counted(io.RawIOBase):
    """What comes out of compression, counted before anybody keeps it."""

    def __init__(self, file: IO[bytes], allow: Callable[[int], None]) -> None:
        self._file = file
        self._allow = allow

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._allow(len(data))
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


def _open_counted(archive: zipfile.ZipFile, info: zipfile.ZipInfo, allow: Callable[[int], None]) -> io.RawIOBase:
    return _Counted(archive.open(info), allow)


def _tar_entries(file: IO[bytes], allow: Callable[[int], None]) -> Iterator[_Entry]:
    with gzip.GzipFile(fileobj=file) as plain:
        counted = cast(IO[bytes], _Counted(cast(IO[bytes], plain), allow))
        with tarfile.open(fileobj=counted, mode="r|", bufsize=_CHUNK, encoding="utf-8") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # else it remembers each
                yield _tar_entry(archive, member)


def _tar_entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> _Entry:
    name = os.fsencode(member.name)
    if member.isdir():
        return _Entry(name)
    if member.issym():
        return _Entry(name, target=os.fsencode(member.linkname))
    if not member.isreg() or member.issparse():
        raise BadArchive(f"{show(name).path}: hard links, sparse files, devices and the like are not unpacked.")
    return _Entry(name, bool(member.mode & 0o111), open=lambda: archive.extractfile(member))  # type: ignore[return-value, arg-type]


def _put(root: Root, staging: Parts, to: Parts) -> None:
    """Moves what is staged to its place. What is there already must only be folders that both have."""
    try:
        os.close(root.open_plain(to, DIRECTORY))
    except OSError:
        disk.move(root, staging, to, overwrite=False)
        return
    moves = list(_moves(root, staging, to))
    done: list[tuple[Parts, Parts]] = []
    try:
        for source, target in moves:
            disk.move(root, source, target, overwrite=False)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            with suppress(AppError, OSError):
                disk.move(root, target, source, overwrite=False)
        raise


def _names(root: Root, folder: Parts) -> list[bytes]:
    opened = root.open_plain(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return sorted(map(os.fsencode, os.listdir(opened)))
    finally:
        os.close(opened)


def _moves(root: Root, staging: Parts, to: Parts) -> Iterator[tuple[Parts, Parts]]:
    """The least number of renames that put everything in its place. Raises Exists before the first of them."""
    for name in _names(root, staging):
        source, target = (*staging, name), (*to, name)
        try:
            there, _ = disk.status(root, target)
        except NotFound:
            yield source, target
            continue
        here, _ = disk.status(root, source)
        if not (stat.S_ISDIR(there.st_mode) and stat.S_ISDIR(here.st_mode)):
            path = show(b"/".join(target)).path
            raise disk.Exists(f"{path} is there already: nothing was unpacked.", path=path)
        yield from _moves(root, source, target)
