"""What can be done to one file or folder beneath a root: read, written, moved, copied, deleted, described. All of it blocks.

Writing is atomic: the new content is complete on disk under a temporary name before it takes the old one's place, so a
reader sees one or the other and a full disk leaves the old one. An ETag is a hash of the content: what has not changed has
not changed, whoever wrote it.
"""

import ctypes
import errno
import hashlib
import os
import platform
import secrets
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backend.core.errors import AppError, Conflict, Invalid, NotFound, StaleEtag, TooLarge
from backend.workbench.files.beneath import (
    DIRECTORY,
    MAX_DEPTH,
    READ,
    TEMPORARY,
    BadPath,
    IsDirectory,
    NotRegularFile,
    Place,
    Root,
    is_hidden,
    openat2,
    told,
)

Parts = tuple[bytes, ...]
SMALL = 128 << 10  # bytes; hashed in a tenth of a millisecond


class Exists(Conflict):
    """There is something at this path already: send `overwrite`, or choose another path."""


class NotEmpty(Conflict):
    """This folder is not empty: send `recursive` to delete what is in it too."""


class EtagMismatch(StaleEtag):
    """Somebody changed this file since you read it: read it again, then decide. `etag` is the current one, null if it is gone."""


class IntoItself(Invalid):
    """A folder cannot be moved or copied into itself."""


class TooDeep(Invalid):
    """This folder holds folders within folders, deeper than any path may name."""


@dataclass(frozen=True)
class Content:
    """Part of a file as bytes. `size` and `etag` are those of the whole file, the ETag None where that is larger than one call
    may read."""

    data: bytes
    status: os.stat_result
    size: int
    etag: str | None


@dataclass(frozen=True)
class Written:
    size: int
    etag: str


def etag_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def kind(mode: int) -> str:
    """file, directory, symlink or special, by st_mode."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}
    return kinds.get(stat.S_IFMT(mode), "special")


def read(root: Root, parts: Parts, *, offset: int = 0, limit: int | None = None, largest: int) -> Content:
    """Up to `limit` bytes from `offset`. Raises TooLarge where more than `largest` bytes would have to be sent."""
    found, status = root.open_file(parts)
    with os.fdopen(found, "rb", buffering=0) as file, told():
        wanted = max(status.st_size - offset, 0) if limit is None else limit
        if wanted > largest:
            raise TooLarge(f"One call reads up to {largest} bytes: send `offset` and `limit`.", size=status.st_size)
        if status.st_size > largest:
            return Content(os.pread(found, wanted, offset), status, status.st_size, None)
        data = _read_all(file, status.st_size, largest)
    part = data if not offset and limit is None else data[offset : None if limit is None else offset + limit]
    return Content(part, status, len(data), etag_of(data))


def read_cached(folder: Path, parts: Parts) -> Content | None:
    """A whole small file that the kernel has in memory. It never waits for a disk and so needs no thread, with which a quarter
    of the call went into passing the interpreter to and fro. None where `read` must be asked, be it for the answer or for what
    is wrong (openat2(2), RESOLVE_CACHED; preadv2(2), RWF_NOWAIT)."""
    with suppress(OSError), Root(folder) as root:
        found = openat2(root.fd, b"/".join(parts), READ, cached=True)
        try:
            status = os.fstat(found)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size <= SMALL:
                data = bytearray(status.st_size + 1)
                if os.preadv(found, [data], 0, os.RWF_NOWAIT) == status.st_size:
                    whole = bytes(memoryview(data)[:-1])
                    return Content(whole, status, len(whole), etag_of(whole))
        finally:
            os.close(found)
    return None


def _read_all(file: BinaryIO, size: int, largest: int) -> bytes:
    """Everything, unless the file grows beyond `largest` meanwhile. A read that is short has met its end."""
    data = file.read(size + 1)
    while size < len(data) <= largest:
        size = len(data)
        data += file.read(largest + 1 - size)
    if len(data) > largest:
        raise TooLarge
    return data


_LOCKS = [threading.Lock() for _ in range(64)]


def _changing(place: Place) -> threading.Lock:
    """Held from looking at an ETag to acting on it, so that of two writers with the same one only the first succeeds. Programs
    in the session take no part in it."""
    return _LOCKS[hash((os.fstat(place.folder).st_ino, place.name)) % len(_LOCKS)]


def write(
    root: Root,
    parts: Parts,
    data: bytes,
    *,
    etag: str | None = None,
    executable: bool | None = None,
    parents: bool = True,
    largest: int,
) -> Written:
    """Replaces or makes a file. With `etag` only if that is still its content; `"*"` only if there is nothing yet."""
    if len(data) > largest:
        raise TooLarge(f"One call writes up to {largest} bytes: upload larger files.")
    try:
        return _write(root, parts, data, etag, executable, largest)
    except NotFound:
        if not parents:
            raise
    make_folders(root, parts[:-1])
    return _write(root, parts, data, etag, executable, largest)


def _write(root: Root, parts: Parts, data: bytes, etag: str | None, executable: bool | None, largest: int) -> Written:
    with root.at(parts, follow=True) as place, _changing(place), told():
        old = _status(place)
        _check_target(root, parts, old, etag, largest)
        try:
            with replacing(place, _mode(old, executable), new=etag == "*") as file:
                write_all(file, data)
        except FileExistsError:
            raise EtagMismatch("There is a file at this path already.") from None
    return Written(len(data), etag_of(data))


def write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _check_target(root: Root, parts: Parts, old: os.stat_result | None, etag: str | None, largest: int) -> None:
    if old is not None and etag != "*":
        if stat.S_ISDIR(old.st_mode):
            raise IsDirectory
        if not stat.S_ISREG(old.st_mode):
            raise NotRegularFile
    if etag is None:
        return
    try:
        current = read(root, parts, largest=largest).etag
    except NotFound:
        current = None
    if etag == "*" and current is not None:
        raise EtagMismatch("There is a file at this path already.", etag=current)
    if etag not in ("*", current):
        raise EtagMismatch(etag=current)


def _mode(old: os.stat_result | None, executable: bool | None) -> int | None:
    """The mode bits of the new content; None for what the umask makes of a new file."""
    if old is None:
        return None if not executable else 0o755 & ~_UMASK
    mode = stat.S_IMODE(old.st_mode) & 0o777
    if executable is None:
        return mode
    return mode | (mode & 0o444) >> 2 if executable else mode & ~0o111


def _umask() -> int:
    """Read once at import: it can only be read by setting it, which other threads would see."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


_UMASK = _umask()


@contextmanager
def replacing(place: Place, mode: int | None, *, new: bool = False, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write, which takes `place` when the block ends well and is gone when it does not. With `new` only an empty
    place, else FileExistsError. `mode` None is what the umask makes of a new file. One of many need not be `durable`."""
    name = TEMPORARY + secrets.token_hex(8).encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    made = os.open(name, flags, 0o666, dir_fd=place.folder)
    try:
        with os.fdopen(made, "wb", buffering=0) as file:
            yield file
            if mode is not None:
                os.fchmod(made, mode)
            _give_to_owner_of(place.folder, made)
            if durable:
                os.fsync(made)
        if new:
            os.link(name, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder, follow_symlinks=False)
        else:
            os.rename(name, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
            name = b""
    finally:
        if name:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=place.folder)


def _give_to_owner_of(folder: int, made: int) -> None:
    """A server that runs as root writes into folders of others, whose programs must be able to change what it wrote."""
    if os.geteuid() == 0:
        owner = os.fstat(folder)
        if owner.st_uid or owner.st_gid:
            os.fchown(made, owner.st_uid, owner.st_gid)


def adopt(root: Root, parts: Parts, file: Path) -> None:
    """Moves a complete file of the server's own to `parts`, where it replaces a file and keeps its mode bits."""
    make_folders(root, parts[:-1])
    with root.at(parts, follow=True) as place, _changing(place), told():
        old = _status(place)
        _check_target(root, parts, old, None, 0)
        mode = _mode(old, None)
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(opened, 0o666 & ~_UMASK if mode is None else mode)
            _give_to_owner_of(place.folder, opened)
            os.rename(file, place.name, dst_dir_fd=place.folder)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with replacing(place, mode) as into:
                _pour(opened, into)
        finally:
            os.close(opened)


def _pour(source: int, into: BinaryIO) -> None:
    """Copies what is left of an open file; where the file system can share the blocks, it does."""
    while os.copy_file_range(source, into.fileno(), 1 << 30):
        pass


def _status(place: Place) -> os.stat_result | None:
    try:
        return os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def make_folders(root: Root, parts: Parts) -> None:
    """Makes what is missing of the folder at `parts`."""
    missing: list[Parts] = []
    while True:
        try:
            os.close(root.open(parts, DIRECTORY))
            break
        except NotFound:
            if not parts:
                raise
            missing.append(parts)
            parts = parts[:-1]
    for folder in reversed(missing):
        make_folder(root, folder, exist_ok=True)


def make_folder(root: Root, parts: Parts, *, exist_ok: bool = False) -> None:
    with root.at(parts) as place, told():
        try:
            os.mkdir(place.name, dir_fd=place.folder)
        except FileExistsError:
            if not exist_ok:
                raise Exists("There is something at this path already.") from None
            return
        made = os.open(place.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.folder)
        try:
            _give_to_owner_of(place.folder, made)
        finally:
            os.close(made)


def status(root: Root, parts: Parts) -> tuple[os.stat_result, bytes | None]:
    """What lies at `parts`, a link not followed, and the target of a link."""
    if not parts:
        return os.fstat(root.fd), None
    with root.at(parts) as place, told():
        found = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
        target = os.readlink(place.name, dir_fd=place.folder) if stat.S_ISLNK(found.st_mode) else None
    return found, target


def real_path(root: Root, parts: Parts) -> bytes:
    """`parts` without links on the way, relative to the root: the name that version control has for it."""
    with root.at(parts) as place:
        top, folder = (os.readlink(b"/proc/self/fd/%d" % opened) for opened in (root.fd, place.folder))
    return os.path.join(os.path.relpath(folder, top), place.name).removeprefix(b"./")


def check_delete(root: Root, parts: Parts, *, recursive: bool, etag: str | None, largest: int) -> None:
    """Raises what `delete` would, so that nothing is saved for a deletion that does not happen."""
    with root.at(parts) as place, told():
        found = os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)
        if not stat.S_ISDIR(found.st_mode):
            if etag is not None and etag != (current := read(root, parts, largest=largest).etag):
                raise EtagMismatch(etag=current)
        elif etag is not None:
            raise IsDirectory("A folder has no ETag.")
        elif not recursive and _list(place):
            raise NotEmpty


def delete(root: Root, parts: Parts, *, recursive: bool, etag: str | None, largest: int) -> None:
    """Removes a file, a link (never what it leads to) or a folder, going through open folders only."""
    with root.at(parts) as place, _changing(place), told():
        check_delete(root, parts, recursive=recursive, etag=etag, largest=largest)
        _remove(place)


def _remove(place: Place) -> None:
    try:
        os.unlink(place.name, dir_fd=place.folder)
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
        remove_folder(place)


def sweep(folder: Path, before: float) -> None:
    """Removes what was half written when that moment came (st_mtime), wherever it lies. What changes meanwhile is left."""
    with Root(folder) as root:
        for _, opened, names in root.folders():
            for name in [name for name in names if name.startswith(TEMPORARY)]:
                names.remove(name)
                with suppress(OSError, NotEmpty):
                    if os.stat(name, dir_fd=opened, follow_symlinks=False).st_mtime < before:
                        _remove(Place(opened, name))


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LEVELS = 64
"""How many folders are open at a time while one is emptied; what lies deeper is moved up first."""


def remove_folder(place: Place) -> None:
    """Removes a folder with all that is in it, however deep (a program can make them deeper than any stack). Raises NotEmpty
    where somebody goes on adding to it."""
    folder = os.open(place.name, _FOLDER, dir_fd=place.folder)
    try:
        for _ in range(10_000):
            _empty(folder, folder, _LEVELS)
            try:
                os.rmdir(place.name, dir_fd=place.folder)
                return
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
    finally:
        os.close(folder)
    raise NotEmpty("Something is being added to this folder while it is deleted: try again.")


def _empty(folder: int, top: int, levels: int) -> None:
    """Removes what is in `folder`; folders that lie `levels` below are moved to `top`. What changes meanwhile is left."""
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):
            try:
                os.unlink(name, dir_fd=folder)
                continue
            except OSError as error:
                if error.errno not in (errno.EISDIR, errno.EPERM):
                    raise
            if not levels:
                os.rename(name, f"{os.fsdecode(TEMPORARY)}{secrets.token_hex(8)}", src_dir_fd=folder, dst_dir_fd=top)
                continue
            inner = os.open(name, _FOLDER, dir_fd=folder)
            try:
                _empty(inner, top, levels - 1)
            finally:
                os.close(inner)
            with _unless(errno.ENOTEMPTY):
                os.rmdir(name, dir_fd=folder)


@contextmanager
def _unless(code: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != code:
            raise


def _list(place: Place) -> list[str]:
    folder = os.open(place.name, _FOLDER, dir_fd=place.folder)
    try:
        return os.listdir(folder)
    finally:
        os.close(folder)


_RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "ppc64le": 357, "s390x": 347}.get(platform.machine())
_NOREPLACE = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _rename_new(source: Place, target: Place) -> None:
    """rename(2) that never replaces anything: FileExistsError."""
    if _RENAMEAT2 is not None:
        if not _libc.syscall(_RENAMEAT2, source.folder, source.name, target.folder, target.name, _NOREPLACE):
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL):
            raise OSError(code, os.strerror(code))
    if _status(target) is not None:  # file systems without it: not atomic against other programs
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.rename(source.name, target.name, src_dir_fd=source.folder, dst_dir_fd=target.folder)


def move(root: Root, parts: Parts, to: Parts, *, overwrite: bool) -> None:
    """Renames. What stood at `to` is gone with `overwrite`."""
    _transfer(root, parts, to, overwrite, _rename_new)


def copy(root: Root, parts: Parts, to: Parts, *, overwrite: bool) -> None:
    """Copies a file, a link or a folder with all that may be seen of it. Nothing of it stays if that fails."""
    _transfer(root, parts, to, overwrite, lambda source, target: _copy(root, source, target))


def _transfer(root: Root, parts: Parts, to: Parts, overwrite: bool, act: Callable[[Place, Place], None]) -> None:
    """Lets `act` fill the place at `to`, at the side first where something is to be replaced, so that it is whole at any time."""
    if not parts or not to:
        raise BadPath("This would be the session's folder itself.")
    if parts == to:
        raise Exists("That is the same path.")
    if to[: len(parts)] == parts or parts[: len(to)] == to:
        raise IntoItself
    status(root, parts)
    make_folders(root, to[:-1])
    with root.at(parts) as source, root.at(to) as target, told():
        _check_outside(root, source, target)
        try:
            if not overwrite or _status(target) is None:
                act(source, target)
                return
        except FileExistsError:
            raise Exists from None
        aside = Place(target.folder, TEMPORARY + secrets.token_hex(8).encode())
        _rename_new(target, aside)
        try:
            act(source, target)
        except BaseException:
            with suppress(FileExistsError):
                _rename_new(aside, target)
            raise
        _remove(aside)


def _check_outside(root: Root, source: Place, target: Place) -> None:
    """Raises IntoItself where links led into the very folder that is to be moved or copied."""
    found = os.stat(source.name, dir_fd=source.folder, follow_symlinks=False)
    here, top = os.dup(target.folder), os.fstat(root.fd)
    try:
        for _ in range(MAX_DEPTH + 1):
            status_ = os.fstat(here)
            if os.path.samestat(status_, found):
                raise IntoItself
            if os.path.samestat(status_, top):
                return
            above = os.open("..", DIRECTORY, dir_fd=here)
            os.close(here)
            here = above
    finally:
        os.close(here)
    raise TooDeep


def _copy(root: Root, source: Place, target: Place, levels: int = MAX_DEPTH) -> None:
    found = os.stat(source.name, dir_fd=source.folder, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(source.name, dir_fd=source.folder), target.name, dir_fd=target.folder)
    elif stat.S_ISREG(found.st_mode):
        _copy_file(root, source, target)
    elif stat.S_ISDIR(found.st_mode):
        os.mkdir(target.name, dir_fd=target.folder)
        try:
            _copy_folder(root, source, target, levels)
        except BaseException:
            with suppress(OSError, AppError):
                remove_folder(target)
            raise
    else:
        raise NotRegularFile


def _copy_folder(root: Root, source: Place, target: Place, levels: int) -> None:
    if not levels:
        raise TooDeep
    here = os.open(source.name, _FOLDER, dir_fd=source.folder)
    try:
        there = os.open(target.name, _FOLDER, dir_fd=target.folder)
        try:
            _give_to_owner_of(target.folder, there)
            for name in map(os.fsencode, os.listdir(here)):
                if not is_hidden(name):
                    _copy(root, Place(here, name), Place(there, name), levels - 1)
            os.fchmod(there, stat.S_IMODE(os.fstat(here).st_mode) & 0o777)
        finally:
            os.close(there)
    finally:
        os.close(here)


def _copy_file(root: Root, source: Place, target: Place) -> None:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
    found = os.open(source.name, flags, dir_fd=source.folder)
    try:
        status_ = os.fstat(found)
        root.vouch(status_)
        with replacing(target, stat.S_IMODE(status_.st_mode) & 0o777, new=True) as file:
            left = status_.st_size
            while left > 0 and (sent := os.copy_file_range(found, file.fileno(), left)):
                left -= sent
    finally:
        os.close(found)
