"""Files of NAME=value lines: a working copy's `.env`, and what `env_file` names (compose-spec, env_file)."""

import re
from collections import ChainMap
from typing import Final

from runtimes.compose.interpolate import Filling, fill
from runtimes.compose.source import bad

_LINE: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*(=[ \t]*|(?=\n|#|$))", re.ASCII)
_NOTHING: Final = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|$)")
_RAW: Final = re.compile(r"[^\n]*")
_PLAIN: Final = re.compile(r"((?:[^\n \t#]|(?<![ \t])#|[ \t]+(?![ \t#\n]|$))*)")
_QUOTED: Final = {"'": re.compile(r"'([^']*)'"), '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)}
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$$"}


def env_lines(text: str, file: str, filling: Filling, *, raw: bool = False) -> dict[str, str]:
    """Names and values. Quoted values may go over several lines; `${NAME}` is filled in except in single quotes, from the
    variables given and then from the lines above. A name alone is the variable of that name, left out where there is none.
    `raw`: values stand as they are. Raises BadCompose with the line."""
    found: dict[str, str] = {}
    text = text.replace("\r\n", "\n")
    above = Filling(ChainMap(dict(filling.variables), found), filling)
    at = counted = newlines = 0
    while at < len(text):
        if (nothing := _NOTHING.match(text, at)) is not None:
            at = nothing.end()
            continue
        newlines, counted = newlines + text.count("\n", counted, at), at
        where = file, newlines + 1
        line = _LINE.match(text, at)
        if line is None:
            raise bad("bad_env_file", "a line here is NAME=value, or a comment after #", where=where)
        name, at = line[1], line.end()
        if not line[2]:
            if name in filling.variables:
                found[name] = filling.variables[name]
            continue
        quoted = None if raw else _QUOTED.get(text[at : at + 1])
        value = (quoted or (_RAW if raw else _PLAIN)).match(text, at)
        if value is None:
            raise bad("bad_env_file", f"the value of {name} has no closing quote", where=where)
        quote, at = text[at : at + 1], value.end()
        after = _NOTHING.match(text, at)
        if after is None:
            raise bad("bad_env_file", f"there is more after the value of {name}", where=where)
        at = after.end()
        inner = value[0] if raw else value[1]
        if quoted and quote == '"':
            inner = re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[0]), inner, flags=re.DOTALL)
        literal = raw or (quoted and quote == "'") or "$" not in inner
        found[name] = inner if literal else fill(inner, above, path=name, where=where)
    return found
