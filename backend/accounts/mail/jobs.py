"""Sending: SMTP (RFC 5321) by the standard library in a worker thread, tried again as jobs are."""

import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from urllib.parse import unquote, urlsplit
from uuid import UUID

import msgspec
from sqlalchemy import delete

from backend.accounts.mail.models import Mail
from backend.core.db import now
from backend.core.jobs import every, job
from backend.core.resources import Resources
from backend.core.settings import Settings


class Deliver(msgspec.Struct):
    mail_id: UUID


@job(Deliver)
async def deliver(data: Deliver, resources: Resources) -> None:
    """Hands one message over. A crash between that and the note of it sends it twice, never not at all."""
    async with resources.database.begin() as db:
        mail = await db.get(Mail, data.mail_id)
    if mail is None or mail.sent_at is not None:
        return
    try:
        await resources.in_thread(hand_over, resources.settings, mail)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        async with resources.database.begin() as db:
            again = await db.get_one(Mail, data.mail_id)
            again.error = str(error)[:500]
        raise
    async with resources.database.begin() as db:
        sent = await db.get_one(Mail, data.mail_id)
        sent.text, sent.error, sent.sent_at = "", "", now()


def hand_over(settings: Settings, mail: Mail) -> None:
    """Blocks until the server took it. Raises OSError, SMTPException."""
    url = urlsplit(settings.smtp_url)
    host = urlsplit(settings.public_url).hostname or "localhost"
    message = EmailMessage()
    message["From"] = settings.mail_from or f"codeyard@{host}"
    message["To"], message["Subject"] = mail.recipient, mail.subject
    message["Date"], message["Message-ID"] = format_datetime(mail.created_at), make_msgid(str(mail.id), domain=host)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    tls = ssl.create_default_context()
    by_tls = url.scheme == "smtps"
    name, port = url.hostname or "localhost", url.port or (465 if by_tls else 587)
    with (
        smtplib.SMTP_SSL(name, port, timeout=20, context=tls)
        if by_tls
        else smtplib.SMTP(name, port, timeout=20) as server
    ):
        server.ehlo()
        if not by_tls and server.has_extn("starttls"):
            server.starttls(context=tls)
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)


@every(timedelta(hours=1))
async def prune(resources: Resources) -> None:
    """Messages are kept for 30 days."""
    async with resources.database.begin() as db:
        await db.execute(delete(Mail).where(Mail.created_at < now() - timedelta(days=30)))
