"""Notifications follow from facts."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs.events import MemberInvited
from backend.accounts.orgs.models import Invitation
from backend.accounts.teams.models import TeamMember
from backend.agents.tasks.events import TaskEvent
from backend.core.events import on
from backend.core.resources import Resources
from backend.edge.notifications.service import tell, tell_of_invitation
from backend.workbench.access.mentions import mentioned
from backend.workbench.pulls.events import (
    PullClosed,
    PullCommented,
    PullEvent,
    PullMerged,
    PullOpened,
    PullReviewed,
    PullUpdated,
)
from backend.workbench.pulls.models import PullComment, PullRequest, PullReview

DECISIONS = {"approve": "approved", "request_changes": "changes_requested", "comment": "reviewed"}


@on(PullOpened)
async def pull_opened(event: PullOpened, resources: Resources) -> None:
    async with resources.database.begin() as db:
        pull = await db.get(PullRequest, event.pull_id)
        whom = await _mentions(db, event, pull.body if pull else "")
        whom |= dict.fromkeys(await _asked(db, event), "review_requested")
        await tell(db, event, "pull", f"{event.pull_id}:{event.how}", whom)


@on(PullUpdated)
async def pull_updated(event: PullUpdated, resources: Resources) -> None:
    async with resources.database.begin() as db:
        asked = dict.fromkeys(await _asked(db, event), "review_requested")
        await tell(db, event, "pull", f"{event.pull_id}:asked", asked)


@on(PullReviewed)
async def pull_reviewed(event: PullReviewed, resources: Resources) -> None:
    async with resources.database.begin() as db:
        review = await db.get(PullReview, event.review_id)
        texts = list(await db.scalars(select(PullComment.body).where(PullComment.review_id == event.review_id)))
        whom = await _mentions(db, event, "\n".join([review.body if review else "", *texts]))
        whom |= await _author(db, event, DECISIONS[event.how])
        await tell(db, event, "pull", str(event.review_id), whom)


@on(PullCommented)
async def pull_commented(event: PullCommented, resources: Resources) -> None:
    """Its author, and who wrote in the thread before."""
    if event.how != "created" or event.comment_id is None:
        return
    async with resources.database.begin() as db:
        rows = list(await db.scalars(select(PullComment).where(PullComment.thread_id == event.thread_id)))
        text = next((row.body for row in rows if row.id == event.comment_id), "")
        whom = {row.author_id: "commented" for row in rows if row.author_id is not None}
        whom |= await _author(db, event, "commented")
        whom |= await _mentions(db, event, text)
        await tell(db, event, "pull", str(event.comment_id), whom)


@on(PullMerged)
async def pull_merged(event: PullMerged, resources: Resources) -> None:
    async with resources.database.begin() as db:
        await tell(db, event, "pull", f"{event.pull_id}:merged", await _author(db, event, "merged"))


@on(PullClosed)
async def pull_closed(event: PullClosed, resources: Resources) -> None:
    async with resources.database.begin() as db:
        await tell(db, event, "pull", f"{event.pull_id}:closed", await _author(db, event, "closed"))


@on(MemberInvited)
async def member_invited(event: MemberInvited, resources: Resources) -> None:
    async with resources.database.begin() as db:
        invitation = await db.get(Invitation, event.invitation_id)
        if invitation is not None:
            await tell_of_invitation(db, invitation, event.by_name)


@on(TaskEvent)
async def task_given(event: TaskEvent, resources: Resources) -> None:
    async with resources.database.begin() as db:
        whom = dict.fromkeys([*event.mentioned, *await _members(db, event.mentioned_teams)], "mentioned")
        whom |= {event.assigned: "assigned"} if event.assigned else {}
        if event.assigned_team is not None:
            whom |= dict.fromkeys(await _members(db, [event.assigned_team]), "assigned")
        for user_id, kind in whom.items():
            await tell(db, event, "task", f"{event.task_id}:{kind}", {user_id: kind})


async def _asked(db: AsyncSession, event: PullOpened | PullUpdated) -> list[UUID]:
    """People, and the members of teams."""
    return [*event.reviewers, *await _members(db, event.reviewer_teams)]


async def _members(db: AsyncSession, teams: Collection[UUID]) -> Sequence[UUID]:
    return (await db.scalars(select(TeamMember.user_id).where(TeamMember.team_id.in_(teams)))).all()


async def _author(db: AsyncSession, event: PullEvent, kind: str) -> dict[UUID, str]:
    pull = await db.get(PullRequest, event.pull_id)
    return {pull.author_id: kind} if pull is not None and pull.author_id is not None else {}


async def _mentions(db: AsyncSession, event: PullEvent, text: str) -> dict[UUID, str]:
    found = await mentioned(db, event.organization_id, text)
    people = [one.id for one in found if not one.is_team]
    return dict.fromkeys([*people, *await _members(db, [one.id for one in found if one.is_team])], "mentioned")
