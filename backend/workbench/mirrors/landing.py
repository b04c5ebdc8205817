"""Branches and merges between the two sides. Whoever merges first makes the commit; the other side takes it."""

from datetime import timedelta
from typing import Final

from backend.core import git
from backend.core.db import now
from backend.workbench.connections.clients.contract import RemotePull
from backend.workbench.mirrors.errors import BaseElsewhere, Diverged, NotMergedYet
from backend.workbench.mirrors.twin import Twin
from backend.workbench.pulls import branches, repository
from backend.workbench.pulls.branches import Branch
from backend.workbench.pulls.errors import SessionGone
from backend.workbench.pulls.models import ALIVE, State
from backend.workbench.pulls.service import end_as_merged
from backend.workbench.vcs import changes, remotes
from backend.workbench.vcs import service as vcs
from backend.workbench.vcs.service import Target

PATIENCE: Final = timedelta(minutes=3)
"""How long a provider may take to notice that a push merges a pull request."""
AUTHOR: Final = ("Codeyard", "codeyard@localhost")


async def push(pair: Twin, branch: Branch, upstream: str) -> None:
    """The branch as its session has it. Raises PushRejected where the provider has commits that it lacks."""
    await pair.resources.in_thread(branches.published, branch)
    url = pair.url
    await remotes.push(pair.resources, branch.place, url, url.password, branch=branch.name, upstream=upstream)


async def push_head(pair: Twin, remote: RemotePull) -> RemotePull:
    head, pull = pair.sides.head, pair.pull
    if head is None or pull.state not in ALIVE or remote.state not in ("open", "draft"):
        return remote
    tip = str(await pair.resources.in_thread(branches.published, head))
    if remote.head_commit and tip.startswith(remote.head_commit):  # Bitbucket's are abbreviated
        return remote
    try:
        await push(pair, head, pair.seen["head"])
    except git.PushRejected as error:
        raise Diverged from error
    remote.head_commit = tip
    return remote


async def bring_merge(pair: Twin, remote: RemotePull) -> None:
    """It was merged at the provider: the base's new commits come into the base session, and it ends here too. Where the session
    cannot take them, it ends all the same, and the error says what to do."""
    pull = pair.pull
    commit = pull.merge_commit
    if pull.state != State.MERGED or pair.seen.get("state") != "merged":
        try:
            commit = await _take_base(pair)
        finally:
            await _end(pair, remote.merge_commit or commit or pull.head_commit)


async def _end(pair: Twin, commit: str) -> None:
    async with pair.resources.database.begin() as db:
        row = await repository.lock(db, pair.pull.id)
        if row is not None and row.state != State.MERGED:
            await end_as_merged(db, row, None, commit[:64], "elsewhere", there="")


async def _take_base(pair: Twin) -> str:
    """Merges what the provider's base branch has into the base session; that commit."""
    session, base = pair.sides.base_session, pair.sides.base
    if session is None or base is None:
        raise SessionGone
    theirs = await remotes.fetch(pair.resources, base.place, pair.url, pair.url.password, upstream=pair.seen["base"])
    if (await pair.resources.in_thread(changes.status, base.place)).branch != base.name:
        raise BaseElsewhere
    at = Target(session, pair.row, base.place)
    await vcs.merge_as(pair.resources, AUTHOR, at, theirs, f"Merge {pair.seen['base']} of {pair.url.address}")
    return theirs


async def send_merge(pair: Twin, remote: RemotePull) -> RemotePull:
    """It was merged here: the base goes to the provider, which sees by its commits that this is merged. What others merged there
    meanwhile is taken first; where the branch does not let itself be pushed to, the provider is asked to merge."""
    if remote.state == "closed":
        return remote
    base = pair.sides.base
    if base is None:
        raise SessionGone
    try:
        try:
            await push(pair, base, pair.seen["base"])
        except git.PushRejected:
            await _take_base(pair)
            await push(pair, base, pair.seen["base"])
    except git.PushDeclined:
        return await _ask_for_merge(pair, remote)
    remote = await pair.client.pull(pair.name, pair.number)
    if remote.state in ("merged", "closed"):
        return remote
    pull = pair.pull
    noticeable = await pair.resources.in_thread(_contains, pair, base)
    if noticeable and now() - (pull.ended_at or now()) < PATIENCE:
        raise NotMergedYet
    await pair.client.change_pull(pair.name, remote, title=None, body=None, state="closed")
    return await pair.client.pull(pair.name, pair.number)


def _contains(pair: Twin, base: Branch) -> bool:
    """Whether the base has the head's own commits, as after neither a squash nor a rebase."""
    bare = git.open_bare(base.place)
    return branches.contains(bare, str(branches.published(base)), pair.pull.head_commit)


async def _ask_for_merge(pair: Twin, remote: RemotePull) -> RemotePull:
    """The branch is protected: the provider merges by its own rules, and its commit is taken here."""
    pull = pair.pull
    method = pull.merge_method if pull.merge_method in ("squash", "rebase") else "merge"
    await pair.client.merge_pull(pair.name, remote, method=method, text=f"{pull.title} (#{pull.number})")
    await _take_base(pair)
    return await pair.client.pull(pair.name, pair.number)
