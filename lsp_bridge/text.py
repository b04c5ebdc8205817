"""A document's text as an editor changes it: a list of lines, so that a keystroke in a file of 10 MB costs no copy of it."""

import re
from collections.abc import Sequence
from itertools import pairwise

import msgspec

_ENDS = re.compile(r"\r\n|\n|\r")


class Position(msgspec.Struct):
    """Counts from 0; `character` in UTF-16 code units (LSP 3.17, "Position")."""

    line: int
    character: int


class Range(msgspec.Struct):
    start: Position
    end: Position


class Change(msgspec.Struct):
    """TextDocumentContentChangeEvent; without a range, `text` is the whole document."""

    text: str
    range: Range | None = None


class Text:
    """`lines` with their ends; the last has none, and may be empty."""

    def __init__(self, text: str) -> None:
        self.lines = _split(text)

    def __str__(self) -> str:
        return "".join(self.lines)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and self.lines == other.lines

    __hash__ = None  # type: ignore[assignment]  # it changes

    def copy(self) -> "Text":
        other = Text("")
        other.lines = self.lines.copy()
        return other

    def change(self, changes: Sequence[Change]) -> None:
        """One after the other. A position behind the end of its line, or of the text, is that end."""
        for one in changes:
            if one.range is None:
                self.lines = _split(one.text)
            else:
                self._replace(one.range, one.text)

    def _replace(self, where: Range, text: str) -> None:
        first, start = self._place(where.start)
        last, end = self._place(where.end)
        if (last, end) < (first, start):
            first, start, last, end = last, end, first, start
        text = self.lines[first][:start] + text + self.lines[last][end:]
        if first and text.startswith("\n") and self.lines[first - 1].endswith("\r"):
            first -= 1
            text = self.lines[first] + text
        if text.endswith("\r") and last + 1 < len(self.lines) and self.lines[last + 1].startswith("\n"):
            last += 1
            text += self.lines[last]
        made = _split(text)
        if last + 1 < len(self.lines):
            made.pop()  # empty: the last of the replaced lines kept its end
        self.lines[first : last + 1] = made

    def _place(self, position: Position) -> tuple[int, int]:
        """The index of the line, and of the character in it."""
        if position.line < 0:
            return 0, 0
        if position.line >= len(self.lines):
            return len(self.lines) - 1, len(self.lines[-1])
        return position.line, _index(self.lines[position.line].rstrip("\r\n"), max(0, position.character))


def _index(line: str, units: int) -> int:
    if line.isascii():
        return min(units, len(line))
    return len(line.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))


def _split(text: str) -> list[str]:
    """In time that grows with the text, whatever its lines are like."""
    if "\r" not in text or text.count("\r") == text.count("\r\n"):
        lines = text.split("\n")
        last = lines.pop()
        return [*(line + "\n" for line in lines), last]
    ends = [0, *(found.end() for found in _ENDS.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(ends)]
