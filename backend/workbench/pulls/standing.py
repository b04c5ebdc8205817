"""How pull requests stand – who was asked, who approves, what keeps one from being merged – and how they are shown."""

from dataclasses import dataclass
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from backend.workbench.access import service as access
from backend.workbench.pulls import asking, repository, schemas
from backend.workbench.pulls.models import ALIVE, PullMirror, PullRequest, State


@dataclass(frozen=True)
class Standing:
    """Who was asked, who approves, who asks for changes, how many approvals the base wants, the mirror, and whether one of the
    two sessions is deleted."""

    asked: list[schemas.Reviewer]
    asked_teams: list[schemas.Reviewer]
    approved: list[schemas.Author]
    refused: list[schemas.Author]
    required: int
    mirror: PullMirror | None
    gone: bool

    def lacks(self, pull: PullRequest) -> list[str]:
        """What keeps it from being merged, in the words of `blocked_by`."""
        if pull.state not in ALIVE:
            return ["ended"]
        return [
            word
            for word, holds in (
                ("session_gone", self.gone),
                ("draft", pull.state == State.DRAFT),
                ("conflicts", bool(pull.conflicts)),
                ("approvals", len(self.approved) < self.required),
                ("changes_requested", bool(self.required and self.refused)),
            )
            if holds
        ]


async def standings(db: AsyncSession, pulls: list[PullRequest]) -> dict[UUID, Standing]:
    """Of each pull request. The last verdict of everybody but the author counts while they may give one: of somebody who left, or
    who may only read by now, it counts no more."""
    ids = [pull.id for pull in pulls]
    people, teams = await asking.people(db, ids), await asking.teams(db, ids)
    reviews = await repository.reviews(db, ids)
    givers = {review.author_id for review in reviews if review.author_id is not None}
    places = {(pull.organization_id, pull.workspace_id) for pull in pulls}
    entitled = {place: await access.who_may(db, *place, givers, repository.WRITE) for place in places}
    rules = {id: await repository.rule(db, id) for id in {pull.base_session_id for pull in pulls}}
    mirrors = await repository.mirrors(db, ids)
    sides = {id for pull in pulls for id in (pull.head_session_id, pull.base_session_id) if id is not None}
    alive = await repository.alive(db, sides)
    found = {}
    for pull in pulls:
        rule = rules[pull.base_session_id]
        last = {
            review.author_id: review
            for review in reviews
            if review.pull_id == pull.id and review.verdict != "comment" and review.author_id != pull.author_id
        }
        here = entitled[pull.organization_id, pull.workspace_id]
        counted = [review for person, review in last.items() if person in here]
        approved = [
            schemas.Author(review.author_id, review.author_label)
            for review in counted
            if review.verdict == "approve" and (not rule.dismiss_stale or review.commit_id == pull.head_commit)
        ]
        refused = [
            schemas.Author(review.author_id, review.author_label)
            for review in counted
            if review.verdict == "request_changes"
        ]
        asked = people.get(pull.id, []), teams.get(pull.id, [])
        gone = not {pull.head_session_id, pull.base_session_id} <= alive
        found[pull.id] = Standing(*asked, approved, refused, rule.required_approvals, mirrors.get(pull.id), gone)
    return found


async def show_one(db: AsyncSession, pull: PullRequest) -> schemas.Pull:
    return show(pull, (await standings(db, [pull]))[pull.id])


def show(pull: PullRequest, standing: Standing) -> schemas.Pull:
    columns = {name: getattr(pull, name) for name in schemas.Pull.__struct_fields__ if hasattr(pull, name)}
    return schemas.Pull(
        **columns
        | {
            "conflicts": pull.conflicts or [],
            "author": schemas.Author(pull.author_id, pull.author_label),
            "reviewers": standing.asked,
            "reviewer_teams": standing.asked_teams,
            "approved_by": standing.approved,
            "changes_requested_by": standing.refused,
            "required_approvals": standing.required,
            "blocked_by": standing.lacks(pull),
            "mirror": _show_mirror(pull, standing.mirror) if standing.mirror else None,
        }
    )


def _show_mirror(pull: PullRequest, row: PullMirror) -> schemas.Mirror:
    return schemas.Mirror(
        pull.provider,
        pull.provider_url,
        pull.provider_number,
        row.state,
        row.last_synced_at,
        msgspec.convert(row.error, schemas.MirrorError) if row.error else None,
    )
