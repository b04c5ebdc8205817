"""Submodules of an import or a clone: repositories of their own in its folder; what a stranger's `.gitmodules` cannot do."""

# ruff: noqa: F811 - fixtures of another file

import msgspec
import pytest

from backend.core.git import BadCloneUrl
from backend.workbench.imports import jobs
from backend.workbench.provisioning.submodules import resolve
from tests.forges import NAME, forge
from tests.remotes import TOKEN, bare
from tests.workbench.test_imports import connected, imported, session, upstream  # noqa: F401 - fixtures
from tests.workbench.yard import Yard, by_hand


def repository(folder, name, files, modules=()):
    """A repository at the forge with these files and submodules (path, url, commit); its commit."""
    work = folder / f"work-{name.replace('/', '-')}"
    if not (folder / f"{name}.git").exists():
        bare(folder / f"{name}.git")
    by_hand(folder, "clone", "-q", str(folder / f"{name}.git"), str(work))
    for path, text in files.items():
        (work / path).write_text(text)
    lines = [f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url, _ in modules]
    if lines:
        (work / ".gitmodules").write_text("".join(lines))
    by_hand(work, "add", "-A")
    for path, _, commit in modules:
        by_hand(work, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    by_hand(work, "commit", "-qm", "With submodules")
    by_hand(work, "push", "-q", "origin", "HEAD:main")
    return by_hand(work, "rev-parse", "HEAD").strip()


async def test_submodules_come_along_with_histories_of_their_own(client, session, resources, upstream, tmp_path):
    """Relative, absolute and by key, one in another; forked, committed, pushed; and what was not fetched is said."""
    deep = repository(tmp_path, "acme/deep", {"deep.txt": "deep\n"})
    library = repository(tmp_path, "acme/library", {"lib.txt": "lib\n"}, [("inner", "../deep.git", deep)])
    repository(tmp_path, NAME, {"a.txt": "a\n"}, [
        ("vendor/library", "../library.git", library),
        ("deep", f"{upstream.base}/acme/deep.git", deep),
        ("gone", "../gone.git", deep),
        ("old", "../deep.git", "1" * 40),
    ])  # fmt: skip
    await connected(client, "github", upstream)
    done = await imported(client, session)
    assert done["status"] == "succeeded", done
    message = done["steps"][0]["message"]
    assert message.startswith("3 submodules fetched. Not fetched: gone (There is no such repository"), message
    assert "old (its remote lacks the commit 1111111111)" in message
    yard = Yard(client, session, resources.data)
    project = yard.root / "project"
    assert (project / "vendor/library/lib.txt").exists() and (project / "vendor/library/inner/deep.txt").exists()
    assert (project / "deep/deep.txt").exists() and list((project / "gone").iterdir()) == []
    rows = {row["path"]: row for row in (await yard.get("/repositories"))["items"]}
    assert set(rows) == {"", "project", "project/vendor/library", "project/vendor/library/inner", "project/deep"}
    inner = rows["project/vendor/library"]
    assert (inner["head"], inner["branch"], inner["dirty"], rows["project"]["dirty"]) == (library, "main", False, False)
    assert by_hand(project, "status", "--porcelain") == "" and by_hand(project / "deep", "log", "--format=%s") != ""

    yard.write("project/vendor/library/lib.txt", "better\n")
    made = (await yard.post("/commit", {"message": "Better", "repository": inner["name"]}, 201))["id"]
    await yard.post("/push", {"repository": inner["name"]})
    assert by_hand(tmp_path / "acme/library.git", "rev-parse", "main").strip() == made
    files = (await yard.get("/status", repository="project"))["files"]
    assert [(file["path"], file["status"]) for file in files] == [("vendor/library", "modified")]
    await yard.post("/commit", {"message": "Take it", "repository": "project"}, 201)
    assert by_hand(project, "ls-tree", "HEAD", "vendor/library").split()[2] == made
    fork = (await client.post("/sessions", json={"workspace_id": session["workspace_id"], "name": "fork"})).json()
    theirs = Yard(client, fork, resources.data)
    assert (theirs.root / "project/vendor/library/lib.txt").read_text() == "better\n"
    assert (theirs.root / "project/vendor/library/inner/deep.txt").exists()
    assert [row["dirty"] for row in (await theirs.get("/repositories"))["items"]][1:] == [False] * 4


async def test_a_token_goes_to_no_other_host_of_a_submodule(client, session, resources, upstream, tmp_path):
    """Attack rows 13 and 36."""
    other = tmp_path / "other"
    other.mkdir()
    deep = repository(other, "acme/project", {"x": "x\n"})
    with forge(other) as lure:
        repository(tmp_path, NAME, {"a.txt": "a\n"}, [("lure", f"{lure.base}/{NAME}.git", deep)])
        await connected(client, "github", upstream)
        done = await imported(client, session)
        assert (
            done["status"] == "succeeded" and "lure (The remote refused the credentials)" in done["steps"][0]["message"]
        )
    yard = Yard(client, session, resources.data)
    assert [row["name"] for row in (await yard.get("/repositories"))["items"]] == ["root", "project"]
    assert not list((resources.data / "repos" / session["workspace_id"]).glob("*lure*"))


async def test_a_new_workspace_has_those_of_its_root(client, resources, upstream, tmp_path):
    """The token that the clone was given is for its host alone (attack rows 13 and 36)."""
    deep = repository(tmp_path, "acme/deep", {"deep.txt": "deep\n"})
    library = repository(tmp_path, "acme/library", {"lib.txt": "lib\n"}, [("inner", "../deep.git", deep)])
    other = tmp_path / "other"
    other.mkdir()
    with forge(other) as lure:
        theirs = repository(other, "acme/project", {"x": "x\n"})
        modules = [("vendor/library", "../library.git", library), ("lure", f"{lure.base}/{NAME}.git", theirs)]
        repository(tmp_path, NAME, {"a.txt": "a\n"}, modules)
        wanted = {"name": "whole", "clone_url": f"{upstream.base}/{NAME}.git", "clone_token": TOKEN}
        made = (await client.post("/workspace", json=wanted)).json()
    session = (await client.get(f"/sessions/{made['default_session_id']}")).json()
    assert (session["status"], session["dirty"]) == ("ready", False)
    assert session["status_reason"] == {
        "code": "submodules_left_out",
        "message": "2 submodules fetched. Not fetched: lure (The remote refused the credentials)",
    }
    yard = Yard(client, session, resources.data)
    rows = {row["path"]: row for row in (await yard.get("/repositories"))["items"]}
    assert {path: row["name"] for path, row in rows.items()} == {
        "": "root", "vendor/library": "vendor-library", "vendor/library/inner": "vendor-library-inner",
    }  # fmt: skip
    assert rows["vendor/library"]["head"] == library and not any(row["dirty"] for row in rows.values())

    yard.write("vendor/library/lib.txt", "better\n")
    better = (await yard.post("/commit", {"message": "Better", "repository": "vendor-library"}, 201))["id"]
    files = (await yard.get("/status"))["files"]
    assert [(file["path"], file["status"]) for file in files] == [("vendor/library", "modified")]
    await yard.post("/commit", {"message": "Take it"}, 201)
    assert by_hand(yard.root, "ls-tree", "HEAD", "vendor/library").split()[2] == better
    fork = (await client.post("/sessions", json={"workspace_id": made["id"], "name": "fork"})).json()
    yard = Yard(client, fork, resources.data)
    assert (yard.root / "vendor/library/lib.txt").read_text() == "better\n"
    assert (yard.root / "vendor/library/inner/deep.txt").exists() and by_hand(yard.root, "status", "--porcelain") == ""
    yard.write("vendor/library/lib.txt", "best\n")
    await yard.post("/commit", {"message": "Best", "repository": "vendor-library"}, 201)
    await yard.post("/commit", {"message": "Take that"}, 201)
    assert by_hand(yard.root, "log", "-1", "--format=%s").strip() == "Take that"


async def test_a_submodule_on_a_private_host_is_not_fetched(
    client, session, resources, upstream, tmp_path, monkeypatch
):
    """Attack row 62: an import from the public internet cannot make this server ask its own network."""
    commit = repository(tmp_path, "acme/deep", {"deep.txt": "deep\n"})
    repository(tmp_path, NAME, {"a.txt": "a\n"}, [("deep", "../deep.git", commit)])
    await connected(client, "github", upstream)
    cloned, seen = jobs._clone, []

    async def public(resources_, *words):  # the first clone is from this machine, as no test reaches the internet
        seen.append(words)
        made = await cloned(resources_, *words)
        strict = msgspec.structs.replace(resources.settings, allow_private_clone=False)
        monkeypatch.setattr(resources, "settings", strict)
        return made

    monkeypatch.setattr(jobs, "_clone", public)
    done = await imported(client, session)
    assert done["status"] == "succeeded" and len(seen) == 1
    assert done["steps"][0]["message"].startswith("Submodules not fetched: deep ("), done["steps"]


@pytest.mark.parametrize(
    "url",
    ["file:///etc", "/etc", "ext::sh -c touch% x", "--upload-pack=touch x", "-oProxyCommand=x", "ssh://-oX/y", "git://h/x",
     "http://127.0.0.1:1/@evil\\x", "https://:@/", "../../../../etc?x", "https://h/x\\ny"],
)  # fmt: skip
async def test_addresses_of_submodules_that_mean_harm_fetch_nothing(
    client, session, resources, upstream, tmp_path, url
):
    """Attack row 35: refused with the whole import by git's own check of `.gitmodules`, or left out and said."""
    commit = repository(tmp_path, "acme/deep", {"deep.txt": "deep\n"})
    repository(tmp_path, NAME, {"a.txt": "a\n"}, [("evil", f'"{url}"', commit)])
    await connected(client, "github", upstream)
    done = await imported(client, session)
    if done["status"] == "succeeded":
        assert "evil (" in done["steps"][0]["message"], done
        assert list((resources.data / "sessions" / session["id"] / "workspace/project/evil").iterdir()) == []
    names = {path.name for path in (resources.data / "sessions" / session["id"] / "git").iterdir()}
    assert names <= {"root.git", "project.git"}


@pytest.mark.parametrize(
    "path", ["../../x", ".git/hooks", ".GIT/x", "a/.git::$INDEX_ALLOCATION/x", "link/x", "x\\r", "-x", "git~1/x"]
)
async def test_paths_of_submodules_that_mean_harm_are_nowhere(client, session, resources, upstream, tmp_path, path):
    """Attack row 35 (CVE-2025-48384, CVE-2024-32002): a path counts only where the tree has a submodule; no link leads there."""
    work = tmp_path / "work"
    (work / "link").symlink_to("/tmp")
    (work / ".gitmodules").write_text(f'[submodule "x"]\n\tpath = "{path}"\n\turl = ../project.git\n')
    by_hand(work, "add", "-A")
    by_hand(work, "commit", "-qm", "Evil")
    by_hand(work, "push", "-q", "origin", "HEAD:main")
    await connected(client, "github", upstream)
    done = await imported(client, session)
    assert done["status"] in ("succeeded", "failed")
    names = {found.name for found in (resources.data / "sessions" / session["id"] / "git").iterdir()}
    assert names <= {"root.git", "project.git"}


def test_where_submodules_are():
    parent = "https://github.com/acme/project.git"
    assert resolve(parent, "../library.git") == "https://github.com/acme/library.git"
    assert resolve(parent, "../../other/library") == "https://github.com/other/library"
    assert resolve(parent, "./inner") == "https://github.com/acme/project.git/inner"
    assert resolve(parent, "git@github.com:acme/x.git") == resolve(parent, "ssh://git@github.com/acme/x.git")
    assert resolve(parent, "git@github.com:acme/x.git") == "https://github.com/acme/x.git"
    for url in ("git@other.example:acme/x.git", "file:///etc", "/etc", "x", ""):
        with pytest.raises(BadCloneUrl):
            resolve(parent, url)
    for parent in ("file:///srv/acme/project.git", "ssh://git@github.com/acme/project.git"):
        with pytest.raises(BadCloneUrl):
            resolve(parent, "../library.git")
