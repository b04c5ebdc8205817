"""A stack on a real server and a real engine: created, previewed, and there after the server was killed."""

import json
import urllib.error
import urllib.request

import pytest

from tests import require
from tests.server import Server, wait_until

pytestmark = pytest.mark.docker

COMPOSE = """\
services:
  web:
    image: python:3.11
    command: python -m http.server 8000 --directory /srv
    volumes: ["./site:/srv"]
    ports: [8000]
    healthcheck:
      test: python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8000')"
      interval: 1s
      retries: 30
"""


@pytest.fixture
def server():
    require.images("python")
    made = Server(CODEYARD_DOCKER_SOCKET="/var/run/docker.sock")
    with made:
        yield made
        for workspace in made.ask("GET", "/workspace")["items"]:
            made.ask("DELETE", f"/workspace/{workspace['id']}")
        wait_until(lambda: not containers(made), 30)


def containers(server: Server) -> list[str]:
    import subprocess

    installation = (server.data / "installation").read_text()
    words = ["docker", "ps", "-aq", "--filter", f"label=codeyard.installation={installation}"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def preview(server: Server, url: str, path: str = "/") -> tuple[int, str]:
    """As a script with an API key sees it; the name leads to this machine whoever resolves it."""
    host = url.split("://")[1]
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}", headers={"Host": host, "X-Codeyard-Key": server.key}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def web(server: Server, session_id: str) -> dict:
    [found] = server.ask("GET", f"/workspace/{session_id}/services")["items"]
    return found


def test_a_stack_is_previewed_edited_live_and_outlives_the_server(server):
    session_id = server.ask("POST", "/workspace", {"name": "Shop"})["default_session_id"]
    here = f"/workspace/{session_id}"

    def write(path: str, content: str) -> None:
        server.ask("POST", f"{here}/filesystem", {"op": "write", "path": path, "content": content})

    write("compose.yaml", COMPOSE)
    write("site/index.html", "first")
    url = web(server, session_id)["ports"][0]["preview_url"]
    status, said = preview(server, url)
    assert status == 503 and "not running" in json.loads(said)["error"]["message"]

    server.ask("POST", f"{here}/runtimes/run-all")
    wait_until(lambda: web(server, session_id)["state"] == "running", 60)
    wait_until(lambda: preview(server, url) == (200, "first"), 5)
    write("site/index.html", "second")
    assert preview(server, url) == (200, "second")
    before = web(server, session_id)["started_at"]

    server.kill()
    server.start()
    wait_until(lambda: web(server, session_id)["state"] == "running", 30)  # once it has looked
    found = web(server, session_id)
    assert (found["started_at"], found["restarts"]) == (before, 0)
    url = found["ports"][0]["preview_url"]  # this test's server listens on a new port each time
    wait_until(lambda: preview(server, url) == (200, "second"), 10)

    server.ask("POST", f"{here}/runtimes/stop-all")
    wait_until(lambda: web(server, session_id)["state"] == "stopped", 30)
    wait_until(lambda: preview(server, url)[0] == 503, 5)


def test_what_ended_while_the_server_was_away_runs_again(server):
    import subprocess

    session_id = server.ask("POST", "/workspace", {"name": "Shop"})["default_session_id"]
    body = {"op": "write", "path": "compose.yaml", "content": COMPOSE}
    server.ask("POST", f"/workspace/{session_id}/filesystem", body)
    server.ask("POST", f"/workspace/{session_id}/runtimes/run-all")
    wait_until(lambda: web(server, session_id)["state"] == "running", 60)
    server.kill()
    subprocess.run(["docker", "rm", "-f", *containers(server)], check=True, capture_output=True)
    server.start()
    wait_until(lambda: web(server, session_id)["state"] == "running" and containers(server), 30)
