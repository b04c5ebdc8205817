"""Bitbucket Cloud's REST API 2.0 (developer.atlassian.com/cloud/bitbucket/rest). Bitbucket Data Center speaks another one."""

import base64
import hashlib
from typing import Any
from urllib.parse import quote

from backend.workbench.connections.clients.contract import (
    MOST_PAGES,
    PER_PAGE,
    Api,
    CheckState,
    Lines,
    NotAtProvider,
    ProviderDeclined,
    ProviderUnreachable,
    RemoteCheck,
    RemoteComment,
    RemotePull,
    RemoteReview,
    State,
    Verdict,
    number,
    objects,
    text,
)
from backend.workbench.connections.schemas import Branch, Organization, Repository

_STATES: dict[str, State] = {"OPEN": "open", "MERGED": "merged", "DECLINED": "closed", "SUPERSEDED": "closed"}
_RAN: dict[str, CheckState] = {"SUCCESSFUL": "success", "FAILED": "failure", "STOPPED": "cancelled"}
_SAID = {"success": "SUCCESSFUL", "failure": "FAILED", "cancelled": "STOPPED", "pending": "INPROGRESS"}
_METHODS = {"merge": "merge_commit", "squash": "squash", "rebase": "rebase_fast_forward"}
_VERDICTS: dict[str, Verdict] = {"approved": "approve", "changes_requested": "request_changes"}


class Bitbucket:
    def __init__(self, base_url: str, token: str, username: str, *, allow_private: bool) -> None:
        address = "https://api.bitbucket.org/2.0" if base_url == "https://bitbucket.org" else f"{base_url}/2.0"
        basic = base64.b64encode(f"{username}:{token}".encode()).decode()
        credential = f"Basic {basic}" if username else f"Bearer {token}"
        self._api = Api(address, {"authorization": credential}, allow_private=allow_private)

    async def account(self) -> str:
        return _name(await self._api.get("/user"))

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

    async def has_folder(self, name: str, commit: str, path: str) -> bool:
        try:
            found = await self._api.get(f"/repositories/{quote(name)}/src/{commit}/{quote(path)}", format="meta")
        except NotAtProvider:
            return False
        return text(found, "type") == "commit_directory"

    async def _page(self, path: str, page: int, **query: Any) -> tuple[list[dict[str, Any]], int | None]:
        found = await self._api.get(path, pagelen=PER_PAGE, page=page, **query)
        if not isinstance(found, dict):
            raise ProviderUnreachable
        return objects(found.get("values")), page + 1 if found.get("next") else None

    # --- pull requests: developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests, /api-group-commit-statuses

    async def find_pull(self, name: str, *, head: str, base: str) -> RemotePull | None:
        named = [branch.replace("\\", "").replace('"', "") for branch in (head, base)]
        asked = f'source.branch.name = "{named[0]}" AND destination.branch.name = "{named[1]}" AND state = "OPEN"'
        found, _ = await self._page(f"/repositories/{quote(name)}/pullrequests", 1, q=asked)
        return _pull(found[0]) if found else None

    async def open_pull(self, name: str, *, head: str, base: str, title: str, body: str, draft: bool) -> RemotePull:
        asked = {"title": title, "description": body, "draft": draft}
        asked |= {"source": {"branch": {"name": head}}, "destination": {"branch": {"name": base}}}
        return _pull(await self._api.send("POST", f"/repositories/{quote(name)}/pullrequests", asked))

    async def pull(self, name: str, number: int) -> RemotePull:
        return _pull(await self._api.get(_request(name, number)))

    async def change_pull(
        self, name: str, pull: RemotePull, *, title: str | None, body: str | None, state: State | None
    ) -> None:
        if pull.state == "closed" and state in ("open", "draft"):
            raise ProviderDeclined("Bitbucket cannot open a declined pull request again: open a new one.")
        asked: dict[str, Any] = {"title": pull.title if title is None else title}
        if body is not None:
            asked["description"] = body
        if state in ("open", "draft"):
            asked["draft"] = state == "draft"
        if body is not None or title is not None or "draft" in asked:
            await self._api.send("PUT", _request(name, pull.number), asked)
        if state == "closed" != pull.state:
            await self._api.send("POST", f"{_request(name, pull.number)}/decline")

    async def set_labels(self, name: str, number: int, labels: list[str]) -> None:  # noqa: ARG002 - the contract
        raise ProviderDeclined("Bitbucket has no labels.")

    async def merge_pull(self, name: str, pull: RemotePull, *, method: str, text: str) -> None:
        asked = {"merge_strategy": _METHODS[method], "message": text}
        await self._api.send("POST", f"{_request(name, pull.number)}/merge", asked)

    async def comments(self, name: str, number: int) -> list[RemoteComment]:
        """A thread is the chain of parents up to a comment without one."""
        found = {one.get("id"): one for one in await self._all(f"{_request(name, number)}/comments")}
        return [_comment(one, found) for one in found.values() if one.get("deleted") is not True]

    async def comment(
        self, name: str, pull: RemotePull, body: str, *, reply_to: str | None = None, lines: Lines | None = None
    ) -> RemoteComment:
        asked: dict[str, Any] = {"content": {"raw": body}}
        if reply_to is not None:
            asked["parent"] = {"id": int(reply_to)}
        elif lines is not None:
            side = "to" if lines.side == "head" else "from"
            asked["inline"] = {"path": lines.path, side: lines.last}
            if lines.first != lines.last:
                asked["inline"][f"start_{side}"] = lines.first
        made = await self._api.send("POST", f"{_request(name, pull.number)}/comments", asked)
        return _comment(made, {})

    async def edit_comment(self, name: str, number: int, id: str, body: str) -> None:
        await self._api.send("PUT", f"{_request(name, number)}/comments/{quote(id)}", {"content": {"raw": body}})

    async def delete_comment(self, name: str, number: int, id: str) -> None:
        await self._api.send("DELETE", f"{_request(name, number)}/comments/{quote(id)}")

    async def resolve(self, name: str, number: int, thread: str, *, resolved: bool) -> None:
        """Threads on lines alone: those on the whole have no such state."""
        method = "POST" if resolved else "DELETE"
        await self._api.send(method, f"{_request(name, number)}/comments/{quote(thread)}/resolve")

    async def reviews(self, name: str, number: int) -> list[RemoteReview]:
        """Participants: Bitbucket keeps the verdict that holds, and no text with it."""
        found = await self._api.get(_request(name, number))
        return [
            RemoteReview(f"{who}:{_VERDICTS[said]}", who, _VERDICTS[said])
            for one in objects(found.get("participants") if isinstance(found, dict) else None)
            if (said := text(one, "state")) in _VERDICTS and (who := _name(one.get("user")))
        ]

    async def review(self, name: str, pull: RemotePull, verdict: Verdict, body: str) -> str:
        if verdict == "comment":
            raise ProviderDeclined("Bitbucket has no such verdict.")
        me = await self.account()
        call = "approve" if verdict == "approve" else "request-changes"
        await self._api.send("POST", f"{_request(name, pull.number)}/{call}")
        if body:
            await self.comment(name, pull, body)
        return f"{me}:{verdict}"

    async def checks(self, name: str, commit: str) -> list[RemoteCheck]:
        return [
            RemoteCheck(
                text(one, "name") or text(one, "key"),
                _RAN.get(text(one, "state"), "pending"),
                text(one, "url"),
                text(one, "description"),
            )
            for one in await self._all(f"/repositories/{quote(name)}/commit/{commit}/statuses")
        ]

    async def set_check(self, name: str, commit: str, check: RemoteCheck) -> None:
        """Bitbucket's key is 40 characters at most, and it wants an address."""
        key = hashlib.sha256(check.name.encode()).hexdigest()[:40]
        asked = {"key": key, "name": check.name, "state": _SAID[check.state], "description": check.description}
        asked["url"] = check.url or "https://bitbucket.org/"
        await self._api.send("POST", f"/repositories/{quote(name)}/commit/{commit}/statuses/build", asked)

    async def _all(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: int | None = 1
        while page is not None:
            if page > MOST_PAGES:
                raise ProviderUnreachable
            part, page = await self._page(path, page)
            found += part
        return found


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


def _name(user: Any) -> str:
    """The nickname, which is all that comments and participants tell of; the user name is told to the account itself alone."""
    return text(user, "nickname") or text(user, "username") or text(user, "display_name")


def _request(name: str, number: int) -> str:
    return f"/repositories/{quote(name)}/pullrequests/{number}"


def _pull(one: Any) -> RemotePull:
    found = number(one, "id")
    if found is None or not isinstance(one, dict):
        raise ProviderUnreachable
    state = _STATES.get(text(one, "state"), "open")
    base = text(one, "destination", "commit", "hash")
    return RemotePull(
        found,
        text(one, "links", "html", "href"),
        text(one, "title"),
        text(one, "description") or text(one, "summary", "raw"),
        "draft" if state == "open" and one.get("draft") is True else state,
        text(one, "source", "branch", "name"),
        text(one, "destination", "branch", "name"),
        text(one, "source", "commit", "hash"),
        base,
        base,
        text(one, "merge_commit", "hash") or None,
    )


def _comment(one: Any, others: dict[Any, dict[str, Any]]) -> RemoteComment:
    id = number(one, "id")
    if id is None:
        raise ProviderUnreachable
    root, seen = one, {id}
    while (parent := number(root, "parent", "id")) is not None and parent not in seen:
        seen.add(parent)
        root = others.get(parent) or {"id": parent}
    lines = _lines(root)
    resolved = isinstance(root.get("resolution"), dict) if lines else None
    who, said = _name(one.get("user")), text(one, "content", "raw")
    return RemoteComment(str(id), str(number(root, "id")), who, said, lines, resolved)


def _lines(root: dict[str, Any]) -> Lines | None:
    at = root.get("inline")
    for side, key in (("head", "to"), ("base", "from")):
        if last := number(at, key):
            first = number(at, f"start_{key}") or last
            return Lines(text(at, "path"), "head" if side == "head" else "base", first, last, "")
    return None
