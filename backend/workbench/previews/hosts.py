"""The host names of previews, read: `{service}[-{port}]--{ten characters of the session id}.{domain}[:{port}]`."""

import re
from typing import NamedTuple

from backend.core.settings import Settings

_LABEL = re.compile(r"([a-z0-9](?:[a-z0-9-]{0,44}[a-z0-9])?)--([0-9a-f]{10})")
_PORT = re.compile(r"(.+)-([1-9][0-9]{0,4})")


class Host(NamedTuple):
    """One Host header that lies under the preview domain. `name` is lower case, without the listening port."""

    name: str
    label: str
    port: str

    @property
    def prefix(self) -> str:
        """The characters of the session id; empty where the label is no preview's."""
        found = _LABEL.fullmatch(self.label)
        return found[2] if found else ""

    @property
    def shown(self) -> str:
        """As a browser sends it."""
        return f"{self.name}:{self.port}" if self.port else self.name

    def candidates(self) -> list[tuple[str, int | None]]:
        """(service slug, port or None for its first) that the label may mean, the service whose very name it is first."""
        found = _LABEL.fullmatch(self.label)
        if found is None or "--" in found[1]:
            return []
        meant: list[tuple[str, int | None]] = [(found[1], None)] if len(found[1]) <= 40 else []
        if (split := _PORT.fullmatch(found[1])) and len(split[1]) <= 40 and int(split[2]) <= 65_535:
            meant.append((split[1], int(split[2])))
        return meant


def parse(value: bytes, domain: str) -> Host | None:
    """The host, if it is one of the preview domain's that could be a preview; None for the control plane's own."""
    text = value.decode("latin-1").lower()
    name, _, port = text.partition(":")
    name = name.removesuffix(".")
    label = name.removesuffix(f".{domain}")
    if label == name or "--" not in label:
        return None
    return Host(name, label, port) if port.isdigit() or not port else Host(name, "", "")


def control_origins(settings: Settings, host: Host, scheme: str) -> list[str]:
    """Where the control plane is seen from a preview, the one to send browsers to first."""
    if settings.public_url:
        return [settings.public_url.rstrip("/")]
    at = f":{host.port}" if host.port else ""
    own = f"{scheme}://{settings.preview_domain}{at}"
    return [own, f"{scheme}://127.0.0.1{at}"] if settings.preview_domain == "localhost" else [own]
