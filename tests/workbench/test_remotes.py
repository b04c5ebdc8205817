"""Cloning, pulling and pushing over HTTP with a token and over SSH, against real servers."""

import subprocess

import pytest

from tests import remotes
from tests.workbench.yard import Yard, by_hand, started


@pytest.fixture
def upstream(tmp_path):
    """A folder with `project.git`, which has one commit on main."""
    remotes.bare(tmp_path / "project.git")
    work = tmp_path / "work"
    by_hand(tmp_path, "clone", "-q", str(tmp_path / "project.git"), "work")
    (work / "README.md").write_text("# Hello\n")
    by_hand(work, "add", "-A")
    by_hand(work, "commit", "-qm", "First")
    by_hand(work, "push", "-q", "origin", "HEAD:main")
    return tmp_path


async def cloned(client, resources, url, **more) -> Yard:
    made = (await client.post("/workspace", json={"name": "remote", "clone_url": url} | more)).json()
    return Yard(client, await started(client, made["default_session_id"]), resources.data)


def theirs(folder, file="theirs.txt"):
    """Somebody else pushes a commit."""
    work = folder / "work"
    (work / file).write_text("theirs\n")
    by_hand(work, "add", "-A")
    by_hand(work, "commit", "-qm", "Theirs")
    by_hand(work, "push", "-q", "origin", "HEAD:main")


async def test_over_http_with_a_token(client, resources, upstream):
    with remotes.over_http(upstream) as base:
        yard = await cloned(client, resources, f"{base}/project.git", clone_token=remotes.TOKEN)
        assert (yard.root / "README.md").read_text() == "# Hello\n"
        yard.write("mine.txt")
        head = await yard.commit("Mine")
        refused = await yard.post("/push", {}, 422)
        assert refused["error"]["code"] == "remote_refused"
        assert (await yard.post("/push", {"token": remotes.TOKEN}))["head"] == head
        assert by_hand(upstream / "project.git", "rev-parse", "main").strip() == head
        by_hand(upstream / "work", "pull", "-q", "origin", "main")
        theirs(upstream)
        await yard.post("/pull", {"token": remotes.TOKEN})
        assert (yard.root / "theirs.txt").exists()
        [root] = (await yard.get("/repositories"))["items"]
        assert root["remote_url"] == f"{base}/project.git" and (root["ahead"], root["behind"]) == (0, 0)


async def test_a_clone_without_its_token_says_so_and_the_token_is_nowhere(client, resources, upstream, database):
    with remotes.over_http(upstream) as base:
        yard = await cloned(client, resources, f"{base}/project.git")
        assert (yard.session["status"], yard.session["status_reason"]["code"]) == ("failed", "remote_refused")
        good = await cloned(client, resources, base.replace("://", f"://me:{remotes.TOKEN}@") + "/project.git")
        assert good.session["status"] == "ready"
    found = subprocess.run(
        ["grep", "-r", "-l", remotes.TOKEN, str(resources.data)], capture_output=True, text=True, check=False
    )
    assert found.stdout == ""


async def test_a_redirect_to_another_host_gets_no_credentials(client, resources, upstream):
    """Attack row 35: the token goes to the host that was named, and the real one never sees it from there."""
    with (
        remotes.over_http(upstream) as real,
        remotes.over_http(upstream, elsewhere=real.replace("127.0.0.1", "localhost")) as lure,
    ):
        yard = await cloned(client, resources, f"{lure}/project.git", clone_token=remotes.TOKEN)
        assert (yard.session["status"], yard.session["status_reason"]["code"]) == ("failed", "remote_moved")


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """An SSH agent of the server's, without keys; its address."""
    told = subprocess.run(["ssh-agent", "-a", str(tmp_path / "agent")], check=True, capture_output=True, text=True)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    yield
    subprocess.run(["kill", told.stdout.split("SSH_AGENT_PID=")[1].split(";")[0]], check=True)


@pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ssh-rsa"])
async def test_over_ssh(client, resources, upstream, agent, algorithm):
    """By the git client: libgit2 aborts the process on RSA keys."""
    async with remotes.over_ssh(upstream, algorithm) as (url, key):
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        yard = await cloned(client, resources, f"{url}/project.git")
        assert yard.session["status"] == "ready", yard.session
        yard.write("mine.txt")
        head = await yard.commit("Mine")
        await yard.post("/push", {})
        assert by_hand(upstream / "project.git", "rev-parse", "main").strip() == head
        by_hand(upstream / "work", "pull", "-q", "origin", "main")
        theirs(upstream)
        await yard.post("/pull", {})
        assert (yard.root / "theirs.txt").exists()


async def test_over_ssh_it_is_told_what_is_wrong(client, resources, upstream, agent):
    """No token helps there, and a host that shows another key than before is not talked to."""

    async def why(url):
        return (await cloned(client, resources, url)).session["status_reason"]

    async with remotes.over_ssh(upstream, "ssh-ed25519") as (url, key):
        refused = await why(f"{url}/project.git")
        assert refused["code"] == "remote_refused" and "SSH key" in refused["message"]
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        yard = await cloned(client, resources, f"{url}/project.git")
    assert (await yard.post("/pull", {}, 422))["error"]["code"] == "remote_unreachable"
    async with remotes.over_ssh(upstream, "ssh-ed25519", port=int(url.rpartition(":")[2])) as (url, key):
        subprocess.run(["ssh-add", "-q", str(key)], check=True)
        for call in ("/pull", "/push"):
            assert (await yard.post(call, {}, 422))["error"]["code"] == "host_key_changed"
        assert (await why(f"{url}/project.git"))["code"] == "host_key_changed"
