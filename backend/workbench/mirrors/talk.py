"""Comments, reviews and checks of both sides: what is new, changed or gone on one comes to the other.

`pull_links` says which is which. A comment that was sent while the server died before it knew is found again by its mark.
What is gone at the provider goes here only where it came from there: what somebody wrote here is not deleted by a stranger.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import git
from backend.core.db import new_id, now
from backend.core.events import emit
from backend.core.resources import Resources
from backend.workbench.connections.clients.contract import (
    Client,
    Lines,
    NotAtProvider,
    ProviderDeclined,
    ProviderRefused,
    ProviderUnreachable,
    RemoteComment,
    RemotePull,
    RemoteReview,
)
from backend.workbench.mirrors import checks, people, words
from backend.workbench.mirrors.twin import Twin
from backend.workbench.pulls import lines, repository
from backend.workbench.pulls.events import PullCommented, PullReviewed
from backend.workbench.pulls.lines import Span
from backend.workbench.pulls.models import PullComment, PullLink, PullReview, PullThread
from backend.workbench.pulls.service import facts

COMMENT, THREAD, REVIEW = "comment", "thread", "review"
RESOLVED = "resolved"
"""What the links of threads have digests of; nothing, while they are open."""
LONGEST_ID = 300


@dataclass
class Talk:
    """Both sides as they were read. Rows here are by id, links by (kind, id there) and by (kind, id here)."""

    there: list[RemoteComment]
    verdicts: list[RemoteReview]
    comments: dict[UUID, PullComment]
    threads: dict[UUID, PullThread]
    reviews: dict[UUID, PullReview]
    by_remote: dict[tuple[str, str], PullLink]
    by_local: dict[tuple[str, UUID], PullLink]

    def keep(self, link: PullLink) -> None:
        self.by_remote[link.kind, link.remote_id] = link
        self.by_local[link.kind, link.local_id] = link


async def reconcile(pair: Twin, remote: RemotePull) -> RemotePull:
    there = await pair.client.comments(pair.name, pair.number)
    verdicts = await pair.client.reviews(pair.name, pair.number)
    placed = await _placed(pair, there)
    async with pair.resources.database.begin() as db:
        talk = await _load(db, pair, there, verdicts)
        await _know_echoes(db, pair, talk)
        names = await people.known(db, pair, [one.author for one in there] + [one.author for one in verdicts])
        await _take_comments(db, pair, talk, placed, names)
        await _take_resolved(db, pair, talk)
        await _take_reviews(db, pair, talk, names)
    await _give_comments(pair, remote, talk)
    await _give_reviews(pair, remote, talk)
    await checks.reconcile(pair, remote)
    await _give_resolved(pair, talk)
    return remote


async def _load(db: AsyncSession, pair: Twin, there: list[RemoteComment], verdicts: list[RemoteReview]) -> Talk:
    threads = {row.id: row for row in await repository.threads(db, pair.pull.id)}
    by_thread = await repository.comments(db, list(threads.values()))
    talk = Talk(
        there,
        verdicts,
        {row.id: row for rows in by_thread.values() for row in rows},
        threads,
        {row.id: row for row in await repository.reviews(db, [pair.pull.id])},
        {},
        {},
    )
    for link in await db.scalars(select(PullLink).where(PullLink.pull_id == pair.pull.id)):
        talk.keep(link)
    return talk


def _link(
    pair: Twin, kind: str, local_id: UUID, remote_id: str, *, ours: bool, here: str = "", there: str = ""
) -> PullLink:
    if len(remote_id) > LONGEST_ID:
        raise ProviderUnreachable
    return PullLink(
        pull_id=pair.pull.id,
        kind=kind,
        remote_id=remote_id,
        local_id=local_id,
        ours=ours,
        here=words.digest(here),
        there=words.digest(there),
    )


async def _know_echoes(db: AsyncSession, pair: Twin, talk: Talk) -> None:
    """Links what bears the mark of something here and was said by an account that may have been used to say it."""
    for one in talk.there:
        local_id = words.mark_of(one.body)
        local = talk.comments.get(local_id) or talk.reviews.get(local_id) if local_id else None
        if local is None or (COMMENT, one.id) in talk.by_remote or (REVIEW, one.id) in talk.by_remote:
            continue
        own = await pair.voice_of(local.author_id)
        if one.author not in (pair.connection.account, own.account if own else None):
            continue
        kind = COMMENT if isinstance(local, PullComment) else REVIEW
        if (kind, local.id) in talk.by_local:
            if kind == REVIEW:  # the text beside a verdict that has an id of its own
                talk.by_remote[COMMENT, one.id] = talk.by_local[kind, local.id]
            continue
        links = [_link(pair, kind, local.id, one.id, ours=True, here=local.body, there=one.body)]
        if isinstance(local, PullComment) and (THREAD, local.thread_id) not in talk.by_local:
            links.append(_link(pair, THREAD, local.thread_id, one.thread, ours=True))
        for link in links:
            if (link.kind, link.remote_id) not in talk.by_remote:
                db.add(link)
                talk.keep(link)
    await db.flush()


# --- from there ------------------------------------------------------------------------------------------------------------


async def _placed(pair: Twin, there: list[RemoteComment]) -> dict[str, tuple[Lines, bool]]:
    """For each thread on lines, where it is in a commit that we have; False where that has no such lines."""
    at, pull = pair.sides.base or pair.sides.head, pair.pull
    wanted = {one.thread: one.lines for one in there if one.lines is not None}
    if at is None or not wanted:
        return {}

    def place() -> dict[str, tuple[Lines, bool]]:
        bare, found = git.open_bare(at.place), {}
        for thread, one in wanted.items():
            known = pull.head_commit if one.side == "head" else pull.merge_base
            span = Span(words.clean(one.path)[:4096], one.first, one.last)
            for commit in (one.commit, known):
                if len(commit) >= 40 and commit in bare and lines.exists(bare, commit, span):
                    found[thread] = Lines(span.path, one.side, span.first, span.last, commit), True
                    break
            else:
                found[thread] = Lines(span.path, one.side, span.first, span.last, known), False
        return found

    return await pair.resources.in_thread(place)


async def _take_comments(
    db: AsyncSession,
    pair: Twin,
    talk: Talk,
    placed: dict[str, tuple[Lines, bool]],
    names: dict[str, UUID],
) -> None:
    for one in talk.there:
        link = talk.by_remote.get((COMMENT, one.id)) or talk.by_remote.get((REVIEW, one.id))
        if link is None:
            await _add(db, pair, talk, one, placed.get(one.thread), names)
        elif link.kind == COMMENT and link.there != words.digest(one.body):
            row = talk.comments.get(link.local_id)
            text = words.own(one.body)
            if row is None or not text:
                continue
            link.there, link.here = words.digest(one.body), words.digest(text)
            if row.body != text:
                row.body, row.edited_at = text, now()
                await _tell(db, pair, row, one.author, "edited")
    present = {one.id for one in talk.there}
    for link in list(talk.by_remote.values()):
        if link.kind != COMMENT or link.ours or link.remote_id in present:
            continue
        gone = talk.comments.pop(link.local_id, None)
        if gone is not None:
            await db.delete(gone)
            await db.flush()
            if not any(row.thread_id == gone.thread_id for row in talk.comments.values()):
                await db.execute(delete(PullThread).where(PullThread.id == gone.thread_id))
                talk.threads.pop(gone.thread_id, None)
            await _tell(db, pair, gone, "", "deleted")
        await db.delete(link)
        talk.by_local.pop((COMMENT, link.local_id), None)
    await db.flush()


async def _add(
    db: AsyncSession,
    pair: Twin,
    talk: Talk,
    one: RemoteComment,
    placed: tuple[Lines, bool] | None,
    names: dict[str, UUID],
) -> None:
    text = words.clean(one.body)
    if not text:
        return
    link = talk.by_remote.get((THREAD, one.thread))
    thread = talk.threads.get(link.local_id) if link else None
    if thread is None:
        thread = _thread(pair, placed)
        db.add(thread)
        await db.flush()
        talk.threads[thread.id] = thread
        if link is not None:
            link.local_id = thread.id
        else:
            link = _link(pair, THREAD, thread.id, one.thread, ours=False)
            db.add(link)
        talk.keep(link)
    row = PullComment(
        id=new_id(),
        thread_id=thread.id,
        author_id=names.get(one.author),
        author_label=words.line(one.author, 200) or "somebody",
        body=text,
        created_at=now(),
    )
    made = _link(pair, COMMENT, row.id, one.id, ours=False, here=text, there=one.body)
    db.add_all([row, made])
    await db.flush()
    talk.comments[row.id] = row
    talk.keep(made)
    await _tell(db, pair, row, one.author, "created")


def _thread(pair: Twin, placed: tuple[Lines, bool] | None) -> PullThread:
    at, there = placed or (None, True)
    first, last, path = (at.first, at.last, at.path) if at else (None, None, None)
    return PullThread(
        id=new_id(),
        pull_id=pair.pull.id,
        path=path,
        side=at.side if at else "head",
        commit_id=at.commit if at else pair.pull.head_commit,
        first_line=first,
        last_line=last,
        now_path=path,
        now_first=first,
        now_last=last,
        outdated=not there,
        created_at=now(),
    )


def _resolvable(talk: Talk) -> list[tuple[PullLink, PullThread, bool]]:
    """The threads that both sides have and that can be resolved there, and whether they are."""
    states = {one.thread: one.resolved for one in talk.there if one.resolved is not None}
    both = [(talk.by_remote.get((THREAD, at)), resolved) for at, resolved in states.items()]
    return [(link, talk.threads[link.local_id], said) for link, said in both if link and link.local_id in talk.threads]


async def _take_resolved(db: AsyncSession, pair: Twin, talk: Talk) -> None:
    """Where that changed there since both agreed."""
    for link, thread, resolved in _resolvable(talk):
        if resolved != (thread.resolved_at is not None) and link.there != words.digest(RESOLVED * resolved):
            thread.resolved_at, thread.resolved_by = now() if resolved else None, None
            how = "resolved" if resolved else "unresolved"
            await emit(db, PullCommented(**facts(pair.pull, there=""), how=how, thread_id=thread.id))
        if resolved == (thread.resolved_at is not None):
            link.here = link.there = words.digest(RESOLVED * resolved)
    await db.flush()


async def _tell(db: AsyncSession, pair: Twin, row: PullComment, by: str, how: str) -> None:
    there = words.line(by, 200)
    await emit(
        db,
        PullCommented(**facts(pair.pull, there=there), how=how, thread_id=row.thread_id, comment_id=row.id),
    )


async def _take_reviews(db: AsyncSession, pair: Twin, talk: Talk, names: dict[str, UUID]) -> None:
    for one in talk.verdicts:
        text = words.clean(one.body)
        if (REVIEW, one.id) in talk.by_remote or (one.verdict == "comment" and not text):
            continue
        if await _is_echo(db, pair, talk, one):
            continue
        commit = one.commit if len(one.commit) in (40, 64) and one.commit.isalnum() else pair.pull.head_commit
        row = PullReview(
            id=new_id(),
            pull_id=pair.pull.id,
            author_id=names.get(one.author),
            author_label=words.line(one.author, 200) or "somebody",
            verdict=one.verdict,
            body=text,
            commit_id=commit,
            created_at=now(),
        )
        link = _link(pair, REVIEW, row.id, one.id, ours=False, here=text, there=one.body)
        db.add_all([row, link])
        await db.flush()
        talk.reviews[row.id] = row
        talk.keep(link)
        there = words.line(one.author, 200)
        await emit(db, PullReviewed(**facts(pair.pull, there=there), how=one.verdict, review_id=row.id))
    present = {one.id for one in talk.verdicts} | {one.id for one in talk.there}
    for link in list(talk.by_remote.values()):
        if link.kind == REVIEW and not link.ours and link.remote_id not in present:
            await db.execute(delete(PullReview).where(PullReview.id == link.local_id))
            talk.reviews.pop(link.local_id, None)
            await db.delete(link)
    await db.flush()


async def _is_echo(db: AsyncSession, pair: Twin, talk: Talk, one: RemoteReview) -> bool:
    """A verdict of ours: by its mark, or, where verdicts bear no text, the one that its account has just given here."""
    marked = talk.reviews.get(words.mark_of(one.body) or pair.pull.id)
    for row in [marked] if marked else talk.reviews.values():
        own = await pair.voice_of(row.author_id)
        if row.verdict != one.verdict or own is None or own.account != one.author or (one.body and not marked):
            continue
        if (REVIEW, row.id) not in talk.by_local:
            link = _link(pair, REVIEW, row.id, one.id, ours=True, here=row.body, there=one.body)
            db.add(link)
            await db.flush()
            talk.keep(link)
            return True
    return False


# --- to there --------------------------------------------------------------------------------------------------------------


async def _give_comments(pair: Twin, remote: RemotePull, talk: Talk) -> None:
    for row in sorted(talk.comments.values(), key=lambda row: (row.created_at, row.id)):
        link = talk.by_local.get((COMMENT, row.id))
        if link is None:
            await _say(pair, remote, talk, row)
        elif link.here != words.digest(row.body):
            await _edit(pair, link, row)
    for link in [one for (kind, _), one in talk.by_local.items() if kind == COMMENT]:
        if link.local_id not in talk.comments:
            await _unsay(pair, talk, link)


async def _say(pair: Twin, remote: RemotePull, talk: Talk, row: PullComment) -> None:
    thread = talk.threads[row.thread_id]
    parent = talk.by_local.get((THREAD, thread.id))
    made = None
    async for client, own in pair.voices(row.author_id):
        body = words.marked(row.body, row.id, by=None if own else row.author_label)
        try:
            if parent is not None:
                made = await client.comment(pair.name, remote, body, reply_to=parent.remote_id)
            else:
                made = await _begin(pair, client, remote, thread, body)
            break
        except ProviderRefused:
            if not own:
                raise
    if made is None:
        raise ProviderRefused
    links = [_link(pair, COMMENT, row.id, made.id, ours=True, here=row.body, there=made.body)]
    if parent is None:
        talk.there.append(made)
        links.append(_link(pair, THREAD, thread.id, made.thread, ours=True))
    await _keep(pair.resources, talk, links)


async def _begin(pair: Twin, client: Client, remote: RemotePull, thread: PullThread, body: str) -> RemoteComment:
    """A new thread, on its lines where the provider's diff has them, else on the whole with its place in words."""
    path, first, last = thread.now_path, thread.now_first, thread.now_last
    if path is not None and first is not None and last is not None and not thread.outdated:
        at = Lines(path, "base" if thread.side == "base" else "head", first, last, thread.commit_id)
        with contextlib.suppress(ProviderDeclined):
            return await client.comment(pair.name, remote, body, lines=at)
    where = f"`{path.replace('`', '')}{f':{last}' if last else ''}`\n\n" if path else ""
    return await client.comment(pair.name, remote, where + body)


async def _give_resolved(pair: Twin, talk: Talk) -> None:
    """Where that changed here, by the account of who did, if that may."""
    for link, thread, there in _resolvable(talk):
        resolved = thread.resolved_at is not None
        if resolved == there:
            continue
        async for client, own in pair.voices(thread.resolved_by):
            try:
                await client.resolve(pair.name, pair.number, link.remote_id, resolved=resolved)
                break
            except ProviderRefused:
                if not own:
                    raise
        async with pair.resources.database.begin() as db:
            kept = await db.get(PullLink, (link.pull_id, link.kind, link.remote_id))
            if kept is not None:
                kept.here = kept.there = words.digest(RESOLVED * resolved)


async def _edit(pair: Twin, link: PullLink, row: PullComment) -> None:
    async for client, own in pair.voices(row.author_id):
        body = words.marked(row.body, row.id, by=None if own else row.author_label) if link.ours else row.body
        try:
            await client.edit_comment(pair.name, pair.number, link.remote_id, body)
        except ProviderRefused:
            if not own:
                raise
            continue
        async with pair.resources.database.begin() as db:
            kept = await db.get(PullLink, (link.pull_id, link.kind, link.remote_id))
            if kept is not None:
                kept.here, kept.there = words.digest(row.body), words.digest(body)
        return


async def _unsay(pair: Twin, talk: Talk, link: PullLink) -> None:
    """It was deleted here, by its author."""
    with contextlib.suppress(NotAtProvider):
        await pair.client.delete_comment(pair.name, pair.number, link.remote_id)
    async with pair.resources.database.begin() as db:
        await db.execute(
            delete(PullLink).where(
                PullLink.pull_id == link.pull_id, PullLink.kind == COMMENT, PullLink.remote_id == link.remote_id
            )
        )
    talk.by_local.pop((COMMENT, link.local_id), None)


async def _give_reviews(pair: Twin, remote: RemotePull, talk: Talk) -> None:
    """As a review of its author's own account where that can be; else in words, by the account of the mirror."""
    for row in sorted(talk.reviews.values(), key=lambda row: (row.created_at, row.id)):
        if (REVIEW, row.id) in talk.by_local or (row.verdict == "comment" and not row.body):
            continue
        made = ""
        async for client, own in pair.voices(row.author_id):
            try:
                if own:
                    body = words.marked(row.body, row.id) if row.body else ""
                    made = await client.review(pair.name, remote, row.verdict, body)
                    break
            except (ProviderRefused, ProviderDeclined):
                pass  # one's own pull request, or no right to review there
        if not made:
            body = words.marked(row.body, row.id, by=row.author_label, verdict=row.verdict)
            made = (await pair.client.comment(pair.name, remote, body)).id
        await _keep(pair.resources, talk, [_link(pair, REVIEW, row.id, made, ours=True, here=row.body)])


async def _keep(resources: Resources, talk: Talk, links: Sequence[PullLink]) -> None:
    async with resources.database.begin() as db:
        for link in links:
            if await db.get(PullLink, (link.pull_id, link.kind, link.remote_id)) is None:
                db.add(link)
        await db.flush()
    for link in links:
        talk.keep(link)
