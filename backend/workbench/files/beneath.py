"""Paths from strangers, resolved beneath a root by descriptor: no string is ever compared, nothing is checked and then opened.

The kernel resolves where it can (openat2(2), Linux 5.6: RESOLVE_BENEATH, no links at all); where a link is on the way, or the
kernel is older, each component is opened from its parent with O_NOFOLLOW, and links are expanded here, their targets held
to the same rules. Links that stay inside are followed; those that lead out are refused.

Hard links: a file with more names than lie in the root may be somebody's secret under a second name, and is not read
(`Root.open_file`). Writing is by rename, so it never reaches the other names.
"""

import base64
import binascii
import ctypes
import errno
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, Self, TypeVar

from backend.core.errors import Conflict, DiskFull, Invalid, NotFound, PermissionDenied, Unavailable

T = TypeVar("T")

MAX_PATH, MAX_NAME, MAX_LINKS = 4096, 255, 40
MAX_DEPTH = 255
"""Folders in folders that a path may name: deeper ones would take a descriptor, or a stack frame, each."""
TEMPORARY = b".codeyard-tmp-"
"""How names of half-written files begin. They are shown nowhere and cannot be asked for."""

DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class BadPath(Invalid):
    """This path cannot be used: it must be relative to the session's folder, without `..`, NUL or `.git`."""


class PathEscapes(Invalid):
    """A link on this path leads out of the session's folder."""


class NotRegularFile(Invalid):
    """This is not a regular file, so its content cannot be read or written."""

    @property
    def code(self) -> str:
        return "not_a_regular_file"


class LinkedFromOutside(NotRegularFile):
    """This file has another name outside of the session's folder (a hard link), so it is not read: replace it by a copy."""


class IsDirectory(Conflict):
    """There is a folder at this path."""


class NotDirectory(Conflict):
    """A file lies where this path needs a folder."""


@contextmanager
def told() -> Iterator[None]:
    """Turns what the system says of a path into what a caller is told."""
    try:
        yield
    except OSError as error:
        match error.errno:
            case errno.ENOENT | errno.ESTALE:
                raise NotFound("There is no such file or folder.") from None
            case errno.ENOTDIR:
                raise NotDirectory from None
            case errno.EISDIR:
                raise IsDirectory from None
            case errno.EACCES | errno.EPERM | errno.EROFS:
                raise PermissionDenied from None
            case errno.ELOOP:
                raise BadPath("A link on this path is not followed here, or leads in a circle.") from None
            case errno.ENAMETOOLONG | errno.EINVAL | errno.EILSEQ:
                raise BadPath from None
            case errno.ENXIO | errno.ENODEV:  # a FIFO without a reader, a socket, a device without a driver
                raise NotRegularFile from None
            case errno.ENOSPC | errno.EDQUOT:
                raise DiskFull from None
            case errno.EMFILE | errno.ENFILE:
                raise Unavailable("The server has too many files open: try again in a moment.") from None
        raise


# Code points that HFS+ leaves out when it compares names (git's utf8.c, next_hfs_char): `.g\u200cit` is `.git` there.
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def is_git(name: bytes) -> bool:
    """Whether any common file system would take `name` for `.git` (CVE-2014-9390 and its kin)."""
    if b"git" not in name.lower() and not any(byte > 127 for byte in name):
        return False
    text = _IGNORED_BY_HFS.sub("", os.fsdecode(name)).lower()
    return any(part.split(":")[0].rstrip(". ") in (".git", "git~1") for part in text.split("\\"))


def is_hidden(name: bytes) -> bool:
    """Names that no listing, search, watch or archive shows."""
    return name.startswith(TEMPORARY) or is_git(name)


def parse(path: str | bytes) -> tuple[bytes, ...]:
    """The components of a caller's path; none for the root itself. Raises BadPath, saying what is wrong."""
    try:
        raw = path if isinstance(path, bytes) else path.encode()
    except UnicodeEncodeError:
        raise BadPath("The path is not valid Unicode; send names of other encodings as path_b64.") from None
    if len(raw) > MAX_PATH:
        raise BadPath(f"A path has at most {MAX_PATH} bytes.")
    if b"\0" in raw:
        raise BadPath("A path cannot contain NUL.")
    if raw.startswith(b"/"):
        raise BadPath("The path must be relative to the session's folder, without a leading slash.")
    parts = tuple(part for part in raw.split(b"/") if part not in (b"", b"."))
    if len(parts) > MAX_DEPTH:
        raise BadPath(f"A path has at most {MAX_DEPTH} names.")
    for part in parts:
        if part == b"..":
            raise BadPath("A path cannot contain `..`.")
        if len(part) > MAX_NAME:
            raise BadPath(f"A name has at most {MAX_NAME} bytes.")
        if is_hidden(part):
            raise BadPath("`.git` belongs to version control: use its calls.")
    return parts


def decode_b64(text: str) -> bytes:
    """A caller's path_b64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadPath("path_b64 is not valid base64.") from None


class Shown(NamedTuple):
    """A path on the wire: `path_b64` is set where the name is not UTF-8, whose odd bytes `path` then escapes as \\xNN."""

    path: str
    path_b64: str | None


def show(path: bytes) -> Shown:
    try:
        return Shown(path.decode(), None)
    except UnicodeDecodeError:
        return Shown(path.decode(errors="backslashreplace"), base64.b64encode(path).decode())


class _OpenHow(ctypes.Structure):
    """struct open_how of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_OPENAT2 = 437  # the same number on every architecture
_STAY_INSIDE = 0x02 | 0x04 | 0x08  # RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH
_CACHED = 0x20  # RESOLVE_CACHED
_libc = ctypes.CDLL(None, use_errno=True)


def openat2(folder: int, path: bytes, flags: int, *, cached: bool = False) -> int:
    """Opens `path` beneath `folder` where no component is a link. Raises OSError: ELOOP for a link; EAGAIN where it is `cached`
    that is asked for, and the kernel would have to look on the disk."""
    how = _OpenHow(flags | os.O_CLOEXEC, 0, _STAY_INSIDE | (_CACHED if cached else 0))
    found = _libc.syscall(_OPENAT2, folder, path, ctypes.byref(how), ctypes.sizeof(how))
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return int(found)


def _has_openat2() -> bool:
    root = os.open("/", DIRECTORY)
    try:
        os.close(openat2(root, b".", DIRECTORY))
    except OSError:  # ENOSYS before Linux 5.6, EPERM under some container engines' filters
        return False
    finally:
        os.close(root)
    return True


HAS_OPENAT2 = _has_openat2()


class Place(NamedTuple):
    """A name in an open folder: where something is, or is to be. The caller closes `folder` (or uses `Root.at`)."""

    folder: int
    name: bytes


class Root:
    """A session's folder. Use as a context manager: it holds one descriptor."""

    def __init__(self, folder: str | os.PathLike[str], *, kernel: bool = HAS_OPENAT2) -> None:
        with told():
            self.fd = os.open(folder, DIRECTORY | os.O_NOFOLLOW)
        self._kernel = kernel
        self._names: Counter[tuple[int, int]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def open_plain(self, parts: tuple[bytes, ...], flags: int) -> int:
        """As `open`, for what was found by listing: raises OSError where any component is a link by now."""
        if self._kernel and parts:
            return openat2(self.fd, b"/".join(parts), flags)
        here = os.dup(self.fd)
        for number, name in enumerate(parts or (b".",), 1):
            try:
                last = number >= len(parts)
                there = os.open(name, (flags if last else DIRECTORY) | os.O_NOFOLLOW, dir_fd=here)
            finally:
                os.close(here)
            here = there
        return here

    def open(self, parts: tuple[bytes, ...], flags: int) -> int:
        """A descriptor of what lies at `parts`, links that stay inside followed. `flags` must not create."""
        with told():
            if not parts:
                return os.open(b".", flags, dir_fd=self.fd)
            if self._kernel:
                try:
                    return openat2(self.fd, b"/".join(parts), flags)
                except OSError as error:
                    if error.errno not in (errno.ELOOP, errno.EXDEV, errno.EAGAIN):
                        raise
            return self._walk(parts, lambda folder, name: os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder))

    def open_file(self, parts: tuple[bytes, ...]) -> tuple[int, os.stat_result]:
        """A descriptor to read a regular file from. Never waits for a FIFO; refuses what may be another's (see above)."""
        found = self.open(parts, READ)
        try:
            status = os.fstat(found)
            self.vouch(status)
        except BaseException:
            os.close(found)
            raise
        return found, status

    def vouch(self, status: os.stat_result) -> None:
        """Raises unless `status` is that of a regular file that may be read: all of its names lie in the root."""
        if stat.S_ISDIR(status.st_mode):
            raise IsDirectory
        if not stat.S_ISREG(status.st_mode):
            raise NotRegularFile
        if status.st_nlink > 1 and self._names_of(status) < status.st_nlink:
            raise LinkedFromOutside

    def _names_of(self, status: os.stat_result) -> int:
        """How many names in the root the file of `status` has."""
        if self._names is None:
            self._names = Counter()
            for _, folder, names in self.folders():
                for name in names:
                    with suppress(OSError):
                        entry = os.stat(name, dir_fd=folder, follow_symlinks=False)
                        if entry.st_nlink > 1 and not stat.S_ISDIR(entry.st_mode):
                            self._names[entry.st_dev, entry.st_ino] += 1
        return self._names[status.st_dev, status.st_ino]

    def folders(self, top: tuple[bytes, ...] = ()) -> Iterator[tuple[tuple[bytes, ...], int, list[bytes]]]:
        """Every folder from `top` down, itself first, with the names in it, sorted: open while it is looked at, links not
        followed. The names that the caller takes out of the list are not entered. What no path can name for its depth is
        left out."""
        waiting = [top]
        while waiting:
            parts = waiting.pop()
            try:
                opened = self.open_plain(parts, os.O_RDONLY | os.O_DIRECTORY)
            except OSError:
                continue  # gone since, no folder, or not ours to read
            try:
                with os.scandir(opened) as found:
                    inside = {os.fsencode(entry.name): entry.is_dir(follow_symlinks=False) for entry in found}
                names = sorted(inside)
                yield parts, opened, names
            finally:
                os.close(opened)
            if len(parts) < MAX_DEPTH:
                waiting.extend((*parts, name) for name in reversed(names) if inside[name])

    @contextmanager
    def at(self, parts: tuple[bytes, ...], *, follow: bool = False) -> Iterator[Place]:
        """Where `parts` is or would be: its open folder and its name there, the name itself followed only where asked."""
        place = self._locate(parts, follow)
        try:
            yield place
        finally:
            os.close(place.folder)

    def _locate(self, parts: tuple[bytes, ...], follow: bool) -> Place:
        if not parts:
            raise BadPath("This would be the session's folder itself.")
        with told():
            place = Place(self.open(parts[:-1], DIRECTORY), parts[-1])
            if follow and _is_link(place):
                os.close(place.folder)
                return self._walk(parts, _place_unless_link)
            return place

    def _walk(self, parts: tuple[bytes, ...], last: Callable[[int, bytes], T]) -> T:
        """Calls `last` with the folder and name that `parts` leads to, opening each component from its parent without
        following it. `last` raises ELOOP where it meets a link; that one is expanded then, as any on the way.

        `..` in a link goes back to the folder that we came through and hold open, so nobody can move it away from us.
        """
        folders = [os.dup(self.fd)]
        pending = list(reversed(parts))
        links = 0
        try:
            while True:
                name = pending.pop() if pending else b"."
                if name == b"..":
                    if len(folders) == 1:
                        raise PathEscapes
                    os.close(folders.pop())
                    continue
                try:
                    if not pending:
                        return last(folders[-1], name)
                    folders.append(os.open(name, DIRECTORY | os.O_NOFOLLOW, dir_fd=folders[-1]))
                    continue
                except OSError as error:
                    # O_DIRECTORY|O_NOFOLLOW on a link is ENOTDIR with O_PATH, ELOOP without
                    if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                        raise
                    target = self._target(folders[-1], name, error)
                links += 1
                if links > MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                pending.extend(reversed(target))
        finally:
            for folder in folders:
                os.close(folder)

    def _target(self, folder: int, name: bytes, otherwise: OSError) -> list[bytes]:
        """The components of the link at `name`; raises `otherwise` if it is none, PathEscapes if it cannot be inside."""
        try:
            target = os.readlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.EINVAL:  # not a link (any more)
                raise otherwise from None
            raise
        if target.startswith(b"/"):
            raise PathEscapes
        parts = [part for part in target.split(b"/") if part not in (b"", b".")]
        if any(is_hidden(part) for part in parts):
            raise BadPath("A link on this path leads into `.git`, which belongs to version control.")
        return parts


def _is_link(place: Place) -> bool:
    try:
        os.readlink(place.name, dir_fd=place.folder)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return False
        raise
    return True


def _place_unless_link(folder: int, name: bytes) -> Place:
    """What `Root.at(follow=True)` ends with: the name may be anything, or nothing yet, but a link."""
    if _is_link(Place(folder, name)):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return Place(os.dup(folder), name)
