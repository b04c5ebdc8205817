"""One compose file over another (compose-spec, merge): mappings are merged, lists joined, some taken whole."""

import re
from typing import Any, Final

from runtimes.compose.interpolate import Filled
from runtimes.compose.source import Map, Override, Reset, Seq, Where, bad

_WHOLE: Final = re.compile(r"services\.[^.]+\.(command|entrypoint|healthcheck\.test)$")
_KEYED: Final = re.compile(
    r"services\.[^.]+\.(environment|labels|build\.args|build\.labels|extra_hosts|depends_on|networks)$"
)
_BY_TARGET: Final = re.compile(r"services\.[^.]+\.(volumes|configs|secrets)$")


def merge(below: Any, above: Any, path: str = "") -> Any:
    """What `above` makes of `below`, which are left as they are. Nothing above leaves a mapping or list below as it is."""
    if isinstance(above, Override):
        return above.value
    if isinstance(above, Reset):
        return None
    if _KEYED.search(path):
        below, above = keyed(below, path), keyed(above, path)
    if isinstance(below, Map) and isinstance(above, Map):
        return _merge_maps(below, above, path)
    if isinstance(below, Seq) and isinstance(above, Seq) and not _WHOLE.search(path):
        return _join(below, above, by_target=bool(_BY_TARGET.search(path)))
    return below if above is None and isinstance(below, Map | Seq) else above


def settled(value: Any) -> Any:
    """A file that lies over nothing: `!reset` and `!override` have done their work."""
    if isinstance(value, Override):
        return settled(value.value)
    if isinstance(value, Map):
        found = Map()
        for key, inner in value.items():
            if not isinstance(inner, Reset):
                found.put(key, settled(inner), value.where[key])
        return found
    if isinstance(value, Seq):
        items = Seq()
        for inner, where in zip(value, value.where, strict=True):
            if not isinstance(inner, Reset):
                items.put(settled(inner), where)
        return items
    return None if isinstance(value, Reset) else value


def _merge_maps(below: Map, above: Map, path: str) -> Map:
    found = Map()
    for key, value in below.items():
        found.put(key, value, below.where[key])
    for key, value in above.items():
        if isinstance(value, Reset):
            found.pop(key, None)
        else:
            inner = f"{path}.{key.replace('.', '_')}".strip(".")  # a dot in a service's name parts nothing
            found.put(key, merge(below[key], value, inner) if key in below else settled(value), above.where[key])
    return found


def _join(below: Seq, above: Seq, *, by_target: bool) -> Seq:
    """Below's items, then above's; one that says the same, or is for the same target, takes the place of the one below."""
    found = Seq()
    theirs = {_target(value) if by_target else repr(value) for value in above}
    for value, where in zip(below, below.where, strict=True):
        if (_target(value) if by_target else repr(value)) not in theirs:
            found.put(value, where)
    for value, where in zip(above, above.where, strict=True):
        if not isinstance(value, Reset):
            found.put(settled(value), where)
    return found


def _target(value: Any) -> str:
    if isinstance(value, Map):
        return str(value.get("target") or value.get("source")).rstrip("/")
    words = str(value).split(":")
    return (words[1] if len(words) > 1 else words[0]).rstrip("/")


def keyed(value: Any, path: str) -> Any:
    """A list of `NAME=value` or `name` as the mapping that it also may be written as."""
    if not isinstance(value, Seq):
        return value
    found = Map()
    plain = path.endswith(("depends_on", "networks"))
    for item, where in zip(value, value.where, strict=True):
        if isinstance(item, Map | Seq) or item is None:
            raise bad("bad_type", "each item is one line of text", path=path, where=where)
        separator = ":" if path.endswith("extra_hosts") and "=" not in str(item) else "="
        name, given, rest = (str(item), "", "") if plain else str(item).partition(separator)
        if given and isinstance(item, Filled):
            rest = Filled(rest)
            rest.written = item.written.partition(separator)[2]
        found.put(name, rest if given else None, where)
    return found


def places(value: Any, key: Any, otherwise: Where) -> Where:
    """Where a key or item stands."""
    if isinstance(value, Map):
        return value.where.get(key, otherwise)
    if isinstance(value, Seq) and isinstance(key, int) and key < len(value.where):
        return value.where[key]
    return otherwise
