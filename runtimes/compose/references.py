"""References between services in environment values, resolved before anything starts:

`${host::SERVICE}`, `${domainUrl::SERVICE}`, `${env::SERVICE::NAME}`, `${variable::NAME}`.
"""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from runtimes.compose.model import BadCompose, Problem
from runtimes.compose.source import Where, bad

_NAME = r"[A-Za-z0-9_.-]+"
REFERENCE: Final = re.compile(
    rf"\$\{{(?:(host|domainUrl|variable)::({_NAME})|(env)::({_NAME})::([A-Za-z_][A-Za-z0-9_]*))\}}"
)
FORMS: Final = "write ${host::SERVICE}, ${domainUrl::SERVICE}, ${env::SERVICE::NAME} or ${variable::NAME}"
NAMED: Final = {"variable": "variable", "host": "service", "domainUrl": "service"}
DEPTH: Final = 50
CHARACTERS: Final = 1 << 16
_LIKE: Final = re.compile(rf"(?!{REFERENCE.pattern})\$\{{[A-Za-z]\w*::[^}}]{{0,80}}\}}?")


def resolve(
    services: Mapping[str, Mapping[str, str]],
    *,
    hosts: Mapping[str, str],
    domain_urls: Mapping[str, str],
    variables: Mapping[str, str],
    hidden: Collection[tuple[str, str]] = (),
    places: Mapping[str, Where] = MappingProxyType({}),
) -> dict[str, dict[str, str]]:
    """Every service's environment with its references in place. Raises BadCompose that names each unknown one and cycle, but
    nothing of a value that is `hidden`, by service and name: what only looks like a reference may be part of a password.
    `places` are the services' own."""
    problems: list[Problem] = []
    done: dict[tuple[str, str], str] = {}

    def value(service: str, name: str, trail: tuple[tuple[str, str], ...]) -> str:
        key = service, name
        if key in trail:
            circle = " → ".join(f"{s}.{n}" for s, n in (*trail[trail.index(key) :], key))
            raise LookupError("circular_reference", f"these refer to each other in a circle: {circle}")
        if len(trail) > DEPTH:
            raise LookupError("too_complex", f"more than {DEPTH} references follow each other")
        if key not in done:
            try:
                found = filled(services[service][name], (*trail, key))
            except LookupError as error:
                if key not in hidden or error.args[0] != "unknown_reference":
                    raise
                told = f"the value of {service}.{name}, which is not shown, refers to what is not there"
                raise LookupError("unknown_reference", told) from None
            if key not in hidden and (unknown := _LIKE.search(services[service][name])) is not None:
                raise LookupError("bad_reference", f"{unknown[0]} is no reference; {FORMS}")
            done[key] = found
        return done[key]

    def filled(raw: str, trail: tuple[tuple[str, str], ...]) -> str:
        parts, at, length = [], 0, 0
        for found in REFERENCE.finditer(raw):
            parts += [raw[at : found.start()], look_up(found, trail)]
            at = found.end()
            length += len(parts[-1])
            if length > CHARACTERS:
                raise LookupError("too_large", "this becomes larger than 64 KiB")
        return "".join([*parts, raw[at:]])

    def look_up(found: re.Match[str], trail: tuple[tuple[str, str], ...]) -> str:
        kind, name, variable = found[1] or found[3], found[2] or found[4], found[5]
        if kind == "env":
            if name not in services:
                raise LookupError("unknown_reference", f"there is no service {name}")
            if variable not in services[name]:
                raise LookupError("unknown_reference", f"{name} has no variable {variable}")
            return value(name, variable, trail)
        return known({"variable": variables, "host": hosts, "domainUrl": domain_urls}[kind], name, NAMED[kind])

    def known(where: Mapping[str, str], name: str, what: str) -> str:
        if name not in where:
            remedy = "; set it in the workspace" if what == "variable" else ""
            raise LookupError("unknown_reference", f"there is no {what} {name}{remedy}")
        return where[name]

    for service, environment in services.items():
        for name in environment:
            try:
                value(service, name, ())
            except LookupError as error:
                code, message = error.args
                path = f"services.{service}.environment.{name}"
                where = places.get(service, ("compose.yaml", None))
                problems += bad(code, f"{name}: {message}", path=path, where=where).problems
    if problems:
        raise BadCompose(problems)
    return {service: {name: done[service, name] for name in environment} for service, environment in services.items()}
