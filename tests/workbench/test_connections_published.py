"""Bitbucket's and GitLab's clients, and the forge that stands in for these in other tests, against what others say of these:
types generated from Bitbucket's published description, and GitLab's most used client. (GitHub's: test_connections_github.)"""

import inspect
import json
import re
import subprocess
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from backend.workbench.connections.clients.bitbucket import Bitbucket
from backend.workbench.connections.clients.contract import Client, Lines, ProviderDeclined, RemoteCheck
from backend.workbench.connections.clients.gitlab import GitLab
from tests.forges import NAME, Exchange, Forge, read
from tests.remotes import TOKEN
from tests.workbench.test_imports import upstream  # noqa: F401 - a fixture
from tests.workbench.test_lsp_clients import CLIENTS, NODE

BITBUCKET = CLIENTS / "node_modules/@coderabbitai/bitbucket/dist/cloud/openapi/openapi-typescript.d.ts"
ALL_LISTS_TAKE = {"page", "pagelen", "q", "sort"}
"""Of Bitbucket's "Pagination" and "Filtering and sorting", which its description says apart from the lists themselves."""


async def everything(client: Client, forge: Forge) -> None:
    """Every call of the contract, with each of what may be said by it."""
    tip = forge.pulls.tip("main")
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    head = forge.pulls.git(*who, "commit-tree", f"{tip}^{{tree}}", "-p", tip, "-m", "More")
    forge.pulls.git("update-ref", "refs/heads/next", head)
    await client.account()
    for organization in ("", *(one.name for one in await client.organizations())):
        for query in ("", "proj"):
            await client.repositories(organization, query, 1)
    await client.repository(NAME)
    await client.branches(NAME, 1)
    assert [await client.has_folder(NAME, tip, one) for one in ("api", "package.json")] == [True, False]
    assert await client.find_pull(NAME, head="next", base="main") is None
    pull = await client.open_pull(NAME, head="next", base="main", title="New", body="Text", draft=True)
    assert await client.find_pull(NAME, head="next", base="main") == await client.pull(NAME, pull.number) == pull
    await client.change_pull(NAME, pull, title="Newer", body="Text", state="open")
    pull = await client.pull(NAME, pull.number)
    on_lines = [
        await client.comment(NAME, pull, "On lines", lines=Lines("package.json", side, first, 2, ""))
        for side in ("head", "base")
        for first in (1, 2)
    ]
    for began in (await client.comment(NAME, pull, "On the whole"), on_lines[0]):
        await client.comment(NAME, pull, "An answer", reply_to=began.thread)
        await client.edit_comment(NAME, pull.number, began.id, "Better")
    for resolved in (True, False):
        await client.resolve(NAME, pull.number, on_lines[0].thread, resolved=resolved)
    await client.delete_comment(NAME, pull.number, on_lines[1].id)
    assert len(await client.comments(NAME, pull.number)) == 6
    for state in ("pending", "success", "failure", "cancelled"):
        await client.set_check(NAME, head, RemoteCheck("ci", state, "https://ci.example/1", "Told"))
    assert {one.state for one in await client.checks(NAME, head)} == {"pending", "success", "failure", "cancelled"}
    for verdict in ("approve", "request_changes", "comment"):
        await unless_declined(client.review(NAME, pull, verdict, "Fine"))
    await client.reviews(NAME, pull.number)
    await unless_declined(client.set_labels(NAME, pull.number, ["bug"]))
    await client.change_pull(NAME, pull, title=None, body=None, state="closed")
    await unless_declined(
        client.change_pull(NAME, await client.pull(NAME, pull.number), title=None, body=None, state="open")
    )
    forge.pulls.pulls[pull.number].closed = False
    for method in ("merge", "squash", "rebase"):
        await client.merge_pull(NAME, pull, method=method, text="All of it")
    await client.pull(NAME, pull.number)


async def unless_declined(call: Awaitable[Any]) -> None:
    """What a provider cannot do is declined before it is asked."""
    with suppress(ProviderDeclined):
        await call


class Watched:
    """A client, and which of its calls were made."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.missing = {name for name, _ in inspect.getmembers(Client, inspect.isfunction) if not name.startswith("_")}

    def __getattr__(self, name: str) -> Any:
        self.missing.discard(name)
        return getattr(self._client, name)


def wrong(source: Path) -> str:
    """What the TypeScript compiler says of it."""
    words = [str(NODE), str(CLIENTS / "node_modules/typescript/bin/tsc"), "--noEmit", "--strict", "--skipLibCheck",
             "--target", "esnext", "--module", "esnext", "--moduleResolution", "bundler", source.name]  # fmt: skip
    return subprocess.run(words, cwd=source.parent, capture_output=True, text=True, check=False).stdout


# --- Bitbucket

EXACT = """
// Without room for fields that are not published, which would let anything pass, and without `type`, which tells kinds of objects
// apart: the description wants it of callers, too, but Bitbucket's own examples send none.
type Exact<T> = T extends { readonly meta: infer One } ? One : T extends readonly (infer One)[] ? readonly Exact<One>[]
  : T extends object ? { [K in keyof T as string extends K ? never : K extends "type" ? never : K]: Exact<T[K]> } : T;
"""


def description() -> str:
    """Bitbucket's, with what the generator made of inheritance put right: it took the fields away with their `type` (an Omit of
    what also has room for any), and an account comes as a user. It lacks what Bitbucket's own page and other clients of it send:
    a pull request's `description` (it has `summary` for it), and where a comment on several lines begins. What `format=meta` says
    of a path stands in its words alone."""
    said = re.sub(r'Omit<(components\["schemas"\]\["\w+"\]), "type">', r"\1", BITBUCKET.read_text())
    said = re.sub(r'readonly type: "\w+";', "readonly type: string;", said)
    said = said.replace("draft?: boolean;", "draft?: boolean; readonly description?: string;")
    said = said.replace("from?: number;", "from?: number; readonly start_from?: number; readonly start_to?: number;")
    listed, kind = 'components["schemas"]["paginated_treeentries"]', '"commit_directory" | "commit_file"'
    said = said.replace(f"{listed};", f"{listed} | {{ readonly meta: {{ path: string; type: {kind} }} }};")
    return re.sub(r'(?<=: components\["schemas"\])\["account"\];', '["user"];', said)


def lines(exchanges: list[Exchange], described: str) -> Iterator[str]:
    """One of TypeScript for each query, body and answer."""
    templates = {
        template: re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))
        for template in re.findall(r'^    readonly "(/[^"]*)": \{', described, re.MULTILINE)
    }
    yield 'import type { paths } from "./bitbucket";' + EXACT
    for n, one in enumerate(exchanges):
        at = urlsplit(one.path)
        path = at.path.removeprefix("/2.0")
        [template] = [name for name, fits in templates.items() if fits.fullmatch(path)] or [path]
        call = f'paths["{template}"]["{one.method.lower()}"]'
        query = {name: value for name, value in parse_qsl(at.query) if name not in ALL_LISTS_TAKE}
        if query:
            yield f'const query{n}: NonNullable<{call}["parameters"]["query"]> = {json.dumps(query)};'
        if read(one.headers, one.sent):
            asked = f'NonNullable<{call}["requestBody"]>["content"]["application/json"]'
            yield f"const sent{n}: Exact<{asked}> = {one.sent.decode()};"
        said = f'{call}["responses"][{one.status}]["content"]'
        if one.said:
            yield f'const said{n}: Exact<NonNullable<{said}>["application/json"]> = {one.said.decode()};'
        else:
            yield f"const said{n}: {said} = undefined;"


def not_bitbucket(exchanges: list[Exchange], folder: Path) -> str:
    """What of it the description does not know."""
    described = description()
    (folder / "bitbucket.d.ts").write_text(described)
    (folder / "said.ts").write_text("\n".join(lines(exchanges, described)))
    return wrong(folder / "said.ts")


async def test_what_is_asked_of_bitbucket_and_what_our_own_answers_is_published(upstream, tmp_path):  # noqa: F811
    client = Watched(Bitbucket(upstream.base, TOKEN, "ada", allow_private=True))
    await everything(client, upstream)
    assert client.missing == set()
    assert not_bitbucket(upstream.exchanges, tmp_path) == ""


def test_what_bitbucket_does_not_publish_is_seen(tmp_path):
    odd = [
        ("GET", "/repositories/a/b/pulls", b"", 200, b"{}"),
        ("GET", "/repositories?role=boss", b"", 200, b"{}"),
        ("POST", "/repositories/a/b/pullrequests/1/merge", b'{"merge_strategy": "octopus"}', 200, b"{}"),
        ("POST", "/repositories/a/b/pullrequests", b'{"head": "next"}', 201, b"{}"),
        ("GET", "/repositories/a/b/pullrequests/1", b"", 200, b'{"state": "ABANDONED"}'),
        ("GET", "/repositories/a/b/pullrequests/1", b"", 200, b'{"source": {"ref": "next"}}'),
        ("POST", "/repositories/a/b/pullrequests/1/decline", b"", 418, b"{}"),
    ]
    exchanges = [Exchange(method, f"/2.0{path}", {}, *rest) for method, path, *rest in odd]
    found = [line for line in not_bitbucket(exchanges, tmp_path).splitlines() if line.startswith("said.ts")]
    for word, line in zip(("pulls", "boss", "octopus", "head", "ABANDONED", "ref", "418"), found, strict=True):
        assert word in line


async def test_an_account_is_called_by_bitbucket_what_its_comments_are_signed_with(upstream):  # noqa: F811
    """The user name is told to the account itself alone, and is another word than the nickname."""
    upstream.answers["/user"] = (200, {}, b'{"username": "ada_l", "nickname": "ada", "display_name": "Ada Lovelace"}')
    assert await Bitbucket(upstream.base, TOKEN, "ada_l", allow_private=True).account() == "ada"


# --- GitLab

GITLAB = CLIENTS / "gitlab.ts"
PAGING = {"page", "per_page", "pagination", "sort"}
ANSWERS = {
    "/user": "gitlab.ExpandedUserSchema",
    "/groups": "gitlab.GroupSchema[]",
    "/projects": "gitlab.ProjectSchema[]",
    "/users/ada/projects": "gitlab.ProjectSchema[]",
    "/groups/acme/projects": "gitlab.ProjectSchema[]",
    "/projects/P": "gitlab.ProjectSchema",
    "/projects/P/repository/branches": "gitlab.BranchSchema[]",
    "/projects/P/repository/tree": "gitlab.RepositoryTreeSchema[]",
    "/projects/P/repository/commits/{}/statuses": "gitlab.CommitStatusSchema[]",
    "/projects/P/statuses/{}": "gitlab.CommitStatusSchema",
    "GET /projects/P/merge_requests": "gitlab.MergeRequestSchemaWithBasicLabels[]",
    "POST /projects/P/merge_requests": "gitlab.ExpandedMergeRequestSchema",
    "/projects/P/merge_requests/{}": "gitlab.ExpandedMergeRequestSchema",
    "/projects/P/merge_requests/{}/merge": "gitlab.ExpandedMergeRequestSchema",
    "/projects/P/merge_requests/{}/approve": "gitlab.MergeRequestLevelMergeRequestApprovalSchema",
    "/projects/P/merge_requests/{}/approvals": "gitlab.MergeRequestLevelMergeRequestApprovalSchema",
    "/projects/P/merge_requests/{}/reviewers": "gitlab.MergeRequestReviewerSchema[]",
    "GET /projects/P/merge_requests/{}/discussions": "Discussion[]",
    "POST /projects/P/merge_requests/{}/discussions": "Discussion",
    "/projects/P/merge_requests/{}/discussions/{}": "Discussion",
    "/projects/P/merge_requests/{}/discussions/{}/notes": "gitlab.MergeRequestDiscussionNoteSchema",
    "/projects/P/merge_requests/{}/discussions/{}/notes/{}": "gitlab.MergeRequestDiscussionNoteSchema",
}
"""What the client's declarations call them, by method and path, or by path alone; P is the project. (Its discussions are those of
commits and issues, too, whose notes have no position.)"""
SOME = """
type Discussion = { id: string; notes: gitlab.MergeRequestDiscussionNoteSchema[] };
// Some of what is declared, and nothing else; of notes GitLab's own page shows `resolved`, too, and lines as numbers.
type Some<T> = T extends (infer One)[] ? Some<One>[] : T extends object
  ? { [K in keyof T as string extends K ? never : K]?: K extends "new_line" | "old_line" ? number : Some<T[K]> }
    & (T extends { resolvable?: boolean } ? { resolved?: boolean } : {})
  : T;
"""


def names(found: Any) -> Any:
    """Of fields, without what stands in them."""
    return {name: names(value) for name, value in found.items()} if isinstance(found, dict) else None


def place(exchange: Exchange) -> str:
    """Ids aside."""
    path = urlsplit(exchange.path).path.removeprefix("/api/v4").replace(quote(NAME, safe=""), "P")
    return re.sub(r"/d?[0-9a-f]*\d[0-9a-f]*(?=/|$)", "/{}", path)


def calls(exchanges: list[Exchange]) -> dict[str, list[dict[str, Any]]]:
    """The names of what was sent, which GitLab takes from the query and the body alike."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in exchanges:
        sent = dict(parse_qsl(urlsplit(one.path).query)) | (read(one.headers, one.sent) or {})
        call = f"{one.method} {place(one)}"
        found.setdefault(call, []).append(names({key: sent[key] for key in sent.keys() - PAGING}))
    return found


async def test_what_is_asked_of_gitlab_is_what_its_most_used_client_asks(upstream, tmp_path):  # noqa: F811
    assert wrong(GITLAB) == ""
    client = Watched(GitLab(upstream.base, TOKEN, "", allow_private=True))
    await everything(client, upstream)
    assert client.missing == set()
    ours, answered = calls(upstream.exchanges), upstream.exchanges[:]
    upstream.exchanges.clear()
    upstream.pulls.pulls.clear()
    subprocess.run([str(NODE), str(GITLAB), upstream.base, TOKEN, upstream.pulls.tip("next")], check=True)
    theirs = calls(upstream.exchanges)
    for call, asked in ours.items():
        for sent in asked:
            assert any(sent.items() <= known.items() for known in theirs.get(call, ())), (call, sent)
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    source = ['import type * as gitlab from "@gitbeaker/core";' + SOME]
    for n, one in enumerate(answered):
        kind = ANSWERS.get(f"{one.method} {place(one)}") or ANSWERS[place(one)]
        source += [f"const said{n}: Some<{kind}> = {one.said.decode()};"] if one.said else []
    (tmp_path / "said.ts").write_text("\n".join(source))
    assert wrong(tmp_path / "said.ts") == ""
