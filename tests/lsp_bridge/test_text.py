"""Edits by position, against the plain way of making them."""

import random

import pytest

from lsp_bridge.text import Change, Position, Range, Text


def change(text: str, *where: int) -> Change:
    return Change(text, Range(Position(*where[:2]), Position(*where[2:])))


def plainly(text: str, made: Change) -> str:
    """The same edit on one string of UTF-16 code units."""
    assert made.range is not None
    units = text.encode("utf-16-le")
    starts, at = [0], 0
    while at < len(text):
        end = 2 if text.startswith("\r\n", at) else 1
        if text[at] in "\r\n":
            starts.append(at + end)
        at += end

    def offset(position: Position) -> int:
        if position.line >= len(starts):
            return len(units)
        start = starts[position.line]
        stop = starts[position.line + 1] if position.line + 1 < len(starts) else len(text)
        content = text[start:stop].rstrip("\r\n")
        before = len(text[:start].encode("utf-16-le"))
        return before + min(2 * position.character, len(content.encode("utf-16-le")))

    first, last = sorted((offset(made.range.start), offset(made.range.end)))
    return (units[:first] + made.text.encode("utf-16-le") + units[last:]).decode("utf-16-le")


@pytest.mark.parametrize("seed", range(20))
def test_random_edits_come_out_as_on_a_plain_string(seed: int):
    dice = random.Random(seed)
    pieces = ["a", "\n", "\r\n", "\r", "é", "日本", "x\ny", "", "\u2028", "\x0c"]
    text, plain = Text("one\ntwo\r\nthree\rfour"), "one\ntwo\r\nthree\rfour"
    for _ in range(300):
        numbers = [dice.randrange(6) for _ in range(4)]
        made = change(dice.choice(pieces), *numbers)
        text.change([made])
        plain = plainly(plain, made)
        assert str(text) == plain
        assert text.lines == Text(plain).lines


def test_characters_count_in_utf_16():
    text = Text("a😀b")
    text.change([change("X", 0, 3, 0, 3)])
    assert str(text) == "a😀Xb"
    text.change([change("", 0, 1, 0, 2)])  # within a pair: nothing can be cut there
    assert str(text) == "a😀Xb"


def test_a_change_without_a_range_is_the_whole_text():
    text = Text("x")
    text.change([Change("new\n"), change("!", 1, 0, 1, 0)])
    assert str(text) == "new\n!"


def test_a_copy_is_its_own():
    text = Text("a\nb")
    other = text.copy()
    assert other == text
    other.change([change("X", 0, 0, 0, 0)])
    assert str(text) == "a\nb" and other != text


def test_a_long_line_without_an_end_is_split_at_once():
    """In quadratic time this would take minutes."""
    assert len(Text("x" * 10_000_000).lines) == 1
    assert len(Text("\r" + "x" * 10_000_000).lines) == 2
