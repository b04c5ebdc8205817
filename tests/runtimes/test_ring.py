"""The ring: offsets that never lie, over any number of turns, and after a death at any moment."""

import os
import random
from pathlib import Path

import pytest

from runtimes.ring import HEADER, NOTE_LIMIT, BadRing, Ring

CAPACITY, WINDOW = 64 << 10, 8 << 10


def small(path: Path) -> Ring:
    return Ring(str(path / "a.ring"), capacity=CAPACITY, window=WINDOW)


def feed(ring: Ring, data: bytes) -> None:
    """Through a descriptor, as a terminal's output comes."""
    reader, writer = os.pipe()
    try:
        for begin in range(0, len(data), 32 << 10):
            part = data[begin : begin + (32 << 10)]
            os.write(writer, part)
            left = len(part)
            while left:
                left -= ring.read_from(reader)
    finally:
        os.close(reader)
        os.close(writer)


def test_what_was_read_is_found_at_its_offset_over_many_turns(tmp_path: Path) -> None:
    ring, written, dice = small(tmp_path), b"", random.Random(1)
    for _ in range(200):
        part = dice.randbytes(dice.randrange(1, 5000))
        feed(ring, part)
        written += part
        assert ring.end == len(written)
        begin = dice.randrange(ring.start, ring.end + 1)
        end = dice.randrange(begin, ring.end + 1)
        assert ring.slice(begin, end) == written[begin:end]
    assert ring.start == len(written) - CAPACITY + WINDOW
    ring.close()


def test_a_ring_opened_again_goes_on_where_it_was(tmp_path: Path) -> None:
    ring = small(tmp_path)
    feed(ring, b"one ")
    ring.set_note(3, b"a note")
    ring.close()
    ring = small(tmp_path)
    feed(ring, b"two")
    assert (ring.slice(0, ring.end), ring.note) == (b"one two", (3, b"a note"))
    ring.close()


@pytest.mark.parametrize("at", [0, 1000, CAPACITY - 10, CAPACITY, 5 * CAPACITY - 3000])
def test_bytes_read_but_not_published_are_taken_after_a_kill(tmp_path: Path, at: int) -> None:
    ring = small(tmp_path)
    feed(ring, b"." * at)
    ring._put(ring.end, b"read, then killed")  # what readv does, and nothing after it
    ring.close()
    ring = small(tmp_path)
    assert ring.end == at + 17
    assert ring.slice(at, ring.end) == b"read, then killed"
    feed(ring, b"!")
    assert ring.slice(at, ring.end) == b"read, then killed!"
    ring.close()


@pytest.mark.parametrize("filled", [0, 1, 16, 17])
def test_a_kill_during_the_fill_doubles_nothing(tmp_path: Path, filled: int) -> None:
    ring = small(tmp_path)
    feed(ring, os.urandom(3 * CAPACITY).replace(b"\xff", b"."))
    at = ring.end
    ring._put(at, b"read, then killed")
    ring._put(at + WINDOW, b"\xff" * filled)
    ring.close()
    ring = small(tmp_path)
    assert ring.slice(at, ring.end) == b"read, then killed"
    ring.close()
    ring = small(tmp_path)
    assert ring.end == at + 17
    ring.close()


def test_the_limit_0xff_at_the_end_of_a_read_that_was_cut_off_is_not_seen(tmp_path: Path) -> None:
    ring = small(tmp_path)
    ring._put(ring.end, b"ab\xffc\xff\xff")
    ring.close()
    ring = small(tmp_path)
    assert ring.slice(0, ring.end) == b"ab\xffc"
    ring.close()


def test_0xff_in_reads_that_were_published_is_kept(tmp_path: Path) -> None:
    ring = small(tmp_path)
    feed(ring, b"\xff" * 3000)
    ring.close()
    ring = small(tmp_path)
    assert ring.slice(0, ring.end) == b"\xff" * 3000
    ring.close()


def test_what_is_overwritten_or_not_yet_written_is_an_index_error(tmp_path: Path) -> None:
    ring = small(tmp_path)
    feed(ring, b"." * (2 * CAPACITY))
    for begin, end in ((ring.start - 1, ring.end), (ring.end, ring.end + 1), (ring.end, ring.start), (-1, 0)):
        with pytest.raises(IndexError):
            ring.slice(begin, end)
    ring.close()


def test_offsets_pass_32_bits(tmp_path: Path) -> None:
    ring = small(tmp_path)
    ring.end = ring._header[4] = (1 << 40) + 5
    ring._put(ring.end, b"\xff" * WINDOW)
    feed(ring, b"far out")
    ring.close()
    ring = small(tmp_path)
    assert ring.slice((1 << 40) + 5, (1 << 40) + 12) == b"far out"
    ring.close()


def test_a_note_is_replaced_as_a_whole(tmp_path: Path) -> None:
    ring = small(tmp_path)
    for number in range(5):
        ring.set_note(number, b"x" * number)
        assert ring.note == (number, b"x" * number)
    with pytest.raises(ValueError, match="1024"):
        ring.set_note(9, b"x" * (NOTE_LIMIT + 1))
    assert ring.note == (4, b"xxxx")
    ring.close()


@pytest.mark.parametrize("content", [b"x", b"CYRING\r\n" + bytes(HEADER + CAPACITY - 8), bytes(HEADER)])
def test_a_file_that_is_no_ring_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ring").write_bytes(content)
    with pytest.raises(BadRing):
        small(tmp_path)


def test_a_ring_is_nobody_elses_to_read_and_no_symlink_is_followed(tmp_path: Path) -> None:
    small(tmp_path).close()
    assert (tmp_path / "a.ring").stat().st_mode & 0o777 == 0o600
    (tmp_path / "b.ring").symlink_to(tmp_path / "a.ring")
    with pytest.raises(OSError, match="symbolic"):
        Ring(str(tmp_path / "b.ring"))
