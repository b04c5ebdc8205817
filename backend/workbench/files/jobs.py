"""The end of uploads that nobody finished, and of those into sessions that are gone."""

from datetime import timedelta

from backend.core.events import on
from backend.core.jobs import every
from backend.core.resources import Resources
from backend.workbench.files import service, tus
from backend.workbench.sessions.events import SessionPurged


@every(timedelta(hours=1))
async def expire_uploads(resources: Resources) -> None:
    await resources.in_thread(tus.expire, service.uploads_of(resources))


@on(SessionPurged)
async def remove_uploads(event: SessionPurged, resources: Resources) -> None:
    await resources.in_thread(tus.expire, service.uploads_of(resources), session_id=event.session_id)
