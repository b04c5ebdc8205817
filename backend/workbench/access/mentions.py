"""Whom a text mentions: `@` and a member's e-mail address, or the part of it before its @, or a team's name with hyphens for what
no word has. What two have mentions neither."""

import re
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs.models import Membership
from backend.accounts.teams.models import Team
from backend.accounts.users.models import User
from backend.workbench.access import service as access

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_NAME = r"[\w+-][\w.+-]*(?:@[\w-]+(?:\.[\w-]+)+)?"
_MENTION = re.compile(rf"(?<![\w@/.])@({_NAME})")
_WORD = re.compile(r"[\w+-]+")
MOST = 20


class Mention(NamedTuple):
    """A member's id or a team's."""

    id: UUID
    is_team: bool = False


async def mentioned(db: AsyncSession, organization_id: UUID, text: str) -> list[Mention]:
    """In the order of the text, each once; what stands in code mentions nobody."""
    words = [word.lower().rstrip(".") for word in _MENTION.findall(_CODE.sub(" ", text))][:MOST]
    if not words:
        return []
    people = select(User.id, User.email).join(Membership, Membership.user_id == User.id)
    teams = select(Team.id, Team.name).where(Team.organization_id == organization_id)
    found: dict[str, list[Mention]] = {}
    for user_id, email in await db.execute(people.where(Membership.organization_id == organization_id)):
        for name in (email, email.partition("@")[0]):
            found.setdefault(name, []).append(Mention(user_id))
    for team_id, name in await db.execute(teams):
        found.setdefault("-".join(_WORD.findall(name.lower())), []).append(Mention(team_id, is_team=True))
    return list(dict.fromkeys(found[word][0] for word in words if len(found.get(word, ())) == 1))


async def seeing(
    db: AsyncSession, organization_id: UUID, workspace_id: UUID, text: str, *, scope: str
) -> list[Mention]:
    """Those without the people who have not `scope` in the workspace."""
    found = await mentioned(db, organization_id, text)
    people = [one.id for one in found if not one.is_team]
    allowed = await access.who_may(db, organization_id, workspace_id, people, scope) if people else set()
    return [one for one in found if one.is_team or one.id in allowed]


async def named(
    db: AsyncSession, organization_id: UUID, workspace_id: UUID, name: str, *, scope: str
) -> Mention | None:
    """Whom `name` alone means, with an @ before it or without."""
    bare = name.strip().removeprefix("@")
    if re.fullmatch(_NAME, bare) is None:
        return None
    return next(iter(await seeing(db, organization_id, workspace_id, f"@{bare}", scope=scope)), None)
