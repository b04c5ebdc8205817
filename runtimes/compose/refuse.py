"""What may not stand in a session's compose file, each with the reason and the way out: the fields that would let a service out
of its container, or into somebody else's; and those that have no effect here, which are listed."""

import re
from collections.abc import Iterator
from typing import Any, Final

from runtimes.compose.model import Problem
from runtimes.compose.source import Map, Seq, Where

_OUT = "it would let the service out of its container"
_OURS = "who runs beside it is decided by the session"

#: Of a service: field → why it is refused, whatever its value (false, empty and null are let through).
REFUSED: Final = {
    "privileged": f"{_OUT}; name what the program needs, most need nothing",
    "cap_add": f"more rights than ordinary images need: {_OUT}",
    "devices": f"devices are the host's: {_OUT}",
    "device_cgroup_rules": f"devices are the host's: {_OUT}",
    "security_opt": f"confinement is not to be loosened: {_OUT}",
    "cgroup_parent": "limits are kept by the group that the server chooses",
    "cgroup": "limits are kept by the group that the server chooses",
    "sysctls": "they change the kernel that all share",
    "runtime": "which runtime confines a service is the installation's to say",
    "isolation": "which runtime confines a service is the installation's to say",
    "volumes_from": "name the volumes themselves",
    "external_links": f"{_OURS}; services of one session find each other by name",
    "credential_spec": "credentials of the host are not for services",
    "post_start": "hooks run with rights of their own; use `x-codeyard.install` or a command",
    "pre_stop": "hooks run with rights of their own; handle SIGTERM in the program",
    "provider": "programs of the host are not for services",
    "use_api_socket": f"the engine's socket is the host: {_OUT}",
    "oom_kill_disable": "a service that uses too much memory is ended, else the machine is",
    "oom_score_adj": "a service that uses too much memory is ended, else the machine is",
    "gpus": "devices are the host's; ask whoever runs this installation",
    "userns_mode": f"{_OUT}",
    "uts": f"{_OUT}",
    "storage_opt": "disk limits are the installation's to set",
    "cpu_rt_runtime": "real-time priority takes the machine from everybody else",
    "cpu_rt_period": "real-time priority takes the machine from everybody else",
}

#: Rights that every service has, so that asking for them is asking for nothing.
GRANTED: Final = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"}

#: Fields that choose a namespace: refused unless the value is one of these.
NAMESPACES: Final = {
    "network_mode": {"", "none", "bridge"},
    "pid": {""},
    "ipc": {"", "private", "none", "shareable"},
}

#: Of a service: field → why it has no effect.
IGNORED: Final = {
    "container_name": "containers are named by session and service, so that sessions do not clash",
    "logging": "logs are kept by the server, bounded",
    "develop": "the working copy is mounted live, so there is nothing to sync",
    "labels": "labels are the server's, to know its own",
    "label_file": "labels are the server's, to know its own",
    "annotations": "annotations have no effect here",
    "ulimits": "limits are the installation's to set",
    "hostname": "a service is known by its name",
    "domainname": "a service is known by its name",
    "mac_address": "addresses are the engine's to give",
    "links": "services of one session find each other by name",
    "dns": "names are resolved by the engine",
    "dns_opt": "names are resolved by the engine",
    "dns_search": "names are resolved by the engine",
    "extra_hosts": "names are resolved by the engine",
    "scale": "one of each runs in a session",
    "attach": "logs of all services are kept",
    "platform": "images are of the machine's own kind",
    "cap_drop": "all rights are dropped but the few that ordinary images need",
    "shm_size": "shared memory has the engine's own size",
    "group_add": "groups are the image's",
    "tty": "terminals are opened from outside",
    "stdin_open": "terminals are opened from outside",
    "memswap_limit": "swap is not used",
    "mem_reservation": "what a service may use is what counts",
    "mem_swappiness": "swap is not used",
    "cpu_shares": "what a service may use is what counts",
    "cpu_quota": "say `cpus`",
    "cpu_period": "say `cpus`",
    "cpu_count": "say `cpus`",
    "cpu_percent": "say `cpus`",
    "cpuset": "say `cpus`",
    "blkio_config": "disk speed is not limited by service",
    "models": "models are the workspace's",
    "pull_refresh_after": "say `pull_policy`",
}

_BUILD_REFUSED: Final = {
    "privileged": "a build runs as other builds do",
    "entitlements": "a build runs as other builds do",
    "ssh": "keys of the host are not for builds",
    "secrets": "secrets are for what runs, not for images",
    "additional_contexts": "the context is the working copy alone",
    "isolation": "a build runs as other builds do",
    "ulimits": "limits are the installation's to set",
    "extra_hosts": "names are resolved by the engine",
}
_BUILD: Final = ("context", "dockerfile", "dockerfile_inline", "target", "network")
_SECRET: Final = re.compile(r"(?i)(passw(or)?d|secret|token|api_?key|private_?key|credential)")


def of_service(name: str, body: Map) -> Iterator[Problem]:
    """Every refused and every ignored field of a service."""
    path = f"services.{name}"
    for field, value in body.items():
        where = body.where[field]
        if not asks(value):
            continue
        if _harmless(field, value):
            yield ignored(f"{path}.{field}", "it is so already", where)
        elif field in REFUSED:
            yield refused(f"{path}.{field}", f"`{field}` is not allowed: {REFUSED[field]}", where)
        elif field in NAMESPACES and str(value) not in NAMESPACES[field]:
            message = f"`{field}: {value}` is not allowed: {_OUT}; leave it out"
            yield refused(f"{path}.{field}", message, where)
        elif field in NAMESPACES:
            yield ignored(f"{path}.{field}", "each service has its own", where)
        elif field in IGNORED:
            yield ignored(f"{path}.{field}", IGNORED[field], where)


def asks(value: Any) -> bool:
    """Whether a field asks for anything: what a variable fills in is text, `false` too."""
    return bool(value) and (isinstance(value, Map | Seq) or str(value).lower() != "false")


def _harmless(field: str, value: Any) -> bool:
    """What asks for no more than every service has."""
    items = [str(one) for one in value] if isinstance(value, Seq) else []
    if field == "security_opt":
        return bool(items) and all(re.fullmatch(r"no-new-privileges([:=]true)?", one) for one in items)
    if field == "cap_add":
        return bool(items) and all(one.upper().removeprefix("CAP_") in GRANTED for one in items)
    return field == "cgroup" and value == "private"


def of_file(path: str, body: Any) -> Iterator[Problem]:
    """A config or secret."""
    for field in ("external", "driver", "template_driver"):
        if isinstance(body, Map) and asks(body.get(field)):
            message = f"`{field}` is not allowed: a session has its own; give it `file`, `content` or `environment`"
            yield refused(f"{path}.{field}", message, body.where[field])


def of_build(path: str, body: Map) -> Iterator[Problem]:
    for field in body:
        where = body.where[field]
        if field in _BUILD_REFUSED:
            yield refused(f"{path}.{field}", f"`build.{field}` is not allowed: {_BUILD_REFUSED[field]}", where)
        elif field == "network" and body[field] not in ("default", "none", None):
            yield refused(
                f"{path}.{field}", "`build.network` is not allowed: a build's network is the engine's own", where
            )
        elif field == "args":
            yield from _of_args(f"{path}.args", body[field])
        elif field not in _BUILD:
            yield ignored(f"{path}.{field}", "it has no effect here", where)


def _of_args(path: str, args: Any) -> Iterator[Problem]:
    """Who has an image can read the arguments that it was built with."""
    for number, one in enumerate(args if isinstance(args, Map | Seq) else ()):
        name, _, value = str(one).partition("=") if isinstance(args, Seq) else (one, "", args[one])
        if value and _SECRET.search(name):
            here = args.where[one] if isinstance(args, Map) else args.where[number]
            message = f"{name} stays readable in the image: give secrets to what runs, by `x-codeyard.secrets`"
            yield warning("secret_in_image", f"{path}.{name}", message, here)


def of_deploy(path: str, body: Map) -> Iterator[Problem]:
    for field, value in body.items():
        where = body.where[field]
        if field == "replicas":
            if value != 1:
                yield ignored(f"{path}.{field}", "one of each runs in a session", where)
        elif field not in ("resources", "restart_policy"):
            yield ignored(f"{path}.{field}", "it has no effect here", where)


def of_volume(name: str, body: Any) -> Iterator[Problem]:
    """A named volume: one of the session's own, by the engine's own driver."""
    path = f"volumes.{name}"
    if not isinstance(body, Map):
        return
    for field, value in body.items():
        here = body.where[field]
        if field == "external" and asks(value):
            message = "`external` is not allowed: a session's volumes are its own; leave it out, or copy the data in"
            yield refused(f"{path}.external", message, here)
        elif field == "driver_opts" and value:
            message = "`driver_opts` is not allowed: it could mount any folder of the host; leave it out"
            yield refused(f"{path}.driver_opts", message, here)
        elif field == "driver" and value not in (None, "local"):
            yield refused(f"{path}.driver", f"the volume driver {value} is not allowed: only the engine's own is", here)
        elif field == "name":
            yield ignored(f"{path}.name", "volumes are named by session, so that sessions do not clash", here)
        elif field not in ("external", "driver", "driver_opts"):
            yield ignored(f"{path}.{field}", "it has no effect here", here)


def of_network(name: str, body: Any, where: Where) -> Iterator[Problem]:
    path = f"networks.{name}"
    if isinstance(body, Map) and asks(body.get("external")):
        message = "`external` is not allowed: a session has one network of its own; leave it out"
        yield refused(f"{path}.external", message, body.where["external"])
    elif isinstance(body, Map) and body.get("driver") not in (None, "bridge"):
        yield refused(
            f"{path}.driver", "`driver` is not allowed: a session has one network of its own", body.where["driver"]
        )
    elif name != "default" or body:
        yield ignored(path, "a session has one network, in which all of its services find each other", where)


IMAGE: Final = re.compile(
    r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d{1,5})?)/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z",
    re.ASCII,
)
"""An image's name as the distribution specification has it."""


def refused(path: str, message: str, where: Where) -> Problem:
    return Problem(severity="error", code="refused", path=path, message=message, file=where[0], line=where[1])


def warning(code: str, path: str, message: str, where: Where) -> Problem:
    return Problem(severity="warning", code=code, path=path, message=message, file=where[0], line=where[1])


def ignored(path: str, message: str, where: Where) -> Problem:
    return Problem(severity="ignored", code="ignored", path=path, message=message, file=where[0], line=where[1])
