"""The wire of a language server: Content-Length framing of JSON-RPC (LSP 3.17, "Base Protocol")."""

MAX_HEADER = 4096
MAX_BODY = 64 * 1024 * 1024


class FramingError(Exception):
    """The other side does not speak the base protocol; the stream cannot be used any further."""


def frame(body: bytes) -> bytes:
    """One message as it goes to a server's standard input."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class Unframer:
    """Cuts a stream of bytes, in whatever pieces it arrives, into message bodies."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """The bodies that `piece` completes. Raises FramingError on a header that is not one: no length, two lengths,
        a negative or huge one, or a header that does not end."""
        self._buffer += piece
        bodies: list[bytes] = []
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _length(bytes(self._buffer[:end]))
            start = end + 4
            if len(self._buffer) < start + length:
                return bodies
            bodies.append(bytes(self._buffer[start : start + length]))
            del self._buffer[: start + length]
        if len(self._buffer) > MAX_HEADER:
            raise FramingError("the header does not end")
        return bodies


def _length(header: bytes) -> int:
    if len(header) > MAX_HEADER:
        raise FramingError("the header is too long")
    lengths = [
        value.strip()
        for name, _, value in (line.partition(b":") for line in header.split(b"\r\n"))
        if name.strip().lower() == b"content-length"
    ]
    if len(lengths) != 1 or not lengths[0].isdigit():
        raise FramingError(f"expected one Content-Length, got {header[:200]!r}")
    length = int(lengths[0])
    if length > MAX_BODY:
        raise FramingError(f"a message of {length} bytes is too large")
    return length
