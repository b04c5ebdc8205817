"""Whom a text mentions: `@` and a member's e-mail address, or the part of it before its @ where only one member has that."""

import re
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.orgs.models import Membership
from backend.accounts.users.models import User

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_MENTION = re.compile(r"(?<![\w@/.])@([\w+-][\w.+-]*(?:@[\w-]+(?:\.[\w-]+)+)?)")
MOST = 20


async def mentioned(db: AsyncSession, organization_id: UUID, text: str) -> list[UUID]:
    """In the order of the text, each once; what stands in code mentions nobody."""
    words = [word.lower().rstrip(".") for word in _MENTION.findall(_CODE.sub(" ", text))][:MOST]
    if not words:
        return []
    query = select(User.id, User.email).join(Membership, Membership.user_id == User.id)
    found: dict[str, list[UUID]] = {}
    for user_id, email in await db.execute(query.where(Membership.organization_id == organization_id)):
        for name in (email, email.partition("@")[0]):
            found.setdefault(name, []).append(user_id)
    return list(dict.fromkeys(found[word][0] for word in words if len(found.get(word, ())) == 1))
