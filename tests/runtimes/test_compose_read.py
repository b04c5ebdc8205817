"""A compose file as a project: what it says, what is refused and why, what is listed as without effect."""

import copy
import json
import os
import random
from pathlib import Path

import msgspec
import pytest
from ruamel.yaml import YAML

from runtimes.compose.model import BadCompose, Dependency, Port, Project, Volume
from runtimes.compose.mounts import anonymous
from runtimes.compose.read import load
from runtimes.spec import Health


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, *, variables: dict[str, str] | None = None, **files: str) -> Project:
        (tmp_path / "compose.yaml").write_text(text)
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return load(tmp_path, variables=variables or {})

    return read


@pytest.fixture
def refused(read):
    """The errors of a file as (path, line, message)."""

    def refused(text: str, **more) -> list[tuple[str, int | None, str]]:
        with pytest.raises(BadCompose) as bad:
            read(text, **more)
        return [(p.path, p.line, p.message) for p in bad.value.problems if p.severity == "error"]

    return refused


SHOP = """\
# the whole of a small shop
name: shop
x-codeyard:
  shared:
    REGION: eu
services:
  web:
    image: node:24
    command: npm run dev -- --host 0.0.0.0
    working_dir: /app
    user: node
    environment:
      API: http://api:8000
      DEBUG: true
      PORT: 3000
    ports: ["3000:3000", "8080", "9000-9001:9000-9001/udp"]
    volumes:
      - .:/app
      - modules:/app/node_modules
      - /cache
      - type: tmpfs
        target: /scratch
        tmpfs: {size: 16m}
    depends_on:
      api: {condition: service_healthy}
    stop_grace_period: 1m30s
    x-codeyard:
      icon: react
      install: npm ci
      packages: ["node@24"]
      secrets: [STRIPE_KEY]
  api:
    build:
      context: ./api
      target: dev
      args: [VERSION=1]
    entrypoint: ["python", "-m"]
    command: ["uvicorn", "main:app"]
    healthcheck:
      test: curl -f localhost:8000
      interval: 5s
      retries: 10
    deploy:
      resources:
        limits: {cpus: "0.5", memory: 512M, pids: 100}
    restart: unless-stopped
    profiles: [backend]
    configs: [settings]
    secrets:
      - source: token
        target: api_token
volumes:
  modules:
configs:
  settings: {content: "a=1"}
secrets:
  token: {environment: API_TOKEN}
"""


def test_a_whole_file_is_read(read):
    project = read(SHOP)
    web, api = project.services["web"], project.services["api"]
    assert list(project.services) == ["web", "api"] and project.shared == {"REGION": "eu"}
    assert web.command == ["npm", "run", "dev", "--", "--host", "0.0.0.0"]
    assert web.environment == {"API": "http://api:8000", "DEBUG": "true", "PORT": "3000"}
    assert web.ports == [
        Port(target=3000),
        Port(target=8080),
        Port(target=9000, protocol="udp"),
        Port(target=9001, protocol="udp"),
    ]
    assert web.volumes == [
        Volume(kind="bind", target="/app"),
        Volume(kind="volume", source="modules", target="/app/node_modules"),
        Volume(kind="volume", source=anonymous("web", "/cache"), target="/cache"),
        Volume(kind="tmpfs", target="/scratch", size=16 << 20),
    ]
    assert web.depends_on == [Dependency(service="api", condition="service_healthy")]
    assert (web.stop_grace, web.install, web.icon, web.secrets) == (90.0, "npm ci", "react", ["STRIPE_KEY"])
    assert api.build is not None and (api.build.context, api.build.target, api.build.args) == (
        "api",
        "dev",
        {"VERSION": "1"},
    )
    assert api.healthcheck == Health(test=["CMD-SHELL", "curl -f localhost:8000"], interval=5.0, retries=10)
    assert (api.limits.cpus, api.limits.memory, api.limits.pids) == (0.5, 512 << 20, 100)
    assert (api.restart.policy, api.profiles) == ("unless-stopped", ["backend"])
    assert [(file.target, file.content, file.environment) for file in api.files] == [
        ("/settings", "a=1", None),
        ("/run/secrets/api_token", None, "API_TOKEN"),
    ]
    assert web.line == 7


def test_what_has_no_effect_is_listed_and_never_silently_dropped(read):
    project = read(
        "services:\n  a:\n    image: x\n    container_name: mine\n    frobnicate: 1\n    ports: ['80:80']\nodd: 1\n"
    )
    assert {(p.path, p.line) for p in project.problems} == {
        ("services.a.container_name", 4),
        ("services.a.frobnicate", 5),
        ("services.a.ports.0", 6),
        ("odd", 7),
    }
    assert {p.severity for p in project.problems} == {"ignored"} and all(p.message for p in project.problems)


def test_what_a_variable_fills_in_is_read_as_if_it_stood_there(read, refused):
    lines = (
        "services:\n  a:\n    image: x\n    privileged: ${P:-false}\n    cpus: ${C:-0}\n    user: '${U-}'\n"
        "volumes: {v: {external: '${E:-false}'}}\n"
    )
    a = read(lines).services["a"]
    assert (a.limits.cpus, a.user) == (None, None)
    wrong = refused(lines, variables={"P": "true", "E": "true"})
    assert [path for path, _, _ in wrong] == ["volumes.v.external", "services.a.privileged"]


def test_signals_are_taken_as_the_engine_takes_them(read):
    text = "services:\n  a: {image: x, stop_signal: sigint}\n  b: {image: x, stop_signal: RTMAX-1}\n"
    assert [one.stop_signal for one in read(text).services.values()] == ["SIGINT", "RTMAX-1"]


def test_an_argument_of_a_build_without_a_value_is_the_variables_or_left_to_the_dockerfile(read):
    a = "  a:\n    build: {context: ., args: {GIVEN: , OWN: , EMPTY: ''}}\n"
    b = "  b:\n    build: {context: ., args: [GIVEN, OWN]}\n"
    a, b = read(f"services:\n{a}{b}", variables={"GIVEN": "1"}).services.values()
    assert (a.build.args, b.build.args) == ({"GIVEN": "1", "EMPTY": ""}, {"GIVEN": "1"})


def test_a_secret_may_be_a_variable_of_the_working_copys_env_file(read):
    text = "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: TOKEN}}\n"
    [file] = read(text, **{".env": "TOKEN=of-the-file\n"}).services["a"].files
    assert file.content == "of-the-file"


def test_services_of_other_profiles_are_left_out(tmp_path, read):
    read("services:\n  a: {image: x}\n  b: {image: x, profiles: [debug]}\n")
    assert list(load(tmp_path, variables={}, profiles=()).services) == ["a"]
    assert list(load(tmp_path, variables={}, profiles=("debug",)).services) == ["a", "b"]


def test_the_override_lies_over_the_file(read):
    project = read(
        "services:\n  a: {image: x, command: [one], environment: {A: 1, B: 1}, ports: [80, 81], volumes: ['./a:/d']}\n",
        **{
            "compose.override.yaml": "services:\n  b: {image: y}\n"
            "  a: {command: [two], environment: [B=2, C=3], ports: !override [90], volumes: ['./b:/d']}\n"
        },
    )
    a = project.services["a"]
    assert (a.command, a.environment, [port.target for port in a.ports]) == (
        ["two"],
        {"A": "1", "B": "2", "C": "3"},
        [90],
    )
    assert [volume.source for volume in a.volumes] == ["b"] and "b" in project.services
    assert project.files == ["compose.yaml", "compose.override.yaml"]


def test_a_reset_takes_a_field_away(read):
    project = read(
        "services:\n  a: {image: x, user: bob, environment: {A: 1}}\n",
        **{"compose.override.yaml": "services:\n  a: {user: !reset null}\n"},
    )
    assert project.services["a"].user is None and project.services["a"].environment == {"A": "1"}


def test_files_that_are_included_or_extended_have_paths_of_their_own_folder(read):
    project = read(
        "include: [lib/db.yaml]\nservices:\n  a:\n    extends: {file: lib/base.yaml, service: base}\n    environment: [B=2]\n",
        **{
            "lib/db.yaml": "services:\n  db: {image: postgres:15, volumes: ['./sql:/sql'], env_file: db.env}\n",
            "lib/db.env": "# comment\nexport PGUSER='bob smith'\nPGNAME=\"${PGUSER} db\" \nEMPTY=\n",
            "lib/base.yaml": "services:\n  base: {build: ./img, environment: {A: 1, B: 1}}\n",
        },
    )
    assert project.services["db"].volumes[0].source == "lib/sql"
    assert project.services["db"].environment == {"PGUSER": "bob smith", "PGNAME": "bob smith db", "EMPTY": ""}
    assert project.services["a"].environment == {"A": "1", "B": "2"}
    build = project.services["a"].build
    assert build is not None and build.context == "lib/img"


def test_merge_keys_and_anchors_are_followed(read):
    project = read("x-base: &base\n  image: x\n  user: bob\nservices:\n  a:\n    <<: *base\n    user: eve\n")
    assert (project.services["a"].image, project.services["a"].user) == ("x", "eve")


@pytest.mark.parametrize(
    ("text", "variables", "filled"),
    [
        ("$A", {"A": "1"}, "1"),
        ("${A}b", {"A": "1"}, "1b"),
        ("${A}", {}, ""),
        ("${A:-x}", {"A": ""}, "x"),
        ("${A-x}", {"A": ""}, ""),
        ("${A-x}", {}, "x"),
        ("${A:+x}", {"A": "1"}, "x"),
        ("${A:+x}", {"A": ""}, ""),
        ("${A+x}", {"A": ""}, "x"),
        ("${A:?why}", {"A": "1"}, "1"),
        ("${A:-${B:-c}}", {}, "c"),
        ("${A:-{}}", {}, "{}"),
        ("$$A", {"A": "1"}, "$A"),
        ("$${A}", {"A": "1"}, "${A}"),
        ("${host::db}", {}, "${host::db}"),
    ],
)
def test_variables_are_filled_in_as_the_specification_says(read, text, variables, filled):
    project = read(f'services:\n  a: {{image: x, environment: {{V: "{text}"}}}}\n', variables=variables)
    assert project.services["a"].environment == {"V": filled}


def test_attack_31_the_servers_own_environment_is_never_read(read, refused, monkeypatch):
    monkeypatch.setenv("CODEYARD_CANARY", "leaked")
    project = read('services:\n  a: {image: "x:${CODEYARD_CANARY:-none}", environment: [CODEYARD_CANARY]}\n')
    assert (project.services["a"].image, project.services["a"].environment) == ("x:none", {})
    [(_, line, message)] = refused('services:\n  a:\n    image: "x:${CODEYARD_CANARY:?set it}"\n')
    assert line == 3 and "set it" in message


def test_what_is_read_only_installs_nothing(refused):
    text = "services:\n  a:\n    image: x\n    read_only: true\n    x-codeyard: {install: make}\n"
    [(path, line, message)] = refused(text)
    assert (path, line) == ("services.a.x-codeyard.install", 5) and "leave out `read_only`" in message


DECLARED = """\
x-codeyard:
  variables:
    - {name: PASSWORD, generate: password}
    - {name: SIZE, default: 5}
    - {name: "not a name", generate: password}
    - PASSWORD
services:
  a: {image: x, environment: {P: "${PASSWORD:?set it}", S: $SIZE}}
"""


def test_a_declared_variable_has_its_default_or_waits_to_be_made_until_somebody_gives_it_a_value(read):
    waits = read(DECLARED)
    assert (waits.generated, waits.problems, waits.services["a"].environment["S"]) == (["PASSWORD"], [], "5")
    for given in (
        read(DECLARED, variables={"PASSWORD": "p", "SIZE": "6"}),
        read(DECLARED, **{".env": "PASSWORD=p\nSIZE=6\n"}),
    ):
        assert (given.generated, given.services["a"].environment) == ([], {"P": "p", "S": "6"})


def test_attack_31_no_file_makes_variables_without_end(refused):
    names = "".join(f"    - {{name: V{n}, generate: password}}\n" for n in range(101))
    text = f"x-codeyard:\n  variables:\n{names}services:\n  a: {{image: x}}\n"
    assert refused(text) == [("x-codeyard.variables", 2, "100 variables at most")]


def test_the_working_copys_own_env_file_fills_in_and_the_workspaces_variables_win(read):
    files = {".env": "A=file\nB=file\n"}
    project = read(
        'services:\n  a: {image: x, environment: {A: "$A", B: "$B"}}\n', variables={"A": "workspace"}, **files
    )
    assert project.services["a"].environment == {"A": "workspace", "B": "file"}
    assert project.variables == ["A", "B"]


#: Each line holds the one above nine times.
BOMB = "c0: &c0 [x, x, x]\n" + "".join(f"c{n}: &c{n} [{', '.join([f'*c{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BOMB, "too_complex"),
        ("services:\n  a: {image: x}\n  a: {image: y}\n", "duplicate_key"),
        ("services: !!python/object/apply:os.system [id]\n", "bad_tag"),
        ("services: [", "bad_yaml"),
        ("- a\n", "bad_yaml"),
        ("services:\n  a: " + "[" * 200 + "]" * 200, "too_complex"),
        ("#" * (1 << 20) + "#\n", "too_large"),
        ("services:\n  ? {a: b}\n  : x\n", "bad_key"),
    ],
)  # fmt: skip
def test_attack_31_a_file_made_to_harm_its_reader_is_refused(read, text, code):
    with pytest.raises(BadCompose) as bad:
        read(text)
    assert bad.value.problems[0].code == code


def test_attack_31_a_compose_file_that_is_a_link_or_a_pipe_is_not_read(tmp_path):
    (tmp_path / "secret.yaml").write_text("services: {}")
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "compose.yaml").symlink_to("../secret.yaml")
    with pytest.raises(BadCompose):
        load(tmp_path / "copy", variables={})
    (tmp_path / "copy" / "compose.yaml").unlink()
    os.mkfifo(tmp_path / "copy" / "compose.yaml")
    with pytest.raises(BadCompose):
        load(tmp_path / "copy", variables={})


def test_attack_31_an_include_through_a_linked_folder_is_refused(tmp_path, refused):
    (tmp_path / "lib").symlink_to("/etc")
    assert "cannot be read" in refused("include: [lib/x.yaml]\nservices: {}\n")[0][2]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.yaml": "include: [b.yaml]", "b.yaml": "include: [a.yaml]"}, "circular"),
        ({"a.yaml": "services:\n  x: {extends: y}\n  y: {extends: x}\n"}, "circular"),
        (
            {
                "a.yaml": "services:\n  x: {extends: {file: b.yaml, service: y}}\n",
                "b.yaml": "services:\n  y: {extends: {file: a.yaml, service: x}}\n",
            },
            "circular",
        ),
        ({"a.yaml": "services:\n  x: {image: i, depends_on: [y]}\n  y: {image: i, depends_on: [x]}\n"}, "circular"),
        ({"a.yaml": "services:\n  x: {image: i, depends_on: [z]}\n"}, "unknown_service"),
        ({"a.yaml": "services:\n  x: {image: i, volumes: ['v:/v']}\n"}, "unknown_volume"),
        ({"a.yaml": "services:\n  x: {image: i, networks: [n]}\n"}, "unknown_network"),
        ({"a.yaml": "services:\n  x: {image: i, configs: [n]}\n"}, "unknown_config"),
        ({"a.yaml": "services:\n  x: {image: i, volumes: ['./a:/v', './b:/v']}\n"}, "clash"),
        ({"a.yaml": "services:\n  x: {image: i, healthcheck: {test: [curl]}}\n"}, "bad_value"),
        ({"a.yaml": "services:\n  x: {image: i, mem_limit: lots}\n"}, "bad_value"),
        ({"a.yaml": "services:\n  x: {image: i, stop_grace_period: soon}\n"}, "bad_value"),
        ({"a.yaml": "services:\n  'x y': {image: i}\n"}, "bad_name"),
        ({"a.yaml": "services:\n  x: text\n"}, "bad_type"),
        ({"a.yaml": "services: [x]\n"}, "bad_type"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told(read, files, code):
    with pytest.raises(BadCompose) as bad:
        read("include: [a.yaml]\n", **files)
    assert code in [problem.code for problem in bad.value.problems]


def test_a_working_copy_without_a_file_declares_nothing(tmp_path):
    assert load(tmp_path, variables={}) == Project(services={}, source="none")


#: Ways in which a small file asks for much: 4,000 variables extended 150 times, a file of 30,000 taken in 100 times, and so on.
GROWING = {
    "extends": "services:\n  s0:\n    environment: {{{}}}\n".format(", ".join(f"V{n}: 1" for n in range(4000)))
    + "".join(f"  s{n}: {{extends: s{n - 1}}}\n" for n in range(1, 150)),
    "extends from below": "services:\n"
    + "".join(f"  s{n}: {{extends: s{n + 1}}}\n" for n in range(150))
    + "  s150: {}\n",
    "env_file": "services:\n" + "".join(f"  s{n}: {{image: x, env_file: many.env}}\n" for n in range(100)),
    "variables": "services:\n  a:\n    environment: [{}]\n".format(", ".join(f"V{n}=$LARGE" for n in range(100))),
    "names alone": "services:\n  a:\n    environment: [{}]\n".format(", ".join(["LARGE"] * 40_000)),
    "services": "services: {{{}}}\n".format(", ".join(f"s{n}: {{image: x}}" for n in range(1000))),
    "files": "services:\n" + "".join(f"  s{n}: {{image: x, env_file: f{n}.env}}\n" for n in range(100)),
    "includes": "include: [deep0.yaml]\n",
}


@pytest.mark.parametrize("way", GROWING)
def test_attack_31_a_project_made_to_grow_is_refused_before_it_does(read, tmp_path, way):
    (tmp_path / "many.env").write_text("".join(f"V{n}=1\n" for n in range(30_000)))
    for number in range(100):
        (tmp_path / f"f{number}.env").write_text("A=1\n")
        (tmp_path / f"deep{number}.yaml").write_text(f"include: [deep{number + 1}.yaml]\n")
    text = GROWING[way]
    if way == "names alone":
        assert read(text, variables={"LARGE": "x" * 100_000}).services["a"].environment.keys() == {"LARGE"}
        return
    with pytest.raises(BadCompose) as bad:
        read(text, variables={"LARGE": "x" * 100_000})
    assert {problem.code for problem in bad.value.problems} <= {"too_complex", "too_large", "circular"}


def test_attack_31_text_that_no_program_can_be_given_is_refused(read):
    for text in ('services: {a: {image: x, command: ["a\\0b"]}}', 'services: {a: {image: x, user: "\\ud800"}}'):
        with pytest.raises(BadCompose) as bad:
            read(text)
        assert bad.value.problems[0].code == "bad_text"
    with pytest.raises(BadCompose):
        read("services: {}", **{".env": "A=\0\n"})


ODD = [
    None,
    True,
    -1,
    1e999,
    "",
    "x",
    "$",
    "${A:?}",
    "a\nb",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"a": None},
    {"": ""},
    {"a": {"b": []}},
    "9" * 5000,
]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_stands_in_a_file_it_is_read_or_refused(tmp_path, seed):
    """Each value of a whole file becomes something odd, by turns: a BadCompose is an answer, nothing else is."""
    chance = random.Random(seed)
    data = YAML(typ="safe", pure=True).load(SHOP)
    for _ in range(20):
        changed = copy.deepcopy(data)
        for _ in range(chance.randint(1, 3)):
            spoil(chance, changed)
        (tmp_path / "compose.yaml").write_text(json.dumps(changed).replace("Infinity", "1e999"))
        try:
            project = load(tmp_path, variables={"A": "1"}, profiles=chance.choice([(), ("*",), ("backend",)]))
        except BadCompose as bad:
            assert bad.problems  # noqa: PT017
        else:
            msgspec.json.decode(msgspec.json.encode(project), type=Project)


def spoil(chance: random.Random, value: object) -> None:
    """Puts something odd in a random place of it."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        if not keys:
            return
        key = chance.choice(keys)
        inner = value[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.3:
            value[key] = copy.deepcopy(chance.choice(ODD))  # type: ignore[index]
            return
        value = inner


def test_a_dependency_of_a_profile_that_is_not_active_is_told(tmp_path, read):
    read("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, profiles: [debug]}\n")
    with pytest.raises(BadCompose) as bad:
        load(tmp_path, variables={}, profiles=())
    assert (bad.value.problems[0].code, bad.value.problems[0].line) == ("inactive_service", 2)
    assert list(load(tmp_path, variables={}, profiles=("debug",)).services) == ["a", "b"]


def test_the_environment_is_over_every_env_file_whatever_file_it_stands_in(read):
    project = read(
        "services:\n  a: {image: x, env_file: a.env, environment: {A: own}}\n",
        **{
            "a.env": "A=file\nB=first\n",
            "b.env": "A=over\nB=second\n",
            "compose.override.yaml": "services:\n  a: {env_file: [b.env]}\n",
        },
    )
    assert project.services["a"].environment == {"A": "own", "B": "second"}


def test_a_name_alone_has_the_variables_value_and_is_left_out_without(read):
    project = read("services:\n  a:\n    image: x\n    environment: [GIVEN, NOT]\n", variables={"GIVEN": "1"})
    assert project.services["a"].environment == {"GIVEN": "1"}
    [problem] = project.problems
    assert (problem.severity, problem.code, problem.line) == ("warning", "variable_unset", 4)


def test_shared_variables_may_be_called_variables(read):
    text = "x-codeyard:\n  variables: {A: 1}\nservices: {a: {image: x}}\n"
    assert read(text).shared == {"A": "1"}
    assert read(text.replace("{A: 1}", "[{name: A, default: b}]")).shared == {}


def test_a_database_is_known_by_its_image_unless_the_file_says_what_it_is(read):
    images = {"db": "postgres:15", "shop": "host:5000/a/mariadb:10", "jobs": "redis", "web": "nginx"}
    lines = [f"  {name}: {{image: {image}}}\n" for name, image in images.items()]
    found = read("".join(["services:\n", *lines, "  own: {image: redis, x-codeyard: {kind: gateway}}\n"])).services
    assert {name: (one.kind, one.icon) for name, one in found.items()} == {
        "db": ("database", "postgres"),
        "shop": ("database", "mysql"),
        "jobs": ("cache", "redis"),
        "web": ("application", ""),
        "own": ("gateway", "redis"),
    }
