"""The providers that the settings name."""

from typing import Literal
from urllib.parse import quote

import msgspec

from backend.core.errors import NotFound
from backend.core.settings import Settings


class NoSuchProvider(NotFound):
    """Nobody signs in by that provider here: the settings name none of that name."""


class Provider(msgspec.Struct, frozen=True):
    """`kind` oidc is OpenID Connect Core 1.0 with discovery at `base`; the other two speak OAuth 2.0 and an API of their own."""

    name: str
    label: str
    kind: Literal["oidc", "github", "bitbucket"]
    base: str
    client_id: str
    client_secret: str

    @property
    def issuer(self) -> str:
        """What identities of it are stored under."""
        return self.base if self.kind == "oidc" else self.base.rstrip("/")


def known(settings: Settings) -> list[Provider]:
    """All that could be set up, in the order of their buttons."""
    s = settings
    return [
        Provider("github", "GitHub", "github", s.github_url, s.github_client_id, s.github_client_secret),
        Provider("google", "Google", "oidc", "https://accounts.google.com", s.google_client_id, s.google_client_secret),
        Provider("gitlab", "GitLab", "oidc", s.gitlab_url, s.gitlab_client_id, s.gitlab_client_secret),
        Provider(
            "bitbucket", "Bitbucket", "bitbucket", s.bitbucket_url, s.bitbucket_client_id, s.bitbucket_client_secret
        ),
        Provider("oidc", s.oidc_name, "oidc", s.oidc_issuer, s.oidc_client_id, s.oidc_client_secret),
    ]


def providers(settings: Settings) -> list[Provider]:
    """Those that are."""
    return [provider for provider in known(settings) if provider.client_id and provider.base]


def variables(provider: Provider) -> list[str]:
    """The endings of the names of what it is set up by."""
    place = {"google": [], "oidc": ["ISSUER"]}.get(provider.name, ["URL"])
    return [*place, "CLIENT_ID", "CLIENT_SECRET"]


def find(settings: Settings, name: str) -> Provider:
    for provider in providers(settings):
        if provider.name == name:
            return provider
    raise NoSuchProvider


def redirect_of(settings: Settings, provider: Provider) -> str:
    """What must be registered with the provider."""
    ours = settings.public_url.rstrip("/") or f"http://localhost:{settings.port}"
    return f"{ours}/api/v1/auth/providers/{quote(provider.name)}/callback"
