"""The words of a compose file, together and on a real engine: each does to a container what the specification says."""

import pytest

from tests.workbench.test_services import IMAGE, stack

__all__ = ["stack"]  # a fixture
pytestmark = pytest.mark.docker

FILES = {
    "compose.yaml": f"""\
include:
  - path: parts/cache.yaml
    env_file: parts/cache.env
x-wait: &wait
  stop_grace_period: 0s
services:
  web:
    <<: *wait
    extends: {{file: parts/base.yaml, service: base}}
    depends_on: {{cache: {{condition: service_started}}}}
    entrypoint: [sh, -c]
    command: ["echo started; exec sleep 600"]
    env_file: [web.env, {{path: nothing.env, required: false}}]
    environment: {{OWN: "over", MODE: "${{MODE:-plain}}"}}
    tmpfs: [/scratch]
    working_dir: /srv
    configs: [{{source: greeting, target: /etc/greeting}}]
    secrets: [token]
    labels: {{com.example: x}}
    networks: {{default: {{aliases: [www]}}}}
  once:
    image: {IMAGE}
    command: [sh, -c, "getent hosts www && getent hosts cache"]
    restart: "no"
    depends_on: [web]
  debug:
    <<: *wait
    image: {IMAGE}
    profiles: [debug]
    command: [sleep, "600"]
configs:
  greeting: {{content: "hello ${{NAME:-you}}"}}
secrets:
  token: {{file: parts/token}}
""",
    "compose.override.yaml": """\
services:
  web:
    environment: {MODE: overridden}
    labels: !reset null
""",
    "parts/base.yaml": f"""\
services:
  base:
    image: {IMAGE}
    user: "1234:1234"
    read_only: true
    init: true
    cpus: 0.5
    mem_limit: 64m
    pids_limit: 50
    environment: {{BASE: "yes", OWN: below}}
    volumes: ["../src:/srv"]
""",
    "parts/cache.yaml": f"""\
services:
  cache:
    image: {IMAGE}
    command: [sh, -c, "echo $SIZE-$$SIZE; sleep 600"]
    environment: {{SIZE: "inside"}}
    stop_grace_period: 0s
""",
    "parts/cache.env": "SIZE=12\n",
    "parts/token": "secret-token",
    "web.env": "FILE='from ${NAME}'\nOWN=of-the-file\n",
    ".env": "NAME=ada\n",
    "src/page.txt": "a page\n",
}


async def test_a_project_of_many_files_runs_as_it_says(stack):
    for path, content in FILES.items():
        await stack.write(path, content)
    assert (await stack.client.get(f"{stack.path}/services")).json()["problems"] == []
    await stack.well("run-all")
    await stack.until("once", state="exited")
    states = {name: one["state"] for name, one in (await stack.services()).items()}
    assert states == {"web": "running", "once": "exited", "debug": "stopped", "cache": "running"}
    assert (await stack.logs("web"), await stack.logs("cache")) == (["started"], ["12-inside"])
    assert [line.split()[1] for line in await stack.logs("once")] == ["www", "cache"]
    _, environment = await stack.inside("web", "env")
    wanted = {"BASE=yes", "OWN=over", "MODE=overridden", "FILE=from ${NAME}"}
    assert wanted < set(environment.decode().splitlines())
    given = await stack.inside(
        "web", "id -u; pwd; cat page.txt /etc/greeting /run/secrets/token; tr '\\0' ' ' </proc/1/cmdline"
    )
    assert given == (
        0,
        b"1234\n/srv\na page\nhello adasecret-token/sbin/docker-init -- sh -c echo started; exec sleep 600 ",
    )
    assert (await stack.inside("web", "touch /scratch/x"), (await stack.inside("web", "touch /tmp/x"))[0]) == (
        (0, b""),
        1,
    )
    await stack.write("parts/token", "another")
    await stack.well("restart", "web")
    assert await stack.inside("web", "cat /run/secrets/token") == (0, b"another")
    await stack.well("start", "debug")
