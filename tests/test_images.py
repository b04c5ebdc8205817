"""The stand-ins of deploy/images take what the well-known images take: variables, and files in the folders they look into."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import require
from tests.bench.stacks import docker

pytestmark = pytest.mark.docker

Start = Callable[..., str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a container of an image with these variables and files (path to mode and text); its id."""
    made = []

    def start(image: str, environment: dict[str, str], files: dict[str, tuple[int, str]]) -> str:
        words = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        made.append(docker("create", *words, image))
        for path, (mode, text) in files.items():
            here = tmp_path / Path(path).name
            here.write_text(text)
            here.chmod(mode)
            docker("cp", str(here), f"{made[-1]}:{path}")
        docker("start", made[-1])
        return made[-1]

    yield start
    for one in made:
        docker("rm", "-fv", one)


def logged(container: str, word: str) -> list[str]:
    """Its log up to the line that has `word`."""
    lines = []
    with subprocess.Popen(
        ["docker", "logs", "-f", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as log:
        assert log.stdout is not None
        for line in log.stdout:
            lines.append(line)
            if word in line:
                log.terminate()
                return lines
    raise AssertionError(f"it ended: {lines}")


@pytest.mark.parametrize(
    ("folder", "image", "variable", "ready"),
    [
        ("postgres", "postgres:15", "POSTGRES_PASSWORD", "init process complete"),
        ("mariadb", "mariadb:10.11", "MARIADB_ROOT_PASSWORD", "port: 3306"),
    ],
)
def test_an_init_script_may_ask_for_what_is_not_set(start, folder, image, variable, ready):
    require.images("base", folder)
    script = 0o644, 'echo "init${NOT_SET}ran"\n'
    container = start(image, {variable: "secret"}, {"/docker-entrypoint-initdb.d/1.sh": script})
    assert "initran\n" in logged(container, ready)


def test_nginx_fills_in_the_templates_that_it_is_told_of_with_what_a_script_sets(start):
    require.images("base", "nginx")
    said = {"NGINX_ENVSUBST_TEMPLATE_SUFFIX": ".tmpl", "NGINX_ENVSUBST_FILTER": "^(PORT|WORD)$", "PORT": "81"}
    template = 0o644, 'server { listen ${PORT}; location / { return 200 "${WORD} at $host"; } }\n'
    files = {
        "/etc/nginx/templates/default.conf.tmpl": template,
        "/docker-entrypoint.d/15-word.envsh": (0o755, "export WORD=hello\n"),
        "/docker-entrypoint.d/30-off.sh": (0o644, "exit 1\n"),
        "/docker-entrypoint.d/40-last.sh": (0o755, "#!/bin/sh\ncat /etc/nginx/conf.d/default.conf\n"),
    }
    container = start("nginx:1", said, files)
    assert 'return 200 "hello at $host"' in logged(container, "server {")[-1]
    assert docker("exec", container, "curl", "-sS", "--retry", "9", "--retry-connrefused", "127.0.0.1:81") == (
        "hello at 127.0.0.1"
    )
