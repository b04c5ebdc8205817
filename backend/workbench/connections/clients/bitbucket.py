"""Bitbucket Cloud's REST API 2.0 (developer.atlassian.com/cloud/bitbucket/rest). Bitbucket Data Center speaks another one."""

import base64
from typing import Any
from urllib.parse import quote

from backend.workbench.connections.clients.contract import PER_PAGE, Api, ProviderUnreachable, objects, text
from backend.workbench.connections.schemas import Branch, Organization, Repository


class Bitbucket:
    def __init__(self, base_url: str, token: str, username: str, *, allow_private: bool) -> None:
        address = "https://api.bitbucket.org/2.0" if base_url == "https://bitbucket.org" else f"{base_url}/2.0"
        basic = base64.b64encode(f"{username}:{token}".encode()).decode()
        credential = f"Basic {basic}" if username else f"Bearer {token}"
        self._api = Api(address, {"authorization": credential}, allow_private=allow_private)

    async def account(self) -> str:
        found = await self._api.get("/user")
        return text(found, "username") or text(found, "nickname") or text(found, "display_name")

    async def organizations(self) -> list[Organization]:
        found, _ = await self._page("/workspaces", 1)
        return [Organization(text(one, "slug"), text(one, "name")) for one in found if text(one, "slug")]

    async def repositories(self, organization: str, query: str, page: int) -> tuple[list[Repository], int | None]:
        asked: dict[str, Any] = {"sort": "-updated_on"} | ({} if organization else {"role": "member"})
        if query:
            words = query.replace("\\", "").replace('"', "")
            asked["q"] = f'name ~ "{words}"'
        path = f"/repositories/{quote(organization, safe='')}" if organization else "/repositories"
        found, more = await self._page(path, page, **asked)
        return [_shown(one) for one in found], more

    async def repository(self, name: str) -> Repository:
        return _shown(await self._api.get(f"/repositories/{quote(name)}"))

    async def branches(self, name: str, page: int) -> tuple[list[Branch], int | None]:
        found, more = await self._page(f"/repositories/{quote(name)}/refs/branches", page)
        return [Branch(text(one, "name"), text(one, "target", "hash")) for one in found], more

    async def _page(self, path: str, page: int, **query: Any) -> tuple[list[dict[str, Any]], int | None]:
        found = await self._api.get(path, pagelen=PER_PAGE, page=page, **query)
        if not isinstance(found, dict):
            raise ProviderUnreachable
        return objects(found.get("values")), page + 1 if found.get("next") else None


def _shown(one: Any) -> Repository:
    links = (one.get("links") or {}).get("clone") if isinstance(one, dict) else None
    url = next((text(link, "href") for link in objects(links) if link.get("name") == "https"), "")
    if not text(one, "full_name") or not url:
        raise ProviderUnreachable
    scheme, _, rest = url.partition("://")
    return Repository(
        text(one, "full_name"),
        f"{scheme}://{rest.rpartition('@')[2]}",  # Bitbucket writes the account's name into it
        text(one, "mainbranch", "name") or "main",
        bool(one.get("is_private")),
        text(one, "description"),
    )
