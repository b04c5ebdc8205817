"""A Procfile as a project: one service a line, `web` the one with a port (devcenter.heroku.com/articles/procfile)."""

import os
import re
from pathlib import Path
from typing import Final

from runtimes.compose.model import BadCompose, Dependency, Port, Problem, Project, Restart, Service, Volume
from runtimes.compose.stacks import Found, look

FIRST_PORT: Final = 5000
_LINE = re.compile(r"([A-Za-z0-9_-]{1,63}):\s*(\S.*)")


def read_procfile(root: os.PathLike[str], text: str) -> Project:
    """Raises BadCompose. Image and install line are those that the working copy asks for; where nothing is recognised, the
    session's own image runs it. `release` runs to its end before the others start; without one, what installs starts first."""
    lines: dict[str, tuple[int, str]] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None or found[1] in lines:
            message = f"{found[1]} stands here twice" if found else "a line is `name: command`"
            problems.append(
                Problem(severity="error", code="bad_procfile", path="", message=message, file="Procfile", line=number)
            )
            continue
        lines[found[1]] = number, found[2]
    if problems:
        raise BadCompose(problems)
    stack = look(Path(root))
    first = "release" if "release" in lines else next(iter(lines), "")
    services = {name: _service(name, number, line, stack, first) for name, (number, line) in lines.items()}
    return Project(services=services, source="procfile", files=["Procfile"])


def _service(name: str, number: int, line: str, stack: Found | None, first: str) -> Service:
    environment = {"PORT": str(FIRST_PORT)} if name == "web" else {}
    after = Dependency(
        service=first, condition="service_completed_successfully" if first == "release" else "service_started"
    )
    runs_once = first == "release"
    service = Service(
        name=name,
        file="Procfile",
        line=number,
        start=line,
        environment=environment,
        ports=[Port(target=FIRST_PORT)] if name == "web" else [],
        depends_on=[after] if name != first and (runs_once or (stack is not None and stack.install)) else [],
        restart=Restart(policy="no") if name == "release" else Restart(),
    )
    if stack is None or stack.language == "static":
        return service
    given = {key: value for key, value in stack.environment.items() if key not in ("PORT", "HOST")}
    # what was installed is found by its name alone, as where Procfiles come from
    where = {"python": ".venv/bin", "node": "node_modules/.bin"}.get(stack.language)
    path = f'export PATH="$PWD/{where}:$PATH"; ' if where else ""
    return Service(
        **{field: getattr(service, field) for field in ("name", "file", "line", "ports", "depends_on", "restart")},
        icon=stack.language,
        image=stack.image,
        install=(stack.install or None) if name == first else None,  # one installs, into the folder that is everybody's
        start=path + line,
        environment=given | environment,
        volumes=[Volume(kind="bind", target="/app")],
        working_dir="/app",
    )
