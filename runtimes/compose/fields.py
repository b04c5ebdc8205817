"""The fields of one service, from what the file says to plain data (compose-spec, services). What is wrong is collected, so that
an author sees all of it at once."""

import re
import shlex
from collections.abc import Callable
from typing import Any, Final, TypeVar, get_args

from runtimes.compose import engines, mounts, refuse
from runtimes.compose.interpolate import Filled
from runtimes.compose.merge import keyed, places
from runtimes.compose.model import (
    WORKBENCH,
    BadCompose,
    ComposeBuild,
    Dependency,
    Kind,
    Port,
    Restart,
    Service,
    Volume,
)
from runtimes.compose.reading import Reading, boolean, bytes_of, listed, text
from runtimes.compose.source import Map, Seq, Where, bad, clean
from runtimes.spec import Health, Limits

T = TypeVar("T")

KNOWN: Final = {
    "build", "command", "configs", "cpus", "depends_on", "deploy", "entrypoint", "env_file", "environment", "expose", "extends",
    "healthcheck", "image", "init", "mem_limit", "networks", "pids_limit", "ports", "profiles", "pull_policy", "read_only",
    "restart", "secrets", "stop_grace_period", "stop_signal", "tmpfs", "user", "volumes", "working_dir", "x-codeyard",
}  # fmt: skip
OURS: Final = ("kind", "icon", "install", "start", "packages", "secrets")  # under `x-codeyard`
GRACE: Final = 300.0  # seconds that a program has to end at most

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z", re.ASCII)
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(h|ms|us|m|s))+\Z")
_TIMES: Final = ("interval", "timeout", "start_period")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}


def service(reading: Reading, name: str, body: Any, where: Where) -> Service | None:
    """None where it is no service at all."""
    path = f"services.{name}"
    if not _NAME.match(name):
        reading.error(
            "bad_name", path, "a service's name has letters, digits, dots, hyphens and underscores, 63 at most", where
        )
        return None
    if name == WORKBENCH:
        reading.error(
            "bad_name", path, f"{name} is what every session's own workbench is called: choose another", where
        )
        return None
    if not isinstance(body, Map):
        reading.error("bad_type", path, "a service is a mapping", where)
        return None
    reading.problems += refuse.of_service(name, body)
    extra = _map(reading, body, "x-codeyard", path)
    field = _Fields(reading, body, path)
    for key in body:
        listed = key in KNOWN or key in refuse.REFUSED or key in refuse.NAMESPACES or key in refuse.IGNORED
        if not listed and not key.startswith("x-"):
            reading.ignored(f"{path}.{key}", "this field is not known here", body.where[key])
    build = field("build", None, lambda value: _build(reading, value, f"{path}.build", body.where["build"]))
    image = field("image", "", _image)
    engine: str = engines.of_image(image) or ""
    deploy = _map(reading, body, "deploy", path)
    reading.problems += refuse.of_deploy(f"{path}.deploy", deploy)
    volumes: list[Volume] = field("volumes", [], lambda value: mounts.volumes(reading, name, value, f"{path}.volumes"))
    tmpfs: list[Volume] = field("tmpfs", [], lambda value: mounts.tmpfs(reading, value, f"{path}.tmpfs"))
    variables: dict[str, str] = field("environment", {}, environment)
    reading.only(extra, OURS, f"{path}.x-codeyard")
    more = _Fields(reading, extra, f"{path}.x-codeyard")
    read_only: bool = field("read_only", False, boolean)
    install: str | None = more("install", None, text)
    if read_only and install:
        message = "what is read-only installs nothing: leave out `read_only`, or install in the image"
        reading.error("read_only_install", f"{path}.x-codeyard.install", message, extra.where["install"])
    return Service(
        name=name,
        file=where[0],
        line=where[1],
        kind=more("kind", engines.KINDS.get(engine, "application"), _one_of(*get_args(Kind))),
        icon=more("icon", engine, text),
        image=image,
        build=build,
        entrypoint=field("entrypoint", None, words),
        command=field("command", None, words),
        environment={key: str(value) for key, value in variables.items()},
        written={key: value.written for key, value in variables.items() if isinstance(value, Filled)},
        lines={
            key: _line(value)
            for key, value in (
                ("command", body.get("command")),
                *((key, extra.get(key)) for key in ("install", "start")),
            )
            if value is not None
        },
        ports=field("ports", [], lambda value: _ports(reading, value, f"{path}.ports")),
        expose=field("expose", [], _exposed),
        volumes=[*volumes, *tmpfs],
        networks=field("networks", [], lambda value: list(_keyed(value, f"{path}.networks"))),
        aliases=field("networks", [], lambda value: _aliases(reading, value, f"{path}.networks")),
        depends_on=field("depends_on", [], lambda value: _depends_on(reading, value, f"{path}.depends_on")),
        healthcheck=field("healthcheck", None, lambda value: health(reading, value, f"{path}.healthcheck")),
        profiles=field("profiles", [], _texts),
        limits=_limits(reading, body, deploy, path),
        restart=field("restart", _restart_of(reading, deploy, f"{path}.deploy"), _restart),
        user=field("user", None, _user),
        working_dir=field("working_dir", None, _working_dir),
        init=field("init", True, boolean),
        read_only=read_only,
        stop_signal=field("stop_signal", None, _signal),
        stop_grace=field("stop_grace_period", 10.0, lambda value: _grace(reading, value, body, path)),
        files=[*mounts.files(reading, body, "configs", path), *mounts.files(reading, body, "secrets", path)],
        pull=field("pull_policy", "missing", _pull),
        install=install,
        start=more("start", None, text),
        packages=more("packages", [], _texts),
        secrets=more("secrets", [], _texts),
    )


class _Fields:
    """Reads fields of one mapping; what is wrong with one is told with its place, and it has its default."""

    def __init__(self, reading: Reading, body: Map, path: str) -> None:
        self._reading, self._body, self._path = reading, body, path

    def __call__(self, key: str, otherwise: T, convert: Callable[[Any], T]) -> T:
        value = self._body.get(key)
        if value is None:
            return otherwise
        path, where = f"{self._path}.{key}", self._body.where[key]
        try:
            return convert(value)
        except BadCompose as error:
            self._reading.problems += error.problems
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            self._reading.error("bad_value", path, str(error).strip("'"), where)
        return otherwise


def _map(reading: Reading, body: Map, key: str, path: str) -> Map:
    value = body.get(key)
    if value is not None and not isinstance(value, Map):
        reading.error("bad_type", f"{path}.{key}", "this is a mapping", body.where[key])
    return value if isinstance(value, Map) else Map()


def _texts(value: Any) -> list[str]:
    return [text(one) for one in listed(value)]


def _keyed(value: Any, path: str) -> Map:
    found = keyed(value, path)
    if not isinstance(found, Map):
        raise ValueError("this is a list, or a mapping")
    return found


def words(value: Any) -> list[str]:
    """A command: a list of words, or a line split as a shell would."""
    return _texts(value) if isinstance(value, Seq) else shlex.split(text(value))


def _line(value: Any) -> str:
    return (
        shlex.join(_line(word) for word in value) if isinstance(value, Seq) else getattr(value, "written", str(value))
    )


def environment(value: Any) -> dict[str, str]:
    """Names and values."""
    for name in (found := _keyed(value, "environment")):
        if not re.fullmatch(r"[^=\s]+", name):
            raise ValueError(f"“{name}” is no variable's name")
    return {name: inner if isinstance(inner, str) else text(inner) for name, inner in found.items()}


def _working_dir(value: Any) -> str:
    if not text(value).startswith("/"):
        raise ValueError(f"“{value}” is no folder in the container: write it from / on")
    return text(value)


def _image(value: Any) -> str:
    if len(str(value)) > 512 or not refuse.IMAGE.match(str(value)):
        raise ValueError(f"“{str(value)[:80]}” is not an image's name; write it as name:tag")
    return str(value)


def _build(reading: Reading, value: Any, path: str, where: Where) -> ComposeBuild:
    if not isinstance(value, Map):
        body = Map()
        body.put("context", value, where)
        value = body
    reading.problems += refuse.of_build(path, value)
    context = str(value.get("context", "."))
    folder = clean(context)
    if folder is None or "://" in context or context.startswith("git@"):
        raise bad(
            "refused",
            f"the context {context} is not allowed: images are built from folders of the working copy; clone it there",
            path=f"{path}.context",
            where=where,
        )
    dockerfile = str(value.get("dockerfile", "Dockerfile"))
    if clean(dockerfile, folder) is None:
        message = f"the dockerfile {dockerfile} is not allowed: it is not within the working copy"
        raise bad("refused", message, path=f"{path}.dockerfile", where=where)
    args = _keyed(value["args"], f"{path}.args") if value.get("args") is not None else Map()
    inline = value.get("dockerfile_inline")
    return ComposeBuild(
        context=folder,
        dockerfile=dockerfile,
        dockerfile_inline=None if inline is None else str(inline),
        args=_args(reading, args),
        target=None if value.get("target") is None else str(value["target"]),
    )


def _args(reading: Reading, args: Map) -> dict[str, str]:
    """One without a value has the variable's; where there is none, the Dockerfile's own default holds."""
    found = {name: reading.variables.get(name) if inner is None else text(inner) for name, inner in args.items()}
    return {name: value for name, value in found.items() if value is not None}


def _port(value: str) -> int:
    if not re.fullmatch(r"\d{1,5}", value) or not 1 <= int(value) <= 65535:
        raise ValueError(f"“{value}” is no port: those are 1 to 65535")
    return int(value)


def _ports(reading: Reading, value: Any, path: str) -> list[Port]:
    found: list[Port] = []
    for number, one in enumerate(listed(value)):
        where = places(value, number, ("", None))
        with reading.collecting():
            try:
                found += _one_port(reading, one, f"{path}.{number}", where)
            except ValueError as error:
                raise bad("bad_value", str(error), path=f"{path}.{number}", where=where) from error
    return list(dict.fromkeys(found))


def _one_port(reading: Reading, one: Any, path: str, where: Where) -> list[Port]:
    told = "what it publishes on the host has no effect: a preview address takes its place"
    if isinstance(one, Map):
        reading.only(one, {"published", "target", "protocol", "name"}, path)
        if one.get("published") is not None:
            reading.ignored(f"{path}.published", told, where)
        return [
            Port(
                target=_port(str(one.get("target"))),
                protocol=_protocol(one.get("protocol")),
                name=str(one.get("name") or ""),
            )
        ]
    spec, _, protocol = str(one).partition("/")
    published, colon, target = spec.rpartition(":")
    if colon and published:
        reading.ignored(path, told, where)
    return [Port(target=port, protocol=_protocol(protocol)) for port in _range(target)]


def _range(line: str) -> range:
    first, dash, last = line.partition("-")
    ports = range(_port(first), (_port(last) if dash else _port(first)) + 1)
    if not 0 < len(ports) <= 100:
        raise ValueError(f"{line} is no range of 100 ports at most")
    return ports


def _exposed(value: Any) -> list[int]:
    ports = [port for one in listed(value) for port in _range(text(one).partition("/")[0])]
    return list(dict.fromkeys(ports))


def _protocol(value: Any) -> Any:
    if value not in (None, "", "tcp", "udp"):
        raise ValueError(f"{value} is no protocol here: tcp and udp are")
    return value or "tcp"


def _aliases(reading: Reading, networks: Any, path: str) -> list[str]:
    found = []
    for name, one in networks.items() if isinstance(networks, Map) else ():
        reading.only(one, {"aliases"}, f"{path}.{name}")
        if isinstance(one, Map) and one.get("aliases") is not None:
            found += _texts(one["aliases"])
    for alias in found:
        if not _NAME.match(alias):
            raise ValueError(f"“{alias}” is no name of a host")
    return list(dict.fromkeys(found))


def _depends_on(reading: Reading, value: Any, path: str) -> list[Dependency]:
    found = []
    one_of = _one_of("service_started", "service_healthy", "service_completed_successfully")
    for name, body in _keyed(value, path).items():
        if body is not None and not isinstance(body, Map):
            raise ValueError("this is a list of services, or a mapping of them with `condition`")
        reading.only(body, {"condition", "required", "restart"}, f"{path}.{name}")
        said = body or Map()
        found.append(
            Dependency(
                service=name,
                condition=one_of(said.get("condition", "service_started")),
                required=boolean(said.get("required", True)),
                restart=boolean(said.get("restart", False)),
            )
        )
    return found


def health(reading: Reading, value: Any, path: str) -> Health | None:
    """None where it says nothing: the image's own check is in effect then, and out of it where it is disabled."""
    if not isinstance(value, Map):
        raise ValueError("a health check is a mapping")
    if "start_interval" in value:
        told = "checks come every `interval` from the start"
        reading.ignored(f"{path}.start_interval", told, value.where["start_interval"])
    reading.only(value, {*_TIMES, "start_interval", "test", "retries", "disable"}, path)
    test = value.get("test")
    if boolean(value.get("disable", False)) or (isinstance(test, Seq) and list(test) == ["NONE"]):
        return Health(test=["NONE"])
    times = {key: seconds(value[key]) for key in _TIMES if value.get(key) is not None}
    retries = max(1, int(text(value.get("retries", 3))))
    if test is None:
        for key in value:
            reading.ignored(f"{path}.{key}", "it has no effect without `test`", value.where[key])
        return None
    line = ["CMD-SHELL", text(test)] if not isinstance(test, Seq) else _texts(test)
    if line[:1] not in (["CMD"], ["CMD-SHELL"]) or len(line) < 2 or not line[1]:
        raise ValueError("`test` is a line, or a list beginning with CMD or CMD-SHELL")
    return Health(test=line, retries=retries, **times)


def _limits(reading: Reading, body: Map, deploy: Map, path: str) -> Limits:
    resources = _map(reading, deploy, "resources", f"{path}.deploy")
    limits = _map(reading, resources, "limits", f"{path}.deploy.resources")
    reservations = _map(reading, resources, "reservations", f"{path}.deploy.resources")
    if reservations.get("devices"):
        where = reservations.where["devices"]
        reading.problems.append(
            refuse.refused(
                f"{path}.deploy.resources.reservations.devices",
                f"`devices` is not allowed: {refuse.REFUSED['devices']}",
                where,
            )
        )
    reading.only(resources, {"limits", "reservations"}, f"{path}.deploy.resources")
    reading.only(limits, {"cpus", "memory", "pids"}, f"{path}.deploy.resources.limits")
    for key in (key for key in reservations if key != "devices"):
        reading.ignored(
            f"{path}.deploy.resources.reservations.{key}", "limits are what counts", reservations.where[key]
        )
    own = _Fields(reading, body, path)
    given = _Fields(reading, limits, f"{path}.deploy.resources.limits")
    return Limits(
        cpus=own("cpus", given("cpus", None, _cpus), _cpus),
        memory=own("mem_limit", given("memory", None, _memory), _memory),
        pids=own("pids_limit", given("pids", None, _pids), _pids),
    )


def _memory(value: Any) -> int | None:
    return bytes_of(value)


def _cpus(value: Any) -> float | None:
    """0 is no limit of its own, as for memory."""
    if not 0 <= float(value) <= 1024:
        raise ValueError(f"{value} is no number of processors")
    return float(value) or None


def _pids(value: Any) -> int | None:
    return int(value) if int(value) > 0 else None


def seconds(value: Any) -> float:
    """A duration such as 1m30s."""
    line = str(value)
    if len(line) > 40 or not _DURATION.match(line):
        raise ValueError(f"“{value}” is no duration; write it as 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|m|s)", line))


def _grace(reading: Reading, value: Any, body: Map, path: str) -> float:
    if seconds(value) > GRACE:
        message = "a service has five minutes at most to stop, then it is ended"
        reading.ignored(f"{path}.stop_grace_period", message, body.where["stop_grace_period"])
    return min(seconds(value), GRACE)


def _restart_of(reading: Reading, deploy: Map, path: str) -> Restart:
    policy = _map(reading, deploy, "restart_policy", path)
    for key in ("delay", "window"):
        if key in policy:
            reading.ignored(
                f"{path}.restart_policy.{key}", "the server waits longer after each crash", policy.where[key]
            )
    reading.only(policy, {"condition", "max_attempts", "delay", "window"}, f"{path}.restart_policy")
    if not policy:
        return Restart()
    field = _Fields(reading, policy, f"{path}.restart_policy")
    condition = field("condition", "any", _one_of("none", "on-failure", "any"))
    known: dict[str, Any] = {"none": "no", "on-failure": "on-failure", "any": "always"}
    return Restart(policy=known[condition], max_attempts=field("max_attempts", None, _attempts))


def _attempts(value: Any) -> int | None:
    return int(text(value))


def _restart(value: Any) -> Restart:
    policy, _, attempts = ("no" if value is False else text(value)).partition(":")
    known = _one_of("no", "always", "on-failure", "unless-stopped")(policy)
    return Restart(policy=known, max_attempts=int(attempts) if attempts else None)


def _user(value: Any) -> str | None:
    if value == "":
        return None  # as the image says
    if not re.fullmatch(r"[\w.][\w.-]*(:[\w.][\w.-]*)?", str(value), re.ASCII):
        raise ValueError(f"“{value}” is no user: write name or uid, and :group if need be")
    return str(value)


def _signal(value: Any) -> str:
    if not re.fullmatch(r"(SIG)?[A-Z0-9+-]{2,10}|\d{1,2}", str(value).upper(), re.ASCII):
        raise ValueError(f"“{value}” is no signal; write it as SIGTERM")
    return str(value).upper()


def _pull(value: Any) -> Any:
    same = {"if_not_present": "missing", "build": "missing", "daily": "always", "weekly": "always"}
    known = "always" if str(value).startswith("every_") else same.get(str(value), str(value))
    return _one_of("missing", "always", "never")(known)


def _one_of(*known: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if value not in known:
            raise ValueError(f"“{value}” is none of {', '.join(known)}")
        return value

    return convert
