"""Writing e-mail, and reading the outbox."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from backend.accounts.mail import jobs
from backend.accounts.mail.models import Mail
from backend.core.auth import Actor
from backend.core.errors import Forbidden
from backend.core.jobs import enqueue
from backend.core.settings import Settings


class OnlyTheInstallationsOwner(Forbidden):
    """Only the owner of this installation may do that."""


def link(settings: Settings, path: str) -> str:
    """The address of a page, for a message."""
    return (settings.public_url.rstrip("/") or f"http://localhost:{settings.port}") + path


async def send(db: AsyncSession, settings: Settings, recipient: str, subject: str, text: str) -> None:
    """Sent once `db` has committed; without an SMTP server it stays in the outbox."""
    mail = Mail(recipient=recipient, subject=" ".join(subject.split())[:300], text=text)
    db.add(mail)
    await db.flush()
    if settings.smtp_url:
        await enqueue(db, jobs.deliver, jobs.Deliver(mail.id))


def only_the_installations_owner(actor: Actor) -> None:
    if not actor.owns_installation:
        raise OnlyTheInstallationsOwner


async def outbox(db: AsyncSession, actor: Actor) -> Sequence[Mail]:
    """The newest 200."""
    only_the_installations_owner(actor)
    return (await db.scalars(select(Mail).order_by(Mail.created_at.desc(), Mail.id.desc()).limit(200))).all()
