"""Proposes a compose.yaml for a repository that has none: a service for each part that is recognised, live from the working copy,
and the databases that they speak to."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from runtimes.compose import edit
from runtimes.compose.stacks import Found, below, look

PARTS: Final = 12
_GROUPS: Final = {"apps", "packages", "services"}
_USUAL: Final = {"frontend", "client", "web", "webapp", "page", "ui", "app", "backend", "server", "api", "worker"}
_PLAIN: Final = re.compile(r"[A-Za-z0-9][\w.-]*\Z")
"""Names of folders that stand in a mount as they are."""
_SKIPPED: Final = {
    "node_modules",
    "vendor",
    "dist",
    "build",
    "target",
    "docs",
    "doc",
    "tests",
    "test",
    "examples",
    "venv",
}


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """`stack` in a word, why in a sentence, and the whole file."""

    stack: str
    explanation: str
    compose: str


def propose(root: Path) -> Proposal | None:
    """None where nothing is recognised. Reads what lies at the top and in its folders; writes nothing."""
    parts = _parts(root)
    if not parts:
        return None
    needed = list(dict.fromkeys(need for found in parts.values() for need in found.needs))
    text = _variables(needed)
    names: set[str] = set(needed)
    for folder, found in parts.items():
        name = _name(folder, names)
        names.add(name)
        fields = as_fields(found, folder)
        if found.needs:
            fields.setdefault("environment", {}).update(_URLS[need] for need in found.needs if need in _URLS)
            fields["depends_on"] = {need: {"condition": "service_healthy"} for need in found.needs}
        text = edit.add_service(text, name, fields)
    for need in needed:
        text = edit.add_service(text, need, _DATABASES[need])
    for need in needed:
        text = edit.declare_volume(text, f"{need}-data")
    where = {".": ""} | {folder: f"{folder}: " for folder in parts if folder != "."}
    said = [f"{where[folder]}{found.why}." for folder, found in parts.items()]
    said += [f"Its dependencies speak to {' and '.join(needed)}."] if needed else []
    stack = " + ".join(dict.fromkeys([found.stack for found in parts.values()] + [_TITLES[need] for need in needed]))
    return Proposal(stack=stack, explanation=" ".join(said), compose=text)


def service_of(folder: Path, relative: str) -> Mapping[str, Any] | None:
    """One folder of a working copy as a service's fields."""
    found = look(folder)
    return as_fields(found, relative) if found is not None else None


def as_fields(found: Found, folder: str) -> dict[str, Any]:
    """In compose's own words; the folder is mounted live."""
    extra = {key: line.replace("$", "$$") for key, line in (("install", found.install), ("start", found.start)) if line}
    source = "." if folder in (".", "") else f"./{folder}"
    fields: dict[str, Any] = {"image": found.image, "working_dir": "/app", "volumes": [f"{source}:/app"]}
    if found.environment:
        fields["environment"] = dict(found.environment)
    if found.port:
        fields["ports"] = [found.port]
        fields["healthcheck"] = {"test": _answers(found), "interval": "2s", "retries": 150}
    return fields | {"x-codeyard": {"icon": found.language} | extra}


def _answers(found: Found) -> str:
    """Whether something listens: what it answers to a path that we do not know says nothing of its health."""
    if found.language == "node" and "bun" not in found.image:
        return (
            f"node -e \"require('net').connect({found.port}, '127.0.0.1')"
            ".on('connect', () => process.exit(0)).on('error', () => process.exit(1))\""
        )
    if found.image.startswith("python"):
        return f"python -c \"import socket; socket.create_connection(('127.0.0.1', {found.port}), 2)\""
    if found.language == "php":
        return f"php -r \"exit(@fsockopen('127.0.0.1', {found.port}) ? 0 : 1);\""
    return f"bash -c '</dev/tcp/127.0.0.1/{found.port}'"


def _parts(root: Path) -> dict[str, Found]:
    """By folder: the top, unless folders say more; or folders that each are something, as a page and its API are."""
    here = look(root)
    beside: dict[str, Found] = {}
    if here is None or here.weak:
        beside = _beside(root, usual_only=here is not None)
    elif (found := _beside(root, usual_only=True)) and {one.language for one in found.values()} - {here.language}:
        # an API at the top with its page in a folder, or the other way round
        return {".": here} | {folder: one for folder, one in found.items() if one.language != here.language}
    return beside or ({".": here} if here is not None else {})


def _beside(root: Path, *, usual_only: bool) -> dict[str, Found]:
    folders = sorted(one for one in below(root) if _PLAIN.match(one.name) and one.name.lower() not in _SKIPPED)
    found: dict[str, Found] = {}
    for folder in folders[:200]:
        if folder.name.lower() in _GROUPS:
            found |= {
                f"{folder.name}/{one.name}": part
                for one in sorted(below(folder))
                if _PLAIN.match(one.name) and (part := _strong(one))
            }
        elif folder.name.lower() in _USUAL or not usual_only:
            part = look(folder)
            if part is not None and (not part.weak or folder.name.lower() in _USUAL):
                found[folder.name] = part
    return dict(list(found.items())[:PARTS])


def _strong(folder: Path) -> Found | None:
    """In a folder of several, a library is nothing to start."""
    found = look(folder)
    return (
        found if found is not None and not found.weak and (found.language != "node" or " run " in found.start) else None
    )


def _name(folder: str, taken: set[str]) -> str:
    name = "web" if folder == "." else re.sub(r"[^a-z0-9]+", "-", Path(folder).name.lower()).strip("-")[:40] or "part"
    return next(one for one in (name, *(f"{name}-{number}" for number in range(2, 99))) if one not in taken)


def _variables(needed: list[str]) -> str:
    """Credentials are the workspace's variables, which are generated and kept encrypted."""
    lines = [
        f"    - name: {variable}\n      description: {said}\n      generate: password\n"
        for need in needed
        for variable, said in _CREDENTIALS[need]
    ]
    return "x-codeyard:\n  variables:\n" + "".join(lines) if lines else ""


_TITLES: Final = {"postgres": "PostgreSQL", "mariadb": "MariaDB", "redis": "Redis"}
_CREDENTIALS: Final = {
    "postgres": [("POSTGRES_PASSWORD", "Password of the PostgreSQL user")],
    "mariadb": [("MARIADB_PASSWORD", "Password of the MariaDB user")],
    "redis": [("REDIS_PASSWORD", "Password of Redis")],
}
_URLS: Final = {
    "postgres": ("DATABASE_URL", "postgresql://app:${POSTGRES_PASSWORD}@postgres:5432/app"),
    "mariadb": ("DATABASE_URL", "mysql://app:${MARIADB_PASSWORD}@mariadb:3306/app"),
    "redis": ("REDIS_URL", "redis://:${REDIS_PASSWORD}@redis:6379/0"),
}
_DATABASES: Final[dict[str, dict[str, Any]]] = {
    "postgres": {
        "image": "postgres:15",
        "environment": {
            "POSTGRES_USER": "app",
            "POSTGRES_DB": "app",
            "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD}",
        },
        "expose": [5432],
        "volumes": ["postgres-data:/var/lib/postgresql/data"],
        "healthcheck": {"test": "pg_isready -h 127.0.0.1 -U app -d app", "interval": "1s", "retries": 60},
        "x-codeyard": {"kind": "database", "icon": "postgres"},
    },
    "mariadb": {
        "image": "mariadb:10.11",
        "environment": {
            "MARIADB_USER": "app",
            "MARIADB_DATABASE": "app",
            "MARIADB_PASSWORD": "${MARIADB_PASSWORD}",
            "MARIADB_RANDOM_ROOT_PASSWORD": "1",
        },
        "expose": [3306],
        "volumes": ["mariadb-data:/var/lib/mysql"],
        "healthcheck": {"test": "healthcheck.sh --connect --innodb_initialized", "interval": "1s", "retries": 60},
        "x-codeyard": {"kind": "database", "icon": "mariadb"},
    },
    "redis": {
        "image": "redis:7",
        "command": ["redis-server", "--requirepass", "${REDIS_PASSWORD}", "--appendonly", "yes"],
        "environment": {"REDISCLI_AUTH": "${REDIS_PASSWORD}"},
        "expose": [6379],
        "volumes": ["redis-data:/data"],
        "healthcheck": {"test": "redis-cli ping", "interval": "1s", "retries": 60},
        "x-codeyard": {"kind": "cache", "icon": "redis"},
    },
}
