"""Proposes a compose.yaml for a repository that has none, from the files that its tools leave: what it is made with, how it is
installed, how it is started so that edits show, on which port."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from runtimes.compose import edit

IMAGES: Final = {
    "node": "node:24",
    "python": "python:3.13",
    "go": "golang:1.25",
    "rust": "rust:1.91",
    "java": "maven:3-eclipse-temurin-21",
    "gradle": "gradle:9-jdk21",
    "ruby": "ruby:3.4",
    "php": "php:8.4-cli",
    "static": "python:3.13",
}
_BYTES: Final = 256 << 10
_FOLDERS: Final = ("frontend", "client", "web", "app", "ui", "backend", "server", "api", "services")
_SKIPPED: Final = {"node_modules", "vendor", "dist", "build", "target", "docs", "tests", "test", "examples"}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one folder is. `needs` are databases that its dependencies speak to."""

    stack: str
    language: str
    why: str
    image: str
    install: str = ""
    start: str = ""
    port: int | None = None
    environment: dict[str, str] = {}
    needs: list[str] = []


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """`stack` in a word, why in a sentence, and the whole file."""

    stack: str
    explanation: str
    compose: str


def propose(root: Path) -> Proposal | None:
    """None where nothing is recognised."""
    here = look(root)
    parts = {".": here} if here is not None else _below(root)
    if not parts:
        return None
    text = ""
    needed: dict[str, None] = {}
    for folder, found in parts.items():
        name = "web" if folder == "." else re.sub(r"[^a-z0-9]+", "-", Path(folder).name.lower()).strip("-")
        needed |= dict.fromkeys(found.needs)
        fields = as_fields(found, folder)
        if found.needs:
            fields["depends_on"] = {need: {"condition": "service_healthy"} for need in found.needs}
        text = edit.add_service(text, name, fields)
    for need in needed:
        text = edit.add_service(text, need, _DATABASES[need])
        text = edit.declare_volume(text, f"{need}-data")
    stack = " + ".join(dict.fromkeys(found.stack for found in parts.values()))
    return Proposal(stack=stack, explanation=" ".join(f"{found.why}." for found in parts.values()), compose=text)


def service_of(folder: Path, relative: str) -> Mapping[str, Any] | None:
    """One folder of a working copy as a service's fields."""
    found = look(folder)
    return as_fields(found, relative) if found is not None else None


def as_fields(found: Found, folder: str) -> dict[str, Any]:
    """In compose's own words; the folder is mounted live."""
    extra = {key: line for key, line in (("install", found.install), ("start", found.start)) if line}
    source = "." if folder in (".", "") else f"./{folder}"
    fields: dict[str, Any] = {"image": found.image, "working_dir": "/app", "volumes": [f"{source}:/app"]}
    if found.environment:
        fields["environment"] = found.environment
    if found.port:
        fields["ports"] = [found.port]
    return fields | {"x-codeyard": {"icon": found.language} | extra}


def look(folder: Path) -> Found | None:
    """What this folder is made with."""
    for ask in (_node, _python, _go, _rust, _java, _ruby, _php, _static):
        if (found := ask(folder)) is not None:
            return found
    return None


def _below(root: Path) -> dict[str, Found]:
    """Folders that each are something: a page and its API beside each other."""
    try:
        names = sorted(one.name for one in root.iterdir() if one.is_dir() and not one.is_symlink())
    except OSError:
        return {}
    usual = [name for name in names if name.lower() in _FOLDERS]
    candidates = usual or [name for name in names if name.lower() not in _SKIPPED and not name.startswith(".")][:20]
    found = {name: look(root / name) for name in candidates}
    return {name: one for name, one in found.items() if one is not None and (one.language != "static" or usual)}


def _text(path: Path) -> str:
    if not path.is_file() or path.is_symlink():
        return ""
    with path.open("rb") as file:
        return file.read(_BYTES).decode("utf-8", "replace")


def _node(folder: Path) -> Found | None:
    text = _text(folder / "package.json")
    if not text:
        return None
    try:
        package = json.loads(text)
    except ValueError:
        package = {}
    package = package if isinstance(package, dict) else {}
    wants = {**_mapping(package, "dependencies"), **_mapping(package, "devDependencies")}
    scripts = _mapping(package, "scripts")
    tool, install = next(
        ((tool, line) for file, tool, line in _NODE_TOOLS if (folder / file).exists()), ("npm", "npm install")
    )
    name, port, flags = next((one[1:] for one in _NODE_KINDS if one[0] in wants), ("Node", 3000, ""))
    script = next((one for one in ("dev", "start:dev", "develop", "start", "serve") if one in scripts), "")
    if script:
        dashes = " --" if tool == "npm" and flags else ""
        start = f"{tool} run {script}{dashes}{' ' + flags if flags else ''}"
    else:
        main = str(package.get("main") or "index.js")
        start = f"node --watch {main}"
    needs = [need for need, words in _NODE_NEEDS.items() if set(words) & set(wants)]
    return Found(
        stack=name,
        language="node",
        why=f"package.json says {name}" + (f", its script {script} starts it" if script else ""),
        image="oven/bun:1" if tool == "bun" else IMAGES["node"],
        install=install,
        start=start,
        port=port,
        environment={"HOST": "0.0.0.0", "PORT": str(port)},  # noqa: S104 - in a container of its own
        needs=needs,
    )


def _python(folder: Path) -> Found | None:
    project, requirements = _text(folder / "pyproject.toml"), _text(folder / "requirements.txt")
    pipfile, manage = _text(folder / "Pipfile"), (folder / "manage.py").is_file()
    scripts = [name for name in ("main.py", "app.py", "server.py", "wsgi.py") if (folder / name).is_file()]
    if not (project or requirements or pipfile or manage or scripts):
        return None
    wants = _python_wants(project, requirements + pipfile)
    if (folder / "uv.lock").is_file():
        install, run = "pip install uv && uv sync", "uv run "
    elif (folder / "poetry.lock").is_file():
        install, run = "pip install poetry && poetry install", "poetry run "
    elif pipfile:
        install, run = "pip install pipenv && pipenv install --dev", "pipenv run "
    else:
        source = "-r requirements.txt" if requirements else "-e ." if project else ""
        install, run = (f"python -m venv .venv && .venv/bin/pip install {source}", ".venv/bin/") if source else ("", "")
    module = next((name.removesuffix(".py") for name in scripts), "main")
    python = f"{run}python" if run else "python"
    if manage or "django" in wants:
        name, start, port = "Django", f"{python} manage.py runserver 0.0.0.0:8000", 8000
    elif "fastapi" in wants or "starlette" in wants or "litestar" in wants:
        name = next(title for word, title in _ASGI.items() if word in wants)
        start, port = f"{run}uvicorn {module}:app --reload --host 0.0.0.0 --port 8000", 8000
    elif "flask" in wants:
        name, start, port = "Flask", f"{run}flask --app {module} run --debug --host 0.0.0.0 --port 5000", 5000
    elif "streamlit" in wants:
        name, start, port = "Streamlit", f"{run}streamlit run {module}.py --server.address 0.0.0.0", 8501
    else:
        name, start, port = "Python", f"{python} {module}.py", 8000
    needs = [need for need, words in _PYTHON_NEEDS.items() if words & wants]
    return Found(
        stack=name,
        language="python",
        why=f"its dependencies say {name}" if name != "Python" else "it holds a Python program",
        image=IMAGES["python"],
        install=install,
        start=start,
        port=port,
        environment={"PYTHONUNBUFFERED": "1"},
        needs=needs,
    )


def _python_wants(project: str, lines: str) -> set[str]:
    words = [line for line in lines.splitlines() if not line.lstrip().startswith(("#", "-"))]
    try:
        said = tomllib.loads(project)
    except tomllib.TOMLDecodeError:
        said = {}
    words += [str(one) for one in _mapping(said, "project").get("dependencies", [])]
    words += list(_mapping(_mapping(_mapping(said, "tool"), "poetry"), "dependencies"))
    return {
        re.split(r"[^a-z0-9_-]", word.strip().strip("\"'").lower())[0].replace("_", "-")
        for word in words
        if word.strip()
    }


def _go(folder: Path) -> Found | None:
    text = _text(folder / "go.mod")
    if not text:
        return None
    commands = sorted(path.parent.name for path in folder.glob("cmd/*/main.go"))
    target = "." if (folder / "main.go").is_file() or not commands else f"./cmd/{commands[0]}"
    needs = ["postgres"] if re.search(r"jackc/pgx|lib/pq", text) else []
    needs += ["redis"] if "go-redis" in text else []
    return Found(
        stack="Go",
        language="go",
        why="go.mod says Go",
        image=IMAGES["go"],
        install="go mod download",
        start=f"go run {target}",
        port=8080,
        environment={"PORT": "8080"},
        needs=needs,
    )


def _rust(folder: Path) -> Found | None:
    if not (folder / "Cargo.toml").is_file():
        return None
    return Found(
        stack="Rust",
        language="rust",
        why="Cargo.toml says Rust",
        image=IMAGES["rust"],
        install="cargo fetch",
        start="cargo run",
        port=8080,
        environment={"PORT": "8080"},
    )


def _java(folder: Path) -> Found | None:
    maven = _text(folder / "pom.xml")
    gradle = _text(folder / "build.gradle") or _text(folder / "build.gradle.kts")
    if not (maven or gradle):
        return None
    spring = "spring-boot" in maven + gradle
    if maven:
        tool = "./mvnw" if (folder / "mvnw").is_file() else "mvn"
        start = f"{tool} spring-boot:run" if spring else f"{tool} compile exec:java"
        image, install = IMAGES["java"], f"{tool} -q dependency:go-offline"
    else:
        tool = "./gradlew" if (folder / "gradlew").is_file() else "gradle"
        image, install, start = IMAGES["gradle"], f"{tool} dependencies -q", f"{tool} {'bootRun' if spring else 'run'}"
    name = "Spring Boot" if spring else "Java"
    why = f"{'pom.xml' if maven else 'build.gradle'} says {name}"
    return Found(stack=name, language="java", why=why, image=image, install=install, start=start, port=8080)


def _ruby(folder: Path) -> Found | None:
    text = _text(folder / "Gemfile")
    if not text:
        return None
    rails = bool(re.search(r"gem ['\"]rails['\"]", text))
    start = "bin/rails server -b 0.0.0.0" if rails else "bundle exec rackup -o 0.0.0.0 -p 3000"
    needs = ["postgres"] if re.search(r"gem ['\"]pg['\"]", text) else []
    return Found(
        stack="Rails" if rails else "Ruby",
        language="ruby",
        why=f"Gemfile says {'Rails' if rails else 'Ruby'}",
        image=IMAGES["ruby"],
        install="bundle install",
        start=start,
        port=3000,
        needs=needs,
    )


def _php(folder: Path) -> Found | None:
    composer = _text(folder / "composer.json")
    if not composer and not (folder / "index.php").is_file():
        return None
    laravel = (folder / "artisan").is_file()
    public = "-t public" if (folder / "public").is_dir() else ""
    start = "php artisan serve --host 0.0.0.0 --port 8000" if laravel else f"php -S 0.0.0.0:8000 {public}".strip()
    return Found(
        stack="Laravel" if laravel else "PHP",
        language="php",
        why="artisan says Laravel" if laravel else "it holds PHP",
        image=IMAGES["php"],
        install="composer install" if composer else "",
        start=start,
        port=8000,
    )


def _static(folder: Path) -> Found | None:
    served = next((name for name in (".", "public", "dist", "site") if (folder / name / "index.html").is_file()), None)
    if served is None:
        return None
    start = f"python3 -m http.server 8000 --bind 0.0.0.0 --directory {served}"
    why = f"{'' if served == '.' else served + '/'}index.html is served as it is"
    return Found(stack="static", language="static", why=why, image=IMAGES["static"], start=start, port=8000)


def _mapping(said: Any, key: str) -> dict[str, Any]:
    found = said.get(key) if isinstance(said, dict) else None
    return found if isinstance(found, dict) else {}


_NODE_TOOLS: Final = [
    ("bun.lockb", "bun", "bun install"),
    ("bun.lock", "bun", "bun install"),
    ("pnpm-lock.yaml", "pnpm", "corepack enable && pnpm install"),
    ("yarn.lock", "yarn", "corepack enable && yarn install"),
    ("package-lock.json", "npm", "npm ci"),
]
_NODE_KINDS: Final = [
    ("next", "Next.js", 3000, "-H 0.0.0.0"),
    ("nuxt", "Nuxt", 3000, "--host 0.0.0.0"),
    ("astro", "Astro", 4321, "--host 0.0.0.0"),
    ("@angular/core", "Angular", 4200, "--host 0.0.0.0"),
    ("vite", "Vite", 5173, "--host 0.0.0.0"),
    ("react-scripts", "React", 3000, ""),
    ("@nestjs/core", "NestJS", 3000, ""),
    ("fastify", "Fastify", 3000, ""),
    ("express", "Express", 3000, ""),
]
_NODE_NEEDS: Final = {"postgres": ("pg", "postgres", "@prisma/client"), "redis": ("redis", "ioredis")}
_PYTHON_NEEDS: Final = {
    "postgres": {"psycopg", "psycopg2", "psycopg2-binary", "asyncpg"},
    "redis": {"redis", "celery"},
}
_ASGI: Final = {"fastapi": "FastAPI", "litestar": "Litestar", "starlette": "Starlette"}

#: Credentials are the workspace's variables, which are generated and kept encrypted.
_DATABASES: Final[dict[str, dict[str, Any]]] = {
    "postgres": {
        "image": "postgres:17",
        "environment": {
            "POSTGRES_USER": "app",
            "POSTGRES_DB": "app",
            "POSTGRES_PASSWORD": "${POSTGRES_PASSWORD:?set it}",
        },
        "volumes": ["postgres-data:/var/lib/postgresql/data"],
        "healthcheck": {"test": "pg_isready -U app", "interval": "2s", "retries": 30},
        "x-codeyard": {"kind": "database", "icon": "postgres"},
    },
    "redis": {
        "image": "redis:8",
        "volumes": ["redis-data:/data"],
        "healthcheck": {"test": "redis-cli ping", "interval": "2s", "retries": 30},
        "x-codeyard": {"kind": "cache", "icon": "redis"},
    },
}
