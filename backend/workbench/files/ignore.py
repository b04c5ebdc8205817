"""What .gitignore files say (gitignore(5)), one folder at a time and fast: names and suffixes are looked up, the rest is one
regular expression a file, tried from its last line to its first, since the last match counts.
"""

import re
from typing import NamedTuple


class _Rule(NamedTuple):
    expression: str
    negated: bool
    folders_only: bool
    by_name: bool
    literal: str


class Ignore:
    """The rules of one .gitignore, for paths relative to its folder."""

    def __init__(self, text: str) -> None:
        rules = [rule for line in text.splitlines() if (rule := _parse(line)) is not None]
        self._names: set[str] = set()
        self._suffixes: tuple[str, ...] = ()
        if not any(rule.negated for rule in rules):  # without exceptions the order does not matter
            self._names = {rule.literal for rule in rules if _is_name(rule)}
            self._suffixes = tuple({rule.literal[1:] for rule in rules if _is_suffix(rule)})
            rules = [rule for rule in rules if not _is_name(rule) and not _is_suffix(rule)]
        self._rules = rules[::-1]
        self._one = _join(self._rules) if self._rules else None

    def __bool__(self) -> bool:
        return bool(self._names or self._suffixes or self._rules)

    def says(self, path: str, name: str, is_folder: bool) -> bool | None:
        """Whether it ignores `path`, whose last component is `name`; None where it says nothing."""
        if name in self._names or (self._suffixes and name.endswith(self._suffixes)):
            return True
        if self._one is None:
            return None
        found = self._one.match(f"{path}/" if is_folder else path)
        return None if found is None else not self._rules[(found.lastindex or 1) - 1].negated


def _is_name(rule: _Rule) -> bool:
    return rule.by_name and not rule.folders_only and not re.search(r"[*?\[\\]", rule.literal)


def _is_suffix(rule: _Rule) -> bool:
    literal = rule.literal
    return rule.by_name and not rule.folders_only and literal[:1] == "*" and not re.search(r"[*?\[\\]", literal[1:])


def _join(rules: list[_Rule]) -> re.Pattern[str]:
    return re.compile("|".join(f"({_anchored(rule)})" for rule in rules), re.DOTALL)


def _anchored(rule: _Rule) -> str:
    before = "(?:.*/)?" if rule.by_name else ""
    return before + rule.expression + (r"/\Z" if rule.folders_only else r"/?\Z")


def _parse(line: str) -> _Rule | None:
    """One line; None where it holds no rule."""
    if line.startswith("#"):
        return None
    while line.endswith(" ") and not line.endswith("\\ "):
        line = line[:-1]
    negated = line.startswith("!")
    line = line[negated:]
    folders_only = line.endswith("/")
    line = line.rstrip("/") if folders_only else line
    by_name = "/" not in line
    line = line.removeprefix("/")
    if not line:
        return None
    try:
        expression = _translate(line)
        re.compile(expression)
    except re.error:  # such as the range [z-a], which matches nothing
        return None
    return _Rule(expression, negated, folders_only, by_name, line)


def _translate(pattern: str) -> str:
    """A pattern without leading and trailing slash as a regular expression."""
    out = []
    at = 0
    while at < len(pattern):
        rest = pattern[at:]
        begins = at == 0 or pattern[at - 1] == "/"
        if begins and rest.startswith("**/"):
            out.append("(?:.*/)?")
            at += 3
        elif begins and rest == "**":
            out.append("[^/].*" if at else ".*")
            at += 2
        elif rest[0] == "*":
            out.append("[^/]*")
            at += len(rest) - len(rest.lstrip("*"))
        elif rest[0] == "?":
            out.append("[^/]")
            at += 1
        elif rest[0] == "[" and (found := re.match(r"\[([!^]?)(\]?(?:\[:\w+:\]|\\.|[^\]\\])*)\]", rest)):
            out.append(_set(bool(found[1]), found[2]))
            at += found.end()
        elif rest[0] == "\\" and len(rest) > 1:
            out.append(re.escape(rest[1]))
            at += 2
        else:
            out.append(re.escape(rest[0]))
            at += 1
    return "".join(out)


_CLASSES = {"alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z", "space": r"\s",
            "xdigit": "0-9a-fA-F", "punct": r"!-/:-@\[-`{-~", "blank": r" \t"}  # fmt: skip


def _set(negated: bool, inside: str) -> str:
    inside = re.sub(r"\[:(\w+):\]|\\(.)|([\[\]^&~|\\])", _in_set, inside)
    return f"(?!/)[{'^' if negated else ''}{inside}]"


def _in_set(found: re.Match[str]) -> str:
    if found[1]:
        return _CLASSES.get(found[1], "")
    return re.escape(found[2] or found[3])
