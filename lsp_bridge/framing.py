"""The wire of a language server: Content-Length framing of JSON-RPC (LSP 3.17, "Base Protocol")."""

from dataclasses import dataclass
from typing import Final

MAX_HEADER: Final = 4096
MAX_BODY: Final = 32 * 1024 * 1024
MAX_SKIPPED: Final = 1024 * 1024 * 1024
_HEAD: Final = 512


class FramingError(Exception):
    """The other side does not speak the base protocol; the stream cannot be used any further."""


@dataclass(frozen=True)
class TooLarge:
    """In place of a body of more than MAX_BODY bytes: how many they were, and the first of them."""

    length: int
    head: bytes


def frame(body: bytes) -> bytes:
    """One message as it goes to a server's standard input."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Unframer:
    """Cuts a stream of bytes, in whatever pieces it arrives, into message bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length = -1  # of the body that is being waited for; -1: its header is
        self._skip = 0
        self._large: TooLarge | None = None

    def feed(self, piece: bytes) -> list[bytes | TooLarge]:
        """What `piece` completes. Raises FramingError on a header that is not one: no length, two lengths, a negative or
        absurd one, or a header that does not end."""
        self._buffer += piece
        found: list[bytes | TooLarge] = []
        while True:
            if self._large is not None:
                gone = min(self._skip, len(self._buffer))
                del self._buffer[:gone]
                self._skip -= gone
                if self._skip:
                    return found
                found.append(self._large)
                self._large = None
            if self._length < 0 and not self._header():
                return found
            if self._length > MAX_BODY:
                if len(self._buffer) < _HEAD:
                    return found
                self._large = TooLarge(self._length, bytes(self._buffer[:_HEAD]))
                self._skip, self._length = self._length, -1
                continue
            if len(self._buffer) < self._length:
                return found
            found.append(bytes(self._buffer[: self._length]))
            del self._buffer[: self._length]
            self._length = -1

    def _header(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEADER + 4)
        if end < 0:
            if len(self._buffer) > MAX_HEADER:
                raise FramingError(f"a header that does not end: {bytes(self._buffer[:80])!r}")
            return False
        self._length = _length(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        return True


def _length(header: bytes) -> int:
    lengths = [
        value.strip()
        for name, _, value in (line.partition(b":") for line in header.split(b"\r\n"))
        if name.strip().lower() == b"content-length"
    ]
    if len(lengths) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 12:
        raise FramingError(f"expected one Content-Length, got {header[:200]!r}")
    length = int(lengths[0])
    if length > MAX_SKIPPED:
        raise FramingError(f"a message of {length} bytes is too large")
    return length
