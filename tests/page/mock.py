"""Answers in place of the server's where a page is to be shown states that need an engine: services, previews, a database."""

import json
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Request, Route, WebSocketRoute

NOBODY: dict[str, Any] = {
    "kind": "application", "icon": "", "image": "", "build": False, "command": "", "install_command": "", "start_command": "",
    "ports": [], "environment": [], "volumes": [], "depends_on": [], "limits": {"cpus": 0, "memory_bytes": 0, "pids": 0},
    "state": "stopped", "desired": "stopped", "reason": None, "exit_code": None, "health": None, "started_at": None,
    "restarts": 0, "restart_needed": False, "line": None,
}  # fmt: skip


def service(number: int, name: str, **words: Any) -> dict[str, Any]:
    return {**deepcopy(NOBODY), "id": f"00000000-0000-4000-8000-{number:012}", "name": name, **words}


def operation(kind: str, status: str, steps: list[dict[str, Any]], **words: Any) -> dict[str, Any]:
    return {
        "id": words.pop("id", "op-1"), "kind": kind, "status": status, "position": None, "estimate_seconds": None,
        "error": None, "created_at": "2026-01-01T00:00:00Z", "finished_at": None,
        "steps": [{"percent": None, "message": "", "status": "waiting", "step": "waiting"} | step for step in steps], **words,
    }  # fmt: skip


def stack(*items: dict[str, Any], **words: Any) -> dict[str, Any]:
    return {
        "items": list(items), "next_cursor": None, "source": "compose", "problems": [], "runtime": "docker",
        "runtime_reason": "", "proposal": None, **words,
    }  # fmt: skip


class Mock:
    """`answers` by "METHOD path after the session's id" (a dict, or a function of the request that returns one); what is not
    there goes to the server. `asked` is what was sent. `tell` makes the feed say something."""

    def __init__(self, page: Page) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self.session = ""
        self._page, self._feeds = page, list[WebSocketRoute]()
        self._told = 0
        page.route("**/api/v1/**", self._answer)
        page.route_web_socket("**/api/v1/ws/events*", self._feed)

    def tell(self, name: str, **data: Any) -> None:
        while not self._feeds:
            self._page.wait_for_timeout(20)  # the page is opening it; what is sent before is heard by nobody
        self._told += 1
        fact = {"id": "", "name": name, "workspace_id": None, "session_id": self.session, "data": data}
        for feed in self._feeds:
            feed.send(json.dumps(fact))

    def sent(self, what: str) -> list[Any]:
        """The bodies of the requests of that name."""
        return [body for name, body in self.asked if name == what]

    def has_sent(self, method: str, count: int) -> list[str]:
        """The names of so many requests of that method, once they were all sent."""
        while len(found := [name for name, _ in self.asked if name.startswith(method)]) < count:
            self._page.wait_for_timeout(20)
        return found

    def _answer(self, route: Route) -> None:
        request = route.request
        name = f"{request.method} {self._named(request.url)}"
        found = self.answers.get(name)
        if found is None:
            route.fallback()
            return
        self.asked.append((name, request.post_data_json if request.post_data else None))
        self._reply(route, found(request) if callable(found) else found)

    def _named(self, url: str) -> str:
        path = urlsplit(url).path.removeprefix("/api/v1")
        return path.replace(f"/workspace/{self.session}", "") if self.session else path

    def _reply(self, route: Route, found: Any) -> None:
        if isinstance(found, tuple):  # (status, error)
            route.fulfill(status=found[0], json={"error": {"request_id": "r", "details": {}, **found[1]}})
        elif isinstance(found, str):
            route.fulfill(content_type="text/event-stream", body=found)
        elif isinstance(found, bytes):
            route.fulfill(content_type="application/octet-stream", body=found)
        else:
            route.fulfill(json=found)

    def _feed(self, feed: WebSocketRoute) -> None:
        feed.connect_to_server()
        self._feeds.append(feed)


def events(name: str, *data: Any) -> str:
    """Server-sent events after which the browser does not come back."""
    return "retry: 3600000\n\n" + "".join(f"event: {name}\ndata: {json.dumps(one)}\n\n" for one in data)


def asked_for(request: Request) -> dict[str, str]:
    """The query of a request."""
    return {key: values[0] for key, values in parse_qs(urlsplit(request.url).query).items()}
