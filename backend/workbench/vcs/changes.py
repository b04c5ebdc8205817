"""The working copy and its commits: status, commit, discard, rollback, merge. Callers hold the session's lock."""

import contextlib
import os
import stat
from collections.abc import Sequence

import pygit2
from pygit2.enums import CheckoutStrategy, FileMode, FileStatus

from backend.core import git, scan, worktree
from backend.core.git import Place
from backend.workbench.vcs import diffs, hunks
from backend.workbench.vcs.errors import BadPath, Conflicts, DetachedHead, NothingToCommit, UncommittedChanges
from backend.workbench.vcs.history import resolve
from backend.workbench.vcs.hunks import Part
from backend.workbench.vcs.schemas import ChangedPath, Merged, Selection, Status, WorkingStatus

_FORCE = CheckoutStrategy.FORCE | CheckoutStrategy.DISABLE_PATHSPEC_MATCH
_NEW = FileStatus.INDEX_NEW | FileStatus.WT_NEW
_GONE = FileStatus.INDEX_DELETED | FileStatus.WT_DELETED


def status(place: Place, most: int) -> WorkingStatus:
    """HEAD and the first `most` paths that differ from it, renames found; where there are more, untracked ones are left out
    before others."""
    with git.opened(place) as repository:
        head = worktree.head_of(repository)
        branch = current_branch(repository)
        found = scan.changed(place, repository)
        came_and_went = all(any(flags & kind for flags in found.values()) for kind in (_NEW, _GONE))
        if came_and_went and len(found) <= diffs.MOST_FOR_RENAMES:
            renamed = _with_renames(repository)
            renamed.sort(key=lambda file: (file.status == "untracked", file.path))
            total, files = len(renamed), renamed[:most]
        else:
            words = sorted((_word(flags) == "untracked", path) for path, flags in found.items())[:most]
            total, files = len(found), [_show(path, _word(found[path])) for _, path in words]
    files.sort(key=lambda file: file.path)
    return WorkingStatus(branch, str(head) if head else None, files, total, total > len(files))


def current_branch(repository: pygit2.Repository) -> str | None:
    """None on a detached HEAD."""
    return None if repository.head_is_detached else branch_of(repository)


def branch_of(repository: pygit2.Repository) -> str:
    """The branch that HEAD names, also before its first commit."""
    target = repository.references["HEAD"].target
    return str(target).removeprefix("refs/heads/")


def _word(flags: FileStatus) -> Status:
    if flags & FileStatus.CONFLICTED:
        return "conflicted"
    if flags & FileStatus.WT_NEW and not flags & FileStatus.INDEX_DELETED:
        return "untracked"
    if flags & FileStatus.INDEX_NEW:
        return "deleted" if flags & FileStatus.WT_DELETED else "added"
    return "deleted" if flags & _GONE and not flags & FileStatus.WT_NEW else "modified"


def _show(path: str, word: Status, old_path: str | None = None) -> ChangedPath:
    shown, encoded = diffs.name(path.encode(errors="surrogateescape"))
    return ChangedPath(shown, word, staged=False, old_path=old_path, path_b64=encoded)


def _with_renames(repository: pygit2.Repository) -> list[ChangedPath]:
    diff = diffs.working_diff(repository)
    diffs.find_renames(diff)
    files = []
    for delta in diff.deltas:
        file = diffs.describe(delta)
        files.append(ChangedPath(file.path, file.status, staged=False, old_path=file.old_path, path_b64=file.path_b64))
    return files


# --- commit ------------------------------------------------------------------------------------------------------------


def commit(place: Place, message: str, author: tuple[str, str], chosen: Selection) -> str:
    """A commit of all changes, or of what was chosen, published. Raises NothingToCommit, DetachedHead, StaleHunks."""
    with git.opened(place) as repository:
        refuse_detached(repository)
        head = worktree.head_of(repository)
        index = repository.index
        if chosen.paths is None and chosen.hunks is None:
            refuse_conflicted(index)
            worktree.add_all(repository, index)
            tree = index.write_tree()
        else:
            whole, parts = take(repository, chosen)
            only = pygit2.Index()
            if head is not None:
                only.read_tree(repository[head].peel(pygit2.Tree))
            for path in whole:
                _follow(repository, (only, index), path)
            for part in parts:
                _put(repository, (only, index), part)
            tree = only.write_tree(repository)
        if head is not None and tree == repository[head].peel(pygit2.Commit).tree_id:
            raise NothingToCommit
        made = _record(repository, message, author, tree, [head] if head else [])
        index.write()
    worktree.publish(place)
    return made


def take(repository: pygit2.Repository, chosen: Selection) -> tuple[list[str], list[Part]]:
    """The paths taken whole, and the parts of others."""
    whole = select(scan.by_libgit2(repository), chosen.paths) if chosen.paths else []
    named = [hunk for hunk in chosen.hunks or [] if hunk.path not in whole]
    return whole, hunks.parts(repository, named, chosen.context) if named else []


def _put(repository: pygit2.Repository, indexes: Sequence[pygit2.Index], part: Part) -> None:
    """Makes the indexes say of a file what it is with the chosen hunks alone."""
    blob = None if part.chosen is None else repository.create_blob(part.chosen)
    for index in indexes:
        for path in {part.path, part.old_path}:
            _settle(index, path)
        if blob is not None:
            index.add(pygit2.IndexEntry(part.path, blob, part.mode))


def _record(
    repository: pygit2.Repository, message: str, author: tuple[str, str], tree: pygit2.Oid, parents: list[pygit2.Oid]
) -> str:
    signature = pygit2.Signature(*clean(author))
    text = message.strip() + "\n"
    return str(repository.create_commit("HEAD", signature, signature, text, tree, parents))


def clean(author: tuple[str, str]) -> tuple[str, str]:
    """Git keeps neither angle brackets nor line ends in a name; an empty one is refused by libgit2."""
    name, email = ("".join(c for c in part if c.isprintable() and c not in "<>").strip() for part in author)
    return name or "Codeyard", email or "codeyard@localhost"


def _follow(repository: pygit2.Repository, indexes: Sequence[pygit2.Index], path: str) -> None:
    """Makes the indexes say of `path` what the working copy does. Unmerged sides of it are settled by that."""
    entry = _entry(repository, path)
    for index in indexes:
        _settle(index, path)
        if entry is not None:
            index.add(entry)


def _settle(index: pygit2.Index, path: str) -> None:
    _forget(index, path)
    if index.conflicts is not None:
        with contextlib.suppress(KeyError, OSError):
            del index.conflicts[path]


def _entry(repository: pygit2.Repository, path: str) -> pygit2.IndexEntry | None:
    try:
        found = os.lstat(os.path.join(repository.workdir, path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(found.st_mode):
        target = os.readlink(os.path.join(os.fsencode(repository.workdir), os.fsencode(path)))
        return pygit2.IndexEntry(path, repository.create_blob(target), FileMode.LINK)
    if not stat.S_ISREG(found.st_mode):
        return None
    mode = FileMode.BLOB_EXECUTABLE if found.st_mode & 0o100 else FileMode.BLOB
    return pygit2.IndexEntry(path, repository.create_blob_fromworkdir(path), mode)


def select(found: dict[str, FileStatus], paths: Sequence[str]) -> list[str]:
    """The changed paths at or below `paths`."""
    for path in paths:
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or ".git" in (part.lower() for part in parts) or "\x00" in path:
            raise BadPath(path=path[:200])
    below = tuple(path.rstrip("/") + "/" for path in paths)
    exact = {path.rstrip("/") for path in paths}
    return sorted(path for path in found if path in exact or path.startswith(below))


def refuse_detached(repository: pygit2.Repository) -> None:
    if not repository.head_is_unborn and repository.head_is_detached:
        raise DetachedHead


def refuse_conflicted(index: pygit2.Index) -> None:
    if index.conflicts is not None:
        files = sorted({side.path for sides in index.conflicts for side in sides if side is not None})
        raise Conflicts(
            "A merge in this session's terminal left conflicts: resolve them, or commit by `paths`.", files=files
        )


# --- going back --------------------------------------------------------------------------------------------------------


def discard(place: Place, chosen: Selection) -> None:
    """The working copy (or what was chosen of it) as HEAD has it; untracked files go. The caller took a snapshot."""
    repository = git.open_session(place)
    parts: list[Part] = []
    if chosen.paths is None and chosen.hunks is None:
        wanted = sorted(scan.by_libgit2(repository))
    else:
        wanted, parts = take(repository, chosen)
    for part in parts:
        if part.rest is None:
            wanted.append(part.path)
        else:
            hunks.take_back(place, part)
    _reset(repository, place, wanted)


def _reset(repository: pygit2.Repository, place: Place, wanted: Sequence[str]) -> None:
    head = worktree.head_of(repository)
    tree = repository[head].peel(pygit2.Tree) if head else None
    kept = [path for path in wanted if tree is not None and path in tree]
    index = repository.index
    index.read(True)
    for path in wanted:
        if path not in kept:
            _forget(index, path)
            worktree.unlink(place.work_tree, path)
    index.write()
    if kept and tree is not None:
        for path in kept:
            _forget(index, path)
        worktree.check_out_paths(repository, tree.id, _FORCE, kept)


def _forget(index: pygit2.Index, path: str) -> None:
    with contextlib.suppress(OSError, KeyError):
        index.remove(path)


def roll_back(
    place: Place, revision: str, author: tuple[str, str], *, move_head: bool
) -> tuple[pygit2.Oid | None, str | None]:
    """The content of that commit: as a new commit on top, or by moving the branch there. Where it was, and the new commit."""
    repository = git.open_session(place)
    refuse_detached(repository)
    target = resolve(repository, revision)
    head = worktree.head_of(repository)
    worktree.restore(place, str(target.id))
    if move_head:
        repository.references.create(f"refs/heads/{branch_of(repository)}", target.id, force=True)
        made = None
    elif head is not None and repository[head].peel(pygit2.Commit).tree_id == target.tree_id:
        made = str(head)
    else:
        summary = target.message.partition("\n")[0]
        text = f"Roll back to {str(target.id)[:10]}\n\n{summary}\n"
        made = _record(repository, text, author, target.tree_id, [head] if head else [])
    repository.index.read_tree(target.tree)
    repository.index.write()
    worktree.publish(place)
    return head, made


# --- merging -----------------------------------------------------------------------------------------------------------


def plan_merge(place: Place, theirs: str) -> pygit2.Oid | None:
    """The tree that merging commit `theirs` gives, made in memory; None when it is contained already. Raises Conflicts or
    UncommittedChanges with the files; nothing was touched."""
    repository = git.open_session(place)
    refuse_detached(repository)
    head = worktree.head_of(repository)
    other = repository[theirs].peel(pygit2.Commit)
    if head is None:
        return other.tree_id
    base = repository.merge_base(head, other.id)
    if base == other.id:
        return None
    if base == head:
        tree = other.tree_id
    else:
        merged = repository.merge_commits(repository[head].peel(pygit2.Commit), other)
        if merged.conflicts is not None:
            files = sorted({side.path for sides in merged.conflicts for side in sides if side is not None})
            raise Conflicts(files=files, theirs=theirs)
        tree = merged.write_tree(repository)
    refuse_overlap(repository, repository[head].peel(pygit2.Tree), repository[tree].peel(pygit2.Tree))
    return tree


def merge(place: Place, theirs: str, tree: pygit2.Oid, author: tuple[str, str], message: str) -> Merged:
    """Carries out what `plan_merge` found: only the files that differ are written."""
    repository = git.open_session(place)
    head = worktree.head_of(repository)
    other = repository[theirs].peel(pygit2.Commit)
    forward = head is None or repository.merge_base(head, other.id) == head
    before = (
        repository[head].peel(pygit2.Tree) if head else repository[repository.TreeBuilder().write()].peel(pygit2.Tree)
    )
    carry(repository, place, before, repository[tree].peel(pygit2.Tree))
    if forward:
        repository.references.create(f"refs/heads/{branch_of(repository)}", other.id, force=True)
        made = str(other.id)
    else:
        made = _record(repository, message, author, tree, [head, other.id] if head else [other.id])
    worktree.publish(place)
    return Merged(made, forward, None, None if head is None else str(head))


def carry(repository: pygit2.Repository, place: Place, before: pygit2.Tree, after: pygit2.Tree) -> None:
    """Takes working copy and index from one tree to another: only the files that differ are written."""
    deltas = list(before.diff_to_tree(after).deltas)
    written = [delta.new_file.path for delta in deltas if delta.new_file.mode]
    if written:
        worktree.check_out_paths(repository, after.id, _FORCE, written)
    index = repository.index
    for delta in deltas:
        if not delta.new_file.mode:
            _forget(index, delta.old_file.path)
            worktree.unlink(place.work_tree, delta.old_file.path)
    index.write()


def refuse_overlap(repository: pygit2.Repository, before: pygit2.Tree, after: pygit2.Tree) -> None:
    """Raises UncommittedChanges with the files that going from one tree to the other would write over, ignored ones included."""
    deltas = list(before.diff_to_tree(after).deltas)
    touched = {path for delta in deltas for path in (delta.old_file.path, delta.new_file.path)}
    mine = touched & set(scan.by_libgit2(repository))
    mine |= {
        one.new_file.path
        for one in deltas
        if not one.old_file.mode and _lies_there(repository, before, one.new_file.path)
    }
    if mine:
        raise UncommittedChanges(files=sorted(mine))


def _lies_there(repository: pygit2.Repository, before: pygit2.Tree, path: str) -> bool:
    """Whether something that git does not know lies where a new file goes, or where one of its folders does."""
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        at = "/".join(parts[:count])
        try:
            found = os.lstat(os.path.join(repository.workdir, at))
        except OSError:
            return False
        if count == len(parts) or not stat.S_ISDIR(found.st_mode):
            return at not in before
    return False
