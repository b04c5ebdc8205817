"""`$NAME` and `${NAME…}` in a compose file (compose-spec, interpolation), from the variables given and nothing else: never
from the server's own environment.

`${N}` `${N:-or}` `${N-or}` `${N:?why}` `${N?why}` `${N:+then}` `${N+then}`, nested, `$$` for a dollar sign. `${kind::NAME}` is a
reference between services and left as it is.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from runtimes.compose.model import Problem
from runtimes.compose.source import Map, Override, Seq, Where, bad

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_DEPTH: Final = 20
_CHARACTERS: Final = 4 << 20  # all that one project may have filled in


class Filled(str):
    """A text with variables filled in; `written` is what stands in the file."""

    written: str


class Filling:
    """One project's filling in. `asked` collects the names asked for, `unset` those that had neither a value nor a default."""

    def __init__(self, variables: Mapping[str, str], within: "Filling | None" = None) -> None:
        """`within`: the project's own, where these variables are for a part of it."""
        self.variables = variables
        self.asked: set[str] = within.asked if within else set()
        self.unset: dict[str, Problem] = within.unset if within else {}
        self.left: list[int] = within.left if within else [_CHARACTERS]

    def spend(self, text: str, path: str, where: Where) -> str:
        self.left[0] -= len(text)
        if self.left[0] < 0:
            raise bad("too_large", "too much is filled in: variables become larger than 4 MiB", path=path, where=where)
        return text

    def missing(self, name: str, path: str, where: Where) -> str:
        message = f"the variable {name} has no value, so nothing stands in its place; give it one, or write ${{{name}:-default}}"
        problem = Problem(
            severity="warning", code="variable_unset", path=path, message=message, file=where[0], line=where[1]
        )
        self.unset.setdefault(name, problem)
        return ""


def interpolate(value: Any, filling: Filling, *, path: str = "", where: Where = ("", None)) -> Any:
    """`value` with every text filled in. Raises BadCompose."""
    if isinstance(value, str):
        if "$" not in value:
            return value
        filled = Filled(fill(value, filling, path=path, where=where))
        filled.written = value
        return filled
    if isinstance(value, Override):
        return Override(interpolate(value.value, filling, path=path, where=where))
    if isinstance(value, Map):
        found = Map()
        for key, inner in value.items():
            place = value.where[key]
            found.put(key, interpolate(inner, filling, path=f"{path}.{key}".strip("."), where=place), place)
        return found
    if isinstance(value, Seq):
        items = Seq()
        for number, (inner, place) in enumerate(zip(value, value.where, strict=True)):
            items.put(interpolate(inner, filling, path=f"{path}.{number}", where=place), place)
        return items
    return value


def fill(text: str, filling: Filling, *, path: str = "", where: Where = ("", None)) -> str:
    """One text. Raises BadCompose for what is no form of the specification, and for a required variable that lacks."""
    return _Text(text, filling, path, where).until_end(0, 0, wanted=True)[0]


class _Text:
    """One text while it is filled in."""

    def __init__(self, text: str, filling: Filling, path: str, where: Where) -> None:
        self.text, self.filling, self.path, self.where = text, filling, path, where

    def until_end(self, at: int, depth: int, *, wanted: bool) -> tuple[str, int]:
        """From `at` to the end, or within braces to the closing one. What is not `wanted` is only read past: a required
        variable in it is not missing. A brace of its own, as in `${A:-{}}`, has its closing one."""
        text, parts, opened = self.text, list[str](), 0
        if depth > _DEPTH:
            raise self.wrong("too_complex", "variables are nested too deeply")
        while at < len(text):
            one = text[at]
            if one == "}" and depth and not opened:
                break
            if text.startswith("$$", at):
                parts.append("$")
                at += 2
            elif text.startswith("${", at):
                value, at = self.braced(at, depth, wanted=wanted)
                parts.append(value)
            elif one == "$" and (name := _NAME.match(text, at + 1)) is not None:
                parts.append(self.plain(name[0], wanted=wanted))
                at = name.end()
            elif one == "$":
                raise self.wrong("bad_variable", "write $$ for a dollar sign, or ${NAME}")
            else:
                opened += depth and ((one == "{") - (one == "}"))
                stop = next((i for i in range(at + 1, len(text)) if text[i] in ("$", "{", "}")), len(text))
                parts.append(self.filling.spend(text[at:stop], self.path, self.where))
                at = stop
        return "".join(parts), at

    def plain(self, name: str, *, wanted: bool) -> str:
        self.filling.asked.add(name)
        value = self.filling.variables.get(name)
        if value is None:
            return self.filling.missing(name, self.path, self.where) if wanted else ""
        return self.filling.spend(value, self.path, self.where) if wanted else ""

    def braced(self, at: int, depth: int, *, wanted: bool) -> tuple[str, int]:
        text, shown = self.text, f"“{self.text[at : at + 40]}”"
        name = _NAME.match(text, at + 2)
        if name is None:
            raise self.wrong("bad_variable", f"{shown} is no variable; write ${{NAME}}, or $$ for a dollar sign")
        end = name.end()
        if text.startswith("::", end):  # a reference between services
            close = text.find("}", end)
            if close < 0:
                raise self.wrong("bad_variable", f"{shown} has no closing brace")
            return text[at : close + 1], close + 1
        operator = _OPERATOR.match(text, end)
        if operator is None:
            if not text.startswith("}", end):
                raise self.wrong("bad_variable", f"{shown} is no form of a variable, or has no closing brace")
            return self.plain(name[0], wanted=wanted), end + 1
        self.filling.asked.add(name[0])
        value = self.filling.variables.get(name[0])
        kind = operator[0][-1]
        given = bool(value) if operator[0][0] == ":" else value is not None
        word, end = self.until_end(operator.end(), depth + 1, wanted=wanted and given == (kind == "+"))
        if not text.startswith("}", end):
            raise self.wrong("bad_variable", f"{shown} has no closing brace")
        if kind == "?" and not given and wanted:
            raise self.wrong("variable_missing", f"{name[0]} must be set: {word or 'give it a value'}")
        if not wanted or (kind == "+" and not given):
            return "", end + 1
        return (word if kind == "+" or not given else self.filling.spend(value or "", self.path, self.where)), end + 1

    def wrong(self, code: str, message: str) -> Exception:
        return bad(code, message, path=self.path, where=self.where)
