"""Whole projects as people write them, read with all that they include, extend and override."""

import shutil
from pathlib import Path

import pytest

from runtimes.compose.model import BadCompose, ComposeBuild, Dependency, FileMount, Port, Project, Restart, Volume
from runtimes.compose.mounts import anonymous
from runtimes.compose.read import load
from runtimes.spec import Health, Limits

HERE = Path(__file__).parent / "compose"


def project(name: str, **variables: str) -> Project:
    return load(HERE / name, variables=variables)


def test_a_shop_says_what_it_says():
    services = project("shop", DB_PASSWORD="s3cret", SHOP_NAME="corner").services
    page, api, worker, db, cache = (services[name] for name in ("page", "api", "worker", "db", "cache"))
    assert page.command == ["sh", "-c", "npm ci && npm run dev -- --host 0.0.0.0"]
    assert page.ports == [Port(target=5173), Port(target=24678)]
    assert page.environment["NODE_OPTIONS"] == "--max-old-space-size=2048 --enable-source-maps"
    assert "CI" not in page.environment
    assert page.volumes == [
        Volume(kind="bind", source="page", target="/app"),
        Volume(kind="volume", source=anonymous("page", "/app/node_modules"), target="/app/node_modules"),
        Volume(kind="tmpfs", target="/tmp", size=64 << 20),
    ]
    assert (page.networks, page.aliases, page.stop_signal, page.stop_grace) == (["front"], ["www"], "SIGINT", 2.0)
    assert api.build == ComposeBuild(
        context="api",
        dockerfile="docker/Dockerfile",
        target="dev",
        args={"PYTHON_VERSION": "3.13", "PIP_INDEX_TOKEN": "none"},
    )
    assert api.environment == {
        "LOG_LEVEL": "info",
        "GREETING": "Good day,\ncorner",
        "TEMPLATE": "${NOT_FILLED}",
        "WORKERS": "4",
        "DATABASE_URL": "postgres://shop:s3cret@db:5432/shop",
        "REDIS_URL": "redis://cache:6379/0",
        "DEBUG": "yes",
    }
    assert api.written == {
        "DATABASE_URL": "postgres://shop:${DB_PASSWORD:?set DB_PASSWORD in the workspace}@db:5432/shop"
    }
    assert api.expose == [9000, 9001, 9002, 9100]
    assert api.healthcheck == Health(
        test=["CMD", "curl", "-fsS", "http://localhost:8000/healthz"],
        interval=90.0,
        timeout=10.0,
        retries=5,
        start_period=40.0,
    )
    assert api.limits == Limits(cpus=1.5, memory=768 << 20, pids=256)
    assert api.depends_on == [
        Dependency(service="db", condition="service_healthy", restart=True),
        Dependency(service="cache"),
    ]
    assert api.files == [
        FileMount(target="/etc/shop/settings.toml", content='[shop]\ncurrency = "EUR"\n'),
        FileMount(target="/run/secrets/stripe_key", environment="STRIPE_KEY"),
        FileMount(target="/run/secrets/signing.pem", file="ops/signing.pem"),
    ]
    assert worker.command == ["celery", "-A", "shop.tasks", "worker", "--loglevel=info", "--concurrency", "${WORKERS}"]
    assert worker.healthcheck == Health(test=["NONE"]) and worker.environment["QUEUE"] == "default,mail"
    assert worker.limits == Limits(cpus=0.25, memory=1 << 30, pids=100) and worker.profiles == ["worker", "all"]
    assert db.image == "postgres:17-alpine"
    assert db.healthcheck is not None and db.healthcheck.test[1] == "pg_isready -U ${POSTGRES_USER} -d ${POSTGRES_DB}"
    assert (cache.entrypoint, cache.command) == (["redis-server"], ["--save", "", "--appendonly", "no"])
    assert (cache.restart, cache.read_only) == (Restart(policy="on-failure", max_attempts=3), True)


def test_all_that_has_no_effect_in_the_shop_is_listed():
    found = {problem.path: problem.severity for problem in project("shop", DB_PASSWORD="x").problems}
    assert found == {
        "name": "ignored",
        "services.page.container_name": "ignored",
        "services.page.ports.0": "ignored",
        "services.page.ports.1.mode": "ignored",
        "services.page.ports.1.published": "ignored",
        "services.page.tmpfs.0": "ignored",
        "services.page.labels": "ignored",
        "services.page.develop": "ignored",
        "services.page.environment": "warning",
        "services.api.environment": "warning",
        "services.worker.environment": "warning",
        "services.api.logging": "ignored",
        "services.api.healthcheck.start_interval": "ignored",
        "services.worker.logging": "ignored",
        "services.api.ports.0": "ignored",
        "services.api.deploy.replicas": "ignored",
        "services.api.deploy.resources.reservations.memory": "ignored",
        "services.api.configs.0.mode": "ignored",
        "services.api.build.args.PIP_INDEX_TOKEN": "warning",
        "services.worker.build.args.PIP_INDEX_TOKEN": "warning",
        "services.db.shm_size": "ignored",
        "services.db.ulimits": "ignored",
        "services.db.security_opt": "ignored",
        "services.cache.cap_drop": "ignored",
        "networks.front": "ignored",
        "networks.back": "ignored",
        "volumes.db-data.name": "ignored",
        "volumes.db-data.labels": "ignored",
    }


def test_the_shop_asks_for_its_password():
    with pytest.raises(BadCompose) as bad:
        project("shop")
    [problem] = bad.value.problems
    assert (problem.code, problem.line) == ("variable_missing", 23)
    assert problem.message == "DB_PASSWORD must be set: set DB_PASSWORD in the workspace"


def test_the_shops_variables_are_known():
    assert project("shop", DB_PASSWORD="x").variables == [
        "BUILD_TARGET", "CI", "CURRENCY", "DB_PASSWORD", "FEATURE_X", "PG_VERSION", "PIP_INDEX_TOKEN", "SHOP_NAME",
    ]  # fmt: skip


def test_an_old_file_with_its_override():
    found = project("blog")
    wordpress, mysql = found.services["wordpress"], found.services["mysql"]
    assert list(found.services) == ["wordpress", "mysql", "mailpit"]
    assert wordpress.ports == [Port(target=8080)]
    assert wordpress.environment["WORDPRESS_DEBUG"] == "0"
    assert wordpress.environment["WORDPRESS_CONFIG_EXTRA"] == "define('WP_CACHE', false);"
    assert [(one.source, one.target) for one in wordpress.volumes] == [
        ("uploads", "/var/www/html/wp-content/uploads"),
        ("themes", "/var/www/html/wp-content"),
    ]
    assert wordpress.depends_on == [Dependency(service="mysql", condition="service_healthy")]
    assert (mysql.command, mysql.environment["MARIADB_RANDOM_ROOT_PASSWORD"]) == (None, "yes")
    assert found.files == ["docker-compose.yml", "docker-compose.override.yml"]


def test_a_repository_of_several_projects():
    found = project("monorepo")
    api, worker, gateway = (found.services[name] for name in ("api", "worker", "gateway"))
    assert api.build == ComposeBuild(context="services/api")
    assert api.environment == {"FROM": "the folder of its own", "LOG": "debug", "PORT": "9000"}
    assert [(one.source, one.read_only) for one in api.volumes] == [("services/api/src", False), ("shared", True)]
    assert worker.build == ComposeBuild(context="services/worker", args={"LEVEL": "9"})
    assert (worker.command, worker.volumes[0].source) == (["run", "--dev"], "services/worker/src")
    assert gateway.environment == {"LOG_FORMAT": "json", "PROXY": "on"}
    assert gateway.healthcheck is not None and gateway.healthcheck.interval == 10.0
    assert [one.source for one in gateway.volumes] == ["ops/log"]


def test_the_same_name_in_an_included_file_is_a_clash_with_its_line(tmp_path):
    shutil.copytree(HERE / "monorepo", tmp_path / "copy")
    path = tmp_path / "copy" / "compose.yaml"
    path.write_text(path.read_text() + "  api:\n    image: other\n")
    with pytest.raises(BadCompose) as bad:
        load(tmp_path / "copy", variables={})
    [problem] = bad.value.problems
    assert (problem.code, problem.path, problem.line) == ("clash", "services.api", 15)
