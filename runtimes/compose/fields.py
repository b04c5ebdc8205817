"""The fields of one service, from what the file says to plain data (compose-spec, services). What is wrong is collected, so that
an author sees all of it at once."""

import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, get_args

from runtimes.compose import refuse
from runtimes.compose.merge import keyed, places
from runtimes.compose.model import (
    BadCompose,
    ComposeBuild,
    Dependency,
    FileMount,
    Kind,
    Port,
    Problem,
    Restart,
    Service,
    Volume,
)
from runtimes.compose.source import Map, Seq, Where, bad, clean
from runtimes.spec import Health, Limits

T = TypeVar("T")

KNOWN: Final = {
    "build", "command", "configs", "cpus", "depends_on", "deploy", "entrypoint", "env_file", "environment", "expose", "extends",
    "healthcheck", "image", "init", "mem_limit", "networks", "pids_limit", "ports", "profiles", "pull_policy", "read_only",
    "restart", "secrets", "stop_grace_period", "stop_signal", "tmpfs", "user", "volumes", "working_dir", "x-codeyard",
}  # fmt: skip
TMPFS_BYTES: Final = 256 << 20

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z", re.ASCII)
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)(h|ms|us|m|s))+\Z")
_SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
_BYTES: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class Reading:
    """What is collected while one project is read. `names` are the volumes, configs and secrets that the file declares."""

    def __init__(self, names: dict[str, set[str]], top: Map) -> None:
        self.problems: list[Problem] = []
        self.names = names
        self.top = top

    @contextmanager
    def collecting(self) -> Iterator[None]:
        try:
            yield
        except BadCompose as error:
            self.problems += error.problems

    def error(self, code: str, path: str, message: str, where: Where) -> None:
        self.problems += bad(code, message, path=path, where=where).problems

    def ignored(self, path: str, message: str, where: Where) -> None:
        self.problems.append(refuse.ignored(path, message, where))


def service(reading: Reading, name: str, body: Any, where: Where) -> Service | None:
    """None where it is no service at all."""
    path = f"services.{name}"
    if not _NAME.match(name):
        reading.error(
            "bad_name", path, "a service's name has letters, digits, dots, hyphens and underscores, 63 at most", where
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
    deploy = _map(reading, body, "deploy", path)
    reading.problems += refuse.of_deploy(f"{path}.deploy", deploy)
    volumes: list[Volume] = field("volumes", [], lambda value: _volumes(reading, name, value, f"{path}.volumes"))
    tmpfs: list[Volume] = field("tmpfs", [], _tmpfs)
    more = _Fields(reading, extra, f"{path}.x-codeyard")
    return Service(
        name=name,
        line=where[1],
        kind=more("kind", "application", _one_of(*get_args(Kind))),
        icon=more("icon", "", str),
        image=image,
        build=build,
        entrypoint=field("entrypoint", None, words),
        command=field("command", None, words),
        environment=field("environment", {}, lambda value: environment(value, path)),
        ports=field("ports", [], lambda value: _ports(reading, value, f"{path}.ports")),
        expose=field("expose", [], lambda value: [_port(str(one).partition("/")[0]) for one in _list(value)]),
        volumes=[*volumes, *tmpfs],
        networks=list(keyed(body.get("networks"), f"{path}.networks") or []),
        aliases=_aliases(body.get("networks")),
        depends_on=field("depends_on", [], _depends_on),
        healthcheck=field("healthcheck", None, health),
        profiles=field("profiles", [], lambda value: [str(one) for one in _list(value)]),
        limits=_limits(reading, body, deploy, path),
        restart=field("restart", _restart_of(deploy), _restart),
        user=field("user", None, _user),
        working_dir=field("working_dir", None, str),
        init=field("init", True, _boolean),
        read_only=field("read_only", False, _boolean),
        stop_signal=field("stop_signal", None, _signal),
        stop_grace=field("stop_grace_period", 10.0, seconds),
        files=[*_files(reading, body, "configs", path), *_files(reading, body, "secrets", path)],
        pull=field("pull_policy", "missing", _pull),
        install=more("install", None, str),
        start=more("start", None, str),
        packages=more("packages", [], lambda value: [str(one) for one in _list(value)]),
        secrets=more("secrets", [], lambda value: [str(one) for one in _list(value)]),
        extra={
            key: value
            for key, value in extra.items()
            if key not in ("kind", "icon", "install", "start", "packages", "secrets")
        },
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
        except (ValueError, TypeError, KeyError) as error:
            self._reading.error("bad_value", path, str(error).strip("'"), where)
        return otherwise


def _map(reading: Reading, body: Map, key: str, path: str) -> Map:
    value = body.get(key)
    if value is not None and not isinstance(value, Map):
        reading.error("bad_type", f"{path}.{key}", "this is a mapping", body.where[key])
    return value if isinstance(value, Map) else Map()


def _list(value: Any) -> Seq:
    if not isinstance(value, Seq):
        raise ValueError("this is a list")
    return value


def words(value: Any) -> list[str]:
    """A command: a list of words, or a line split as a shell would."""
    if isinstance(value, Seq):
        return [str(word) for word in value]
    if isinstance(value, Map):
        raise ValueError("a command is a line, or a list of words")
    return shlex.split(str(value))


def environment(value: Any, path: str) -> dict[str, str]:
    """Names and values; a name without a value has none here, since the server's own environment is not for services."""
    found = keyed(value, f"{path}.environment")
    if not isinstance(found, Map):
        raise ValueError("the environment is a mapping, or a list of NAME=value")
    return {name: "" if inner is None else text(inner) for name, inner in found.items() if "\0" not in name and name}


def text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Map | Seq):
        raise ValueError("a value is one line of text, a number, true or false")
    return str(value)


def _image(value: Any) -> str:
    if not refuse.IMAGE.match(str(value)):
        raise ValueError(f"“{value}” is not an image's name; write it as name:tag")
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
            "refused", f"the context {context} is not within the working copy", path=f"{path}.context", where=where
        )
    dockerfile = str(value.get("dockerfile", "Dockerfile"))
    if clean(dockerfile, folder) is None:
        raise bad("refused", f"{dockerfile} is not within the working copy", path=f"{path}.dockerfile", where=where)
    args = keyed(value.get("args"), f"{path}.args") or Map()
    inline = value.get("dockerfile_inline")
    return ComposeBuild(
        context=folder,
        dockerfile=dockerfile,
        dockerfile_inline=None if inline is None else str(inline),
        args={name: "" if inner is None else text(inner) for name, inner in args.items()},
        target=None if value.get("target") is None else str(value["target"]),
    )


def _port(value: str) -> int:
    if not re.fullmatch(r"\d{1,5}", value) or not 1 <= int(value) <= 65535:
        raise ValueError(f"“{value}” is no port: those are 1 to 65535")
    return int(value)


def _ports(reading: Reading, value: Any, path: str) -> list[Port]:
    found: list[Port] = []
    for number, one in enumerate(_list(value)):
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
    first, dash, last = target.partition("-")
    ports = range(_port(first), (_port(last) if dash else _port(first)) + 1)
    if len(ports) > 100 or not ports:
        raise ValueError(f"{target} is no range of 100 ports at most")
    return [Port(target=port, protocol=_protocol(protocol)) for port in ports]


def _protocol(value: Any) -> Any:
    if value not in (None, "", "tcp", "udp"):
        raise ValueError(f"{value} is no protocol here: tcp and udp are")
    return value or "tcp"


def _volumes(reading: Reading, service: str, value: Any, path: str) -> list[Volume]:
    found = []
    for number, one in enumerate(_list(value)):
        where = places(value, number, ("", None))
        with reading.collecting():
            fields = one if isinstance(one, Map) else _short_volume(str(one), where)
            found.append(_volume(reading, service, fields, f"{path}.{number}", where))
    return found


def _short_volume(line: str, where: Where) -> Map:
    parts = line.split(":")
    source, target = (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    options = parts[2].split(",") if len(parts) > 2 else []
    kind = "bind" if source is not None and source.startswith((".", "/", "~")) else "volume"
    fields = Map()
    for key, value in (("type", kind), ("source", source), ("target", target), ("read_only", "ro" in options)):
        fields.put(key, value, where)
    return fields


def _volume(reading: Reading, service: str, fields: Map, path: str, where: Where) -> Volume:
    kind, target = fields.get("type", "volume"), str(fields.get("target") or "")
    source = "" if fields.get("source") is None else str(fields["source"])
    read_only = bool(fields.get("read_only"))
    if not target.startswith("/") or ".." in target.split("/") or target.rstrip("/") == "":
        raise bad("bad_value", f"“{target}” is no folder in the container: write it from / on", path=path, where=where)
    if kind == "tmpfs":
        size = fields["tmpfs"].get("size") if isinstance(fields.get("tmpfs"), Map) else None
        return Volume(kind="tmpfs", target=target, size=_tmpfs_bytes(size))
    if kind == "bind":
        folder = clean(source)
        if folder is None:
            message = f"the mount of {source} is not allowed: only what lies in the working copy can be mounted"
            raise bad("refused", message, path=path, where=where)
        if isinstance(fields.get("bind"), Map) and fields["bind"].get("propagation"):
            reading.problems.append(
                refuse.refused(path, "`bind.propagation` is not allowed: mounts stay in the container", where)
            )
        return Volume(kind="bind", source=folder, target=target, read_only=read_only)
    if kind != "volume":
        raise bad(
            "refused", f"a mount of type {kind} is not allowed: bind, volume and tmpfs are", path=path, where=where
        )
    if not source:
        return Volume(
            kind="volume",
            source=re.sub(r"[^A-Za-z0-9]+", "-", f"{service}{target}"),
            target=target,
            read_only=read_only,
        )
    if source not in reading.names["volumes"]:
        message = f"there is no volume {source}: declare it under `volumes`, or write ./{source} for a folder"
        raise bad("unknown_volume", message, path=path, where=where)
    return Volume(kind="volume", source=source, target=target, read_only=read_only)


def _tmpfs(value: Any) -> list[Volume]:
    found = []
    for one in value if isinstance(value, Seq) else [value]:
        target, _, options = str(one).partition(":")
        size = re.search(r"(?:^|,)size=(\w+)", options)
        found.append(Volume(kind="tmpfs", target=target, size=_tmpfs_bytes(size and size[1])))
    return found


def _tmpfs_bytes(size: Any) -> int:
    return min(bytes_of(size), TMPFS_BYTES) if size else TMPFS_BYTES


def _aliases(networks: Any) -> list[str]:
    found = []
    for one in networks.values() if isinstance(networks, Map) else ():
        if isinstance(one, Map) and isinstance(one.get("aliases"), Seq):
            found += [str(alias) for alias in one["aliases"]]
    return found


def _depends_on(value: Any) -> list[Dependency]:
    found = keyed(value, "services.x.depends_on")
    if not isinstance(found, Map):
        raise ValueError("this is a list of services, or a mapping")
    one_of = _one_of("service_started", "service_healthy", "service_completed_successfully")
    return [
        Dependency(
            service=name,
            condition=one_of(body.get("condition", "service_started")) if isinstance(body, Map) else "service_started",
            required=_boolean(body.get("required", True)) if isinstance(body, Map) else True,
            restart=_boolean(body.get("restart", False)) if isinstance(body, Map) else False,
        )
        for name, body in found.items()
    ]


def health(value: Any) -> Health | None:
    """None where it is disabled; the image's own check stays then out of effect, too."""
    if not isinstance(value, Map):
        raise ValueError("a health check is a mapping")
    test = value.get("test")
    if _boolean(value.get("disable", False)) or (isinstance(test, Seq) and list(test) == ["NONE"]):
        return Health(test=["NONE"])
    if test is None:
        return None
    line = ["CMD-SHELL", str(test)] if not isinstance(test, Seq) else [str(word) for word in test]
    if line[:1] not in (["CMD"], ["CMD-SHELL"]) or len(line) < 2:
        raise ValueError("`test` is a line, or a list beginning with CMD or CMD-SHELL")
    times = {
        key: seconds(value[key])
        for key in ("interval", "timeout", "start_period", "start_interval")
        if value.get(key) is not None
    }
    return Health(test=line, retries=max(1, int(value.get("retries", 3))), **times)


def _limits(reading: Reading, body: Map, deploy: Map, path: str) -> Limits:
    resources = _map(reading, deploy, "resources", f"{path}.deploy")
    limits = _map(reading, resources, "limits", f"{path}.deploy.resources")
    reservations = _map(reading, resources, "reservations", f"{path}.deploy.resources")
    if reservations.get("devices"):
        where = reservations.where["devices"]
        reading.problems.append(
            refuse.refused(f"{path}.deploy.resources.reservations.devices", "devices are the host's", where)
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
    if not 0 < float(value) <= 1024:
        raise ValueError(f"{value} is no number of processors")
    return float(value)


def _pids(value: Any) -> int | None:
    return int(value) if int(value) > 0 else None


def bytes_of(value: Any) -> int:
    """A size such as 512m, 1.5g, 64MiB, or a number of bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", str(value).strip().lower())
    if found is None:
        raise ValueError(f"“{value}” is no size; write it as 512m or 1g")
    return int(float(found[1]) * _BYTES[found[2]])


def seconds(value: Any) -> float:
    """A duration such as 1m30s."""
    line = str(value)
    if not _DURATION.match(line):
        raise ValueError(f"“{value}” is no duration; write it as 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|m|s)", line))


def _restart_of(deploy: Map) -> Restart:
    policy = deploy.get("restart_policy")
    if not isinstance(policy, Map):
        return Restart()
    known: Any = {"none": "no", "on-failure": "on-failure", "any": "always"}.get(
        str(policy.get("condition", "any")), "on-failure"
    )
    return Restart(policy=known, max_attempts=policy.get("max_attempts"))


def _restart(value: Any) -> Restart:
    policy, _, attempts = ("no" if value is False else str(value)).partition(":")
    known = _one_of("no", "always", "on-failure", "unless-stopped")(policy)
    return Restart(policy=known, max_attempts=int(attempts) if attempts else None)


def _user(value: Any) -> str:
    if not re.fullmatch(r"[\w.][\w.-]*(:[\w.][\w.-]*)?", str(value), re.ASCII):
        raise ValueError(f"“{value}” is no user: write name or uid, and :group if need be")
    return str(value)


def _signal(value: Any) -> str:
    if not re.fullmatch(r"(SIG)?[A-Z0-9+]{2,10}|\d{1,2}", str(value)):
        raise ValueError(f"“{value}” is no signal; write it as SIGTERM")
    return str(value)


def _pull(value: Any) -> Any:
    return {"if_not_present": "missing", "build": "missing", "daily": "always", "weekly": "always"}.get(
        str(value), value if value in ("missing", "always", "never") else "missing"
    )


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in ("true", "false"):
        raise ValueError(f"“{value}” is neither true nor false")
    return str(value).lower() == "true"


def _one_of(*known: str) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if value not in known:
            raise ValueError(f"“{value}” is none of {', '.join(known)}")
        return value

    return convert


def _files(reading: Reading, body: Map, kind: str, path: str) -> list[FileMount]:
    """Configs at /<name>, secrets at /run/secrets/<name>, unless `target` says otherwise."""
    found = []
    value = body.get(kind)
    declared = reading.top.get(kind)
    for number, one in enumerate(value if isinstance(value, Seq) else ()):
        where = places(value, number, ("", None))
        fields = one if isinstance(one, Map) else {"source": str(one)}
        source = str(fields.get("source"))
        if source not in reading.names[kind]:
            reading.error(f"unknown_{kind[:-1]}", f"{path}.{kind}.{number}", f"there is no {kind[:-1]} {source}", where)
            continue
        folder = "/run/secrets/" if kind == "secrets" else "/"
        target = str(fields.get("target") or source)
        target = target if target.startswith("/") else folder + target
        made = declared.get(source) if isinstance(declared, Map) else None
        if ".." in target.split("/") or not isinstance(made, Map):
            reading.error("bad_value", f"{path}.{kind}.{number}", f"{target} is no place for a file", where)
            continue
        with reading.collecting():
            found.append(_file(made, target, f"{kind}.{source}", where))
    return found


def _file(made: Map, target: str, path: str, where: Where) -> FileMount:
    if made.get("external"):
        message = "`external` is not allowed: give it `file`, `content` or `environment`"
        raise bad("refused", message, path=f"{path}.external", where=made.where["external"])
    if made.get("content") is not None:
        return FileMount(target=target, content=str(made["content"]))
    if made.get("environment") is not None:
        return FileMount(target=target, environment=str(made["environment"]))
    inside = clean(str(made.get("file") or ""))
    if not inside:
        raise bad("refused", f"{made.get('file')} is not a file of the working copy", path=f"{path}.file", where=where)
    return FileMount(target=target, file=inside)
