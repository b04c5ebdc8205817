"""Merge, squash, rebase, conflicts and their resolution, suggestions: commits made in the bare repository, without a working
copy. Everything here blocks, and is called in a thread."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pygit2
from pygit2.enums import FileMode, SortMode

from backend.core import git, worktree
from backend.workbench.pulls import branches
from backend.workbench.pulls.branches import Branch
from backend.workbench.pulls.errors import (
    AlreadyMerged,
    NoConflicts,
    NoSuggestion,
    NothingToMerge,
    NotSettled,
    Overlapping,
    StaleHead,
)
from backend.workbench.pulls.schemas import ConflictFile, SettledFile
from backend.workbench.vcs.errors import Conflicts

Person = tuple[str, str]

LARGEST = 1_000_000


@dataclass(frozen=True)
class Merge:
    """What is to be done: whose commit it is, what it says, and for a squash whose work it was."""

    method: str
    expected_head: str
    by: Person
    author: Person
    text: str


def merge(head: Branch, base: Branch, what: Merge, *, keep: str) -> str:
    """Merges into the base, its working copy included; the commit that the base is at now. `keep` names it in the bare
    repository before anything moves, so that a crash in between is found out. Raises StaleHead, Conflicts, AlreadyMerged,
    NothingToMerge, UncommittedChanges; then nothing was touched."""
    tip = branches.published(head)
    if str(tip) != what.expected_head:
        raise StaleHead(head=str(tip))
    with worktree.locked(base.place):
        onto = branches.published(base)
        bare = git.open_bare(base.place)
        if branches.contains(bare, str(onto), str(tip)):
            raise AlreadyMerged
        new = {"merge": _merge, "squash": _squash, "rebase": _rebase}[what.method](bare, onto, tip, what)
        if bare[new].peel(pygit2.Commit).tree_id == bare[onto].peel(pygit2.Commit).tree_id and what.method != "merge":
            raise NothingToMerge
        bare.references.create(keep, new, force=True)
        branches.advance(base, onto, new)
        return str(new)


def _merged_tree(bare: pygit2.Repository, onto: pygit2.Oid, tip: pygit2.Oid) -> pygit2.Oid:
    merged = bare.merge_commits(bare[onto].peel(pygit2.Commit), bare[tip].peel(pygit2.Commit))
    if merged.conflicts is not None:
        raise Conflicts(
            "Head and base changed the same lines: settle them on the pull request.", files=branches.conflicting(merged)
        )
    return merged.write_tree(bare)


def _merge(bare: pygit2.Repository, onto: pygit2.Oid, tip: pygit2.Oid, what: Merge) -> pygit2.Oid:
    by = signature(what.by)
    return bare.create_commit(None, by, by, what.text, _merged_tree(bare, onto, tip), [onto, tip])


def _squash(bare: pygit2.Repository, onto: pygit2.Oid, tip: pygit2.Oid, what: Merge) -> pygit2.Oid:
    tree = _merged_tree(bare, onto, tip)
    return bare.create_commit(None, signature(what.author), signature(what.by), what.text, tree, [onto])


def _rebase(bare: pygit2.Repository, onto: pygit2.Oid, tip: pygit2.Oid, what: Merge) -> pygit2.Oid:
    """The head's commits one by one on top of the base; merges among them are left out, as `git rebase` does, and so is what
    the base has already."""
    at = onto
    for commit in commits_between(bare, onto, tip):
        if len(commit.parent_ids) != 1:
            continue
        index = bare.merge_trees(commit.parents[0].tree, bare[at].peel(pygit2.Tree), commit.tree)
        if index.conflicts is not None:
            raise Conflicts(
                "A commit of the head conflicts with the base: merge the base into it, or merge by another method.",
                files=branches.conflicting(index),
                commit=str(commit.id),
            )
        tree = index.write_tree(bare)
        if tree != bare[at].peel(pygit2.Commit).tree_id:
            at = bare.create_commit(None, commit.author, signature(what.by), commit.message, tree, [at])
    return at


def commits_between(bare: pygit2.Repository, base: pygit2.Oid | str, head: pygit2.Oid | str) -> list[pygit2.Commit]:
    """What the head has and the base lacks, oldest first."""
    walk = bare.walk(head, SortMode.TOPOLOGICAL | SortMode.REVERSE)
    walk.hide(base)
    return list(walk)


def signature(person: Person) -> pygit2.Signature:
    """Git keeps neither angle brackets nor line ends in a name; libgit2 refuses an empty one."""
    name, email = ("".join(c for c in part if c.isprintable() and c not in "<>").strip() for part in person)
    return pygit2.Signature(name or worktree.CODEYARD[0], email or worktree.CODEYARD[1])


# --- conflicts -----------------------------------------------------------------------------------------------------------


def conflict_content(head: Branch, base: Branch, path: str | None) -> tuple[str, str, list[ConflictFile]]:
    """Both tips, and each conflicting file: as it was where they parted, in the head (ours), in the base (theirs), and with
    markers. Raises NoConflicts."""
    tip, onto = branches.published(head), branches.published(base)
    bare = git.open_bare(base.place)
    index = _conflicted(bare, tip, onto)
    files = []
    for sides in index.conflicts or []:
        ancestor, ours, theirs = sides
        name = next(side.path for side in sides if side is not None)
        if path is not None and name != path:
            continue
        was, mine, other = (_text(bare, side) for side in sides)
        binary = any(side and text is None for side, text in zip(sides, (was, mine, other), strict=True))
        markers = None
        if not binary and ours is not None and theirs is not None:
            markers = bare.merge_file_from_index(
                ancestor,  # libgit2 writes each side's path at its markers, and pygit2 lets nobody say otherwise
                pygit2.IndexEntry(f"{head.name} (head)", ours.id, ours.mode),
                pygit2.IndexEntry(f"{base.name} (base)", theirs.id, theirs.mode),
                use_deprecated=False,
            ).contents
        files.append(ConflictFile(name, was, mine, other, markers, binary))
    return str(tip), str(onto), sorted(files, key=lambda file: file.path)


def _conflicted(bare: pygit2.Repository, tip: pygit2.Oid, onto: pygit2.Oid) -> pygit2.Index:
    index = bare.merge_commits(bare[tip].peel(pygit2.Commit), bare[onto].peel(pygit2.Commit))
    if index.conflicts is None:
        raise NoConflicts
    return index


def _text(bare: pygit2.Repository, side: pygit2.IndexEntry | None) -> str | None:
    if side is None or side.mode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
        return None
    blob = bare[side.id].peel(pygit2.Blob)
    if blob.is_binary or blob.size > LARGEST:
        return None
    try:
        return blob.data.decode()
    except UnicodeDecodeError:
        return None


def settle(
    head: Branch, base: Branch, expected_head: str, files: Sequence[SettledFile], by: Person, message: str
) -> str:
    """Merges the base into the head with the conflicting files as given: a commit on the head, its session's working copy
    included. Raises StaleHead, NoConflicts, NotSettled, UncommittedChanges."""
    onto = branches.published(base)
    with worktree.locked(head.place):
        tip = branches.published(head)
        if str(tip) != expected_head:
            raise StaleHead(head=str(tip))
        bare = git.open_bare(head.place)
        index = _conflicted(bare, tip, onto)
        conflicts = {side.path: sides for sides in index.conflicts or [] for side in sides if side}
        given = {file.path: file for file in files}
        missing, foreign = sorted(set(conflicts) - set(given)), sorted(set(given) - set(conflicts))
        unsaid = sorted(
            path
            for path, file in given.items()
            if [file.content is not None, file.delete, bool(file.take)].count(True) != 1
        )
        if missing or foreign or unsaid:
            raise NotSettled(missing=missing, not_conflicting=foreign, unsaid=unsaid)
        for path, file in given.items():
            ancestor, ours, theirs = conflicts[path]
            del index.conflicts[path]
            if file.content is not None:
                mode = next(side.mode for side in (ours, theirs, ancestor) if side)
                index.add(pygit2.IndexEntry(path, bare.create_blob(file.content.encode()), mode))
            elif file.take and (side := ours if file.take == "ours" else theirs):
                index.add(pygit2.IndexEntry(path, side.id, side.mode))
        new = bare.create_commit(
            None, signature(by), signature(by), message.strip() + "\n", index.write_tree(bare), [tip, onto]
        )
        branches.advance(head, tip, new)
        return str(new)


# --- suggestions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Replacement:
    """Lines `first` to `last` of `path`, 1-based, become `text`."""

    path: str
    first: int
    last: int
    text: str


def apply(head: Branch, expected_head: str, wanted: Sequence[Replacement], by: Person, message: str) -> str:
    """One commit on the head with all replacements, its session's working copy included. Raises StaleHead, NoSuggestion,
    Overlapping, UncommittedChanges."""
    with worktree.locked(head.place):
        tip = branches.published(head)
        if str(tip) != expected_head:
            raise StaleHead(head=str(tip))
        bare = git.open_bare(head.place)
        commit = bare[tip].peel(pygit2.Commit)
        index = pygit2.Index()
        index.read_tree(commit.tree)
        by_path: dict[str, list[Replacement]] = {}
        for one in wanted:
            by_path.setdefault(one.path, []).append(one)
        for path, data in _replaced(commit, by_path).items():
            index.add(pygit2.IndexEntry(path, bare.create_blob(data), index[path].mode))
        tree = index.write_tree(bare)
        if tree == commit.tree_id:
            raise NoSuggestion("That is what the file says already.")
        new = bare.create_commit(None, signature(by), signature(by), message.strip() + "\n", tree, [tip])
        branches.advance(head, tip, new)
        return str(new)


def _replaced(commit: pygit2.Commit, by_path: Mapping[str, Sequence[Replacement]]) -> dict[str, bytes]:
    changed = {}
    for path, wanted in by_path.items():
        try:
            found = commit.tree[path]
        except KeyError:
            raise NoSuggestion from None
        if not isinstance(found, pygit2.Blob):
            raise NoSuggestion
        lines = _lines(found.data)
        ordered = sorted(wanted, key=lambda one: one.first, reverse=True)
        for later, earlier in itertools.pairwise(ordered):
            if earlier.last >= later.first:
                raise Overlapping
        for one in ordered:
            if not 1 <= one.first <= one.last <= len(lines):
                raise NoSuggestion
            ends = b"\r\n" if lines[one.last - 1].endswith(b"\r\n") else b"\n"
            text = one.text.replace("\r\n", "\n").encode().replace(b"\n", ends)
            if text and one.last == len(lines) and not lines[-1].endswith(b"\n"):
                text = text.removesuffix(ends)
            lines[one.first - 1 : one.last] = [text] if text else []
        changed[path] = b"".join(lines)
    return changed


def _lines(data: bytes) -> list[bytes]:
    """By line feeds alone, as git counts lines."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
