"""Which server the command line talks to and as whom: CODEYARD_URL and CODEYARD_KEY, else what `codeyard login` kept."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

DEFAULT_URL = "http://localhost:8300"


class NotSignedIn(Exception):
    """Nobody is signed in: `codeyard login`, or CODEYARD_KEY with an API key."""


class Account(msgspec.Struct, frozen=True):
    """Either `key`, an API key, or `cookie` (name=value) with the CSRF token that goes with it."""

    url: str
    key: str = ""
    cookie: str = ""
    csrf_token: str = ""
    email: str = ""
    organization: str = ""
    """Slug of the organisation that commands mean when none is named."""

    def headers(self) -> dict[str, str]:
        """What every request and socket of this account carries. A cookie counts only from the server's own origin."""
        if self.key:
            return {"Authorization": f"Bearer {self.key}"}
        return {"Cookie": self.cookie, "X-CSRF-Token": self.csrf_token, "Origin": self.url}


def path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the account is kept (XDG Base Directory Specification)."""
    return Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "codeyard" / "account.json"


def load(url: str | None = None, key: str | None = None, environment: Mapping[str, str] = os.environ) -> Account:
    """The account that `url` and `key`, the environment or the file name, in this order. Raises NotSignedIn."""
    url = (url or environment.get("CODEYARD_URL") or "").rstrip("/")
    kept = read(environment)
    if key := key or environment.get("CODEYARD_KEY"):
        return Account(url or (kept.url if kept else DEFAULT_URL), key=key)
    if kept is None or (url and kept.url != url):
        raise NotSignedIn
    return kept


def read(environment: Mapping[str, str] = os.environ) -> Account | None:
    try:
        return msgspec.json.decode(path(environment).read_bytes(), type=Account)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def keep(account: Account) -> None:
    """Readable for its owner alone, from the first moment on."""
    place = path()
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = place.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(account))
    part.replace(place)


def forget() -> None:
    path().unlink(missing_ok=True)
