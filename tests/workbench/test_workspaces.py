"""Workspaces: made empty, cloned, duplicated; listed, renamed; into the bin, out of it, and gone."""

import asyncio
import os
import subprocess
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from backend.core import git
from backend.core.auth import Access, Role
from backend.workbench.provisioning import jobs
from backend.workbench.sessions import jobs as session_jobs
from backend.workbench.sessions.models import Session
from backend.workbench.workspaces.models import Workspace
from tests import make
from tests.conftest import idle
from tests.workbench.yard import started


@pytest.fixture
def upstream(tmp_path):
    """A repository with two commits on `trunk`, by the git client."""
    at = tmp_path / "upstream"
    at.mkdir()

    def run(*words):
        identity = ["-c", "user.name=Up", "-c", "user.email=up@example.com"]
        subprocess.run(["git", "-C", str(at), *identity, *words], check=True, capture_output=True)

    run("init", "-q", "-b", "trunk")
    (at / "README.md").write_text("# Hello\n")
    run("add", "-A")
    run("commit", "-qm", "First")
    (at / "app.py").write_text("print('hi')\n")
    run("add", "-A")
    run("commit", "-qm", "Second")
    return at


async def test_an_empty_workspace_is_ready_at_once(client, ada):
    made = await client.post("/workspace", json={"name": "Demo One", "description": "x"})
    assert made.status_code == 201
    workspace = made.json()
    assert workspace["slug"] == "demo-one" and workspace["organization_id"] == str(ada.organization_id)
    session = (await client.get(f"/sessions/{workspace['default_session_id']}")).json()
    assert session["status"] == "ready" and session["branch"] == "main" and session["is_default"]
    assert len(session["head"]) == 40 and session["dirty"] is False
    found = (await client.get(f"/workspace/{workspace['id']}/default-session")).json()
    assert found == {"session_id": workspace["default_session_id"]}


async def test_names_may_repeat_and_slugs_do_not(client):
    slugs = [(await client.post("/workspace", json={"name": "Same"})).json()["slug"] for _ in range(3)]
    assert slugs == ["same", "same-2", "same-3"]


async def test_a_clone_brings_its_default_branch_and_files(client, resources, upstream):
    made = await client.post("/workspace", json={"name": "Cloned", "clone_url": f"file://{upstream}"})
    assert made.status_code == 201
    session = await started(client, made.json()["default_session_id"])
    assert (session["status"], session["branch"], session["dirty"]) == ("ready", "trunk", False)
    working_copy = resources.data / "sessions" / session["id"] / "workspace"
    assert (working_copy / "README.md").read_text() == "# Hello\n"


async def test_a_clone_is_ready_when_its_history_is_on_the_disk(client, resources, upstream, monkeypatch):
    brought = set()
    plain = os.fsync

    def fsync(descriptor):
        brought.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        plain(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    made = (await client.post("/workspace", json={"name": "Cloned", "clone_url": f"file://{upstream}"})).json()
    await started(client, made["default_session_id"])
    bare = resources.data / "repos" / made["id"] / "root.git"
    packed = {str(path) for path in [bare / "packed-refs", *bare.glob("objects/pack/*")]}
    assert len(packed) > 2 and packed <= brought


async def test_a_clone_that_fails_says_why(client, tmp_path):
    made = await client.post("/workspace", json={"name": "Gone", "clone_url": f"file://{tmp_path}/nowhere"})
    session = await started(client, made.json()["default_session_id"])
    assert session["status"] == "failed"
    assert session["status_reason"]["code"] == "remote_not_found"
    assert (await client.delete(f"/workspace/{made.json()['id']}")).status_code == 204


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c id", "ext::sh%20-c%20id", "file://evil/etc", "/etc", "../x", "-oProxyCommand=x", "--upload-pack=x", "ssh://-oX/y",
        "https://host\n@evil/x", "https://:@/", "https://", "http://", "git://host/x", "https://a@b@c/x", "javascript:x",
        "https://host/x?y=1", "user@-host:path", "user@host:-path", "https://ho st/x", "\\\\host\\x", "fd::3", "x" * 3000,
    ],
)  # fmt: skip
async def test_urls_that_are_none_are_refused(client, url, database):
    """Attack row 35."""
    answer = await client.post("/workspace", json={"name": "x", "clone_url": url})
    assert answer.status_code == 422, answer.text
    async with database.begin() as db:
        assert await db.scalar(select(func.count()).select_from(Workspace)) == 0


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/x", "https://169.254.169.254/latest", "https://10.0.0.1/x", "ssh://git@[::1]/x", "https://[::ffff:10.0.0.1]/x",
     "git@192.168.1.1:x", "https://localhost/x", "https://0x7f.1/x", "https://2130706433/x", "https://0/x", "http://8.8.8.8/x"],
)  # fmt: skip
async def test_private_networks_are_refused_unless_allowed(url):
    """Attack rows 35 and 62."""
    with pytest.raises((git.BadCloneUrl, git.RemoteUnreachable)):
        await git.check_clone_url(url, allow_file=False, allow_private=False)


async def test_credentials_in_a_url_are_used_and_not_stored():
    url = await git.check_clone_url("https://me:s%40cret@example.com:8443/x.git", allow_file=False, allow_private=True)
    assert url == git.CloneUrl("https://example.com:8443/x.git", "me", "s@cret")


async def test_a_workspace_is_renamed_and_listed_by_pages(client):
    ids = [(await client.post("/workspace", json={"name": f"w{n}"})).json()["id"] for n in range(5)]
    renamed = await client.put(f"/workspace/{ids[0]}", json={"name": "new"})
    assert (renamed.json()["name"], renamed.json()["description"]) == ("new", "")
    seen, cursor = [], ""
    while True:
        page = (await client.get("/workspace", params={"limit": 2, "cursor": cursor})).json()
        seen += [row["id"] for row in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ids
    assert (await client.put(f"/workspace/{ids[0]}", json={"owner_id": ids[1]})).status_code == 422


async def test_a_duplicate_has_every_session_as_it_stands_and_shares_nothing(client, resources):
    made = (await client.post("/workspace", json={"name": "one"})).json()
    main = resources.data / "sessions" / made["default_session_id"] / "workspace"
    (main / "draft.txt").write_text("not committed")
    child = (await client.post("/sessions", json={"workspace_id": made["id"], "name": "Feature"})).json()
    copy = (await client.post(f"/workspace/{made['id']}/duplicate", json={"name": "two"})).json()
    rows = (await client.get(f"/sessions/{copy['id']}/sessions")).json()["items"]
    assert [(r["name"], r["branch"], r["status"], r["dirty"]) for r in rows] == [
        ("main", "main", "ready", True),
        ("Feature", "feature", "ready", True),
    ]
    assert rows[1]["parent_session_id"] == rows[0]["id"] and child["id"] != rows[1]["id"]
    copied = resources.data / "sessions" / rows[0]["id"] / "workspace" / "draft.txt"
    assert copied.read_text() == "not committed"
    assert copied.stat().st_ino != (main / "draft.txt").stat().st_ino


async def test_a_duplicate_has_the_settings_and_who_may_what_and_secrets_only_where_asked(client, call, database, ada):
    """Attack rows 42 and 45: what is hidden from somebody stays hidden in its copy, and who may not run what reads the secrets
    does not come to them by a copy."""
    made = (await client.post("/workspace", json={"name": "one"})).json()
    at = f"/workspace/{made['id']}"
    await client.put(at, json={"idle_minutes": 30})
    await client.put(f"{at}/variables/TAG", json={"value": "hush"})
    bob, eve = [await make.person(database, ada.organization_id, role) for role in (Role.MEMBER, Role.VIEWER)]
    await make.grant(database, bob, made["id"], Access.NONE)
    await make.grant(database, eve, made["id"], Access.MEMBER)
    assert (
        await call(eve).post(f"{at}/duplicate", json={"name": "mine"})
    ).status_code == 403  # a viewer makes no workspaces

    plain = (await client.post(f"{at}/duplicate", json={"name": "two"})).json()
    assert plain["idle_minutes"] == 30
    assert (await client.get(f"/workspace/{plain['id']}/variables")).json()["items"] == []
    assert (await call(bob).get(f"/workspace/{plain['id']}")).status_code == 404
    assert (await call(eve).put(f"/workspace/{plain['id']}", json={"name": "renamed"})).status_code == 200

    duplicate = {"name": "three", "with_secrets": True}
    maker = await make.key(database, ada.organization_id, "workspaces:write")
    refused = await call(maker).post(f"{at}/duplicate", json=duplicate)
    assert (refused.status_code, refused.json()["error"]["details"]) == (403, {"scope": "services:write"})
    whole = (await client.post(f"{at}/duplicate", json=duplicate)).json()
    await client.post(
        f"/workspace/{whole['default_session_id']}/filesystem",
        json={"op": "write", "path": "compose.yaml", "content": "services:\n  web:\n    image: nginx:${TAG}\n"},
    )
    [web] = (await client.get(f"/workspace/{whole['default_session_id']}/services")).json()["items"]
    assert web["image"] == "nginx:hush"


async def test_deleted_workspaces_come_back_whole_and_are_purged_without_a_trace(client, resources, database):
    made = (await client.post("/workspace", json={"name": "one"})).json()
    main = resources.data / "sessions" / made["default_session_id"] / "workspace"
    (main / "draft.txt").write_text("not committed")
    assert (await client.delete(f"/workspace/{made['id']}")).status_code == 204
    assert (await client.get(f"/workspace/{made['id']}")).status_code == 404
    assert [row["id"] for row in (await client.get("/workspace/bin")).json()["items"]] == [made["id"]]
    await idle(database)
    assert not main.exists()
    assert (await client.post(f"/workspace/{made['id']}/restore")).status_code == 200
    assert (main / "draft.txt").read_text() == "not committed"
    await client.delete(f"/workspace/{made['id']}")
    await idle(database)
    await jobs.purge_older_than(resources, timedelta(days=1))
    assert (resources.data / "repos" / made["id"]).exists()
    await jobs.purge_older_than(resources, timedelta(0))
    assert not (resources.data / "repos" / made["id"]).exists()
    assert not main.parent.exists()
    async with database.begin() as db:
        for table in ("workspaces", "sessions", "repositories"):
            assert (await db.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0
    assert (await client.post(f"/workspace/{made['id']}/restore")).status_code == 404


async def test_deleting_while_a_clone_runs_sticks(client, resources, database, upstream):
    """Attack row 64."""
    task = asyncio.create_task(client.post("/workspace", json={"name": "x", "clone_url": f"file://{upstream}"}))
    while not (found := (await client.get("/workspace")).json()["items"]):
        await asyncio.sleep(0.002)
    assert (await client.delete(f"/workspace/{found[0]['id']}")).status_code == 204
    await task
    await idle(database)
    async with database.begin() as db:
        assert [s.status for s in await db.scalars(select(Session))] == ["deleted"]


async def test_the_same_idempotency_key_makes_one_workspace(client, database):
    """Attack row 63: fifty at once, then again, then with another body, then by somebody else."""
    headers = {"idempotency-key": "k1"}
    answers = await asyncio.gather(
        *(client.post("/workspace", json={"name": "one"}, headers=headers) for _ in range(50))
    )
    assert {a.status_code for a in answers} <= {201, 409}
    again = await client.post("/workspace", json={"name": "one"}, headers=headers)
    assert again.status_code == 201 and again.headers["idempotent-replayed"] == "true"
    assert {a.json()["id"] for a in answers if a.status_code == 201} == {again.json()["id"]}
    other = await client.post("/workspace", json={"name": "two"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    async with database.begin() as db:
        assert await db.scalar(select(func.count()).select_from(Workspace)) == 1


async def test_a_failed_call_does_not_use_its_key_up(client):
    headers = {"idempotency-key": "k2"}
    bad = await client.post("/sessions", json={"workspace_id": str(make.new_id()), "name": "x"}, headers=headers)
    assert bad.status_code == 404
    made = (await client.post("/workspace", json={"name": "one"})).json()
    good = await client.post("/sessions", json={"workspace_id": made["id"], "name": "x"}, headers=headers)
    assert good.status_code == 201


async def test_a_folder_without_a_row_is_swept_in_time(resources):
    stray = resources.data / "sessions" / "0190-stray"
    stray.mkdir(parents=True)
    await session_jobs.sweep(resources)
    assert stray.exists()
    import os

    os.utime(stray, (0, 0))
    await session_jobs.sweep(resources)
    assert not stray.exists()
