"""devcontainer.json as a project."""

import json

import pytest

from runtimes.compose.model import BadCompose, Port, Volume
from runtimes.compose.read import load


@pytest.fixture
def read(tmp_path):
    def read(*, variables=None, **files):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return load(tmp_path, variables=variables or {})

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
    assert (project.source, app.name, app.install, app.start) == (
        "devcontainer",
        "my-app",
        "npm ci",
        "npm run dev\nexec sleep infinity",
    )
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


def test_the_service_of_a_devcontainer_has_what_it_says_and_others_run_beside_it(read):
    project = read(
        **{
            ".devcontainer/devcontainer.json": """{
  "dockerComposeFile": "compose.yml", "service": "app", "runServices": ["db"],
  "containerEnv": {"B": "2"}, "postCreateCommand": "make", "postStartCommand": "serve", "overrideCommand": true,
  "forwardPorts": [3000, "db:5432"], "mounts": ["source=cache,target=/cache,type=volume"]
}""",
            ".devcontainer/compose.yml": """
services:
  app: {image: x, environment: {A: "${SECRET}"}, command: run}
  db: {image: postgres}
  other: {image: y}
""",
        },
        variables={"SECRET": "s"},
    )
    app = project.services["app"]
    assert list(project.services) == ["app", "db"] and project.volumes == ["cache"]
    assert (app.environment, app.install, app.start) == ({"A": "s", "B": "2"}, "make", "serve\nexec sleep infinity")
    assert app.ports == [Port(target=3000)] and app.volumes == [Volume(kind="volume", source="cache", target="/cache")]


def test_the_own_command_of_a_service_stays_unless_it_is_to_be_overridden(read):
    said = {"dockerComposeFile": "../compose-dev.yml", "service": "app", "postStartCommand": "serve"}
    services = "services:\n  app: {image: x, command: run}\n"
    project = read(**{".devcontainer/devcontainer.json": json.dumps(said), "compose-dev.yml": services})
    assert project.services["app"].command == ["run"] and project.services["app"].start is None
    assert [problem.path for problem in project.problems] == ["postStartCommand"]


def test_a_devcontainer_is_told_nothing_of_the_machine_that_it_runs_on(read, monkeypatch):
    monkeypatch.setenv("TOKEN", "ours")
    environment = {
        "A": "${localEnv:TOKEN}",
        "B": "${localEnv:TOKEN:none}",
        "C": "${containerWorkspaceFolder}/x:${containerEnv:D}",
        "D": "d",
        "E": "${localWorkspaceFolder}",
    }
    said = {"image": "x", "containerEnv": environment, "postCreateCommand": "cd ${containerWorkspaceFolder}"}
    [service] = read(**{".devcontainer.json": json.dumps(said)}).services.values()
    wanted = {"A": "", "B": "none", "C": "/workspace/x:d", "D": "d", "E": "/workspace"}
    assert service.environment == wanted and service.install == "cd /workspace"


def test_commas_and_comments_in_strings_of_a_devcontainer_stay(read):
    text = '{"image": "x", "containerEnv": {"A": "[1,]", "B": "{,}//",}, /* , */ }'
    [service] = read(**{".devcontainer.json": text}).services.values()
    assert service.environment == {"A": "[1,]", "B": "{,}//"}


def test_what_a_devcontainer_asks_for_in_vain_is_listed_by_name(read):
    said = {"image": "x", "features": {"f:1": {}}, "remoteUser": "me", "hostRequirements": {}, "wat": 1}
    project = read(**{".devcontainer.json": json.dumps(said, indent=1)})
    assert {problem.path for problem in project.problems} == {"features", "remoteUser", "hostRequirements", "wat"}
    assert all(problem.line and problem.message for problem in project.problems)


@pytest.mark.parametrize(
    "field",
    [
        '"runArgs": ["--privileged"]',
        '"mounts": ["source=/,target=/host,type=bind"]',
        '"mounts": [{"source": "/var/run/docker.sock", "target": "/x", "type": "bind"}]',
        '"mounts": ["source=v,target=/x,type=volume,volume-driver=local"]',
        '"mounts": ["source=../x,target=/x,type=volume"]',
        '"mounts": ["source=v,target=/../x,type=volume"]',
        '"mounts": ["source=v,target=/,type=volume"]',
        '"mounts": [7]',
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
    [
        *("{", "[]", "[" * 100_000, '{"image": "-v"}', '{"image": 7}', '{"image": "x", "containerEnv": [1]}'),
        *('{"image": "x", "forwardPorts": 3}', '{"build": "x"}', '{"build": {"dockerfile": "x", "context": "/"}}'),
        *('{"dockerComposeFile": [], "service": 3}', '{"dockerComposeFile": "none.yml", "service": "x"}'),
        *('{"build": {"dockerfile": "../../x"}}', '{"dockerComposeFile": "../../x.yml"}'),
    ],
)
def test_attack_32_what_is_no_devcontainer_is_refused(read, text):
    with pytest.raises(BadCompose):
        read(**{".devcontainer/devcontainer.json": text})
