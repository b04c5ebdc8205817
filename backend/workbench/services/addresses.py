"""The addresses of previews: `{service}[-{port}]--{ten characters of the session id}.{domain}`, each its own origin."""

import re
from uuid import UUID

from backend.core.settings import Settings


def slug(service: str) -> str:
    """A service's name as a host's label has it: 40 characters at most (RFC 1123 §2.1)."""
    return re.sub(r"[^a-z0-9]+", "-", service.lower()).strip("-")[:40].strip("-") or "service"


def prefix(session_id: UUID) -> str:
    """Ten characters of the id: the last ones, which are random."""
    return session_id.hex[-10:]


def host(settings: Settings, session_id: UUID, service: str, port: int | None) -> str:
    """Without the listening port. `port` is None for a service's first."""
    number = f"-{port}" if port is not None else ""
    return f"{slug(service)}{number}--{prefix(session_id)}.{settings.preview_domain}"


def allowing(settings: Settings) -> dict[str, str]:
    """What tells servers of development that previews' names are theirs: out of fear of DNS rebinding they answer by themselves
    to those of `localhost` alone (vite.dev, server.allowedHosts; Rails' config.hosts)."""
    if settings.preview_domain.rpartition(".")[2] == "localhost":
        return {}
    return dict.fromkeys(
        ("__VITE_ADDITIONAL_SERVER_ALLOWED_HOSTS", "RAILS_DEVELOPMENT_HOSTS"), f".{settings.preview_domain}"
    )


def url(settings: Settings, session_id: UUID, service: str, port: int | None) -> str:
    """How a browser opens it."""
    secure, at = settings.public_url.startswith("https"), ""
    if not settings.public_url or settings.public_url.rpartition(":")[2].strip("/").isdigit():
        listening = settings.public_url.rpartition(":")[2].strip("/") or settings.port
        at = f":{listening}"
    return f"{'https' if secure else 'http'}://{host(settings, session_id, service, port)}{at}"
