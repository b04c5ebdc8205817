"""/mail: the outbox, for the installation's owner."""

import msgspec
from litestar import Router, get

from backend.accounts.mail import schemas, service
from backend.core.auth import Me, person
from backend.core.db import Db
from backend.core.paging import Page


@get("/outbox", guards=[person])
async def read_outbox(db: Db, actor: Me) -> Page[schemas.Mail]:
    """The newest 200 messages. Without an SMTP server this is where their links are read."""
    rows = await service.outbox(db, actor)
    return Page([msgspec.convert(row, schemas.Mail, from_attributes=True) for row in rows])


router = Router("/mail", route_handlers=[read_outbox], tags=["mail"])
