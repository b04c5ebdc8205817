"""Pull requests of a forge that stands in for GitHub, GitLab and Bitbucket in tests: one state, spoken in the three APIs' own
fields (docs.github.com/rest, docs.gitlab.com/api, developer.atlassian.com/cloud/bitbucket/rest), with real branches below."""

import itertools
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Answer = tuple[int, Any]
NOT_FOUND: Answer = (404, {"message": "Not Found"})


@dataclass
class Comment:
    id: int
    author: str
    body: str
    thread: int
    lines: dict[str, Any] | None = None
    resolved: bool = False


@dataclass
class Pull:
    number: int
    author: str
    head: str
    base: str
    title: str
    body: str
    draft: bool = False
    closed: bool = False
    merge_commit: str = ""
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)


class Pulls:
    """`writes` are the calls that changed something; `notices` is whether it sees yet that a push merges."""

    def __init__(self, bare: Path) -> None:
        self.bare = bare
        self.pulls: dict[int, Pull] = {}
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.writes: list[str] = []
        self.notices = True
        self._ids = itertools.count(100)

    # --- what happens at the provider

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", "-C", str(self.bare), *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def tip(self, branch: str) -> str:
        found = subprocess.run(
            ["git", "-C", str(self.bare), "rev-parse", "-q", "--verify", f"refs/heads/{branch}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return found.stdout.strip()

    def open(self, author: str, head: str, base: str, title: str, body: str, draft: bool) -> Pull | None:
        if not self.tip(head) or not self.tip(base):
            return None
        made = Pull(len(self.pulls) + 1, author, head, base, title, body, draft)
        self.pulls[made.number] = made
        return made

    def say(self, pull: Pull, author: str, body: str, thread: int | None = None, lines: Any = None) -> Comment:
        id = next(self._ids)
        made = Comment(id, author, body, thread or id, lines)
        pull.comments.append(made)
        return made

    def judge(self, pull: Pull, author: str, verdict: str, body: str = "") -> dict[str, Any]:
        made = {
            "id": next(self._ids),
            "author": author,
            "verdict": verdict,
            "body": body,
            "commit": self.tip(pull.head),
        }
        pull.verdicts.append(made)
        return made

    def merge(self, pull: Pull) -> str:
        """A merge commit on the base, as the provider makes it."""
        head, base = self.tip(pull.head), self.tip(pull.base)
        tree = self.git("merge-tree", "--write-tree", base, head)
        who = ["-c", "user.name=Forge", "-c", "user.email=forge@example.com"]
        pull.merge_commit = self.git(*who, "commit-tree", tree, "-p", base, "-p", head, "-m", f"Merge {pull.title}")
        self.git("update-ref", f"refs/heads/{pull.base}", pull.merge_commit)
        return pull.merge_commit

    def state(self, pull: Pull) -> str:
        """One whose commits came into the base is merged, however they did."""
        if self.notices and not pull.merge_commit and not pull.closed:
            words = [
                "git",
                "-C",
                str(self.bare),
                "merge-base",
                "--is-ancestor",
                self.tip(pull.head),
                self.tip(pull.base),
            ]
            if subprocess.run(words, capture_output=True, check=False).returncode == 0:
                pull.merge_commit = self.tip(pull.base)
        return "merged" if pull.merge_commit else "closed" if pull.closed else "open"

    # --- what is asked of it

    def answer(self, api: str, method: str, path: str, query: dict[str, str], sent: Any, me: str) -> Answer | None:
        """None for what is not about pull requests."""
        routes = {"github": self._github, "gitlab": self._gitlab, "bitbucket": self._bitbucket}[api]()
        for verb, pattern, act in routes:
            if verb == method and (found := re.fullmatch(pattern, path)):
                if method != "GET" and "reviewThreads" not in (sent or {}).get("query", ""):
                    self.writes.append(f"{method} {path}")
                parts = found.groupdict()
                pull = self.pulls.get(int(parts["n"])) if "n" in parts else None
                if "n" in parts and pull is None:
                    return NOT_FOUND
                return act(pull, parts, query, sent or {}, me)
        return None

    def _comment(self, id: str) -> tuple[Pull, Comment] | None:
        both = ((pull, one) for pull in self.pulls.values() for one in pull.comments if one.id == int(id))
        return next(both, None)

    def _edit(self, _: Any, parts: Any, __: Any, sent: Any, ___: Any) -> Answer:
        found = self._comment(parts["id"])
        if found is None:
            return NOT_FOUND
        if "content" in sent:
            found[1].body = sent["content"]["raw"]
            return 200, {"id": found[1].id, "content": sent["content"]}
        found[1].body = sent["body"]
        return 200, {"id": found[1].id, "body": found[1].body}

    def _delete(self, _: Any, parts: Any, *__: Any) -> Answer:
        found = self._comment(parts["id"])
        if found is None:
            return NOT_FOUND
        found[0].comments.remove(found[1])
        return 204, None

    def _resolve(self, id: Any, resolved: bool, done: Answer = (200, {})) -> Answer:
        found = self._comment(id)
        if found is None:
            return NOT_FOUND
        found[1].resolved = resolved
        return done

    def _change(self, pull: Pull, sent: Any) -> None:
        pull.title = sent.get("title", pull.title)
        pull.body = sent.get("body", sent.get("description", pull.body))
        pull.draft = sent.get("draft", pull.draft)
        pull.labels = sent["labels"].split(",") if "labels" in sent else pull.labels

    def _github(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        R = r"/repos/acme/project"

        def show(pull: Pull) -> dict[str, Any]:
            state = self.state(pull)
            return {
                "number": pull.number, "node_id": f"PR_{pull.number}", "html_url": f"https://forge.example/pull/{pull.number}",
                "title": pull.title, "body": pull.body or None, "state": "open" if state == "open" else "closed",
                "labels": [{"name": one} for one in pull.labels],
                "draft": pull.draft, "merged": state == "merged", "merge_commit_sha": pull.merge_commit or "0" * 40,
                "merged_at": "2026-01-01T00:00:00Z" if state == "merged" else None, "user": {"login": pull.author},
                "head": {"ref": pull.head, "sha": self.tip(pull.head)}, "base": {"ref": pull.base, "sha": self.tip(pull.base)},
            }  # fmt: skip

        def comment(one: Comment) -> dict[str, Any]:
            shown = {"id": one.id, "body": one.body, "user": {"login": one.author}}
            if one.lines is None:
                return shown
            root = {} if one.thread == one.id else {"in_reply_to_id": one.thread}
            where = {
                "path": one.lines["path"], "side": one.lines["side"], "line": None, "original_line": one.lines["line"],
                "original_start_line": one.lines.get("start_line"), "original_commit_id": one.lines["commit_id"],
            }  # fmt: skip
            return shown | root | where

        def listed(found: list[Pull], q: Any) -> list[Any]:
            kept = [one for one in found if self.state(one) == "open" and one.base == q["base"]]
            return [show(one) for one in kept if q["head"] == f"acme:{one.head}"]

        def make(_: Any, __: Any, ___: Any, sent: Any, me: str) -> Answer:
            made = self.open(me, sent["head"], sent["base"], sent["title"], sent["body"], sent["draft"])
            return (
                (201, show(made))
                if made
                else (422, {"message": "Validation Failed", "errors": [{"message": "base invalid"}]})
            )

        def change(pull: Pull, _: Any, __: Any, sent: Any, ___: Any) -> Answer:
            self._change(pull, sent)
            pull.closed = sent.get("state", "closed" if pull.closed else "open") == "closed"
            return 200, show(pull)

        def on_lines(pull: Pull, _: Any, __: Any, sent: Any, me: str) -> Answer:
            if (
                sent["path"]
                not in self.git("diff", "--name-only", f"{self.tip(pull.base)}...{sent['commit_id']}").splitlines()
            ):
                return 422, {"message": "Validation Failed", "errors": ["path is not part of the diff"]}
            return 201, comment(self.say(pull, me, sent["body"], lines=sent))

        def reply(pull: Pull, parts: Any, _: Any, sent: Any, me: str) -> Answer:
            root = self._comment(parts["id"])
            return (201, comment(self.say(pull, me, sent["body"], root[1].id, root[1].lines))) if root else NOT_FOUND

        words = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}

        def review(pull: Pull, _: Any, __: Any, sent: Any, me: str) -> Answer:
            if sent["event"] != "COMMENT" and me == pull.author:
                return 422, {"message": "Unprocessable Entity", "errors": ["Can not approve your own pull request"]}
            return 200, {"id": self.judge(pull, me, words[sent["event"]], sent["body"])["id"]}

        def reviews(pull: Pull, *_: Any) -> Answer:
            return 200, [{"id": v["id"], "state": v["verdict"], "body": v["body"], "commit_id": v["commit"],
                          "user": {"login": v["author"]}} for v in pull.verdicts]  # fmt: skip

        def label(pull: Pull, _: Any, __: Any, sent: Any, ___: Any) -> Answer:
            pull.labels = sent["labels"]
            return 200, [{"name": one} for one in pull.labels]

        def graph(_: Any, __: Any, ___: Any, sent: Any, ____: Any) -> Answer:
            """GraphQL, as far as review threads are asked for and resolved by it."""
            given = sent["variables"]
            if "reviewThreads" not in sent["query"]:
                if not given["id"].startswith("T_"):
                    return 200, {"errors": [{"message": "Could not resolve to a node"}]}
                return self._resolve(given["id"][2:], resolved="unresolve" not in sent["query"])
            roots = [one for one in self.pulls[given["number"]].comments if one.lines and one.thread == one.id]
            nodes = [{"id": f"T_{one.id}", "isResolved": one.resolved, "comments": {"nodes": [{"databaseId": one.id}]}}
                     for one in roots]  # fmt: skip
            threads = {"nodes": nodes, "pageInfo": {"hasNextPage": False, "endCursor": "last"}}
            return 200, {"data": {"repository": {"pullRequest": {"reviewThreads": threads}}}}

        def status(_: Any, parts: Any, __: Any, sent: Any, ___: Any) -> Answer:
            self.statuses.setdefault(parts["c"], []).insert(0, sent)
            return 201, sent

        def merge(pull: Pull, *_: Any) -> Answer:
            return 200, {"sha": self.merge(pull), "merged": True}

        return [
            ("GET", f"{R}/pulls", lambda _, __, q, ___, ____: (200, listed(list(self.pulls.values()), q))),
            ("POST", f"{R}/pulls", make),
            ("GET", rf"{R}/pulls/(?P<n>\d+)", lambda pull, *_: (200, show(pull))),
            ("PATCH", rf"{R}/pulls/(?P<n>\d+)", change),
            ("PUT", rf"{R}/pulls/(?P<n>\d+)/merge", merge),
            ("PUT", rf"{R}/issues/(?P<n>\d+)/labels", label),
            ("POST", "/graphql", graph),
            ("GET", rf"{R}/issues/(?P<n>\d+)/comments",
             lambda pull, *_: (200, [comment(one) for one in pull.comments if one.lines is None])),
            ("GET", rf"{R}/pulls/(?P<n>\d+)/comments",
             lambda pull, *_: (200, [comment(one) for one in pull.comments if one.lines is not None])),
            ("POST", rf"{R}/issues/(?P<n>\d+)/comments",
             lambda pull, _, __, sent, me: (201, comment(self.say(pull, me, sent["body"])))),
            ("POST", rf"{R}/pulls/(?P<n>\d+)/comments", on_lines),
            ("POST", rf"{R}/pulls/(?P<n>\d+)/comments/(?P<id>\d+)/replies", reply),
            ("PATCH", rf"{R}/(issues|pulls)/comments/(?P<id>\d+)", self._edit),
            ("DELETE", rf"{R}/(issues|pulls)/comments/(?P<id>\d+)", self._delete),
            ("GET", rf"{R}/pulls/(?P<n>\d+)/reviews", reviews),
            ("POST", rf"{R}/pulls/(?P<n>\d+)/reviews", review),
            ("GET", rf"{R}/commits/(?P<c>\w+)/check-runs", lambda *_: (200, {"check_runs": []})),
            ("GET", rf"{R}/commits/(?P<c>\w+)/status",
             lambda _, parts, *__: (200, {"statuses": self.statuses.get(parts["c"], [])})),
            ("POST", rf"{R}/statuses/(?P<c>\w+)", status),
        ]  # fmt: skip

    def _gitlab(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        R, M = r"/projects/acme%2Fproject", r"/projects/acme%2Fproject/merge_requests/(?P<n>\d+)"

        def show(pull: Pull) -> dict[str, Any]:
            state = self.state(pull)
            base = self.tip(pull.base)
            return {
                "iid": pull.number, "web_url": f"https://forge.example/-/merge_requests/{pull.number}",
                "title": pull.title, "description": pull.body, "state": "opened" if state == "open" else state,
                "labels": pull.labels,
                "draft": pull.title.startswith("Draft: "), "source_branch": pull.head, "target_branch": pull.base,
                "sha": self.tip(pull.head), "merge_commit_sha": pull.merge_commit or None,
                "diff_refs": {"base_sha": base, "start_sha": base, "head_sha": self.tip(pull.head)},
            }  # fmt: skip

        def note(one: Comment) -> dict[str, Any]:
            shown = {"id": one.id, "body": one.body, "author": {"username": one.author}, "system": False}
            shown |= {"resolvable": True, "resolved": one.resolved}
            return shown | ({"position": one.lines} if one.lines else {})

        def discussions(pull: Pull, *_: Any) -> Answer:
            roots = [one for one in pull.comments if one.thread == one.id]
            return 200, [
                {"id": f"d{root.id}", "notes": [note(one) for one in pull.comments if one.thread == root.id]}
                for root in roots
            ]

        def listed(_: Any, __: Any, q: Any, *___: Any) -> Answer:
            found = [show(one) for one in self.pulls.values() if self.state(one) == "open"
                     and (one.head, one.base) == (q["source_branch"], q["target_branch"])]  # fmt: skip
            return 200, [{name: one[name] for name in one if name != "diff_refs"} for one in found]

        def make(_: Any, __: Any, ___: Any, sent: Any, me: str) -> Answer:
            made = self.open(
                me, sent["source_branch"], sent["target_branch"], sent["title"], sent["description"], False
            )
            return (201, show(made)) if made else (409, {"message": ["base invalid"]})

        def change(pull: Pull, _: Any, __: Any, sent: Any, ___: Any) -> Answer:
            self._change(pull, sent)
            pull.closed = {"close": True, "reopen": False}.get(sent.get("state_event"), pull.closed)
            return 200, show(pull)

        def begin(pull: Pull, _: Any, __: Any, sent: Any, me: str) -> Answer:
            made = self.say(pull, me, sent["body"], lines=sent.get("position"))
            return 201, {"id": f"d{made.id}", "notes": [note(made)]}

        def reply(pull: Pull, parts: Any, _: Any, sent: Any, me: str) -> Answer:
            return 201, note(self.say(pull, me, sent["body"], int(parts["d"])))

        def approve(pull: Pull, _: Any, __: Any, ___: Any, me: str) -> Answer:
            self.judge(pull, me, "approved")
            return 201, {}

        def given(pull: Pull, verdict: str) -> list[Any]:
            return [{"user": {"username": v["author"]}} for v in pull.verdicts if v["verdict"] == verdict]

        def reviewers(pull: Pull, *_: Any) -> Answer:
            return 200, [one | {"state": "requested_changes"} for one in given(pull, "requested_changes")]

        def status(_: Any, parts: Any, __: Any, sent: Any, ___: Any) -> Answer:
            said = {"status" if name == "state" else name: value for name, value in sent.items()}
            self.statuses.setdefault(parts["c"], []).insert(0, said)
            return 201, said

        return [
            ("GET", f"{R}/merge_requests", listed),
            ("POST", f"{R}/merge_requests", make),
            ("GET", M, lambda pull, *_: (200, show(pull))),
            ("PUT", M, change),
            ("PUT", f"{M}/merge", lambda pull, *_: (200, {"merge_commit_sha": self.merge(pull)})),
            ("GET", f"{M}/discussions", discussions),
            ("POST", f"{M}/discussions", begin),
            ("POST", rf"{M}/discussions/d(?P<d>\d+)/notes", reply),
            ("PUT", rf"{M}/discussions/d(?P<d>\d+)",
             lambda _, parts, q, sent, ___: self._resolve(parts["d"], (q | sent)["resolved"] in (True, "true"))),
            ("PUT", rf"{M}/discussions/d\d+/notes/(?P<id>\d+)", self._edit),
            ("DELETE", rf"{M}/discussions/d\d+/notes/(?P<id>\d+)", self._delete),
            ("GET", f"{M}/approvals", lambda pull, *_: (200, {"approved_by": given(pull, "approved")})),
            ("GET", f"{M}/reviewers", reviewers),
            ("POST", f"{M}/approve", approve),
            ("GET", rf"{R}/repository/commits/(?P<c>\w+)/statuses",
             lambda _, parts, *__: (200, self.statuses.get(parts["c"], []))),
            ("POST", rf"{R}/statuses/(?P<c>\w+)", status),
        ]  # fmt: skip

    def _bitbucket(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        R, P = r"/repositories/acme/project", r"/repositories/acme/project/pullrequests/(?P<n>\d+)"

        def show(pull: Pull) -> dict[str, Any]:
            states = {"open": "OPEN", "closed": "DECLINED", "merged": "MERGED"}
            ends = {name: {"branch": {"name": branch}, "commit": {"hash": self.tip(branch)[:12]}}
                    for name, branch in (("source", pull.head), ("destination", pull.base))}  # fmt: skip
            return ends | {
                "id": pull.number, "links": {"html": {"href": f"https://forge.example/pull-requests/{pull.number}"}},
                "title": pull.title, "description": pull.body, "state": states[self.state(pull)], "draft": pull.draft,
                "participants": [{"user": {"nickname": v["author"]}, "state": v["verdict"]} for v in pull.verdicts],
            } | ({"merge_commit": {"hash": pull.merge_commit[:12]}} if pull.merge_commit else {})  # fmt: skip

        def comment(one: Comment) -> dict[str, Any]:
            parent = {} if one.thread == one.id else {"parent": {"id": one.thread}}
            return (
                {"id": one.id, "content": {"raw": one.body}, "user": {"nickname": one.author}, "deleted": False}
                | parent
                | ({"resolution": {"type": "comment_resolution"}} if one.resolved else {})
                | ({"inline": one.lines} if one.lines else {})
            )

        def listed(*_: Any) -> Answer:
            return 200, {"values": [show(one) for one in self.pulls.values() if self.state(one) == "open"]}

        def make(_: Any, __: Any, ___: Any, sent: Any, me: str) -> Answer:
            ends = [sent[name]["branch"]["name"] for name in ("source", "destination")]
            made = self.open(me, ends[0], ends[1], sent["title"], sent["description"], sent["draft"])
            return (201, show(made)) if made else (400, {"error": {"message": "destination branch not found"}})

        def change(pull: Pull, _: Any, __: Any, sent: Any, ___: Any) -> Answer:
            self._change(pull, sent)
            return 200, show(pull)

        def decline(pull: Pull, *_: Any) -> Answer:
            pull.closed = True
            return 200, show(pull)

        def say(pull: Pull, _: Any, __: Any, sent: Any, me: str) -> Answer:
            return 201, comment(
                self.say(pull, me, sent["content"]["raw"], sent.get("parent", {}).get("id"), sent.get("inline"))
            )

        def verdict(word: str) -> Callable[..., Answer]:
            return lambda pull, _, __, ___, me: (200, self.judge(pull, me, word) and {"state": word})

        def status(_: Any, parts: Any, __: Any, sent: Any, ___: Any) -> Answer:
            self.statuses.setdefault(parts["c"], []).insert(0, sent)
            return 201, sent

        return [
            ("GET", f"{R}/pullrequests", listed),
            ("POST", f"{R}/pullrequests", make),
            ("GET", P, lambda pull, *_: (200, show(pull))),
            ("PUT", P, change),
            ("POST", f"{P}/decline", decline),
            ("POST", f"{P}/merge", lambda pull, *_: (200, {"merge_commit": {"hash": self.merge(pull)}})),
            ("GET", f"{P}/comments", lambda pull, *_: (200, {"values": [comment(one) for one in pull.comments]})),
            ("POST", f"{P}/comments", say),
            ("PUT", rf"{P}/comments/(?P<id>\d+)", self._edit),
            ("POST", rf"{P}/comments/(?P<id>\d+)/resolve", lambda _, parts, *__: self._resolve(parts["id"], True)),
            ("DELETE", rf"{P}/comments/(?P<id>\d+)/resolve",
             lambda _, parts, *__: self._resolve(parts["id"], False, (204, None))),
            ("DELETE", rf"{P}/comments/(?P<id>\d+)", self._delete),
            ("POST", f"{P}/approve", verdict("approved")),
            ("POST", f"{P}/request-changes", verdict("changes_requested")),
            ("GET", rf"{R}/commit/(?P<c>\w+)/statuses",
             lambda _, parts, *__: (200, {"values": self.statuses.get(parts["c"], [])})),
            ("POST", rf"{R}/commit/(?P<c>\w+)/statuses/build", status),
        ]  # fmt: skip
