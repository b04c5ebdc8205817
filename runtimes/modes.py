"""Which private modes a terminal's output has switched on or off: what a viewer needs that comes in after the switch.

The sequences are xterm's (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html): DECSET and DECRST (`CSI ? n h`,
`CSI ? n l`), the keypad modes DECKPAM and DECKPNM (`ESC =`, `ESC >`), and the resets RIS (`ESC c`) and DECSTR (`CSI !
p`).
"""

import json
import re
from collections.abc import Iterator
from typing import Final

from runtimes.ring import Ring

#: What is remembered: cursor keys, reverse video, origin, wraparound, mouse (X10, button, drag, any), cursor blink and
#: visibility, focus events, mouse encodings (UTF-8, SGR, urxvt, SGR pixels), alternate scroll, alternate screens,
#: bracketed paste. Not 2026 (synchronised output): restored without what ends it, it would freeze the screen.
KNOWN: Final = frozenset(
    {1, 5, 6, 7, 9, 12, 25, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 1047, 1049, 2004}
)
ON_AT_FIRST: Final = frozenset({7, 25})
KEYPAD: Final = 0  # stands for the keypad's application mode; there is no private mode 0

_SEQUENCE = re.compile(rb"\x1b(?:\[\?([0-9;]{1,64})([hl])|([=>c])|\[!p)")
_LONGEST = 96  # bytes: a sequence across two scans is found because the next scan begins this much earlier
_STRIDE = 1 << 18  # bytes copied out of the ring at a time


class Modes:
    """The modes in force at one offset of a ring, moved forward by scanning; kept in the ring's note so that a restart
    knows them."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self.offset, note = ring.note
        self._modes: dict[int, bool] = {int(mode): on for mode, on in json.loads(note or b"{}").items()}

    def advance(self, offset: int) -> None:
        """Scan up to `offset`. To be called before what was not yet scanned is overwritten."""
        self.offset = _scan(self._ring, self.offset, offset, self._modes)
        self._ring.set_note(self.offset, json.dumps(self._modes).encode())

    def restore(self, offset: int) -> bytes:
        """A reset and the sequences that bring a terminal's modes to where they were at `offset`, which must not be
        scanned past."""
        modes = dict(self._modes)
        _scan(self._ring, self.offset, offset, modes)
        return b"\x1bc" + b"".join(_switches(modes))


def _scan(ring: Ring, begin: int, end: int, modes: dict[int, bool]) -> int:
    """Apply the sequences between `begin` and `end` to `modes`; return `end`, or `begin` where that lies further on.

    Going over the same bytes twice does no harm, since each mode ends as its last switch says: that is how split
    sequences are found.
    """
    for at in range(begin, end, _STRIDE):
        text = ring.slice(max(ring.start, at - _LONGEST), min(at + _STRIDE, end))
        if b"\x1b" in text:  # one byte is sought at memory's speed; most of a flood has none
            for found in _SEQUENCE.finditer(text):
                _apply(found, modes)
    return max(begin, end)


def _apply(found: re.Match[bytes], modes: dict[int, bool]) -> None:
    numbers, switch, single = found.groups()
    if numbers:
        for mode in {int(number) for number in numbers.split(b";") if number} & KNOWN:
            modes.pop(mode, None)  # the order of switching counts for those that exclude each other
            modes[mode] = switch == b"h"
    elif single in (b"=", b">"):
        modes[KEYPAD] = single == b"="
    else:
        modes.clear()


def _switches(modes: dict[int, bool]) -> Iterator[bytes]:
    for mode, on in modes.items():
        if on == (mode in ON_AT_FIRST):
            continue
        if mode == KEYPAD:
            yield b"\x1b="
        else:
            yield b"\x1b[?%d%c" % (mode, b"h" if on else b"l")
