"""Working copies: made empty, from a clone, from another session; captured as a commit and put back.

Everything here blocks, and is called in a thread. Objects are made in the session's
own git dir and sent to the bare repository before anything outside of the session refers to them, so the bare one is whole
without its sessions, and a fork needs only the bare one.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pygit2
from pygit2.enums import CheckoutStrategy, DeltaStatus, DiffOption, FileMode, FileStatus, ObjectType

from backend.core import git, scan
from backend.core.git import Place
from backend.core.owning import StillThere

CODEYARD = ("Codeyard", "codeyard@localhost")
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n"
_BARE_CONFIG = _CONFIG.replace("bare = false", "bare = true")
_FORCE = CheckoutStrategy.FORCE | CheckoutStrategy.DISABLE_PATHSPEC_MATCH


@dataclass(frozen=True)
class State:
    """`head` is the commit checked out, None before the first; `dirty` whether the working copy differs from it."""

    head: str | None
    dirty: bool


@contextlib.contextmanager
def locked(place: Place) -> Iterator[None]:
    """One change of a session's git dir or working copy at a time, over all processes of this machine."""
    with (place.session / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- making ------------------------------------------------------------------------------------------------------------


def create_bare(place: Place) -> None:
    _init(place.bare, _BARE_CONFIG, "main")


def create_session(place: Place, branch: str) -> None:
    """An empty session whose objects are the bare repository's and its own. Both paths in it are relative, so that they
    hold in a container too."""
    place.session.mkdir(parents=True, exist_ok=True)
    _init(place.git_dir, _CONFIG, branch)
    alternates = os.path.relpath(place.bare / "objects", place.git_dir / "objects")
    (place.git_dir / "objects" / "info" / "alternates").write_text(alternates + "\n")
    (place.git_dir / "info" / "exclude").write_text(".codeyard-tmp-*\n")  # a file that is being written is not one yet
    link(place)


def link(place: Place) -> None:
    """The working copy's folder, with the file `.git` that leads to its git dir."""
    place.work_tree.mkdir(parents=True, exist_ok=True)
    (place.work_tree / ".git").write_text(f"gitdir: {os.path.relpath(place.git_dir, place.work_tree)}\n")


def exclude(root: Place, folders: Sequence[str]) -> None:
    """Says to the root repository that these folders have repositories of their own: it looks at nothing in them."""
    with (root.git_dir / "info" / "exclude").open("a") as file:
        file.writelines(f"/{_literal(folder)}/\n" for folder in folders)


def _literal(folder: str) -> str:
    return re.sub(r"([\\*?\[\] #!])", r"\\\1", folder)


def _init(git_dir: Path, config: str, branch: str) -> None:
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info"):
        (git_dir / folder).mkdir(parents=True, exist_ok=True)
    (git_dir / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
    (git_dir / "config").write_text(config)


def create_empty(place: Place, branch: str) -> None:
    """A new repository with one empty commit, so that every session has a HEAD to differ from."""
    create_bare(place)
    create_session(place, branch)
    repository = git.open_session(place)
    signature = pygit2.Signature(*CODEYARD)
    tree = repository.TreeBuilder().write()
    repository.create_commit(f"refs/heads/{branch}", signature, signature, "Start\n", tree, [])
    repository.index.write()
    publish(place)


def check_out(place: Place, branch: str, *, as_: str = "", asked: bool = False) -> None:
    """A session on `branch` of the bare repository, or on a new one `as_` that begins there; an empty one where that does not
    exist. Where it was `asked` for by somebody, that is only so in a repository without any; else it raises NoSuchBranch."""
    bare = git.open_bare(place)
    commit = bare.references.get(f"refs/heads/{branch}")
    if commit is None:
        if asked and list(bare.branches.local):
            raise git.NoSuchBranch
        create_empty(place, as_ or branch)
        return
    check_out_commit(place, str(commit.peel(pygit2.Commit).id), as_ or branch)


def check_out_commit(place: Place, commit_id: str, branch: str) -> None:
    """A session on a new `branch` at that commit of the bare repository."""
    create_session(place, branch)
    repository = git.open_session(place)
    found = repository[commit_id].peel(pygit2.Commit)
    repository.references.create(f"refs/heads/{branch}", found.id, force=True)
    _fill(place, found.tree_id)


def move_in(staged: Place, place: Place, inside: Sequence[str] = ()) -> None:
    """Brings a repository that was checked out apart into a session that people work in: nobody could touch it while it was
    made, and the paths in it are relative, so they hold. `inside` are the repositories in its folder, which come along. Raises
    OSError where its folder is taken."""
    root = Place(place.data, place.workspace_id, place.session_id)
    with locked(place):
        exclude(root, [place.folder])
        for name in inside:
            target = place.git_dir.with_name(f"{name}.git")
            remove_folder(target)  # of a first run that was cut off here
            os.rename(staged.git_dir.with_name(f"{name}.git"), target)
        os.rename(staged.git_dir, place.git_dir)
        try:
            place.work_tree.mkdir()  # fails on whatever is there, a link too; then only an empty folder is replaced
            os.rename(staged.work_tree, place.work_tree)
        except OSError:
            os.rename(place.git_dir, staged.git_dir)
            raise


def fork(parent: Place, child: Place, branch: str) -> State:
    """A session on a new `branch` at the parent's HEAD, with the parent's working copy as it stands: what was not committed
    there is not committed here. No file is shared with the parent. The state that it is in."""
    with locked(parent), git.opened(parent) as source:
        head = head_of(source)
        snapshot = write_tree(source, nested=True)
        bare = git.open_bare(parent)
        send(source, bare, [snapshot, *([head] if head else [])])
    if parent.bare != child.bare:
        send(bare, git.open_bare(child), [snapshot, *([head] if head else [])])
    create_session(child, branch)
    repository = git.open_session(child)
    if head:
        repository.references.create(f"refs/heads/{branch}", head, force=True)
        publish(child)
    _fill(child, snapshot)
    tree = repository[head].peel(pygit2.Tree) if head else None
    if tree is not None and tree.id != snapshot:
        _forget_uncommitted(repository, tree, repository[snapshot].peel(pygit2.Tree))
    return State(str(head) if head else None, tree is None or tree.id != snapshot)


def _fill(place: Place, tree: pygit2.Oid) -> None:
    """Checks `tree` out into a working copy that was just made. The one place where the git client runs on a session: its
    config is still ours, nobody has been there; and its checkout with a worker for each core takes half of libgit2's time."""
    words = ["git", "-c", "checkout.workers=0", "--git-dir", str(place.git_dir), "--work-tree", str(place.work_tree)]
    done = subprocess.run(
        [*words, "read-tree", "-m", "-u", str(tree)],
        env=git.environment(),
        cwd=place.work_tree,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise git.explain(done.stderr.decode(errors="replace"), "")


def _forget_uncommitted(repository: pygit2.Repository, head: pygit2.Tree, snapshot: pygit2.Tree) -> None:
    """Sets the index of what differs back to HEAD, keeping the fresh stat data of all that does not."""
    index, changed = repository.index, False
    for delta in head.diff_to_tree(snapshot, flags=DiffOption.SKIP_BINARY_CHECK).deltas:
        changed = True
        path = delta.old_file.path or delta.new_file.path
        with contextlib.suppress(OSError, KeyError):
            index.remove(path)
        if delta.old_file.mode:
            index.add(pygit2.IndexEntry(path, delta.old_file.id, FileMode(delta.old_file.mode)))
    if changed:
        index.write()


def send(source: pygit2.Repository, target: pygit2.Repository, ids: Sequence[pygit2.Oid]) -> None:
    """Copies the objects `ids` and all they need to `target`. Children first: an object that is there has all of its own,
    also when this ends half way."""
    there, odb = target.odb, source.odb
    waiting = list(ids)
    while waiting:
        oid = waiting[-1]
        if oid in there:
            waiting.pop()
            continue
        kind, data = odb.read(oid)
        needed = [other for other in _references(source, oid, kind) if other not in there]
        if needed:
            waiting += needed
        else:
            there.write(kind, data)
            waiting.pop()


def _references(repository: pygit2.Repository, oid: pygit2.Oid, kind: int) -> list[pygit2.Oid]:
    if kind == ObjectType.BLOB:
        return []
    found = repository[oid]
    if isinstance(found, pygit2.Commit):
        return [*found.parent_ids, found.tree_id]
    if isinstance(found, pygit2.Tree):
        return [entry.id for entry in found if entry.filemode != FileMode.COMMIT]
    if isinstance(found, pygit2.Tag):
        return [found.get_object().id]
    return []


def head_of(repository: pygit2.Repository) -> pygit2.Oid | None:
    """The commit checked out, None before the first."""
    return None if repository.head_is_unborn else repository.head.peel(pygit2.Commit).id


# --- looking, keeping, putting back ------------------------------------------------------------------------------------


def state(place: Place) -> State:
    with git.opened(place) as repository:
        head = head_of(repository)
        return State(str(head) if head else None, bool(scan.changed(place, repository)))


def publish(place: Place) -> None:
    """Brings the branch that the session is on, as it stands, into the bare repository."""
    repository = git.open_session(place)
    head = head_of(repository)
    if head is None or repository.head_is_detached:
        return
    bare = git.open_bare(place)
    send(repository, bare, [head])
    bare.references.create(repository.head.name, head, force=True)


def capture(place: Place, ref: str, message: str, *, also: Sequence[str] = ()) -> str:
    """A commit of the working copy – untracked files too, ignored ones only where `also` names them – under `ref` of the
    bare repository. HEAD, index and working copy stay as they are. Its id."""
    repository = git.open_session(place)
    tree = write_tree(repository, also, nested=True)
    head = head_of(repository)
    parents = [head] if head else []
    bare = git.open_bare(place)
    send(repository, bare, [tree, *parents])
    signature = pygit2.Signature(*CODEYARD)
    commit = bare.create_commit(None, signature, signature, message, tree, parents)
    bare.references.create(ref, commit, force=True)
    return str(commit)


def write_tree(repository: pygit2.Repository, also: Sequence[str] = (), *, nested: bool = False) -> pygit2.Oid:
    """The working copy as a tree in the session's objects; the index file is read and left alone. With `nested`, the files of
    repositories that somebody made inside of it too, as if they were plain folders."""
    index = repository.index
    index.read(True)
    if index.conflicts is not None:
        for sides in list(index.conflicts):
            path = next(side.path for side in sides if side is not None)
            del index.conflicts[path]
    foreign = add_all(repository, index)
    for path in (*foreign, *also) if nested else also:
        for found in _files_below(Path(repository.workdir), path):
            with contextlib.suppress(OSError, pygit2.GitError):
                index.add(found)
    tree: pygit2.Oid = index.write_tree()
    index.read(True)
    return tree


def add_all(repository: pygit2.Repository, index: pygit2.Index) -> list[str]:
    """Takes every change of the working copy into `index`, but for repositories inside of it that are not of the session, such as
    `git clone` in a terminal makes: their folders, each with a slash at its end, which libgit2 takes for an error."""
    try:
        index.add_all()
        return []
    except pygit2.GitError as error:
        if "invalid path" not in str(error):
            raise
    found = repository.status(untracked_files="all")
    for path, flags in found.items():
        if flags & FileStatus.WT_DELETED:
            index.remove(path)
        elif flags & (FileStatus.WT_NEW | FileStatus.WT_MODIFIED | FileStatus.WT_TYPECHANGE) and not path.endswith("/"):
            index.add(path)
    return [path for path in found if path.endswith("/")]


def _files_below(root: Path, path: str) -> Iterator[str]:
    start = root / path
    if not start.is_dir() or start.is_symlink():
        yield path
        return
    for folder, folders, files in os.walk(start):
        folders[:] = [name for name in folders if name != ".git"]
        for name in files:
            full = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(full).st_mode) or os.path.islink(full):
                yield os.path.relpath(full, root)


def restore(place: Place, commit_id: str, paths: Sequence[str] | None = None) -> None:
    """Makes the working copy (or `paths` of it) what that commit holds. HEAD stays; ignored files that it does not hold stay."""
    repository = git.open_session(place)
    commit = repository[commit_id].peel(pygit2.Commit)
    strategy = _FORCE | CheckoutStrategy.DONT_UPDATE_INDEX
    if paths is not None:
        check_out_paths(repository, commit.tree_id, strategy, paths)
        return
    before = repository[write_tree(repository)].peel(pygit2.Tree)
    check_out_paths(repository, commit.tree_id, strategy)
    for delta in before.diff_to_tree(commit.tree).deltas:
        if delta.status == DeltaStatus.DELETED:
            unlink(place.work_tree, delta.old_file.path)


def check_out_paths(
    repository: pygit2.Repository, tree: pygit2.Oid, strategy: CheckoutStrategy, paths: Sequence[str] | None = None
) -> None:
    repository.checkout_tree(repository[tree], strategy=strategy, paths=None if paths is None else list(paths))  # type: ignore[no-untyped-call]


def unlink(root: Path, path: str) -> None:
    """Removes a file and the folders that this empties, up to the root. A symlink on the way is not followed."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        if (root / "/".join(parts[:depth])).is_symlink():
            return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        os.unlink(root / path)
    for depth in range(len(parts) - 1, 0, -1):
        try:
            os.rmdir(root / "/".join(parts[:depth]))
        except OSError:
            return


# --- the bin -----------------------------------------------------------------------------------------------------------


def bin_ref(place: Place) -> str:
    return f"refs/codeyard/snapshots/{place.session_id}/bin"


def put_away(places: Sequence[Place]) -> None:
    """Keeps the working copy of each repository as a commit in its bare one, and removes them. `places` has the root first.
    Done already is no error."""
    root = places[0]
    if root.root.exists() and root.git_dir.exists() and not (root.session / "away").exists():
        for place in reversed(places):
            if (place.work_tree / ".git").exists():
                capture(place, bin_ref(place), "Deleted")
        (root.session / "away").touch()
    remove_folder(root.root)


def take_out(places: Sequence[Place]) -> None:
    """The reverse of `put_away`; where that has not run, nothing."""
    away = places[0].session / "away"
    if not away.exists():
        return
    places[0].root.mkdir(exist_ok=True)
    for place in places:
        commit = git.open_bare(place).references.get(bin_ref(place))
        if commit is None and place.folder:
            continue
        link(place)
        if commit is not None:
            restore(place, str(commit.target))
    away.unlink()


def remove(places: Sequence[Place], branch: str | None) -> None:
    """Everything of a session: files, git dirs, its published `branch` and its snapshots in every repository."""
    remove_folder(places[0].session)
    for place in places:
        if not place.bare.exists():
            continue
        bare = git.open_bare(place)
        own = f"refs/codeyard/snapshots/{place.session_id}/"
        for name in list(bare.references):
            if name.startswith(own) or (branch is not None and name == f"refs/heads/{branch}"):
                bare.references.delete(name)
        remove_folder(place.bare / own)


def remove_workspace(place: Place) -> None:
    remove_folder(place.bare.parent)


def remove_folder(folder: Path) -> None:
    """Removes a folder that programs may still write to, and whose folders may be read-only."""

    def make_writable(_: object, path: str, __: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700) if not os.path.islink(path) else None
            os.unlink(path) if not os.path.isdir(path) or os.path.islink(path) else shutil.rmtree(
                path, ignore_errors=True
            )

    for _ in range(5):
        if not os.path.lexists(folder):
            return
        shutil.rmtree(folder, onerror=make_writable)
    if os.path.lexists(folder):
        raise StillThere(f"{folder} could not be removed")


def is_older(folder: Path, *, hours: float) -> bool:
    """Whether the folder was last changed more than `hours` ago; False when it is gone."""
    with contextlib.suppress(OSError):
        return time.time() - folder.stat().st_mtime > hours * 3600
    return False


def count_changes(place: Place, commit_id: str) -> int:
    """How many files that commit of the bare repository changes against its parent."""
    commit = git.open_bare(place)[commit_id].peel(pygit2.Commit)
    before = commit.parents[0].tree if commit.parents else None
    if before is None:
        return len(commit.tree.diff_to_tree())
    return len(before.diff_to_tree(commit.tree, flags=DiffOption.SKIP_BINARY_CHECK))


def differs(place: Place, commit_id: str | None) -> bool:
    """Whether the working copy, as a snapshot holds it, is neither HEAD's tree nor that commit's."""
    repository = git.open_session(place)
    tree, head = write_tree(repository, nested=True), head_of(repository)
    known = [repository.TreeBuilder().write() if head is None else repository[head].peel(pygit2.Commit).tree_id]
    if commit_id is not None:
        known.append(git.open_bare(place)[commit_id].peel(pygit2.Commit).tree_id)
    return tree not in known


def delete_refs(place: Place, names: Sequence[str]) -> None:
    bare = git.open_bare(place)
    for name in names:
        if bare.references.get(name) is not None:
            bare.references.delete(name)
