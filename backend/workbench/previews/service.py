"""Previews: who may open which port, and the way in."""

from urllib.parse import urlsplit
from uuid import UUID

from backend.core.auth import Actor, NeedsPerson
from backend.core.errors import Unavailable
from backend.core.live import notify
from backend.core.resources import Resources
from backend.core.settings import Settings
from backend.workbench.previews import entry, hosts, repository, schemas
from backend.workbench.previews.answers import NoSuchPreview
from backend.workbench.previews.hosts import Host
from backend.workbench.previews.models import Visibility
from backend.workbench.previews.places import Places
from backend.workbench.services import service as services
from backend.workbench.services.schemas import PortShown, Service


class NoPreviews(Unavailable):
    """This server shows no previews: it was started as a worker."""


def places(resources: Resources) -> Places:
    found = resources.kept.get(Places)
    if found is None:
        raise NoPreviews
    return found


async def listed(resources: Resources, actor: Actor, session_id: UUID) -> list[schemas.Preview]:
    """Every exposed TCP port of the session's services."""
    found = await services.listed(resources, actor, session_id)
    async with resources.database.begin() as db:
        chosen = await repository.of_session(db, session_id)
    return [
        schemas.Preview(
            service.id,
            service.name,
            port.target,
            port.preview_url,
            chosen.get((service.name, port.target), Visibility.ORGANIZATION),
        )
        for service in found.items
        for port in service.ports
        if port.preview_url is not None
    ]


async def choose(
    resources: Resources, actor: Actor, session_id: UUID, service_id: UUID, port: int, visibility: Visibility
) -> schemas.Preview:
    """Sets who may open it; whoever may not any more is out within two seconds."""
    session = await services.enter(resources, actor, session_id, services.WRITE)
    if visibility is Visibility.OWNER and actor.user_id is None:
        raise NeedsPerson("Only a person can keep a preview to themselves.")
    service, shown = await _port(resources, actor, session_id, service_id, port)
    async with resources.database.begin() as db:
        await repository.choose(db, session.id, service.name, port, visibility, actor.user_id)
        await notify(db, "previews")
    return schemas.Preview(service.id, service.name, port, shown.preview_url or "", visibility)


async def entry_for(
    resources: Resources, actor: Actor, session_id: UUID, service_id: UUID, port: int, at: str
) -> schemas.Entry:
    """A way in for the caller's browser. `at` is the Host that they reached us by."""
    _, shown = await _port(resources, actor, session_id, service_id, port)
    found = entry.target(shown.preview_url or "", resources.settings.preview_domain)
    if found is None or await entry.open_place(places(resources), actor, found[0]) is None:
        raise NoSuchPreview
    host, path = found
    return schemas.Entry(await entry.url(places(resources), actor, base(resources.settings, host, at), host, path))


async def entry_to(resources: Resources, actor: Actor, to: str, at: str) -> str:
    """Where a browser that asked for `to` without a pass goes on. Raises NoSuchPreview, for a stranger's as for nobody's."""
    found = entry.target(to, resources.settings.preview_domain)
    if found is None or await entry.open_place(places(resources), actor, found[0]) is None:
        raise NoSuchPreview
    host, path = found
    return await entry.url(places(resources), actor, base(resources.settings, host, at), host, path)


def base(settings: Settings, host: Host, at: str) -> str:
    """The preview's origin as a browser reaches it: on the control plane's own scheme and port, whatever anybody asked for."""
    public = urlsplit(settings.public_url)
    port = public.port if settings.public_url else urlsplit(f"//{at}").port
    return f"{public.scheme or 'http'}://{hosts.Host(host.name, host.label, str(port or '')).shown}"


async def _port(
    resources: Resources, actor: Actor, session_id: UUID, service_id: UUID, port: int
) -> tuple[Service, PortShown]:
    found = await services.listed(resources, actor, session_id)
    for service in found.items:
        for shown in service.ports:
            if service.id == service_id and shown.target == port and shown.preview_url is not None:
                return service, shown
    raise NoSuchPreview
