"""Looking back: revisions, the log, one commit, blame, branches."""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pygit2

from backend.core import git, paging, worktree
from backend.workbench.vcs import diffs, remotes
from backend.workbench.vcs.errors import NoSuchFile, NoSuchRevision
from backend.workbench.vcs.schemas import Blame, BlameHunk, Commit, CommitDetail, LogQuery, Person

MOST_LOOKED_AT = 100_000
"""Commits that one page of a filtered log goes through."""
MOST_STARTS = 40
"""Branches that a log of all of them begins at."""


def resolve(repository: pygit2.Repository, revision: str) -> pygit2.Commit:
    """The commit that `revision` names. Raises NoSuchRevision."""
    try:
        return repository.revparse_single(revision).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError, pygit2.InvalidSpecError):
        raise NoSuchRevision(f"There is no commit, branch or tag {revision[:100]} here.") from None


def log(repository: pygit2.Repository, query: LogQuery, place: git.Place) -> paging.Page[Commit]:
    """One page, newest first. The cursor holds where the log began and how many commits lie behind, so commits made
    meanwhile do not move it."""
    position = paging.decode(query.cursor, tuple[str, int])
    names = names_by_commit(repository)
    if query.all:
        for oid, more in _names_elsewhere(place).items():
            names[oid] = sorted({*names.get(oid, []), *more})
    if position is None:
        begin, seen = _starts(repository, query, names), 0
    else:
        begin, seen = [resolve(repository, word) for word in position[0].split()], position[1]
    found: list[Commit] = []
    for looked, commit in enumerate(_walk(repository, begin, seen)):
        if len(found) == query.limit or looked == MOST_LOOKED_AT:
            return paging.Page(found, paging.encode(" ".join(str(start.id) for start in begin), seen + looked))
        if matches(commit, query):
            found.append(show(commit, names))
    return paging.Page(found)


def _starts(repository: pygit2.Repository, query: LogQuery, names: dict[pygit2.Oid, list[str]]) -> list[pygit2.Commit]:
    """`from` or HEAD, and with `all` the commits that have names, the latest first."""
    first = resolve(repository, query.start) if query.start else None
    if first is None and (head := worktree.head_of(repository)) is not None:
        first = repository[head].peel(pygit2.Commit)
    others = [repository[oid].peel(pygit2.Commit) for oid in names if oid in repository] if query.all else []
    latest = sorted(others, key=lambda commit: commit.commit_time, reverse=True)[:MOST_STARTS]
    return list({commit.id: commit for commit in [*([first] if first else []), *latest]}.values())


def _names_elsewhere(place: git.Place) -> dict[pygit2.Oid, list[str]]:
    """The workspace's other branches, and the remote's as it was when last asked (`origin/…`), by their commits."""
    bare = git.open_bare(place)
    found: dict[pygit2.Oid, list[str]] = {}
    for name in bare.references:
        for prefix, shown in (("refs/heads/", ""), (remotes.TRACKED, "origin/")):
            if name.startswith(prefix):
                target = bare.references[name].peel(pygit2.Commit).id
                found.setdefault(target, []).append(shown + name.removeprefix(prefix))
    return found


def _walk(repository: pygit2.Repository, begin: Sequence[pygit2.Commit], skip: int) -> Iterator[pygit2.Commit]:
    """Newest first as the client does it: of all commits whose child was shown, the one with the latest commit time. (libgit2's
    own walk by time reads the whole history first and puts commits of one second in any order.)"""
    order = itertools.count()
    waiting = [(-start.commit_time, next(order), start) for start in begin]
    heapq.heapify(waiting)
    met = {start.id for start in begin}
    shown = 0
    while waiting:
        _, _, commit = heapq.heappop(waiting)
        for parent_id in commit.parent_ids:
            if parent_id not in met:
                met.add(parent_id)
                parent = repository.get(parent_id)
                if not isinstance(parent, pygit2.Commit):
                    continue  # a shallow history ends here
                heapq.heappush(waiting, (-parent.commit_time, next(order), parent))
        shown += 1
        if shown > skip:
            yield commit


def matches(commit: pygit2.Commit, query: LogQuery) -> bool:
    if query.author and query.author.lower() not in f"{commit.author.name} <{commit.author.email}>".lower():
        return False
    if query.query and query.query.lower() not in commit.message.lower():
        return False
    return query.path is None or changes(commit, query.path.strip("/"))


def changes(commit: pygit2.Commit, path: str) -> bool:
    """Whether the commit changed `path` against every parent, as `git log -- path` sees it."""
    here = _at(commit.tree, path)
    if not commit.parents:
        return here is not None
    return all(_at(parent.tree, path) != here for parent in commit.parents)


def _at(tree: pygit2.Tree, path: str) -> tuple[pygit2.Oid, int] | None:
    try:
        entry = tree[path]
    except KeyError:
        return None
    return entry.id, entry.filemode


def names_by_commit(repository: pygit2.Repository) -> dict[pygit2.Oid, list[str]]:
    """Branches and tags by the commit they point at."""
    found: dict[pygit2.Oid, list[str]] = {}
    for name in repository.references:
        if name.startswith(("refs/heads/", "refs/tags/")):
            try:
                target = repository.references[name].peel(pygit2.Commit).id
            except (KeyError, pygit2.GitError):
                continue
            found.setdefault(target, []).append(name.split("/", 2)[2])
    return found


def show(commit: pygit2.Commit, names: dict[pygit2.Oid, list[str]]) -> Commit:
    return Commit(
        id=str(commit.id),
        parents=[str(parent) for parent in commit.parent_ids],
        author=person(commit.author),
        committer=person(commit.committer),
        time=moment(commit.author),
        message=commit.message,
        refs=names.get(commit.id, []),
    )


def person(signature: pygit2.Signature) -> Person:
    return Person(signature.raw_name.decode(errors="replace"), (signature.raw_email or b"").decode(errors="replace"))


def moment(signature: pygit2.Signature) -> datetime:
    """When, with the offset it was made at, where that is one that exists."""
    return _moment(signature.time, signature.offset)


def _moment(seconds: int, minutes: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, timezone(timedelta(minutes=minutes)) if minutes else UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def detail(repository: pygit2.Repository, revision: str) -> CommitDetail:
    """One commit with its differences against its first parent."""
    commit = resolve(repository, revision)
    before = commit.parents[0].tree if commit.parents else None
    diff = diffs.between(repository, before, commit.tree)
    shown = show(commit, names_by_commit(repository))
    return CommitDetail(
        id=shown.id,
        parents=shown.parents,
        author=shown.author,
        committer=shown.committer,
        time=shown.time,
        message=shown.message,
        refs=shown.refs,
        files=diff.files,
        truncated=diff.truncated,
    )


async def blame(place: git.Place, commit_id: str, path: str) -> Blame:
    """Which commit each line of `path` in that commit comes from. By the git client on the bare repository, which takes a
    tenth of libgit2's time on a long history; the commit must be there."""
    try:
        told = await git.run("blame", "--porcelain", commit_id, "--", path, git_dir=place.bare)
    except git.GitFailed:
        raise NoSuchFile(f"There is no file {path[:200]} in {commit_id[:10]}.") from None
    return Blame(path, commit_id, list(_parse_blame(told)))


def _parse_blame(told: bytes) -> Iterator[BlameHunk]:
    """`git blame --porcelain`: a header `<commit> <old line> <line> [<lines in group>]`, then what is not known yet of that
    commit, then the line behind a tab."""
    about: dict[str, dict[str, str]] = {}
    current = ""
    group: tuple[str, int, int] | None = None
    for raw in told.split(b"\n"):
        line = raw.decode(errors="replace")
        if line.startswith("\t"):
            if group is not None:
                commit_id, start, lines = group
                known = about[commit_id]
                author = Person(known.get("author", ""), known.get("author-mail", "").strip("<>"))
                time = _time(known.get("author-time", "0"), known.get("author-tz", "+0000"))
                yield BlameHunk(commit_id, start, lines, author, time, known.get("summary", ""))
                group = None
            continue
        words = line.split(" ")
        if len(words[0]) == 40 and len(words) in (3, 4) and words[1].isdigit():
            current = words[0]
            about.setdefault(current, {})
            if len(words) == 4:
                group = current, int(words[2]), int(words[3])
        elif line:
            name, _, value = line.partition(" ")
            about[current][name] = value


def _time(seconds: str, offset: str) -> datetime:
    sign = -1 if offset.startswith("-") else 1
    minutes = sign * (int(offset[1:3]) * 60 + int(offset[3:5]))
    return _moment(int(seconds), minutes)
