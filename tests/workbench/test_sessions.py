"""Sessions: from any other, uncommitted changes included; binned, restored, purged."""

import asyncio
import subprocess
from datetime import timedelta

import pytest

from backend.core.auth import Role
from backend.workbench.sessions import jobs, service
from tests import make
from tests.conftest import idle


@pytest.fixture
async def workspace(client):
    return (await client.post("/workspace", json={"name": "demo"})).json()


@pytest.fixture
def copy_of(resources):
    return lambda session_id: resources.data / "sessions" / session_id / "workspace"


async def start(client, workspace, name, parent=None):
    body = {"workspace_id": workspace["id"], "name": name, "parent_session_id": parent}
    return await client.post("/sessions", json=body)


async def test_a_session_starts_from_another_as_it_stands(client, workspace, copy_of):
    main = copy_of(workspace["default_session_id"])
    (main / "draft.txt").write_text("draft")
    (main / "run.sh").write_text("#!/bin/sh\n")
    (main / "run.sh").chmod(0o755)
    (main / "link").symlink_to("draft.txt")
    one = (await start(client, workspace, "My Feature!")).json()
    assert (one["branch"], one["status"], one["dirty"]) == ("my-feature", "ready", True)
    (copy_of(one["id"]) / "draft.txt").write_text("other")
    two = (await start(client, workspace, "second", one["id"])).json()
    assert (copy_of(two["id"]) / "draft.txt").read_text() == "other"
    assert (main / "draft.txt").read_text() == "draft"
    assert (copy_of(two["id"]) / "run.sh").stat().st_mode & 0o111
    assert (copy_of(two["id"]) / "link").readlink().name == "draft.txt"


async def test_git_in_a_shell_sees_an_ordinary_repository(client, workspace, copy_of):
    at = copy_of((await start(client, workspace, "x")).json()["id"])
    (at / "a").write_text("1")

    def run(*words):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
        return subprocess.run(
            ["git", "-C", str(at), *identity, *words], check=True, capture_output=True, text=True
        ).stdout

    run("add", "-A")
    run("commit", "-qm", "by hand")
    assert run("log", "--format=%s").split("\n")[:2] == ["by hand", "Start"]
    assert run("status", "--porcelain", "-b") == "## x\n"


async def test_a_commit_made_in_a_shell_goes_along_to_a_fork(client, workspace, copy_of):
    parent = (await start(client, workspace, "x")).json()
    at = copy_of(parent["id"])
    (at / "a").write_text("1")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    for words in (["add", "-A"], ["commit", "-qm", "by hand"]):
        subprocess.run(["git", "-C", str(at), *identity, *words], check=True)
    child = (await start(client, workspace, "y", parent["id"])).json()
    assert child["head"] == (await client.get(f"/sessions/{parent['id']}")).json()["head"]
    assert child["dirty"] is False


async def test_a_name_is_taken_once_and_free_again_after_deletion(client, workspace):
    one = (await start(client, workspace, "same")).json()
    assert (await start(client, workspace, "same")).json()["error"]["code"] == "name_taken"
    await client.delete(f"/sessions/{one['id']}")
    two = await start(client, workspace, "same")
    assert (two.status_code, two.json()["branch"]) == (201, "same-2")
    clash = await client.post(f"/sessions/{one['id']}/restore")
    assert clash.json()["error"]["code"] == "name_taken"


@pytest.mark.parametrize(
    ("name", "branch"),
    [
        ("../../x", "x"),
        ("-x", "x"),
        ("HEAD", "session-head"),
        ("a.lock", "a"),
        ("ü", "u"),
        ("文", "session"),
        ("a..b", "ab"),
        ("x" * 200, "x" * 80),
    ],
)
def test_branch_names_are_never_what_a_ref_must_not_be(name, branch):
    """Attack row 35."""
    assert service.free_branch(name, set()) == branch


async def test_the_default_session_cannot_be_deleted(client, workspace):
    answer = await client.delete(f"/sessions/{workspace['default_session_id']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "default_session")


async def test_a_deleted_session_is_restored_as_it_was(client, workspace, copy_of, database):
    one = (await start(client, workspace, "x")).json()
    (copy_of(one["id"]) / "draft").write_text("kept")
    assert (await client.delete(f"/sessions/{one['id']}")).status_code == 204
    assert (await client.get(f"/sessions/{one['id']}")).status_code == 404
    binned = (await client.get("/sessions", params={"deleted": "true"})).json()["items"]
    assert [row["id"] for row in binned] == [one["id"]]
    await idle(database)
    assert not copy_of(one["id"]).exists()
    back = (await client.post(f"/sessions/{one['id']}/restore")).json()
    assert (back["status"], back["dirty"], back["head"]) == ("ready", True, one["head"])
    assert (copy_of(one["id"]) / "draft").read_text() == "kept"


async def test_delete_and_restore_in_a_race_leave_a_whole_session(client, workspace, copy_of, database):
    """Attack row 64."""
    one = (await start(client, workspace, "x")).json()
    (copy_of(one["id"]) / "draft").write_text("kept")
    for _ in range(5):
        await client.delete(f"/sessions/{one['id']}")
        assert (await client.post(f"/sessions/{one['id']}/restore")).status_code == 200
        await idle(database)
        assert (copy_of(one["id"]) / "draft").read_text() == "kept"


async def test_the_purge_leaves_nothing(client, workspace, copy_of, database, resources):
    one = (await start(client, workspace, "x")).json()
    await client.delete(f"/sessions/{one['id']}")
    await idle(database)
    await jobs.purge_older_than(resources, timedelta(0))
    assert not copy_of(one["id"]).parent.exists()
    heads = resources.data / "repos" / workspace["id"] / "root.git" / "refs"
    assert not [path for path in heads.rglob("*") if one["id"] in str(path) or path.name == "x"]
    assert (await client.get("/sessions", params={"deleted": "true"})).json()["items"] == []


async def test_deleting_while_it_starts_sticks(client, workspace, database, resources):
    """Attack row 64."""
    task = asyncio.create_task(start(client, workspace, "x"))
    found = None
    while found is None:
        rows = (await client.get(f"/sessions/{workspace['id']}/sessions")).json()["items"]
        found = next((row["id"] for row in rows if row["name"] == "x"), None)
    assert (await client.delete(f"/sessions/{found}")).status_code == 204
    await task
    await idle(database)
    assert (await client.get(f"/sessions/{found}")).status_code == 404


async def test_strangers_see_nothing_and_viewers_change_nothing(call, client, workspace, database, ada):
    """Attack rows 30 and 42."""
    session_id = workspace["default_session_id"]
    stranger = call(await make.person(database, await make.organization(database), Role.OWNER))
    viewer = call(await make.person(database, ada.organization_id, Role.VIEWER))
    assert (await stranger.get(f"/sessions/{session_id}")).status_code == 404
    assert (await stranger.get(f"/sessions/{workspace['id']}/sessions")).status_code == 404
    assert (await start(stranger, workspace, "x")).status_code == 404
    assert (await viewer.get(f"/sessions/{session_id}")).status_code == 200
    assert (await start(viewer, workspace, "x")).status_code == 403


async def test_a_parent_of_another_workspace_is_refused(client, workspace):
    other = (await client.post("/workspace", json={"name": "other"})).json()
    answer = await start(client, workspace, "x", other["default_session_id"])
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "foreign_parent")
