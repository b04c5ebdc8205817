"""A devcontainer.json as a project of one service, or of the compose file that it names (containers.dev, reference)."""

import json
import os
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final

import msgspec

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
    "name",
    "image",
    "build",
    "dockerFile",
    "context",
    "dockerComposeFile",
    "service",
    "runServices",
    "containerEnv",
    "remoteEnv",
    "forwardPorts",
    "appPort",
    "onCreateCommand",
    "updateContentCommand",
    "postCreateCommand",
    "postStartCommand",
    "containerUser",
    "overrideCommand",
    "init",
    "mounts",
    "$schema",
}
_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "name": str, "image": str, "build": dict, "dockerFile": str, "context": str, "dockerComposeFile": (str, list),
    "service": str, "runServices": list, "containerEnv": dict, "remoteEnv": dict, "forwardPorts": list,
    "appPort": (int, str, list), "onCreateCommand": (str, list, dict), "updateContentCommand": (str, list, dict),
    "postCreateCommand": (str, list, dict), "postStartCommand": (str, list, dict), "containerUser": str,
    "overrideCommand": bool, "init": bool, "mounts": list,
}  # fmt: skip


def read_devcontainer(
    root: os.PathLike[str],
    text: str,
    file: str = ".devcontainer/devcontainer.json",
    variables: Mapping[str, str] | None = None,
) -> Project:
    """Raises BadCompose. `variables` fill in the compose files that it names."""
    said = parse(text, file)
    problems = _problems(said, text, file)
    if any(problem.severity == "error" for problem in problems):
        raise BadCompose(problems)
    said = _substituted(said, said)
    if said.get("dockerComposeFile"):
        return _composed(root, said, problems, file, variables or {})
    service = _service(said, file)
    named = [volume.source for volume in service.volumes if volume.kind == "volume"]
    return Project(
        services={service.name: service}, volumes=named, source="devcontainer", files=[file], problems=problems
    )


def parse(text: str, file: str) -> dict[str, Any]:
    """JSON with comments and trailing commas."""
    try:
        found = json.loads(_plain(text.removeprefix("\ufeff")))
    except (ValueError, RecursionError) as error:
        raise bad("bad_json", f"this is no JSON: {error}", where=(file, getattr(error, "lineno", None))) from error
    if not isinstance(found, dict):
        raise bad("bad_json", "this is an object", where=(file, 1))
    return found


def _plain(text: str) -> str:
    """Comments become spaces, so that lines stay, and commas before a closing bracket go; strings are left alone."""
    token = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
    text = token.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text)
    comma = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])', re.DOTALL)
    return comma.sub(lambda m: m[0] if m[0][0] == '"' else " ", text)


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
        elif key in _TYPES and value is not None and not isinstance(value, _TYPES[key]):
            problems += bad("bad_value", f"{key} is of another type (containers.dev)", path=key, where=where).problems
        elif key == "mounts":
            problems += [
                refuse.refused(key, f"the mount {one} is not allowed: volumes are, what is of the host is not", where)
                for one in value or []
                if _volume(one) is None
            ]
    if said.get("postStartCommand") and not _overrides(said):
        told = "the image's or service's own command runs here; `overrideCommand` puts this one in its place"
        problems.append(refuse.ignored("postStartCommand", told, _where(text, "postStartCommand", file)))
    return problems


def _overrides(said: dict[str, Any]) -> bool:
    """Whether its command takes the place of the container's own; otherwise so by default, not with compose files."""
    return bool(said.get("overrideCommand", not said.get("dockerComposeFile")))


def _where(text: str, key: str, file: str) -> Where:
    found = re.search(rf'"{re.escape(key)}"\s*:', text)
    return file, text.count("\n", 0, found.start()) + 1 if found else None


def _substituted(value: Any, said: dict[str, Any]) -> Any:
    """`${…}` in every text. The machine that it runs on lends its environment to nobody: `${localEnv:NAME}` is its default."""
    if isinstance(value, dict):
        return {key: _substituted(inner, said) for key, inner in value.items()}
    if isinstance(value, list):
        return [_substituted(inner, said) for inner in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    environment = said.get("containerEnv")

    def one(found: re.Match[str]) -> str:
        kind, name, default = found[1], found[2] or "", found[3] or ""
        if kind == "localEnv":
            return default
        if kind == "containerEnv":
            own = environment.get(name) if isinstance(environment, dict) else None
            return default if own is None or "${" in str(own) else str(own)
        return "workspace" if kind.endswith("Basename") else "codeyard" if kind == "devcontainerId" else WORKSPACE

    forms = "localEnv|containerEnv|(?:local|container)WorkspaceFolder(?:Basename)?|devcontainerId"
    return re.sub(rf"\$\{{({forms})(?::(\w+))?(?::([^}}]*))?\}}", one, value)


def _service(said: dict[str, Any], file: str) -> Service:
    image = str(said.get("image") or "")
    if image and not refuse.IMAGE.match(image):
        raise bad(
            "bad_value", f"“{image}” is not an image's name; write it as name:tag", path="image", where=(file, None)
        )
    name = re.sub(r"[^a-z0-9]+", "-", str(said.get("name") or "workbench").lower()).strip("-")[:40] or "workbench"
    return Service(
        name=name,
        file=file,
        image=image,
        build=_build(said, file),
        command=["sleep", "infinity"] if _overrides(said) else None,
        start=_start(said) if _overrides(said) else None,
        install=_install(said),
        environment=_environment(said),
        ports=_ports(said),
        volumes=[Volume(kind="bind", target=WORKSPACE), *_mounts(said)],
        working_dir=WORKSPACE,
        user=str(said["containerUser"]) if said.get("containerUser") else None,
    )


def _start(said: dict[str, Any]) -> str | None:
    """The container stays when the command has ended, since others look into it."""
    line = _line(said.get("postStartCommand"))
    return f"{line}\nexec sleep infinity" if line else None


def _install(said: dict[str, Any]) -> str | None:
    lines = [_line(said.get(key)) for key in ("onCreateCommand", "updateContentCommand", "postCreateCommand")]
    return " && ".join(line for line in lines if line) or None


def _environment(said: dict[str, Any]) -> dict[str, str]:
    both = {**(said.get("containerEnv") or {}), **(said.get("remoteEnv") or {})}
    return {str(key): str(value) for key, value in both.items() if value is not None}


def _ports(said: dict[str, Any], service: str = "") -> list[Port]:
    """Those of the service itself; `name:port` is another's."""
    app = said.get("appPort")
    listed = [*(said.get("forwardPorts") or []), *(app if isinstance(app, list) else [app] if app is not None else [])]
    found = []
    for one in listed:
        host, _, port = str(one).rpartition(":")
        if (
            re.fullmatch(r"\d{1,5}", port)
            and 1 <= int(port) <= 65535
            and (not service or host in ("", service, "localhost"))
        ):
            found.append(Port(target=int(port)))
    return list(dict.fromkeys(found))


def _mounts(said: dict[str, Any]) -> list[Volume]:
    return [volume for one in said.get("mounts") or [] if (volume := _volume(one)) is not None]


def _volume(one: Any) -> Volume | None:
    """None for what is no named volume."""
    if isinstance(one, str):
        one = dict(part.partition("=")[::2] for part in one.split(","))
    if not isinstance(one, dict) or one.get("type") != "volume":
        return None
    source = str(one.get("source") or one.get("src") or "")
    target = str(one.get("target") or one.get("dst") or one.get("destination") or "")
    source = re.sub(r"\$\{[^}]*\}", "codeyard", source)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,62}", source) or set(one) - {"type", "source", "src", *_TARGETS}:
        return None
    target = target.replace("${containerWorkspaceFolder}", WORKSPACE)
    if not target.startswith("/") or ".." in target.split("/") or not target.strip("/"):
        return None
    return Volume(kind="volume", source=source, target=target)


_TARGETS: Final = ("target", "dst", "destination")


def _build(said: dict[str, Any], file: str) -> ComposeBuild | None:
    build = said.get("build") or {}
    dockerfile = build.get("dockerfile") or said.get("dockerFile")
    if not dockerfile:
        return None
    base = os.path.dirname(file)
    context = clean(str(build.get("context") or said.get("context") or "."), base)
    inside = clean(str(dockerfile), base)
    if context is None or not inside:
        raise bad("refused", "the build is not of the working copy", path="build", where=(file, None))
    given = build.get("args")
    args: dict[str, Any] = given if isinstance(given, dict) else {}
    return ComposeBuild(
        context=context,
        dockerfile=os.path.relpath(inside, context or "."),
        args={str(key): str(value) for key, value in args.items()},
        target=None if build.get("target") is None else str(build["target"]),
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


def _composed(
    root: os.PathLike[str], said: dict[str, Any], problems: list[Problem], file: str, variables: Mapping[str, str]
) -> Project:
    """The services of the compose files; what the devcontainer says besides is of its own one."""
    from runtimes.compose.read import load_files

    named = said["dockerComposeFile"]
    files = [clean(str(one), os.path.dirname(file)) for one in (named if isinstance(named, list) else [named])]
    if not all(files):
        raise bad(
            "refused", "the compose file is not of the working copy", path="dockerComposeFile", where=(file, None)
        )
    project = load_files(root, [one for one in files if one], variables=variables)
    services, name = dict(project.services), str(said.get("service") or "")
    if name not in services:
        message = f"`service` names one of the compose file's services: {', '.join(services) or 'it has none'}"
        raise bad("unknown_service", message, path="service", where=(file, None))
    own = services[name]
    installs = [line for line in (own.install, _install(said)) if line]
    services[name] = msgspec.structs.replace(
        own,
        install=" && ".join(installs) or None,
        start=_start(said) if _overrides(said) else own.start,
        environment=own.environment | _environment(said),
        ports=list(dict.fromkeys([*own.ports, *_ports(said, name)])),
        volumes=[*own.volumes, *_mounts(said)],
        command=["sleep", "infinity"] if _overrides(said) else own.command,
        lines={},
    )
    return msgspec.structs.replace(
        project,
        services=_wanted(services, name, said.get("runServices")),
        volumes=list(dict.fromkeys([*project.volumes, *(one.source for one in _mounts(said))])),
        source="devcontainer",
        files=[file, *project.files],
        problems=problems + project.problems,
    )


def _wanted(services: dict[str, Service], own: str, run: list[Any] | None) -> dict[str, Service]:
    """All of them, or those that `runServices` lists, the devcontainer's own, and whatever they depend on."""
    if run is None:
        return services
    wanted, queue = set[str](), [own, *map(str, run)]
    while queue:
        name = queue.pop()
        if name in services and name not in wanted:
            wanted.add(name)
            queue += [one.service for one in services[name].depends_on]
    return {name: service for name, service in services.items() if name in wanted}
