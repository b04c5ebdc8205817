"""All the files of a project as one mapping: override over file, with what is included and extended (compose-spec: merge,
include, extends). Paths in it are the working copy's, whatever folder the file that has them is in."""

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from runtimes.compose import refuse
from runtimes.compose.envfile import env_lines
from runtimes.compose.interpolate import Filling, interpolate
from runtimes.compose.merge import keyed, merge, places, settled
from runtimes.compose.model import Problem
from runtimes.compose.source import DEPTH, FILES, NODES, Map, Override, Reset, Seq, Where, bad, clean, parsed, read_text

KINDS: Final = ("services", "volumes", "networks", "configs", "secrets")
_NO_EFFECT: Final = {
    "name": "a session has a name of its own",
    "version": "the specification has no versions any more",
}
_COPIES: Final = 4 * NODES  # what `extends` and `env_file` may multiply a project to
_REMOTE: Final = "only files of the working copy can be taken"
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_VARIABLES: Final = 100
_GENERATED: Final = "generated-at-the-first-start"  # stands where a value is to be made that is not there yet


class Gathering:
    """One reading of one working copy. `files` are those taken so far, `problems` what has no effect, `generated` the variables
    whose values are to be made."""

    def __init__(self, root: os.PathLike[str], variables: Mapping[str, str], instead: Mapping[str, str]) -> None:
        self.root = root
        self.instead = instead
        self.files: list[str] = []
        self.problems: list[Problem] = []
        self.generated: list[str] = []
        self.filling = Filling(variables)
        self._maps: dict[str, Map] = {}
        self._tops: dict[tuple[str, str, Filling], Map] = {}
        self._lines: dict[tuple[str, bool], dict[str, str]] = {}
        self._left = _COPIES
        own = read_text(root, ".env")
        if own is not None:
            below = env_lines(own, ".env", self.filling)
            self.filling = Filling({**below, **variables}, self.filling)

    def project(self, names: Collection[str]) -> Map:
        """Those files, each over the one before it."""
        for name in names:
            self._declared(name)
        found: Any = Map()
        for number, name in enumerate(names):
            above = self._file(name, (name, None), (), os.path.dirname(name), self.filling)
            found = merge(found, above) if number else settled(above)
        made: Map = settled(found)
        services = made.get("services")
        for name, body in services.items() if isinstance(services, Map) else ():
            if isinstance(body, Map):
                self._environment(body, f"services.{name}")
        return made

    def _declared(self, relative: str) -> None:
        """`x-codeyard.variables` as a list: the value of a variable where nobody gave it one, a default or one to be made."""
        text = self._text(relative, (relative, None))
        extra = self._parsed(relative, text).get("x-codeyard") if text is not None and "x-codeyard" in text else None
        if not isinstance(extra, Map) or not isinstance(extra.get("variables"), Seq):
            return
        below: dict[str, str] = {}
        for one in extra["variables"]:
            name = one.get("name") if isinstance(one, Map) else None
            if not isinstance(name, str) or not _VARIABLE.fullmatch(name) or name in self.filling.variables:
                continue
            if len(below) >= _VARIABLES:
                where = extra.where["variables"]
                raise bad("too_complex", f"{_VARIABLES} variables at most", path="x-codeyard.variables", where=where)
            if one.get("generate"):
                self.generated.append(name)
                below[name] = _GENERATED
            elif one.get("default") is not None:
                below[name] = str(one["default"])
        self.filling = Filling({**below, **self.filling.variables}, self.filling)

    def _parsed(self, relative: str, text: str) -> Map:
        if relative not in self._maps:
            self._maps[relative] = parsed(text, relative)
        return self._maps[relative]

    def _text(self, relative: str, where: Where) -> str | None:
        if relative not in self.files and len(self.files) >= FILES:
            raise bad("too_complex", f"more than {FILES} files are taken together", where=where)
        text = self.instead.get(relative)
        text = read_text(self.root, relative, where=where) if text is None else text
        if text is not None and relative not in self.files:
            self.files.append(relative)
        return text

    def _spend(self, where: Where, nodes: int = 1) -> None:
        self._left -= nodes
        if self._left < 0:
            raise bad("too_complex", "this becomes too much when all that it extends or takes in is there", where=where)

    def _top(self, relative: str, where: Where, base: str, filling: Filling) -> Map:
        """One file as it is alone, with `base` as the folder of its paths."""
        key = relative, base, filling
        if key not in self._tops:
            text = self._text(relative, where)
            if text is None:
                raise bad("no_file", f"there is no file {relative}", where=where)
            top = interpolate(self._parsed(relative, text), filling)
            _canonical(top, base)
            self._tops[key] = top
        return self._tops[key]

    def _file(self, relative: str, where: Where, trail: tuple[str, ...], base: str, filling: Filling) -> Map:
        """One file with what it includes, and what its services extend."""
        if relative in trail:
            raise bad("circular", f"{' → '.join((*trail, relative))} include each other in a circle", where=where)
        top = self._top(relative, where, base, filling)
        for key in top:
            if key in KINDS and not isinstance(top[key], Map | Reset | Override | None):
                raise bad("bad_type", "this is a mapping", path=key, where=top.where[key])
            if key in _NO_EFFECT or (key not in (*KINDS, "include") and not key.startswith("x-")):
                reason = _NO_EFFECT.get(key, "this field is not known here")
                self.problems.append(refuse.ignored(key, reason, top.where[key]))
        services = top.get("services")
        if isinstance(services, Map):
            file = relative, base, filling
            for name, body in list(services.items()):
                if isinstance(body, Map):
                    services.put(name, self._extended(top, name, body, file, ()), services.where[name])
        return self._included(top, (*trail, relative), base, filling)

    def _included(self, top: Map, trail: tuple[str, ...], base: str, filling: Filling) -> Map:
        if top.get("include") is None:
            return top  # as it is: its `!reset` and `!override` are about what it may lie over
        include = top["include"]
        if not isinstance(include, Seq):
            raise bad("bad_type", "this is a list", path="include", where=top.where["include"])
        below = Map()
        for number, one in enumerate(include):
            where = places(include, number, (trail[-1], None))
            _unite(below, self._one_included(one, f"include.{number}", where, trail, base, filling))
        found = _copy_of(top)
        del found["include"]
        _unite(found, below)
        return found

    def _one_included(
        self, one: Any, path: str, where: Where, trail: tuple[str, ...], base: str, filling: Filling
    ) -> Map:
        """`path`, several of which lie over each other, with a folder and variables of their own."""
        body = one if isinstance(one, Map) else Map()
        for key in body:
            if key not in ("path", "project_directory", "env_file"):
                self.problems.append(refuse.ignored(f"{path}.{key}", "this field is not known here", body.where[key]))
        paths = body.get("path") if isinstance(one, Map) else one
        names = [_inside(each, base, "include", where) for each in (paths if isinstance(paths, Seq) else [paths])]
        folder = os.path.dirname(names[0]) if names else ""
        if body.get("project_directory") is not None:
            folder = clean(str(body["project_directory"]), base) or ""
        given = body.get("env_file")
        variables: dict[str, str] = {}
        for each in given if isinstance(given, Seq) else [given]:
            name = os.path.join(folder, ".env") if each is None else _inside(each, base, f"{path}.env_file", where)
            text = self._text(name, where)
            if text is None and each is not None:
                raise bad("no_file", f"there is no file {name}", path=f"{path}.env_file", where=where)
            variables |= env_lines(text or "", name, filling)
        within = Filling({**variables, **filling.variables}, filling)
        found: Any = Map()
        for number, name in enumerate(names):
            above = self._file(name, where, trail, folder, within)
            found = merge(found, above) if number else settled(above)
        return found if isinstance(found, Map) else Map()

    def _extended(
        self, top: Map, name: str, body: Map, file: tuple[str, str, Filling], trail: tuple[tuple[str, str], ...]
    ) -> Map:
        """A service over the one that it extends, of the same file or another."""
        extends = body.pop("extends", None)
        if extends is None:
            return body
        where, path = body.where["extends"], f"services.{name}.extends"
        relative, base, filling = file
        other = extends.get("service") if isinstance(extends, Map) else extends
        if not isinstance(other, str) or not other:
            raise bad("bad_type", "this is a service, or a mapping with `service` and `file`", path=path, where=where)
        if isinstance(extends, Map) and extends.get("file") is not None:
            relative = _inside(extends["file"], base, path, where)
        if relative != file[0]:
            base = os.path.dirname(relative)
            top = self._top(relative, where, base, filling)
        here = (file[0], name), *trail
        if (relative, other) in here or len(here) > DEPTH:
            raise bad("circular", f"{name} extends itself in the end, or too many others", path=path, where=where)
        services = top.get("services")
        found = services.get(other) if isinstance(services, Map) else None
        if not isinstance(found, Map):
            raise bad("unknown_service", f"{relative} has no service {other}", path=path, where=where)
        found = self._copied(found, where)
        made = merge(self._extended(top, other, found, (relative, base, filling), here), body, f"services.{name}")
        return made if isinstance(made, Map) else body

    def _copied(self, value: Any, place: Where) -> Any:
        """Its own maps and lists, since what extends it changes them."""
        self._spend(place)
        if isinstance(value, Map):
            found = Map()
            for key, inner in value.items():
                found.put(key, self._copied(inner, place), value.where[key])
            return found
        if isinstance(value, Seq):
            items = Seq()
            for inner, where in zip(value, value.where, strict=True):
                items.put(self._copied(inner, place), where)
            return items
        return Override(self._copied(value.value, place)) if isinstance(value, Override) else value

    def _environment(self, body: Map, path: str) -> None:
        """`env_file` below `environment`, which is over it whatever file each stands in; and names without a value, which
        have the variable's, or are not there at all."""
        files = body.pop("env_file", None)
        below = Map()
        for number, one in enumerate(files if isinstance(files, Seq) else ()):
            where = places(files, number, body.where["env_file"])
            for name, value in self._env_file(one, f"{path}.env_file.{number}", where).items():
                self._spend(where)
                below.put(name, value, where)
        given = keyed(body.get("environment"), f"{path}.environment")
        if given is not None and not isinstance(given, Map):
            return  # told later
        found = merge(below, given, f"{path}.environment") if given is not None else below
        for name in [name for name, value in found.items() if value is None]:
            variable = self.filling.variables.get(name)
            self.filling.asked.add(name)
            if variable is None:
                message = f"{name} has no value here, and there is no variable of that name, so it is not set"
                self.problems.append(
                    refuse.warning("variable_unset", f"{path}.environment", message, found.where[name])
                )
                del found[name]
            else:
                self._spend(found.where[name], 1 + len(variable) // 100)
                found[name] = variable
        if found or given is not None:
            body.put("environment", found, body.where.get("environment", body.where.get("env_file", ("", None))))

    def _env_file(self, one: Any, path: str, where: Where) -> dict[str, str]:
        if not isinstance(one, Map):
            raise bad("bad_type", "this is a file, or a mapping with `path`", path=path, where=where)
        if one.get("format") not in (None, "raw"):
            raise bad("bad_value", f"{one['format']} is no format here: raw is", path=path, where=where)
        name, raw = _inside(one.get("path"), "", path, where), one.get("format") == "raw"
        if (name, raw) not in self._lines:
            text = self._text(name, where)
            if text is None and one.get("required") is not False:
                raise bad("no_file", f"there is no file {name}", path=path, where=where)
            self._lines[name, raw] = env_lines(text or "", name, self.filling, raw=raw)
        return self._lines[name, raw]


def _inside(value: Any, base: str, path: str, where: Where) -> str:
    """A file's path as the working copy's."""
    text = value if isinstance(value, str) else ""
    found = clean(text, base) if text and "://" not in text else None
    if not found:
        raise bad("refused", f"“{value}” is not allowed: {_REMOTE}; copy it in", path=path, where=where)
    return found


def _copy_of(top: Map) -> Map:
    found = Map()
    for key, value in top.items():
        found.put(key, value, top.where[key])
    return found


def _unite(into: Map, more: Map) -> None:
    """What an included file declares beside what is there. The same name for two things is a clash, since it is not said
    which of them is meant: the override file is for changing what another has."""
    for kind in KINDS:
        theirs = more.get(kind)
        if not isinstance(theirs, Map):
            continue
        ours = into.get(kind)
        found = _copy_of(ours) if isinstance(ours, Map) else Map()
        for name, body in theirs.items():
            if name in found and found[name] != body:
                message = f"{name} is declared in an included file, too; change it in the override file, or rename one"
                raise bad("clash", message, path=f"{kind}.{name}", where=found.where[name])
            if name not in found:
                found.put(name, body, theirs.where[name])
        into.put(kind, found, into.where.get(kind, more.where[kind]))


def _canonical(top: Map, base: str) -> None:
    """Short forms that merge with long ones become long; relative paths become the working copy's."""
    for body in _bodies(top, "services"):
        _change(body, "build", lambda value, where: _build(value, base, where))
        _change(body, "env_file", lambda value, where: _env_files(value, base, where))
        _change(body, "tmpfs", lambda value, where: value if isinstance(value, Seq) else _seq([value], where))
        _change(body, "volumes", lambda value, _: _volumes(value, base))
    for kind in ("configs", "secrets"):
        for body in _bodies(top, kind):
            _change(body, "file", lambda value, _: joined(base, str(value)))


def _bodies(top: Map, kind: str) -> Iterator[Map]:
    found = top.get(kind)
    for body in found.values() if isinstance(found, Map) else ():
        inner = body.value if isinstance(body, Override) else body
        if isinstance(inner, Map):
            yield inner


def _change(body: Map, key: str, change: Callable[[Any, Where], Any]) -> None:
    value = body.get(key)
    if isinstance(value, Override):
        body[key] = Override(change(value.value, body.where[key]))
    elif value is not None and not isinstance(value, Reset):
        body[key] = change(value, body.where[key])


def _seq(values: list[Any], where: Where) -> Seq:
    found = Seq()
    for value in values:
        found.put(value, where)
    return found


def _build(value: Any, base: str, where: Where) -> Any:
    if isinstance(value, Map):
        if "context" in value or base:
            value.put("context", joined(base, str(value.get("context", "."))), value.where.get("context", where))
        return value
    found = Map()
    found.put("context", joined(base, str(value)), where)
    return found


def _env_files(value: Any, base: str, where: Where) -> Seq:
    found = Seq()
    for number, one in enumerate(value if isinstance(value, Seq) else [value]):
        place = places(value, number, where)
        body = Map()
        for key, inner in one.items() if isinstance(one, Map) else (("path", one),):
            body.put(key, joined(base, inner) if key == "path" and isinstance(inner, str) else inner, place)
        found.put(body, place)
    return found


def _volumes(value: Any, base: str) -> Any:
    if base and isinstance(value, Seq):
        for number, one in enumerate(value):
            if isinstance(one, Map) and one.get("type") == "bind":
                one.put("source", joined(base, str(one.get("source") or ".")), one.where["type"])
            elif isinstance(one, str) and one.startswith("."):
                source, colon, rest = one.partition(":")
                value[number] = f"{joined(base, source)}{colon}{rest}"
    return value


def joined(base: str, path: str) -> str:
    """Left as it is where it is absolute or a URL, which is refused later with its own word."""
    if not base or path.startswith(("/", "~")) or "://" in path:
        return path
    return "./" + os.path.normpath(os.path.join(base, path))
