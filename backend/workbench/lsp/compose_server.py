"""The language server for compose.yaml: `lsp_bridge/builtin.py` with what `runtimes/compose` knows. A process of its own, since
what it reads is a stranger's: `python -m backend.workbench.lsp.compose_server FOLDER [NAME…]`, the session's folder and the
names (never the values) of the workspace's variables.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, get_args

from lsp_bridge.builtin import Knows, Problem, serve
from runtimes.compose import model, refuse
from runtimes.compose.envfile import env_lines
from runtimes.compose.fields import KNOWN
from runtimes.compose.interpolate import Filling
from runtimes.compose.model import BadCompose
from runtimes.compose.read import load
from runtimes.compose.source import Map, Seq, parse, read_text

_STANDS_IN: Final = "1"  # for a variable's value: the least that ports, sizes and switches all can be

_FIELDS: Final = {
    "image": "The image that it runs; without one and without `build`, the session's own workbench with `/workspace`.",
    "build": "How its image is made: a folder, or a mapping with `context`, `dockerfile`, `target` and `args`.",
    "command": "What it runs instead of the image's own command: a line, or a list of words.",
    "entrypoint": "What starts the command, instead of the image's own.",
    "environment": "Variables of the program; `${NAME}` takes a variable of the workspace, `${NAME:-otherwise}` a default.",
    "env_file": "Files of the working copy with lines NAME=value.",
    "ports": "Ports that it listens on; each gets a preview address, nothing is published on the host.",
    "expose": "Ports that the session's other services reach.",
    "volumes": "Folders of the working copy (./data:/data) and volumes of the session (name:/data).",
    "tmpfs": "Folders in memory, gone when it stops.",
    "depends_on": "Services that start before it; a mapping may say `condition: service_healthy`.",
    "healthcheck": "How to tell that it is well: `test`, `interval`, `timeout`, `retries`, `start_period`.",
    "restart": "What happens when it ends: no, always, on-failure, unless-stopped.",
    "profiles": "It starts only when one of these is asked for.",
    "working_dir": "Where its command runs.",
    "user": "Who its command runs as, of the image's users.",
    "deploy": "Of it, `resources.limits` and `restart_policy` have an effect.",
    "cpus": "Processors that it may use at most.",
    "mem_limit": "Memory that it may use at most, such as 512m.",
    "pids_limit": "Processes that it may have at most.",
    "secrets": "Secrets that it finds as files below /run/secrets.",
    "configs": "Files that it finds where they say.",
    "networks": "Names of networks, with `aliases`: others of the session reach it by them.",
    "extends": "Another service whose fields it takes over.",
    "pull_policy": "When its image is fetched: always, missing, never.",
    "x-codeyard": "What compose has no word for: `kind`, `icon`, `install`, `start`, `packages`, `secrets`.",
}
_OURS: Final = {
    "kind": "What it is: " + ", ".join(get_args(model.Kind)) + ".",
    "icon": "The icon that it is shown with.",
    "install": "A shell line that runs before its first start, and again when it changes.",
    "start": "A shell line that runs in place of `command`.",
    "packages": "Toolchains of the workbench's image, such as node@24 or python@3.11.",
    "secrets": "Names of variables of the workspace that it gets; their values are kept encrypted, not in this file.",
}


def main(folder: str, names: list[str]) -> None:
    root = Path(folder)
    given = dict.fromkeys(names, _STANDS_IN)

    def problems(name: str, text: str) -> list[Problem]:
        found: list[model.Problem] = []
        try:
            found += load(root, variables=given, instead={name: text}).problems
        except BadCompose as error:
            found += error.problems
        with suppress(BadCompose):
            found += _published_twice(name, text)
        return [
            Problem(one.severity, one.code, one.path, one.message, one.line or 0) for one in found if one.file == name
        ]

    def variables() -> dict[str, str]:
        known = dict.fromkeys(names, "a variable of the workspace")
        with suppress(BadCompose):
            made = load(root, variables=given).generated
            known = dict.fromkeys(made, "a variable of the workspace, made at the first start") | known
        with suppress(BadCompose):
            of_file = env_lines(read_text(root, ".env") or "", ".env", Filling(given), raw=True)
            return dict.fromkeys(of_file, "of the file .env") | known
        return known

    serve(Knows(problems, _fields(), {"services.*": _without_use()}, _VALUES, variables))


_VALUES: Final = {
    "services.*.restart": ("no", "always", "on-failure", "unless-stopped"),
    "services.*.pull_policy": ("always", "missing", "never"),
    "services.*.x-codeyard.kind": get_args(model.Kind),
    "services.*.depends_on.*.condition": ("service_started", "service_healthy", "service_completed_successfully"),
    "services.*.init": ("true", "false"),
    "services.*.read_only": ("true", "false"),
}


def _fields() -> dict[str, dict[str, str]]:
    top = {
        "services": "The programs of this session, by name.",
        "volumes": "Volumes of the session: they stay when a service is made anew.",
        "networks": "Names that services may be known by to each other.",
        "configs": "Files that services are given.",
        "secrets": "Secrets that services are given as files.",
        "x-codeyard": "`shared`: variables of every service.",
    }
    known = {name: _FIELDS.get(name, "As in the Compose specification.") for name in sorted(KNOWN)}
    return {
        "": top,
        "services.*": known,
        "services.*.x-codeyard": _OURS,
        "x-codeyard": {
            "shared": "Variables of every service.",
            "variables": "What the workspace's variables are at first: each a `name` with a `default` or `generate: password`.",
        },
        "services.*.depends_on.*": {"condition": "How far the other must be.", "required": "false: start without it."},
        "services.*.healthcheck": {
            "test": "A list that begins with CMD or CMD-SHELL, or a line.",
            "interval": "Time between looks, such as 10s.",
            "timeout": "How long a look may take.",
            "retries": "Failures in a row before it is not well.",
            "start_period": "Time in which failures do not count.",
        },
    }


def _without_use() -> dict[str, str]:
    refused = {name: f"Refused here: {why}." for name, why in refuse.REFUSED.items()}
    return refused | {name: f"Without effect here: {why}." for name, why in refuse.IGNORED.items()}


def _published_twice(name: str, text: str) -> Iterator[model.Problem]:
    """Harmless here, where each service has an address of its own; elsewhere such a file does not start."""
    services = parse(text, name).get("services")
    first: dict[str, str] = {}
    for service, body in services.items() if isinstance(services, Map) else ():
        ports = body.get("ports") if isinstance(body, Map) else None
        if not isinstance(ports, Seq):
            continue
        for number, one in enumerate(ports):
            if (published := _published(one)) and first.setdefault(published, service) != service:
                message = (
                    f"{first[published]} publishes port {published} too: outside of Codeyard only one of them starts"
                )
                yield refuse.warning("port_clash", f"services.{service}.ports", message, ports.where[number])


def _published(port: object) -> str:
    if isinstance(port, Map):
        return str(port.get("published") or "")
    parts = str(port).partition("/")[0].rsplit(":", 2)
    return parts[-2] if len(parts) > 1 and parts[-2].isdigit() else ""


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
