"""Version control through the API: every call, and what a hostile repository must not make the server do."""

import asyncio
import copy
import os
import subprocess
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pygit2
import pytest
from sqlalchemy import update

from backend.core import git, worktree
from backend.core.db import now
from backend.core.git import Place
from backend.core.resources import Kept
from backend.workbench.snapshots import jobs as snapshot_jobs
from backend.workbench.snapshots.models import Snapshot
from backend.workbench.vcs import diffs, message
from backend.workbench.vcs.schemas import FileDiff
from backend.workbench.workspaces.models import Repository
from tests.workbench.yard import Yard, by_hand, started


async def test_status_tells_every_kind_of_change(yard):
    for path in ("same.txt", "changed.txt", "gone.txt", "old/name.txt"):
        yard.write(path, f"{path}\n" * 20)
    yard.write(".gitignore", "ignored/\n")
    await yard.commit()
    assert await yard.files() == {}
    yard.write("changed.txt", "other\n")
    (yard.root / "gone.txt").unlink()
    (yard.root / "old/name.txt").rename(yard.root / "old/renamed.txt")
    yard.write("new.txt")
    yard.write("ignored/x")
    status = await yard.get("/status")
    assert status["branch"] == "main"
    assert {f["path"]: (f["status"], f.get("old_path")) for f in status["files"]} == {
        "changed.txt": ("modified", None),
        "gone.txt": ("deleted", None),
        "old/renamed.txt": ("renamed", "old/name.txt"),
        "new.txt": ("untracked", None),
    }
    assert (status["total"], status["truncated"]) == (4, False)
    cut = await yard.get("/status", limit=3)
    assert [f["path"] for f in cut["files"]] == ["changed.txt", "gone.txt", "old/renamed.txt"]
    assert (cut["total"], cut["truncated"]) == (4, True)

    # beyond a limit, renames are not looked for: that takes minutes where so much came and one file went
    for number in range(diffs.MOST_FOR_RENAMES):
        yard.write(f"many/{number}")
    many = await yard.get("/status", limit=4)
    assert [(f["path"], f["status"]) for f in many["files"]] == [
        ("changed.txt", "modified"),
        ("gone.txt", "deleted"),
        ("many/0", "untracked"),
        ("old/name.txt", "deleted"),
    ]
    assert (many["total"], many["truncated"]) == (diffs.MOST_FOR_RENAMES + 5, True)
    assert (await yard.get("/diff/working-copy"))["truncated"]


async def test_names_that_are_not_utf8_are_told_exactly(yard):
    Path(os.fsdecode(os.fsencode(yard.root) + b"/\xff.bin")).write_bytes(b"\0")
    [file] = (await yard.get("/status"))["files"]
    assert (file["path"], file["path_b64"]) == ("\\xff.bin", "/y5iaW4=")
    await yard.commit()
    assert await yard.files() == {}


async def test_a_commit_of_everything_and_of_some_paths(yard):
    yard.write("a.txt")
    yard.write("sub/b.txt")
    yard.write("c.txt")
    first = await yard.commit("Some", paths=["a.txt", "sub"])
    assert await yard.files() == {"c.txt": "untracked"}
    assert by_hand(yard.root, "status", "--porcelain") == "?? c.txt\n"
    second = await yard.commit("Rest", author={"name": "Grace <x>", "email": "grace@example.com"})
    log = (await yard.post("/log"))["items"]
    assert [c["id"] for c in log[:2]] == [second, first]
    assert log[0]["author"] == {"name": "Grace x", "email": "grace@example.com"}
    assert log[0]["refs"] == ["main"] and log[1]["parents"] == [log[2]["id"]]
    assert (await yard.post("/commit", {"message": "x"}, 409))["error"]["code"] == "nothing_to_commit"
    assert (await yard.post("/commit", {"message": " \n"}, 422))["error"]["code"] == "invalid_request"


async def test_what_a_shell_staged_is_not_committed_by_paths(yard):
    yard.write("a.txt")
    yard.write("b.txt")
    by_hand(yard.root, "add", "b.txt")
    await yard.commit(paths=["a.txt"])
    assert await yard.files() == {"b.txt": "added"}


async def test_the_log_is_searched_and_paged(yard):
    for number in range(6):
        yard.write("even.txt" if number % 2 == 0 else "odd.txt", f"{number}")
        await yard.commit(f"Number {number}")
    seen, cursor = [], ""
    while cursor is not None:
        page = await yard.post("/log", {"limit": 2, "cursor": cursor})
        seen += [c["message"] for c in page["items"]]
        cursor = page["next_cursor"]
        if len(seen) == 2:
            yard.write("later.txt")
            await yard.commit("Later")
    assert seen == [f"Number {n}\n" for n in reversed(range(6))] + ["Start\n"]

    async def found(**query):
        return [c["message"].strip() for c in (await yard.post("/log", query))["items"]]

    assert await found(path="even.txt") == ["Number 4", "Number 2", "Number 0"]
    assert await found(query="NUMBER 3") == ["Number 3"]
    assert "Start" in await found(author="codeyard")
    assert await found(author="nobody") == []
    assert (await yard.post("/log", {"from": "nowhere"}, 404))["error"]["code"] == "no_such_revision"


async def test_one_commit_shows_hunks_with_the_words_that_changed(yard):
    yard.write("poem.txt", "roses are red\nviolets are blue\n")
    await yard.commit()
    yard.write("poem.txt", "roses are red\nviolets are green\n")
    (yard.root / "logo.png").write_bytes(b"\x89PNG\0\0")
    commit = await yard.get(f"/log/{await yard.commit('Green')}")
    files = {f["path"]: f for f in commit["files"]}
    assert files["logo.png"]["binary"] and files["logo.png"]["hunks"] == []
    poem = files["poem.txt"]
    assert (poem["additions"], poem["deletions"], poem["status"]) == (1, 1, "modified")
    lines = poem["hunks"][0]["lines"]
    assert [(line["kind"], line["text"]) for line in lines] == [
        (" ", "roses are red"),
        ("-", "violets are blue"),
        ("+", "violets are green"),
    ]
    assert lines[1]["spans"] == [[12, 16]] and lines[2]["spans"] == [[12, 17]]
    assert (lines[1]["old"], lines[2]["new"]) == (2, 2)


async def test_two_revisions_and_the_working_copy_are_compared(yard):
    yard.write("a.txt", "one\n")
    first = await yard.commit()
    yard.write("a.txt", "two\n")
    yard.write("dir/b.txt", "b\n")
    second = await yard.commit()
    diff = await yard.post("/diff", {"from": first, "to": second})
    assert [f["path"] for f in diff["files"]] == ["a.txt", "dir/b.txt"]
    assert [
        f["path"] for f in (await yard.post("/diff", {"from": first, "to": second, "paths": ["dir"]}))["files"]
    ] == ["dir/b.txt"]
    yard.write("a.txt", "three\n")
    yard.write("new.txt", "n\n")
    working = {f["path"]: f for f in (await yard.get("/diff/working-copy"))["files"]}
    assert working["a.txt"]["hunks"][0]["lines"][1]["text"] == "three"
    assert (working["new.txt"]["status"], working["new.txt"]["additions"]) == ("untracked", 1)
    assert (await yard.post("/diff", {"from": "-x", "to": second}, 422))["error"]["code"] == "invalid_request"


async def test_too_much_is_cut_and_said(yard):
    yard.write("huge.txt", "line\n" * (diffs.MOST_LINES + 1))
    diff = await yard.get("/diff/working-copy")
    assert diff["truncated"] and diff["files"][0]["truncated"]
    assert diff["files"][0]["additions"] == diffs.MOST_LINES + 1


async def test_discard_is_undone_by_its_snapshot(yard):
    yard.write("kept.txt", "kept\n")
    await yard.commit()
    yard.write("kept.txt", "changed\n")
    yard.write("sub/new.txt", "new\n")
    undo = (await yard.post("/discard"))["snapshot_id"]
    assert await yard.files() == {}
    assert not (yard.root / "sub").exists()
    again = (await yard.post(f"/snapshots/{undo}/restore"))["snapshot_id"]
    assert await yard.files() == {"kept.txt": "modified", "sub/new.txt": "untracked"}
    await yard.post(f"/snapshots/{again}/restore")
    assert await yard.files() == {}


async def test_a_repository_that_somebody_cloned_into_the_working_copy_is_left_alone_and_saved_by_snapshots(yard, fork):
    """`git clone` in a terminal: libgit2 takes its folder for a path that cannot be."""
    yard.write("a.txt")
    yard.write("cloned/b.txt", "theirs\n")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "theirs"]):
        by_hand(yard.root / "cloned", *words)
    yard.write("cloned/c.txt")
    assert await yard.files() == {"a.txt": "untracked"}
    taken = await yard.post("/snapshots", {}, 201)
    await yard.commit()
    assert await yard.files() == {}
    yard.write("a.txt", "changed\n")
    await yard.post("/discard", {})
    assert (yard.root / "cloned" / ".git").is_dir() and (yard.root / "cloned" / "c.txt").exists()
    forked = await fork("forked", yard)
    assert (forked.root / "cloned" / "b.txt").read_text() == "theirs\n"
    (yard.root / "cloned" / "b.txt").unlink()
    await yard.post(f"/snapshots/{taken['id']}/restore", {})
    assert (yard.root / "cloned" / "b.txt").read_text() == "theirs\n"


async def test_the_timer_takes_a_snapshot_where_files_changed_since_the_last(yard, fork, resources):
    timed = copy.copy(resources)  # for this test alone: the server's own timer stays off
    timed.settings = msgspec.structs.replace(resources.settings, snapshot_minutes=10)
    timed.kept = Kept()
    idle = await fork("idle", yard)
    yard.write("a.txt")

    async def reasons(of: Yard) -> list[str]:
        return [one["reason"] for one in (await of.get("/snapshots"))["items"]]

    async def later() -> tuple[int, int]:
        """How many there are eleven minutes later."""
        async with resources.database.begin() as db:
            await db.execute(update(Snapshot).values(created_at=now() - timedelta(minutes=11)))
        looked = timed.kept.get(snapshot_jobs.Looked) or {}
        looked.update({session_id: at - 11 * 60 for session_id, at in looked.items()})
        await snapshot_jobs.take_timed(timed)
        return len(await reasons(yard)), len(await reasons(idle))

    assert await later() == (1, 0)
    yard.write("a.txt", "other\n")
    await snapshot_jobs.take_timed(timed)
    assert await reasons(yard) == ["timer"], "the last one is not ten minutes old"
    assert await later() == (2, 0)
    assert await later() == (2, 0), "nothing changed since"
    by_hand(yard.root, "init", "-q", "cloned")
    yard.write("cloned/b.txt")
    assert await later() == (3, 0), "a repository that somebody made in it is saved too"
    assert await later() == (3, 0)
    (idle.root / "new.txt").write_text("new\n")
    await snapshot_jobs.take_timed(timed)
    assert await reasons(idle) == [], "it was looked at a moment ago"
    assert await later() == (3, 1)
    async with resources.database.begin() as db:  # the clock was ahead, and is put right
        await db.execute(update(Snapshot).values(created_at=now() + timedelta(hours=1)))
    timed.kept = Kept()
    yard.write("a.txt", "more\n")
    await snapshot_jobs.take_timed(timed)
    assert len(await reasons(yard)) == 4


async def test_only_named_paths_are_discarded(yard):
    yard.write("a.txt", "a\n")
    yard.write("b.txt", "b\n")
    await yard.commit()
    for path in ("a.txt", "b.txt", "c/d.txt"):
        yard.write(path, "x\n")
    await yard.post("/discard", {"paths": ["a.txt", "c"]})
    assert await yard.files() == {"b.txt": "modified"}
    for path in ("../x", "/etc", ".git/config", "a/../../x"):
        assert (await yard.post("/discard", {"paths": [path]}, 422))["error"]["code"] == "bad_path"


async def test_a_rollback_commits_the_old_content_or_moves_the_branch(yard):
    yard.write("a.txt", "one\n")
    first = await yard.commit("One")
    yard.write("a.txt", "two\n")
    yard.write("b.txt", "b\n")
    await yard.commit("Two")
    yard.write("draft.txt", "draft\n")
    back = await yard.post("/rollback", {"commit_id": first, "mode": "content"})
    assert (yard.root / "a.txt").read_text() == "one\n" and not (yard.root / "b.txt").exists()
    assert [c["message"].split("\n")[0] for c in (await yard.post("/log"))["items"]][:2] == [
        f"Roll back to {first[:10]}",
        "Two",
    ]
    assert await yard.files() == {}
    await yard.post(f"/snapshots/{back['snapshot_id']}/restore")
    assert (yard.root / "draft.txt").exists() and (yard.root / "b.txt").exists()
    tip, files = (await yard.get("/status"))["head"], await yard.files()
    assert tip == back["id"]
    moved = await yard.post("/rollback", {"commit_id": first, "mode": "head"})
    assert moved["id"] is None
    assert (await yard.get("/status"))["head"] == first and await yard.files() == {}
    await yard.post(
        "/rollback", {"commit_id": moved["previous_head"], "mode": "head"}
    )  # which undoes it, with the snapshot
    await yard.post(f"/snapshots/{moved['snapshot_id']}/restore")
    assert ((await yard.get("/status"))["head"], await yard.files()) == (tip, files)
    assert (await yard.post("/rollback", {"commit_id": "f" * 40}, 404))["error"]["code"] == "no_such_revision"


async def test_blame_says_who_wrote_each_line(yard, resources, monkeypatch):
    yard.write("a.txt", "one\ntwo\nthree\n")
    first = await yard.commit("First")
    yard.write("a.txt", "one\nTWO\nthree\n")
    second = await yard.commit("Second")
    blame = await yard.get("/blame", path="a.txt")
    assert [(h["commit_id"], h["start"], h["lines"], h["summary"]) for h in blame["hunks"]] == [
        (first, 1, 1, "First"),
        (second, 2, 1, "Second"),
        (first, 3, 1, "First"),
    ]
    assert (await yard.get("/blame", 404, path="none.txt"))["error"]["code"] == "no_such_file"
    monkeypatch.setattr(resources, "settings", msgspec.structs.replace(resources.settings, max_file_mb=0))
    assert (await yard.get("/blame", 413, path="a.txt"))["error"]["details"] == {"size": 14}


async def test_another_sessions_commits_are_merged(yard, fork):
    yard.write("base.txt", "base\n")
    await yard.commit()
    other = await fork("feature", yard)
    other.write("feature.txt", "f\n")
    theirs = await other.commit("Feature")
    forward = await yard.post("/merge", {"from_session": other.id})
    assert (forward["id"], forward["fast_forward"]) == (theirs, True)
    other.write("more.txt", "m\n")
    await other.commit("More")
    yard.write("mine.txt", "m\n")
    await yard.commit("Mine")
    yard.write("draft.txt", "stays\n")
    merged = await yard.post("/merge", {"from_session": other.id})
    assert not merged["fast_forward"] and merged["snapshot_id"]
    assert (yard.root / "more.txt").exists() and await yard.files() == {"draft.txt": "untracked"}
    assert len((await yard.get(f"/log/{merged['id']}"))["parents"]) == 2
    again = await yard.post("/merge", {"from_session": other.id})
    assert (again["id"], again["snapshot_id"]) == (merged["id"], None)
    names = {b["name"]: b["session_id"] for b in (await yard.get("/branches"))["items"]}
    assert names == {"main": yard.id, "feature": other.id}


async def test_branches_that_sessions_work_on_come_first_and_many_are_searched_and_paged(yard, fork):
    other = await fork("Zebra crossing", yard)
    bare = pygit2.Repository(str(yard.root.parents[2] / "repos" / yard.session["workspace_id"] / "root.git"))
    for name in ("b/Fix-2", "b/fix-1", "a"):
        bare.branches.local.create(name, bare[bare.branches["main"].target])
    assert [row["name"] for row in (await yard.get("/branches"))["items"]] == [
        "main",
        "zebra-crossing",
        "a",
        "b/Fix-2",
        "b/fix-1",
    ]
    first = await yard.get("/branches", limit=3)
    assert [row["name"] for row in first["items"]] == ["main", "zebra-crossing", "a"]
    rest = await yard.get("/branches", limit=3, cursor=first["next_cursor"])
    assert [row["name"] for row in rest["items"]] == ["b/Fix-2", "b/fix-1"] and rest["next_cursor"] is None
    assert [row["name"] for row in (await yard.get("/branches", query="FIX"))["items"]] == ["b/Fix-2", "b/fix-1"]
    for part in ("zeb", "bra-C", "BRA C"):  # of the branch, or of the session as people call it
        [found] = (await yard.get("/branches", query=part))["items"]
        assert (found["session_id"], found["session_name"]) == (other.id, "Zebra crossing")


async def test_conflicts_are_told_and_leave_everything_untouched(yard, fork):
    yard.write("a.txt", "base\n")
    await yard.commit()
    other = await fork("feature", yard)
    other.write("a.txt", "theirs\n")
    theirs = await other.commit("Theirs")
    yard.write("a.txt", "mine, not committed\n")
    error = (await yard.post("/merge", {"from_session": other.id}, 409))["error"]
    assert (error["code"], error["details"]["files"]) == ("uncommitted_changes", ["a.txt"])
    head = await yard.commit("Mine")
    error = (await yard.post("/merge", {"from_session": other.id}, 409))["error"]
    assert (error["code"], error["details"]) == ("conflicts", {"files": ["a.txt"], "theirs": theirs})
    status = await yard.get("/status")
    assert status["head"] == head and status["files"] == []
    assert (yard.root / "a.txt").read_text() == "mine, not committed\n"


async def test_on_a_detached_head_nothing_is_written(yard):
    yard.write("a.txt")
    head = await yard.commit()
    by_hand(yard.root, "checkout", "-q", "--detach")
    yard.write("b.txt")
    status = await yard.get("/status")
    assert (status["branch"], status["head"]) == (None, head)
    for path, body in (
        ("/commit", {"message": "x"}),
        ("/rollback", {"commit_id": head}),
        ("/merge", {"from_session": yard.id}),
    ):
        assert (await yard.post(path, body, 409))["error"]["code"] == "detached_head"


async def test_push_and_pull_by_file(yard, tmp_path):
    by_hand(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    url = f"file://{tmp_path}/remote.git"
    assert (await yard.post("/push", {}, 422))["error"]["code"] == "no_remote"
    yard.write("a.txt")
    head = await yard.commit("Mine")
    pushed = await yard.post("/push", {"url": url})
    assert pushed == {"branch": "main", "head": head, "remote_url": url}
    by_hand(tmp_path, "clone", "-q", url, "theirs")
    (tmp_path / "theirs" / "b.txt").write_text("b\n")
    by_hand(tmp_path / "theirs", "add", "-A")
    by_hand(tmp_path / "theirs", "commit", "-qm", "Theirs")
    by_hand(tmp_path / "theirs", "push", "-q")
    yard.write("c.txt")
    await yard.commit("Mine again")
    assert (await yard.post("/push", {}, 409))["error"]["code"] == "push_rejected"
    await yard.post("/pull", {})
    assert (yard.root / "b.txt").exists()
    await yard.post("/push", {})
    [root] = (await yard.get("/repositories"))["items"]
    assert (root["name"], root["remote_url"], root["ahead"], root["behind"], root["dirty"]) == (
        "root",
        url,
        0,
        0,
        False,
    )


async def test_messages_are_proposed_from_the_changes(yard):
    assert (await yard.post("/commit/generate-message", {}, 409))["error"]["code"] == "nothing_to_commit"
    yard.write("hello.py")
    assert await yard.post("/commit/generate-message") == {"message": "Add hello.py", "source": "heuristic"}


@pytest.mark.parametrize(
    ("files", "subject"),
    [
        ([("a.py", "deleted", None)], "Remove a.py"),
        ([("b.py", "renamed", "a.py")], "Rename a.py to b.py"),
        ([("lib/a.py", "renamed", "src/a.py")], "Move a.py to lib"),
        ([("package.json", "modified", None), ("package-lock.json", "modified", None)], "Update dependencies"),
        ([("docs/a.md", "added", None), ("docs/b.md", "added", None)], "Add documentation in docs"),
        ([("app.py", "modified", None), ("tests/test_app.py", "modified", None)], "Update app.py and its tests"),
        ([("a.py", "added", None), ("b.py", "added", None)], "Add a.py and b.py"),
        ([(f"x/{n}.py", "modified", None) for n in range(5)], "Update 5 files in x"),
        ([("y" * 200, "added", None)], "Add " + "y" * 67 + "…"),
    ],
)
def test_the_proposed_subject_says_what_and_where(files, subject):
    made = [FileDiff(path, old, status, 1, 1, False, []) for path, status, old in files]
    assert message.propose(made).split("\n")[0] == subject


async def test_nothing_of_a_hostile_repository_runs(client, resources, tmp_path):
    """Attack row 35: hooks, filters, fsmonitor, external diff, textconv, in the clone and in a session's own config."""
    ran = tmp_path / "ran"
    evil = tmp_path / "evil"
    evil.mkdir()
    by_hand(evil, "init", "-q", "-b", "main")
    (evil / ".gitattributes").write_text("* filter=evil diff=evil\n")
    (evil / "a.txt").write_text("a\n")
    (evil / ".gitmodules").write_text(
        '[submodule "x\\r"]\n\tpath = "x\\r"\n\turl = ext::sh -c touch% ' + str(ran) + "\n"
    )
    by_hand(evil, "add", "-A")
    by_hand(evil, "commit", "-qm", "Evil")
    workspace = (await client.post("/workspace", json={"name": "evil", "clone_url": f"file://{evil}"})).json()
    session = await started(client, workspace["default_session_id"])
    assert session["status"] == "ready", session
    yard = Yard(client, session, resources.data)
    touch = f"touch {ran}"
    config = resources.data / "sessions" / session["id"] / "git" / "root.git"
    (config / "hooks").mkdir(exist_ok=True)
    for hook in (
        "pre-commit",
        "post-checkout",
        "post-commit",
        "pre-push",
        "reference-transaction",
        "post-index-change",
    ):
        (config / "hooks" / hook).write_text(f"#!/bin/sh\n{touch}\n")
        (config / "hooks" / hook).chmod(0o755)
    with (config / "config").open("a") as file:
        file.write(
            f'[core]\n\tfsmonitor = "{touch}; true"\n\tsshCommand = {touch}\n\tworktree = {tmp_path}\n\tpager = {touch}\n'
        )
        file.write(f'[filter "evil"]\n\tclean = {touch}; cat\n\tsmudge = {touch}; cat\n\trequired = true\n')
        file.write(f'[diff]\n\texternal = {touch}\n[diff "evil"]\n\ttextconv = {touch}; cat\n\tcommand = {touch}\n')
    yard.write("a.txt", "changed\n")
    assert await yard.files() == {"a.txt": "modified"}
    await yard.get("/diff/working-copy")
    await yard.commit("By the server")
    await yard.get("/blame", path="a.txt")
    yard.write("a.txt", "again\n")
    undo = (await yard.post("/discard"))["snapshot_id"]
    await yard.post(f"/snapshots/{undo}/restore")
    body = {"workspace_id": workspace["id"], "name": "child", "parent_session_id": session["id"]}
    child = (await client.post("/sessions", json=body)).json()
    assert (resources.data / "sessions" / child["id"] / "workspace" / "a.txt").read_text() == "again\n"
    by_hand(tmp_path, "init", "-q", "--bare", "remote.git")
    await yard.post("/push", {"url": f"file://{tmp_path}/remote.git"})
    assert not ran.exists()
    assert not (tmp_path / "a.txt").exists()


async def test_a_repository_with_git_in_odd_case_is_not_checked_out_over_ours(client, resources, tmp_path):
    """Attack row 35: the tree holds `.GIT/config` and `git~1`; libgit2 and git refuse or keep them harmless."""
    evil = tmp_path / "evil"
    evil.mkdir()
    by_hand(evil, "init", "-q", "-b", "main")
    blob = subprocess.run(
        ["git", "-C", evil, "hash-object", "-w", "--stdin"], input=b"[core]\n", capture_output=True, check=True
    )
    oid = blob.stdout.decode().strip()
    inner = subprocess.run(
        ["git", "-C", evil, "mktree"], input=f"100644 blob {oid}\tconfig\n".encode(), capture_output=True, check=True
    )
    tree = subprocess.run(
        ["git", "-C", evil, "mktree"],
        input=f"040000 tree {inner.stdout.decode().strip()}\t.GIT\n".encode(),
        capture_output=True,
        check=True,
    )
    commit = by_hand(evil, "commit-tree", tree.stdout.decode().strip(), "-m", "odd").strip()
    by_hand(evil, "update-ref", "refs/heads/main", commit)
    workspace = (await client.post("/workspace", json={"name": "odd", "clone_url": f"file://{evil}"})).json()
    session = await started(client, workspace["default_session_id"])
    assert session["status"] == "failed" and session["status_reason"]["code"] == "history_refused"
    assert "hasDotgit" in session["status_reason"]["message"]


async def test_commits_at_the_same_time_lose_nothing(yard):
    """Attack row 64."""
    for number in range(6):
        yard.write(f"f{number}.txt")
    await asyncio.gather(*(yard.commit(f"n{n}", paths=[f"f{n}.txt"]) for n in range(6)))
    assert await yard.files() == {}
    assert len((await yard.post("/log"))["items"]) == 7
    assert by_hand(yard.root, "fsck", "--strict").strip() == ""


def test_lines_with_little_in_common_get_no_spans():
    assert diffs.spans("completely different", "nothing alike here at all") == (None, None)
    assert diffs.spans("f(a, b)", "f(a, c)") == ([(5, 6)], [(5, 6)])


def test_urls_lose_their_credentials_in_messages():
    told = git.explain("fatal: Authentication failed for 'https://me:hunter2@example.com/x'", "hunter2")
    assert "hunter2" not in told.message


async def test_a_commit_sent_twice_happens_once(yard):
    """Attack row 63."""
    yard.write("a.txt")
    call = f"/workspace/{yard.id}/version-controls/commit"
    headers = {"idempotency-key": "k"}
    first = await yard.client.post(call, json={"message": "One"}, headers=headers)
    again = await yard.client.post(call, json={"message": "One"}, headers=headers)
    assert first.json() == again.json() and again.headers["idempotent-replayed"] == "true"
    assert len((await yard.post("/log"))["items"]) == 2
    failed = await yard.client.post(call, json={"message": "Two"}, headers={"idempotency-key": "k2"})
    assert failed.status_code == 409
    yard.write("b.txt")
    good = await yard.client.post(call, json={"message": "Two"}, headers={"idempotency-key": "k2"})
    assert good.status_code == 201


async def test_a_log_of_all_branches_names_them_and_the_remotes(yard, fork, tmp_path):
    by_hand(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    yard.write("a.txt")
    base = await yard.commit("Base")
    await yard.post("/push", {"url": f"file://{tmp_path}/remote.git"})
    other = await fork("feature", yard)
    other.write("b.txt")
    theirs = await other.commit("Theirs")
    yard.write("c.txt")
    mine = await yard.commit("Mine")
    seen, cursor = {}, ""
    while cursor is not None:
        page = await yard.post("/log", {"all": True, "limit": 1, "cursor": cursor})
        seen |= {commit["id"]: commit["refs"] for commit in page["items"]}
        cursor = page["next_cursor"]
    assert seen[mine] == ["main"] and seen[theirs] == ["feature"] and seen[base] == ["origin/main"]
    assert len(seen) == 4
    assert theirs not in {commit["id"] for commit in (await yard.post("/log"))["items"]}


async def test_a_snapshot_says_what_it_held_and_what_restoring_it_would_change(yard):
    yard.write("a.txt", "one\n")
    await yard.commit()
    yard.write("a.txt", "two\n")
    yard.write("draft.txt", "draft\n")
    taken = await yard.post("/snapshots", {"label": "before lunch"}, 201)
    yard.write("a.txt", "three\n")
    yard.write("later.txt", "later\n")

    async def changes(against: str) -> dict[str, tuple[str, int]]:
        shown = await yard.get(f"/snapshots/{taken['id']}", against=against)
        assert (shown["label"], shown["files_changed"], shown["truncated"]) == ("before lunch", 2, False)
        return {f["path"]: (f["status"], f["additions"]) for f in shown["files"]}

    assert await changes("head") == {"a.txt": ("modified", 1), "draft.txt": ("added", 1)}
    assert await changes("now") == {"a.txt": ("modified", 1), "later.txt": ("deleted", 0)}
    await yard.post(f"/snapshots/{taken['id']}/restore")
    assert await changes("now") == {}
    await yard.get(f"/snapshots/{taken['id']}", 422, against="never")
    await yard.get(f"/snapshots/{yard.id}", 404)


async def test_a_snapshot_holds_every_repository_of_the_session(yard, workspace, resources):
    place = Place(resources.data, UUID(workspace["id"]), UUID(yard.id), "api", "services/api")
    worktree.create_empty(place, "main")
    (yard.root.parent / "git/root.git/info/exclude").write_text("services/api/\n")
    async with resources.database.begin() as db:
        db.add(Repository(workspace_id=UUID(workspace["id"]), name="api", path="services/api"))
    yard.write("root.txt", "root\n")
    yard.write("services/api/main.py", "one\n")
    assert {r["name"]: r["dirty"] for r in (await yard.get("/repositories"))["items"]} == {"root": True, "api": True}
    undo = (await yard.post("/discard", {"repository": "api"}))["snapshot_id"]
    assert not (yard.root / "services/api/main.py").exists() and (yard.root / "root.txt").exists()
    held = await yard.get(f"/snapshots/{undo}", repository="api")
    assert [f["path"] for f in held["files"]] == ["main.py"] and held["files_changed"] == 2
    yard.write("root.txt", "changed\n")
    await yard.post(f"/snapshots/{undo}/restore")
    assert (yard.root / "services/api/main.py").read_text() == "one\n"
    assert (yard.root / "root.txt").read_text() == "root\n"


async def test_a_session_with_two_repositories_forks_goes_into_the_bin_and_is_copied_whole(
    client, yard, workspace, resources
):
    place = Place(resources.data, UUID(workspace["id"]), UUID(yard.id), "api", "services/api")
    worktree.create_bare(place)
    worktree.create_empty(place, "main")
    root = Place(resources.data, UUID(workspace["id"]), UUID(yard.id))
    worktree.exclude(root, ["services/api"])
    async with resources.database.begin() as db:
        db.add(Repository(workspace_id=UUID(workspace["id"]), name="api", path="services/api"))
    yard.write("services/api/main.py", "one\n")
    await yard.post("/commit", {"message": "One", "repository": "api"}, 201)
    yard.write("services/api/draft.py", "not committed\n")

    async def look(session_id):
        at = f"/workspace/{session_id}/version-controls"
        found = {r["name"]: r for r in (await client.get(f"{at}/repositories")).json()["items"]}
        status = (await client.get(f"{at}/status", params={"repository": "api"})).json()
        assert (found["root"]["dirty"], found["api"]["dirty"]) == (False, True), found
        assert [file["path"] for file in status["files"]] == ["draft.py"]
        assert (resources.data / "sessions" / session_id / "workspace/services/api/main.py").read_text() == "one\n"

    await look(yard.id)
    fork = (await client.post("/sessions", json={"workspace_id": workspace["id"], "name": "fork"})).json()
    await look(fork["id"])
    await client.delete(f"/sessions/{fork['id']}")
    assert (await client.post(f"/sessions/{fork['id']}/restore")).status_code == 200
    await look(fork["id"])
    copy = (await client.post(f"/workspace/{workspace['id']}/duplicate", json={"name": "copy"})).json()
    await look(copy["default_session_id"])
    (yard.root / "services/api/main.py").unlink()
    (yard.root / "services").rename(yard.root / "moved")
    (yard.root / "services").symlink_to(resources.data / "sessions" / fork["id"] / "workspace/services")
    answer = await client.get(f"/workspace/{yard.id}/version-controls/status", params={"repository": "api"})
    assert answer.json()["error"]["code"] == "folder_missing", "attack row 19: a link to another session's files"
