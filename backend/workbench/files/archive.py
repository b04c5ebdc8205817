"""A session's folder, or one in it, as one zip or tar.gz, made while it is sent: nothing is kept in memory or on disk.

Links are stored as links, never as what they lead to; `.git`, half-written files, FIFOs, devices and what may be another's
(`Root.vouch`) are left out.
"""

import gzip
import io
import os
import re
import stat
import tarfile
import time
import unicodedata
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol
from urllib.parse import quote

from backend.core.errors import AppError
from backend.workbench.files.beneath import READ, Root, is_hidden, show

Format = Literal["zip", "tar.gz"]
MEDIA_TYPES: dict[Format, str] = {"zip": "application/zip", "tar.gz": "application/gzip"}
CHUNK = 1 << 18


def disposition(name: str, format: Format) -> str:
    """A Content-Disposition (RFC 6266) that saves under `name`, whatever that holds."""
    visible = "".join(letter for letter in name if unicodedata.category(letter)[0] not in "CZ" or letter == " ")
    visible = re.sub(r'[/\\:*?"<>|]+', "-", visible).strip(" .")[:100] or "files"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", visible).strip("-") or "files"
    return f"attachment; filename=\"{plain}.{format}\"; filename*=UTF-8''{quote(visible, safe='')}.{format}"


class _Item(NamedTuple):
    """Something to store: a folder, a link with its target, or an open file."""

    path: bytes
    status: os.stat_result
    target: bytes | None = None
    file: IO[bytes] | None = None


def stream(folder: Path, format: Format, top: tuple[bytes, ...] = ()) -> Generator[bytes, None, None]:
    """The archive of `top` in `folder`, in chunks, its paths relative to `top`. Close it to let go of what it holds."""
    with Root(folder) as root:
        sink = _Sink()
        writer: _Writer = _Zip(sink) if format == "zip" else _Tar(sink)
        for item in _items(root, top):
            if item.file is None:
                writer.add(item)
            else:
                with item.file as file:
                    for _ in writer.add_file(item, file):
                        if sink.size >= CHUNK:
                            yield sink.take()
            if sink.size >= CHUNK:
                yield sink.take()
        writer.end()
        yield sink.take()


def _items(root: Root, top: tuple[bytes, ...]) -> Iterator[_Item]:
    for parts, folder, names in root.folders(top):
        names[:] = [name for name in names if not is_hidden(name)]
        for name in names:
            try:
                item = _item(root, folder, b"/".join((*parts[len(top) :], name)), name)
            except (OSError, AppError):
                continue  # gone meanwhile, or not to be read
            if item is not None:
                yield item


def _item(root: Root, folder: int, path: bytes, name: bytes) -> _Item | None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        return _Item(path, status, target=os.readlink(name, dir_fd=folder))
    if stat.S_ISDIR(status.st_mode):
        return _Item(path, status)
    if not stat.S_ISREG(status.st_mode):
        return None
    found = os.open(name, READ | os.O_NOFOLLOW, dir_fd=folder)
    file = os.fdopen(found, "rb", buffering=0)
    try:
        status = os.fstat(found)
        root.vouch(status)
    except BaseException:
        file.close()
        raise
    return _Item(path, status, file=file)


class _Sink(io.RawIOBase):
    """Where an archive is written to; `take` empties it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]  # any buffer
        self._parts.append(part)
        self.size += len(part)
        return len(part)

    def take(self) -> bytes:
        parts, self._parts, self.size = self._parts, [], 0
        return b"".join(parts)


class _Writer(Protocol):
    def add(self, item: _Item) -> None: ...

    def add_file(self, item: _Item, file: IO[bytes]) -> Iterator[None]:
        """Yields after each chunk."""
        ...

    def end(self) -> None: ...


class _Zip:
    """Mode bits and links are in the upper half of `external_attr`, as Unix archivers have it."""

    def __init__(self, sink: _Sink) -> None:
        self._zip = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6)

    def _info(self, item: _Item, end: str = "") -> zipfile.ZipInfo:
        moment = time.gmtime(min(max(item.status.st_mtime, 315532800), 4354819198))[:6]  # zip knows 1980 to 2107
        info = zipfile.ZipInfo(show(item.path).path + end, moment)
        info.external_attr = (item.status.st_mode & 0xFFFF) << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        return info

    def add(self, item: _Item) -> None:
        if item.target is not None:
            self._zip.writestr(self._info(item), item.target)
        else:
            info = self._info(item, "/")
            info.external_attr |= 0x10  # a folder to MS-DOS
            self._zip.writestr(info, b"")

    def add_file(self, item: _Item, file: IO[bytes]) -> Iterator[None]:
        with self._zip.open(self._info(item), "w", force_zip64=item.status.st_size > 1 << 30) as into:
            for chunk in _chunks(file, item.status.st_size):
                into.write(chunk)
                yield

    def end(self) -> None:
        self._zip.close()


class _Tar:
    """PAX format, which carries names of any bytes and length."""

    def __init__(self, sink: _Sink) -> None:
        self._gzip = gzip.GzipFile("files", "wb", 6, sink, mtime=0)
        self._tar = tarfile.TarFile(fileobj=self._gzip, mode="w", format=tarfile.PAX_FORMAT)

    def _info(self, item: _Item) -> tarfile.TarInfo:
        info = tarfile.TarInfo(os.fsdecode(item.path))
        info.mode = stat.S_IMODE(item.status.st_mode) & 0o777
        info.mtime = int(item.status.st_mtime)
        return info

    def add(self, item: _Item) -> None:
        info = self._info(item)
        info.type = tarfile.DIRTYPE if item.target is None else tarfile.SYMTYPE
        info.linkname = os.fsdecode(item.target or b"")
        self._tar.addfile(info)

    def add_file(self, item: _Item, file: IO[bytes]) -> Iterator[None]:
        """The header promises a size: a file that shrinks meanwhile is filled up with zeros."""
        info = self._info(item)
        info.size = item.status.st_size
        self._tar.addfile(info)
        left = info.size
        for chunk in _chunks(file, info.size):
            self._write(chunk)
            left -= len(chunk)
            yield
        while left > 0:
            self._write(b"\0" * min(left, CHUNK))
            left -= CHUNK
            yield
        self._write(b"\0" * (-info.size % tarfile.BLOCKSIZE))

    def _write(self, data: bytes) -> None:
        self._gzip.write(data)
        self._tar.offset += len(data)

    def end(self) -> None:
        self._tar.close()
        self._gzip.close()


def _chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Up to `size` bytes of a file, which may shrink or grow meanwhile."""
    while size > 0 and (chunk := file.read(min(CHUNK, size))):
        yield chunk
        size -= len(chunk)
