"""A Procfile as a project: one service a line, `web` the one with a port (devcenter.heroku.com/articles/procfile)."""

import os
import re
from typing import Final

from runtimes.compose.model import BadCompose, Port, Problem, Project, Service

FIRST_PORT: Final = 5000
_LINE = re.compile(r"([A-Za-z0-9_-]{1,63}):\s*(\S.*)")


def read_procfile(_root: os.PathLike[str], text: str) -> Project:
    """Raises BadCompose. `release` runs to its end before the others start."""
    services: dict[str, Service] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None or found[1] in services:
            message = f"{found[1]} stands here twice" if found else "a line is `name: command`"
            problems.append(
                Problem(severity="error", code="bad_procfile", path="", message=message, file="Procfile", line=number)
            )
            continue
        name = found[1]
        port = FIRST_PORT if name == "web" else None
        services[name] = Service(
            name=name,
            line=number,
            start=found[2],
            environment={"PORT": str(port)} if port else {},
            ports=[Port(target=port)] if port else [],
        )
    if problems:
        raise BadCompose(problems)
    return Project(services=services, source="procfile", files=["Procfile"])
