"""What every provider's client can do, and the HTTP that they share: bounded answers, no redirects, errors that help."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from backend.core import outside
from backend.core.errors import Invalid, NotFound, TooMany
from backend.workbench.connections.schemas import Branch, Organization, Repository

LARGEST = 10_000_000
SECONDS = 30.0
PER_PAGE = 50


class ProviderRefused(Invalid):
    """The provider refuses this token: is it whole, not expired, and may it read repositories?"""


class ProviderUnreachable(Invalid):
    """The provider could not be reached, or does not answer as it should: is its address right?"""


class ProviderBusy(TooMany):
    """The provider takes no more requests with this token for now: wait."""


class NotAtProvider(NotFound):
    """The provider has nothing of that name, or this token may not see it."""


class Client(Protocol):
    """One account's view of one provider. Lists come in pages, counted from 1; None is said for the page after the last."""

    async def account(self) -> str: ...
    async def organizations(self) -> list[Organization]: ...
    async def repositories(self, organization: str, query: str, page: int) -> tuple[list[Repository], int | None]: ...
    async def repository(self, name: str) -> Repository: ...
    async def branches(self, name: str, page: int) -> tuple[list[Branch], int | None]: ...


class Api:
    """JSON over HTTP with one credential; `address` is where the API begins."""

    def __init__(self, address: str, headers: Mapping[str, str], *, allow_private: bool) -> None:
        self._address = address
        self._headers = {"accept": "application/json"} | dict(headers)
        self._allow_private = allow_private

    async def get(self, path: str, **query: Any) -> Any:
        return (await self.ask(path, **query))[0]

    async def ask(self, path: str, **query: Any) -> tuple[Any, httpx.Headers]:
        """(decoded answer, its headers). Raises the errors above."""
        try:
            async with asyncio.timeout(SECONDS), outside.client(allow_private=self._allow_private) as client:
                async with client.stream(
                    "GET", self._address + path, params=query or None, headers=self._headers
                ) as answer:
                    _check(answer)
                    return outside.decoded(await outside.read(answer, most=LARGEST)), answer.headers
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, outside.TooLong) as error:
            raise ProviderUnreachable from error


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    exhausted = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    if status == 429 or (status == 403 and exhausted):
        after = answer.headers.get("retry-after", "")
        raise ProviderBusy(headers={"Retry-After": after if after.isascii() and after.isdigit() else "60"})
    if status in (401, 403):
        raise ProviderRefused
    if status == 404:
        raise NotAtProvider
    if status != 200:
        raise ProviderUnreachable


def objects(found: Any) -> list[dict[str, Any]]:
    """The objects of a list; an answer of another shape is none of the provider's."""
    if not isinstance(found, list):
        raise ProviderUnreachable
    return [one for one in found if isinstance(one, dict)]


def text(found: Any, *path: str) -> str:
    """The string at `path`, empty where there is none."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def link_of(answer: httpx.Headers, page: int) -> int | None:
    """The next page, where a `Link` header (RFC 8288) says that there is one."""
    return page + 1 if 'rel="next"' in answer.get("link", "") else None
