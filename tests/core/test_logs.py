"""What a real server logs: an event a line, never a token, a body or a query string, and no error where nothing went wrong."""

import http.client
import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.server import Server, wait_until


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


def lines(server: Server) -> list[dict[str, object]]:
    """Those of JSON; before them it says in plain words what the machine lacks."""
    return [json.loads(line) for line in (server.data / "server.log").read_text().splitlines() if line.startswith("{")]


def test_a_socket_is_logged_by_its_route_whatever_stands_in_its_query(server: Server):
    with connect(
        f"{server.socket_url}/ws/events?token=hush", additional_headers={"authorization": f"Bearer {server.key}"}
    ):
        pass
    with pytest.raises(InvalidStatus):
        connect(f"{server.socket_url}/ws/events?token=hush", origin="https://evil.example")
    told = wait_until(lambda: [line for line in lines(server) if line.get("route") == "/api/v1/ws/events"][1:])
    assert [(line["level"], line["status"]) for line in told] == [("info", 401)]
    text = (server.data / "server.log").read_text()
    assert "hush" not in text and server.key not in text
    assert [line for line in lines(server) if line["level"] == "error"] == []


def test_head_leaves_the_connection_open_for_the_next_request_and_is_no_error(server: Server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    kept = None
    for method, path in (
        ("HEAD", "/api/docs"),
        ("HEAD", "/healthz"),
        ("HEAD", "/api/v1/workspace"),
        ("GET", "/healthz"),
    ):
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.read() == (b"OK" if method == "GET" else b""), path
        kept = kept or connection.sock
        assert connection.sock is kept, path
    connection.close()
    assert [line for line in lines(server) if line["level"] == "error"] == []
