"""What may stand where only a few values may, for errors to say: msgspec tells the wrong one alone."""

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
