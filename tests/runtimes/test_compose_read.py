"""A compose file as a project: what it says, what is refused and why, what is listed as without effect."""

import os
from pathlib import Path

import pytest

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


def test_the_working_copys_own_env_file_fills_in_and_the_workspaces_variables_win(read):
    files = {".env": "A=file\nB=file\n"}
    project = read(
        'services:\n  a: {image: x, environment: {A: "$A", B: "$B"}}\n', variables={"A": "workspace"}, **files
    )
    assert project.services["a"].environment == {"A": "workspace", "B": "file"}
    assert project.variables == ["A", "B"]


SERVICE = "services:\n  a:\n    image: x\n    "

ATTACKS = {
    "privileged": "privileged: true",
    "cap_add": "cap_add: [SYS_ADMIN]",
    "security_opt": "security_opt: [seccomp=unconfined, apparmor=unconfined]",
    "pid": "pid: host",
    "ipc": "ipc: host",
    "ipc of another": "ipc: 'service:b'",
    "network_mode host": "network_mode: host",
    "network_mode of another": "network_mode: 'container:other'",
    "userns_mode": "userns_mode: host",
    "cgroup_parent": "cgroup_parent: /",
    "cgroup": "cgroup: host",
    "devices": "devices: ['/dev/kmsg']",
    "device_cgroup_rules": "device_cgroup_rules: ['c 1:* rmw']",
    "gpus": "gpus: all",
    "sysctls": "sysctls: {net.core.somaxconn: 1}",
    "runtime": "runtime: other",
    "volumes_from": "volumes_from: [b]",
    "external_links": "external_links: [b]",
    "bind of the root": "volumes: ['/:/host']",
    "bind of the engine's socket": "volumes: ['/var/run/docker.sock:/var/run/docker.sock']",
    "bind outside": "volumes: ['../other:/x']",
    "bind outside by another way": "volumes: ['./a/../../other:/x']",
    "bind of a home": "volumes: ['~/x:/x']",
    "long bind": "volumes: [{type: bind, source: /etc, target: /x}]",
    "propagation": "volumes: [{type: bind, source: ./a, target: /x, bind: {propagation: shared}}]",
    "npipe": "volumes: [{type: npipe, source: a, target: /x}]",
    "mount over the root": "volumes: ['./a:/']",
    "env_file outside": "env_file: /etc/passwd",
    "env_file up": "env_file: ../x",
    "extends outside": "extends: {file: /etc/x.yaml, service: b}",
    "build context outside": "build: ../..",
    "build context of a URL": "build: https://example.com/x.git",
    "build context by ssh": "build: git@example.com:x.git",
    "dockerfile outside": "build: {context: ., dockerfile: ../Dockerfile}",
    "build network": "build: {context: ., network: host}",
    "build ssh": "build: {context: ., ssh: [default]}",
    "build secrets": "build: {context: ., secrets: [x]}",
    "build entitlements": "build: {context: ., entitlements: [security.insecure]}",
    "build contexts": "build: {context: ., additional_contexts: {x: /etc}}",
    "privileged build": "build: {context: ., privileged: true}",
    "post_start": "post_start: [{command: x, privileged: true}]",
    "pre_stop": "pre_stop: [{command: x}]",
    "provider": "provider: {type: x}",
    "socket": "use_api_socket: true",
    "devices by deploy": "deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}",
    "odd image": "image: '-v'",
    "image with a space": "image: 'a b'",
    "odd user": "user: 'a; b'",
    "port 0": "ports: ['0']",
    "port beyond": "ports: ['65536']",
    "port negative": "ports: ['-1']",
    "many ports": "ports: ['1-65535']",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_31_what_would_break_isolation_is_refused_by_name_line_and_reason(refused, attack):
    text = SERVICE + ATTACKS[attack] + "\n"
    text = text.replace("    image: x\n    image", "    image") if "image:" in ATTACKS[attack] else text
    problems = refused(text)
    assert problems, attack
    path, line, message = problems[0]
    assert path.startswith("services.a") and len(message) > 20
    assert line is not None and line >= 3


@pytest.mark.parametrize(
    "text",
    [
        "volumes: {v: {driver_opts: {type: none, o: bind, device: /}}}",
        "volumes: {v: {external: true}}",
        "volumes: {v: {driver: nfs}}",
        "networks: {n: {external: true}}",
        "networks: {n: {driver: host}}",
        "secrets: {s: {file: /etc/shadow}}\nx: 1",
        "configs: {s: {file: ../x}}",
        "configs: {s: {external: true}}",
        "include: ['oci://example.com/x']",
        "include: ['../x.yaml']",
        "include: [{path: /etc/x.yaml}]",
    ],
)
def test_attack_31_what_the_file_declares_beside_services_cannot_reach_out_either(refused, text):
    kind = text.partition(":")[0]
    uses = f"    {kind}: [s]\n" if kind in ("secrets", "configs") else ""
    assert refused(f"services:\n  a:\n    image: x\n{uses}{text}\n")


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
