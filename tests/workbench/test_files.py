"""Files through the API: operations, the tree, search, who may, and requests that are not as they should be."""

import asyncio
import base64
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from backend.core.auth import Role
from tests import make
from tests.clients import Closed, Refused


@pytest.fixture
async def session(client) -> str:
    made = await client.post("/workspace", json={"name": "demo"})
    return made.json()["default_session_id"]


@pytest.fixture
def work(resources, session) -> Path:
    return resources.data / "sessions" / session / "workspace"


@pytest.fixture
def act(client, session):
    """`await act("read", path=…)` is the answer of that operation."""
    return lambda op, **fields: client.post(f"/workspace/{session}/filesystem", json={"op": op, **fields})


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_what_was_written_is_read(act, work):
    written = await act("write", path="src/main.py", content="print('hé')\n")
    assert written.status_code == 200
    answer = (await act("read", path="src/main.py")).json()
    assert answer.pop("mtime").endswith("Z")
    assert answer == {
        "path": "src/main.py",
        "content": "print('hé')\n",
        "encoding": "utf-8",
        "size": 13,
        "etag": written.json()["etag"],
        "executable": False,
        "truncated": False,
    }
    assert (work / "src" / "main.py").read_text() == "print('hé')\n"


async def test_binary_content_goes_as_base64(act, work):
    data = bytes(range(256))
    await act("write", path="b", content=base64.b64encode(data).decode(), encoding="base64")
    assert (work / "b").read_bytes() == data
    answer = (await act("read", path="b")).json()
    assert (answer["encoding"], base64.b64decode(answer["content"])) == ("base64", data)
    assert (await act("read", path="b", encoding="utf-8")).json()["encoding"] == "base64"
    assert code(await act("write", path="b", content="no base64", encoding="base64")) == (422, "bad_content")


async def test_text_cut_in_the_middle_of_a_character_stays_text(act):
    await act("write", path="a", content="aé" * 10)
    answer = (await act("read", path="a", limit=8)).json()
    assert (answer["content"], answer["encoding"], answer["truncated"]) == ("aéaéa", "utf-8", True)
    rest = (await act("read", path="a", offset=7)).json()
    assert (answer["content"] + rest["content"], rest["truncated"]) == ("aé" * 10, False)


async def test_the_second_of_two_writers_learns_the_current_etag(act):
    first = (await act("write", path="a", content="1", etag="*")).json()["etag"]
    second = (await act("write", path="a", content="2", etag=first)).json()["etag"]
    refused = await act("write", path="a", content="3", etag=first)
    assert code(refused) == (412, "etag_mismatch")
    assert refused.json()["error"]["details"]["etag"] == second
    assert code(await act("write", path="a", content="3", etag="*")) == (412, "etag_mismatch")
    assert code(await act("delete", path="a", etag=first)) == (412, "etag_mismatch")
    assert (await act("read", path="a")).json()["content"] == "2"


async def test_folders_are_made_moved_copied_and_described(act):
    assert (await act("mkdir", path="a/b")).json()["type"] == "directory"
    assert code(await act("mkdir", path="a/b")) == (409, "exists")
    await act("write", path="a/b/x", content="x", executable=True)
    assert (await act("copy", path="a", to="c/d")).json()["path"] == "c/d"
    moved = (await act("move", path="c/d/b/x", to="y")).json()
    assert (moved["type"], moved["size"], moved["executable"]) == ("file", 1, True)
    assert moved == (await act("stat", path="y")).json()
    assert code(await act("stat", path="c/d/b/x")) == (404, "not_found")
    assert code(await act("move", path="y", to="a/b/x")) == (409, "exists")
    replaced = (await act("move", path="y", to="a/b/x", overwrite=True)).json()
    assert replaced["snapshot_id"]
    assert code(await act("mkdir", path="p/q", parents=False)) == (404, "not_found")


async def test_what_is_deleted_is_in_a_snapshot(act, work):
    await act("write", path="a/b", content="x")
    assert code(await act("delete", path="a")) == (409, "not_empty")
    answer = (await act("delete", path="a", recursive=True)).json()
    assert answer["deleted"] is True and answer["snapshot_id"]
    assert not (work / "a").exists()
    assert code(await act("delete", path="a")) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["..", "/etc/passwd", "a\0", "x" * 5000, ".git/config", ".GIT", "git~1", ".git::$DATA", ""]
)
@pytest.mark.parametrize("op", ["write", "delete", "mkdir", "move", "copy"])
async def test_row_17_bad_paths_are_refused_by_every_operation(act, op, path):
    fields = {"write": {"content": ""}, "move": {"to": "ok"}, "copy": {"to": "ok"}}.get(op, {})
    assert code(await act(op, path=path, **fields)) == (422, "bad_path")
    if op in ("move", "copy"):
        await act("write", path="source", content="")
        assert code(await act(op, path="source", to=path)) == (422, "bad_path")


async def test_row_18_row_19_links_out_are_refused_by_every_operation(act, client, session, work):
    sibling = work.parent / "workspace-secret"
    sibling.mkdir()
    (sibling / "key").write_text("secret")
    (work / "out").symlink_to("../workspace-secret")
    (work / "key").symlink_to("../workspace-secret/key")
    await act("write", path="mine", content="mine")
    tries = [
        act("read", path="out/key"),
        act("read", path="key"),
        act("write", path="out/new", content=""),
        act("write", path="key", content=""),
        act("delete", path="out/key"),
        act("mkdir", path="out/new"),
        act("stat", path="out/key"),
        act("move", path="out/key", to="stolen"),
        act("copy", path="mine", to="out/mine"),
        client.post(f"/workspace/{session}/file-tree", json={"path": "out"}),
    ]
    for one in tries:
        assert code(await one) == (422, "path_escapes")
    assert (sibling / "key").read_text() == "secret"
    assert [path.name for path in sibling.iterdir()] == ["key"]


async def test_row_19_fifos_and_hard_links_are_refused_without_waiting(act, work):
    os.mkfifo(work / "fifo")
    (work.parent / "secret").write_text("secret")
    os.link(work.parent / "secret", work / "hard")
    (work / "zero").symlink_to("/dev/zero")
    (work / "environ").symlink_to("/proc/self/environ")
    async with asyncio.timeout(30):
        assert code(await act("read", path="fifo")) == (422, "not_a_regular_file")
        assert code(await act("read", path="hard")) == (422, "not_a_regular_file")
        assert code(await act("write", path="fifo", content="")) == (422, "not_a_regular_file")
        assert code(await act("read", path="zero")) == (422, "path_escapes")
        assert code(await act("read", path="environ")) == (422, "path_escapes")
        assert (await act("stat", path="hard")).json()["etag"] is None
        assert (await act("stat", path="fifo")).json()["type"] == "special"
    assert (await act("stat", path="zero")).json()["target"] == "/dev/zero"


async def test_a_name_that_is_not_utf8_is_named_by_path_b64(act, client, session, work):
    name = base64.b64encode(b"caf\xe9").decode()
    written = (await act("write", path_b64=name, content="x")).json()
    assert (written["path"], written["path_b64"]) == ("caf\\xe9", name)
    assert (work / os.fsdecode(b"caf\xe9")).read_text() == "x"
    [entry] = (await client.post(f"/workspace/{session}/file-tree", json={})).json()["entries"]
    assert (entry["name"], entry["path_b64"]) == ("caf\\xe9", name)
    assert (await act("move", path_b64=name, to="plain")).json()["path"] == "plain"
    assert code(await act("read")) == (422, "bad_path")


async def test_the_tree_and_search_answer_as_the_contract_says(act, client, session):
    await act("write", path=".gitignore", content="*.log\n")
    await act("write", path="src/a.py", content="needle\n")
    await act("write", path="x.log", content="needle\n")
    tree = (await client.post(f"/workspace/{session}/file-tree", json={"depth": 2})).json()
    assert (tree["path"], tree["truncated"]) == ("", False)
    assert [(entry["path"], entry["ignored"]) for entry in tree["entries"]] == [
        (".gitignore", False),
        ("src", False),
        ("x.log", True),
    ]
    assert [entry["path"] for entry in tree["entries"][1]["children"]] == ["src/a.py"]
    found = (await client.post(f"/workspace/{session}/search", json={"query": "needle"})).json()
    match = {"path": "src/a.py", "line": 1, "column": 1, "preview": "needle", "ranges": [[0, 6]]}
    assert found == {"matches": [match], "files": 1, "truncated": False, "reason": None}
    for globs, files in (
        ({"include": "*.py"}, 1),
        ({"include": ["*.js"]}, 0),
        ({"exclude": "src"}, 0),
        ({"exclude": []}, 1),
    ):
        answer = await client.post(f"/workspace/{session}/search", json={"query": "needle"} | globs)
        assert answer.json()["files"] == files, globs
    refused = await client.post(f"/workspace/{session}/search", json={"query": "(", "regex": True})
    assert code(refused) == (422, "bad_pattern")
    assert "unclosed group" in refused.json()["error"]["message"]


async def test_a_file_beyond_the_limit_is_refused(act, resources, work):
    size = (resources.settings.max_file_mb << 20) + 1
    with (work / "big").open("wb") as file:
        file.truncate(size)
    assert code(await act("read", path="big")) == (413, "too_large")
    part = (await act("read", path="big", offset=size - 2, limit=10, encoding="base64")).json()
    assert (part["size"], part["truncated"], part["etag"], part["content"]) == (size, False, None, "AAA=")


async def test_row_65_requests_that_are_not_as_they_should_be_are_4xx(act, client, session):
    url = f"/workspace/{session}/filesystem"
    bodies = ["", "{", "[]", "null", '{"op": "format"}', '{"path": "a"}', '{"op": "read", "path": 1}', '{"op": "read", "x": 1}',
              '{"op": "read", "path": "a", "offset": -1}', '{"op": "read", "path": "a", "limit": 1e400}',
              '{"op": "write", "path": "a"}', '{"op": "write", "path": "a", "content": "\\ud800"}',
              '{"op": "read", "path": "\\ud800"}', '{"op": "move", "path": "a"}']  # fmt: skip
    for body in bodies:
        answer = await client.post(url, content=body, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, (body, answer.text)
        assert answer.json()["error"]["message"]
    for body in ({"depth": 0}, {"depth": 10**9}, {"path": "../x"}, {"path_b64": "%"}):
        assert (await client.post(f"/workspace/{session}/file-tree", json=body)).status_code in (400, 422)
    for body in ({}, {"query": ""}, {"query": "a\0"}, {"query": "a", "limit": 0}, {"query": "a", "include": ["{"]}):
        assert (await client.post(f"/workspace/{session}/search", json=body)).status_code in (400, 422)


async def test_who_may_only_read_cannot_change_anything(call, database, ada, session):
    viewer = call(await make.person(database, ada.organization_id, Role.VIEWER))
    reader = call(await make.key(database, ada.organization_id, "files:read"))
    stranger = call(await make.person(database, await make.organization(database, "Other")))
    url = f"/workspace/{session}/filesystem"
    for caller in (viewer, reader):
        assert (await caller.post(url, json={"op": "stat", "path": ""})).status_code == 200
        for body in (
            {"op": "write", "path": "a", "content": ""},
            {"op": "delete", "path": "a"},
            {"op": "mkdir", "path": "a"},
            {"op": "move", "path": "a", "to": "b"},
            {"op": "copy", "path": "a", "to": "b"},
        ):
            assert (await caller.post(url, json=body)).status_code == 403
    assert (await stranger.post(url, json={"op": "stat", "path": ""})).status_code == 404
    assert (await call(None).post(url, json={"op": "stat", "path": ""})).status_code == 401


async def test_a_session_that_is_not_ready_or_gone_is_told(act, client, session):
    made = (await client.post("/workspace", json={"name": "other"})).json()
    one = (await client.post("/sessions", json={"workspace_id": made["id"], "name": "x"})).json()["id"]
    await client.delete(f"/sessions/{one}")
    gone = await client.post(f"/workspace/{one}/filesystem", json={"op": "stat", "path": ""})
    assert gone.status_code == 404


async def test_the_working_copy_is_downloaded(act, client, session):
    await act("write", path="src/a", content="x" * 1_000_000)
    for query, type in (("", "application/zip"), ("?format=tar.gz", "application/gzip")):
        answer = await client.get(f"/workspace/{session}/archive{query}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, type)
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as found:
        assert sorted(found.getnames()) == ["src", "src/a"]
    assert (await client.get(f"/workspace/{session}/archive?format=rar")).status_code in (400, 422)
    only = await client.get(f"/workspace/{session}/archive", params={"path": "src"})
    assert 'filename="src.zip"' in only.headers["content-disposition"]


@pytest.mark.parametrize(
    ("path", "status"), [("nowhere", 404), ("../x", 422), ("/etc", 422), (".git", 422), ("link", 422), ("a", 409)]
)
async def test_a_folder_to_download_is_one_beneath_the_root(act, client, session, work, path, status):
    """Attack rows 17 and 19."""
    await act("write", path="a", content="x")
    (work / "link").symlink_to("/etc")
    answer = await client.get(f"/workspace/{session}/archive", params={"path": path})
    assert answer.status_code == status, answer.text


async def test_a_change_is_told_to_every_viewer(act, client, session):
    async with client.socket("/ws/lsp-fs-watch", session_id=session) as one:
        async with client.socket("/ws/lsp-fs-watch", session_id=session) as two:
            for viewer in (one, two):
                assert await viewer.receive_json() == {"events": [], "seq": 0}
            await act("write", path="a", content="x")
            for viewer in (one, two):
                assert await viewer.receive_json() == {"events": [{"type": "created", "path": "a"}], "seq": 1}
            await one.send("nobody listens to this")
            await act("delete", path="a")
            assert (await two.receive_json())["events"] == [{"type": "deleted", "path": "a"}]


async def test_watching_ends_with_the_session(client, session, work):
    async with client.socket("/ws/lsp-fs-watch", session_id=session) as viewer:
        await viewer.receive_json()
        shutil.rmtree(work)
        with pytest.raises(Closed) as closed:
            await viewer.receive_json()
        assert closed.value.code == 1000
    with pytest.raises(Refused) as refused:
        async with client.socket("/ws/lsp-fs-watch", session_id=session):
            pass
    assert refused.value.status in (404, 503)


async def test_who_may_not_read_may_not_watch(call, database, ada, session):
    other = call(await make.person(database, await make.organization(database, "Other")))
    unscoped = call(await make.key(database, ada.organization_id, "workspaces:read"))
    for caller, status in ((other, 404), (unscoped, 403), (call(None), 401)):
        with pytest.raises(Refused) as refused:
            async with caller.socket("/ws/lsp-fs-watch", session_id=session):
                pass
        assert refused.value.status == status


async def test_a_snapshot_brings_back_what_was_deleted_or_replaced(act, client, session, work):
    await act("write", path=".gitignore", content="*.log\n")
    await act("write", path="a/b.log", content="ignored, and deleted by name")
    await act("write", path="x", content="x")
    deleted = (await act("delete", path="a", recursive=True)).json()["snapshot_id"]
    restore = f"/workspace/{session}/version-controls/snapshots/{{}}/restore"
    assert (await client.post(restore.format(deleted))).status_code == 200
    assert (work / "a" / "b.log").read_text() == "ignored, and deleted by name"
    replaced = (await act("move", path="x", to="a/b.log", overwrite=True)).json()["snapshot_id"]
    assert (await client.post(restore.format(replaced))).status_code == 200
    assert ((work / "a" / "b.log").read_text(), (work / "x").read_text()) == ("ignored, and deleted by name", "x")


async def test_row_19_deleting_a_link_saves_the_link_and_not_what_it_leads_to(act, work, tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(200 << 20)
    (work / "link").symlink_to(tmp_path)
    answer = await act("delete", path="link", recursive=True)
    assert (answer.status_code, answer.json().get("deleted")) == (200, True), answer.text
    assert (tmp_path / "large").exists()


async def test_a_request_beyond_all_bounds_is_too_large(act):
    answer = await act("write", path="a", content="x" * 100_000_001)
    assert code(answer) == (413, "too_large")


async def test_a_folder_too_deep_for_a_snapshot_is_deleted_for_good_only(act, client, session, work):
    (work / "deep").mkdir()
    here = os.open(work / "deep", os.O_RDONLY)
    for _ in range(2500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    tree = await client.post(f"/workspace/{session}/file-tree", json={"depth": 100})
    found = await client.post(f"/workspace/{session}/search", json={"query": "x"})
    assert (tree.status_code, found.status_code) == (200, 200)
    assert code(await act("delete", path="deep", recursive=True)) == (422, "too_deep_to_save")
    assert (await act("delete", path="deep", recursive=True, without_snapshot=True)).status_code == 200
    assert os.listdir(work) == [".git"]
