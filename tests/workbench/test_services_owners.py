"""A server that is not root, on a real engine whose containers are: what these make in a working copy is the server's, too."""

import asyncio
import os
import stat
from datetime import timedelta
from uuid import UUID

import pytest

from backend.workbench.services.inside import inside
from backend.workbench.sessions import jobs
from tests.conftest import idle
from tests.workbench.test_services import IMAGE, Stack, make_stack, put_away

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user"),
]

USER = 12345
MAKES = f"""\
services:
  web:
    image: {IMAGE}
    volumes: [".:/app"]
    working_dir: /app
    stop_grace_period: 0s
    command: [sh, -c, "SCRIPT; touch done; sleep 600"]
"""
AS_ROOT = "umask 077; mkdir -p made/deep; echo one >made/deep/file; echo x >private"


@pytest.fixture
async def unprivileged(resources, folder):
    """This process as an ordinary user who may ask the engine and the database."""
    for path in (resources.data, *resources.data.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
    sockets = list((folder / "postgres").rglob(".s.PGSQL.*[0-9]"))
    modes = {path: path.stat().st_mode for path in {*sockets, *(one for path in sockets for one in path.parents)}}
    for path in modes:
        path.chmod(0o777 if path in sockets else stat.S_IMODE(modes[path]) | 0o001)
    os.setegid(os.stat("/var/run/docker.sock").st_gid)
    os.seteuid(USER)
    yield
    os.seteuid(0)
    os.setegid(0)
    for path, mode in modes.items():
        path.chmod(stat.S_IMODE(mode))
    await put_away(resources)


@pytest.fixture
async def making(unprivileged, client, resources):
    """A stack whose container has run a script as root."""

    async def making(script):
        stack = await make_stack(client, resources)
        await stack.declare(MAKES.replace("SCRIPT", script))
        await made(stack)
        return stack

    return making


async def made(stack):
    await stack.well("run-all")
    async with asyncio.timeout(30):
        while (await file(stack, "stat", "done")).status_code != 200:
            await asyncio.sleep(0.05)


async def test_its_user_has_a_name_in_the_workbench(unprivileged, client, resources):
    stack = await make_stack(client, resources)
    workbench = await inside(resources, UUID(stack.session["id"]), None)
    script = "whoami; echo ~; touch file; ssh localhost 2>&1 | grep -c 'No user exists'"
    _, said = await workbench.driver.run(workbench.handle, ["sh", "-c", script])
    assert said == b"codeyard\n/tmp\n0\n"
    assert (resources.data / "sessions" / stack.session["id"] / "workspace" / "file").stat().st_uid == USER


async def file(stack, op, path, **more):
    return await stack.client.post(f"{stack.path}/filesystem", json={"op": op, "path": path, **more})


async def test_what_a_containers_root_made_is_read_written_and_deleted(making):
    stack = await making(AS_ROOT)
    assert (await file(stack, "read", "private")).json()["content"] == "x\n"
    assert (await file(stack, "write", "made/deep/file", content="two")).status_code == 200
    assert await stack.inside("web", "cat made/deep/file; echo more >made/deep/more") == (0, b"two")
    assert (await file(stack, "delete", "made", recursive=True)).json()["snapshot_id"]
    assert (await stack.inside("web", "ls made"))[0] != 0


async def test_it_is_committed_and_forked(making):
    stack = await making(AS_ROOT)
    fork = await stack.client.post(
        "/sessions",
        json={"workspace_id": stack.session["workspace_id"], "parent_session_id": stack.session["id"], "name": "Fork"},
    )
    assert fork.status_code == 201, fork.text
    await stack.inside("web", "umask 077; echo y >secret")
    done = await stack.client.post(f"{stack.path}/version-controls/commit", json={"message": "All"})
    assert done.status_code == 201, done.text


async def test_what_other_users_made_is_told_by_its_name_and_gone_with_the_session(making, resources):
    stack = await making("mkdir data; echo z >data/z; chmod 600 data/z; chown -R 999 data; mkdir -m 700 data/closed")
    refused = await stack.client.post(f"{stack.path}/version-controls/commit", json={"message": "All"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")
    assert refused.json()["error"]["message"].startswith("data/z: "), refused.text
    await file(stack, "write", ".gitignore", content="data/\ndone\n")
    done = await stack.client.post(f"{stack.path}/version-controls/commit", json={"message": "All"})
    assert done.status_code == 201, done.text
    made_of_it = {"workspace_id": stack.session["workspace_id"], "name": "Fork"}
    fork = Stack(stack.client, (await stack.client.post("/sessions", json=made_of_it)).json(), resources)
    await made(fork)
    copy = resources.data / "sessions" / fork.session["id"]
    assert {(copy / "workspace" / name).stat().st_uid for name in ("data", "done", "compose.yaml")} == {999, 0, USER}
    assert (await stack.client.delete(f"/sessions/{fork.session['id']}")).status_code == 204
    await idle(resources.database)
    await jobs.purge_older_than(resources, timedelta(0))
    assert not copy.exists()
