"""The engine goes and comes back: states are true within seconds, and what should run runs."""

import os

import pytest

from tests.engines import IMAGE, Engine
from tests.server import Server, wait_until

pytestmark = pytest.mark.docker

COMPOSE = f"""\
services:
  stays:
    image: {IMAGE}
    command: sleep 600
  polite:
    image: {IMAGE}
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
  job:
    image: {IMAGE}
    command: "true"
"""


@pytest.fixture(scope="module")
def engine():
    with Engine() as made:
        yield made


@pytest.fixture
def server(engine):
    with Server(CODEYARD_DOCKER_SOCKET=engine.socket) as made:
        made.session_id = made.ask("POST", "/workspace", {"name": "Shop"})["default_session_id"]
        body = {"op": "write", "path": "compose.yaml", "content": COMPOSE}
        made.ask("POST", f"/workspace/{made.session_id}/filesystem", body)
        yield made
        made.ask("POST", f"/workspace/{made.session_id}/runtimes/stop-all")
        wait_until(lambda: not engine.ask("ps", "-aq"), 30)


def services(server) -> dict[str, dict]:
    return {one["name"]: one for one in server.ask("GET", f"/workspace/{server.session_id}/services")["items"]}


def states(server) -> dict[str, str]:
    return {name: one["state"] for name, one in services(server).items()}


def reason(server) -> str:
    return server.ask("GET", f"/workspace/{server.session_id}/services")["runtime_reason"]


UP = {"stays": "running", "polite": "running", "job": "exited"}


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_what_should_run_runs_again_after_the_engine_was_restarted(engine, server, how):
    server.ask("POST", f"/workspace/{server.session_id}/runtimes/run-all")
    wait_until(lambda: states(server) == UP, 60)
    before = {name: one["started_at"] for name, one in services(server).items()}
    getattr(engine, how)()
    engine.start()
    wait_until(
        lambda: states(server)["stays"] == "running" and services(server)["stays"]["started_at"] > before["stays"], 60
    )
    wait_until(lambda: states(server)["polite"] == "running" and len(engine.ask("ps", "-q").split()) == 2, 60)


def test_a_start_while_the_engine_is_away_says_so_and_happens_when_it_is_back(engine, server):
    engine.stop()
    server.ask("POST", f"/workspace/{server.session_id}/runtimes/run-all")
    wait_until(lambda: services(server)["stays"]["reason"], 30)
    wait_until(lambda: "does not answer" in reason(server), 30)
    status, refused, _ = server.request("POST", f"/workspace/{server.session_id}/run", {"command": "id"})
    assert (status, refused["error"]["code"]) == (503, "engine_is_away"), refused
    assert services(server)["stays"]["reason"]["code"] == "engine_away"
    engine.start()
    wait_until(lambda: states(server) == UP and reason(server) == "", 60)


def test_what_should_run_runs_again_after_the_whole_machine_was_restarted_and_what_had_ended_does_not(engine, server):
    session = f"/workspace/{server.session_id}"
    asked = server.ask("POST", f"{session}/runtimes/run-all")["id"]
    wait_until(lambda: server.ask("GET", f"{session}/operations/{asked}")["status"] == "succeeded", 60)
    wait_until(lambda: states(server) == UP, 60)
    before = services(server)
    server.stop()
    engine.stop()
    engine.start()
    server.start()
    for name in ("stays", "polite"):
        wait_until(lambda name=name: services(server)[name]["started_at"] > before[name]["started_at"], 60)
    wait_until(lambda: states(server) == UP, 60)
    assert services(server)["job"]["started_at"] == before["job"]["started_at"]


def test_what_ran_in_containers_says_what_is_missing_where_a_server_finds_no_engine_and_runs_where_it_does(
    engine, server
):
    def start_with(socket: str) -> None:
        server.stop()
        server.settings["CODEYARD_DOCKER_SOCKET"] = socket
        server.start()

    server.ask("POST", f"/workspace/{server.session_id}/runtimes/run-all")
    wait_until(lambda: states(server) == UP, 60)
    start_with("")
    wait_until(lambda: states(server)["stays"] == "failed", 60)
    assert services(server)["stays"]["reason"]["code"] == "needs_engine"
    start_with(engine.socket)
    wait_until(lambda: states(server)["stays"] == "running", 60)
    start_with("")
    server.ask("POST", f"/workspace/{server.session_id}/runtimes/stop-all")
    wait_until(lambda: set(states(server).values()) == {"stopped"}, 60)
    start_with(engine.socket)
    wait_until(lambda: not engine.ask("ps", "-aq"), 60)
    assert "KeyError" not in (server.data / "server.log").read_text()


def test_what_runs_though_nobody_asked_for_it_is_stopped(engine, server):
    installation = (server.data / "installation").read_text()
    labels = {"codeyard.installation": installation, "codeyard.group": server.session_id, "codeyard.service": "ghost"}
    words = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
    engine.ask("run", "-d", "--network", "none", *words, IMAGE, "sleep", "600")
    engine.ask("run", "-d", "--network", "none", "--name", "foreign", IMAGE, "sleep", "600")
    wait_until(lambda: engine.ask("ps", "-a", "--format", "{{.Names}}").split() == ["foreign"], 30)
    engine.ask("rm", "-f", "foreign")


def test_where_the_engine_has_user_namespaces_root_inside_is_nobody_outside_but_the_working_copy_can_be_written():
    """Attack row 34: what breaks out of a container is a user that owns nothing."""
    compose = (
        COMPOSE.split("  polite")[0] + f"  site:\n    image: {IMAGE}\n    command: sh -c 'echo mine >made; sleep 600'\n"
    )
    compose += "    working_dir: /work\n    volumes: [.:/work]\n"
    with Engine("--userns-remap", "default") as apart, Server(CODEYARD_DOCKER_SOCKET=apart.socket) as server:
        server.session_id = server.ask("POST", "/workspace", {"name": "Shop"})["default_session_id"]
        write = {"op": "write", "path": "compose.yaml", "content": compose}
        server.ask("POST", f"/workspace/{server.session_id}/filesystem", write)
        server.ask("POST", f"/workspace/{server.session_id}/runtimes/run-all")
        wait_until(lambda: states(server) == {"stays": "running", "site": "running"}, 60)
        read = {"op": "read", "path": "made"}
        wait_until(lambda: server.request("POST", f"/workspace/{server.session_id}/filesystem", read)[0] == 200)
        [pid] = apart.ask("ps", "-q", "--filter", "label=codeyard.service=stays").split()
        pid = apart.ask("inspect", "-f", "{{.State.Pid}}", pid).strip()
        assert os.stat(f"/proc/{pid}").st_uid != 0
