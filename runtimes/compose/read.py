"""Reads what a working copy declares: its compose file with override, include and extends (compose-spec.io), else its
devcontainer.json, else its Procfile."""

import os
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from runtimes.compose import fields, refuse
from runtimes.compose.devcontainer import read_devcontainer
from runtimes.compose.fields import Reading
from runtimes.compose.interpolate import fill, interpolate
from runtimes.compose.merge import merge, places, settled
from runtimes.compose.model import BadCompose, Project, Service
from runtimes.compose.procfile import read_procfile
from runtimes.compose.source import FILES, Map, Override, Seq, Where, bad, clean, parse, read_text

NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
DEVCONTAINER: Final = (".devcontainer/devcontainer.json", ".devcontainer.json")
TOP: Final = {"services", "volumes", "networks", "configs", "secrets", "include", "name", "version", "x-codeyard"}

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*=\s*(.*)")


def load(
    root: os.PathLike[str],
    *,
    variables: Mapping[str, str],
    profiles: Collection[str] = ("*",),
    instead: Mapping[str, str] | None = None,
) -> Project:
    """What the working copy at `root` declares, filled in from `variables` and its own `.env`. Services of profiles that are not
    in `profiles` ("*": all) are left out. `instead` has texts of files that are not written yet. Raises BadCompose with every
    error; what has no effect is in `problems`."""
    for name in NAMES:
        if name in (instead or {}) or read_text(root, name) is not None:
            return _Loader(root, variables, instead).project(name, profiles)
    for name in DEVCONTAINER:
        if (text := read_text(root, name)) is not None:
            return read_devcontainer(root, text, name)
    if (text := read_text(root, "Procfile")) is not None:
        return read_procfile(root, text)
    return Project(services={}, source="none")


def load_files(root: os.PathLike[str], names: list[str], *, variables: Mapping[str, str]) -> Project:
    """Those files, each over the one before it."""
    return _Loader(root, variables).project(names[0], ("*",), over=names[1:])


class _Loader:
    """One reading of one working copy."""

    def __init__(
        self, root: os.PathLike[str], variables: Mapping[str, str], instead: Mapping[str, str] | None = None
    ) -> None:
        self.root = root
        self.instead = instead or {}
        self.files: list[str] = []
        self.asked: set[str] = set()
        own = read_text(root, ".env")
        self.variables = (env_lines(own, ".env", {}) if own is not None else {}) | dict(variables)

    def project(self, name: str, profiles: Collection[str], *, over: Collection[str] | None = None) -> Project:
        top = self._with_override(name, over)
        reading = Reading({kind: set(_names(top, kind)) for kind in ("volumes", "configs", "secrets", "networks")}, top)
        self._check_top(reading, top, name)
        services: dict[str, Service] = {}
        declared = top.get("services")
        for service, body in declared.items() if isinstance(declared, Map) else ():
            with reading.collecting():
                found = fields.service(reading, service, body, places(declared, service, (name, None)))
                if found is not None:
                    services[service] = found
        _check_together(reading, services, top)
        errors = [problem for problem in reading.problems if problem.severity == "error"]
        if errors:
            raise BadCompose(reading.problems)
        if "*" not in profiles:
            services = {n: s for n, s in services.items() if not s.profiles or set(s.profiles) & set(profiles)}
        extra = top.get("x-codeyard")
        shared = extra.get("shared", extra.get("environment")) if isinstance(extra, Map) else None
        return Project(
            services=services,
            volumes=_names(top, "volumes"),
            shared=fields.environment(shared, "x-codeyard") if shared is not None else {},
            files=self.files,
            problems=reading.problems,
            variables=sorted(self.asked),
        )

    def _with_override(self, name: str, over: Collection[str] | None) -> Map:
        top = self._file(name, (name, None), ())
        stem, extension = os.path.splitext(name)
        usual = dict.fromkeys((f"{stem}.override{extension}", f"{stem}.override.yml", f"{stem}.override.yaml"))
        for other in [one for one in usual if read_text(self.root, one) is not None][:1] if over is None else over:
            top = merge(top, self._file(other, (other, None), ()))
        found = settled(top)
        return found if isinstance(found, Map) else Map()

    def _file(self, relative: str, where: Where, trail: tuple[str, ...]) -> Map:
        """One file with what it includes below it, and what its services extend. Paths in it become the working copy's."""
        if relative in trail:
            raise bad("circular", f"{' → '.join((*trail, relative))} include each other in a circle", where=where)
        if len(self.files) >= FILES:
            raise bad("too_complex", f"more than {FILES} files are taken together", where=where)
        text = self.instead.get(relative) or read_text(self.root, relative, where=where)
        if text is None:
            raise bad("no_file", f"there is no file {relative}", where=where)
        self.files.append(relative)
        top = interpolate(parse(text, relative), self.variables, self.asked)
        base = os.path.dirname(relative)
        services = top.get("services")
        for name, body in list(services.items()) if isinstance(services, Map) else ():
            if isinstance(body, Map):
                _rebase(body, base)
                services[name] = self._extended(top, name, body, relative, trail)
                self._env_files(services[name], base, f"services.{name}")
        for kind in ("configs", "secrets"):
            for one in (top.get(kind) or Map()).values() if isinstance(top.get(kind), Map) else ():
                if isinstance(one, Map) and one.get("file") is not None:
                    one["file"] = _joined(base, str(one["file"]))
        return self._included(top, base, (*trail, relative))

    def _included(self, top: Map, base: str, trail: tuple[str, ...]) -> Map:
        below: Any = Map()
        include = top.pop("include", None)
        if include is None:
            return top  # as it is: its `!reset` and `!override` are about what it may lie over
        for number, one in enumerate(include if isinstance(include, Seq) else ()):
            where = places(include, number, (trail[-1], None))
            paths = one.get("path") if isinstance(one, Map) else one
            for each in paths if isinstance(paths, Seq) else [paths]:
                path = clean(str(each), base) if "://" not in str(each) else None
                if not path:
                    message = f"the include of {each} is not allowed: only files of the working copy can be included"
                    raise bad("refused", message, path="include", where=where)
                below = merge(below, self._file(path, where, trail))
        found = merge(below, top)
        return found if isinstance(found, Map) else top

    def _extended(self, top: Map, name: str, body: Map, file: str, trail: tuple[str, ...]) -> Map:
        """A service over the one that it extends, of the same file or another."""
        extends = body.pop("extends", None)
        if extends is None:
            return body
        where = body.where["extends"]
        other = extends.get("service") if isinstance(extends, Map) else extends
        path = (
            clean(str(extends["file"]), os.path.dirname(file))
            if isinstance(extends, Map) and extends.get("file")
            else file
        )
        here = f"{path}#{other}"
        if not path:
            raise bad(
                "refused",
                f"the file {extends['file']} is not of the working copy",
                path=f"services.{name}.extends",
                where=where,
            )
        if here in trail or (path == file and other == name):
            raise bad("circular", f"{name} extends itself in the end", path=f"services.{name}.extends", where=where)
        source = top if path == file else self._other(path, where)
        services = source.get("services")
        found = services.get(str(other)) if isinstance(services, Map) else None
        if not isinstance(found, Map):
            raise bad("unknown_service", f"{path} has no service {other}", path=f"services.{name}.extends", where=where)
        found = _copied(found)
        if path != file:
            _rebase(found, os.path.dirname(path))
        found = self._extended(source, str(other), found, path, (*trail, f"{file}#{name}", here))
        self._env_files(found, os.path.dirname(path), f"services.{name}")
        made = merge(found, body, f"services.{name}")
        return made if isinstance(made, Map) else body

    def _other(self, path: str, where: Where) -> Map:
        text = read_text(self.root, path, where=where)
        if text is None:
            raise bad("no_file", f"there is no file {path}", where=where)
        if path not in self.files:
            self.files.append(path)
        if len(self.files) > FILES:
            raise bad("too_complex", f"more than {FILES} files are taken together", where=where)
        found = interpolate(parse(text, path), self.variables, self.asked)
        return found if isinstance(found, Map) else Map()

    def _env_files(self, body: Map, base: str, path: str) -> None:
        """`env_file` below `environment`, which is over it."""
        value = body.pop("env_file", None)
        if value is None:
            return
        where = body.where["env_file"]
        below = Map()
        for one in value if isinstance(value, Seq) else [value]:
            name = str(one.get("path") if isinstance(one, Map) else one)
            inside = clean(name, base)
            if not inside:
                raise bad("refused", f"{name} is not a file of the working copy", path=f"{path}.env_file", where=where)
            text = read_text(self.root, inside, where=where)
            if text is None and not (isinstance(one, Map) and one.get("required") is False):
                raise bad("no_file", f"there is no file {inside}", path=f"{path}.env_file", where=where)
            for key, inner in env_lines(text or "", inside, self.variables).items():
                below.put(key, inner, where)
        body.put("environment", merge(below, body.get("environment") or Map(), f"{path}.environment"), where)

    def _check_top(self, reading: Reading, top: Map, name: str) -> None:
        for key in top:
            if key not in TOP and not key.startswith("x-"):
                reading.ignored(key, "this field is not known here", top.where[key])
        for kind in ("services", "volumes", "networks", "configs", "secrets"):
            if top.get(kind) is not None and not isinstance(top[kind], Map):
                reading.error("bad_type", kind, "this is a mapping", top.where[kind])
        for volume, body in top["volumes"].items() if isinstance(top.get("volumes"), Map) else ():
            reading.problems += refuse.of_volume(volume, body)
        for network, body in top["networks"].items() if isinstance(top.get("networks"), Map) else ():
            reading.problems += refuse.of_network(network, body, places(top["networks"], network, (name, None)))


def _names(top: Map, kind: str) -> list[str]:
    found = top.get(kind)
    return [name for name in found if re.fullmatch(r"[A-Za-z0-9][\w.-]{0,62}", name)] if isinstance(found, Map) else []


def _copied(value: Any) -> Any:
    """Its own maps and lists, since a service that extends it changes them."""
    if isinstance(value, Map):
        found = Map()
        for key, inner in value.items():
            found.put(key, _copied(inner), value.where[key])
        return found
    if isinstance(value, Seq):
        items = Seq()
        for inner, where in zip(value, value.where, strict=True):
            items.put(_copied(inner), where)
        return items
    return Override(_copied(value.value)) if isinstance(value, Override) else value


def _rebase(body: Map, base: str) -> None:
    """Relative paths of a file in a folder are relative to that folder."""
    if not base:
        return
    build = body.get("build")
    if isinstance(build, Map):
        build.put("context", _joined(base, str(build.get("context", "."))), body.where["build"])
    elif build is not None:
        body["build"] = _joined(base, str(build))
    volumes = body.get("volumes")
    if not isinstance(volumes, Seq):
        return
    for number, one in enumerate(volumes):
        if isinstance(one, Map) and one.get("type") == "bind":
            one["source"] = _joined(base, str(one.get("source") or "."))
        elif isinstance(one, str) and one.startswith("."):
            source, colon, rest = one.partition(":")
            volumes[number] = f"{_joined(base, source)}{colon}{rest}"


def _joined(base: str, path: str) -> str:
    """Left as it is where it is absolute or a URL, which is refused later with its own word."""
    return path if path.startswith(("/", "~")) or "://" in path else "./" + os.path.normpath(os.path.join(base, path))


def _check_together(reading: Reading, services: dict[str, Service], top: Map) -> None:
    """What is only wrong between services: unknown names, circles, clashes."""
    declared = top.get("services")
    for name, service in services.items():
        where = places(declared, name, ("compose.yaml", None))
        for dependency in service.depends_on:
            if dependency.service not in services and dependency.required:
                message = f"{name} depends on {dependency.service}, which is not declared"
                reading.error("unknown_service", f"services.{name}.depends_on", message, where)
        for network in service.networks:
            if network != "default" and network not in reading.names["networks"]:
                reading.error("unknown_network", f"services.{name}.networks", f"there is no network {network}", where)
        targets = [volume.target.rstrip("/") for volume in service.volumes]
        for target in {one for one in targets if targets.count(one) > 1}:
            reading.error("clash", f"services.{name}.volumes", f"two mounts are at {target}", where)
        if service.build is not None and service.image:
            reading.ignored(f"services.{name}.image", "what is built has a name of its own", where)
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if state.get(name) == 1:
            circle = " → ".join((*trail[trail.index(name) :], name))
            where = places(declared, name, ("compose.yaml", None))
            reading.error("circular", f"services.{name}.depends_on", f"these wait for each other: {circle}", where)
        if state.get(name) is None and name in services:
            state[name] = 1
            for dependency in services[name].depends_on:
                visit(dependency.service, (*trail, name))
            state[name] = 2

    for name in services:
        visit(name, ())


def env_lines(text: str, file: str, variables: Mapping[str, str]) -> dict[str, str]:
    """A file of NAME=value lines (compose-spec, env_file): comments, quotes, `export`, `${NAME}` except in single quotes."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            if re.fullmatch(r"\s*[A-Za-z_]\w*\s*", line):
                continue  # a name alone asks for the caller's own environment, which is not for services
            raise bad("bad_env_file", f"“{line[:40]}” is no NAME=value", where=(file, number))
        value = match[2].strip()
        if value[:1] == "'" and value.find("'", 1) > 0:
            value = value[1 : value.index("'", 1)]
        else:
            if value[:1] == '"' and (end := value.rfind('"')) > 0:
                value = value[1:end].replace("\\n", "\n").replace('\\"', '"')
            else:
                value = re.split(r"\s#", value)[0].rstrip()
            value = fill(value, {**variables, **found}, set(), where=(file, number))
        found[match[1]] = value
    return found
