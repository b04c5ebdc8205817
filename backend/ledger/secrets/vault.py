"""The installation's keys: DATA/keys/<id>, 32 random bytes each. The newest seals, all of them open.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce in front; what a value belongs to is associated data, so that a row
copied over another one does not open.
"""

import os
import secrets
import time
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class KeyLost(Exception):
    """A value was sealed with a key that is no longer in DATA/keys, or was tampered with."""


class Vault:
    """Keys of one data directory; made where there is none. Blocks for a few small reads."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "keys"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keys: dict[str, bytes] = {}
        self._read()
        if not self._keys:
            self.add_key()

    def _read(self) -> None:
        """Another process may have added one."""
        names = (path.name for path in self.folder.iterdir() if path.suffix == "" and path.name not in self._keys)
        self._keys |= {name: (self.folder / name).read_bytes() for name in names}

    @property
    def current(self) -> str:
        self._read()
        return max(self._keys)

    def add_key(self) -> str:
        """A new key, which seals from now on; ids sort by age."""
        name = f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(2)}"
        key = AESGCM.generate_key(256)
        descriptor = os.open(self.folder / f"{name}.new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        os.rename(self.folder / f"{name}.new", self.folder / name)
        self._keys[name] = key
        return name

    def seal(self, value: str, *, of: str, by: str | None = None) -> tuple[str, bytes]:
        """(key id, sealed value); by the newest key where none is named."""
        name, nonce = by or self.current, secrets.token_bytes(12)
        return name, nonce + AESGCM(self._keys[name]).encrypt(nonce, value.encode(), of.encode())

    def open(self, key_id: str, sealed: bytes, *, of: str) -> str:
        if key_id not in self._keys:
            self._read()
        key = self._keys.get(key_id)
        if key is None:
            raise KeyLost(f"the key {key_id} is not in {self.folder}")
        try:
            return AESGCM(key).decrypt(sealed[:12], sealed[12:], of.encode()).decode()
        except InvalidTag as error:
            raise KeyLost("a sealed value does not open: it was changed, or belongs to something else") from error


@cache
def vault(data: Path) -> Vault:
    """The keys under `data`, read once: they are added to, never changed."""
    return Vault(data)
