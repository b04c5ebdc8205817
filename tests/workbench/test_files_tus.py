"""Uploads by tus 1.0: as the protocol says, resumed after anything, put into place once, and nobody else's."""

import asyncio
import base64
import hashlib
import http.client
import io
import os
import time
import zipfile
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from backend.core.auth import Role
from backend.workbench.files import service, tus
from tests import make
from tests.server import Server, wait_until

VERSION = {"Tus-Resumable": "1.0.0"}
BYTES = {"Content-Type": "application/offset+octet-stream"}


@pytest.fixture
async def session(client) -> str:
    return (await client.post("/workspace", json={"name": "demo"})).json()["default_session_id"]


@pytest.fixture
def work(resources, session) -> Path:
    return resources.data / "sessions" / session / "workspace"


def metadata(**fields: str | bytes) -> str:
    pairs = [(key, value.encode() if isinstance(value, str) else value) for key, value in fields.items()]
    return ",".join(f"{key} {base64.b64encode(value).decode()}" for key, value in pairs)


@pytest.fixture
def create(client, session):
    async def create(length: int, **fields):
        described = metadata(**({"session_id": session} | fields))
        headers = VERSION | {"Upload-Length": str(length), "Upload-Metadata": described}
        return await client.post("/filestorage", headers=headers)

    return create


@pytest.fixture
def send(client):
    """`await send(location, offset, data)` is the answer to a PATCH."""

    async def send(location: str, offset: int, data: bytes, **headers: str):
        sent = VERSION | BYTES | {"Upload-Offset": str(offset)} | headers
        return await client.patch(location.removeprefix("/api/v1"), headers=sent, content=data)

    return send


async def offset_of(client, location: str) -> int:
    answer = await client.head(location.removeprefix("/api/v1"), headers=VERSION)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_an_upload_in_parts_becomes_a_file(client, create, send, work):
    made = await create(10, path="sub/file.bin")
    assert (made.status_code, made.headers["tus-resumable"]) == (201, "1.0.0")
    assert parsedate_to_datetime(made.headers["upload-expires"]).timestamp() > time.time()
    location = made.headers["location"]
    assert await offset_of(client, location) == 0
    answer = await send(location, 0, b"01234")
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "5")
    assert not (work / "sub").exists()
    assert await offset_of(client, location) == 5
    assert (await send(location, 5, b"56789")).status_code == 204
    assert (work / "sub" / "file.bin").read_bytes() == b"0123456789"
    assert await offset_of(client, location) == 10


async def test_what_the_server_speaks_is_told(client):
    answer = await client.options("/filestorage")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {"creation", "checksum", "expiration", "termination"}
    assert "sha1" in answer.headers["tus-checksum-algorithm"]
    assert int(answer.headers["tus-max-size"]) > 1 << 30


async def test_an_empty_file_needs_no_bytes(create, work):
    assert (await create(0, path="empty")).status_code == 201
    assert (work / "empty").read_bytes() == b""


async def test_an_upload_replaces_a_file_and_keeps_its_mode(create, send, work):
    (work / "tool").write_text("old")
    (work / "tool").chmod(0o750)
    location = (await create(3, path="tool")).headers["location"]
    await send(location, 0, b"new")
    assert (work / "tool").read_text() == "new"
    assert (work / "tool").stat().st_mode & 0o777 == 0o750


async def test_a_wrong_offset_is_told_where_it_stands(create, send):
    location = (await create(10, path="a")).headers["location"]
    await send(location, 0, b"01")
    for offset in (0, 1, 3, 10):
        answer = await send(location, offset, b"x")
        assert code(answer) == (409, "wrong_offset")
        assert answer.json()["error"]["details"] == {"offset": 2}


async def test_bytes_that_fail_their_checksum_are_discarded(client, create, send, work):
    location = (await create(4, path="a")).headers["location"]
    wrong = base64.b64encode(hashlib.sha1(b"other").digest()).decode()
    assert code(await send(location, 0, b"data", **{"Upload-Checksum": f"sha1 {wrong}"})) == (460, "checksum_mismatch")
    assert await offset_of(client, location) == 0
    assert (await send(location, 0, b"data", **{"Upload-Checksum": "crc32 AAAA"})).status_code == 400
    right = base64.b64encode(hashlib.sha256(b"data").digest()).decode()
    assert (await send(location, 0, b"data", **{"Upload-Checksum": f"sha256 {right}"})).status_code == 204
    assert (work / "a").read_bytes() == b"data"


async def test_an_upload_is_ended(client, create, send, resources):
    location = (await create(4, path="a")).headers["location"]
    await send(location, 0, b"da")
    path = location.removeprefix("/api/v1")
    assert (await client.delete(path, headers=VERSION)).status_code == 204
    assert (await client.head(path, headers=VERSION)).status_code == 404
    assert not (resources.data / "uploads" / location.rsplit("/", 1)[1]).exists()


async def test_an_upload_left_alone_expires(client, create, send, resources):
    location = (await create(4, path="a")).headers["location"]
    folder = resources.data / "uploads" / location.rsplit("/", 1)[1]
    os.utime(folder / "data", (1, 1))
    assert code(await send(location, 0, b"data")) == (410, "upload_expired")
    await resources.in_thread(tus.expire, service.uploads_of(resources))
    assert not folder.exists()


async def test_a_sender_who_hangs_up_goes_on_where_it_was(client, app, create, send, work):
    location = (await create(6, path="a")).headers["location"]

    async def body():
        yield b"012"
        raise ConnectionError

    messages = iter([{"type": "http.request", "body": b"012", "more_body": True}, {"type": "http.disconnect"}])
    answers = []
    headers = VERSION | BYTES | {"Upload-Offset": "0", "host": "localhost:8300"} | dict(client.headers)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "PATCH", "scheme": "http",
        "path": location, "raw_path": location.encode(), "query_string": b"", "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("localhost", 8300), "state": {},
    }  # fmt: skip

    async def receive():
        return next(messages)

    async def answer(message):
        answers.append(message)

    await app(scope, receive, answer)
    assert answers[0]["status"] == 400
    assert await offset_of(client, location) == 3
    assert (await send(location, 3, b"345")).status_code == 204
    assert (work / "a").read_bytes() == b"012345"


async def test_two_senders_do_not_mix(client, create, send, resources):
    location = (await create(4, path="a")).headers["location"]
    uploads = service.uploads_of(resources)
    upload = tus.load(uploads, location.rsplit("/", 1)[1])
    first = tus.append(uploads, upload, 0, None)
    assert code(await send(location, 0, b"data")) == (423, "upload_locked")
    first.close()
    answers = await asyncio.gather(*(send(location, 0, b"data") for _ in range(5)))
    assert [answer.status_code for answer in answers].count(204) == 1


async def test_one_that_was_complete_when_the_server_ended_is_put_into_place(client, create, resources, work):
    location = (await create(4, path="a")).headers["location"]
    (resources.data / "uploads" / location.rsplit("/", 1)[1] / "data").write_bytes(b"data")
    assert await offset_of(client, location) == 4
    assert (work / "a").read_bytes() == b"data"
    assert await offset_of(client, location) == 4


async def test_more_than_was_announced_is_refused(create, send, resources):
    location = (await create(4, path="a")).headers["location"]
    assert code(await send(location, 0, b"too much")) == (413, "too_large")
    assert code(await create(service.largest_upload(resources) + 1, path="a")) == (413, "too_large")


async def test_an_archive_is_unpacked_into_its_folder(create, send, work):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("src/a.py", "print()")
    data = made.getvalue()
    location = (await create(len(data), path="in", unpack="zip")).headers["location"]
    assert (await send(location, 0, data)).status_code == 204
    assert (work / "in" / "src" / "a.py").read_text() == "print()"


async def test_what_is_in_the_way_of_an_archive_is_told_once_and_for_all(create, send, work):
    """With 422: senders take a 409 for a reason to begin again."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", "theirs")
    (work / "a").write_text("mine")
    location = (await create(len(made.getvalue()), path="", unpack="zip")).headers["location"]
    refused = await send(location, 0, made.getvalue())
    assert code(refused) == (422, "not_placed")
    assert refused.json()["error"]["details"] == {"reason": "exists", "path": "a"}
    assert (work / "a").read_text() == "mine"


async def test_row_20_an_archive_that_is_refused_leaves_nothing(client, create, send, work, resources):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("fine", "")
        archive.writestr("../evil", "")
    data = made.getvalue()
    location = (await create(len(data), path="", unpack="zip")).headers["location"]
    refused = await send(location, 0, data)
    assert code(refused) == (422, "bad_archive")
    assert "../evil" in refused.json()["error"]["message"]
    assert [path.name for path in work.iterdir()] == [".git"]
    assert not (resources.data / "uploads" / location.rsplit("/", 1)[1]).exists()


async def test_row_17_row_19_paths_are_those_of_every_other_call(create, send, work):
    for path in ("../x", "/etc/x", ".git/hooks/x", "a\0b", ""):
        assert code(await create(1, path=path)) == (422, "bad_path")
    (work / "out").symlink_to("..")
    location = (await create(1, path="out/x")).headers["location"]
    assert code(await send(location, 0, b"x")) == (422, "path_escapes")
    assert not (work.parent / "x").exists()
    made = await create(1, path=b"n\xff")
    await send(made.headers["location"], 0, b"x")
    assert (work / os.fsdecode(b"n\xff")).exists()


async def test_headers_that_are_not_as_they_should_be_are_4xx(client, create, send, session):
    described = metadata(session_id=session, path="a")
    for headers, status in (
        ({"Upload-Length": "1", "Upload-Metadata": described}, 412),
        (VERSION | {"Upload-Metadata": described}, 400),
        (VERSION | {"Upload-Length": "-1", "Upload-Metadata": described}, 400),
        (VERSION | {"Upload-Length": "9" * 30, "Upload-Metadata": described}, 400),
        (VERSION | {"Upload-Length": "1"}, 400),
        (VERSION | {"Upload-Length": "1", "Upload-Metadata": "path !!!"}, 400),
        (VERSION | {"Upload-Length": "1", "Upload-Metadata": metadata(session_id="x", path="a")}, 400),
        (VERSION | {"Upload-Length": "1", "Upload-Metadata": metadata(session_id=session)}, 400),
        (
            VERSION | {"Upload-Length": "1", "Upload-Metadata": metadata(session_id=session, path="a", unpack="rar")},
            400,
        ),
    ):
        assert (await client.post("/filestorage", headers=headers)).status_code == status, headers
    location = (await create(1, path="a")).headers["location"]
    assert (await send(location, 0, b"x", **{"Content-Type": "text/plain"})).status_code == 415
    assert (await send(location, 0, b"x", **{"Upload-Offset": "x"})).status_code == 400
    for id in ("nope", "0" * 32, "..%2f..%2fx"):
        assert (await client.head(f"/filestorage/{id}", headers=VERSION)).status_code == 404


async def test_row_42_an_upload_of_another_organisation_is_not_there(call, database, ada, create, session):
    location = (await create(4, path="a")).headers["location"].removeprefix("/api/v1")
    stranger = call(await make.person(database, await make.organization(database, "Other")))
    viewer = call(await make.person(database, ada.organization_id, Role.VIEWER))
    assert (await stranger.head(location, headers=VERSION)).status_code == 404
    assert (await stranger.delete(location, headers=VERSION)).status_code == 404
    described = {"Upload-Length": "1", "Upload-Metadata": metadata(session_id=session, path="a")}
    assert (await stranger.post("/filestorage", headers=VERSION | described)).status_code == 404
    assert (await viewer.post("/filestorage", headers=VERSION | described)).status_code == 403
    assert (await viewer.delete(location, headers=VERSION)).status_code == 403


def test_an_upload_goes_on_after_the_server_was_killed():
    with Server() as server:
        session = server.ask("POST", "/workspace", {"name": "x"})["default_session_id"]
        described = metadata(session_id=session, path="big")
        data = os.urandom(3 << 20)

        def ask(method: str, path: str, headers: dict[str, str], body: bytes = b"", announced: int | None = None):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            try:
                sent = VERSION | {"Authorization": f"Bearer {server.key}"} | headers
                connection.putrequest(method, path)
                for name, value in (sent | {"Content-Length": str(announced or len(body))}).items():
                    connection.putheader(name, value)
                connection.endheaders()
                connection.send(body)
                if announced:  # the rest never comes
                    wait_until(lambda: (at / "data").stat().st_size >= 1 << 20)
                    return None
                answer = connection.getresponse()
                answer.read()
                return answer
            finally:
                connection.close()

        made = ask("POST", "/api/v1/filestorage", {"Upload-Length": str(len(data)), "Upload-Metadata": described})
        location = made.headers["location"]
        at = server.data / "uploads" / location.rsplit("/", 1)[1]
        begin = {"Upload-Offset": "0"} | BYTES
        ask("PATCH", location, begin, data[: 2 << 20], announced=len(data))
        server.kill()
        server.start()
        offset = int(ask("HEAD", location, {}).headers["upload-offset"])
        assert 1 << 20 <= offset <= 2 << 20
        answer = ask("PATCH", location, {"Upload-Offset": str(offset)} | BYTES, data[offset:])
        assert answer.status == 204
        assert (server.data / "sessions" / session / "workspace" / "big").read_bytes() == data
