"""A Procfile as a project."""

import pytest

from runtimes.compose.model import BadCompose, Port, Volume
from runtimes.compose.read import load


@pytest.fixture
def read(tmp_path):
    def read(**files):
        for name, content in files.items():
            (tmp_path / name).write_text(content)
        return load(tmp_path, variables={})

    return read


def test_a_procfile_is_one_service_a_line(read):
    project = read(Procfile="# all\nweb: gunicorn app -b 0.0.0.0:$PORT\nworker: python work.py\n")
    web, worker = project.services.values()
    assert (web.start, web.environment, web.ports) == (
        "gunicorn app -b 0.0.0.0:$PORT",
        {"PORT": "5000"},
        [Port(target=5000)],
    )
    assert (worker.start, worker.ports, project.source) == ("python work.py", [], "procfile")
    assert (web.image, web.line, worker.line, worker.depends_on) == ("", 2, 3, [])


def test_its_programs_run_in_the_image_that_the_code_asks_for_and_one_installs(read):
    project = read(
        **{"Procfile": "web: gunicorn app:app\nworker: celery -A app worker\n", "requirements.txt": "flask\n"}
    )
    web, worker = project.services.values()
    assert web.image == worker.image == "python:3.11" and web.volumes == [Volume(kind="bind", target="/app")]
    assert web.install == "python -m venv .venv && .venv/bin/pip install -r requirements.txt" and worker.install is None
    assert web.start == 'export PATH="$PWD/.venv/bin:$PATH"; gunicorn app:app'
    assert [(one.service, one.condition) for one in worker.depends_on] == [("web", "service_started")]
    assert web.environment == {"PYTHONUNBUFFERED": "1", "PORT": "5000"} and "PORT" not in worker.environment


def test_release_ends_before_the_others_start(read):
    project = read(**{"Procfile": "web: node server.js\nrelease: npm run migrate\n", "package.json": "{}"})
    web, release = project.services["web"], project.services["release"]
    assert [(one.service, one.condition) for one in web.depends_on] == [("release", "service_completed_successfully")]
    assert (release.restart.policy, release.install, web.install) == ("no", "npm install", None)


@pytest.mark.parametrize("text", ["web", "web: a\nweb: b", "a b: c", ": x", "web:"])
def test_a_bad_procfile_says_its_line(read, text):
    with pytest.raises(BadCompose) as bad:
        read(Procfile=text)
    assert bad.value.problems[0].line
