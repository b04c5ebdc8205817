"""Files of a session: who may do what to them. Each call loads the session by one statement, then goes to one thread."""

import base64
import binascii
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar, cast
from uuid import UUID

import anyio
from litestar.exceptions import InternalServerException
from pygit2 import GitError

from backend.core.auth import Actor
from backend.core.errors import AppError, Conflict, Invalid, NotFound, TooLarge
from backend.core.resources import Resources
from backend.workbench.files import archive, disk, schemas, tus, unpack
from backend.workbench.files.beneath import BadPath, Root, decode_b64, parse, show, told
from backend.workbench.files.search import search
from backend.workbench.files.tree import moment, tree
from backend.workbench.sessions import service as sessions
from backend.workbench.sessions.models import Session
from backend.workbench.snapshots import service as snapshots

READ, WRITE = "files:read", "files:write"
_SEARCHES = anyio.Semaphore(4)
"""Searches at a time, so that long ones leave threads for everything else."""
RECEIVE_BYTES = 1 << 20
"""Bytes of an upload that are gathered for one visit to a thread."""
T = TypeVar("T")
Parts = tuple[bytes, ...]


class TooDeepToSave(Invalid):
    """No snapshot can be taken, since folders lie too deep within each other: say `without_snapshot` to delete for good."""


class BadContent(Invalid):
    """`content` is not valid base64."""


def folder_of(resources: Resources, session_id: UUID) -> Path:
    """The working copy of a session."""
    return resources.data / "sessions" / str(session_id) / "workspace"


def parts_of(path: str | None, path_b64: str | None) -> Parts:
    """What a caller named by either. Raises BadPath."""
    if path_b64 is not None:
        return parse(decode_b64(path_b64))
    if path is None:
        raise BadPath("Send `path`, or `path_b64` for a name that is not UTF-8.")
    return parse(path)


async def act(resources: Resources, actor: Actor, session_id: UUID, operation: schemas.Operation) -> schemas.Answer:
    """One operation on the session's files."""
    session = await sessions.ready(resources, actor, session_id, READ)
    if not isinstance(operation, schemas.Read | schemas.Stat):
        actor.require(session.organization_id, WRITE, session.workspace_id)
    match operation:
        case schemas.Delete():
            return await _delete(resources, session, operation)
        case schemas.Move() | schemas.Copy():
            return await _transfer(resources, session, operation)
        case schemas.Read(offset=0, limit=None):
            parts = parts_of(operation.path, operation.path_b64)
            if (found := disk.read_cached(folder_of(resources, session.id), parts)) is not None:
                return _shown(parts, operation, found)
    return await _beneath(resources, session, lambda root: _act(root, operation, largest(resources)))


async def list_tree(resources: Resources, actor: Actor, session_id: UUID, query: schemas.TreeQuery) -> schemas.FileTree:
    parts = parts_of(query.path, query.path_b64)
    session = await sessions.ready(resources, actor, session_id, READ)
    listed = partial(
        tree, parts=parts, depth=query.depth, hidden=query.hidden, ignored=query.ignored, letters=query.letters
    )
    found = await _beneath(resources, session, listed)
    return schemas.FileTree(show(b"/".join(parts)).path, found.entries, found.truncated)


async def find(
    resources: Resources, actor: Actor, session_id: UUID, query: schemas.SearchQuery
) -> schemas.SearchResult:
    session = await sessions.ready(resources, actor, session_id, READ)

    def run(root: Root) -> schemas.SearchResult:
        found = search(
            root,
            query.query,
            regex=query.regex,
            case_sensitive=query.case_sensitive,
            include=_several(query.include),
            exclude=_several(query.exclude),
            limit=query.limit,
        )
        return schemas.SearchResult(found.matches, found.files, found.reason is not None, found.reason)

    async with _SEARCHES:
        return await _beneath(resources, session, run)


def _several(globs: schemas.Globs) -> list[str]:
    if isinstance(globs, str):
        return [globs] if globs else []
    return globs


async def download(
    resources: Resources, actor: Actor, session_id: UUID, format: archive.Format, path: str
) -> tuple[AsyncIterator[bytes], str]:
    """The archive of the folder `path` in chunks, each made in a thread, and the header that names it."""
    session = await sessions.ready(resources, actor, session_id, READ)
    top = parse(path)

    def check(root: Root) -> None:
        with told():
            os.close(root.open_plain(top, os.O_RDONLY | os.O_DIRECTORY))

    await _beneath(resources, session, check)
    chunks = archive.stream(folder_of(resources, session.id), format, top)

    async def send() -> AsyncIterator[bytes]:
        try:
            while chunk := await resources.in_thread(next, chunks, b""):
                yield chunk
        finally:
            chunks.close()

    return send(), archive.disposition(os.fsdecode(top[-1]) if top else session.name, format)


async def create_upload(resources: Resources, actor: Actor, length: int, metadata: str) -> tus.Upload:
    """A new upload; an empty file is in its place at once. `metadata` is the header Upload-Metadata."""
    fields = tus.parse_metadata(metadata)
    try:
        session_id = UUID(fields["session_id"].decode())
    except (KeyError, ValueError):
        raise tus.BadUpload("Upload-Metadata needs `session_id`.") from None
    session = await sessions.ready(resources, actor, session_id, WRITE)
    path = fields.get("path", fields.get("filename"))
    if path is None:
        raise tus.BadUpload("Upload-Metadata needs `path`.")
    format = fields.get("unpack", b"").decode(errors="replace") or None
    if format not in (None, "zip", "tar.gz"):
        raise tus.BadUpload("Upload-Metadata: `unpack` is zip or tar.gz.")
    if not parse(path) and format is None:
        raise BadPath("Upload-Metadata: `path` names the file to make.")
    if length > largest_upload(resources):
        raise TooLarge(f"An upload has at most {largest_upload(resources)} bytes.")
    upload = tus.Upload(tus.new_id(), session.id, path, cast(unpack.Format | None, format), length, metadata)
    await resources.in_thread(tus.create, uploads_of(resources), upload)
    if not length:
        await resources.in_thread(_finish, resources, upload)
    return upload


async def find_upload(resources: Resources, actor: Actor, upload_id: str) -> tus.Upload:
    """An upload into a session that the caller may write to. Raises NoSuchUpload, UploadExpired."""
    try:
        upload = await resources.in_thread(tus.load, uploads_of(resources), upload_id)
        await sessions.ready(resources, actor, upload.session_id, WRITE)
    except NotFound:
        raise tus.NoSuchUpload from None
    return upload


async def upload_progress(resources: Resources, upload: tus.Upload) -> tus.Progress:
    """Where it stands. One that is complete but was not put into its place, since the server ended in between, is now."""

    def run() -> tus.Progress:
        progress = tus.progress(uploads_of(resources), upload)
        if progress.done or progress.offset < upload.length:
            return progress
        with closing(tus.append(uploads_of(resources), upload, upload.length, None)):
            _finish(resources, upload)
        return tus.progress(uploads_of(resources), upload)

    return await resources.in_thread(run)


async def receive(
    resources: Resources,
    upload: tus.Upload,
    offset: int,
    checksum: tuple[str, bytes] | None,
    chunks: AsyncIterator[bytes],
) -> tus.Progress:
    """Takes in what one PATCH carries, and puts the upload into its place when it is complete."""
    uploads = uploads_of(resources)
    appending = await resources.in_thread(tus.append, uploads, upload, offset, checksum)
    kept = bytearray()
    try:
        try:
            async for chunk in chunks:
                kept += chunk
                if len(kept) >= RECEIVE_BYTES:
                    await resources.in_thread(appending.write, bytes(kept))
                    kept.clear()
        except InternalServerException:  # how the framework says that the sender hung up
            raise tus.Interrupted from None
        finally:  # what came before stays
            if kept:
                appending.write(bytes(kept))
        await resources.in_thread(appending.commit)
        if appending.offset == upload.length:
            await resources.in_thread(_finish, resources, upload)
        return await resources.in_thread(tus.progress, uploads, upload)
    finally:
        appending.close()


async def end_upload(resources: Resources, upload: tus.Upload) -> None:
    await resources.in_thread(tus.remove, uploads_of(resources), upload)


def _finish(resources: Resources, upload: tus.Upload) -> None:
    """Puts a complete upload into its place. One that cannot be is removed: its sender must choose otherwise."""
    uploads = uploads_of(resources)
    data = tus.data_of(uploads, upload)
    try:
        with Root(folder_of(resources, upload.session_id)) as root:
            if upload.unpack is None:
                disk.adopt(root, parse(upload.path), data)
            else:
                unpack.unpack(root, parse(upload.path), data, upload.unpack)
    except AppError as error:
        tus.remove(uploads, upload)
        if isinstance(error, Conflict):
            told = tus.NotPlaced(error.message, reason=error.code)
            told.details |= error.details
            raise told from None
        raise
    tus.finished(uploads, upload)


def uploads_of(resources: Resources) -> Path:
    return resources.data / "uploads"


def largest_upload(resources: Resources) -> int:
    return 100 * largest(resources)


async def watched(resources: Resources, actor: Actor, session_id: UUID) -> Path:
    """The folder to watch."""
    session = await sessions.ready(resources, actor, session_id, READ)
    return folder_of(resources, session.id)


def largest(resources: Resources) -> int:
    """Bytes that one call reads or writes."""
    return resources.settings.max_file_mb << 20


async def _beneath(resources: Resources, session: Session, work: Callable[[Root], T]) -> T:
    """Runs `work` in a thread on the session's folder."""

    def run(folder: Path) -> T:
        with Root(folder) as root:
            return work(root)

    return await resources.in_thread(run, folder_of(resources, session.id))


def _act(
    root: Root, operation: schemas.Read | schemas.Write | schemas.Mkdir | schemas.Stat, largest: int
) -> schemas.Answer:
    parts = parts_of(operation.path, operation.path_b64)
    match operation:
        case schemas.Read(offset=offset, limit=limit):
            return _shown(parts, operation, disk.read(root, parts, offset=offset, limit=limit, largest=largest))
        case schemas.Write():
            written = disk.write(
                root,
                parts,
                _content(operation),
                etag=operation.etag,
                executable=operation.executable,
                parents=operation.parents,
                largest=largest,
            )
            path, path_b64 = show(b"/".join(parts))
            return schemas.Written(path, written.size, written.etag, path_b64)
        case schemas.Mkdir():
            if operation.parents:
                disk.make_folders(root, parts[:-1])
            disk.make_folder(root, parts)
    return _status(root, parts, largest)


def _content(operation: schemas.Write) -> bytes:
    if operation.encoding == "utf-8":
        return operation.content.encode()
    try:
        return base64.b64decode(operation.content, validate=True)
    except (binascii.Error, ValueError):
        raise BadContent from None


def _shown(parts: Parts, operation: schemas.Read, found: disk.Content) -> schemas.Content:
    truncated = operation.offset + len(found.data) < found.size
    content, encoding = _encode(found.data, operation.encoding, truncated)
    path, path_b64 = show(b"/".join(parts))
    return schemas.Content(
        path=path,
        content=content,
        encoding=encoding,
        size=found.size,
        etag=found.etag,
        mtime=moment(int(found.status.st_mtime)),
        executable=bool(found.status.st_mode & 0o111),
        truncated=truncated,
        path_b64=path_b64,
    )


def _encode(data: bytes, wanted: schemas.Encoding | None, cut: bool) -> tuple[str, schemas.Encoding]:
    """Text where it is text (without NUL, unless asked for as such); a character cut in two at the end is left out."""
    if wanted != "base64" and (wanted is not None or b"\0" not in data):
        for without in range(4 if cut and len(data) > 3 else 1):
            try:
                return data[: len(data) - without].decode(), "utf-8"
            except UnicodeDecodeError as error:
                if error.reason != "unexpected end of data":
                    break
    return base64.b64encode(data).decode(), "base64"


def _status(root: Root, parts: Parts, largest: int, snapshot_id: str | None = None) -> schemas.Status:
    found, target = disk.status(root, parts)
    etag = None
    if stat.S_ISREG(found.st_mode) and found.st_size <= largest:
        try:
            etag = disk.read(root, parts, largest=largest).etag
        except NotFound:
            raise
        except AppError:  # what may not be read has no ETag, and is described all the same
            etag = None
    path, path_b64 = show(b"/".join(parts))
    return schemas.Status(
        path=path,
        type=disk.kind(found.st_mode),
        size=found.st_size,
        mtime=moment(int(found.st_mtime)),
        executable=stat.S_ISREG(found.st_mode) and bool(found.st_mode & 0o111),
        etag=etag,
        target=None if target is None else show(target).path,
        path_b64=path_b64,
        snapshot_id=snapshot_id,
    )


async def _delete(resources: Resources, session: Session, operation: schemas.Delete) -> schemas.Deleted:
    """What goes is in a snapshot first."""
    parts = parts_of(operation.path, operation.path_b64)
    check, delete = (
        partial(do, parts=parts, recursive=operation.recursive, etag=operation.etag, largest=largest(resources))
        for do in (disk.check_delete, disk.delete)
    )
    await _beneath(resources, session, check)
    saved = None if operation.without_snapshot else await _snapshot(resources, session, parts)
    await _beneath(resources, session, delete)
    return schemas.Deleted(True, saved)


async def _transfer(resources: Resources, session: Session, operation: schemas.Move | schemas.Copy) -> schemas.Status:
    parts, to = parts_of(operation.path, operation.path_b64), parts_of(operation.to, operation.to_b64)
    saved = None
    if operation.overwrite and await _beneath(resources, session, lambda root: _is_there(root, to)):
        saved = await _snapshot(resources, session, to)
    act = disk.move if isinstance(operation, schemas.Move) else disk.copy

    def run(root: Root) -> schemas.Status:
        act(root, parts, to, overwrite=operation.overwrite)
        return _status(root, to, largest(resources), saved)

    return await _beneath(resources, session, run)


def _is_there(root: Root, parts: Parts) -> bool:
    try:
        disk.status(root, parts)
    except NotFound:
        return False
    return True


async def _snapshot(resources: Resources, session: Session, parts: Parts) -> str:
    path = await _beneath(resources, session, partial(disk.real_path, parts=parts))
    try:
        row = await snapshots.take(resources, session, reason="delete", paths=[os.fsdecode(path)])
    except (GitError, RecursionError) as error:
        if isinstance(error, GitError) and "nesting too deep" not in str(error):  # libgit2's limit is 100 folders
            raise
        raise TooDeepToSave from None
    return str(row.id)
