"""Attack row 35: a repository that names an LFS endpoint and a transfer agent of its choosing, on a machine whose git has LFS's
filters in its global configuration. Nothing is asked and nothing runs: pointers stay pointers."""

# ruff: noqa: F811 - fixtures of another file

import asyncio
import os
import subprocess

import pytest

from tests.forges import NAME, forge
from tests.remotes import TOKEN, bare
from tests.workbench.test_imports import connected, imported, session  # noqa: F401 - a fixture
from tests.workbench.yard import Yard, by_hand, started

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "4d" * 32 + "\nsize 12345\n"


@pytest.fixture
async def endpoint():
    """(address, who called): one on a private address, as metadata of a cloud are."""
    calls = []

    async def answer(_, writer):
        calls.append(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/lfs", calls


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """The file that git-lfs, as this machine has it, or the agent would leave."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git-lfs", "agent"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} $@ >> {tmp_path}/ran\ncat\n")
        (programs / name).chmod(0o755)
    verbs = ("clean = git-lfs clean -- %f", "smudge = git-lfs smudge -- %f", "process = git-lfs filter-process")
    (tmp_path / ".gitconfig").write_text("\n\t".join(['[filter "lfs"]', *verbs, "required = true\n"]))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig"))
    return tmp_path / "ran"


@pytest.fixture
def upstream(tmp_path, endpoint):
    """A forge whose repository says where its large files are."""
    bare(tmp_path / f"{NAME}.git")
    work = tmp_path / "work"
    by_hand(tmp_path, "clone", "-q", str(tmp_path / f"{NAME}.git"), "work")
    (work / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (work / ".lfsconfig").write_text(
        f"[lfs]\n\turl = {endpoint[0]}\n\tstandalonetransferagent = x\n\tconcurrenttransfers = 1\n"
        '[lfs "customtransfer.x"]\n\tpath = agent\n\targs = from-the-repository\n'
    )
    (work / "large.bin").write_text(POINTER)
    by_hand(work, "add", "-A")
    by_hand(work, "commit", "-qm", "Large")
    by_hand(work, "push", "-q", "origin", "HEAD:main")
    (work / "more.bin").write_text(POINTER)
    by_hand(work, "add", "-A")
    by_hand(work, "commit", "-qm", "More")
    by_hand(work, "push", "-q", "origin", "HEAD:more")
    with forge(tmp_path) as here:
        yield here


async def test_nothing_that_a_repository_says_of_lfs_is_followed(
    client, session, resources, upstream, endpoint, ran, tmp_path
):
    subprocess.run(
        ["git", "clone", "-q", tmp_path / f"{NAME}.git", tmp_path / "seen"], capture_output=True, check=False
    )
    assert ran.read_text() == "git-lfs filter-process\n"  # so does a person's git here
    ran.unlink()

    await connected(client, "github", upstream)
    assert (await imported(client, session))["status"] == "succeeded"
    body = {"name": "one", "clone_url": upstream.url, "clone_token": TOKEN}
    workspace = (await client.post("/workspace", json=body)).json()
    cloned = Yard(client, await started(client, workspace["default_session_id"]), resources.data)
    assert cloned.session["status"] == "ready", cloned.session
    for root in (Yard(client, session, resources.data).root / "project", cloned.root):
        assert (root / "large.bin").read_text() == POINTER
    config = resources.data / "sessions" / cloned.id / "git" / "root.git" / "config"
    with config.open("a") as file:
        file.write((tmp_path / ".gitconfig").read_text() + (cloned.root / ".lfsconfig").read_text())
    by_hand(tmp_path / f"{NAME}.git", "update-ref", "refs/heads/main", "more")
    await cloned.post("/pull", {"token": TOKEN})
    cloned.write("large.bin", POINTER.replace("12345", "54321"))
    cloned.write("another.bin", POINTER)
    assert await cloned.files() == {"large.bin": "modified", "another.bin": "untracked"}
    assert "size 54321" in str(await cloned.get("/diff/working-copy"))
    body = {"workspace_id": workspace["id"], "name": "child", "parent_session_id": cloned.id}
    child = Yard(client, (await client.post("/sessions", json=body)).json(), resources.data)
    await cloned.post(f"/snapshots/{(await cloned.post('/discard'))['snapshot_id']}/restore")
    await cloned.commit("Larger")
    await cloned.post("/push", {"token": TOKEN})
    for name in ("large.bin", "another.bin", "more.bin"):
        pushed = by_hand(tmp_path / f"{NAME}.git", "show", f"main:{name}")
        assert (cloned.root / name).read_text() == (child.root / name).read_text() == pushed
        assert pushed.startswith(POINTER.partition("size")[0])
    assert endpoint[1] == []
    assert not ran.exists(), ran.read_text()
