"""`codeyard cp`: files and folders into a session and out of it, by the same calls that the page makes (tus 1.0, archive)."""

import base64
import io
import os
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import IO, Any

import httpx

from backend.client.api import Refused, Server, raise_refusal

PART = 4 << 20  # bytes a request
TUS = {"Tus-Resumable": "1.0.0"}


class NotBothEnds(Exception):
    """One of the two is SESSION:PATH, the other one is here."""


def copy(server: Server, source: str, target: str) -> int:
    """`SESSION:PATH` names a place in a session; a folder there, or a path that ends in /, is copied into."""
    far_source, far_target = _far(source), _far(target)
    if (far_source is None) == (far_target is None):
        raise NotBothEnds(NotBothEnds.__doc__)
    if far_target:
        session = server.session(far_target[0])["id"]
        _put(server, session, Path(source), far_target[1])
    elif far_source:
        session = server.session(far_source[0])["id"]
        into = Path(target)
        if target.endswith("/"):
            into.mkdir(parents=True, exist_ok=True)
        _fetch(server, session, far_source[1].strip("/"), into)
    return 0


def _far(word: str) -> tuple[str, str] | None:
    """As with scp: a colon before any slash; WORKSPACE/SESSION:PATH is told from ./a:b by what is there."""
    session, colon, path = word.partition(":")
    if not colon or word.startswith((".", "/", "~")) or os.path.lexists(word):
        return None
    return session, path.lstrip("/")


def _put(server: Server, session: str, source: Path, path: str) -> None:
    inside = path.endswith("/") or _kind(server, session, path) == "directory"
    if source.is_dir():
        into = str(PurePosixPath(path, source.name)) if inside and path else path
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w:gz") as archive:
                archive.add(source, arcname=".")
            _upload(server, packed, {"session_id": session, "path": into, "unpack": "tar.gz"})
        return
    to = str(PurePosixPath(path, source.name)) if inside or not path else path
    with source.open("rb") as file:
        _upload(server, file, {"session_id": session, "path": to})


def _upload(server: Server, file: IO[bytes], metadata: dict[str, str]) -> None:
    """tus 1.0: creation, which puts an empty file into its place, then parts; after a broken connection the next one begins
    where the server says."""
    length = file.seek(0, io.SEEK_END)
    told = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
    made = server.send("POST", "/filestorage", headers=TUS | {"Upload-Length": str(length), "Upload-Metadata": told})
    place = made.headers["location"].removeprefix("/api/v1")
    offset, tries = 0, 0
    while offset < length:
        file.seek(offset)
        headers = TUS | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        try:
            answer = server.http.patch(place, content=file.read(PART), headers=headers)
            raise_refusal(answer)
            offset, tries = int(answer.headers["upload-offset"]), 0
        except httpx.TransportError as error:
            tries += 1
            if tries > 5:
                raise Refused(f"{server.account.url} broke off at byte {offset} of {length} ({error}).") from error
            offset = int(server.send("HEAD", place, headers=TUS).headers["upload-offset"])


def _fetch(server: Server, session: str, path: str, target: Path) -> None:
    kind = _kind(server, session, path)
    if kind is None:
        raise Refused(f"There is no {path or '/'} in that session.", 404, "not_found")
    name = PurePosixPath(path).name
    if kind == "directory":
        into = target / name if target.is_dir() and name else target
        _unpack(server, session, path, into)
        return
    to = target / name if target.is_dir() else target
    part = to.with_name(f"{to.name}.part")
    with part.open("wb") as file:
        offset = 0
        while True:
            found = _act(
                server, session, {"op": "read", "path": path, "encoding": "base64", "offset": offset, "limit": PART}
            )
            data = base64.b64decode(found["content"])
            file.write(data)
            offset += len(data)
            if not data or offset >= found["size"]:
                break
    part.chmod(0o755 if found["executable"] else 0o644)
    part.replace(to)


def _unpack(server: Server, session: str, path: str, into: Path) -> None:
    """Streams the archive; what would leave `into` is refused by tarfile's own filter (PEP 706)."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as packed:
        params = {"format": "tar.gz", "path": path}
        with server.http.stream("GET", f"/workspace/{session}/archive", params=params) as answer:
            if answer.is_error:
                answer.read()
            raise_refusal(answer)
            for data in answer.iter_bytes():
                packed.write(data)
        packed.seek(0)
        with tarfile.open(fileobj=packed, mode="r:gz") as archive:
            archive.extractall(into, filter="data")


def _kind(server: Server, session: str, path: str) -> str | None:
    """file, directory or symlink; None where there is nothing."""
    try:
        return str(_act(server, session, {"op": "stat", "path": path})["type"])
    except Refused as refused:
        if refused.status == 404 and refused.code == "not_found":
            return None
        raise


def _act(server: Server, session: str, body: dict[str, Any]) -> Any:
    return server.ask("POST", f"/workspace/{session}/filesystem", body)
