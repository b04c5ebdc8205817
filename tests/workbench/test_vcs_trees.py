"""Trees compared by ourselves say what libgit2's own diff says, and leave to it what is not plain."""

import random

import pygit2
import pytest

from backend.workbench.vcs import diffs, trees

FILE, SCRIPT, LINK = 0o100644, 0o100755, 0o120000


@pytest.fixture
def repository(tmp_path):
    return pygit2.init_repository(tmp_path / "repository")


def tree_of(repository, files, *, modes=None):
    """`files` are contents by path."""
    index = pygit2.Index()
    for path, data in files.items():
        index.add(pygit2.IndexEntry(path, repository.create_blob(data), (modes or {}).get(path, FILE)))
    return repository[index.write_tree(repository)]


def some_file(dice):
    kind = dice.random()
    if kind < 0.1:
        return b""
    if kind < 0.2:
        return b"\x00" + dice.randbytes(20)
    end = dice.choice([b"\n", b"\r\n"])
    words = [b"one", b"two words", b"def three():", "vier äöü".encode(), b"\xff\xfe", b""]
    return end.join(dice.choice(words) for _ in range(dice.randrange(30))) + dice.choice([b"", end])


def changed_file(dice, data):
    lines = data.splitlines(keepends=True)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(lines) + 1)
        lines[at : at + dice.randrange(2)] = [dice.choice([b"new\n", b"two new words\n", b"\x00\n"])]
    return b"".join(lines)


@pytest.mark.parametrize("context", [0, 3])
def test_any_plain_change_reads_as_libgit2_tells_it(repository, context):
    dice = random.Random(7)
    names = ["a", "a.b", "a-b/c", "b/c/d.txt", "b/c/e", "b/f", "z/ä", "z.txt"]
    compared = 0
    for _ in range(60):
        files = {name: some_file(dice) for name in dice.sample(names, dice.randrange(2, len(names)))}
        others = {name: changed_file(dice, data) if dice.random() < 0.5 else data for name, data in files.items()}
        if dice.random() < 0.5:
            others |= {"b/new/one": some_file(dice) or b"1"}
        elif len(others) > 2:
            del others[dice.choice(list(others))]
        old, new = tree_of(repository, files), tree_of(repository, others)
        expected = diffs.show(
            old.diff_to_tree(new, flags=pygit2.enums.DiffOption.INCLUDE_TYPECHANGE, context_lines=context)
        )
        trees.changed(repository, old, new)  # does not leave it to libgit2
        assert diffs.between(repository, old, new, context=context) == expected
        compared += len(expected.files)
    assert compared > 100
    below = diffs.between(repository, old, new, paths=["b"])
    assert [file.path for file in below.files] == [file.path for file in expected.files if file.path.startswith("b/")]


BEFORE = {"kept": b"kept\n", "moved": b"some\nlong\ncontent\n", "deep/file": b"x\n"}


@pytest.mark.parametrize(
    ("after", "modes", "status"),
    [
        ({"moved": None, "there": BEFORE["moved"]}, {}, "renamed"),
        ({"kept": b"elsewhere"}, {"kept": LINK}, "modified"),
        ({}, {"kept": SCRIPT}, "modified"),
        ({"deep/file": None, "deep": b"a file now\n"}, {}, "added"),
        ({".gitattributes": b"kept -diff\n", "kept": b"other\n"}, {}, "added"),
    ],
)
def test_what_is_not_plain_is_left_to_libgit2(repository, after, modes, status):
    old = tree_of(repository, BEFORE)
    new = tree_of(repository, {k: v for k, v in (BEFORE | after).items() if v is not None}, modes=modes)
    with pytest.raises(trees.NotPlain):
        trees.changed(repository, old, new)
    assert diffs.between(repository, old, new).files[0].status == status


def test_objects_that_a_shell_made_up_are_left_to_libgit2(repository):
    """Attack: trees that lie about what they hold, or go down for ever."""
    plain = tree_of(repository, BEFORE)
    raw = repository[plain["kept"].id].id.raw
    as_tree = repository.write(pygit2.enums.ObjectType.TREE, b"40000 kept\0" + raw)
    missing = repository.write(pygit2.enums.ObjectType.TREE, b"100644 kept\0" + b"\x01" * 20)
    deep = plain.id
    for _ in range(300):
        deep = repository.write(pygit2.enums.ObjectType.TREE, b"40000 d\0" + deep.raw)
    empty = repository[repository.TreeBuilder().write()]
    for oid in (as_tree, deep):
        with pytest.raises(trees.NotPlain):
            trees.changed(repository, empty, repository[oid])
    [lost] = trees.changed(repository, empty, repository[missing])
    with pytest.raises(trees.NotPlain):
        trees.contents(repository, lost)
    assert diffs.between(repository, empty, repository[deep]).files[0].status == "added"
