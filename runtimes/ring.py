"""A byte ring in a memory-mapped file: the last few megabytes of a stream, each byte with a 64-bit offset.

It is read into straight from a descriptor and survives `kill -9` of the process that does so without losing or
doubling a byte:

- The *window*, the bytes that follow the end, holds nothing but 0xFF between two reads.
- A read puts what comes into the window (`readv`), then fills the next window with 0xFF, and only then publishes
  the new end.
- Whoever opens the file next takes the bytes of the window up to the last one that is not 0xFF as read.

Killed before the fill, those bytes are found in the window; killed after it, they are found there just the same;
killed after the end is published, they lie before it. The one inexactness: bytes 0xFF at the very end of a read that
was cut off this way are not counted as read. (0xFF occurs in no UTF-8 text.) What the page cache holds survives a
process, not a power cut.

File: a header page (magic, version, capacity, window, end, then two slots for a note of which one is current), then
the data.
"""

import contextlib
import mmap
import os
import struct
from typing import Final

MAGIC: Final = b"CYRING\r\n"
VERSION: Final = 1
HEADER: Final = 4096
CAPACITY: Final = 4 << 20
WINDOW: Final = 64 << 10

_FIXED = struct.Struct("<8sQQQ")  # magic, version, capacity, window
_END = 4  # the header as unsigned 64-bit words: where the end is kept,
_SLOT = 5  # which of the two slots is current (0 or 1),
_SLOTS = (1024, 2560)  # and where in the page these begin: offset u64, length u64, bytes
NOTE_LIMIT: Final = 1024


class BadRing(ValueError):
    """The file is not a ring, or was made by a version that lays it out in another way."""


class Ring:
    """The stream's bytes from `start` to `end`; everything before `start` has been overwritten."""

    def __init__(self, path: str, *, capacity: int = CAPACITY, window: int = WINDOW) -> None:
        """Open the ring at `path`, or make it (0600, all of its disk space reserved: a full disk is an OSError here,
        not a SIGBUS later).

        `capacity` and `window` are bytes, multiples of the page size, and count for a new file only.
        """
        self.path = path
        self.capacity: int
        self.window: int
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if not size:
                _create(descriptor, path, capacity, window)
                size = HEADER + capacity
            if size < HEADER:
                raise BadRing(f"{path} is not a ring: it is too short")
            self._map = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        magic, version, self.capacity, self.window = _FIXED.unpack_from(self._map)
        if magic != MAGIC or version != VERSION or size != HEADER + self.capacity:
            self._map.close()
            raise BadRing(f"{path} is not a ring of version {VERSION}")
        self._view = memoryview(self._map)
        self._header = self._view[:HEADER].cast("Q")
        self._data = self._view[HEADER:]
        self._blank = b"\xff" * self.window
        self._touch = b"\xff" * (self.window // mmap.PAGESIZE)
        self.end: int = self._header[_END]
        self._recover()

    @property
    def start(self) -> int:
        """The oldest offset that still can be read."""
        return max(0, self.end - self.capacity + self.window)

    def read_from(self, descriptor: int) -> int:
        """Read what `descriptor` has, at most a window; return how much. 0 is the end of the stream; errors are
        `os.readv`'s."""
        at = self.end % self.capacity
        room = self.capacity - at
        # A fault on one of these pages while SIGKILL is pending would cut the kernel's copy short: take it here.
        if room >= self.window:
            self._map[HEADER + at : HEADER + at + self.window : mmap.PAGESIZE] = self._touch
            count = os.readv(descriptor, [self._data[at : at + self.window]])
        else:
            count = os.readv(descriptor, [self._data[at:], self._data[: self.window - room]])
        if count:
            self._advance(count)
        return count

    def append(self, data: bytes) -> None:
        """Add `data` as if it had been read."""
        for begin in range(0, len(data), self.window):
            part = data[begin : begin + self.window]
            self._put(self.end, part)
            self._advance(len(part))

    def slice(self, begin: int, end: int) -> bytes:
        """The bytes of offsets `begin` to `end`, which must lie between `self.start` and `self.end`."""
        if not self.start <= begin <= end <= self.end:
            raise IndexError(f"{begin}–{end} is not within {self.start}–{self.end}")
        at, length = begin % self.capacity, end - begin
        first = bytes(self._data[at : min(at + length, self.capacity)])
        return first if len(first) == length else first + bytes(self._data[: length - len(first)])

    @property
    def note(self) -> tuple[int, bytes]:
        """What `set_note` kept last: an offset and some bytes; (0, b"") at first."""
        at = _SLOTS[self._header[_SLOT] & 1]
        offset, length = struct.unpack_from("<QQ", self._map, at)
        return offset, bytes(self._view[at + 16 : at + 16 + min(length, NOTE_LIMIT)])

    def set_note(self, offset: int, text: bytes) -> None:
        """Keep a fact about the stream up to `offset` with it, `NOTE_LIMIT` bytes at most; replaced as a whole or not
        at all."""
        if len(text) > NOTE_LIMIT:
            raise ValueError(f"a note has {NOTE_LIMIT} bytes at most")
        slot = 1 - (self._header[_SLOT] & 1)
        at = _SLOTS[slot]
        self._map[at : at + 16 + len(text)] = struct.pack("<QQ", offset, len(text)) + text
        self._header[_SLOT] = slot

    def close(self) -> None:
        """Unmap. The file stays."""
        self._header.release()
        self._data.release()
        self._view.release()
        self._map.close()

    def _advance(self, count: int) -> None:
        """Count `count` bytes of the window as read: blank as many after the window, then publish."""
        self._put(self.end + self.window, self._blank if count == self.window else self._blank[:count])
        self.end += count
        self._header[_END] = self.end

    def _put(self, offset: int, data: bytes) -> None:
        at = offset % self.capacity
        room = self.capacity - at
        if len(data) <= room:
            self._data[at : at + len(data)] = data
        else:
            self._data[at:] = data[:room]
            self._data[: len(data) - room] = data[room:]

    def _recover(self) -> None:
        """Take what was read but not published. A fill that was cut off is done again by taking it."""
        at, room = self.end % self.capacity, self.capacity - self.end % self.capacity
        window = bytes(self._data[at : at + min(room, self.window)])
        window += bytes(self._data[: self.window - len(window)])
        if read := len(window.rstrip(b"\xff")):
            self._advance(read)


def _create(descriptor: int, path: str, capacity: int, window: int) -> None:
    if capacity % mmap.PAGESIZE or window % mmap.PAGESIZE or capacity < 2 * window:
        raise ValueError("capacity and window are whole pages, and the ring holds two windows at least")
    try:
        os.posix_fallocate(descriptor, 0, HEADER + capacity)
        # The header comes last: a file cut off here has no magic and is no ring.
        os.pwrite(descriptor, b"\xff" * window, HEADER)
        os.pwrite(descriptor, _FIXED.pack(MAGIC, VERSION, capacity, window), 0)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
