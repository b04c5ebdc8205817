"""What a folder is made with, by the files that its tools leave: image, install and start lines in development mode, port."""

import json
import os
import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from runtimes.compose.model import BadCompose
from runtimes.compose.source import read_text

#: `deploy/images` builds stand-ins for all but Java's and Bun's where no registry is reached.
IMAGES: Final = {
    "node": "node:24",
    "python": "python:3.11",
    "go": "golang:1.27",
    "rust": "rust:1.85",
    "maven": "maven:3-eclipse-temurin-21",
    "gradle": "gradle:9-jdk21",
    "ruby": "ruby:3.4",
    "php": "php:8.4-cli",
    "composer": "composer:2",
    "bun": "oven/bun:1",
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one folder is. `needs` are databases that its dependencies speak to. `weak`: other folders may say more of it."""

    stack: str
    language: str
    why: str
    image: str
    install: str = ""
    start: str = ""
    port: int | None = None
    environment: dict[str, str] = {}
    needs: list[str] = []
    weak: bool = False


def look(folder: Path) -> Found | None:
    """None where nothing is recognised. Reads files only, follows no links."""
    for ask in (_node, _python, _go, _rust, _java, _ruby, _php, _static):
        if (found := ask(folder)) is not None:
            return found
    return None


def _text(folder: Path, name: str) -> str:
    try:
        return read_text(folder, name) or ""
    except BadCompose:  # too large, a link, no text: then it tells us nothing
        return ""


def _has(folder: Path, *names: str) -> bool:
    return any((folder / name).is_file() and not (folder / name).is_symlink() for name in names)


def _version(text: str, *patterns: str) -> str:
    """The first version of at most two numbers that one of the patterns finds."""
    for pattern in patterns:
        if match := re.search(pattern, text, re.MULTILINE):
            return match[1]
    return ""


# --- Node


def _node(folder: Path) -> Found | None:
    text = _text(folder, "package.json")
    if not text:
        return None
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        package = {}
    package = package if isinstance(package, dict) else {}
    wants = {**mapping(package, "dependencies"), **mapping(package, "devDependencies")}
    scripts = {name: str(line) for name, line in mapping(package, "scripts").items()}
    tool, install = _node_tool(folder, package)
    name, port, program, flags = next((one[1:] for one in _NODE_KINDS if one[0] in wants), ("Node", 3000, "", ""))
    script = next((one for one in ("dev", "start:dev", "develop", "start", "serve") if one in scripts), "")
    if script:
        # flags go to the framework's own program, not to one that starts several
        given = flags if flags and re.match(rf"(?:\w+=\S+ )*{program}\b", scripts[script]) else ""
        start = f"{tool} run {script}{' --' if tool == 'npm' and given else ''} {given}".strip()
    else:
        start = f"node --watch {shlex.quote(str(package.get('main') or 'index.js'))}"
    version = _version(_text(folder, ".nvmrc") or _text(folder, ".node-version"), r"^v?(\d+)") or _version(
        str(mapping(package, "engines").get("node", "")), r"(\d+)"
    )
    image = f"node:{version}" if version and int(version) > 24 else IMAGES["node"]
    return Found(
        stack=name,
        language="node",
        why=f"package.json says {name}" + (f", its script {script} starts it" if script else ""),
        image=IMAGES["bun"] if tool == "bun" else image,
        install=install,
        start=start,
        port=port,
        environment={"HOST": "0.0.0.0", "PORT": str(port)},  # noqa: S104 - in a container of its own
        needs=_node_needs(folder, set(wants)),
        weak="workspaces" in package or _has(folder, "pnpm-workspace.yaml") or (name == "Node" and not wants),
    )


def _node_tool(folder: Path, package: dict[str, Any]) -> tuple[str, str]:
    for file, tool, line in _NODE_TOOLS:
        if _has(folder, file):
            return tool, line
    said = str(package.get("packageManager", ""))
    return next(((tool, line) for _, tool, line in _NODE_TOOLS if said.startswith(f"{tool}@")), ("npm", "npm install"))


def _node_needs(folder: Path, wants: set[str]) -> list[str]:
    needs = {need for need, words in _NODE_NEEDS.items() if words & wants}
    if wants & {"prisma", "@prisma/client"}:
        provider = _version(_text(folder, "prisma/schema.prisma"), r"provider\s*=\s*\"(postgresql|mysql)\"")
        needs |= {"postgresql": {"postgres"}, "mysql": {"mariadb"}}.get(provider, set())
    return sorted(needs)


# --- Python


def _python(folder: Path) -> Found | None:
    project, requirements = _text(folder, "pyproject.toml"), _text(folder, "requirements.txt")
    pipfile, manage = _text(folder, "Pipfile"), _has(folder, "manage.py")
    scripts = [name for name in _PYTHON_FILES if "/" not in name and _has(folder, name)]
    if not (project or requirements or pipfile or manage or scripts):
        return None
    wants = _python_wants(project, requirements + pipfile)
    install, run = _python_tool(folder, project, requirements, pipfile)
    module, title, variable = _python_app(folder)
    environment = {"PYTHONUNBUFFERED": "1"}
    if "poetry" in install:
        environment["POETRY_VIRTUALENVS_IN_PROJECT"] = "1"
    if manage or "django" in wants:
        name, start, port = "Django", f"{run}python manage.py runserver 0.0.0.0:8000", 8000
    elif title in _ASGI.values() or wants & set(_ASGI):
        name = title if title in _ASGI.values() else next(full for word, full in _ASGI.items() if word in wants)
        if "uvicorn" not in wants and run == ".venv/bin/":
            install += " uvicorn"
        start, port = f"{run}uvicorn {module}:{variable} --reload --host 0.0.0.0 --port 8000", 8000
    elif title == "Flask" or "flask" in wants:
        name, start, port = "Flask", f"{run}flask --app {module} run --debug --host 0.0.0.0 --port 5000", 5000
    elif "streamlit" in wants:
        file = scripts[0] if scripts else "app.py"
        name, start, port = "Streamlit", f"{run}streamlit run {file} --server.address 0.0.0.0", 8501
    else:
        name, start, port = "Python", f"{run}python {scripts[0] if scripts else 'main.py'}", 8000
    version = _version(_text(folder, ".python-version"), r"^(3\.\d+)")
    version = version or _version(project, r"requires-python\s*=\s*[\"'][^\"']*?(?:>=|==|~=)\s*(3\.\d+)")
    newer = version and int(version[2:]) > int(IMAGES["python"].rpartition(".")[2])
    return Found(
        stack=name,
        language="python",
        why=f"its dependencies say {name}" if name != "Python" else "it holds a Python program",
        image=f"python:{version}" if newer else IMAGES["python"],
        install=install,
        start=start,
        port=port,
        environment=environment,
        needs=sorted(need for need, words in _PYTHON_NEEDS.items() if words & wants),
        weak=name == "Python" and not scripts,
    )


def _python_tool(folder: Path, project: str, requirements: str, pipfile: str) -> tuple[str, str]:
    """How it is installed, and what stands before a program of it."""
    if _has(folder, "uv.lock"):
        return "pip install uv && uv sync", "uv run "
    if _has(folder, "poetry.lock") or "[tool.poetry]" in project:
        return "pip install poetry && poetry install", "poetry run "
    if pipfile:
        return "pip install pipenv && pipenv install --dev", "pipenv run "
    if not (requirements or project):
        return "", ""
    source = "-r requirements.txt" if requirements else "-e ."
    return f"python -m venv .venv && .venv/bin/pip install {source}", ".venv/bin/"


def _python_app(folder: Path) -> tuple[str, str, str]:
    """(module, framework, variable) of the application object; main and app where none is seen."""
    for name in _PYTHON_FILES:
        text = _text(folder, name)
        if match := re.search(
            r"^(\w+)\s*(?::\s*[\w.]+\s*)?=\s*(?:\w+\.)?(FastAPI|Litestar|Starlette|Flask)\(", text, re.M
        ):
            return _module(name), match[2], match[1]
        if re.search(r"^def create_app\(", text, re.M) and "Flask(" in text:
            return _module(name), "Flask", "app"
    return next((_module(name) for name in _PYTHON_FILES if _has(folder, name)), "main"), "", "app"


def _module(name: str) -> str:
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _python_wants(project: str, lines: str) -> set[str]:
    words = [line for line in lines.splitlines() if not line.lstrip().startswith(("#", "-"))]
    try:
        said = tomllib.loads(project)
    except (tomllib.TOMLDecodeError, RecursionError):
        said = {}
    listed = mapping(said, "project").get("dependencies", [])
    words += [str(one) for one in listed] if isinstance(listed, list) else []
    words += list(mapping(mapping(mapping(said, "tool"), "poetry"), "dependencies"))
    names = (re.split(r"[^a-z0-9_-]", word.strip().strip("\"'").lower())[0] for word in words)
    return {name.replace("_", "-") for name in names if name}


# --- the others


def _go(folder: Path) -> Found | None:
    text = _text(folder, "go.mod")
    if not text:
        return None
    commands = sorted(one.name for one in _folders(folder / "cmd") if _has(one, "main.go"))
    target = "." if _has(folder, "main.go") or not commands else shlex.quote(f"./cmd/{commands[0]}")
    version = _version(text, r"^go (1\.\d+)")
    newer = version and int(version[2:]) > int(IMAGES["go"].rpartition(".")[2])
    return Found(
        stack="Go",
        language="go",
        why="go.mod says Go",
        image=f"golang:{version}" if newer else IMAGES["go"],
        install="go mod download",
        start=f"go run {target}",
        port=8080,
        environment={"PORT": "8080", "GOFLAGS": "-buildvcs=false"},
        needs=sorted(need for need, words in _GO_NEEDS.items() if re.search(words, text)),
    )


def _rust(folder: Path) -> Found | None:
    text = _text(folder, "Cargo.toml")
    if not text:
        return None
    needs = ["postgres"] if re.search(r"tokio-postgres|^postgres\b|[\"']postgres[\"']", text, re.M) else []
    needs += ["redis"] if re.search(r"^redis\b", text, re.M) else []
    return Found(
        stack="Rust",
        language="rust",
        why="Cargo.toml says Rust",
        image=IMAGES["rust"],
        install="cargo fetch",
        start="cargo run",
        port=8080,
        environment={"PORT": "8080"},
        needs=needs,
    )


def _java(folder: Path) -> Found | None:
    maven = _text(folder, "pom.xml")
    gradle = _text(folder, "build.gradle") or _text(folder, "build.gradle.kts")
    if not (maven or gradle):
        return None
    spring = "spring-boot" in maven + gradle
    if maven:
        tool = "sh mvnw" if _has(folder, "mvnw") else "mvn"
        start = f"{tool} spring-boot:run" if spring else f"{tool} compile exec:java"
        image, install = IMAGES["maven"], f"{tool} -q dependency:go-offline"
    else:
        tool = "sh gradlew" if _has(folder, "gradlew") else "gradle"
        start = f"{tool} --no-daemon {'bootRun' if spring else 'run'}"
        image, install = IMAGES["gradle"], f"{tool} --no-daemon -q dependencies"
    name = "Spring Boot" if spring else "Java"
    return Found(
        stack=name,
        language="java",
        why=f"{'pom.xml' if maven else 'build.gradle'} says {name}",
        image=image,
        install=install,
        start=start,
        port=8080,
        needs=["postgres"] if "postgresql" in maven + gradle else [],
    )


def _ruby(folder: Path) -> Found | None:
    text = _text(folder, "Gemfile")
    if not text:
        return None
    gems = set(re.findall(r"^\s*gem\s+['\"]([\w-]+)['\"]", text, re.M))
    name = "Rails" if "rails" in gems else "Sinatra" if "sinatra" in gems else "Ruby"
    rack = "bundle exec rackup --host 0.0.0.0 --port 3000"
    script = next((one for one in ("app.rb", "main.rb", "server.rb") if _has(folder, one)), "app.rb")
    plain = rack if _has(folder, "config.ru") else f"bundle exec ruby {script} -o 0.0.0.0 -p 3000"
    return Found(
        stack=name,
        language="ruby",
        why=f"Gemfile says {name}",
        image=IMAGES["ruby"],
        install="bundle install",
        start="bundle exec rails server -b 0.0.0.0 -p 3000" if name == "Rails" else plain,
        port=3000,
        environment={"APP_ENV": "development"},
        needs=sorted(need for need, words in _RUBY_NEEDS.items() if words & gems),
    )


def _php(folder: Path) -> Found | None:
    composer = _text(folder, "composer.json")
    if not composer and not _has(folder, "index.php", "public/index.php"):
        return None
    laravel = _has(folder, "artisan")
    public = " -t public" if _has(folder, "public/index.php") else ""
    return Found(
        stack="Laravel" if laravel else "PHP",
        language="php",
        why="artisan says Laravel" if laravel else "it holds PHP",
        image=IMAGES["composer"] if composer else IMAGES["php"],
        install="composer install" if composer else "",
        start="php artisan serve --host 0.0.0.0 --port 8000" if laravel else f"php -S 0.0.0.0:8000{public}",
        port=8000,
    )


def _static(folder: Path) -> Found | None:
    served = next((name for name in (".", "public", "dist", "site") if _has(folder, f"{name}/index.html")), None)
    if served is None:
        return None
    return Found(
        stack="static",
        language="static",
        why=f"{'' if served == '.' else served + '/'}index.html is served as it is",
        image=IMAGES["python"],
        start=f"python -m http.server 8000 --bind 0.0.0.0 --directory {served}",
        port=8000,
        weak=True,
    )


def mapping(said: Any, key: str) -> dict[str, Any]:
    found = said.get(key) if isinstance(said, dict) else None
    return found if isinstance(found, dict) else {}


def _folders(folder: Path) -> list[Path]:
    if folder.is_symlink():
        return []
    try:
        return [Path(one) for one in os.scandir(folder) if one.is_dir(follow_symlinks=False)]
    except OSError:
        return []


below: Final[Callable[[Path], list[Path]]] = _folders
"""The folders in a folder; links are none."""

_NODE_TOOLS: Final = [
    ("bun.lockb", "bun", "bun install"),
    ("bun.lock", "bun", "bun install"),
    ("pnpm-lock.yaml", "pnpm", "corepack enable && pnpm install"),
    ("yarn.lock", "yarn", "corepack enable && yarn install"),
    ("package-lock.json", "npm", "npm install"),
]
#: dependency, name, port, its program, what that takes to listen on every address
_NODE_KINDS: Final = [
    ("next", "Next.js", 3000, "next", "-H 0.0.0.0"),
    ("nuxt", "Nuxt", 3000, "nuxt", "--host 0.0.0.0"),
    ("astro", "Astro", 4321, "astro", "--host 0.0.0.0"),
    ("@angular/core", "Angular", 4200, "ng", "--host 0.0.0.0"),
    ("@remix-run/dev", "Remix", 5173, "remix", "--host 0.0.0.0"),
    ("@sveltejs/kit", "SvelteKit", 5173, "vite", "--host 0.0.0.0"),
    ("vite", "Vite", 5173, "vite", "--host 0.0.0.0"),
    ("react-scripts", "React", 3000, "", ""),
    ("@nestjs/core", "NestJS", 3000, "", ""),
    ("fastify", "Fastify", 3000, "", ""),
    ("koa", "Koa", 3000, "", ""),
    ("express", "Express", 3000, "", ""),
]
_NODE_NEEDS: Final[dict[str, set[str]]] = {
    "postgres": {"pg", "postgres", "pg-promise"},
    "mariadb": {"mysql", "mysql2", "mariadb"},
    "redis": {"redis", "ioredis", "bullmq"},
}
_PYTHON_FILES: Final = (
    *("main.py", "app.py", "server.py", "api.py", "wsgi.py", "asgi.py"),
    *("app/main.py", "app/__init__.py", "src/main.py", "src/app.py", "backend/main.py"),
)
_PYTHON_NEEDS: Final[dict[str, set[str]]] = {
    "postgres": {"psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg"},
    "mariadb": {"pymysql", "mysqlclient", "aiomysql", "asyncmy", "mariadb", "mysql-connector-python"},
    "redis": {"redis", "celery", "rq"},
}
_ASGI: Final = {"fastapi": "FastAPI", "litestar": "Litestar", "starlette": "Starlette"}
_GO_NEEDS: Final = {
    "postgres": r"jackc/pgx|lib/pq|gorm\.io/driver/postgres",
    "mariadb": r"go-sql-driver/mysql|gorm\.io/driver/mysql",
    "redis": r"go-redis|gomodule/redigo",
}
_RUBY_NEEDS: Final[dict[str, set[str]]] = {"postgres": {"pg"}, "mariadb": {"mysql2"}, "redis": {"redis", "sidekiq"}}
