"""One server's API, as the commands call it."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from backend.client.account import Account

NOT_ALLOWED = (401, 403)


class Refused(Exception):
    """The server's own words, with its status and code; status 0 when it did not answer."""

    def __init__(self, message: str, status: int = 0, code: str = "", details: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


class NotFound(Exception):
    """What a name on the command line means is not there."""


class Server:
    """Calls are made one after the other. Use as a context manager."""

    def __init__(self, account: Account) -> None:
        if urlsplit(account.url).scheme not in ("http", "https"):
            raise Refused(f"{account.url} is no address of a server: it starts with http:// or https://")
        self.account = account
        self.http = httpx.Client(
            base_url=f"{account.url}/api/v1", headers=account.headers(), timeout=httpx.Timeout(20, read=300)
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The answer, if it is a good one. Raises Refused."""
        try:
            answer = self.http.request(method, path, **how)
        except httpx.HTTPError as error:
            raise self._away(error) from error
        raise_refusal(answer)
        return answer

    def ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """The decoded answer, None where there is none. Parameters that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        answer = self.send(method, path, params=given, **({} if body is None else {"json": body}))
        return answer.json() if answer.content else None

    def pages(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        cursor = None
        while True:
            page = self.ask("GET", path, cursor=cursor, **params)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def events(self, path: str, **params: Any) -> Iterator[tuple[str, Any]]:
        """(name, data) of a stream of server-sent events, until it ends."""
        given = {name: value for name, value in params.items() if value is not None}
        headers = {"Accept": "text/event-stream"}
        try:
            with self.http.stream("GET", path, params=given, headers=headers, timeout=None) as answer:
                if answer.is_error:
                    answer.read()
                    raise_refusal(answer)
                name = ""
                for line in _lines(answer):
                    field, _, value = line.partition(": ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        yield name, json.loads(value)
        except httpx.HTTPError as error:
            raise self._away(error) from error

    def _away(self, error: httpx.HTTPError) -> Refused:
        return Refused(
            f"{self.account.url} does not answer ({error}). Does it run there? --url or CODEYARD_URL says where."
        )

    # --- what names mean

    def organization(self, wanted: str | None) -> dict[str, Any]:
        """By id or slug; without either the one that was chosen, or the only one."""
        rows: list[dict[str, Any]] = self.ask("GET", "/auth/me")["organizations"]
        wanted = wanted or self.account.organization
        if not wanted:
            if len(rows) == 1:
                return rows[0]
            raise NotFound(f"You are in {len(rows)} organisations: choose one with --org, or `codeyard org use SLUG`.")
        return _named(rows, wanted, "organisation", "id", "slug", "name")

    def workspace(self, wanted: str) -> dict[str, Any]:
        """By id, slug or name."""
        if _is_id(wanted):
            found: dict[str, Any] = self.ask("GET", f"/workspace/{wanted}")
            return found
        return _named(list(self.pages("/workspace", limit=200)), wanted, "workspace", "slug", "name")

    def session(self, wanted: str) -> dict[str, Any]:
        """By id, or WORKSPACE/SESSION; WORKSPACE alone means its default session."""
        name, _, session = wanted.partition("/")
        if _is_id(wanted) or not session:
            found = wanted if _is_id(wanted) else self.workspace(name)["default_session_id"]
            there: dict[str, Any] = self.ask("GET", f"/sessions/{found}")
            return there
        workspace = self.workspace(name)
        rows = list(self.pages(f"/sessions/{workspace['id']}/sessions", limit=200))
        return _named(rows, session, f"session of {workspace['slug']}", "name", "branch")

    def service(self, session_id: str, wanted: str) -> dict[str, Any]:
        """By id or name."""
        rows = self.ask("GET", f"/workspace/{session_id}/services")["items"]
        return _named(rows, wanted, "service", "id", "name")


def raise_refusal(answer: httpx.Response) -> None:
    if not answer.is_error:
        return
    try:
        error = answer.json()["error"]
        raise Refused(error["message"], answer.status_code, error["code"], error.get("details"))
    except (ValueError, KeyError, TypeError):
        message = f"{answer.request.url} answered with status {answer.status_code}"
        raise Refused(message, answer.status_code) from None


def _named(rows: list[dict[str, Any]], wanted: str, what: str, *fields: str) -> dict[str, Any]:
    for field in fields:
        found = [row for row in rows if row[field] == wanted]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotFound(f"{len(found)} have the name {wanted}: use an id instead.")
    there = ", ".join(str(row[fields[-1]]) for row in rows[:12])
    raise NotFound(f"There is no {what} {wanted!r}." + (f" There are: {there}." if there else ""))


def _lines(answer: httpx.Response) -> Iterator[str]:
    """As server-sent events end them; httpx's own end at every separator that Unicode knows, of which texts may be full."""
    rest = b""
    for part in answer.iter_bytes():
        *whole, rest = (rest + part).split(b"\n")
        yield from (line.decode("utf-8", "replace").removesuffix("\r") for line in whole)


def _is_id(word: str) -> bool:
    try:
        return str(UUID(word)) == word.lower()
    except ValueError:
        return False
