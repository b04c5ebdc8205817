"""Services of people who mean harm: images that fight back, an engine that must not be found, a neighbour's secrets."""

import asyncio
import subprocess

import pytest

from tests.workbench.test_services import IMAGE, make_stack, stack

__all__ = ["stack"]  # a fixture
pytestmark = pytest.mark.docker

BOMB = r'ENTRYPOINT ["sh", "-c", "f() { f | f & }; f; sleep 600"]'


@pytest.fixture
def image():
    """`image(instructions)` builds one; its name."""
    made = []

    def build(*instructions: str) -> str:
        name = f"codeyard-test/hostile-{len(made)}:1"
        text = "\n".join([f"FROM {IMAGE}", *instructions])
        subprocess.run(
            ["docker", "build", "-q", "-t", name, "-"], input=text, text=True, check=True, capture_output=True
        )
        made.append(name)
        return name

    yield build
    for name in made:
        subprocess.run(["docker", "image", "rm", "-f", name], capture_output=True, check=False)


@pytest.mark.parametrize(
    "instruction", ["VOLUME /", "HEALTHCHECK --interval=1s CMD kill -9 -1", "USER nobody:nosuchgroup"]
)
async def test_attack_33_an_image_that_cannot_run_fails_with_a_reason_or_runs_alone(stack, image, instruction):
    name = image("USER root", instruction)
    await stack.declare(
        f"services:\n  web:\n    image: {name}\n    command: sleep 600\n    restart: 'no'\n    stop_grace_period: 1s\n"
    )
    done = await stack.run("run-all")
    web = (await stack.services())["web"]
    if done["status"] == "failed":
        assert done["error"]["code"] and done["error"]["message"] and done["error"]["remedy"], done
        assert web["state"] in ("failed", "exited") and web["reason"]["message"], web
    else:
        assert web["state"] in ("running", "starting", "healthy", "unhealthy"), web
    await stack.well("stop-all")
    assert (await stack.services())["web"]["state"] in ("stopped", "failed")


async def test_attack_33_an_image_that_forks_without_end_stays_within_its_limit_and_can_be_stopped(stack, image):
    name = image(BOMB)
    await stack.declare(
        f"services:\n  web:\n    image: {name}\n    restart: 'no'\n    stop_grace_period: 1s\n    deploy:\n"
        "      resources:\n        limits: {pids: 64, cpus: '0.5'}\n"
        f"  neighbour:\n    image: {IMAGE}\n    command: sleep 600\n"
    )
    await stack.run("run-all")
    driver = stack.resources.runtime
    found = await driver.engine.request("GET", f"/containers/{driver.handle(stack.session['id'], 'web')['id']}/json")
    assert found["HostConfig"]["PidsLimit"] == 64
    assert await stack.inside("neighbour", "echo still here") == (0, b"still here\n")
    await stack.well("stop-all")
    assert {one["state"] for one in (await stack.services()).values()} <= {"stopped", "failed"}


async def test_attack_33_an_image_reference_is_a_reference_or_refused(stack):
    for reference in (
        "--privileged",
        "-v/:/host",
        "a b",
        "a@b",
        "debian@sha256:12",
        "a;id",
        "$$(id)",
        "Upper",
        "a/../b",
        "a//b",
    ):
        await stack.declare(f"services:\n  other:\n    image: {IMAGE}\n")
        body = {"type": "image", "name": "web", "image": reference.replace("$$", "$")}
        answer = await stack.client.post(f"{stack.path}/services", json=body)
        assert answer.status_code in (400, 422), (reference, answer.text)
        await stack.declare(f"services:\n  web:\n    image: '{reference}'\n")
        listed = (await stack.client.get(f"{stack.path}/services")).json()
        assert [p for p in listed["problems"] if p["severity"] == "error" and p["line"] == 3], (reference, listed)
        done = await stack.client.post(f"{stack.path}/runtimes/run-all")
        assert done.status_code == 422, (reference, done.text)


async def test_attack_34_no_engine_is_reachable_from_a_service(stack):
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n")
    await stack.well("run-all")
    _, found = await stack.inside(
        "web", "find / -xdev -type s 2>/dev/null; ls /run/docker* /var/run/docker* 2>/dev/null"
    )
    assert found == b""
    driver = stack.resources.runtime
    handle = driver.handle(stack.session["id"], "web")
    shown = await driver.engine.request("GET", f"/containers/{handle['id']}/json")
    [network] = shown["NetworkSettings"]["Networks"].values()
    script = f"for at in {network['Gateway']} 127.0.0.1; do for port in 2375 2376; do : </dev/tcp/$at/$port; done; done"
    code, found = await driver.run(handle, ["bash", "-c", script])
    assert code != 0 and found.count(b"line 1") == found.count(b"line 1: /dev/tcp/") == 4, found


async def test_attack_36_a_session_sees_nothing_of_what_another_one_was_given(stack, client, resources):
    other = await make_stack(client, resources, "Other")
    compose = f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n"
    for one, secret in ((stack, "mine-alone"), (other, "theirs-alone")):
        await one.declare(compose)
        body = {"environment": [{"name": "TOKEN", "value": secret, "secret": True}]}
        answer = await client.put(f"{one.path}/services/{(await one.services())['web']['id']}", json=body)
        assert answer.status_code == 200, answer.text
        await one.well("run-all")
    _, seen = await stack.inside("web", "env; cat /proc/[0-9]*/environ; ls -R /workspace 2>/dev/null; getent hosts web")
    assert b"mine-alone" in seen and b"theirs-alone" not in seen
    assert other.session["id"].encode() not in seen
    assert (
        len({line for line in seen.splitlines() if line.endswith(b" web")}) <= 1
    )  # the name is ours, not the neighbour's


async def test_attack_64_stops_starts_and_restarts_at_once_end_in_what_was_asked_last(stack):
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    stop_grace_period: 1s\n")
    await stack.well("run-all")
    asked = [await stack.ask(verb, "web") for verb in ("restart",) * 5 + ("stop", "start") * 3 + ("stop",)]
    ends = await asyncio.gather(*(stack.finished(operation) for operation in asked))
    assert {end["status"] for end in ends} <= {"succeeded", "failed"}
    assert (await stack.until("web", state="stopped"))["desired"] == "stopped"
    status = await stack.status("web")
    assert status is None or not status.running
