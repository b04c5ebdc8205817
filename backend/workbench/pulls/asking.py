"""Asking people and teams for a review. What somebody who was asked gives first is the answer, of a team what any
member gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, select, union
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from backend.accounts.teams.models import Team, TeamMember
from backend.accounts.users.models import User
from backend.workbench.access import service as access
from backend.workbench.pulls import schemas
from backend.workbench.pulls.errors import NoSuchTeam, NotMember
from backend.workbench.pulls.models import PullRequest, PullReview, PullReviewer, PullReviewerTeam
from backend.workbench.pulls.repository import READ


@dataclass(frozen=True)
class Asked:
    """Who is newly asked."""

    reviewers: tuple[UUID, ...] = ()
    reviewer_teams: tuple[UUID, ...] = ()


async def check(
    db: AsyncSession, organization_id: UUID, workspace_id: UUID, people: Sequence[UUID], teams: Sequence[UUID]
) -> None:
    """Raises NotMember for who may not see the pull request, NoSuchTeam for one of another organisation."""
    if people and not set(people) <= await access.who_may(db, organization_id, workspace_id, people, READ):
        raise NotMember
    ours = select(func.count()).where(Team.organization_id == organization_id, Team.id.in_(teams))
    if teams and await db.scalar(ours) != len(set(teams)):
        raise NoSuchTeam


async def ask(db: AsyncSession, pull: PullRequest, people: Sequence[UUID], teams: Sequence[UUID]) -> Asked:
    """Those who are asked already stay so."""
    found = []
    for model, column, ids in ((PullReviewer, "user_id", people), (PullReviewerTeam, "team_id", teams)):
        rows = [{"pull_id": pull.id, column: id} for id in dict.fromkeys(ids)]
        new = insert(model).values(rows).on_conflict_do_nothing().returning(getattr(model, column))
        found.append(tuple(await db.scalars(new)) if rows else ())
    return Asked(*found)


async def change(db: AsyncSession, pull: PullRequest, data: schemas.PullUpdate) -> Asked:
    """Whoever is not listed any more is asked no more."""
    people = () if data.reviewers is UNSET else data.reviewers
    teams = () if data.reviewer_teams is UNSET else data.reviewer_teams
    await check(db, pull.organization_id, pull.workspace_id, people, teams)
    if data.reviewers is not UNSET:
        gone = PullReviewer.pull_id == pull.id, PullReviewer.user_id.not_in(people)
        await db.execute(delete(PullReviewer).where(*gone))
    if data.reviewer_teams is not UNSET:
        gone = PullReviewerTeam.pull_id == pull.id, PullReviewerTeam.team_id.not_in(teams)
        await db.execute(delete(PullReviewerTeam).where(*gone))
    return await ask(db, pull, people, teams)


def _answered() -> ColumnElement[bool]:
    """Whether the person of a `PullReviewer` gave a review since."""
    since = PullReview.created_at >= PullReviewer.created_at
    return exists().where(
        PullReview.pull_id == PullReviewer.pull_id, PullReview.author_id == PullReviewer.user_id, since
    )


def _answered_by_team() -> ColumnElement[bool]:
    """Whether a member of the team of a `PullReviewerTeam`, other than the author, gave one since."""
    whoever = aliased(TeamMember)
    member = and_(whoever.user_id == PullReview.author_id, whoever.team_id == PullReviewerTeam.team_id)
    author = select(PullRequest.author_id).where(PullRequest.id == PullReview.pull_id).scalar_subquery()
    return exists().where(
        PullReview.pull_id == PullReviewerTeam.pull_id,
        PullReview.created_at >= PullReviewerTeam.created_at,
        PullReview.author_id.is_distinct_from(author),
        member,
    )


async def people(db: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, list[schemas.Reviewer]]:
    """Those who are asked, by pull request."""
    query = select(PullReviewer.pull_id, User.id, User.name, _answered()).join(User, User.id == PullReviewer.user_id)
    return await _by_pull(db, query.where(PullReviewer.pull_id.in_(ids)).order_by(User.name))


async def teams(db: AsyncSession, ids: Iterable[UUID]) -> dict[UUID, list[schemas.Reviewer]]:
    query = select(PullReviewerTeam.pull_id, Team.id, Team.name, _answered_by_team())
    query = query.join(Team, Team.id == PullReviewerTeam.team_id)
    return await _by_pull(db, query.where(PullReviewerTeam.pull_id.in_(ids)).order_by(Team.name))


async def _by_pull(db: AsyncSession, query: Select[UUID, UUID, str, bool]) -> dict[UUID, list[schemas.Reviewer]]:
    found: dict[UUID, list[schemas.Reviewer]] = {}
    for pull_id, id, name, answered in await db.execute(query):
        found.setdefault(pull_id, []).append(schemas.Reviewer(id, name, answered))
    return found


def waiting_for(user_id: UUID | None) -> Select[UUID]:
    """The pull requests that wait for that person's review: asked of them, or of a team of theirs, and not answered."""
    own = select(PullReviewer.pull_id).where(PullReviewer.user_id == user_id, ~_answered())
    of_team = select(PullReviewerTeam.pull_id).join(TeamMember, TeamMember.team_id == PullReviewerTeam.team_id)
    of_team = of_team.where(TeamMember.user_id == user_id, ~_answered_by_team())
    return select(union(own, of_team).subquery().c.pull_id)
