"""What may stand where a wrong value stands, for errors to say: of few values, which; of a pattern, what it means. msgspec tells
the wrong value alone, and the pattern as Python writes it.
"""

import re
from typing import Any

from msgspec import inspect


def choices(kind: Any, path: str) -> list[str]:
    """The values that may stand at `path` (`rules[0].event`) in a body of type `kind`; empty where they are not a few."""
    here = _each(inspect.type_info(kind))
    found: list[Any] = []
    for name in re.findall(r"\[|[^.\[\]]+(?!\])\b", path):
        below: list[inspect.Type] = []
        found = []
        for one in here:
            if isinstance(one, inspect.StructType):
                below += [part for field in one.fields if field.encode_name == name for part in _each(field.type)]
                found += [one.tag] if one.tag_field == name else []
            elif name == "[" and isinstance(one, inspect.CollectionType):
                below += _each(one.item_type)
        here = below
    for one in here:
        if isinstance(one, inspect.LiteralType):
            found += one.values
        elif isinstance(one, inspect.EnumType):
            found += [member.value for member in one.cls]
    return [str(value) for value in found]


def _each(kind: inspect.Type) -> list[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        return _each(kind.type)
    return [part for one in kind.types for part in _each(one)] if isinstance(kind, inspect.UnionType) else [kind]


_MEANINGS = {
    r"^[^\x00-\x1f\x7f]*$": "one line of text, without control characters",
    r"^[^\x00-\x1f\x7f]+$": "one line of text, without control characters",
    r"^[^\S\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$": "one line of text that is not blank",
    r"^[^\x00]*$": "text without NUL",
    r"^[^\x00]+$": "text without NUL",
    r"^\s*[^\s\x00][^\x00]*$": "text that is not blank, without NUL",
    r"\S": "text that is not blank",
    r"^[0-9a-f]{40,64}$": "the id of a commit in full, 40 hexadecimal digits",
    r"^([^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]*)?$": "the name of a branch: no spaces, none of ~^:?*[\\, no - first",
    r"^[^/\x00-\x20?#%\\]+(/[^/\x00-\x20?#%\\]+)+$": "owner/name, as the provider has it",
    r"^([^/\x00\\]+(/[^/\x00\\]+)*)?$": "a path in the repository, of names with / between them",
    r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$": "63 letters, digits, spaces and _.- at most, a letter or digit first",
    r"^[\x21-\x7e]+$": "text without spaces and line ends",
}


def in_words(pattern: str) -> str:
    """What a text must be to match that."""
    plain = pattern.removesuffix(r"(?!\n)")
    return _MEANINGS.get(plain, f"text that matches {plain}")
