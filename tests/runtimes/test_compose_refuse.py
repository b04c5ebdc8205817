"""Attack row 31: what a compose file may ask for that would let a service out, each refused with field, line, reason and a way
on; or taken without effect, and listed."""

import os
from pathlib import Path

import pytest

from runtimes.compose.model import BadCompose, Problem
from runtimes.compose.read import load

#: The attack → the field that is refused, and the lines under a service (from line 4 on).
SERVICE = {
    "privileged": ("privileged", "privileged: true"),
    "privileged as a text": ("privileged", "privileged: 'true'"),
    "cap_add": ("cap_add", "cap_add: [SYS_ADMIN]"),
    "cap_add of all": ("cap_add", "cap_add: [CHOWN, ALL]"),
    "security_opt": ("security_opt", "security_opt: [seccomp=unconfined, apparmor=unconfined]"),
    "security_opt beside a good one": ("security_opt", "security_opt: ['no-new-privileges:true', 'label:disable']"),
    "security_opt taken back": ("security_opt", "security_opt: ['no-new-privileges:false']"),
    "pid: host": ("pid", "pid: host"),
    "pid of another": ("pid", "pid: 'container:other'"),
    "ipc: host": ("ipc", "ipc: host"),
    "ipc of another": ("ipc", "ipc: 'service:b'"),
    "network_mode: host": ("network_mode", "network_mode: host"),
    "network_mode: container": ("network_mode", "network_mode: 'container:other'"),
    "userns_mode: host": ("userns_mode", "userns_mode: host"),
    "uts: host": ("uts", "uts: host"),
    "cgroup_parent": ("cgroup_parent", "cgroup_parent: /"),
    "cgroup: host": ("cgroup", "cgroup: host"),
    "devices": ("devices", "devices: ['/dev/kmsg']"),
    "devices by deploy": (
        "deploy.resources.reservations.devices",
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}",
    ),
    "gpus": ("gpus", "gpus: all"),
    "device_cgroup_rules": ("device_cgroup_rules", "device_cgroup_rules: ['c 1:* rmw']"),
    "sysctls": ("sysctls", "sysctls: {net.core.somaxconn: 1}"),
    "runtime": ("runtime", "runtime: other"),
    "volumes_from": ("volumes_from", "volumes_from: [b]"),
    "external_links": ("external_links", "external_links: [b]"),
    "credential_spec": ("credential_spec", "credential_spec: {file: x.json}"),
    "oom_score_adj": ("oom_score_adj", "oom_score_adj: -1000"),
    "storage_opt": ("storage_opt", "storage_opt: {size: 1T}"),
    "bind of /": ("volumes.0", "volumes: ['/:/host']"),
    "bind of / the long way": ("volumes.0", "volumes: [{type: bind, source: /, target: /x}]"),
    "bind of the engine's socket": ("volumes.0", "volumes: ['/var/run/docker.sock:/var/run/docker.sock']"),
    "bind by ..": ("volumes.0", "volumes: ['../other:/x']"),
    "bind by .. in the middle": ("volumes.0", "volumes: ['./a/../../other:/x']"),
    "bind of a home": ("volumes.0", "volumes: ['~/x:/x']"),
    "bind through a link": ("volumes.0", "volumes: ['./link:/x']"),
    "bind through a linked folder": ("volumes.0", "volumes: ['./link/docker.sock:/x']"),
    "bind of a socket in the tree": ("volumes.0", "volumes: ['./pipe:/x']"),
    "bind by a variable": ("volumes.0", "volumes: ['${WHERE:-/etc}:/x']"),
    "volume named as a path": ("volumes.0", "volumes: ['a/../../x:/x']"),
    "mount propagation": (
        "volumes.0.bind.propagation",
        "volumes: [{type: bind, source: ./a, target: /x, bind: {propagation: shared}}]",
    ),
    "mount propagation, short": ("volumes.0", "volumes: ['./a:/x:rshared']"),
    "npipe": ("volumes.0", "volumes: [{type: npipe, source: a, target: /x}]"),
    "cluster volume": ("volumes.0", "volumes: [{type: cluster, source: a, target: /x}]"),
    "image as a mount": ("volumes.0", "volumes: [{type: image, source: a, target: /x}]"),
    "mount over the root": ("volumes.0", "volumes: ['./a:/']"),
    "tmpfs over the root": ("tmpfs.0", "tmpfs: /"),
    "env_file outside": ("env_file.0", "env_file: /etc/passwd"),
    "env_file up": ("env_file.0", "env_file: [{path: ../x}]"),
    "env_file through a link": ("", "env_file: link/passwd"),
    "extends outside": ("extends", "extends: {file: /etc/x.yaml, service: b}"),
    "extends up": ("extends", "extends: {file: ../x.yaml, service: b}"),
    "extends through a link": ("", "extends: {file: link/x.yaml, service: b}"),
    "extends of a URL": ("extends", "extends: {file: 'https://example.com/x.yaml', service: b}"),
    "build.context up": ("build.context", "build: ../.."),
    "build.context of a URL": ("build.context", "build: https://example.com/x.git"),
    "build.context by ssh": ("build.context", "build: git@example.com:x.git"),
    "build.dockerfile outside": ("build.dockerfile", "build: {context: ., dockerfile: ../Dockerfile}"),
    "build.network": ("build.network", "build: {context: ., network: host}"),
    "build.ssh": ("build.ssh", "build: {context: ., ssh: [default]}"),
    "build.secrets": ("build.secrets", "build: {context: ., secrets: [x]}"),
    "build.entitlements": ("build.entitlements", "build: {context: ., entitlements: [security.insecure]}"),
    "build.additional_contexts": ("build.additional_contexts", "build: {context: ., additional_contexts: {x: /etc}}"),
    "build.privileged": ("build.privileged", "build: {context: ., privileged: true}"),
    "post_start": ("post_start", "post_start: [{command: x, privileged: true}]"),
    "pre_stop": ("pre_stop", "pre_stop: [{command: x, privileged: true}]"),
    "provider": ("provider", "provider: {type: x}"),
    "use_api_socket": ("use_api_socket", "use_api_socket: true"),
    "image as an option": ("image", "image: '-v'"),
    "image with a space": ("image", "image: 'a b'"),
    "image with nonsense after @": ("image", "image: 'a@b'"),
    "image of a URL": ("image", "image: 'https://example.com/x'"),
    "image with a line end": ("image", 'image: "a\\n"'),
    "user with more": ("user", "user: 'a; b'"),
    "working_dir within nothing": ("working_dir", "working_dir: x"),
    "port 0": ("ports.0", "ports: ['0']"),
    "port 65536": ("ports.0", "ports: ['65536']"),
    "port -1": ("ports.0", "ports: ['-1']"),
    "port with a host": ("ports.0", "ports: ['80@evil']"),
    "every port": ("ports.0", "ports: ['1-65535']"),
    "variable with a line end": ("environment", 'environment: ["A\\nB=c"]'),
    "alias of another service": ("networks", "networks: {default: {aliases: [b]}}"),
}  # fmt: skip

USES = "services: {a: {image: x, secrets: [s]}}\n"

#: The attack → the field that is refused, and a whole file.
FILES = {
    "volume of any folder": ("volumes.v.driver_opts", "volumes: {v: {driver_opts: {type: none, o: bind, device: /}}}"),
    "external volume": ("volumes.v.external", "volumes: {v: {external: true}}"),
    "external volume by name": ("volumes.v.external", "volumes: {v: {external: {name: theirs}}}"),
    "volume driver": ("volumes.v.driver", "volumes: {v: {driver: nfs}}"),
    "external network": ("networks.n.external", "networks: {n: {external: true}}"),
    "external default network": ("networks.default.external", "networks: {default: {external: true}}"),
    "network driver": ("networks.n.driver", "networks: {n: {driver: host}}"),
    "secrets.file outside": ("secrets.s.file", USES + "secrets: {s: {file: /etc/shadow}}"),
    "secrets.file through a link": ("secrets.s.file", USES + "secrets: {s: {file: link/shadow}}"),
    "configs.file up": ("configs.s.file", "services: {a: {image: x, configs: [s]}}\nconfigs: {s: {file: ../x}}"),
    "external secret": ("secrets.s.external", "secrets: {s: {external: true}}"),
    "secret's place up": (
        "services.a.secrets.0",
        "services: {a: {image: x, secrets: [{source: s, target: ../x}]}}\nsecrets: {s: {content: x}}",
    ),
    "oci:// include": ("include", "include: ['oci://example.com/x']"),
    "git include": ("include", "include: ['https://example.com/x.git#main']"),
    "include up": ("include", "include: ['../x.yaml']"),
    "include of a root": ("include", "include: [{path: /etc/x.yaml}]"),
    "include through a link": ("", "include: [link/x.yaml]"),
    "include's variables outside": ("include.0.env_file", "include: [{path: ok.yaml, env_file: /etc/environment}]"),
    "service named as an option": ("services.-v", "services: {-v: {image: x}}"),
    "service named as the workbench": ("services.codeyard-workbench", "services: {codeyard-workbench: {image: x}}"),
    "service named as a path": ("services.../x", "services: {../x: {image: x}}"),
    "service with an endless name": ("services." + "a" * 64, f"services: {{{'a' * 64}: {{image: x}}}}"),
}  # fmt: skip

#: Harmless here: taken without effect, and listed with the reason.
WITHOUT_EFFECT = {
    "container_name": "container_name: codeyard-other",
    "labels that spoof ours": "labels: {codeyard.session: other}",
    "label_file": "label_file: /etc/passwd",
    "logging driver": "logging: {driver: syslog, options: {syslog-address: 'tcp://10.0.0.1:514'}}",
    "ports.0": "ports: ['0.0.0.0:22:22']",
    "ports.0.published": "ports: [{target: 80, published: 22}]",
    "deploy.replicas": "deploy: {replicas: 1e6}",
    "scale": "scale: 1000000",
    "develop": "develop: {watch: [{action: sync, path: /etc, target: /x}]}",
    "ulimits": "ulimits: {nproc: 1000000}",
    "extra_hosts": "extra_hosts: ['metadata:169.254.169.254']",
    "dns": "dns: 10.0.0.1",
    "shm_size": "shm_size: 1t",
    "tmpfs.0": "tmpfs: '/x:size=1t'",
    "volumes.0": "volumes: [{type: tmpfs, target: /x, tmpfs: {size: 1t}}]",
    "hostname": "hostname: other",
    "mac_address": "mac_address: 02:42:ac:11:65:43",
    "platform": "platform: linux/arm64",
    "annotations": "annotations: {a: b}",
    "security_opt": "security_opt: ['no-new-privileges:true']",
    "cap_add": "cap_add: [NET_BIND_SERVICE, CAP_CHOWN]",
    "frobnicate": "frobnicate: 1",
    "stop_grace_period without end": "stop_grace_period: 999999h",
    "healthcheck.frobnicate": "healthcheck: {test: x, frobnicate: 1}",
    "build.cache_from": "build: {context: ., cache_from: [x]}",
    "build.frobnicate": "build: {context: ., frobnicate: 1}",
    "volumes.0.volume.subpath": "volumes: [{type: volume, target: /x, volume: {subpath: y}}]",
    "deploy.resources.limits.frobnicate": "deploy: {resources: {limits: {frobnicate: 1}}}",
    "deploy.placement": "deploy: {placement: {constraints: [x]}}",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A working copy with a link that leads out, and a pipe."""
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "link").symlink_to("/etc")
    os.mkfifo(copy / "pipe")
    (copy / "ok.yaml").write_text("services: {}\n")
    return copy


def errors(copy: Path, text: str) -> list[Problem]:
    (copy / "compose.yaml").write_text(text)
    with pytest.raises(BadCompose) as bad:
        load(copy, variables={})
    return [problem for problem in bad.value.problems if problem.severity == "error"]


@pytest.mark.parametrize("attack", SERVICE)
def test_attack_31_a_service_that_reaches_out_is_refused_by_name_line_and_reason(copy, attack):
    field, lines = SERVICE[attack]
    image = "" if lines.startswith("image") else "    image: x\n"
    [problem] = errors(copy, f"services:\n  b: {{image: x}}\n  a:\n{image}    {lines}\n")
    assert problem.path == (f"services.a.{field}" if field else "")
    assert problem.line == (4 if not image else 5) or attack.startswith("alias")
    assert problem.file == "compose.yaml" and len(problem.message) > 20


@pytest.mark.parametrize("attack", FILES)
def test_attack_31_what_a_file_declares_cannot_reach_out_either(copy, attack):
    path, text = FILES[attack]
    problems = errors(copy, text + "\n")
    assert path in [problem.path for problem in problems]
    assert all(problem.line and len(problem.message) > 15 for problem in problems)


@pytest.mark.parametrize("field", WITHOUT_EFFECT)
def test_attack_31_what_is_harmless_is_listed_with_its_line_and_has_no_effect(copy, field):
    lines = WITHOUT_EFFECT[field]
    image = "" if lines.startswith("build") else "    image: x\n"
    (copy / "compose.yaml").write_text(f"services:\n  a:\n{image}    {lines}\n")
    project = load(copy, variables={})
    [problem] = project.problems
    path = f"services.a.{field.split(' ')[0]}"
    assert (problem.severity, problem.path, problem.line) == ("ignored", path, 3 if not image else 4)
    assert "codeyard" not in str(project.services["a"].labels)


def test_attack_31_secrets_in_the_arguments_of_a_build_are_warned_of(copy):
    (copy / "compose.yaml").write_text(
        "services:\n  a:\n    build:\n      context: .\n      args: {NPM_TOKEN: abc, V: 1}\n"
    )
    [problem] = load(copy, variables={}).problems
    assert (problem.severity, problem.path, problem.line) == ("warning", "services.a.build.args.NPM_TOKEN", 5)


def test_attack_31_all_that_is_wrong_is_told_at_once(copy):
    text = "services:\n  a:\n    image: x\n    privileged: true\n    pid: host\n  b:\n    image: '-x'\n    volumes: ['/:/x']\n"
    assert [(problem.path, problem.line) for problem in errors(copy, text)] == [
        ("services.a.privileged", 4),
        ("services.a.pid", 5),
        ("services.b.image", 7),
        ("services.b.volumes.0", 8),
    ]


def test_attack_31_an_override_or_base_cannot_bring_it_in_unseen(copy):
    (copy / "base.yaml").write_text("services:\n  base:\n    image: x\n    privileged: true\n")
    [problem] = errors(copy, "services:\n  a:\n    extends: {file: base.yaml, service: base}\n")
    assert (problem.path, problem.file, problem.line) == ("services.a.privileged", "base.yaml", 4)
    (copy / "compose.override.yaml").write_text("services:\n  a:\n    pid: host\n")
    [problem] = errors(copy, "services:\n  a:\n    image: x\n")
    assert (problem.path, problem.file, problem.line) == ("services.a.pid", "compose.override.yaml", 3)


@pytest.mark.parametrize(
    "name",
    [
        *("nginx", "nginx:1.27-alpine", "library/nginx", "a/b/c:1", "registry.example.com:5000/a/b:v1", "localhost/a"),
        "postgres:17@sha256:" + "0" * 64,
        "python@sha256:" + "f" * 64,
    ],
)
def test_names_of_images_are_taken_as_they_are(copy, name):
    (copy / "compose.yaml").write_text(f"services:\n  a:\n    image: {name}\n")
    assert load(copy, variables={}).services["a"].image == name
