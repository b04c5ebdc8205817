"""A working copy looked through by several threads is what libgit2 says of it in one go."""

import os
import random
import shutil
from uuid import uuid4

import pygit2
import pytest
from pygit2.enums import FileStatus

from backend.core import git, scan
from backend.core.git import Place


@pytest.fixture
def place(tmp_path):
    at = Place(tmp_path, uuid4(), uuid4())
    at.work_tree.mkdir(parents=True)
    pygit2.init_repository(at.git_dir, bare=True, initial_head="main")
    return at


def write(place, name, text="x\n"):
    path = place.work_tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def commit(place):
    repository = git.open_session(place)
    repository.index.add_all()
    repository.index.write()
    who = pygit2.Signature("A", "a@example.com")
    parents = [] if repository.head_is_unborn else [repository.head.target]
    repository.create_commit("HEAD", who, who, "m", repository.index.write_tree(), parents)


def compare(place):
    with git.opened(place) as repository:
        found, expected = scan.shared_out(place, repository), scan.by_libgit2(repository)
    assert found == expected
    return expected


def test_every_kind_of_change_is_found_by_one_of_the_threads(place, monkeypatch):
    monkeypatch.setattr(scan, "SHARES", 3)
    assert compare(place) == {}
    write(place, "first")
    assert compare(place) == {"first": FileStatus.WT_NEW}
    for top in ("a", "b", "c*", "d", "[e]", "über"):
        for number in range(4):
            write(place, f"{top}/{number}/file")
            write(place, f"{top}-{number}")
    write(place, ".gitignore", "*.o\nbuilt/\n")
    commit(place)
    assert compare(place) == {}
    index = git.open_session(place).index  # what a shell stages
    write(place, "staged/new", "1\n")
    index.add("staged/new")
    index.remove("a/0/file")
    write(place, "b-1", "2\n")
    index.add("b-1")
    index.write()
    write(place, "b-1", "3\n")
    shutil.rmtree(place.work_tree / "staged")
    shutil.rmtree(place.work_tree / "d")
    write(place, "c*/0/file", "longer\n")
    (place.work_tree / "b-2").unlink()
    (place.work_tree / "b-2").symlink_to("b-3")
    (place.work_tree / "über-1").chmod(0o755)
    write(place, "new/deep/one")
    write(place, "x.o")
    write(place, "built/x")
    pygit2.init_repository(place.work_tree / "nested")
    found = compare(place)
    assert found["staged/new"] == FileStatus.INDEX_NEW | FileStatus.WT_DELETED
    assert found["b-1"] == FileStatus.INDEX_MODIFIED | FileStatus.WT_MODIFIED
    assert {"a/0/file", "d/3/file", "c*/0/file", "b-2", "über-1", "new/deep/one"} <= found.keys()
    assert not {"x.o", "built/x", "nested/"} & found.keys()


def test_what_changes_between_two_looks_is_seen_by_the_second(place, monkeypatch):
    monkeypatch.setattr(scan, "SHARES", 2)
    for number in range(40):
        write(place, f"d{number % 7}/f{number}", f"{number}\n")
    commit(place)
    dice = random.Random(3)
    for turn in range(30):
        for _ in range(3):
            name = f"d{dice.randrange(9)}/f{dice.randrange(40)}"
            if (place.work_tree / name).exists() and dice.random() < 0.4:
                os.unlink(place.work_tree / name)
            else:
                write(place, name, f"{turn}\n")
        if turn % 10 == 9:
            commit(place)
        compare(place)


def test_a_merge_that_was_left_undone_is_told(place, monkeypatch):
    monkeypatch.setattr(scan, "SHARES", 2)
    write(place, "other/file")
    write(place, "file", "one\n")
    commit(place)
    repository = git.open_session(place)
    base = repository.head.target
    write(place, "file", "two\n")
    commit(place)
    ours = repository.head.target
    repository.reset(base, pygit2.enums.ResetMode.HARD)
    write(place, "file", "three\n")
    commit(place)
    repository.merge(ours)
    repository.index.write()
    assert compare(place)["file"] & FileStatus.CONFLICTED
