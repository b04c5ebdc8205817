"""Settings: one frozen Struct, read once from CODEYARD_* variables. A misspelt name stops the start and says which."""

import difflib
import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

PREFIX = "CODEYARD_"

# Not the server's: `codeyard shell` reads the first two, the test suite the last.
FOREIGN = {"CODEYARD_URL", "CODEYARD_KEY", "CODEYARD_TEST_REQUIRE"}


class InvalidSetting(Exception):
    """A CODEYARD_* variable that is unknown or has a value of the wrong kind. The message names it and says what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation can set. Each field is the variable CODEYARD_<FIELD>; defaults suit one person on a laptop."""

    data: Path = Path("~/.local/share/codeyard")
    """Data directory: database, repositories, sessions, terminals. One server at a time."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: Annotated[int, Meta(ge=0, le=65535)] = 8300
    """Port to listen on; 0 takes a free one and prints it."""

    database_url: str = ""
    """postgresql://… of a PostgreSQL ≥ 16; empty starts the embedded one under `data`."""

    public_url: str = ""
    """How browsers reach this server, such as https://code.example.com; empty accepts the address of the request."""

    trusted_proxies: str = ""
    """Addresses whose X-Forwarded-* headers are believed, comma separated; empty believes nobody."""

    registration: bool = False
    """Whether strangers may sign up without an invitation."""

    allow_unisolated: bool = False
    """Lets every account run terminals on a server without a container engine, as the server's own user."""

    allow_file_clone: bool = False
    """Allows file:// URLs in clones."""

    allow_private_clone: bool = False
    """Allows clones from loopback and private network addresses."""

    allow_private_webhooks: bool = False
    """Allows webhooks to http:// and to loopback and private network addresses."""

    metrics_token: str = ""
    """Bearer token that opens /metrics on the public listener; empty keeps it to loopback."""

    bin_days: Annotated[int, Meta(ge=0)] = 7
    """Days that a deleted workspace or session can be restored."""

    snapshot_minutes: Annotated[int, Meta(ge=0)] = 10
    """Minutes between timed snapshots of a session whose files change; 0 turns them off."""

    max_file_mb: Annotated[int, Meta(ge=1)] = 50
    """Largest file that one call reads or writes, in MiB; uploads go to 100 times that."""

    smtp_url: str = ""
    """Who sends e-mail: smtp://user:password@host:587 (STARTTLS where the server offers it) or smtps://…:465; empty keeps it in
    an outbox that the installation's owner reads."""

    mail_from: str = ""
    """The address that e-mail comes from; empty says codeyard@ and the host of `public_url`."""

    github_client_id: str = ""
    """OAuth app for signing in with GitHub and importing from it."""

    github_client_secret: str = ""
    """Its secret."""

    github_url: str = "https://github.com"
    """GitHub, or an Enterprise server of your own."""

    gitlab_client_id: str = ""
    """OAuth app for signing in with GitLab and importing from it."""

    gitlab_client_secret: str = ""
    """Its secret."""

    gitlab_url: str = "https://gitlab.com"
    """GitLab, or an instance of your own."""

    bitbucket_client_id: str = ""
    """OAuth consumer for signing in with Bitbucket and importing from it."""

    bitbucket_client_secret: str = ""
    """Its secret."""

    bitbucket_url: str = "https://bitbucket.org"
    """Bitbucket."""

    google_client_id: str = ""
    """OAuth client for signing in with Google."""

    google_client_secret: str = ""
    """Its secret."""

    oidc_issuer: str = ""
    """Issuer of your company's OpenID Connect sign-in, such as https://login.example.com/realms/staff."""

    oidc_client_id: str = ""
    """The client registered there; its redirect is <public_url>/api/v1/auth/providers/oidc/callback."""

    oidc_client_secret: str = ""
    """Its secret."""

    oidc_name: str = "Single sign-on"
    """What the button of that sign-in says."""

    docker_socket: str = "/var/run/docker.sock"
    """Where the Docker engine listens; empty runs services as processes, even when there is one."""

    session_image: str = "codeyard/session:latest"
    """The image of services that name none, and of a session's own workbench."""

    preview_domain: str = "localhost"
    """Services are previewed at {service}--{session}.<preview_domain>; a wildcard DNS entry must lead here."""

    service_cpus: Annotated[float, Meta(gt=0)] = 4
    """Processors that one service may use at most."""

    service_memory_mb: Annotated[int, Meta(ge=16)] = 4096
    """Memory that one service may use at most, in MiB."""

    service_disk_mb: Annotated[int, Meta(ge=0)] = 20_480
    """Disk that one service may fill beside the working copy (its container and volumes), in MiB; 0 is no limit. Where the
    engine's storage cannot hold it to that, it is measured: warned of above it, stopped at twice as much."""

    start_slots: Annotated[int, Meta(ge=1)] = 4
    """Services that are started at a time; organisations take turns."""

    idle_minutes: Annotated[int, Meta(ge=0)] = 0
    """Minutes without use after which a session's services stop, where its workspace does not say; 0 is never."""

    session_days: Annotated[int, Meta(ge=1)] = 30
    """Days that a sign-in lasts when it is used."""

    workers: Annotated[int, Meta(ge=0)] = 4
    """Jobs that this process runs at a time; 0 leaves them to `codeyard worker`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error."""


SECRET = {
    "database_url",
    "metrics_token",
    "smtp_url",
    "github_client_secret",
    "gitlab_client_secret",
    "bitbucket_client_secret",
    "google_client_secret",
    "oidc_client_secret",
}


KINDS = {
    "Expected `bool`": "it is 0 or 1",
    "Expected `int`,": "it is a whole number",
    "Expected `float`": "it is a number",
    "expected Path": "it is a folder",
    "Invalid enum value": "it is debug, info, warning or error",
}
"""How msgspec begins to say what it expected, and what the reader is told."""


def _is_address(text: str, *schemes: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        return False


def _is_origin(text: str) -> bool:
    return _is_web(text) and re.fullmatch(r"https?://[^/?#@A-Z]+/?", text) is not None


def _is_web(text: str) -> bool:
    return _is_address(text, "http", "https")


def _is_mail_server(text: str) -> bool:
    return _is_address(text, "smtp", "smtps")


def _is_host(text: str) -> bool:
    return re.fullmatch(r"[\w-]+(\.[\w-]+)*", text) is not None


def _is_database(text: str) -> bool:
    return text.startswith(("postgresql://", "postgres://"))


def _are_networks(text: str) -> bool:
    try:
        return text == "*" or all(ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        return False


CHECKS = {
    "database_url": (_is_database, "it starts with postgresql://"),
    "public_url": (_is_origin, "it is like https://code.example.com, in small letters and without a path"),
    "trusted_proxies": (_are_networks, "it is addresses or networks, such as 10.0.0.2,172.16.0.0/12"),
    "smtp_url": (_is_mail_server, "it is like smtp://user:password@host:587 or smtps://…"),
    "github_url": (_is_web, "it is like https://github.example.com"),
    "gitlab_url": (_is_web, "it is like https://gitlab.example.com"),
    "bitbucket_url": (_is_web, "it is like https://bitbucket.org"),
    "oidc_issuer": (_is_web, "it is like https://login.example.com/realms/staff"),
    "preview_domain": (_is_host, "it is a host's name, such as previews.example.net"),
}
"""Of text that is not empty: whether it fits, and what it is to be. Told at the start, since a socket that is refused or a mail
that is not sent much later is hard to trace to it."""


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environment`. Raises InvalidSetting that names the variable."""
    known = {PREFIX + name.upper(): name for name in Settings.__struct_fields__}
    values: dict[str, str] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable in FOREIGN:
            continue
        if variable not in known:
            close = difflib.get_close_matches(variable, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else " `codeyard settings` lists those there are."
            raise InvalidSetting(f"{variable} is not a setting.{hint}")
        values[known[variable]] = value
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise InvalidSetting(_blame(values, str(error))) from None
    for name, (fits, wanted) in CHECKS.items():
        if values.get(name) and not fits(values[name]):
            raise InvalidSetting(_unusable(values, name, wanted))
    return msgspec.structs.replace(settings, data=settings.data.expanduser().absolute())


def _decode(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    raise ValueError(f"expected {kind.__name__}")


def _blame(values: dict[str, str], message: str) -> str:
    """msgspec names the field as `$.port`; the reader knows it as CODEYARD_PORT."""
    reason, _, place = message.partition(" - at ")
    wanted = next((ours for theirs, ours in KINDS.items() if reason.startswith(theirs)), reason)
    return next((_unusable(values, name, wanted) for name in values if f"$.{name}`" in place), message)


def _unusable(values: dict[str, str], name: str, wanted: str) -> str:
    return f"{PREFIX}{name.upper()}={values[name] if name not in SECRET else '…'!r} is not usable: {wanted}."
