"""What every provider's client can do, and the HTTP that they share: bounded answers, no redirects, errors that help."""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, Protocol
from urllib.parse import unquote

import httpx
import msgspec

from backend.core import outside
from backend.core.errors import Conflict, Invalid, NotFound, TooMany
from backend.workbench.connections.schemas import Branch, Organization, Repository

LARGEST = 10_000_000
SECONDS = 30.0
PER_PAGE = 50
MOST_PAGES = 30
"""Of a list that is read to its end; a longer one is refused, since what is missing from it would count as deleted."""


class ProviderRefused(Invalid):
    """The provider refuses this token: is it whole, not expired, and may it read repositories?"""


class ProviderUnreachable(Invalid):
    """The provider could not be reached, or does not answer as it should: is its address right?"""


class ProviderPrivate(ProviderUnreachable):
    """The provider's address lies in a private network; whoever runs the server can allow it by CODEYARD_ALLOW_PRIVATE_CLONE."""


class ProviderBusy(TooMany):
    """The provider takes no more requests with this token for now: wait."""


class NotAtProvider(NotFound):
    """The provider has nothing of that name, or this token may not see it."""


class ProviderDeclined(Conflict):
    """The provider declines that."""


State = Literal["draft", "open", "closed", "merged"]
Verdict = Literal["approve", "request_changes", "comment"]
CheckState = Literal["pending", "success", "failure", "cancelled"]


class RemotePull(msgspec.Struct):
    """A pull request (GitLab: a merge request) as the provider has it; `number` counts in its repository. `start_commit` is
    the base branch's tip that the provider compares with. `labels` is None where the provider has none."""

    number: int
    url: str
    title: str
    body: str
    state: State
    head_branch: str
    base_branch: str
    head_commit: str
    base_commit: str
    start_commit: str
    merge_commit: str | None
    labels: list[str] | None = None


class Lines(msgspec.Struct):
    """First to last line of a file of `commit`, on the head's side or the base's."""

    path: str
    side: Literal["head", "base"]
    first: int
    last: int
    commit: str


class RemoteComment(msgspec.Struct):
    """`thread` is the id of the discussion that it is in; one by itself is its own. `lines` are its thread's, and so is
    `resolved`, None where that cannot be."""

    id: str
    thread: str
    author: str
    body: str
    lines: Lines | None = None
    resolved: bool | None = None


class RemoteReview(msgspec.Struct):
    """A verdict that holds: one that was dismissed or taken back is none. `commit` is empty where the provider does not say."""

    id: str
    author: str
    verdict: Verdict
    body: str = ""
    commit: str = ""


class RemoteCheck(msgspec.Struct):
    """What a CI job says of a commit."""

    name: str
    state: CheckState
    url: str = ""
    description: str = ""


class PullClient(Protocol):
    """The pull requests of one repository, `owner/name`. Lists are whole. What the provider cannot do, or does not let this
    account do, is ProviderDeclined with its words."""

    async def find_pull(self, name: str, *, head: str, base: str) -> RemotePull | None:
        """The open one of that branch into that one."""

    async def open_pull(self, name: str, *, head: str, base: str, title: str, body: str, draft: bool) -> RemotePull: ...
    async def pull(self, name: str, number: int) -> RemotePull: ...
    async def change_pull(
        self, name: str, pull: RemotePull, *, title: str | None, body: str | None, state: State | None
    ) -> None:
        """Each that is not None; `state` is never "merged"."""

    async def set_labels(self, name: str, number: int, labels: list[str]) -> None:
        """All of them, in place of those that it had."""

    async def merge_pull(self, name: str, pull: RemotePull, *, method: str, text: str) -> None:
        """Only as long as its head is `pull.head_commit`, where the provider can see to that."""

    async def comments(self, name: str, number: int) -> list[RemoteComment]: ...
    async def comment(
        self, name: str, pull: RemotePull, body: str, *, reply_to: str | None = None, lines: Lines | None = None
    ) -> RemoteComment: ...
    async def edit_comment(self, name: str, number: int, id: str, body: str) -> None: ...
    async def delete_comment(self, name: str, number: int, id: str) -> None: ...
    async def resolve(self, name: str, number: int, thread: str, *, resolved: bool) -> None: ...
    async def reviews(self, name: str, number: int) -> list[RemoteReview]: ...
    async def review(self, name: str, pull: RemotePull, verdict: Verdict, body: str) -> str:
        """Its id."""

    async def checks(self, name: str, commit: str) -> list[RemoteCheck]: ...
    async def set_check(self, name: str, commit: str, check: RemoteCheck) -> None: ...


class Client(PullClient, Protocol):
    """One account's view of one provider. Lists come in pages, counted from 1; None is said for the page after the last."""

    async def account(self) -> str: ...
    async def organizations(self) -> list[Organization]: ...
    async def repositories(self, organization: str, query: str, page: int) -> tuple[list[Repository], int | None]: ...
    async def repository(self, name: str) -> Repository: ...
    async def branches(self, name: str, page: int) -> tuple[list[Branch], int | None]: ...
    async def has_folder(self, name: str, commit: str, path: str) -> bool: ...


class Api:
    """JSON over HTTP with one credential; `address` is where the API begins."""

    def __init__(self, address: str, headers: Mapping[str, str], *, allow_private: bool) -> None:
        self._address = address
        self._headers = {"accept": "application/json"} | dict(headers)
        self._allow_private = allow_private

    async def get(self, path: str, /, **query: Any) -> Any:
        return (await self.ask(path, **query))[0]

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The decoded answer; None where there is none. A deletion has no body (RFC 9110 §9.3.5): some refuse one that has."""
        return (await self._exchange(method, path, body=None if method == "DELETE" else body or {}))[0]

    async def all(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Every object of a list, page by page as `Link` headers say (RFC 8288); an endless one is ProviderUnreachable."""
        found: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            part, headers = await self.ask(path, per_page=100, page=page, **query)
            found += objects(part)
            if link_of(headers, page) is None:
                return found
        raise ProviderUnreachable

    async def ask(self, path: str, /, **query: Any) -> tuple[Any, httpx.Headers]:
        """(decoded answer, its headers). Raises the errors above."""
        return await self._exchange("GET", path, query=query)

    async def _exchange(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> tuple[Any, httpx.Headers]:
        if {".", ".."} & {*unquote(path).split("/")}:
            raise NotAtProvider  # a name leads nowhere else
        try:
            async with (
                asyncio.timeout(SECONDS),
                outside.client(allow_private=self._allow_private) as client,
                client.stream(
                    method, self._address + path, params=query or None, json=body, headers=self._headers
                ) as answer,
            ):
                said = await outside.read(answer, most=LARGEST)
                _check(answer, said)
                return outside.decoded(said) if said or method == "GET" else None, answer.headers
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, outside.TooLong) as error:
            raise (ProviderPrivate if outside.is_not_public(error) else ProviderUnreachable) from error


def _check(answer: httpx.Response, said: bytes) -> None:
    status = answer.status_code
    exhausted = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    if status == 429 or (status == 403 and exhausted):
        after = answer.headers.get("retry-after", "")
        raise ProviderBusy(headers={"Retry-After": after if after.isascii() and after.isdigit() else "60"})
    if status in (401, 403):
        raise ProviderRefused
    if status == 404:
        raise NotAtProvider
    if status in (400, 405, 406, 409, 422):
        raise ProviderDeclined(f"The provider declines that: {_reason(said)}")
    if not 200 <= status < 300:
        raise ProviderUnreachable


def _reason(said: bytes) -> str:
    """The provider's own words out of an error's body: `message` (GitHub, GitLab), `error` or `error.message` (Bitbucket)."""
    try:
        found = outside.decoded(said)
    except ValueError:
        found = None
    words = [text(found, "message"), text(found, "error", "message"), text(found, "error")]
    for key in ("errors", "message"):
        more = found.get(key) if isinstance(found, dict) else None
        words += [one if isinstance(one, str) else text(one, "message") for one in more or [] if isinstance(more, list)]
    clean = "".join(c for c in "; ".join(word for word in words if word) if c.isprintable())
    return clean[:300] or "it does not say why"


def objects(found: Any) -> list[dict[str, Any]]:
    """The objects of a list; an answer of another shape is none of the provider's."""
    if not isinstance(found, list):
        raise ProviderUnreachable
    return [one for one in found if isinstance(one, dict)]


def part(found: Any, *path: str) -> Any:
    """Whatever lies at `path`, None where nothing does."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def text(found: Any, *path: str) -> str:
    """The string at `path`, empty where there is none; without what a database cannot keep: NUL, halves of surrogate pairs."""
    found = part(found, *path)
    return found.replace("\x00", "").encode(errors="replace").decode() if isinstance(found, str) else ""


def link_of(answer: httpx.Headers, page: int) -> int | None:
    """The next page, where a `Link` header (RFC 8288) says that there is one."""
    return page + 1 if 'rel="next"' in answer.get("link", "") else None


def number(found: Any, *path: str) -> int | None:
    """The whole number at `path`, within what a database column holds."""
    found = part(found, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 2**53 else None
