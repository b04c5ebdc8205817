"""The two branches of a pull request: where they stand, and how one is moved with its session's working copy.

A session's own git dir says where its branch is; the bare repository's copy is brought up to it by name, so what another
session's shell publishes under that name is put right. A branch is moved under its session's lock, by compare-and-swap: a
commit made by a shell in between is never lost, it makes the move fail. Everything here blocks, and is called in a thread.
"""

from dataclasses import dataclass

import pygit2

from backend.core import git, worktree
from backend.core.git import Place
from backend.workbench.pulls.errors import SessionGone, StaleHead
from backend.workbench.vcs import changes


@dataclass(frozen=True)
class Branch:
    """A session's branch: where its repository lies, and its name."""

    place: Place
    name: str

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.name}"


@dataclass(frozen=True)
class Look:
    """Both tips and where they parted, all of them in the bare repository; the paths that both changed."""

    head: str
    base: str
    merge_base: str
    conflicts: list[str]


def published(branch: Branch) -> pygit2.Oid:
    """The branch's tip, which the bare repository has afterwards. Raises SessionGone."""
    try:
        repository = git.open_session(branch.place)
        tip = repository.references[branch.ref].peel(pygit2.Commit).id
    except (KeyError, OSError, pygit2.GitError):
        raise SessionGone(f"The session of the branch {branch.name} has no such branch any more.") from None
    bare = git.open_bare(branch.place)
    known = bare.references.get(branch.ref)
    if known is None or known.target != tip:
        worktree.send(repository, bare, [tip])
        bare.references.create(branch.ref, tip, force=True)
    return tip


def look(head: Branch, base: Branch, *, keep: str | None = None) -> Look:
    """Where the two stand now. `keep` is a ref that holds the head, whatever becomes of its session."""
    tip, onto = published(head), published(base)
    bare = git.open_bare(base.place)
    if keep is not None:
        bare.references.create(keep, tip, force=True)
    return Look(str(tip), str(onto), str(parting(bare, onto, tip)), conflicts_of(bare, onto, tip))


def parting(bare: pygit2.Repository, base: pygit2.Oid, head: pygit2.Oid) -> pygit2.Oid:
    """Where two lines of work parted; for two that have nothing in common, a commit of nothing."""
    found = bare.merge_base(base, head)
    if found is not None:
        return found
    signature = pygit2.Signature(*worktree.CODEYARD, 0, 0)
    return bare.create_commit(None, signature, signature, "Nothing\n", bare.TreeBuilder().write(), [])


def conflicts_of(bare: pygit2.Repository, base: pygit2.Oid, head: pygit2.Oid) -> list[str]:
    merged = bare.merge_commits(bare[base].peel(pygit2.Commit), bare[head].peel(pygit2.Commit))
    return conflicting(merged)


def conflicting(index: pygit2.Index) -> list[str]:
    if index.conflicts is None:
        return []
    return sorted({side.path for sides in index.conflicts for side in sides if side is not None})


def contains(bare: pygit2.Repository, base: str, commit: str) -> bool:
    """Whether `commit` is `base` or one of its ancestors."""
    try:
        return base == commit or bare.descendant_of(base, commit)
    except (KeyError, ValueError, pygit2.GitError):
        return False


def advance(branch: Branch, old: pygit2.Oid, new: pygit2.Oid) -> None:
    """Moves the branch from `old` to `new`, a commit of the bare repository, and its session's working copy with it where it has
    the branch out; what is not committed there stays. The caller holds the session's lock. Raises UncommittedChanges,
    StaleHead; then nothing was touched."""
    with git.opened(branch.place) as repository:
        before, after = (repository[oid].peel(pygit2.Commit).tree for oid in (old, new))
        is_out = repository.references["HEAD"].target == branch.ref
        if is_out:
            changes.refuse_overlap(repository, before, after)
        reference = repository.references[branch.ref]
        if reference.target != old:
            raise StaleHead(head=str(reference.target))
        try:
            reference.set_target(new)  # libgit2 compares with what `reference` was read as, under the ref's lock file
        except (ValueError, pygit2.GitError):
            raise StaleHead from None
        if is_out:
            changes.carry(repository, branch.place, before, after)
    git.open_bare(branch.place).references.create(branch.ref, new, force=True)
