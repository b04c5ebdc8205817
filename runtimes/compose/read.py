"""Reads what a working copy declares: its compose file with override, include and extends (compose-spec.io), else its
devcontainer.json, else its Procfile."""

import os
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from runtimes.compose import fields, refuse
from runtimes.compose.devcontainer import read_devcontainer
from runtimes.compose.gather import KINDS, Gathering
from runtimes.compose.merge import places
from runtimes.compose.model import BadCompose, Project, Service
from runtimes.compose.procfile import read_procfile
from runtimes.compose.reading import Reading
from runtimes.compose.source import Map, read_text

NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
DEVCONTAINER: Final = (".devcontainer/devcontainer.json", ".devcontainer.json")
SERVICES: Final = 200

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,62}", re.ASCII)


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
    given = instead or {}
    for name in NAMES:
        if name in given or read_text(root, name) is not None:
            over = next((one for one in _overrides(name) if one in given or read_text(root, one) is not None), None)
            return _project(Gathering(root, variables, given), [name, over] if over else [name], profiles)
    for name in DEVCONTAINER:
        if (text := read_text(root, name)) is not None:
            return read_devcontainer(root, text, name, variables)
    if (text := read_text(root, "Procfile")) is not None:
        return read_procfile(root, text)
    return Project(services={}, source="none")


def load_files(root: os.PathLike[str], names: list[str], *, variables: Mapping[str, str]) -> Project:
    """Those files, each over the one before it."""
    return _project(Gathering(root, variables, {}), names, ("*",))


def _overrides(name: str) -> list[str]:
    stem, extension = os.path.splitext(name)
    return list(dict.fromkeys((f"{stem}.override{extension}", f"{stem}.override.yml", f"{stem}.override.yaml")))


def _project(gathering: Gathering, names: list[str], profiles: Collection[str]) -> Project:
    top = gathering.project(names)
    names_of = {kind: set(_names(top, kind)) for kind in KINDS}
    reading = Reading(gathering.root, names_of, top, gathering.filling.variables)
    reading.problems += gathering.problems
    _check_top(reading, top, names[0])
    services: dict[str, Service] = {}
    declared = top.get("services")
    for name, body in declared.items() if isinstance(declared, Map) else ():
        where = places(declared, name, (names[0], None))
        if len(services) >= SERVICES:
            reading.error("too_complex", f"services.{name}", f"a session has {SERVICES} services at most", where)
            break
        with reading.collecting(f"services.{name}", where):
            found = fields.service(reading, name, body, where)
            if found is not None:
                services[name] = found
    shared = _shared(reading, top)
    _check_together(reading, services, top)
    if "*" not in profiles:
        services = _active(reading, services, profiles, top)
    reading.problems += gathering.filling.unset.values()
    if any(problem.severity == "error" for problem in reading.problems):
        raise BadCompose(sorted(reading.problems, key=lambda problem: problem.severity != "error"))
    return Project(
        services=services,
        volumes=_names(top, "volumes"),
        shared=shared,
        files=gathering.files,
        problems=reading.problems,
        variables=sorted(gathering.filling.asked),
        generated=gathering.generated,
    )


def _names(top: Map, kind: str) -> list[str]:
    found = top.get(kind)
    return [name for name in found if _NAME.fullmatch(name)] if isinstance(found, Map) else []


def _shared(reading: Reading, top: Map) -> dict[str, str]:
    """`x-codeyard.shared`, or `variables` where that is a mapping: a list of them is a template's, asked of who starts it."""
    extra = top.get("x-codeyard")
    if not isinstance(extra, Map):
        if extra is not None:
            reading.error("bad_type", "x-codeyard", "this is a mapping", top.where["x-codeyard"])
        return {}
    found: dict[str, str] = {}
    for key in ("variables", "shared"):
        if extra.get(key) is not None and (key == "shared" or isinstance(extra[key], Map)):
            with reading.collecting(f"x-codeyard.{key}", extra.where[key]):
                found |= {name: str(value) for name, value in fields.environment(extra[key]).items()}
    return found


def _active(reading: Reading, services: dict[str, Service], profiles: Collection[str], top: Map) -> dict[str, Service]:
    """Those without a profile, and those of an active one."""
    found = {name: one for name, one in services.items() if not one.profiles or set(one.profiles) & set(profiles)}
    for name, service in found.items():
        for dependency in service.depends_on:
            if dependency.required and dependency.service in services and dependency.service not in found:
                needed = ", ".join(services[dependency.service].profiles)
                message = f"{name} depends on {dependency.service}, which is of a profile that is not active: {needed}"
                where = places(top["services"], name, ("compose.yaml", None))
                reading.error("inactive_service", f"services.{name}.depends_on", message, where)
    return found


def _check_top(reading: Reading, top: Map, name: str) -> None:
    for kind in KINDS:
        found = top.get(kind)
        if found is not None and not isinstance(found, Map):
            reading.error("bad_type", kind, "this is a mapping", top.where[kind])
            continue
        for one, body in (found or {}).items() if kind != "services" else ():
            where = places(found, one, (name, None))
            if not _NAME.fullmatch(one):
                message = "a name has letters, digits, dots, hyphens and underscores, 63 at most"
                reading.error("bad_name", f"{kind}.{one}", message, where)
            if body is not None and not isinstance(body, Map):
                reading.error("bad_type", f"{kind}.{one}", "this is a mapping, or nothing", where)
            elif kind == "volumes":
                reading.problems += refuse.of_volume(one, body)
            elif kind == "networks":
                reading.problems += refuse.of_network(one, body, where)
            else:
                reading.only(body, _FILE_FIELDS, f"{kind}.{one}")
                reading.problems += refuse.of_file(f"{kind}.{one}", body)


_FILE_FIELDS: Final = ("file", "content", "environment", "external", "driver", "template_driver")


def _check_together(reading: Reading, services: dict[str, Service], top: Map) -> None:
    """What is only wrong between services: unknown names, circles, clashes."""
    declared = top.get("services")
    for name, service in services.items():
        body = declared[name] if isinstance(declared, Map) else None
        where = places(declared, name, ("compose.yaml", None))
        for dependency in service.depends_on:
            place = _place(body, "depends_on", dependency.service, where)
            if isinstance(declared, Map) and dependency.service not in declared:
                severity = reading.error if dependency.required else _warned(reading)
                message = f"{name} depends on {dependency.service}, which is not declared"
                severity("unknown_service", f"services.{name}.depends_on", message, place)
        for network in service.networks:
            if network != "default" and network not in reading.names["networks"]:
                place = _place(body, "networks", network, where)
                message = f"there is no network {network}: declare it under `networks`, or leave it out"
                reading.error("unknown_network", f"services.{name}.networks", message, place)
        targets = [one.target.rstrip("/") for one in service.volumes] + [one.target for one in service.files]
        for target in {one for one in targets if targets.count(one) > 1}:
            place = places(body, "volumes", where)
            reading.error("clash", f"services.{name}.volumes", f"two mounts are at {target}: leave one out", place)
        for alias in service.aliases:
            if alias in services and alias != name:
                place = places(body, "networks", where)
                reading.error("clash", f"services.{name}.networks", f"the alias {alias} is a service's name", place)
        if service.build is not None and service.image:
            reading.ignored(f"services.{name}.image", "what is built has a name of its own", where)
    for circle in _circles(services):
        body = declared[circle[0]] if isinstance(declared, Map) else None
        place = _place(body, "depends_on", circle[1], places(declared, circle[0], ("compose.yaml", None)))
        message = f"these wait for each other: {' → '.join(circle)}; take one of them out"
        reading.error("circular", f"services.{circle[0]}.depends_on", message, place)


def _warned(reading: Reading) -> Any:
    return lambda *said: reading.problems.append(refuse.warning(*said))


def _place(body: Any, field: str, name: str, otherwise: tuple[str, int | None]) -> tuple[str, int | None]:
    """Where a name stands in a service's list or mapping."""
    value = body.get(field) if isinstance(body, Map) else None
    here = places(body, field, otherwise)
    if isinstance(value, Map):
        return places(value, name, here)
    return places(value, value.index(name), here) if isinstance(value, list) and name in value else here


def _circles(services: dict[str, Service]) -> list[list[str]]:
    """Each with its first service again at its end."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append([*trail[trail.index(name) :], name])
        elif name not in done and name in services:
            for dependency in services[name].depends_on:
                visit(dependency.service, [*trail, name])
            done.add(name)

    for name in services:
        visit(name, [])
    return found
