"""Reads a working copy's compose file into a `Project` (compose-spec.io)."""

import io
import os
import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from runtimes.compose.model import (
    BadCompose,
    ComposeBuild,
    Dependency,
    Port,
    Problem,
    Project,
    Restart,
    Service,
    Volume,
)
from runtimes.spec import Health, Limits

NAMES: Final = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6}
_SIZES: Final = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def load(root: Path, *, variables: Mapping[str, str], profiles: Collection[str] = ()) -> Project:
    """What the compose file in `root` says. Raises BadCompose. Services of a profile are there whatever `profiles` says."""
    for name in NAMES:
        if (root / name).is_file():
            return _read((root / name).read_text("utf-8"), name, variables)
    return Project(services={}, source="none")


def _read(text: str, file: str, variables: Mapping[str, str]) -> Project:
    try:
        data = YAML(typ="rt").load(io.StringIO(text)) or {}
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise BadCompose(
            [Problem(severity="error", code="bad_yaml", path="", message=str(error.problem), file=file, line=line)]
        ) from error
    found = {name: _service(name, body or {}, data, variables) for name, body in (data.get("services") or {}).items()}
    extra = data.get("x-codeyard") or {}
    return Project(
        services=found,
        volumes=list(data.get("volumes") or {}),
        shared={str(n): str(v) for n, v in (extra.get("shared") or {}).items()},
        files=[file],
    )


def _service(name: str, body: Any, data: Any, variables: Mapping[str, str]) -> Service:
    def fill(text: Any) -> str:
        return re.sub(
            r"\$\$|\$\{([A-Za-z_]\w*)(?::?-([^}]*))?\}",
            lambda m: "$" if m[0] == "$$" else variables.get(m[1], m[2] or ""),
            str(text),
        )

    extra = body.get("x-codeyard") or {}
    environment = body.get("environment") or {}
    if isinstance(environment, list):
        environment = dict(line.partition("=")[::2] for line in environment)
    deploy = ((body.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    memory, cpus = body.get("mem_limit", deploy.get("memory")), body.get("cpus", deploy.get("cpus"))
    build = body.get("build")
    build = {"context": build} if isinstance(build, str) else build
    depends = body.get("depends_on") or {}
    depends = {one: {} for one in depends} if isinstance(depends, list) else depends
    return Service(
        name=name,
        line=data["services"].lc.key(name)[0] + 1,
        kind=extra.get("kind", "application"),
        icon=extra.get("icon", ""),
        image=fill(body.get("image", "")),
        build=build
        and ComposeBuild(
            context=os.path.normpath(build.get("context", ".")).removeprefix("."),
            dockerfile=build.get("dockerfile", "Dockerfile"),
        ),
        entrypoint=_words(body.get("entrypoint")),
        command=_words(body.get("command")),
        environment={str(n): fill("" if v is None else v) for n, v in environment.items()},
        ports=[Port(target=int(str(port).rpartition(":")[2].partition("/")[0])) for port in body.get("ports") or []],
        volumes=[_volume(str(volume)) for volume in body.get("volumes") or []],
        depends_on=[
            Dependency(service=one, condition=(more or {}).get("condition", "service_started"))
            for one, more in depends.items()
        ],
        healthcheck=_health(body.get("healthcheck")),
        profiles=list(body.get("profiles") or []),
        limits=Limits(cpus=float(cpus) if cpus else None, memory=_bytes(str(memory)) if memory else None),
        restart=Restart(policy=str(body.get("restart", "on-failure")).partition(":")[0]),  # type: ignore[arg-type]
        user=body.get("user"),
        working_dir=body.get("working_dir"),
        stop_grace=_seconds(body.get("stop_grace_period"), 10.0),
        install=extra.get("install"),
        start=extra.get("start"),
        packages=list(extra.get("packages") or []),
        secrets=list(extra.get("secrets") or []),
    )


def _words(given: Any) -> list[str] | None:
    return (
        shlex.split(given) if isinstance(given, str) else [str(word) for word in given] if given is not None else None
    )


def _volume(text: str) -> Volume:
    source, colon, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not colon:
        return Volume(kind="volume", source=re.sub(r"\W+", "-", source).strip("-"), target=source)
    if source.startswith("."):
        return Volume(
            kind="bind", source=os.path.normpath(source).removeprefix("."), target=target, read_only=mode == "ro"
        )
    return Volume(kind="volume", source=source, target=target, read_only=mode == "ro")


def _health(given: Any) -> Health | None:
    if not given or given.get("disable") or "test" not in given:
        return None
    test = given["test"]
    return Health(
        test=["CMD-SHELL", test] if isinstance(test, str) else [str(word) for word in test],
        interval=_seconds(given.get("interval"), 30.0),
        timeout=_seconds(given.get("timeout"), 30.0),
        start_period=_seconds(given.get("start_period"), 0.0),
        retries=int(given.get("retries", 3)),
    )


def _seconds(given: Any, otherwise: float) -> float:
    if given is None:
        return otherwise
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)(h|ms|us|m|s)", str(given)))


def _bytes(text: str) -> int:
    found = re.fullmatch(r"([\d.]+)\s*([bkmg]?)b?", text.lower())
    return int(float(found[1]) * _SIZES[found[2]]) if found else 0
