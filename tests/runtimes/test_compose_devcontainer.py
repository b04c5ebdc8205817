"""devcontainer.json and Procfile as projects."""

import pytest

from runtimes.compose.model import BadCompose, Port, Volume
from runtimes.compose.read import load


@pytest.fixture
def read(tmp_path):
    def read(**files):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return load(tmp_path, variables={})

    return read


def test_a_devcontainer_is_one_service(read):
    project = read(
        **{
            ".devcontainer/devcontainer.json": """{
  // a comment, and "one in quotes" // twice
  "name": "My App",
  "build": {"dockerfile": "Dockerfile", "context": "..", "args": {"V": "1"}},
  "containerEnv": {"URL": "http://x/*y*/"},
  "forwardPorts": [3000, "db:5432"],
  "postCreateCommand": ["npm", "ci"],
  "postStartCommand": "npm run dev",
  "customizations": {"vscode": {}}, /* trailing */
}"""
        }
    )
    [app] = project.services.values()
    assert (project.source, app.name, app.install, app.start) == ("devcontainer", "my-app", "npm ci", "npm run dev")
    assert app.build is not None and (app.build.context, app.build.dockerfile) == ("", ".devcontainer/Dockerfile")
    assert app.environment == {"URL": "http://x/*y*/"} and app.ports == [Port(target=3000), Port(target=5432)]
    assert app.volumes == [Volume(kind="bind", target="/workspace")]
    assert [(p.path, p.line, p.severity) for p in project.problems] == [("customizations", 9, "ignored")]


def test_a_devcontainer_may_name_compose_files(read):
    project = read(
        **{
            ".devcontainer/devcontainer.json": '{"dockerComposeFile": ["../docker-base.yml", "more.yml"], "service": "app"}',
            "docker-base.yml": "services:\n  app: {image: x, environment: {A: 1}}\n",
            ".devcontainer/more.yml": "services:\n  app: {environment: {B: 2}, volumes: ['..:/w']}\n",
        }
    )
    assert project.services["app"].environment == {"A": "1", "B": "2"} and project.source == "devcontainer"
    assert project.services["app"].volumes[0].source == ""


@pytest.mark.parametrize(
    "field",
    [
        '"runArgs": ["--privileged"]',
        '"mounts": ["source=/,target=/host,type=bind"]',
        '"initializeCommand": "id"',
        '"workspaceMount": "source=/,target=/w,type=bind"',
        '"privileged": true',
        '"capAdd": ["SYS_PTRACE"]',
        '"securityOpt": ["seccomp=unconfined"]',
    ],
)
def test_attack_32_what_would_reach_the_host_is_refused(read, field):
    with pytest.raises(BadCompose) as bad:
        read(**{".devcontainer/devcontainer.json": '{\n  "image": "x",\n  ' + field + "\n}"})
    [problem] = [p for p in bad.value.problems if p.severity == "error"]
    assert problem.line == 3 and problem.path in field


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"image": "-v"}', '{"build": {"dockerfile": "../../x"}}', '{"dockerComposeFile": "../../x.yml"}'],
)
def test_attack_32_what_is_no_devcontainer_is_refused(read, text):
    with pytest.raises(BadCompose):
        read(**{".devcontainer/devcontainer.json": text})


def test_a_procfile_is_one_service_a_line(read):
    project = read(Procfile="# all\nweb: gunicorn app -b 0.0.0.0:$PORT\nworker: python work.py\n")
    web, worker = project.services.values()
    assert (web.start, web.environment, web.ports) == (
        "gunicorn app -b 0.0.0.0:$PORT",
        {"PORT": "5000"},
        [Port(target=5000)],
    )
    assert (worker.start, worker.ports, project.source) == ("python work.py", [], "procfile")


@pytest.mark.parametrize("text", ["web", "web: a\nweb: b", "a b: c"])
def test_a_bad_procfile_says_its_line(read, text):
    with pytest.raises(BadCompose) as bad:
        read(Procfile=text)
    assert bad.value.problems[0].line
