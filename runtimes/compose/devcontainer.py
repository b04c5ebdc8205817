"""A devcontainer.json as a project of one service, or of the compose file that it names (containers.dev, reference)."""

import json
import os
import re
import shlex
from typing import Any, Final

from runtimes.compose import refuse
from runtimes.compose.model import BadCompose, ComposeBuild, Port, Problem, Project, Service, Volume
from runtimes.compose.source import Where, bad, clean

WORKSPACE: Final = "/workspace"

#: What would reach the host, or take rights that ordinary images need not.
REFUSED: Final = {
    "initializeCommand": "it would run on the server itself; use `onCreateCommand`, which runs in the container",
    "runArgs": "they are the engine's own arguments; what is needed of them has fields of its own",
    "privileged": "it would let the service out of its container",
    "capAdd": "it would let the service out of its container",
    "securityOpt": "it would let the service out of its container",
    "mounts": "only the working copy is mounted; declare volumes in a compose.yaml",
    "workspaceMount": f"the working copy is mounted at {WORKSPACE}",
}
IGNORED: Final = {
    "features": "features are installed from the network by a tool of their own; put what they install into the image",
    "customizations": "they are of other editors",
    "workspaceFolder": f"the working copy is mounted at {WORKSPACE}",
    "shutdownAction": "services are stopped by whoever started them",
    "postAttachCommand": "nothing is run when somebody looks",
    "waitFor": "what installs is always waited for",
    "hostRequirements": "limits are the installation's to set",
    "updateRemoteUserUID": "files belong to the server's user",
    "remoteUser": "say `containerUser`",
    "portsAttributes": "ports are shown by their number",
    "otherPortsAttributes": "ports are shown by their number",
    "userEnvProbe": "the environment is what the file says",
}
_KNOWN: Final = {
    "name", "image", "build", "dockerFile", "context", "dockerComposeFile", "service", "runServices", "containerEnv",
    "remoteEnv", "forwardPorts", "appPort", "onCreateCommand", "updateContentCommand", "postCreateCommand",
    "postStartCommand", "containerUser", "overrideCommand", "init", "$schema",
}  # fmt: skip


def read_devcontainer(root: os.PathLike[str], text: str, file: str = ".devcontainer/devcontainer.json") -> Project:
    """Raises BadCompose."""
    said = parse(text, file)
    problems = _problems(said, text, file)
    if any(problem.severity == "error" for problem in problems):
        raise BadCompose(problems)
    if said.get("dockerComposeFile"):
        return _composed(root, said, problems, file)
    service = _service(said, file)
    return Project(services={service.name: service}, source="devcontainer", files=[file], problems=problems)


def parse(text: str, file: str) -> dict[str, Any]:
    """JSON with comments and trailing commas."""
    try:
        found = json.loads(re.sub(r",(\s*[}\]])", r"\1", _without_comments(text.removeprefix("\ufeff"))))
    except (ValueError, RecursionError) as error:
        raise bad("bad_json", f"this is no JSON: {error}", where=(file, getattr(error, "lineno", None))) from error
    if not isinstance(found, dict):
        raise bad("bad_json", "this is an object", where=(file, 1))
    return found


def _without_comments(text: str) -> str:
    """Comments become spaces, so that lines stay; strings are left alone."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
    return token.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text)


def _problems(said: dict[str, Any], text: str, file: str) -> list[Problem]:
    problems = []
    for key, value in said.items():
        where = _where(text, key, file)
        if key in REFUSED and value not in (None, False, [], {}, ""):
            problems.append(refuse.refused(key, f"`{key}` is not allowed: {REFUSED[key]}", where))
        elif key in IGNORED:
            problems.append(refuse.ignored(key, IGNORED[key], where))
        elif key not in _KNOWN and key not in REFUSED:
            problems.append(refuse.ignored(key, "this field is not known here", where))
    return problems


def _where(text: str, key: str, file: str) -> Where:
    found = re.search(rf'"{re.escape(key)}"\s*:', text)
    return file, text.count("\n", 0, found.start()) + 1 if found else None


def _service(said: dict[str, Any], file: str) -> Service:
    installs = [_line(said.get(key)) for key in ("onCreateCommand", "updateContentCommand", "postCreateCommand")]
    ports = [
        int(str(port).rpartition(":")[2])
        for port in said.get("forwardPorts") or []
        if str(port).rpartition(":")[2].isdigit()
    ]
    image = str(said.get("image") or "")
    if image and not refuse.IMAGE.match(image):
        raise bad(
            "bad_value", f"“{image}” is not an image's name; write it as name:tag", path="image", where=(file, None)
        )
    name = re.sub(r"[^a-z0-9]+", "-", str(said.get("name") or "workbench").lower()).strip("-")[:40] or "workbench"
    environment = {**(said.get("containerEnv") or {}), **(said.get("remoteEnv") or {})}
    return Service(
        name=name,
        image=image,
        build=_build(said, file),
        command=None if said.get("overrideCommand") is False else ["sleep", "infinity"],
        start=_line(said.get("postStartCommand")) or None,
        install=" && ".join(line for line in installs if line) or None,
        environment={str(key): str(value) for key, value in environment.items() if value is not None},
        ports=[Port(target=port) for port in ports if 1 <= port <= 65535],
        volumes=[Volume(kind="bind", target=WORKSPACE)],
        working_dir=WORKSPACE,
        user=str(said["containerUser"]) if said.get("containerUser") else None,
    )


def _build(said: dict[str, Any], file: str) -> ComposeBuild | None:
    build = said.get("build") if isinstance(said.get("build"), dict) else {}
    dockerfile = (build or {}).get("dockerfile") or said.get("dockerFile")
    if not dockerfile:
        return None
    base = os.path.dirname(file)
    context = clean(str((build or {}).get("context") or said.get("context") or "."), base)
    inside = clean(str(dockerfile), base)
    if context is None or not inside:
        raise bad("refused", "the build is not of the working copy", path="build", where=(file, None))
    args = (build or {}).get("args") or {}
    return ComposeBuild(
        context=context,
        dockerfile=os.path.relpath(inside, context or "."),
        args={str(key): str(value) for key, value in args.items()},
        target=(build or {}).get("target"),
    )


def _line(value: Any) -> str:
    """A command as a shell line: a line, a list of words, or several by name."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return shlex.join(str(word) for word in value)
    if isinstance(value, dict):
        return " && ".join(_line(one) for one in value.values())
    return ""


def _composed(root: os.PathLike[str], said: dict[str, Any], problems: list[Problem], file: str) -> Project:
    from runtimes.compose.read import load_files

    named = said["dockerComposeFile"]
    files = [clean(str(one), os.path.dirname(file)) for one in (named if isinstance(named, list) else [named])]
    if not all(files):
        raise bad(
            "refused", "the compose file is not of the working copy", path="dockerComposeFile", where=(file, None)
        )
    project = load_files(root, [one for one in files if one], variables={})
    return Project(
        services=project.services,
        volumes=project.volumes,
        shared=project.shared,
        source="devcontainer",
        files=[file, *project.files],
        problems=problems + project.problems,
        variables=project.variables,
    )
