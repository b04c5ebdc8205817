"""`$NAME` and `${NAME…}` in a compose file (compose-spec, interpolation), from the variables given and nothing else: never
from the server's own environment.

`${N}` `${N:-or}` `${N-or}` `${N:?why}` `${N?why}` `${N:+then}` `${N+then}`, nested, `$$` for a dollar sign. `${kind::NAME}` is a
reference between services and left as it is.
"""

import re
from collections.abc import Mapping
from typing import Any

from runtimes.compose.source import Map, Override, Seq, Where, bad

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_DEPTH = 20
_BYTES = 1 << 20


def interpolate(
    value: Any, variables: Mapping[str, str], asked: set[str], *, path: str = "", where: Where = ("", None)
) -> Any:
    """`value` with every text filled in; the names that it asks for are added to `asked`. Raises BadCompose."""
    if isinstance(value, str):
        return fill(value, variables, asked, path=path, where=where) if "$" in value else value
    if isinstance(value, Override):
        return Override(interpolate(value.value, variables, asked, path=path, where=where))
    if isinstance(value, Map):
        found = Map()
        for key, inner in value.items():
            place = value.where[key]
            found.put(key, interpolate(inner, variables, asked, path=f"{path}.{key}".strip("."), where=place), place)
        return found
    if isinstance(value, Seq):
        items = Seq()
        for number, (inner, place) in enumerate(zip(value, value.where, strict=True)):
            items.put(interpolate(inner, variables, asked, path=f"{path}.{number}", where=place), place)
        return items
    return value


def fill(text: str, variables: Mapping[str, str], asked: set[str], *, path: str = "", where: Where = ("", None)) -> str:
    """One text. Raises BadCompose for what is no form of the specification, and for a required variable that lacks."""
    filled, end = _fill(text, 0, variables, asked, path, where, 0)
    if end != len(text):
        raise bad("bad_variable", f"there is a }} too many in “{text[:80]}”", path=path, where=where)
    if len(filled) > _BYTES:
        raise bad("too_large", "this becomes larger than 1 MiB", path=path, where=where)
    return filled


def _fill(
    text: str, at: int, variables: Mapping[str, str], asked: set[str], path: str, where: Where, depth: int
) -> tuple[str, int]:
    """From `at` to the end, or within braces to the closing one."""
    if depth > _DEPTH:
        raise bad("too_complex", "variables are nested too deeply", path=path, where=where)
    parts: list[str] = []
    while at < len(text):
        if text[at] == "}" and depth:
            break
        if text[at] != "$":
            stop = min(
                (i for i in (text.find("$", at), text.find("}", at) if depth else -1) if i >= 0), default=len(text)
            )
            parts.append(text[at:stop])
            at = stop
        elif text.startswith("$$", at):
            parts.append("$")
            at += 2
        elif text.startswith("${", at):
            value, at = _braced(text, at, variables, asked, path, where, depth)
            parts.append(value)
        elif (name := _NAME.match(text, at + 1)) is not None:
            asked.add(name[0])
            parts.append(variables.get(name[0], ""))
            at = name.end()
        else:
            raise bad("bad_variable", "write $$ for a dollar sign, or ${NAME}", path=path, where=where)
    return "".join(parts), at


def _braced(
    text: str, at: int, variables: Mapping[str, str], asked: set[str], path: str, where: Where, depth: int
) -> tuple[str, int]:
    name = _NAME.match(text, at + 2)
    if name is None:
        raise bad("bad_variable", f"“{text[at : at + 40]}” is no variable", path=path, where=where)
    end = name.end()
    if text.startswith("::", end):  # a reference between services
        close = text.find("}", end)
        if close < 0:
            raise bad("bad_variable", f"“{text[at : at + 40]}” has no closing brace", path=path, where=where)
        return text[at : close + 1], close + 1
    asked.add(name[0])
    value = variables.get(name[0])
    operator = _OPERATOR.match(text, end)
    word = ""
    if operator is not None:
        word, end = _fill(text, operator.end(), variables, asked, path, where, depth + 1)
    if not text.startswith("}", end):
        raise bad("bad_variable", f"“{text[at : at + 40]}” has no closing brace", path=path, where=where)
    if operator is None:
        return value or "", end + 1
    given = bool(value) if operator[0][0] == ":" else value is not None
    if operator[0][-1] == "+":
        return word if given else "", end + 1
    if given:
        return value or "", end + 1
    if operator[0][-1] == "?":
        raise bad("variable_missing", f"{name[0]} must be set: {word or 'give it a value'}", path=path, where=where)
    return word, end + 1
