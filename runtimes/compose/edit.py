"""Edits of a compose file's text that leave all the rest as it was: comments, order, quotes, blank lines (round-trip YAML).

Each takes the text and gives the new one. `fields` and `changes` are plain data as the specification has them; None takes a field
away. Raises KeyError for a service that is not there, ValueError for one that is, BadCompose for a text that is no compose file.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from runtimes.compose.source import parse


def add_service(text: str, name: str, fields: Mapping[str, Any]) -> str:
    """After the last one, a blank line before it where others have one."""
    data, yaml = _load(text)
    services = data.get("services")
    if services is not None and name in services:
        raise ValueError(name)
    end = _end_of_services(text)
    if not services or end is None:  # none yet, or written on one line
        if services is None:
            services = data["services"] = CommentedMap()
        services[name] = _node(fields)
        return _dump(data, yaml, text)
    out = io.StringIO()
    yaml.dump(CommentedMap({name: _node(fields)}), out)
    depth = " " * services.lc.data[next(iter(services))][1]
    lines = text.splitlines(keepends=True)
    before = "".join(lines[:end])
    spaced = "\n\n" in before.partition("services:")[2].strip()
    added = "".join(f"{depth}{line}" for line in out.getvalue().splitlines(keepends=True))
    return (
        (before if before.endswith("\n") else before + "\n") + ("\n" if spaced else "") + added + "".join(lines[end:])
    )


def _end_of_services(text: str) -> int | None:
    """The number of the line after the last service; None where they do not stand as a block."""
    lines = text.splitlines()
    begin = next((n for n, line in enumerate(lines) if re.match(r"services:\s*(#.*)?$", line)), None)
    if begin is None:
        return None
    end = next((n for n in range(begin + 1, len(lines)) if lines[n][:1] not in ("", " ", "\t", "#")), len(lines))
    while end > begin + 1 and lines[end - 1].strip()[:1] in ("", "#") and not lines[end - 1].startswith(" "):
        end -= 1
    return end


def update_service(text: str, name: str, changes: Mapping[str, Any]) -> str:
    """Mappings are gone into: {"environment": {"A": "1", "B": None}} sets one variable and takes another away."""
    data, yaml = _load(text)
    _change(data["services"], name, data["services"][name], changes)
    return _dump(data, yaml, text)


def rename_service(text: str, name: str, new: str) -> str:
    """In its place, and where others depend on it."""
    data, yaml = _load(text)
    services = data["services"]
    if new in services:
        raise ValueError(new)
    _rename(services, name, new)
    for body in services.values():
        depends = body.get("depends_on") if isinstance(body, CommentedMap) else None
        if isinstance(depends, CommentedMap) and name in depends:
            _rename(depends, name, new)
        elif isinstance(depends, CommentedSeq) and name in depends:
            depends[depends.index(name)] = new
    return _dump(data, yaml, text)


def remove_service(text: str, name: str) -> str:
    """With what others say of depending on it."""
    data, yaml = _load(text)
    services = data["services"]
    del services[name]
    for body in services.values():
        depends = body.get("depends_on") if isinstance(body, CommentedMap) else None
        if depends and name in depends:
            depends.remove(name) if isinstance(depends, CommentedSeq) else depends.pop(name)
            if not depends:
                del body["depends_on"]
    return _dump(data, yaml, text)


def reorder(text: str, names: Sequence[str]) -> str:
    """All services in this order. Comments go with the service below which they stand."""
    data, yaml = _load(text)
    services = data["services"]
    if sorted(names) != sorted(services):
        raise KeyError("these are not all of the services")
    for name in names:
        services.move_to_end(name)
    return _dump(data, yaml, text)


def declare_volume(text: str, name: str) -> str:
    """A named volume under `volumes`, where it is not yet."""
    data, yaml = _load(text)
    volumes = data.get("volumes")
    if volumes is None:
        volumes = data["volumes"] = CommentedMap()
    if name in volumes:
        return text
    volumes[name] = None
    return _dump(data, yaml, text)


def _load(text: str) -> tuple[Any, YAML]:
    parse(text, "compose.yaml")  # bombs, tags and duplicates are refused before the looser reader sees them
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    mapping, sequence = _indents(text)
    yaml.indent(mapping=mapping, sequence=sequence + 2, offset=sequence)
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "")
    )
    data = yaml.load(text)
    return (data if data is not None else CommentedMap()), yaml


def _indents(text: str) -> tuple[int, int]:
    """The indentation of mappings, and that of a list's dash below its key, as the text has them."""
    mapping, sequence, above = 2, 2, 0
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in lines:
        depth = len(line) - len(line.lstrip())
        if line.lstrip().startswith("- "):
            return mapping, max(depth - above, 0)
        if depth > above == 0:
            mapping = depth
        above = depth
    return mapping, sequence


def _dump(data: Any, yaml: YAML, before: str) -> str:
    out = io.StringIO()
    yaml.dump(data, out)
    text = out.getvalue()
    return text if not before or before.endswith("\n") else text.rstrip("\n")


def _change(parent: Any, key: str, value: Any, changes: Mapping[str, Any]) -> None:
    if value is None:
        value = parent[key] = CommentedMap()
    if isinstance(value, CommentedSeq):  # NAME=value lines
        value = parent[key] = CommentedMap(
            (str(line).partition("=")[0], str(line).partition("=")[2] if "=" in str(line) else None) for line in value
        )
    for name, change in changes.items():
        if change is None:
            value.pop(name, None)
        elif isinstance(change, Mapping) and name in value:
            _change(value, name, value[name], change)
            if not value[name]:
                del value[name]
        elif name not in value or value[name] != change:
            value[name] = _node(change)


def _rename(mapping: Any, old: str, new: str) -> None:
    position = list(mapping).index(old)
    comment = mapping.ca.items.pop(old, None)
    value = mapping.pop(old)
    mapping.insert(position, new, value)
    if comment is not None:
        mapping.ca.items[new] = comment


def _node(value: Any) -> Any:
    if isinstance(value, Mapping):
        return CommentedMap((str(key), _node(inner)) for key, inner in value.items() if inner is not None)
    if isinstance(value, list | tuple):
        return CommentedSeq(_node(inner) for inner in value)
    return value
