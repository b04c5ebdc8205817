"""References between services in environment values, resolved before anything starts:

`${host::SERVICE}`, `${domainUrl::SERVICE}`, `${env::SERVICE::NAME}`, `${variable::NAME}`.
"""

import re
from collections.abc import Mapping
from typing import Final

from runtimes.compose.model import BadCompose, Problem

REFERENCE: Final = re.compile(r"\$\{(host|domainUrl|env|variable)::([A-Za-z0-9_.-]+)(?:::([A-Za-z_][A-Za-z0-9_]*))?\}")


def resolve(
    services: Mapping[str, Mapping[str, str]],
    *,
    hosts: Mapping[str, str],
    domain_urls: Mapping[str, str],
    variables: Mapping[str, str],
) -> dict[str, dict[str, str]]:
    """Every service's environment with its references in place. Raises BadCompose that names each unknown one and cycle."""
    problems: list[Problem] = []
    done: dict[tuple[str, str], str] = {}

    def value(service: str, name: str, trail: tuple[tuple[str, str], ...]) -> str:
        key = service, name
        if key in trail:
            circle = " → ".join(f"{s}.{n}" for s, n in (*trail[trail.index(key) :], key))
            raise LookupError("circular_reference", f"these refer to each other in a circle: {circle}")
        if key not in done:
            raw = services[service][name]
            done[key] = REFERENCE.sub(lambda found: look_up(found, (*trail, key)), raw)
        return done[key]

    def look_up(found: re.Match[str], trail: tuple[tuple[str, str], ...]) -> str:
        kind, name, variable = found.groups()
        if kind == "variable":
            return known(variables, name, "variable")
        if kind == "host":
            return known(hosts, name, "service")
        if kind == "domainUrl":
            return known(domain_urls, name, "service")
        if name not in services:
            known(services, name, "service")
        if variable is None or variable not in services[name]:
            raise LookupError("unknown_reference", f"{name} has no variable {variable}")
        return value(name, variable, trail)

    def known(where: Mapping[str, object], name: str, what: str) -> str:
        if name not in where:
            raise LookupError("unknown_reference", f"there is no {what} {name}")
        return str(where[name])

    for service, environment in services.items():
        for name in environment:
            try:
                value(service, name, ())
            except LookupError as error:
                code, message = error.args
                path = f"services.{service}.environment.{name}"
                problems.append(Problem(severity="error", code=code, path=path, message=f"{name}: {message}"))
    if problems:
        raise BadCompose(problems)
    return {service: {name: done[service, name] for name in environment} for service, environment in services.items()}
