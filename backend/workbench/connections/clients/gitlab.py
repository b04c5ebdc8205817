"""GitLab's REST API v4 (docs.gitlab.com/api/rest), of gitlab.com or an instance of one's own."""

from typing import Any
from urllib.parse import quote

from backend.workbench.connections.clients.contract import PER_PAGE, Api, ProviderUnreachable, link_of, objects, text
from backend.workbench.connections.schemas import Branch, Organization, Repository


class GitLab:
    def __init__(self, base_url: str, token: str, username: str, *, allow_private: bool) -> None:  # noqa: ARG002 - the contract
        self._api = Api(f"{base_url}/api/v4", {"authorization": f"Bearer {token}"}, allow_private=allow_private)

    async def account(self) -> str:
        return text(await self._api.get("/user"), "username")

    async def organizations(self) -> list[Organization]:
        found = objects(await self._api.get("/groups", min_access_level=10, per_page=100))
        groups = [Organization(text(one, "full_path"), text(one, "full_name")) for one in found]
        mine = await self.account()
        return [Organization(mine, mine), *(one for one in groups if one.name)]

    async def repositories(self, organization: str, query: str, page: int) -> tuple[list[Repository], int | None]:
        asked: dict[str, Any] = {"order_by": "last_activity_at", "per_page": PER_PAGE, "page": page}
        if query:
            asked["search"] = query
        if organization and organization != await self.account():
            path = f"/groups/{quote(organization, safe='')}/projects"
            asked["include_subgroups"] = "true"
        elif organization:
            path = f"/users/{quote(organization, safe='')}/projects"
        else:
            path = "/projects"
            asked["membership"] = "true"
        found, headers = await self._api.ask(path, **asked)
        return [_shown(one) for one in objects(found)], link_of(headers, page)

    async def repository(self, name: str) -> Repository:
        return _shown(await self._api.get(f"/projects/{quote(name, safe='')}"))

    async def branches(self, name: str, page: int) -> tuple[list[Branch], int | None]:
        path = f"/projects/{quote(name, safe='')}/repository/branches"
        found, headers = await self._api.ask(path, per_page=PER_PAGE, page=page)
        return [Branch(text(one, "name"), text(one, "commit", "id")) for one in objects(found)], link_of(headers, page)


def _shown(one: Any) -> Repository:
    if not text(one, "path_with_namespace") or not text(one, "http_url_to_repo"):
        raise ProviderUnreachable
    return Repository(
        text(one, "path_with_namespace"),
        text(one, "http_url_to_repo"),
        text(one, "default_branch") or "main",
        one.get("visibility") != "public",
        text(one, "description"),
    )
