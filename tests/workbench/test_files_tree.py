"""Folders listed: depth, limits, links, odd names, and ignored files as git itself sees them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.core.errors import NotFound
from backend.workbench.files.beneath import BadPath, NotDirectory, PathEscapes, Root, parse
from backend.workbench.files.schemas import Entry
from backend.workbench.files.tree import tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def root(folder: Path) -> Iterator[Root]:
    with Root(folder) as opened:
        yield opened


def fill(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            (folder / path).mkdir(exist_ok=True)
        else:
            (folder / path).write_text("x")


def flat(entries: list[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        yield from flat(entry.children or [])


def paths(entries: list[Entry]) -> list[str]:
    return [entry.path for entry in flat(entries)]


def test_folders_are_listed_as_deep_as_asked(root: Root, folder: Path):
    fill(folder, "a/b/c/d", "x", "empty/")
    assert paths(tree(root).entries) == ["a", "empty", "x"]
    assert paths(tree(root, depth=2).entries) == ["a", "a/b", "empty", "x"]
    everything = tree(root, depth=9).entries
    assert paths(everything) == ["a", "a/b", "a/b/c", "a/b/c/d", "empty", "x"]
    assert everything[1].children == []
    assert tree(root).entries[0].children is None
    assert paths(tree(root, parse("a/b"), depth=1).entries) == ["a/b/c"]


def test_an_entry_says_what_it_is(root: Root, folder: Path):
    fill(folder, "file", "dir/")
    os.utime(folder / "file", (1_700_000_000, 1_700_000_000))
    (folder / "link").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    found = {entry.name: entry for entry in tree(root, depth=5).entries}
    assert {name: entry.type for name, entry in found.items()} == {
        "file": "file",
        "dir": "directory",
        "link": "symlink",
        "pipe": "special",
    }
    assert (found["file"].size, found["file"].mtime.timestamp()) == (1, 1_700_000_000)
    assert found["link"].children is None


def test_a_link_to_a_folder_is_not_gone_into(root: Root, folder: Path):
    fill(folder, "sub/x", "../outside/secret")
    (folder / "sub" / "up").symlink_to("..")
    (folder / "out").symlink_to("../outside")
    assert paths(tree(root, depth=9).entries) == ["out", "sub", "sub/up", "sub/x"]
    with pytest.raises(PathEscapes):
        tree(root, parse("out"))


def test_git_and_half_written_files_are_never_shown(root: Root, folder: Path):
    fill(folder, ".git/config", "sub/.git", ".codeyard-tmp-1", ".gitignore", ".hidden", "x", "GIT~1", "git")
    assert paths(tree(root, depth=3).entries) == [".gitignore", ".hidden", "git", "sub", "x"]
    assert paths(tree(root, hidden=False).entries) == ["git", "sub", "x"]


def test_a_tree_that_is_cut_off_is_whole_at_the_top(root: Root, folder: Path):
    fill(folder, *(f"{letter}/{number}" for letter in "abc" for number in range(10)))
    found = tree(root, depth=5, limit=8)
    assert found.truncated
    assert [entry.name for entry in found.entries] == ["a", "b", "c"]
    assert len(paths(found.entries)) == 8
    assert not tree(root, depth=5, limit=33).truncated


def test_files_are_found_by_letters_of_their_path_among_any_number(root: Root, folder: Path):
    fill(folder, *(f"a/{number}" for number in range(20)), "deep/In/side/Needle.py", "é/needle.ÄR", "out/needle")
    (folder / ".gitignore").write_text("out\n")
    (folder / "needle").symlink_to("a")
    found = tree(root, depth=9, ignored=False, letters="NDL", limit=2)
    assert [(entry.path, entry.name) for entry in found.entries] == [
        ("é/needle.ÄR", "needle.ÄR"),
        ("deep/In/side/Needle.py", "Needle.py"),
    ]
    assert not found.truncated and all(entry.children is None for entry in found.entries)
    assert paths(tree(root, depth=9, letters="deinpy").entries) == ["deep/In/side/Needle.py"]
    assert paths(tree(root, depth=9, letters="änd").entries) == []
    assert tree(root, depth=9, letters="a1", limit=5).truncated
    assert tree(root, depth=9, letters="needle", seconds=0).truncated


def test_what_is_no_folder_cannot_be_listed(root: Root, folder: Path):
    fill(folder, "file")
    with pytest.raises(NotDirectory):
        tree(root, parse("file"))
    with pytest.raises(NotFound):
        tree(root, parse("missing"))
    with pytest.raises(BadPath):
        tree(root, parse("sub/.git"))


def test_names_that_are_not_utf8_come_escaped_and_in_base64(root: Root, folder: Path):
    fill(folder, os.fsdecode(b"d\xff/inner"), "é")
    odd, usual = tree(root, depth=2).entries[::-1]
    if odd.name == "é":
        odd, usual = usual, odd
    assert (odd.name, odd.path_b64, usual.name, usual.path_b64) == ("d\\xff", "ZP8=", "é", None)
    assert odd.children is not None
    assert (odd.children[0].name, odd.children[0].path_b64) == ("inner", "ZP8vaW5uZXI=")


RULES = {
    ".gitignore": "trailing\\ \nspaces   \n"
    r"""
# a comment
*.pyc
/build
docs/_build/
node_modules/
**/cache
logs/**
a/**/z
!keep.pyc
\#literal
foo?.txt
data[0-9a].bin
[!x]not.me
/only/here
*.[oa]
deep/*/x
[[:digit:]].d
[z-a]bad
\!bang
exact
""",
    "sub/.gitignore": "!*.pyc\n/local\n*.log\n!important.log\n",
}
PATHS = """
a.pyc keep.pyc sub/a.pyc build/x sub/build/x docs/_build/x docs/_build2/x sub/docs/_build/x node_modules/a/b
sub/node_modules/c cache x/cache/y logs/a logs/b/c a/z a/b/z a/b/c/z #literal spaces foo1.txt foo12.txt
data1.bin dataa.bin datab.bin anot.me xnot.me only/here sub/only/here m.o m.a m.c deep/1/x deep/1/2/x 7.d z.d
abad !bang bang sub/local sub/in/local sub/x.log sub/important.log x.log exact sub/in/exact exact2
"""


def test_ignored_is_what_git_says(root: Root, folder: Path):
    fill(folder, *PATHS.split(), "trailing ")
    for path, text in RULES.items():
        (folder / path).write_text(text)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    everything = list(flat(tree(root, depth=9).entries))
    said = subprocess.run(
        ["git", "-C", str(folder), "-c", "core.excludesFile=", "check-ignore", "--no-index", "--stdin", "-z"],
        input="\0".join(entry.path for entry in everything).encode(),
        capture_output=True,
    ).stdout
    by_git = {name for name in said.decode().split("\0") if name}
    assert {entry.path for entry in everything if entry.ignored} == by_git
    kept = {entry.path for entry in flat(tree(root, depth=9, ignored=False).entries)}
    assert kept == {entry.path for entry in everything} - by_git


def test_rules_of_the_folders_above_hold_in_a_listing_from_below(root: Root, folder: Path):
    fill(folder, "a/b/x.pyc", "a/b/y", "out/in/y")
    (folder / ".gitignore").write_text("*.pyc\nout\n")
    assert [entry.ignored for entry in tree(root, parse("a/b")).entries] == [True, False]
    assert [entry.ignored for entry in tree(root, parse("out/in")).entries] == [True]


def test_a_repository_inside_has_its_own_rules(root: Root, folder: Path):
    fill(folder, "inner/.git", "inner/x.log", "x.log")
    (folder / ".gitignore").write_text("*.log\n")
    ignored = {entry.path: entry.ignored for entry in flat(tree(root, depth=2).entries)}
    assert (ignored["x.log"], ignored["inner/x.log"]) == (True, False)
