"""GitHub's REST API (docs.github.com/rest, version 2022-11-28), of github.com or an Enterprise server."""

from typing import Any
from urllib.parse import quote

from backend.workbench.connections.clients.contract import PER_PAGE, Api, ProviderUnreachable, link_of, objects, text
from backend.workbench.connections.schemas import Branch, Organization, Repository


class GitHub:
    def __init__(self, base_url: str, token: str, username: str, *, allow_private: bool) -> None:  # noqa: ARG002 - the contract
        address = "https://api.github.com" if base_url == "https://github.com" else f"{base_url}/api/v3"
        headers = {"authorization": f"Bearer {token}", "x-github-api-version": "2022-11-28"}
        self._api = Api(address, headers, allow_private=allow_private)

    async def account(self) -> str:
        return text(await self._api.get("/user"), "login")

    async def organizations(self) -> list[Organization]:
        found = objects(await self._api.get("/user/orgs", per_page=100))
        names = [text(one, "login") for one in found]
        return [Organization(name, name) for name in [await self.account(), *names] if name]

    async def repositories(self, organization: str, query: str, page: int) -> tuple[list[Repository], int | None]:
        if query:
            words = f"{query} in:name fork:true" + (f" user:{organization}" if organization else " user:@me")
            found, headers = await self._api.ask("/search/repositories", q=words, per_page=PER_PAGE, page=page)
            found = found.get("items") if isinstance(found, dict) else None
        elif organization and organization != await self.account():
            path = f"/orgs/{quote(organization, safe='')}/repos"
            found, headers = await self._api.ask(path, sort="pushed", per_page=PER_PAGE, page=page)
        else:
            found, headers = await self._api.ask("/user/repos", sort="pushed", per_page=PER_PAGE, page=page)
        return [_shown(one) for one in objects(found)], link_of(headers, page)

    async def repository(self, name: str) -> Repository:
        return _shown(await self._api.get(f"/repos/{quote(name)}"))

    async def branches(self, name: str, page: int) -> tuple[list[Branch], int | None]:
        found, headers = await self._api.ask(f"/repos/{quote(name)}/branches", per_page=PER_PAGE, page=page)
        return [Branch(text(one, "name"), text(one, "commit", "sha")) for one in objects(found)], link_of(headers, page)


def _shown(one: Any) -> Repository:
    if not text(one, "full_name") or not text(one, "clone_url"):
        raise ProviderUnreachable
    return Repository(
        text(one, "full_name"),
        text(one, "clone_url"),
        text(one, "default_branch") or "main",
        bool(one.get("private")),
        text(one, "description"),
    )
