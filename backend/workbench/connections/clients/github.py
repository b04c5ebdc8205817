"""GitHub's REST API (docs.github.com/rest, version 2022-11-28), of github.com or an Enterprise server."""

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
    link_of,
    number,
    objects,
    part,
    text,
)
from backend.workbench.connections.clients.contract import number as _number  # methods have one of that name
from backend.workbench.connections.schemas import Branch, Organization, Repository

_VERDICTS: dict[str, Verdict] = {
    "APPROVED": "approve",
    "CHANGES_REQUESTED": "request_changes",
    "COMMENTED": "comment",
}
_EVENTS: dict[Verdict, str] = {"approve": "APPROVE", "request_changes": "REQUEST_CHANGES", "comment": "COMMENT"}
_READY = "mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { clientMutationId } }"
_DRAFT = "mutation($id: ID!) { convertPullRequestToDraft(input: {pullRequestId: $id}) { clientMutationId } }"
_THREADS = """query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) { reviewThreads(first: 100, after: $after) {
    nodes { id isResolved comments(first: 1) { nodes { databaseId } } } pageInfo { hasNextPage endCursor } } } } }"""
_RESOLVE = "mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) { clientMutationId } }"
_UNRESOLVE = "mutation($id: ID!) { unresolveReviewThread(input: {threadId: $id}) { clientMutationId } }"


class GitHub:
    def __init__(self, base_url: str, token: str, username: str, *, allow_private: bool) -> None:  # noqa: ARG002 - the contract
        address = "https://api.github.com" if base_url == "https://github.com" else f"{base_url}/api/v3"
        headers = {"authorization": f"Bearer {token}", "x-github-api-version": "2022-11-28"}
        self._api = Api(address, headers, allow_private=allow_private)
        graph = "https://api.github.com" if base_url == "https://github.com" else f"{base_url}/api"
        self._graph = Api(graph, headers, allow_private=allow_private)

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

    async def has_folder(self, name: str, commit: str, path: str) -> bool:
        try:
            found = await self._api.get(f"/repos/{quote(name)}/contents/{quote(path)}", ref=commit)
        except NotAtProvider:
            return False
        return isinstance(found, list)  # of a file, an object

    # --- pull requests: docs.github.com/rest/pulls, /rest/issues/comments, /rest/checks, /rest/commits/statuses

    async def find_pull(self, name: str, *, head: str, base: str) -> RemotePull | None:
        of = f"{name.partition('/')[0]}:{head}"
        found = objects(await self._api.get(f"/repos/{quote(name)}/pulls", state="open", head=of, base=base))
        return next((_pull(one) for one in found if text(one, "head", "ref") == head), None)

    async def open_pull(self, name: str, *, head: str, base: str, title: str, body: str, draft: bool) -> RemotePull:
        asked = {"title": title, "body": body, "head": head, "base": base, "draft": draft}
        return _pull(await self._api.send("POST", f"/repos/{quote(name)}/pulls", asked))

    async def pull(self, name: str, number: int) -> RemotePull:
        return _pull(await self._api.get(f"/repos/{quote(name)}/pulls/{number}"))

    async def change_pull(
        self, name: str, pull: RemotePull, *, title: str | None, body: str | None, state: State | None
    ) -> None:
        """A draft is marked as ready, and the other way round, by GraphQL alone."""
        at = f"/repos/{quote(name)}/pulls/{pull.number}"
        shown = None if state is None else "closed" if state == "closed" else "open"
        asked = {"title": title, "body": body, "state": None if shown == _open(pull.state) else shown}
        if wanted := {key: value for key, value in asked.items() if value is not None}:
            await self._api.send("PATCH", at, wanted)
        if state in ("draft", "open") and (state == "draft") != (pull.state == "draft"):
            id = text(await self._api.get(at), "node_id")
            await self._ask_graph(_DRAFT if state == "draft" else _READY, id=id)

    async def set_labels(self, name: str, number: int, labels: list[str]) -> None:
        await self._api.send("PUT", f"/repos/{quote(name)}/issues/{number}/labels", {"labels": labels})

    async def merge_pull(self, name: str, pull: RemotePull, *, method: str, text: str) -> None:
        asked = {"merge_method": method, "sha": pull.head_commit, "commit_title": text}
        await self._api.send("PUT", f"/repos/{quote(name)}/pulls/{pull.number}/merge", asked)

    async def comments(self, name: str, number: int) -> list[RemoteComment]:
        """Those on the whole, of the issue that every pull request is, and those on lines."""
        issue = await self._api.all(f"/repos/{quote(name)}/issues/{number}/comments")
        review = await self._api.all(f"/repos/{quote(name)}/pulls/{number}/comments")
        found = [_comment("issue", one) for one in issue] + [_comment("pull", one) for one in review]
        threads = await self._threads(name, number) if review else {}
        for one in found:
            _, one.resolved = threads.get(one.thread, ("", None))
        return found

    async def _threads(self, name: str, number: int) -> dict[str, tuple[str, bool]]:
        """Of each thread on lines its id in GraphQL, which alone knows, and whether it is resolved."""
        owner, _, repository = name.partition("/")
        found: dict[str, tuple[str, bool]] = {}
        after = None
        for _ in range(MOST_PAGES):
            said = await self._ask_graph(_THREADS, owner=owner, name=repository, number=number, after=after)
            said = part(said, "data", "repository", "pullRequest", "reviewThreads")
            for one in objects(part(said, "nodes")):
                first = objects(part(one, "comments", "nodes"))
                if first:
                    found[f"pull:{_number(first[0], 'databaseId')}"] = text(one, "id"), one.get("isResolved") is True
            after = text(said, "pageInfo", "endCursor")
            if not after or part(said, "pageInfo", "hasNextPage") is not True:
                return found
        raise ProviderUnreachable

    async def resolve(self, name: str, number: int, thread: str, *, resolved: bool) -> None:
        id, _ = (await self._threads(name, number)).get(thread, ("", False))
        await self._ask_graph(_RESOLVE if resolved else _UNRESOLVE, id=id)

    async def _ask_graph(self, query: str, **variables: Any) -> Any:
        """GraphQL says what it declines in an answer of 200."""
        said = await self._graph.send("POST", "/graphql", {"query": query, "variables": variables})
        if errors := part(said, "errors"):
            why = "; ".join(text(one, "message") for one in objects(errors))
            raise ProviderDeclined(f"The provider declines that: {why[:300]}")
        return said

    async def comment(
        self, name: str, pull: RemotePull, body: str, *, reply_to: str | None = None, lines: Lines | None = None
    ) -> RemoteComment:
        at = f"/repos/{quote(name)}/pulls/{pull.number}/comments"
        kind, _, id = (reply_to or "").partition(":")
        if kind == "pull":
            return _comment("pull", await self._api.send("POST", f"{at}/{id}/replies", {"body": body}))
        if lines is not None:
            side = "RIGHT" if lines.side == "head" else "LEFT"
            asked: dict[str, Any] = {"body": body, "path": lines.path, "commit_id": pull.head_commit}
            asked |= {"side": side, "line": lines.last}
            if lines.first != lines.last:
                asked |= {"start_line": lines.first, "start_side": side}
            return _comment("pull", await self._api.send("POST", at, asked))
        at = f"/repos/{quote(name)}/issues/{pull.number}/comments"
        return _comment("issue", await self._api.send("POST", at, {"body": body}))

    async def edit_comment(self, name: str, number: int, id: str, body: str) -> None:  # noqa: ARG002 - ids are the repository's
        await self._api.send("PATCH", self._at(name, id), {"body": body})

    async def delete_comment(self, name: str, number: int, id: str) -> None:  # noqa: ARG002 - ids are the repository's
        await self._api.send("DELETE", self._at(name, id))

    def _at(self, name: str, id: str) -> str:
        kind, _, id = id.partition(":")
        return f"/repos/{quote(name)}/{kind}s/comments/{id}"

    async def reviews(self, name: str, number: int) -> list[RemoteReview]:
        found = await self._api.all(f"/repos/{quote(name)}/pulls/{number}/reviews")
        return [
            RemoteReview(
                f"review:{_id(one)}",
                text(one, "user", "login"),
                _VERDICTS[text(one, "state")],
                text(one, "body"),
                text(one, "commit_id"),
            )
            for one in found
            if text(one, "state") in _VERDICTS
        ]

    async def review(self, name: str, pull: RemotePull, verdict: Verdict, body: str) -> str:
        asked = {"event": _EVENTS[verdict], "body": body, "commit_id": pull.head_commit}
        return f"review:{_id(await self._api.send('POST', f'/repos/{quote(name)}/pulls/{pull.number}/reviews', asked))}"

    async def checks(self, name: str, commit: str) -> list[RemoteCheck]:
        """Check runs, which GitHub's own CI makes, and commit statuses, which others set; the newest of each name."""
        runs = await self._api.get(f"/repos/{quote(name)}/commits/{commit}/check-runs", per_page=100)
        whole = await self._api.get(f"/repos/{quote(name)}/commits/{commit}/status", per_page=100)
        if not isinstance(runs, dict) or not isinstance(whole, dict):
            raise ProviderUnreachable
        return [
            RemoteCheck(text(one, "name"), _ran(one), text(one, "html_url"), text(one, "output", "title"))
            for one in objects(runs.get("check_runs"))
        ] + [
            RemoteCheck(
                text(one, "context"), _said(text(one, "state")), text(one, "target_url"), text(one, "description")
            )
            for one in objects(whole.get("statuses"))
        ]

    async def set_check(self, name: str, commit: str, check: RemoteCheck) -> None:
        state = "error" if check.state == "cancelled" else check.state
        asked = {"state": state, "context": check.name, "description": check.description[:140]}
        asked |= {"target_url": check.url} if check.url else {}
        await self._api.send("POST", f"/repos/{quote(name)}/statuses/{commit}", asked)


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


def _open(state: State) -> str:
    return "open" if state in ("open", "draft") else "closed"


def _id(one: Any) -> int:
    found = number(one, "id")
    if found is None:
        raise ProviderUnreachable
    return found


def _pull(one: Any) -> RemotePull:
    found = number(one, "number")
    if found is None or not isinstance(one, dict):
        raise ProviderUnreachable
    state: State = "closed" if text(one, "state") == "closed" else "draft" if one.get("draft") is True else "open"
    merged = one.get("merged") is True or bool(text(one, "merged_at"))
    return RemotePull(
        found,
        text(one, "html_url"),
        text(one, "title"),
        text(one, "body"),
        "merged" if merged else state,
        text(one, "head", "ref"),
        text(one, "base", "ref"),
        text(one, "head", "sha"),
        text(one, "base", "sha"),
        text(one, "base", "sha"),
        text(one, "merge_commit_sha") if merged else None,
        [text(label, "name") for label in objects(part(one, "labels") or [])],
    )


def _comment(kind: str, one: Any) -> RemoteComment:
    """Where lines are gone from the latest commit, `line` is null and `original_…` tell where they were."""
    id = f"{kind}:{_id(one)}"
    root = number(one, "in_reply_to_id")
    last = number(one, "original_line") or number(one, "line")
    first = number(one, "original_start_line") or number(one, "start_line") or last
    lines = None
    if text(one, "path") and last and first:
        commit = text(one, "original_commit_id") or text(one, "commit_id")
        lines = Lines(text(one, "path"), "base" if text(one, "side") == "LEFT" else "head", first, last, commit)
    thread = id if root is None else f"{kind}:{root}"
    return RemoteComment(id, thread, text(one, "user", "login"), text(one, "body"), lines)


def _ran(one: Any) -> CheckState:
    if text(one, "status") != "completed":
        return "pending"
    how = text(one, "conclusion")
    return "success" if how in ("success", "neutral", "skipped") else "cancelled" if how == "cancelled" else "failure"


def _said(state: str) -> CheckState:
    return "success" if state == "success" else "pending" if state == "pending" else "failure"
