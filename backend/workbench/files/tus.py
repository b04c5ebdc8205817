"""Uploads that can be resumed, tus 1.0 (https://tus.io/protocols/resumable-upload), kept on disk: what arrived survives a
restart. An upload is a folder DATA/uploads/<id> of `upload.json` and `data`, whose size is the offset; without `data` it is
done. One request at a time appends, held by flock(2).
"""

import base64
import binascii
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec

from backend.core.errors import AppError, BadRequest, Conflict, Gone, Invalid, NotFound, TooLarge
from backend.workbench.files.beneath import told

VERSION = "1.0.0"
EXTENSIONS = "creation,checksum,expiration,termination"
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "md5": hashlib.md5}  # the first is what tus demands
LASTS = 24 * 3600
"""Seconds after its last byte that an unfinished upload is kept."""


class UnsupportedVersion(AppError):
    """This server speaks tus 1.0.0: send `Tus-Resumable: 1.0.0`."""

    status = 412


class WrongContentType(AppError):
    """A PATCH carries `Content-Type: application/offset+octet-stream`."""

    status = 415


class BadUpload(BadRequest):
    """A header of this upload cannot be understood."""


class NoSuchUpload(NotFound):
    """There is no such upload: it was ended, or it expired long ago. Create a new one."""


class UploadExpired(Gone):
    """This upload was left alone for too long: create a new one."""


class WrongOffset(Conflict):
    """Upload-Offset is not where this upload stands: ask by HEAD."""


class UploadLocked(AppError):
    """Another request is sending to this upload: try again in a moment."""

    status = 423


class NotPlaced(Invalid):
    """What was uploaded cannot be put where it should go. (Not 409, upon which senders start again.)"""


class Interrupted(BadRequest):
    """The sender hung up in the middle; what arrived is kept."""


class ChecksumMismatch(AppError):
    """What arrived is not what was sent; it was discarded: send it again."""

    status = 460


class Upload(msgspec.Struct):
    """What an upload is to become: `path` beneath the session's folder, or with `unpack` the folder to unpack into."""

    id: str
    session_id: UUID
    path: bytes
    unpack: Literal["zip", "tar.gz"] | None
    length: int
    metadata: str


class Progress(msgspec.Struct):
    """`done` means that it was put into its place."""

    offset: int
    done: bool
    expires: float

    @property
    def expires_header(self) -> str:
        return format_datetime(datetime.fromtimestamp(self.expires, UTC), usegmt=True)


def parse_metadata(header: str) -> dict[str, bytes]:
    """Upload-Metadata: comma-separated pairs of a key and its value in base64."""
    found: dict[str, bytes] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise BadUpload(f"Upload-Metadata: the value of {key[:40]} is not base64.") from None
    return found


def parse_number(header: str | None, name: str) -> int:
    if header is None or not re.fullmatch(r"[0-9]{1,18}", header):
        raise BadUpload(f"{name} must be a number of bytes.")
    return int(header)


def parse_checksum(header: str | None) -> tuple[str, bytes] | None:
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadUpload(f"Upload-Checksum: use one of {', '.join(ALGORITHMS)}.")
    try:
        return algorithm, base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadUpload("Upload-Checksum: the digest is not base64.") from None


def create(uploads: Path, upload: Upload) -> None:
    """Makes its folder, whole or not at all."""
    with told():
        uploads.mkdir(mode=0o700, exist_ok=True)
        making = uploads / f".{upload.id}"
        making.mkdir(mode=0o700)
        try:
            (making / "upload.json").write_bytes(msgspec.json.encode(upload))
            (making / "data").touch(mode=0o600)
            making.rename(uploads / upload.id)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise


def new_id() -> str:
    return secrets.token_hex(16)


def load(uploads: Path, id: str) -> Upload:
    """Raises NoSuchUpload, UploadExpired."""
    if not re.fullmatch(r"[0-9a-f]{32}", id):
        raise NoSuchUpload
    try:
        upload = msgspec.json.decode((uploads / id / "upload.json").read_bytes(), type=Upload)
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchUpload from None
    if progress(uploads, upload).expires < time.time():
        raise UploadExpired
    return upload


def progress(uploads: Path, upload: Upload) -> Progress:
    folder = uploads / upload.id
    try:
        status = (folder / "data").stat()
    except FileNotFoundError:
        with suppress(FileNotFoundError):
            return Progress(upload.length, True, (folder / "upload.json").stat().st_mtime + LASTS)
        raise NoSuchUpload from None
    return Progress(status.st_size, False, status.st_mtime + LASTS)


def data_of(uploads: Path, upload: Upload) -> Path:
    return uploads / upload.id / "data"


def finished(uploads: Path, upload: Upload) -> None:
    """It is in its place; that it was is remembered until it expires, for a sender who missed the answer."""
    with suppress(FileNotFoundError):
        data_of(uploads, upload).unlink()


def remove(uploads: Path, upload: Upload) -> None:
    shutil.rmtree(uploads / upload.id, ignore_errors=True)


class Appending:
    """One PATCH: bytes from `offset` on. Unless a checksum was announced, what arrives stays, whatever happens then."""

    def __init__(self, file: int, upload: Upload, offset: int, checksum: tuple[str, bytes] | None) -> None:
        self.offset = self._start = offset
        self._file = file
        self._upload = upload
        self._checksum = checksum
        self._digest = ALGORITHMS[checksum[0]](usedforsecurity=False) if checksum else None

    def write(self, data: bytes) -> None:
        """Raises TooLarge, DiskFull."""
        if self.offset + len(data) > self._upload.length:
            raise TooLarge("This is more than Upload-Length said.")
        if self._digest is not None:
            self._digest.update(data)
        view = memoryview(data)
        with told():
            while view:
                written = os.write(self._file, view)
                self.offset += written
                view = view[written:]

    def commit(self) -> None:
        """Raises ChecksumMismatch."""
        if self._checksum and self._digest and self._digest.digest() != self._checksum[1]:
            raise ChecksumMismatch
        self._checksum = None
        with told():
            os.fsync(self._file)

    def close(self) -> None:
        """What could not be checked is discarded."""
        if self._checksum is not None:
            os.ftruncate(self._file, self._start)
        os.close(self._file)


def append(uploads: Path, upload: Upload, offset: int, checksum: tuple[str, bytes] | None) -> Appending:
    """Opens an upload to go on at `offset`. Raises WrongOffset, UploadLocked. The caller closes it."""
    with _locked(uploads, upload) as file:
        size = os.fstat(file).st_size
        if size != offset:
            raise WrongOffset(offset=size)
        return Appending(os.dup(file), upload, offset, checksum)


@contextmanager
def _locked(uploads: Path, upload: Upload) -> Iterator[int]:
    """The data, open to append. The lock is the open file's: a duplicate holds it on."""
    try:
        file = os.open(data_of(uploads, upload), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        raise WrongOffset("This upload is complete.", offset=upload.length) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
    except BlockingIOError:
        raise UploadLocked from None
    finally:
        os.close(file)


def expire(uploads: Path, *, session_id: UUID | None = None) -> None:
    """Removes what has expired, and all of `session_id`."""
    for folder in uploads.iterdir() if uploads.exists() else ():
        if folder.name.startswith("."):  # its making was interrupted
            if folder.stat().st_mtime + LASTS < time.time():
                shutil.rmtree(folder, ignore_errors=True)
            continue
        try:
            if load(uploads, folder.name).session_id == session_id:
                shutil.rmtree(folder, ignore_errors=True)
        except UploadExpired:
            shutil.rmtree(folder, ignore_errors=True)
        except NoSuchUpload:
            continue
