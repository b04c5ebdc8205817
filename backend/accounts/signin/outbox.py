"""The outbox, for the installation's owner: what was written, and which of its links still lead somewhere."""

import re
from collections.abc import Collection

import msgspec
from litestar import get
from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.mail import schemas
from backend.accounts.mail import service as mail
from backend.accounts.orgs.models import Invitation
from backend.accounts.signin.models import EmailToken
from backend.core import crypto
from backend.core.auth import Me, person
from backend.core.db import Db, now
from backend.core.paging import Page

_LINK = re.compile(r"\?(?:token|invitation)=([\w-]+)")


@get("/mail/outbox", guards=[person])
async def read_outbox(db: Db, actor: Me) -> Page[schemas.Mail]:
    """The newest 200 messages. Without an SMTP server this is where their links are read."""
    rows = await mail.outbox(db, actor)
    links = {row.id: crypto.digest(found[1]) for row in rows if (found := _LINK.search(row.text))}
    works = await _that_work(db, links.values())
    shown = [msgspec.convert(row, schemas.Mail, from_attributes=True) for row in rows]
    for one in shown:
        one.link_over = one.id in links and links[one.id] not in works
    return Page(shown)


async def _that_work(db: AsyncSession, hashes: Collection[bytes]) -> set[bytes]:
    tables = (EmailToken, Invitation)
    found = union(*(select(one.hash).where(one.hash.in_(hashes), one.expires_at > now()) for one in tables))
    return set(await db.scalars(found))
