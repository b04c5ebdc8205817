"""Moments in PostgreSQL's binary form, counted from 2000, in PostgreSQL's own words.

For where asyncpg takes no text, within ranges and records: Python's types know neither infinity nor the years before Christ.
"""

import datetime
from collections.abc import Callable, Mapping
from typing import Any, Final

_DAY: Final = 86_400_000_000
_EPOCH: Final = datetime.date(2000, 1, 1).toordinal() - 1
_CYCLE: Final = 146_097
"""Days of 400 years, after which the calendar repeats."""


def _day(days: int) -> tuple[str, str]:
    """(the day, " BC" where it was before Christ)."""
    cycles, rest = divmod(days + _EPOCH, _CYCLE)
    like = datetime.date.fromordinal(rest + 1)
    year = like.year + 400 * cycles
    return f"{year if year > 0 else 1 - year:04}-{like:%m-%d}", "" if year > 0 else " BC"


def _clock(microseconds: int) -> str:
    seconds, rest = divmod(microseconds, 1_000_000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{rest:06}".rstrip("0") if rest else text


def _date(value: tuple[int]) -> str:
    (days,) = value
    return _endless(days, 31) or "".join(_day(days))


def _timestamp(value: tuple[int], zone: str = "") -> str:
    (microseconds,) = value
    days, rest = divmod(microseconds, _DAY)
    return _endless(microseconds, 63) or f" {_clock(rest)}{zone}".join(_day(days))


def _timetz(value: tuple[int, int]) -> str:
    microseconds, west = value
    hours, seconds = divmod(abs(west), 3600)
    minutes = f":{seconds // 60:02}" if seconds else ""
    return f"{_clock(microseconds)}{'-' if west > 0 else '+'}{hours:02}{minutes}"


def _interval(value: tuple[int, int, int]) -> str:
    """As ISO 8601 has it: each part has its sign, and is left out where it is nothing."""
    months, days, microseconds = value
    years, months = _parted(months, 12)
    seconds, rest = _parted(microseconds, 1_000_000)
    minutes, seconds = _parted(seconds, 60)
    hours, minutes = _parted(minutes, 60)
    second = str(seconds) if not rest else f"{'-' if microseconds < 0 else ''}{abs(seconds)}.{abs(rest):06}".rstrip("0")
    day, clock = (
        "".join(f"{number}{unit}" for number, unit in parts if number not in (0, "0"))
        for parts in (((years, "Y"), (months, "M"), (days, "D")), ((hours, "H"), (minutes, "M"), (second, "S")))
    )
    return "P" + day + ("T" + clock if clock else "" if day else "T0S")


def _parted(number: int, size: int) -> tuple[int, int]:
    """divmod towards zero, which is how PostgreSQL cuts."""
    whole, rest = divmod(abs(number), size)
    return (-whole, -rest) if number < 0 else (whole, rest)


def _endless(number: int, bits: int) -> str:
    return {(1 << bits) - 1: "infinity", -1 << bits: "-infinity"}.get(number, "")


DECODERS: Final[Mapping[str, Callable[[Any], str]]] = {
    "timestamp": _timestamp,
    "timestamptz": lambda value: _timestamp(value, "+00"),
    "date": _date,
    "time": lambda value: _clock(value[0]),
    "timetz": _timetz,
    "interval": _interval,
}
