"""What is collected while a project is read: its problems, so that an author sees all of them at once. And plain values."""

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from runtimes.compose import refuse
from runtimes.compose.model import BadCompose, Problem
from runtimes.compose.source import Map, Seq, Where, bad

_BYTES: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Reading:
    """`names` are the volumes, networks, configs and secrets that the project declares, `top` is all of it, `variables` what
    fills it in."""

    def __init__(
        self, root: os.PathLike[str], names: dict[str, set[str]], top: Map, variables: Mapping[str, str]
    ) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.names = names
        self.top = top
        self.variables = variables

    @contextmanager
    def collecting(self, path: str = "", where: Where = ("", None)) -> Iterator[None]:
        try:
            yield
        except BadCompose as error:
            self.problems += error.problems
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            self.error("bad_value", path, str(error).strip("'"), where)

    def error(self, code: str, path: str, message: str, where: Where) -> None:
        self.problems += bad(code, message, path=path, where=where).problems

    def ignored(self, path: str, message: str, where: Where) -> None:
        self.problems.append(refuse.ignored(path, message, where))

    def only(self, body: Any, known: Collection[str], path: str) -> None:
        """Lists what else a mapping has: nothing is dropped silently."""
        for key in body if isinstance(body, Map) else ():
            if key not in known and not key.startswith("x-"):
                self.ignored(f"{path}.{key}", "this field has no effect here", body.where[key])


def listed(value: Any) -> Seq:
    if not isinstance(value, Seq):
        raise ValueError("this is a list")
    return value


def text(value: Any) -> str:
    """One line's value as YAML has it: true is no True."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, Map | Seq):
        raise ValueError("a value is one line of text, a number, true or false")
    return str(value)


def boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in ("true", "false"):
        raise ValueError(f"“{value}” is neither true nor false")
    return str(value).lower() == "true"


def bytes_of(value: Any) -> int:
    """A size such as 512m, 1.5g, 64MiB, or a number of bytes."""
    found = re.fullmatch(r"(\d{1,20}(?:\.\d{1,20})?)\s*([kmgt]?)(?:i?b)?", str(value).strip().lower(), re.ASCII)
    if found is None:
        raise ValueError(f"“{value}” is no size; write it as 512m or 1g")
    return int(float(found[1]) * _BYTES[found[2]])
