"""Commands for what people do together: pull requests and webhooks."""

import argparse
import sys
from typing import Any

from backend.client import show
from backend.client.api import Server
from backend.client.nouns import OF, Noun
from backend.client.people import People

PULL = "number title state author head_branch base_branch blocked_by updated_at"
WEBHOOK = "id url status events last_error"
DELIVERY = "id event state tries status error created_at"


def register(commands: Any) -> None:
    _pulls(commands)
    _webhooks(commands)


# --- pull requests


def _pulls(commands: Any) -> None:
    pr = Noun(commands, "pr", "Pull requests between the sessions of a workspace.")
    listed = pr.verb("list", list_pulls, "Those that are open.", "WORKSPACE")
    listed.add_argument("--state", choices=("open", "draft", "merged", "closed"))
    create = pr.verb("create", create_pull, "Ask for what a session has committed to be merged.", "SESSION")
    create.add_argument("--title", required=True)
    create.add_argument("--into", metavar="SESSION", help="the default session without")
    create.add_argument("--mirror", action="store_true", help="open it at the repository's provider, too")
    edit = pr.verb("edit", edit_pull, "Change one; what is not named stays.", "WORKSPACE", "NUMBER")
    edit.add_argument("--title")
    edit.add_argument("--ready", dest="draft", action="store_false", default=None, help="it is no draft any more")
    for made in (create, edit):
        made.add_argument("--body", help="Markdown")
        made.add_argument("--draft", action="store_true", default=None)
        made.add_argument(
            "--reviewer", action="append", default=[], metavar="WHO", help="an e-mail address, or a team's name"
        )
        made.add_argument("--label", action="append", default=[], help="may be given several times")
    edit.add_argument("--unlabel", action="append", default=[], metavar="LABEL")
    pr.verb("show", show_pull, "One pull request.", "WORKSPACE", "NUMBER")
    pr.verb("diff", diff_pull, "What it changes, as a patch.", "WORKSPACE", "NUMBER")
    review = pr.verb("review", review_pull, "Approve it, request changes, or comment.", "WORKSPACE", "NUMBER")
    verdict = review.add_mutually_exclusive_group(required=True)
    for name in ("approve", "request-changes", "comment"):
        value = name.replace("-", "_")
        verdict.add_argument(f"--{name}", dest="verdict", action="store_const", const=value)
    review.add_argument("--body", default="", help="Markdown")
    merge = pr.verb("merge", merge_pull, "Merge it.", "WORKSPACE", "NUMBER")
    merge.add_argument("--method", choices=("merge", "squash", "rebase"), default="merge")
    for name, state, text in (("close", "closed", "Close it without merging."), ("reopen", "open", "Open it again.")):
        pr.verb(name, set_state, text, "WORKSPACE", "NUMBER").set_defaults(state=state)


def _path(words: argparse.Namespace, server: Server) -> str:
    return f"/workspace/{server.workspace(words.workspace)['id']}/pull-requests"


def list_pulls(words: argparse.Namespace, server: Server) -> int:
    show.rows(list(server.pages(_path(words, server), state=words.state)), PULL, words.output)
    return 0


def create_pull(words: argparse.Namespace, server: Server) -> int:
    head = server.session(words.session)
    workspace = server.workspace(head["workspace_id"])
    body = {"head_session_id": head["id"], "mirror": words.mirror} | _given(words, server, workspace)
    if words.into:
        into = words.into if "/" in words.into else f"{head['workspace_id']}/{words.into}"
        body["base_session_id"] = server.session(into)["id"]
    show.one(server.ask("POST", f"/workspace/{head['workspace_id']}/pull-requests", body), PULL, words.output)
    return 0


def edit_pull(words: argparse.Namespace, server: Server) -> int:
    workspace = server.workspace(words.workspace)
    at = f"/workspace/{workspace['id']}/pull-requests/{words.number}"
    body = _given(words, server, workspace)
    for field in ("reviewers", "reviewer_teams"):
        if field in body:  # who is asked already stays so
            body[field] = [*(one["id"] for one in server.ask("GET", at)[field]), *body[field]]
    if words.label or words.unlabel:
        kept = [label for label in server.ask("GET", at)["labels"] if label not in words.unlabel]
        body["labels"] = [*kept, *words.label]
    show.one(server.ask("PUT", at, body), f"{PULL} labels reviewers reviewer_teams", words.output)
    return 0


def _given(words: argparse.Namespace, server: Server, workspace: dict[str, Any]) -> dict[str, Any]:
    """The fields that the command line names."""
    body = {name: value for name in ("title", "body", "draft") if (value := getattr(words, name)) is not None}
    if words.label:
        body["labels"] = words.label
    if words.reviewer:
        everybody = People(server, workspace["organization_id"])
        for id, is_team in map(everybody.find, words.reviewer):
            body.setdefault("reviewer_teams" if is_team else "reviewers", []).append(id)
    return body


def show_pull(words: argparse.Namespace, server: Server) -> int:
    found = server.ask("GET", f"{_path(words, server)}/{words.number}")
    show.one(
        found, f"{PULL} labels reviewers reviewer_teams approved_by changes_requested_by conflicts body", words.output
    )
    return 0


def diff_pull(words: argparse.Namespace, server: Server) -> int:
    """A patch that `git apply` takes where no binary file changed. Modes are not in it."""
    workspace = server.workspace(words.workspace)["id"]
    pull = server.ask("GET", f"/workspace/{workspace}/pull-requests/{words.number}")
    side = pull["head_session_id"] or pull["base_session_id"]
    for changed in server.pages(f"/workspace/{workspace}/sessions/{side}/pull-requests/{words.number}/diff"):
        if words.output == "json":
            print(show.compact(changed))
        else:
            _print_patch(changed)
    return 0


def _print_patch(changed: dict[str, Any]) -> None:
    old, new, status = changed["old_path"] or changed["path"], changed["path"], changed["status"]
    print(f"diff --git {_quoted(f'a/{old}')} {_quoted(f'b/{new}')}")
    if status in _MADE_OR_GONE:
        print(f"{_MADE_OR_GONE[status]} file mode 100644")
    if old != new:
        print(f"rename from {_quoted(old)}\nrename to {_quoted(new)}")
    if changed["binary"]:
        print(f"Binary files {_quoted(f'a/{old}')} and {_quoted(f'b/{new}')} differ")
        return
    if changed["hunks"]:
        print(f"--- {'/dev/null' if status == 'added' else _ended(f'a/{old}')}")
        print(f"+++ {'/dev/null' if status == 'deleted' else _ended(f'b/{new}')}")
    for hunk in changed["hunks"]:
        counts = f"-{hunk['old_start']},{hunk['old_lines']} +{hunk['new_start']},{hunk['new_lines']}"
        print(f"@@ {counts} @@ {hunk['header']}".rstrip())
        print(hunk["text"])


_MADE_OR_GONE = {"added": "new", "deleted": "deleted"}
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def _quoted(name: str) -> str:
    """As git writes names that a patch could not hold as they are, and terminals would obey (git-config(1), core.quotePath)."""
    written = "".join(_ESCAPES.get(c) or (c if c >= " " and c != "\x7f" else f"\\{ord(c):03o}") for c in name)
    return name if written == name else f'"{written}"'


def _ended(name: str) -> str:
    """With the tab after which patches have a time: else a space would end it."""
    quoted = _quoted(name)
    return f"{quoted}\t" if " " in name and quoted == name else quoted


def review_pull(words: argparse.Namespace, server: Server) -> int:
    workspace = server.workspace(words.workspace)["id"]
    pull = server.ask("GET", f"/workspace/{workspace}/pull-requests/{words.number}")
    path = f"/workspace/{workspace}/sessions/{pull['head_session_id']}/pull-requests/{words.number}/review"
    body = {"verdict": words.verdict, "body": words.body, "commit_id": pull["head_commit"]}
    show.one(server.ask("POST", path, body), "verdict author body commit_id", words.output)
    return 0


def merge_pull(words: argparse.Namespace, server: Server) -> int:
    """Of the head that is there now: one that moves meanwhile is refused."""
    path = f"{_path(words, server)}/{words.number}"
    head = server.ask("GET", path)["head_commit"]
    show.one(server.ask("POST", f"{path}/merge", {"method": words.method, "expected_head": head}), PULL, words.output)
    return 0


def set_state(words: argparse.Namespace, server: Server) -> int:
    show.one(server.ask("PUT", f"{_path(words, server)}/{words.number}", {"state": words.state}), PULL, words.output)
    return 0


# --- webhooks


def _webhooks(commands: Any) -> None:
    webhook = Noun(commands, "webhook", "Webhooks of an organisation: facts sent to your own servers.")
    for made in (
        webhook.verb("list", list_webhooks, "The webhooks that there are."),
        webhook.verb("ping", ping_webhook, "Send one a `ping`.", "ID"),
        webhook.verb("delete", delete_webhook, "Send nothing to it any more.", "ID"),
        webhook.verb("rotate-secret", rotate_secret, "A new secret; the old one signs too for a day.", "ID"),
        webhook.verb("deliveries", list_deliveries, "What was sent to one, newest first.", "ID"),
        webhook.verb("redeliver", redeliver, "Send a delivery again.", "ID", "DELIVERY"),
    ):
        made.add_argument("--org", metavar="NAME", help=OF)
    create = webhook.verb("create", create_webhook, "Send facts to a URL; its secret is shown this once.", "ENDPOINT")
    create.add_argument(
        "--event", action="append", default=[], help="such as session.created or session.*; all without"
    )
    create.add_argument("--org", metavar="NAME", help=OF)


def _hooks(words: argparse.Namespace, server: Server) -> str:
    return f"/organizations/{server.organization(words.org)['id']}/webhooks"


def list_webhooks(words: argparse.Namespace, server: Server) -> int:
    show.rows(list(server.pages(_hooks(words, server))), WEBHOOK, words.output)
    return 0


def create_webhook(words: argparse.Namespace, server: Server) -> int:
    made = server.ask("POST", _hooks(words, server), {"url": words.endpoint, "events": words.event})
    show.one(made, "id url events secret", words.output)
    return 0


def ping_webhook(words: argparse.Namespace, server: Server) -> int:
    show.one(server.ask("POST", f"{_hooks(words, server)}/{words.id}/ping"), DELIVERY, words.output)
    return 0


def delete_webhook(words: argparse.Namespace, server: Server) -> int:
    server.ask("DELETE", f"{_hooks(words, server)}/{words.id}")
    return 0


def rotate_secret(words: argparse.Namespace, server: Server) -> int:
    found = server.ask("POST", f"{_hooks(words, server)}/{words.id}/rotate-secret")
    show.one(found, "secret previous_until", words.output)
    return 0


def list_deliveries(words: argparse.Namespace, server: Server) -> int:
    page = server.ask("GET", f"{_hooks(words, server)}/{words.id}/deliveries")
    show.rows(page["items"], DELIVERY, words.output)
    if page["next_cursor"]:
        print("There are more: the API has them page by page.", file=sys.stderr)
    return 0


def redeliver(words: argparse.Namespace, server: Server) -> int:
    path = f"{_hooks(words, server)}/{words.id}/deliveries/{words.delivery}/redeliver"
    show.one(server.ask("POST", path), DELIVERY, words.output)
    return 0
