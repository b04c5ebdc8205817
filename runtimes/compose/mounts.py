"""What a service has mounted: folders of the working copy, volumes, memory, and single files from configs and secrets."""

import hashlib
import os
import re
import stat
from typing import Any, Final

from runtimes.compose import refuse
from runtimes.compose.merge import places
from runtimes.compose.model import FileMount, Volume
from runtimes.compose.reading import Reading, boolean, bytes_of, listed, text
from runtimes.compose.source import Map, Seq, Where, bad, clean

TMPFS_BYTES: Final = 256 << 20

#: Of a short volume: options without effect, and those that loosen confinement.
_OPTIONS: Final = {"rw", "ro", "z", "Z", "nocopy", "cached", "delegated", "consistent"}
_LONG: Final = {
    "bind": {"type", "source", "target", "read_only", "bind", "consistency"},
    "volume": {"type", "source", "target", "read_only", "volume", "consistency"},
    "tmpfs": {"type", "target", "read_only", "tmpfs"},
}
_KEPT_OUT: Final = "only what lies in the working copy can be mounted; copy it there, or use a named volume"


def volumes(reading: Reading, service: str, value: Any, path: str) -> list[Volume]:
    found = []
    for number, one in enumerate(listed(value)):
        where = places(value, number, ("", None))
        with reading.collecting(f"{path}.{number}", where):
            fields = one if isinstance(one, Map) else _short(reading, text(one), f"{path}.{number}", where)
            found.append(_volume(reading, service, fields, f"{path}.{number}", where))
    return found


def _short(reading: Reading, line: str, path: str, where: Where) -> Map:
    """`[source:]target[:options]` as the mapping that it also may be written as."""
    parts = line.split(":")
    if len(parts) > 3:
        raise ValueError(f"“{line}” has too many colons: it is source:target:options")
    source, target = (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    options = parts[2].split(",") if len(parts) == 3 else []
    for option in options:
        if option not in _OPTIONS:
            reading.problems.append(
                refuse.refused(path, f"the option {option} is not allowed: mounts stay in the container", where)
            )
    kind = "bind" if source is not None and source.startswith((".", "/", "~", "\\")) else "volume"
    fields = Map()
    for key, value in (("type", kind), ("source", source), ("target", target), ("read_only", "ro" in options)):
        fields.put(key, value, where)
    return fields


def _volume(reading: Reading, service: str, fields: Map, path: str, where: Where) -> Volume:
    kind = fields.get("type", "volume")
    if kind not in _LONG:
        message = f"a mount of type {kind} is not allowed: bind, volume and tmpfs are"
        raise bad("refused", message, path=path, where=where)
    reading.only(fields, _LONG[kind], path)
    target, source = folder(fields.get("target")), "" if fields.get("source") is None else text(fields["source"])
    read_only = boolean(fields.get("read_only") or False)
    if kind == "tmpfs":
        more = fields.get("tmpfs")
        reading.only(more, {"size"}, f"{path}.tmpfs")
        size = more.get("size") if isinstance(more, Map) else None
        return Volume(kind="tmpfs", target=target, size=_size(reading, size, path, where))
    if kind == "bind":
        return _bind(reading, source, target, read_only, fields.get("bind"), path, where)
    reading.only(fields.get("volume"), {"nocopy"}, f"{path}.volume")
    if not source:
        return Volume(kind="volume", source=anonymous(service, target), target=target, read_only=read_only)
    if "/" in source or "\\" in source or ".." in source:
        raise bad("refused", f"the mount of {source} is not allowed: {_KEPT_OUT}", path=path, where=where)
    if source not in reading.names["volumes"]:
        message = f"there is no volume {source}: declare it under `volumes`, or write ./{source} for a folder"
        raise bad("unknown_volume", message, path=path, where=where)
    return Volume(kind="volume", source=source, target=target, read_only=read_only)


def _bind(reading: Reading, source: str, target: str, read_only: bool, more: Any, path: str, where: Where) -> Volume:
    inside = clean(source)
    if inside is None or not source:
        raise bad("refused", f"the mount of {source} is not allowed: {_KEPT_OUT}", path=path, where=where)
    if isinstance(more, Map) and more.get("propagation"):
        message = "`bind.propagation` is not allowed: mounts stay in the container; leave it out"
        reading.problems.append(refuse.refused(f"{path}.bind.propagation", message, more.where["propagation"]))
    reading.only(more, {"propagation", "create_host_path", "selinux"}, f"{path}.bind")
    special = _special(reading.root, inside)
    if special is not None:
        message = f"the mount of {source} is not allowed: {special} is a link or special file; mount what it points to"
        raise bad("refused", message, path=path, where=where)
    return Volume(kind="bind", source=inside, target=target, read_only=read_only)


def _special(root: os.PathLike[str], inside: str) -> str | None:
    """The part of a path that is a link, socket, pipe or device. Looked at again when it is mounted; here so that it is told."""
    here = os.fspath(root)
    parts = inside.split("/")
    for number, part in enumerate(parts):
        here = os.path.join(here, part)
        try:
            mode = os.lstat(here).st_mode
        except OSError:
            return None  # not there yet, so it will be made
        if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
            return "/".join(parts[: number + 1])
    return None


def folder(value: Any) -> str:
    """A place in the container."""
    target = text(value) if value is not None else ""
    if not target.startswith("/") or ".." in target.split("/") or not target.strip("/"):
        raise ValueError(f"“{target}” is no folder in the container: write it from / on")
    return target


def anonymous(service: str, target: str) -> str:
    """The name that a volume without one has: the same each time, and no other's."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", f"{service}{target}").strip("-")[:40]
    return f"{readable}-{hashlib.sha256(f'{service}:{target}'.encode()).hexdigest()[:8]}"


def tmpfs(reading: Reading, value: Any, path: str) -> list[Volume]:
    found = []
    for number, one in enumerate(listed(value)):
        where = places(value, number, ("", None))
        with reading.collecting(f"{path}.{number}", where):
            target, _, options = text(one).partition(":")
            said = dict(option.partition("=")[::2] for option in options.split(",") if option)
            for option in said:
                if option != "size":
                    reading.ignored(f"{path}.{number}", f"the option {option} has no effect here", where)
            size = _size(reading, said.get("size"), f"{path}.{number}", where)
            found.append(Volume(kind="tmpfs", target=folder(target), size=size))
    return found


def _size(reading: Reading, size: Any, path: str, where: Where) -> int:
    if not size:
        return TMPFS_BYTES
    wanted = bytes_of(size)
    if wanted > TMPFS_BYTES:
        reading.ignored(path, "memory for files has 256 MiB at most here; use a volume for more", where)
    return max(1, min(wanted, TMPFS_BYTES))


def files(reading: Reading, body: Map, kind: str, path: str) -> list[FileMount]:
    """Configs at /<name>, secrets at /run/secrets/<name>, unless `target` says otherwise."""
    value, declared = body.get(kind), reading.top.get(kind)
    if value is None:
        return []
    found: list[FileMount] = []
    if not isinstance(value, Seq):
        reading.error("bad_type", f"{path}.{kind}", "this is a list", body.where[kind])
        return []
    for number, one in enumerate(value):
        where, place = places(value, number, ("", None)), f"{path}.{kind}.{number}"
        with reading.collecting(place, where):
            source = text(one.get("source") if isinstance(one, Map) else one)
            reading.only(one, {"source", "target"}, place)
            made = declared.get(source) if isinstance(declared, Map) else None
            if source not in reading.names[kind]:
                raise bad(f"unknown_{kind[:-1]}", f"there is no {kind[:-1]} {source}", path=place, where=where)
            given = one.get("target") if isinstance(one, Map) else None
            target = text(source if given is None else given)
            target = target if target.startswith("/") else ("/run/secrets/" if kind == "secrets" else "/") + target
            found.append(_file(reading, made, folder(target), f"{kind}.{source}", where))
    return found


def _file(reading: Reading, made: Any, target: str, path: str, where: Where) -> FileMount:
    if not isinstance(made, Map):
        raise bad("bad_type", "this is a mapping with `file`, `content` or `environment`", path=path, where=where)
    refused = [key for key in ("external", "driver", "template_driver") if refuse.asks(made.get(key))]
    if refused:
        key = refused[0]
        message = f"`{key}` is not allowed: give it `file`, `content` or `environment`"
        raise bad("refused", message, path=f"{path}.{key}", where=made.where[key])
    given = [key for key in ("file", "content", "environment") if made.get(key) is not None]
    if len(given) != 1:
        raise bad("bad_value", "it has one of `file`, `content` and `environment`", path=path, where=where)
    if given == ["content"]:
        return FileMount(target=target, content=text(made["content"]))
    if given == ["environment"]:
        name = text(made["environment"])
        return FileMount(target=target, environment=name, content=reading.variables.get(name))
    inside = clean(text(made["file"]))
    if not inside or _special(reading.root, inside) is not None:
        message = f"{made['file']} is not allowed: it is no regular file of the working copy; copy it there"
        raise bad("refused", message, path=f"{path}.file", where=made.where["file"])
    return FileMount(target=target, file=inside)
