"""Branches and merges between the two sides. Whoever merges first makes the commit; the other side takes it."""

from datetime import timedelta
from typing import Final

from backend.core import git
from backend.core.db import now
from backend.core.git import Place
from backend.workbench.connections.clients.contract import RemotePull
from backend.workbench.mirrors.errors import BaseElsewhere, Diverged, HeadElsewhere, NotMergedYet, UncommittedInHead
from backend.workbench.mirrors.twin import Twin
from backend.workbench.pulls import branches, repository, service
from backend.workbench.pulls.branches import Branch
from backend.workbench.pulls.errors import SessionGone
from backend.workbench.pulls.models import ALIVE, State
from backend.workbench.sessions.models import Session
from backend.workbench.vcs import changes, remotes
from backend.workbench.vcs import service as vcs
from backend.workbench.vcs.errors import UncommittedChanges
from backend.workbench.vcs.service import Target

PATIENCE: Final = timedelta(minutes=3)
"""How long a provider may take to notice that a push merges a pull request."""
AUTHOR: Final = ("Codeyard", "codeyard@localhost")


async def push(pair: Twin, branch: Branch, upstream: str) -> None:
    """The branch as its session has it. Raises PushRejected where the provider has commits that it lacks."""
    await pair.resources.in_thread(branches.published, branch)
    url = pair.url
    await remotes.push(pair.resources, branch.place, url, url.password, branch=branch.name, upstream=upstream)


async def carry_head(pair: Twin, remote: RemotePull) -> RemotePull:
    """Brings the head's new commits to the side that lacks them."""
    head, pull = pair.sides.head, pair.pull
    if head is None or pull.state not in ALIVE or remote.state not in ("open", "draft"):
        return remote
    tip = str(await pair.resources.in_thread(branches.published, head))
    if not remote.head_commit or not tip.startswith(remote.head_commit):  # Bitbucket's are abbreviated
        remote.head_commit = await send_head(pair)
    return remote


async def send_head(pair: Twin) -> str:
    """Pushes the head, or, where more was pushed to it at the provider, takes that; the commit that both have then."""
    head, _ = pair.sides.both()
    try:
        await push(pair, head, pair.seen["head"])
    except git.PushRejected:
        await _take_head(pair, head)
    return str(await pair.resources.in_thread(branches.published, head))


async def _take_head(pair: Twin, head: Branch) -> None:
    """Moves the head session on to what the provider has, where that only adds to it; what is not committed there stays. Raises
    Diverged, HeadElsewhere, UncommittedInHead; then nothing was touched."""
    try:
        await _take(pair, pair.sides.head_session, head, pair.seen["head"], only_forward=True)
    except UncommittedChanges as error:
        raise UncommittedInHead(files=error.details.get("files")) from error
    except BaseElsewhere:
        raise HeadElsewhere from None
    await service.refresh(pair.resources, pair.pull.id)
    async with pair.resources.database.begin() as db:
        pair.sides = await service.sides_of(pair.resources, db, pair.pull.id)


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
            await service.end_as_merged(db, row, None, commit[:64], "elsewhere", there="")


async def _take_base(pair: Twin) -> str:
    """Merges what the provider's base branch has into the base session; that commit."""
    return await _take(pair, pair.sides.base_session, pair.sides.base, pair.seen["base"])


async def _take(
    pair: Twin, session: Session | None, branch: Branch | None, upstream: str, *, only_forward: bool = False
) -> str:
    """Merges what the provider has of a branch into its session, after a snapshot; that commit."""
    if session is None or branch is None:
        raise SessionGone
    resources, place = pair.resources, branch.place
    theirs = await remotes.fetch(resources, place, pair.url, pair.url.password, upstream=upstream)
    status = await resources.in_thread(changes.status, place, 0)
    if status.branch != branch.name:
        raise BaseElsewhere
    if only_forward and not await resources.in_thread(_has, place, theirs, str(status.head)):
        raise Diverged
    text = f"Merge {upstream} of {pair.url.address}"
    await vcs.merge_as(resources, AUTHOR, Target(session, pair.row, place), theirs, text)
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
    tip = await pair.resources.in_thread(branches.published, base)
    # as after neither a squash nor a rebase
    noticeable = await pair.resources.in_thread(_has, base.place, str(tip), pull.head_commit)
    if noticeable and now() - (pull.ended_at or now()) < PATIENCE:
        raise NotMergedYet
    await pair.client.change_pull(pair.name, remote, title=None, body=None, state="closed")
    return await pair.client.pull(pair.name, pair.number)


def _has(place: Place, tip: str, commit: str) -> bool:
    return branches.contains(git.open_bare(place), tip, commit)


async def _ask_for_merge(pair: Twin, remote: RemotePull) -> RemotePull:
    """The branch is protected: the provider merges by its own rules, and its commit is taken here."""
    pull = pair.pull
    method = pull.merge_method if pull.merge_method in ("squash", "rebase") else "merge"
    await pair.client.merge_pull(pair.name, remote, method=method, text=f"{pull.title} (#{pull.number})")
    await _take_base(pair)
    return await pair.client.pull(pair.name, pair.number)
