"""Secrets: random tokens, API keys with a checksum, hashes of both, and argon2 for passwords."""

import hashlib
import secrets
import zlib
from functools import cache

import argon2

KEY_PREFIX = "cy_live_"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_hasher = argon2.PasswordHasher()


def new_token() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a token or key. They are random, so a plain SHA-256 suffices where a password needs argon2."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def new_key() -> str:
    """`cy_live_` + 32 random characters + 6 of CRC-32, so that scanners find a leaked key and typos cost no query."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(32))
    return KEY_PREFIX + body + _checksum(body)


def is_key(text: str) -> bool:
    """Whether `text` has the shape and checksum of a key."""
    body = text.removeprefix(KEY_PREFIX)
    return text.startswith(KEY_PREFIX) and len(body) == 38 and body.isascii() and _checksum(body[:32]) == body[32:]


def _checksum(body: str) -> str:
    value, out = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, rest = divmod(value, len(_ALPHABET))
        out = _ALPHABET[rest] + out
    return out


def hash_password(password: str) -> str:
    """argon2id (RFC 9106) with the library's defaults: about 0.1 s and 64 MiB, so call it in a thread."""
    return _hasher.hash(password)


def verify_password(stored: str, password: str) -> bool:
    """Whether `password` is the one. As slow for a wrong one as for the right one."""
    try:
        return _hasher.verify(stored, password)
    except argon2.exceptions.VerificationError:
        return False


@cache
def unknown_user() -> str:
    """A hash to verify against when there is no such user, so that both answers take the same time."""
    return hash_password(new_token())
