"""Private modes are known at any offset, however the output was cut into reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtimes.modes import Modes
from runtimes.ring import Ring


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    ring = Ring(str(tmp_path / "a.ring"))
    yield ring
    ring.close()


def test_modes_are_those_in_force_at_the_offset(ring: Ring) -> None:
    ring.append(b"a\x1b[?1049h\x1b[?25l")
    inside = ring.end
    ring.append(b"b\x1b[?1049l\x1b[?25h\x1b[?2004h")
    modes = Modes(ring)
    assert modes.restore(0) == b"\x1bc"
    assert modes.restore(inside) == b"\x1bc\x1b[?1049h\x1b[?25l"
    assert modes.restore(ring.end) == b"\x1bc\x1b[?2004h"


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_sequence_split_between_two_scans_is_found(ring: Ring, cut: int) -> None:
    text = b"\x1b[?1000;1006;2004h"
    modes = Modes(ring)
    ring.append(b"x" * 300_000 + text[:cut])
    modes.advance(ring.end)
    ring.append(text[cut:])
    modes.advance(ring.end)
    assert sorted(modes.restore(ring.end)[2:].split(b"\x1b")[1:]) == [b"[?1000h", b"[?1006h", b"[?2004h"]


def test_a_switch_that_is_scanned_twice_ends_as_the_last_one_says(ring: Ring) -> None:
    modes = Modes(ring)
    for part in (b"\x1b[?1h", b"\x1b[?1l", b"\x1b=", b"\x1bc", b"\x1b[?1h\x1b=", b"\x1b>"):
        ring.append(part)
        modes.advance(ring.end)
    assert modes.restore(ring.end) == b"\x1bc\x1b[?1h"


@pytest.mark.parametrize("reset", [b"\x1bc", b"\x1b[!p"])
def test_a_reset_switches_all_off(ring: Ring, reset: bytes) -> None:
    ring.append(b"\x1b[?1049h\x1b=" + reset)
    assert Modes(ring).restore(ring.end) == b"\x1bc"


def test_unknown_and_freezing_modes_are_not_restored(ring: Ring) -> None:
    ring.append(b"\x1b[?2026h\x1b[?999999999999999999h\x1b[?;;h\x1b[?" + b"1;" * 200 + b"h\x1b[?5h")
    assert Modes(ring).restore(ring.end) == b"\x1bc\x1b[?5h"


def test_modes_outlive_the_process_and_the_history(ring: Ring) -> None:
    modes = Modes(ring)
    ring.append(b"\x1b[?1002h")
    for _ in range(100):
        ring.append(b"y" * 60_000)
        modes.advance(ring.end - 1000)
    again = Modes(ring)
    assert ring.start > 0
    assert again.restore(ring.end) == b"\x1bc\x1b[?1002h"
