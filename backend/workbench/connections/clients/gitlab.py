"""GitLab's REST API v4 (docs.gitlab.com/api/rest), of gitlab.com or an instance of one's own."""

from typing import Any
from urllib.parse import quote

from backend.workbench.connections.clients.contract import (
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
    link_of,
    number,
    objects,
    text,
)
from backend.workbench.connections.schemas import Branch, Organization, Repository

_STATES: dict[str, State] = {
    "opened": "open",
    "reopened": "open",
    "locked": "open",
    "closed": "closed",
    "merged": "merged",
}
_RAN: dict[str, CheckState] = {"success": "success", "skipped": "success", "failed": "failure", "canceled": "cancelled"}
_DRAFT = "Draft: "


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

    async def has_folder(self, name: str, commit: str, path: str) -> bool:
        try:
            return bool(await self._api.get(f"{_project(name)}/repository/tree", ref=commit, path=path, per_page=1))
        except NotAtProvider:
            return False

    # --- merge requests: docs.gitlab.com/api/merge_requests, /api/discussions, /api/merge_request_approvals, /api/commits

    async def find_pull(self, name: str, *, head: str, base: str) -> RemotePull | None:
        asked = {"state": "opened", "source_branch": head, "target_branch": base}
        found = objects(await self._api.get(f"{_project(name)}/merge_requests", **asked))
        at = number(found[0], "iid") if found else None
        return await self.pull(name, at) if at is not None else None

    async def open_pull(self, name: str, *, head: str, base: str, title: str, body: str, draft: bool) -> RemotePull:
        asked = {"title": _DRAFT * draft + title, "description": body, "source_branch": head, "target_branch": base}
        return _pull(await self._api.send("POST", f"{_project(name)}/merge_requests", asked))

    async def pull(self, name: str, number: int) -> RemotePull:
        return _pull(await self._api.get(_request(name, number)))

    async def change_pull(
        self, name: str, pull: RemotePull, *, title: str | None, body: str | None, state: State | None
    ) -> None:
        """A draft is one whose title says so."""
        draft = state == "draft" if state in ("draft", "open") else pull.state == "draft"
        asked: dict[str, Any] = {}
        if title is not None or draft != (pull.state == "draft"):
            asked["title"] = _DRAFT * draft + (pull.title if title is None else title)
        if body is not None:
            asked["description"] = body
        if state is not None and (state == "closed") != (pull.state == "closed"):
            asked["state_event"] = "close" if state == "closed" else "reopen"
        if asked:
            await self._api.send("PUT", _request(name, pull.number), asked)

    async def set_labels(self, name: str, number: int, labels: list[str]) -> None:
        await self._api.send("PUT", _request(name, number), {"labels": ",".join(labels)})

    async def merge_pull(self, name: str, pull: RemotePull, *, method: str, text: str) -> None:
        asked = {"sha": pull.head_commit, "squash": method == "squash"}
        asked["squash_commit_message" if method == "squash" else "merge_commit_message"] = text
        await self._api.send("PUT", f"{_request(name, pull.number)}/merge", asked)

    async def comments(self, name: str, number: int) -> list[RemoteComment]:
        """What the system notes about itself is left out."""
        found = []
        for thread in await self._api.all(f"{_request(name, number)}/discussions"):
            notes = [one for one in objects(thread.get("notes")) if one.get("system") is not True]
            found += [_comment(text(thread, "id"), one, notes[0]) for one in notes]
        return found

    async def comment(
        self, name: str, pull: RemotePull, body: str, *, reply_to: str | None = None, lines: Lines | None = None
    ) -> RemoteComment:
        at = f"{_request(name, pull.number)}/discussions"
        if reply_to is not None:
            note = await self._api.send("POST", f"{at}/{quote(reply_to, safe='')}/notes", {"body": body})
            return _comment(reply_to, note, note)
        asked: dict[str, Any] = {"body": body}
        if lines is not None:
            side = "new" if lines.side == "head" else "old"
            asked["position"] = {
                "position_type": "text",
                "base_sha": pull.base_commit,
                "start_sha": pull.start_commit,
                "head_sha": pull.head_commit,
                "old_path": lines.path,
                "new_path": lines.path,
                f"{side}_line": lines.last,
            }
        thread = await self._api.send("POST", at, asked)
        notes = objects(thread.get("notes") if isinstance(thread, dict) else None)
        if not notes:
            raise ProviderUnreachable
        return _comment(text(thread, "id"), notes[0], notes[0])

    async def edit_comment(self, name: str, number: int, id: str, body: str) -> None:
        await self._api.send("PUT", _note(name, number, id), {"body": body})

    async def delete_comment(self, name: str, number: int, id: str) -> None:
        await self._api.send("DELETE", _note(name, number, id))

    async def resolve(self, name: str, number: int, thread: str, *, resolved: bool) -> None:
        at = f"{_request(name, number)}/discussions/{quote(thread, safe='')}"
        await self._api.send("PUT", at, {"resolved": resolved})

    async def reviews(self, name: str, number: int) -> list[RemoteReview]:
        """Approvals, and reviewers who request changes: GitLab keeps the verdict that holds, and no text with it."""
        approvals = await self._api.get(f"{_request(name, number)}/approvals")
        found = objects(approvals.get("approved_by") if isinstance(approvals, dict) else None)
        who: list[tuple[str, Verdict]] = [(text(one, "user", "username"), "approve") for one in found]
        asked = objects(await self._api.get(f"{_request(name, number)}/reviewers"))
        who += [
            (text(one, "user", "username"), "request_changes")
            for one in asked
            if text(one, "state") == "requested_changes"
        ]
        return [RemoteReview(f"{person}:{verdict}", person, verdict) for person, verdict in who if person]

    async def review(self, name: str, pull: RemotePull, verdict: Verdict, body: str) -> str:
        if verdict != "approve":
            raise ProviderDeclined("GitLab's API has no such verdict.")
        me = await self.account()
        await self._api.send("POST", f"{_request(name, pull.number)}/approve", {"sha": pull.head_commit})
        if body:
            await self.comment(name, pull, body)
        return f"{me}:approve"

    async def checks(self, name: str, commit: str) -> list[RemoteCheck]:
        found = await self._api.all(f"{_project(name)}/repository/commits/{commit}/statuses")
        return [
            RemoteCheck(
                text(one, "name"),
                _RAN.get(text(one, "status"), "pending"),
                text(one, "target_url"),
                text(one, "description"),
            )
            for one in found
        ]

    async def set_check(self, name: str, commit: str, check: RemoteCheck) -> None:
        state = {"failure": "failed", "cancelled": "canceled"}.get(check.state, check.state)
        asked = {"state": state, "name": check.name, "description": check.description}
        asked |= {"target_url": check.url} if check.url else {}
        await self._api.send("POST", f"{_project(name)}/statuses/{commit}", asked)


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


def _project(name: str) -> str:
    return f"/projects/{quote(name, safe='')}"


def _request(name: str, number: int) -> str:
    return f"{_project(name)}/merge_requests/{number}"


def _note(name: str, number: int, id: str) -> str:
    thread, _, note = id.partition(":")
    return f"{_request(name, number)}/discussions/{quote(thread, safe='')}/notes/{quote(note, safe='')}"


def _pull(one: Any) -> RemotePull:
    found = number(one, "iid")
    if found is None or not isinstance(one, dict):
        raise ProviderUnreachable
    state = _STATES.get(text(one, "state"), "open")
    draft = one.get("draft") is True
    title, labels = text(one, "title"), one.get("labels")
    return RemotePull(
        found,
        text(one, "web_url"),
        title.removeprefix(_DRAFT) if draft else title,
        text(one, "description"),
        "draft" if draft and state == "open" else state,
        text(one, "source_branch"),
        text(one, "target_branch"),
        text(one, "sha"),
        text(one, "diff_refs", "base_sha"),
        text(one, "diff_refs", "start_sha"),
        text(one, "merge_commit_sha") or text(one, "squash_commit_sha") or None,
        [text(label) for label in labels] if isinstance(labels, list) else [],
    )


def _comment(thread: str, one: Any, first: Any) -> RemoteComment:
    id = number(one, "id")
    if id is None:
        raise ProviderUnreachable
    resolved = first.get("resolved") is True if first.get("resolvable") is True else None
    who, said = text(one, "author", "username"), text(one, "body")
    return RemoteComment(f"{thread}:{id}", thread, who, said, _lines(first), resolved)


def _lines(first: Any) -> Lines | None:
    at = first.get("position") if isinstance(first, dict) else None
    new, old = number(at, "new_line"), number(at, "old_line")
    if new:
        return Lines(text(at, "new_path"), "head", new, new, text(at, "head_sha"))
    return Lines(text(at, "old_path"), "base", old, old, text(at, "base_sha")) if old else None
