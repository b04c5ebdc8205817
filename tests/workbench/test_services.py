"""Services through the API, in containers of a real engine."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from docker import APIClient
from docker.errors import APIError
from msgspec import structs
from sqlalchemy import text

from backend.core import worktree
from backend.core.git import Place
from backend.workbench.services import repository
from backend.workbench.services.conductor import Conductor
from backend.workbench.services.disk import DiskWatch
from runtimes import engine
from runtimes.spec import Status
from tests.clients import Refused

pytestmark = pytest.mark.docker

IMAGE = "debian:bookworm-slim"
LIMITS = "cd /sys/fs/cgroup; cat cpu.max memory.max memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us >/limits || :"


class Stack:
    """A session with a compose.yaml, and what a person does to it."""

    def __init__(self, client, session, resources):
        self.client = client
        self.session = session
        self.resources = resources
        self.path = f"/workspace/{session['id']}"

    async def write(self, path: str, content: str) -> None:
        answer = await self.client.post(
            f"{self.path}/filesystem", json={"op": "write", "path": path, "content": content}
        )
        assert answer.status_code == 200, answer.text

    async def declare(self, text: str) -> None:
        await self.write("compose.yaml", text)

    async def services(self) -> dict:
        answer = await self.client.get(f"{self.path}/services")
        assert answer.status_code == 200, answer.text
        return {one["name"]: one for one in answer.json()["items"]}

    async def ask(self, verb: str, name: str = "") -> dict:
        where = f"{(await self.services())[name]['id']}/{verb}" if name else verb
        answer = await self.client.post(f"{self.path}/runtimes/{where}")
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def operation(self, asked: dict) -> dict:
        return (await self.client.get(f"{self.path}/operations/{asked['id']}")).json()

    async def finished(self, asked: dict, seconds: float = 180) -> dict:
        found = asked
        try:
            async with asyncio.timeout(seconds):
                while (found := await self.operation(asked))["status"] not in ("succeeded", "failed"):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"not over after {seconds:g} s: {told(found)}")
        return found

    async def run(self, verb: str, name: str = "") -> dict:
        return await self.finished(await self.ask(verb, name))

    async def well(self, asked: str | dict, name: str = "") -> dict:
        """Once a verb, or what was asked before, has succeeded; else fails with the steps that did not, and why."""
        done = await self.finished(asked if isinstance(asked, dict) else await self.ask(asked, name))
        assert done["status"] == "succeeded", told(done)
        return done

    async def until(self, name: str, seconds: float = 60, **wanted) -> dict:
        found: dict = {}
        try:
            async with asyncio.timeout(seconds):
                while not found or any(found[field] != value for field, value in wanted.items()):
                    await asyncio.sleep(0.05 if found else 0)
                    found = (await self.services())[name]
        except TimeoutError:
            pytest.fail(f"{name} is not {wanted} after {seconds:g} s: {found}")
        return found

    async def inside(self, name: str, script: str) -> tuple[int, bytes]:
        driver = self.resources.runtime
        return await driver.run(driver.handle(self.session["id"], name), ["/bin/sh", "-c", script])

    async def status(self, name: str) -> Status | None:
        driver = self.resources.runtime
        return await driver.poll(driver.handle(self.session["id"], name))

    async def runs(self, name: str) -> None:
        """Until its container runs: it is `starting` before it is there."""
        async with asyncio.timeout(60):
            while (found := await self.status(name)) is None or not found.running:
                await asyncio.sleep(0.05)

    async def logs(self, name: str, **query) -> list[str]:
        one = (await self.services())[name]
        answer = await self.client.get(f"{self.path}/services/{one['id']}/logs", params=query)
        assert answer.status_code == 200, answer.text
        return [line["text"] for line in answer.json()["items"]]

    async def says(self, name: str, lines: int) -> None:
        """Until it has said so many."""
        async with asyncio.timeout(30):
            while len(await self.logs(name)) < lines:
                await asyncio.sleep(0.05)


def told(operation: dict) -> str:
    """How far each step came, and why what failed did."""
    steps = [f"{step['service']}: {step['status']} at {step['step']} {step['message']}" for step in operation["steps"]]
    return "\n".join([f"{operation['kind']} {operation['status']}: {operation['error']}", *steps])


async def make_stack(client, resources, name="Shop", **more) -> Stack:
    workspace = (await client.post("/workspace", json={"name": name})).json()
    session = (await client.get(f"/sessions/{workspace['default_session_id']}")).json()
    return Stack(client, session, resources)


@pytest.fixture
async def stack(client, resources) -> AsyncIterator[Stack]:
    made = await make_stack(client, resources)
    yield made
    await put_away(resources)


async def put_away(resources) -> None:
    """Whatever the engine holds of this run: a network that is left takes its addresses from the next test."""
    for group in await resources.runtime.groups():
        async with resources.database.begin() as db:
            await repository.want_nothing(db, UUID(group))
        await resources.kept.get(Conductor).put_away(UUID(group))
        await resources.runtime.remove_group(group)


TWO = f"""\
services:
  web:
    image: {IMAGE}
    command: ["sh", "-c", "echo hello from web; sleep 600"]
    depends_on:
      store:
        condition: service_healthy
  store:
    image: {IMAGE}
    command: ["sh", "-c", "sleep 0.5; touch /ready; sleep 600"]
    healthcheck:
      test: ["CMD", "test", "-e", "/ready"]
      interval: 1s
"""


async def test_a_stack_starts_in_the_order_that_it_depends_and_stops_in_reverse(stack):
    await stack.declare(TWO)
    await stack.well("run-all")
    services = await stack.services()
    assert {name: one["state"] for name, one in services.items()} == {"web": "running", "store": "running"}
    assert services["store"]["health"]["status"] == "healthy"
    assert services["store"]["started_at"] < services["web"]["started_at"]
    assert (await stack.inside("web", "getent hosts store"))[0] == 0
    stopped = await stack.run("stop-all")
    assert stopped["status"] == "succeeded", stopped
    assert {one["state"] for one in (await stack.services()).values()} == {"stopped"}
    assert await stack.status("web") is None


async def test_who_waits_for_another_is_left_waiting_at_the_second_start_too(stack, resources):
    await stack.declare(
        TWO.replace("sleep 0.5; touch /ready; ", "").replace("interval: 1s", "interval: 1s\n      retries: 999")
    )
    conductor = resources.kept.get(Conductor)
    for _ in range(2):
        asked = await stack.ask("run-all")
        await stack.runs("store")
        assert (await stack.services())["web"]["state"] == "queued"
        await conductor.reconcile()
        assert await stack.status("web") is None
        assert (await stack.inside("store", "touch /ready"))[0] == 0
        await stack.well(asked)
        await stack.well("stop-all")


async def test_who_needs_what_does_not_come_is_not_started_and_says_so(stack, resources):
    await stack.declare(
        TWO.replace("touch /ready", "exit 1").replace("interval: 1s", "interval: 1s\n    restart: 'no'")
    )
    done = await stack.run("run-all")
    assert (done["status"], {step["status"] for step in done["steps"]}) == ("failed", {"failed"})
    await resources.kept.get(Conductor).reconcile()
    web = await stack.until("web", state="failed")
    assert web["reason"]["code"] == "dependency_failed" and await stack.status("web") is None


async def test_who_needs_only_that_another_was_started_is_content_with_one_that_has_ended_well(stack):
    await stack.declare(f"""\
services:
  web:
    image: {IMAGE}
    command: sleep 600
    stop_grace_period: 0s
    depends_on:
      slow: {{condition: service_healthy}}
      once: {{condition: service_started}}
  once: {{image: {IMAGE}, command: "true"}}
  slow:
    image: {IMAGE}
    command: sh -c "sleep 1; touch /ready; exec sleep 600"
    stop_grace_period: 0s
    healthcheck: {{test: test -e /ready, interval: 1s}}
""")
    await stack.well("run-all")
    assert (await stack.services())["once"]["state"] == "exited"
    await stack.well("restart", "web")


async def test_a_restart_does_not_wait_for_what_will_not_come_and_a_start_says_so(stack):
    await stack.declare(f"""\
services:
  web:
    image: {IMAGE}
    command: sleep 600
    stop_grace_period: 0s
    depends_on: {{ill: {{condition: service_healthy}}, dead: {{condition: service_started}}}}
  ill:
    image: {IMAGE}
    command: sh -c "touch /well; exec sleep 600"
    stop_grace_period: 0s
    healthcheck: {{test: test -e /well, interval: 1s, retries: 1}}
  dead:
    image: {IMAGE}
    command: sh -c "until [ -e /end ]; do sleep 0.1; done; exit 3"
    restart: "no"
""")
    await stack.well("run-all")
    assert (await stack.inside("ill", "rm /well"))[0] == (await stack.inside("dead", "touch /end"))[0] == 0
    await stack.until("ill", state="unhealthy")
    await stack.until("dead", state="exited")
    await stack.well("restart", "web")
    await stack.well("stop", "web")
    done = await stack.run("start", "web")
    assert done["error"]["code"] == "dependency_failed" and "ill" in done["error"]["message"], done


async def test_who_fills_the_disk_is_told_of_and_stopped_at_twice_the_limit(stack, resources, monkeypatch):
    """Attack row 52."""
    monkeypatch.setattr(resources, "settings", structs.replace(resources.settings, service_disk_mb=4))
    script = "dd if=/dev/zero of=/data/a bs=3M count=1; dd if=/dev/zero of=/own bs=3M count=1; touch /full; sleep 600"
    await stack.declare(
        f"services:\n  hog:\n    image: {IMAGE}\n    command: [sh, -c, '{script}']\n    volumes: [d:/data]\nvolumes: {{d: }}\n"
    )
    await stack.well("run-all")
    disk = resources.kept.get(DiskWatch)
    async with asyncio.timeout(30):
        while (await stack.inside("hog", "test -e /full"))[0] != 0:
            await asyncio.sleep(0.05)
        while (await stack.services())["hog"]["disk_bytes"] != 6 << 20:
            await disk.look()
    async with resources.database.begin() as db:
        [told] = await db.scalars(text("SELECT data->>'message' FROM events WHERE name = 'service.disk'"))
    assert told == "It holds 6 MiB of the 4 MiB that it may. At twice as much it is stopped."
    assert (await stack.inside("hog", "dd if=/dev/zero of=/own bs=1M count=7"))[0] == 0
    await disk.look()
    found = await stack.until("hog", state="stopped", desired="stopped")
    assert found["reason"]["code"] == "disk_limit"


async def test_a_service_is_removed_with_its_volumes_where_that_is_asked_for_but_not_with_anothers(stack):
    both = "services:\n" + "".join(
        f"  {name}:\n    image: {IMAGE}\n    command: sleep 600\n    stop_grace_period: 0s\n    volumes: [{volumes}]\n"
        for name, volumes in {"a": "'own:/own', 'shared:/shared', '/nameless'", "b": "'shared:/shared'"}.items()
    )
    await stack.declare(f"{both}volumes: {{own: , shared: }}\n")
    await stack.well("run-all")
    assert (await stack.inside("a", "touch /own/x /shared/x /nameless/x"))[0] == 0
    for query in ({}, {"drop_volumes": True}):
        await stack.declare(f"{both}volumes: {{own: , shared: }}\n")
        await stack.well("run-all")
        left = (await stack.inside("a", "ls /own /nameless"))[1]
        assert left.count(b"x") == 2
        gone = await stack.client.delete(f"{stack.path}/services/{(await stack.services())['a']['id']}", params=query)
        assert gone.status_code == 204, gone.text
    await stack.declare(f"{both}volumes: {{own: , shared: }}\n")
    await stack.well("run-all")
    assert (await stack.inside("a", "ls /own /nameless | grep x; ls /shared")) == (0, b"x\n")


HOGS = {
    "memory": "head -c 1g /dev/zero | tail",
    "processes": "grow() { grow | grow; }; grow",
    "descriptors": "for n in $(seq 100000); do exec {held}</dev/null; done",
    "time": "while :; do :; done",
    "signals": "kill -STOP $$",
}


@pytest.mark.parametrize("script", HOGS.values(), ids=HOGS.keys())
async def test_row_52_who_takes_what_there_is_takes_it_from_no_neighbour_and_is_stopped_like_any_other(stack, script):
    limits = "mem_limit: 64m\n    cpus: 0.5\n    pids_limit: 100\n    stop_grace_period: 1s"
    await stack.declare(
        f"services:\n"
        f"  neighbour:\n    image: {IMAGE}\n    command: sleep 600\n"
        f"  hog:\n    image: {IMAGE}\n    command: [sleep, '600']\n    init: true\n    {limits}\n"
    )
    await stack.well("run-all")
    async with await shell(stack, "hog") as socket:
        await socket.receive()
        await socket.send(f"{script}\n".encode())
        for _ in range(10):
            assert await stack.inside("neighbour", "seq 100 | tail -n 1") == (0, b"100\n")
            assert (await stack.services())["neighbour"]["state"] == "running"
    await stack.well("stop-all")


async def test_row_52_who_needs_more_memory_than_it_may_is_told_so(stack):
    await stack.declare(
        f"services:\n  hog:\n    image: {IMAGE}\n    command: [sh, -c, 'exec tail /dev/zero']\n    mem_limit: 32m\n"
        "    restart: 'no'\n"
    )
    await stack.run("run-all")
    hog = await stack.until("hog", state="exited")
    assert hog["reason"]["code"] == "out_of_memory" and "more memory" in hog["reason"]["remedy"]


async def test_the_working_copy_is_mounted_live(stack):
    await stack.declare(
        "services:\n  web:\n    image: " + IMAGE + "\n    command: sleep 600\n    volumes: ['.:/srv']\n"
    )
    await stack.well("run-all")
    await stack.write("page.html", "edited")
    assert await stack.inside("web", "cat /srv/page.html") == (0, b"edited")


async def test_a_service_that_cannot_be_started_says_why_and_what_to_do(stack):
    await stack.declare("services:\n  web:\n    image: no-such-image:1\n    pull_policy: never\n")
    done = await stack.run("run-all")
    assert done["status"] == "failed"
    assert done["error"]["code"] in ("image_not_found", "registry_away")
    assert "no-such-image:1" in done["error"]["message"]
    web = (await stack.services())["web"]
    assert (web["state"], web["reason"]["code"]) == ("failed", done["error"]["code"])
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: /nothing/there\n    restart: 'no'\n")
    await stack.run("run-all")
    web = await stack.until("web", state="exited")
    assert web["exit_code"] == 127 and "may not be there" in web["reason"]["message"]


async def test_an_image_is_built_of_the_working_copy_past_no_link_built_again_at_a_restart_and_gone_with_its_session(
    stack,
):
    """Attack rows 31 and 33: nothing of this machine comes along by a link, nor what `.dockerignore` names."""
    await stack.declare(
        "services:\n"
        "  web:\n    build: {context: app, args: {WHO: world}}\n    command: sleep 600\n    stop_grace_period: 0s\n"
        "    cpus: 0.5\n    mem_limit: 1g\n"
        f'  one:\n    build: {{dockerfile_inline: "FROM {IMAGE}\\nCOPY app/kept /kept\\n"}}\n    command: cat /kept\n'
    )
    dockerfile = f"FROM {IMAGE}\nARG WHO\nCOPY . /app\nRUN echo hello $WHO >/said; ls -A /app >/there; {LIMITS}\n"
    for name, content in {"Dockerfile": dockerfile, "kept": "kept\n", "left/out": "x", "left/in": "x"}.items():
        await stack.write(f"app/{name}", content)
    await stack.write("app/.dockerignore", "# not these\nleft\n!left/in\n")
    folder = stack.resources.data / "sessions" / stack.session["id"] / "workspace" / "app"
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")

    await stack.well("run-all")
    assert await stack.inside("web", "cat /said /there; ls /app/left; readlink /app/link") == (
        0,
        b"hello world\n.dockerignore\nDockerfile\nkept\nleft\nlink\nin\n/etc/passwd\n",
    )
    assert (await stack.until("one", state="exited"))["exit_code"] == 0

    _, limits = await stack.inside("web", "cat /limits")  # of who built it: by control groups of version 2, or 1
    assert limits.split() in ([b"50000", b"100000", b"%d" % (1 << 30)], [b"%d" % (1 << 30), b"50000"]), limits

    assert not (await stack.services())["web"]["restart_needed"]
    await stack.write("app/Dockerfile", dockerfile.replace("hello", "goodbye"))
    assert (await stack.services())["web"]["restart_needed"]
    await stack.well("restart", "web")
    assert await stack.inside("web", "cat /said") == (0, b"goodbye world\n")
    assert not (await stack.services())["web"]["restart_needed"]

    async def images() -> list:
        label = f"codeyard.image={stack.resources.runtime.installation}/{stack.session['id']}"
        where = engine.path("images", "json", filters={"label": [label]})
        return await stack.resources.runtime.engine.request("GET", where)

    assert sorted(len(image["RepoTags"]) for image in await images()) == [1, 1]  # that of before is gone

    await stack.write("app/Dockerfile", f"FROM {IMAGE}\nRUN echo no such thing; exit 3\n")
    failed = (await stack.run("restart", "web"))["error"]
    assert failed["code"] == "build_failed" and "no such thing" in failed["message"] and failed["remedy"], failed
    with open(folder / "hole", "wb") as hole:
        hole.truncate(1 << 40)
    assert ".dockerignore" in (await stack.run("start", "web"))["error"]["remedy"]
    (folder / "hole").unlink()
    (folder / "Dockerfile").unlink()
    (folder / "Dockerfile").symlink_to("/etc/passwd")
    assert (await stack.run("start", "web"))["error"]["code"] == "build_failed"
    (folder / "Dockerfile").unlink()
    failed = (await stack.run("start", "web"))["error"]
    assert (
        failed["message"].endswith("Dockerfile: Dockerfile") and "Make the file Dockerfile in app" in failed["remedy"]
    )
    assert "http" not in failed["message"]
    folder.rename(folder.with_name("elsewhere"))
    assert "app is no folder" in (await stack.run("start", "web"))["error"]["message"]
    assert not folder.exists()

    await stack.well("stop-all")
    await stack.resources.runtime.remove_group(stack.session["id"])
    assert await images() == []


async def test_a_build_that_does_not_end_ends_with_its_stop_and_keeps_no_other_service_waiting(stack):
    """Attack row 52."""

    async def building() -> list[str]:
        found = await stack.resources.runtime.engine.request("GET", engine.path("containers", "json"))
        return [one["Command"] for one in found if "; sleep 8765" in one["Command"]]

    await stack.declare("services:\n" + "".join(f"  web{n}:\n    build: {{dockerfile: D{n}}}\n" for n in range(8)))
    for n in range(8):
        await stack.write(f"D{n}", f"FROM {IMAGE}\nRUN echo {n}; sleep 8765\n")
    for _ in range(2):
        asked = await stack.ask("run-all")
        async with asyncio.timeout(60):
            while len(await building()) < stack.resources.settings.start_slots:
                await asyncio.sleep(0.05)
        await stack.well("stop-all")
        assert (await stack.finished(asked))["error"]["code"] == "stopped"
        async with asyncio.timeout(30):
            while await building():
                await asyncio.sleep(0.05)


async def test_what_crashes_is_started_again_with_a_growing_pause_and_what_ends_well_is_not(stack):
    await stack.declare(
        f"services:\n  crash:\n    image: {IMAGE}\n    command: ['sh', '-c', 'sleep 0.2; exit 3']\n"
        f"  job:\n    image: {IMAGE}\n    command: ['true']\n"
    )
    await stack.ask("run-all")
    job = await stack.until("job", state="exited")
    assert job["exit_code"] == 0
    async with asyncio.timeout(60):  # at least: on a busy machine it may be more before one looks
        while (crash := (await stack.services())["crash"])["restarts"] < 2:
            await asyncio.sleep(0.05)
    assert crash["state"] in ("exited", "starting", "running", "queued")
    assert crash["desired"] == "running"
    assert (await stack.services())["job"]["restarts"] == 0


async def test_what_has_crashed_for_days_is_started_again_all_the_same(stack, resources):
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    stop_grace_period: 0s\n")
    await stack.well("run-all")
    await resources.kept.get(Conductor).note(UUID((await stack.services())["web"]["id"]), restarts=1500)
    where = engine.path("containers", resources.runtime.handle(stack.session["id"], "web")["id"], "kill")
    await resources.runtime.engine.request("POST", where)
    web = await stack.until("web", state="exited")
    assert web["restarts"] == 1501 and "again in 60 s" in web["reason"]["remedy"]


async def test_a_container_killed_or_removed_behind_our_back_runs_again(stack):
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n")
    await stack.well("run-all")
    driver = stack.resources.runtime
    container = driver.handle(stack.session["id"], "web")["id"]
    for method, where in ("POST", f"/containers/{container}/kill"), ("DELETE", f"/containers/{container}?force=true"):
        before = await stack.status("web")
        await driver.engine.request(method, where)
        async with asyncio.timeout(30):
            while (now := await stack.status("web")) is None or not now.running or now.started_at == before.started_at:
                await asyncio.sleep(0.05)
        assert (await stack.until("web", state="running"))["restarts"] >= 1
    conductor = stack.resources.kept.get(Conductor)
    await conductor.note(UUID((await stack.services())["web"]["id"]), state="starting", handle=None)
    await conductor.reconcile()  # as after a server that was killed in the middle of a start
    await stack.until("web", state="running")


async def test_what_is_frozen_behind_our_back_or_by_a_copy_that_was_killed_is_woken(stack, resources):
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    stop_grace_period: 0s\n")
    await stack.well("run-all")
    driver = resources.runtime
    handle = driver.handle(stack.session["id"], "web")
    async with driver._freezing(handle["network"]):  # as while its volumes are copied
        await driver.engine.request("POST", engine.path("containers", handle["id"], "pause"))
        await resources.kept.get(Conductor).reconcile()
        assert (await stack.status("web")).frozen
    await resources.kept.get(Conductor).reconcile()
    assert not (await stack.status("web")).frozen


async def test_stopping_while_it_starts_wins(stack):
    await stack.declare(
        f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    x-codeyard:\n      install: sleep 30\n"
    )
    start = await stack.ask("start", "web")
    await stack.until("web", state="installing")
    await stack.well("stop", "web")
    assert (await stack.finished(start))["status"] == "failed"
    assert (await stack.services())["web"]["state"] == "stopped"
    assert await stack.status("web") is None


async def test_restarting_takes_what_the_file_says_now(stack):
    text = f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    environment:\n      COLOUR: red\n"
    await stack.declare(text)
    await stack.well("run-all")
    await stack.declare(text.replace("red", "blue"))
    assert (await stack.services())["web"]["restart_needed"]
    await stack.well("restart", "web")
    assert await stack.inside("web", "echo $COLOUR") == (0, b"blue\n")
    assert not (await stack.services())["web"]["restart_needed"]


async def test_restarting_installs_again(stack):
    await stack.declare(
        f"services:\n  web:\n    image: {IMAGE}\n    volumes: ['.:/app']\n    working_dir: /app\n    stop_grace_period: 0s\n"
        "    command: [sh, -c, 'cat installed; exec sleep 600']\n    x-codeyard: {install: echo done >>installed}\n"
    )
    await stack.well("run-all")
    await stack.inside("web", "rm installed")
    await stack.well("restart", "web")
    assert await stack.inside("web", "cat installed") == (0, b"done\n")


async def test_restarting_takes_variables_and_files_as_they_are_now(stack):
    async def give(value: str) -> None:
        there = f"/workspace/{stack.session['workspace_id']}/variables/COLOUR"
        assert (await stack.client.put(there, json={"value": value})).status_code == 204

    await stack.declare(
        f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    stop_grace_period: 0s\n    configs: [page]\n"
        "    environment:\n      COLOUR: '${variable::COLOUR}'\nconfigs:\n  page:\n    file: page.txt\n"
    )
    await give("red")
    await stack.write("page.txt", "one")
    await stack.well("run-all")
    assert await stack.inside("web", "echo $COLOUR; cat /page") == (0, b"red\none")
    await give("blue")
    assert (await stack.services())["web"]["restart_needed"]
    await stack.well("restart", "web")
    assert not (await stack.services())["web"]["restart_needed"]
    await stack.write("page.txt", "two")
    assert (await stack.services())["web"]["restart_needed"]
    await stack.well("restart", "web")
    assert await stack.inside("web", "echo $COLOUR; cat /page") == (0, b"blue\ntwo")


async def test_volumes_outlive_their_containers_and_end_with_the_session(stack):
    await stack.declare(
        f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    volumes: ['data:/data']\nvolumes:\n  data: {{}}\n"
    )
    await stack.well("run-all")
    await stack.inside("web", "echo kept >/data/file")
    await stack.well("stop-all")
    await stack.well("run-all")
    assert await stack.inside("web", "cat /data/file") == (0, b"kept\n")


async def test_a_fork_runs_beside_its_parent_with_its_own_copy_of_the_data(stack, monkeypatch):
    await stack.declare(
        f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    volumes: ['data:/data']\nvolumes:\n  data: {{}}\n"
    )
    await stack.well("run-all")
    await stack.inside("web", "echo ours >/data/file")
    body = {"workspace_id": stack.session["workspace_id"], "name": "Side", "parent_session_id": stack.session["id"]}
    side = Stack(stack.client, (await stack.client.post("/sessions", json=body)).json(), stack.resources)

    def full(client, container, folder, content):
        list(content)
        raise APIError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(APIClient, "put_archive", full)
        failed = await stack.client.post(f"{side.path}/volumes/copy", json={"from_session_id": stack.session["id"]})
    assert (failed.status_code, failed.json()["error"]["code"]) == (409, "cannot_copy")
    assert failed.json()["error"]["details"]["reason"]["code"] == "disk_full"
    copied = await stack.client.post(f"{side.path}/volumes/copy", json={"from_session_id": stack.session["id"]})
    assert (copied.status_code, copied.json()) == (200, {"volumes": ["data"]})
    await side.well("run-all")
    assert await side.inside("web", "cat /data/file; echo theirs >/data/file") == (0, b"ours\n")
    assert await stack.inside("web", "cat /data/file") == (0, b"ours\n")
    again = await stack.client.post(f"{side.path}/volumes/copy", json={"from_session_id": stack.session["id"]})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "still_running")


async def test_deleting_a_session_ends_its_containers(stack):
    other = (
        await stack.client.post("/sessions", json={"workspace_id": stack.session["workspace_id"], "name": "Side"})
    ).json()
    side = Stack(stack.client, other, stack.resources)
    await side.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n")
    await side.well("run-all")
    assert (await stack.client.delete(f"/sessions/{other['id']}")).status_code == 204
    async with asyncio.timeout(20):
        while await side.status("web") is not None:
            await asyncio.sleep(0.05)


async def test_sessions_do_not_see_each_other(stack, client, resources):
    other = await make_stack(client, resources, "Other")
    for one, word in ((stack, "web"), (other, "secret")):
        await one.declare(f"services:\n  {word}:\n    image: {IMAGE}\n    command: sleep 600\n")
        await one.well("run-all")
    assert (await stack.inside("web", "getent hosts secret"))[0] != 0


async def test_logs_are_kept_when_the_container_is_gone_and_can_be_searched(stack):
    await stack.declare(
        f"services:\n  web:\n    image: {IMAGE}\n    restart: 'no'\n"
        "    command: ['sh', '-c', 'echo one; echo Two >&2; echo three; sleep 600']\n"
    )
    await stack.well("run-all")
    await stack.says("web", 3)
    await stack.well("restart", "web")  # the same container again, and what it says then
    await stack.says("web", 6)
    await stack.well("stop-all")
    assert sorted(await stack.logs("web")) == ["Two", "Two", "one", "one", "three", "three"]
    assert await stack.logs("web", search="tWO") == ["Two", "Two"]
    assert await stack.logs("web", stream="stdout") == ["one", "three"] * 2
    assert await stack.logs("web", tail=1, stream="stdout") == ["three"]


async def test_a_stranger_sees_no_services(stack, call, database):
    from tests import make

    await stack.declare(TWO)
    stranger = call(await make.person(database, await make.organization(database)))
    assert (await stranger.get(f"{stack.path}/services")).status_code == 404
    assert (await stranger.post(f"{stack.path}/runtimes/run-all")).status_code == 404


async def test_containers_have_no_more_rights_than_ordinary_images_need(stack):
    await stack.declare(
        f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    mem_limit: 64m\n    cpus: 0.5\n"
        "    stop_signal: SIGINT\n    stop_grace_period: 2500ms\n"
    )
    await stack.well("run-all")
    driver = stack.resources.runtime
    found = await driver.engine.request("GET", f"/containers/{driver.handle(stack.session['id'], 'web')['id']}/json")
    host, own = found["HostConfig"], found["Config"]
    assert (own["StopSignal"], own["StopTimeout"]) == ("SIGINT", 3)
    assert (host["Memory"], host["CpuQuota"], host["CapDrop"]) == (64 << 20, 50_000, ["ALL"])
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert "SYS_ADMIN" not in json.dumps(host["CapAdd"]) and not host["Privileged"] and host["PidsLimit"] > 0
    assert (await stack.inside("web", "ls /var/run/docker.sock"))[0] != 0


async def shell(stack, name=None):
    """An open terminal socket in that service, past its `attached`."""
    query = {"session_id": stack.session["id"], "cols": 90, "rows": 30}
    if name is not None:
        query["service_id"] = (await stack.services())[name]["id"]
    return stack.client.socket("/ws/terminal", **query)


async def says(socket, text: bytes, seconds: float = 20) -> bytes:
    seen = b""
    async with asyncio.timeout(seconds):
        while text not in seen:
            frame = await socket.receive()
            seen += frame if isinstance(frame, bytes) else b""
    return seen


async def test_a_terminal_opens_in_a_running_container_and_ends_with_its_exit_code(stack):
    await stack.declare(
        f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n    environment:\n      WHERE: inside\n"
    )
    await stack.well("run-all")
    async with await shell(stack, "web") as socket:
        attached = json.loads(await socket.receive())
        assert attached["type"] == "attached"
        await socket.send(b"echo it is $$.\n")
        assert attached["pid"] > 1 and await says(socket, f"it is {attached['pid']}.\r\n".encode())
        await socket.send(b"stty size; echo $WHERE; hostname\n")
        seen = await says(socket, b"\r\nweb\r\n")
        assert b"30 90" in seen and b"\r\ninside\r\n" in seen
        await socket.send(b"exit 5\n")
        while isinstance(frame := await socket.receive(), bytes) or json.loads(frame)["type"] != "exit":
            pass
        assert json.loads(frame)["code"] == 5
    script = {"command": "cat; echo $WHERE $A; exit 4", "env": {"A": "by request"}}
    script["service_id"] = (await stack.services())["web"]["id"]
    answer = await stack.client.post(f"{stack.path}/run", json=script)
    assert (answer.json()["exit_code"], answer.json()["output"]) == (4, "inside by request\n")


async def test_a_terminal_in_a_container_is_there_for_who_comes_back(stack):
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n")
    await stack.well("run-all")
    async with await shell(stack, "web") as socket:
        attached = json.loads(await socket.receive())
        await socket.send(b"KEPT=yes; echo rea''dy\n")
        await says(socket, b"ready")
    query = {"session_id": stack.session["id"], "terminal_id": attached["terminal_id"], "after": 0}
    async with stack.client.socket("/ws/terminal", **query) as socket:
        assert b"ready" in await says(socket, b"ready")
        await socket.send(b"echo st''ill-$KEPT\n")
        await says(socket, b"still-yes")


async def test_closing_a_terminal_ends_what_ran_in_the_container(stack):
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n")
    await stack.well("run-all")
    async with await shell(stack, "web") as socket:
        attached = json.loads(await socket.receive())
        await socket.send(b"sleep 12345 & echo star''ted\n")
        await says(socket, b"started")
    answer = await stack.client.delete(f"{stack.path}/terminals/{attached['terminal_id']}")
    assert answer.status_code == 204
    async with asyncio.timeout(30):
        while b"12345" in (await stack.inside("web", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))[1]:
            await asyncio.sleep(0.05)


async def test_a_terminal_in_a_service_that_does_not_run_is_refused(stack):
    await stack.declare(f"services:\n  web:\n    image: {IMAGE}\n    command: sleep 600\n")
    await stack.well("run-all")
    await stack.well("stop-all")
    with pytest.raises(Refused) as refused:
        async with await shell(stack, "web"):
            pass
    assert refused.value.status == 409


async def test_a_terminal_without_a_service_runs_in_the_workbench_on_the_same_files(stack):
    await stack.write("file.txt", "seen")
    async with await shell(stack) as socket:
        assert json.loads(await socket.receive())["type"] == "attached"
        await socket.send(b"pwd; cat file.txt; git status --porcelain; git log --oneline | head -3; echo do''ne\n")
        seen = await says(socket, b"done")
        assert b"/workspace\r\n" in seen and b"seen" in seen and b"?? file.txt\r\n" in seen


async def test_a_repository_that_comes_while_the_workbench_runs_is_not_for_its_shells_to_change(stack, resources):
    """Attack row 35 (alternates): until no shell is open any more, and the workbench begins anew with it; what leads git
    elsewhere stays closed then, too."""
    workspace, session = UUID(stack.session["workspace_id"]), UUID(stack.session["id"])
    place = Place(resources.data, workspace, session, "lib", "lib")
    tries = (
        b"cd /git; touch lib.git/index || echo no index; echo x >lib.git/config || echo no config; "
        b"mv lib.git other || echo no move; echo do''ne\n"
    )
    async with await shell(stack) as socket:
        terminal = json.loads(await socket.receive())["terminal_id"]
        await resources.in_thread(worktree.create_bare, place)
        await resources.in_thread(worktree.create_session, place, "main")
        await socket.send(tries)
        seen = await says(socket, b"done\r\n")
        assert b"no index\r\n" in seen and b"no config\r\n" in seen and b"no move\r\n" in seen
    assert (await stack.client.delete(f"{stack.path}/terminals/{terminal}")).status_code == 204
    async with await shell(stack) as socket:
        await socket.receive()
        await socket.send(tries)
        seen = await says(socket, b"done\r\n")
        assert b"no index\r\n" not in seen and b"no config\r\n" in seen and b"no move\r\n" in seen
