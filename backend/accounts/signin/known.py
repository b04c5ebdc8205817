"""Browsers that signed in before: each has a cookie by which its wrong passwords are counted apart from everybody else's at its
address (OWASP's "device cookies"), so that whoever guesses from behind the same address does not lock the owner out.
"""

import secrets
from pathlib import Path

from litestar.datastructures import Cookie

from backend.core.auth import cookie_name
from backend.ledger.secrets.vault import KeyLost, vault

_DAYS = 365


def known_cookie_name(*, secure: bool) -> str:
    return f"{cookie_name(secure=secure)}-browser"


def known_cookie(data: Path, account: bytes, *, secure: bool) -> Cookie:
    """For the browser that has just signed in to `account`. It opens no door: wrong passwords have a count of their own."""
    key_id, sealed = vault(data).seal(secrets.token_hex(16), of=_of(account))
    return Cookie(
        known_cookie_name(secure=secure),
        value=f"{key_id}.{sealed.hex()}",
        path="/",
        max_age=_DAYS * 86_400,
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def known_browser(data: Path, account: bytes, shown: str) -> str | None:
    """The browser's name, if `shown` is a cookie that it got here when it signed in to `account`."""
    key_id, _, sealed = shown.partition(".")
    try:
        return vault(data).open(key_id, bytes.fromhex(sealed), of=_of(account))
    except (KeyLost, ValueError):
        return None


def _of(account: bytes) -> str:
    return f"known browser {account.hex()}"
