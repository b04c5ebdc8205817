"""What is proposed for a repository without a compose file."""

import json

import pytest

from runtimes.compose.detect import propose
from runtimes.compose.read import load

PASSWORDS = dict.fromkeys(("POSTGRES_PASSWORD", "MARIADB_PASSWORD", "REDIS_PASSWORD"), "a1")


@pytest.fixture
def proposed(tmp_path):
    """The project that a proposal is, and its stack."""

    def proposed(**files):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
        found = propose(tmp_path)
        assert found is not None
        (tmp_path / "compose.yaml").write_text(found.compose)
        project = load(tmp_path, variables=PASSWORDS)
        assert project.problems == [] and set(project.variables) <= set(PASSWORDS)
        assert found.explanation.endswith(".")
        return project, found

    return proposed


def node(*wants, **scripts):
    return {"dependencies": dict.fromkeys(wants, "*"), "scripts": scripts}


@pytest.mark.parametrize(
    ("files", "stack", "image", "start", "port"),
    [
        ({"package.json": node("vite", dev="vite")}, "Vite", "node:24", "npm run dev -- --host 0.0.0.0", 5173),
        ({"package.json": node("next", dev="next dev")}, "Next.js", "node:24", "npm run dev -- -H 0.0.0.0", 3000),
        (
            {"package.json": node("@angular/core", start="ng serve"), "pnpm-lock.yaml": ""},
            *("Angular", "node:24", "pnpm run start --host 0.0.0.0", 4200),
        ),
        ({"package.json": node("express", dev="nodemon x.js")}, "Express", "node:24", "npm run dev", 3000),
        ({"package.json": node("vite", dev="concurrently a b")}, "Vite", "node:24", "npm run dev", 5173),
        ({"package.json": {"main": "s.js", "dependencies": {"ws": "1"}}}, "Node", "node:24", "node --watch s.js", 3000),
        ({"package.json": node("hono", dev="bun x"), "bun.lock": ""}, "Node", "oven/bun:1", "bun run dev", 3000),
        ({"package.json": node("koa", start="x") | {"engines": {"node": ">=26"}}}, "Koa", "node:26", "npm run start", 3000),
        (
            {"requirements.txt": "FastAPI>=0.1\n", "app/main.py": "from fastapi import FastAPI\napi = FastAPI()\n"},
            *("FastAPI", "python:3.11", ".venv/bin/uvicorn app.main:api --reload --host 0.0.0.0 --port 8000", 8000),
        ),
        (
            {"pyproject.toml": '[project]\nrequires-python = ">=3.13"\ndependencies = ["flask>2"]', "uv.lock": "", "app.py": ""},
            *("Flask", "python:3.13", "uv run flask --app app run --debug --host 0.0.0.0 --port 5000", 5000),
        ),
        (
            {"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\ndjango = "^5"', "poetry.lock": "", "manage.py": ""},
            *("Django", "python:3.11", "poetry run python manage.py runserver 0.0.0.0:8000", 8000),
        ),
        ({"main.py": "print(1)"}, "Python", "python:3.11", "python main.py", 8000),
        ({"go.mod": "module x\ngo 1.22\n", "cmd/shop/main.go": ""}, "Go", "golang:1.27", "go run ./cmd/shop", 8080),
        ({"Cargo.toml": "[package]"}, "Rust", "rust:1.85", "cargo run", 8080),
        ({"pom.xml": "spring-boot"}, "Spring Boot", "maven:3-eclipse-temurin-21", "mvn spring-boot:run", 8080),
        ({"build.gradle.kts": "x", "gradlew": ""}, "Java", "gradle:9-jdk21", "sh gradlew --no-daemon run", 8080),
        ({"Gemfile": "gem 'rails'"}, "Rails", "ruby:3.4", "bundle exec rails server -b 0.0.0.0 -p 3000", 3000),
        ({"Gemfile": 'gem "sinatra"', "app.rb": ""}, "Sinatra", "ruby:3.4", "bundle exec ruby app.rb -o 0.0.0.0 -p 3000", 3000),
        ({"composer.json": "{}", "artisan": ""}, "Laravel", "composer:2", "php artisan serve --host 0.0.0.0 --port 8000", 8000),
        ({"public/index.php": "<?php"}, "PHP", "php:8.4-cli", "php -S 0.0.0.0:8000 -t public", 8000),
        ({"index.html": "<p>"}, "static", "python:3.11", "python -m http.server 8000 --bind 0.0.0.0 --directory .", 8000),
    ],
)  # fmt: skip
def test_a_stack_is_told_by_the_files_of_its_tools(proposed, files, stack, image, start, port):
    project, found = proposed(**files)
    [web] = project.services.values()
    assert (found.stack, web.image, web.start, web.ports[0].target) == (stack, image, start, port)
    assert [(one.kind, one.source, one.target) for one in web.volumes] == [("bind", "", "/app")]
    assert web.healthcheck is not None and str(port) in web.healthcheck.test[-1]


def test_what_its_dependencies_speak_to_is_a_service_with_generated_credentials(proposed):
    project, found = proposed(
        **{"requirements.txt": "flask\npsycopg[binary]==3\nredis\n", "app.py": "app = Flask(__name__)"}
    )
    assert found.stack == "Flask + PostgreSQL + Redis"
    web, postgres, redis = (project.services[name] for name in ("web", "postgres", "redis"))
    assert {one.service: one.condition for one in web.depends_on} == dict.fromkeys(
        ("postgres", "redis"), "service_healthy"
    )
    assert web.environment["DATABASE_URL"] == "postgresql://app:a1@postgres:5432/app"
    assert web.environment["REDIS_URL"] == "redis://:a1@redis:6379/0"
    assert (postgres.kind, redis.kind) == ("database", "cache") and postgres.volumes[0].source == "postgres-data"
    assert found.compose.count("generate: password") == 2 and "a1" not in found.compose


def test_a_page_and_its_api_in_folders_are_two_services(proposed):
    project, found = proposed(
        **{
            "frontend/package.json": node("vite", dev="vite"),
            "backend/requirements.txt": "fastapi\nasyncpg\n",
            "backend/main.py": "app = FastAPI()",
            "docs/index.html": "",
            "README.md": "",
        }
    )
    assert (
        list(project.services) == ["backend", "frontend", "postgres"] and found.stack == "FastAPI + Vite + PostgreSQL"
    )
    assert [one.source for one in project.services["frontend"].volumes] == ["frontend"]
    assert project.services["frontend"].depends_on == [] and "frontend: package.json says Vite, " in found.explanation


def test_an_api_at_the_top_has_its_page_beside_it(proposed):
    project, _ = proposed(**{"go.mod": "go 1.22", "main.go": "", "web/package.json": node("vite", dev="vite")})
    assert {name: one.image for name, one in project.services.items()} == {"web": "golang:1.27", "web-2": "node:24"}


def test_the_programs_of_a_workspace_of_packages_are_services_its_libraries_not(proposed):
    project, _ = proposed(
        **{
            "package.json": {"workspaces": ["apps/*", "packages/*"], "scripts": {"dev": "turbo dev"}},
            "apps/shop/package.json": node("next", dev="next dev"),
            "apps/admin/package.json": node("vite", "mysql2", dev="vite"),
            "packages/buttons/package.json": {"main": "x.js", "dependencies": {"react": "1"}},
        }
    )
    assert list(project.services) == ["admin", "shop", "mariadb"]


@pytest.mark.parametrize(
    "files",
    [{}, {"README.md": "x"}, {"docs/index.html": "x"}, {"node_modules/x/package.json": "{}"}, {".git/main.py": ""}],
)
def test_nothing_is_proposed_where_nothing_is_recognised(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert propose(tmp_path) is None


def test_what_lies_outside_is_not_looked_at(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "cmd").mkdir(parents=True)
    root.mkdir()
    (outside / "main.py").write_text("")
    (outside / "package.json").write_text("{}")
    (root / "backend").symlink_to(outside)
    (root / "package.json").symlink_to(outside / "package.json")
    assert propose(root) is None


@pytest.mark.parametrize(
    "files",
    [
        {"package.json": "{"},
        {"package.json": "[" * 100_000},
        {"package.json": '{"scripts": 1, "dependencies": [], "engines": 3}'},
        {"package.json": "[]"},
        {"pyproject.toml": "x = ["},
        {"pyproject.toml": "[project]\ndependencies = 3"},
        {"package.json": "\x00\x00"},
        {"Cargo.toml": "x" * (2 << 20)},
        {"go.mod": "go 1.99999999999999999999"},
    ],
)
def test_odd_files_are_no_error(tmp_path, files):
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    propose(tmp_path)
