"""The authorization matrix: every route and socket × every kind of caller, each cell with its status, on real rows.

It is made from the router: a route that nobody listed here fails it, and so does one whose guard is another or gone.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from backend.core.auth import SCOPES, Access, Role
from backend.core.db import new_id, now
from backend.edge.page.routes import ACCOUNT, ENTRANCE
from tests import make
from tests.clients import Refused
from tests.seeds import TUS, Seeds

CALLERS = ("anonymous", "outsider", "viewer", "commenter", "member", "admin", "no scope", "expired", "revoked")
GRANTED = {"lowered": (Role.MEMBER, Access.VIEWER), "raised": (Role.VIEWER, Access.MEMBER)}
"""Those who have another access to the workspace than their role gives them everywhere else."""
ORDER = (*CALLERS[:4], "lowered", *CALLERS[4:], "raised")


@dataclass(frozen=True)
class Row:
    """One route: the scope its guard must name, what to send, and the status for each caller in the order of CALLERS, but for
    the commenter, who gets what a viewer gets unless `commenter` says otherwise. `raised` is for who may more in this
    workspace alone, where that is not enough."""

    method: str
    path: str
    needs: str
    statuses: tuple[int, ...]
    body: Any = None
    params: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    commenter: int | None = None
    raised: int | None = None

    def expected(self) -> dict[str, int]:
        viewer = self.statuses[2]
        commenter = viewer if self.commenter is None else self.commenter
        found = dict(zip(CALLERS, (*self.statuses[:3], commenter, *self.statuses[3:]), strict=True))
        if self.method == "OPTIONS":  # which names no workspace, and its guard asks for the scope anywhere
            return found
        sent = f"{self.path} {self.body} {self.params} {self.headers}"
        inside = any(
            f"{{{name}" in sent for name in ("workspace", "session", "stack", "binned_", "upload", "integration")
        )
        for who, (role, access) in GRANTED.items():
            found[who] = found[access if inside else role]
        found["raised"] = found["raised"] if self.raised is None else self.raised
        return {who: found[who] for who in ORDER}


def reading(method: str, path: str, scope: str, *, ok: int = 200, foreign: int = 404, **sent: Any) -> Row:
    """Everybody of the organisation may; a stranger does not see it."""
    return Row(method, path, scope, (401, foreign, ok, ok, ok, 403, 401, 401), **sent)


def writing(method: str, path: str, scope: str, *, ok: int = 200, foreign: int = 404, **sent: Any) -> Row:
    """Members and admins may."""
    return Row(method, path, scope, (401, foreign, 403, ok, ok, 403, 401, 401), **sent)


def administering(method: str, path: str, *, ok: int = 200, **sent: Any) -> Row:
    return Row(method, path, "admin", (401, 404, 403, 403, ok, 403, 401, 401), **sent)


def commenting(method: str, path: str, *, ok: int = 201, **sent: Any) -> Row:
    """Everybody of the organisation but viewers may."""
    return Row(method, path, "pulls:comment", (401, 404, 403, ok, ok, 403, 401, 401), commenter=ok, **sent)


def personal(method: str, path: str, *, ok: int = 200, **sent: Any) -> Row:
    """Anybody who is signed in may, about themselves; a key may not."""
    return Row(method, path, "person", (401, ok, ok, ok, ok, 403, 401, 401), **sent)


def open_to_all(method: str, path: str, status: int, **sent: Any) -> Row:
    """Open on purpose: the answer does not depend on who asks."""
    return Row(method, path, "anyone", (status,) * (len(CALLERS) - 1), **sent)


def connecting(provider: str) -> list[Row]:
    """Connections are the caller's own: everybody who may import has none of anybody else's."""
    at = f"/{provider}"

    def own(method: str, path: str, ok: int, **sent: Any) -> Row:
        return Row(method, at + path, "services:write", (401, ok, 403, ok, ok, 403, 401, 401), **sent)

    imported = f"/workspace/{{session}}/services/import-{provider}"
    return [
        own("GET", "", 200),
        own("POST", "", 422, body={"token": "x", "base_url": "http://127.0.0.1:9"}),
        own("POST", "/start", 404),
        open_to_all("GET", f"{at}/callback", 303),
        own("DELETE", "/{nobody}", 404),
        own("GET", "/organizations", 409),
        own("GET", "/repositories", 409),
        own("GET", "/branches", 409, params={"repository": "a/b"}),
        writing("POST", imported, "services:write", ok=409, body={"repository": "a/b"}),
    ]


PERSON = {"email": "x@example.com", "password": "long enough", "name": "X"}
PROOF = {"password": make.PASSWORD, "code": "123456"}
ORG, WS, ONE = "/organizations/{organization}", "/workspace/{workspace}", "/workspace/{session}"
STACK = "/workspace/{stack}"
DATABASE, SQLITE = f"{STACK}/services/{{service}}/database", f"{STACK}/sqlite"
VCS = f"{ONE}/version-controls"
PULLS, PULL = f"{WS}/pull-requests", f"{WS}/pull-requests/{{pull}}"
SIDE = f"{WS}/sessions/{{head}}/pull-requests"
INCOMING = "/webhook-integrations/{integration}"
HOOK = f"{ORG}/webhooks/{{webhook}}"

MATRIX = [
    open_to_all("GET", "/healthz", 200),
    open_to_all("GET", "/readyz", 200),
    open_to_all("GET", "/metrics", 200),
    open_to_all("GET", "/api/docs", 200),
    open_to_all("GET", "/api/docs/openapi.json", 200),
    open_to_all("GET", "/api/docs/{path}", 404),
    open_to_all("GET", "/api/v1/openapi.json", 200),
    *(
        open_to_all("GET", path, 200)
        for path in ("/", *ENTRANCE, *ACCOUNT, "/s/{session}", "/o/acme/people", "/w/acme/people")
    ),
    open_to_all("GET", "/assets/{path}", 404),
    open_to_all("POST", "/auth/setup", 404, body=PERSON | {"token": "x", "organization": "X"}),
    open_to_all("POST", "/auth/setup/check", 404, body={"token": "x"}),
    open_to_all("POST", "/auth/register", 403, body=PERSON),
    open_to_all("POST", "/auth/invitation", 403, body={"invitation": "x"}),
    open_to_all("POST", "/auth/login", 401, body={"email": "{unique}@example.com", "password": "wrong"}),
    personal("POST", "/auth/logout", ok=204),
    Row("GET", "/auth/me", "signed-in", (401, 200, 200, 200, 200, 200, 401, 401)),
    personal("GET", "/account/settings"),
    personal("PUT", "/account/settings", body={"settings": {"theme": "dark"}}),
    personal("GET", "/account/profile"),
    personal("PUT", "/account/profile", ok=204, body={"name": "New"}),
    personal("POST", "/account/email", ok=204, body={"email": "new@example.com", "password": make.PASSWORD}),
    personal("POST", "/auth/verify-email/send", ok=204),
    open_to_all("POST", "/auth/verify-email", 403, body={"token": "x"}),
    open_to_all("POST", "/auth/reset-password/send", 204, body={"email": "{unique}@example.com"}),
    open_to_all("POST", "/auth/reset-password", 403, body={"token": "x", "password": "long enough"}),
    personal("POST", "/auth/accept-invitation", ok=403, body={"invitation": "x"}),
    personal("GET", "/account/second-factor"),
    personal("POST", "/account/second-factor", body={"password": make.PASSWORD}),
    personal("POST", "/account/second-factor/confirm", ok=409, body={"code": "1"}),
    personal("POST", "/account/second-factor/recovery-codes", ok=409, body=PROOF),
    personal("POST", "/account/second-factor/disable", ok=409, body=PROOF),
    open_to_all("GET", "/auth/providers", 200),
    personal("GET", "/auth/providers/settings", ok=403),
    open_to_all("POST", "/auth/providers/{nobody}/start", 404, body={}),
    open_to_all("GET", "/auth/providers/{nobody}/callback", 303),
    personal("GET", "/account/identities"),
    personal("POST", "/account/identities/{nobody}/start", ok=404),
    personal("DELETE", "/account/identities/{nobody}", ok=404),
    personal("GET", "/mail/outbox", ok=403),
    personal("GET", "/auth/sign-ins"),
    Row("DELETE", "/auth/sign-ins/{sign_in}", "person", (401, 404, 404, 404, 404, 403, 401, 401)),
    personal("POST", "/auth/password", ok=204, body={"current": make.PASSWORD, "new": make.PASSWORD}),
    reading("GET", "/organizations", "organization:read", foreign=200),
    personal("POST", "/organizations", ok=201, body={"name": "Mine"}),
    reading("GET", f"{ORG}/members", "organization:read"),
    reading("GET", ORG, "organization:read"),
    administering("PUT", ORG, body={"name": "Acme"}),
    Row("DELETE", ORG, "person", (401, 404, 403, 403, 403, 403, 401, 401), params={"confirm": "another"}),
    personal("GET", "/organizations/bin"),
    Row("POST", f"{ORG}/restore", "person", (401, 404, 404, 404, 404, 403, 401, 401)),
    administering("PUT", f"{ORG}/members/{{user}}", ok=204, body={"role": "viewer"}),
    Row("DELETE", f"{ORG}/members/{{user}}", "organization:read", (401, 404, 403, 403, 204, 403, 401, 401)),
    Row("GET", "/roles", "signed-in", (401, 200, 200, 200, 200, 200, 401, 401)),
    reading("GET", f"{ORG}/teams", "organization:read"),
    administering("POST", f"{ORG}/teams", ok=201, body={"name": "{unique}"}),
    administering("PUT", f"{ORG}/teams/{{team}}", ok=204, body={"name": "{unique}"}),
    administering("PUT", f"{ORG}/teams/{{team}}/members/{{user}}", ok=204),
    administering("DELETE", f"{ORG}/teams/{{team}}/members/{{user}}", ok=204),
    administering("DELETE", f"{ORG}/teams/{{team}}", ok=204),
    reading("GET", f"{WS}/access", "workspaces:read"),
    reading("GET", f"{WS}/access/mine", "workspaces:read"),
    administering("PUT", f"{WS}/access/people/{{user}}", ok=204, body={"access": "viewer"}),
    administering("DELETE", f"{WS}/access/people/{{granted_user}}", ok=204),
    administering("PUT", f"{WS}/access/teams/{{team}}", ok=204, body={"access": "viewer"}),
    administering("DELETE", f"{WS}/access/teams/{{granted_team}}", ok=204),
    administering("GET", f"{ORG}/invitations"),
    administering("POST", f"{ORG}/invitations", ok=201, body={"email": "y@example.com"}),
    administering("POST", f"{ORG}/invitations/{{invitation}}/resend"),
    administering("DELETE", f"{ORG}/invitations/{{invitation}}", ok=204),
    administering("GET", f"{ORG}/api-keys"),
    administering("POST", f"{ORG}/api-keys", ok=201, body={"name": "k", "scopes": ["files:read"]}),
    administering("DELETE", f"{ORG}/api-keys/{{key}}", ok=204),
    administering("DELETE", f"{ORG}/api-keys", ok=204),
    administering("GET", f"{ORG}/audit"),
    administering("GET", f"{ORG}/audit/csv"),
    administering("GET", f"{ORG}/audit/actions"),
    administering("GET", f"{ORG}/audit/actors"),
    administering("GET", f"{ORG}/audit/verify"),
    administering("GET", f"{ORG}/webhook-events"),
    administering("GET", f"{ORG}/webhooks"),
    administering("POST", f"{ORG}/webhooks", ok=201, body={"url": "http://127.0.0.1:9/"}),
    administering("GET", HOOK),
    administering("PUT", HOOK, body={"description": "x"}),
    administering("DELETE", HOOK, ok=204),
    administering("POST", f"{HOOK}/ping", ok=202),
    administering("POST", f"{HOOK}/rotate-secret"),
    administering("GET", f"{HOOK}/deliveries"),
    administering("GET", f"{HOOK}/deliveries/{{delivery}}"),
    administering("POST", f"{HOOK}/deliveries/{{delivery}}/redeliver", ok=202),
    open_to_all("POST", "/webhooks/incoming/{path}", 404, body={}),
    reading("GET", "/webhook-integrations", "workspaces:read", foreign=200),
    writing(
        "POST",
        "/webhook-integrations",
        "workspaces:write",
        ok=201,
        body={"workspace_id": "{workspace}", "provider": "github"},
    ),
    reading("GET", INCOMING, "workspaces:read"),
    writing("PUT", INCOMING, "workspaces:write", body={"name": "x"}),
    writing("DELETE", INCOMING, "workspaces:write", ok=204),
    reading("GET", f"{INCOMING}/deliveries", "workspaces:read"),
    reading("GET", f"{INCOMING}/deliveries/{{received}}", "workspaces:read"),
    writing("POST", f"{INCOMING}/deliveries/{{received}}/replay", "workspaces:write", ok=202),
    reading("GET", "/workspace", "workspaces:read", foreign=200),
    writing("POST", "/workspace", "workspaces:write", ok=201, body={"name": "n", "organization_id": "{organization}"}),
    Row("GET", "/templates", "signed-in", (401, 200, 200, 200, 200, 200, 401, 401)),
    writing(
        "POST",
        "/workspace/auto-create",
        "workspaces:write",
        ok=201,
        body={"template": "static-site", "run": False, "organization_id": "{organization}"},
    ),
    reading("GET", "/workspace/bin", "workspaces:read", foreign=200),
    reading("GET", WS, "workspaces:read"),
    writing("PUT", WS, "workspaces:write", body={"name": "n"}),
    writing("DELETE", WS, "workspaces:write", ok=204),
    writing("POST", "/workspace/{binned_workspace}/restore", "workspaces:write"),
    writing("POST", f"{WS}/duplicate", "workspaces:write", ok=201, body={"name": "n"}, raised=403),
    reading("GET", f"{WS}/default-session", "workspaces:read"),
    writing("POST", "/sessions", "sessions:write", ok=201, body={"workspace_id": "{workspace}", "name": "{unique}"}),
    reading("GET", "/sessions", "sessions:read", foreign=200),
    reading("GET", "/sessions/{workspace}/sessions", "sessions:read"),
    reading("GET", "/sessions/{session}", "sessions:read"),
    writing("DELETE", "/sessions/{session}", "sessions:write", ok=204),
    writing("POST", "/sessions/{binned_session}/restore", "sessions:write"),
    reading("POST", f"{ONE}/filesystem", "files:read", body={"op": "stat", "path": ""}),
    writing("POST", f"{ONE}/filesystem", "files:read", body={"op": "write", "path": "a", "content": ""}),
    reading("POST", f"{ONE}/file-tree", "files:read", body={}),
    reading("POST", f"{ONE}/search", "files:read", body={"query": "x"}),
    reading("GET", f"{ONE}/archive", "files:read"),
    writing("OPTIONS", "/filestorage", "files:write", ok=204, foreign=204),
    writing(
        "POST",
        "/filestorage",
        "files:write",
        ok=201,
        headers=TUS | {"Upload-Length": "1", "Upload-Metadata": "{upload_metadata}"},
    ),
    writing("HEAD", "/filestorage/{upload}", "files:write", headers=TUS),
    writing(
        "PATCH",
        "/filestorage/{upload}",
        "files:write",
        ok=204,
        headers=TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
    ),
    writing("DELETE", "/filestorage/{upload}", "files:write", ok=204, headers=TUS),
    Row(
        "WS",
        "/ws/lsp-fs-watch",
        "files:read",
        (401, 404, 101, 101, 101, 403, 401, 401),
        params={"session_id": "{session}"},
    ),
    reading("GET", f"{VCS}/repositories", "vcs:read"),
    reading("GET", f"{VCS}/status", "vcs:read"),
    reading("POST", f"{VCS}/log", "vcs:read", body={}),
    reading("GET", f"{VCS}/log/HEAD", "vcs:read"),
    reading("POST", f"{VCS}/diff", "vcs:read", body={"from": "HEAD", "to": "HEAD"}),
    reading("GET", f"{VCS}/diff/working-copy", "vcs:read"),
    writing("POST", f"{VCS}/commit", "vcs:write", ok=409, body={"message": "m"}),
    reading("POST", f"{VCS}/commit/generate-message", "vcs:read", ok=409, body={}),
    writing("POST", f"{VCS}/discard", "vcs:write", body={}),
    writing("POST", f"{VCS}/rollback", "vcs:write", body={"commit_id": "HEAD"}),
    reading("GET", f"{VCS}/snapshots", "vcs:read"),
    writing("POST", f"{VCS}/snapshots", "vcs:write", ok=201, body={}),
    reading("GET", f"{VCS}/snapshots/{{snapshot}}", "vcs:read"),
    writing("POST", f"{VCS}/snapshots/{{snapshot}}/restore", "vcs:write"),
    reading("GET", f"{VCS}/blame", "vcs:read", ok=404, params={"path": "none"}),
    reading("GET", f"{VCS}/branches", "vcs:read"),
    writing("POST", f"{VCS}/merge", "vcs:write", body={"from_session": "{session}"}),
    writing("POST", f"{VCS}/push", "vcs:write", ok=422, body={}),
    writing("POST", f"{VCS}/pull", "vcs:write", ok=422, body={}),
    reading("GET", PULLS, "pulls:read"),
    writing("POST", PULLS, "pulls:write", ok=409, body={"head_session_id": "{head}", "title": "t"}),
    reading("GET", f"{PULLS}/counts", "pulls:read"),
    reading("GET", PULL, "pulls:read"),
    writing("PUT", PULL, "pulls:write", body={"title": "t"}),
    reading("POST", f"{PULL}/refresh", "pulls:read"),
    writing("POST", f"{PULL}/mirror", "pulls:write"),
    writing("DELETE", f"{PULL}/mirror", "pulls:write", ok=409),
    reading("GET", f"{PULL}/checks", "pulls:read"),
    writing("PUT", f"{PULL}/checks", "pulls:write", body={"name": "ci", "state": "success"}),
    writing("POST", f"{PULL}/merge", "pulls:write", ok=423, body={"expected_head": "0" * 40}),
    reading("POST", f"{PULL}/conflict-content", "pulls:read", ok=409, body={}),
    writing(
        "POST",
        f"{PULL}/conflict-resolution",
        "pulls:write",
        ok=423,
        body={"expected_head": "0" * 40, "files": [{"path": "a", "content": ""}]},
    ),
    reading("GET", f"{PULL}/commits", "pulls:read"),
    reading("GET", f"{PULL}/threads", "pulls:read"),
    commenting("POST", f"{PULL}/threads", body={"body": "b"}),
    commenting("PUT", f"{PULL}/threads/{{thread}}", ok=200, body={"resolved": True}),
    commenting("POST", f"{PULL}/threads/{{thread}}/comments", body={"body": "b"}),
    commenting("PUT", f"{PULL}/comments/{{comment}}", ok=403, body={"body": "b"}),
    commenting("DELETE", f"{PULL}/comments/{{comment}}", ok=403),
    writing("POST", f"{PULL}/apply-suggestions", "pulls:write", ok=422, body={"comment_ids": ["{comment}"]}),
    reading("GET", f"{PULL}/reviews", "pulls:read"),
    reading("GET", f"{SIDE}/rules", "pulls:read"),
    administering("PUT", f"{SIDE}/rules", body={"required_approvals": 0}),
    reading("GET", f"{SIDE}/{{pull}}/diff", "pulls:read"),
    reading("PUT", f"{SIDE}/{{pull}}/viewed", "pulls:read", ok=204, body={"path": "x.txt", "viewed": True}),
    commenting("POST", f"{SIDE}/{{pull}}/review", body={"verdict": "comment", "body": "b"}),
    Row(
        "POST",
        f"{SIDE}/{{pull}}/review",
        "pulls:comment",
        (401, 404, 403, 201, 201, 403, 401, 401),
        body={"verdict": "approve"},
    ),
    writing("POST", f"{SIDE}/{{pull}}/pull-into-session", "vcs:write", body={}),
    reading("GET", f"{WS}/tasks", "tasks:read"),
    writing("POST", f"{WS}/tasks", "tasks:write", ok=201, body={"title": "t"}),
    reading("GET", f"{ONE}/tasks/{{task}}", "tasks:read"),
    writing("PUT", f"{ONE}/tasks/{{task}}", "tasks:write", body={"status": "done"}),
    writing("DELETE", f"{ONE}/tasks/{{task}}", "tasks:write", ok=204),
    writing(
        "POST",
        "/task-management",
        "tasks:write",
        body={"workspace_id": "{workspace}", "task_ids": ["{task}"], "status": "done"},
    ),
    personal("GET", "/notifications"),
    personal("GET", "/notifications/unread"),
    personal("POST", "/notifications/read", body={}),
    personal("POST", "/notifications/{nobody}/accept", ok=404),
    reading("GET", f"{WS}/activity", "workspaces:read"),
    reading("GET", f"{ORG}/activity", "organization:read"),
    reading("GET", f"{STACK}/services", "services:read"),
    writing(
        "POST", f"{STACK}/services", "services:write", ok=201, body={"name": "{unique}", "type": "image", "image": "x"}
    ),
    writing("PUT", f"{STACK}/services/{{service}}", "services:write", body={"icon": "x"}),
    writing("PUT", f"{STACK}/services/reorder", "services:write", ok=409, body={"ids": []}),
    writing("POST", f"{STACK}/services/import-dockerhub", "services:write", ok=409, body={"image": "nothing:1"}),
    writing("DELETE", f"{STACK}/services/{{service}}", "services:write", ok=204),
    reading("GET", f"{STACK}/previews", "services:read"),
    writing("PUT", f"{STACK}/previews/{{service}}/80", "services:write", body={"visibility": "organization"}),
    reading("POST", f"{STACK}/previews/{{service}}/80/entry", "services:read"),
    Row("GET", "/preview-entry", "signed-in", (401, 404, 404, 404, 404, 404, 401, 401), params={"to": "http://x"}),
    reading("GET", f"{DATABASE}", "services:read", ok=422),
    reading("GET", f"{DATABASE}/schema", "services:read", ok=422),
    reading("POST", f"{DATABASE}/data", "services:read", ok=422, body={"table": "t"}),
    reading("POST", f"{DATABASE}/query", "services:read", ok=422, body={"sql": "SELECT 1"}),
    reading("DELETE", f"{DATABASE}/queries/{{nobody}}", "services:read", ok=404),
    reading("POST", f"{DATABASE}/export", "services:read", ok=422, body={"format": "csv", "table": "t"}),
    reading("GET", f"{SQLITE}/schema", "files:read", ok=404, params={"path": "none.db"}),
    reading("POST", f"{SQLITE}/data", "files:read", ok=404, params={"path": "none.db"}, body={"table": "t"}),
    reading("POST", f"{SQLITE}/query", "files:read", ok=404, params={"path": "none.db"}, body={"sql": "SELECT 1"}),
    reading("DELETE", f"{SQLITE}/queries/{{nobody}}", "files:read", ok=404, params={"path": "none.db"}),
    reading(
        "POST",
        f"{SQLITE}/export",
        "files:read",
        ok=404,
        params={"path": "none.db"},
        body={"format": "csv", "table": "t"},
    ),
    *(row for provider in ("github", "gitlab", "bitbucket") for row in connecting(provider)),
    writing("POST", f"{STACK}/volumes/copy", "services:write", body={"from_session_id": "{session}"}),
    reading("GET", f"{ONE}/idle", "services:read"),
    writing("PUT", f"{ONE}/idle/keep", "services:write", body={}),
    reading("GET", f"{WS}/variables", "services:read"),
    writing("PUT", f"{WS}/variables/A", "services:write", ok=204, body={"value": "x"}),
    writing("DELETE", f"{WS}/variables/{{variable}}", "services:write", ok=204),
    reading("GET", f"{WS}/registries", "services:read"),
    writing("PUT", f"{WS}/registries/a.io", "services:write", ok=204, body={"username": "a", "password": "b"}),
    writing("DELETE", f"{WS}/registries/{{registry}}", "services:write", ok=204),
    writing("POST", f"{STACK}/runtimes/run-all", "services:write", ok=202),
    writing("POST", f"{STACK}/runtimes/stop-all", "services:write", ok=202),
    writing("POST", f"{STACK}/runtimes/{{service}}/start", "services:write", ok=202),
    writing("POST", f"{STACK}/runtimes/{{service}}/restart", "services:write", ok=202),
    writing("POST", f"{STACK}/runtimes/{{service}}/stop", "services:write", ok=202),
    reading("GET", f"{STACK}/operations/{{operation}}", "services:read"),
    writing("POST", f"{STACK}/operations/{{operation}}/cancel", "services:write", ok=409),
    reading("GET", f"{STACK}/services/{{service}}/logs", "services:read"),
    reading("GET", f"{STACK}/metrics", "services:read"),
    reading("GET", f"{ONE}/terminals", "terminals:read"),
    Row("DELETE", f"{ONE}/terminals/{{terminal}}", "terminals:write", (401, 404, 403, 404, 404, 403, 401, 401)),
    writing("POST", f"{ONE}/run", "terminals:write", ok=404, body={"command": "true", "service_id": "{nobody}"}),
    Row(
        "WS",
        "/ws/terminal",
        "terminals:read",
        (401, 404, 403, 101, 101, 403, 401, 401),
        params={"session_id": "{session}"},
    ),
    Row(
        "WS",
        "/ws/lsp",
        "files:read",
        (401, 404, 101, 101, 101, 403, 401, 401),
        params={"session_id": "{session}", "language": "sql"},
    ),
    reading("GET", f"{ONE}/language-servers", "files:read"),
    writing("POST", f"{ONE}/language-servers/sql/restart", "files:write"),
    reading("GET", f"{ONE}/language-servers/sql/logs", "files:read"),
    reading(
        "GET", "/lsp-fs", "files:read", params={"session_id": "{session}", "uri": "file:///workspace/", "op": "list"}
    ),
    Row("GET", "/events", "signed-in", (401, 200, 200, 200, 200, 200, 401, 401)),
    Row("WS", "/ws/events", "signed-in", (401, 101, 101, 101, 101, 101, 401, 401)),
]


def shape(path: str) -> str:
    """A path without the names of its parameters, as both the router and this table can be brought to."""
    import re

    return re.sub(
        r"\{[^}]*\}|(?<=/log/)HEAD|(?<=/variables/)A|(?<=/registries/)a\.io|(?<=\}/)80|(?<=language-servers/)sql|(?<=^/[ow]/)acme/people",
        "{}",
        path,
    )


def absolute(path: str) -> str:
    outside = (
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/",
        "/assets",
        *ENTRANCE,
        *ACCOUNT,
        "/s/",
        "/o/",
        "/w/",
    )
    return path if path == "/" or path.startswith(outside) else f"/api/v1{path}"


def routed(app: Any) -> dict[tuple[str, str], Any]:
    """(method, shape of path) → handler of everything that the application serves."""
    found = {}
    while not hasattr(app, "routes"):
        app = app.app
    for route in app.routes:
        if hasattr(route, "route_handler_map"):
            for method, (handler, _) in route.route_handler_map.items():
                if method != "OPTIONS" or (
                    "OPTIONS" in handler.http_methods and handler.fn.__module__.startswith("backend")
                ):
                    found[method, shape(route.path)] = handler
        else:
            found["WS", shape(route.path)] = route.route_handler
    return found


def needed(handler: Any) -> str:
    return "+".join(getattr(guard, "needs", "?") for guard in handler.resolve_guards()) or "no guard"


async def test_every_route_is_listed_and_every_listed_one_exists(app):
    listed = {(row.method, shape(absolute(row.path))) for row in MATRIX}
    served = set(routed(app))
    assert served - listed == set(), "routes that the matrix does not list"
    assert listed - served == set(), "rows of routes that are gone"


async def test_every_route_is_guarded_as_listed(app):
    handlers = routed(app)
    wrong = [
        f"{row.method} {row.path}: listed {row.needs}, guarded by {found}"
        for row in MATRIX
        if (found := needed(handlers[row.method, shape(absolute(row.path))])) != row.needs
    ]
    assert not wrong, "\n".join(wrong)


async def test_a_route_without_its_guard_is_seen(app):
    """What the test above would say of one whose guard was taken out."""
    handler = routed(app)["GET", "/api/v1/workspace"]
    assert needed(handler) == "workspaces:read"
    guards = handler._resolved_guards if hasattr(handler, "_resolved_guards") else None
    assert guards is not None
    handler._resolved_guards = ()
    try:
        assert needed(handler) == "no guard"
    finally:
        handler._resolved_guards = guards


@pytest.fixture
def seeds(client, ada, database) -> Seeds:
    return Seeds(client, ada, database)


@pytest.fixture
def caller(call, database, ada, client, seeds):
    async def become(who: str, row: Row) -> Any:
        if who == "anonymous":
            return call(None)
        if who == "outsider":
            return call(await make.person(database, await make.organization(database, "Other"), Role.OWNER))
        if who in GRANTED:
            role, access = GRANTED[who]
            somebody = await make.person(database, ada.organization_id, role)
            for workspace in ("workspace", "binned_workspace"):
                if workspace in seeds.made:
                    await make.grant(database, somebody, UUID(seeds.made[workspace]), access)
            return call(somebody)
        if who in ("viewer", "commenter", "member", "admin"):
            return call(await make.person(database, ada.organization_id, Role(who)))
        if who == "no scope":
            subject, _, verb = row.needs.partition(":")
            implying = {f"{subject}:write", f"{subject}:comment"} if verb in ("read", "comment") else set()
            without = sorted(set(SCOPES) - {row.needs, *implying, "admin"})
            return call(await make.key(database, ada.organization_id, *without))
        if who == "expired":
            return call(await make.key(database, ada.organization_id, *SCOPES, expires_at=now() - timedelta(seconds=1)))
        key = await make.key(database, ada.organization_id, *SCOPES)
        await client.delete(f"/organizations/{ada.organization_id}/api-keys/{key.key_id}")
        return call(key)

    return become


async def ask(client: Any, row: Row, seeds: Seeds) -> int:
    path, params = await seeds.fill(row.path), await seeds.fill(row.params)
    if row.method == "WS":
        try:
            async with client.socket(path, **params):
                return 101
        except Refused as refused:
            return refused.status
    url = path if absolute(path) != path else f"http://localhost:8300{path}"
    if path == "/events" or row.path == f"{STACK}/metrics":  # a stream that does not end is looked at by its head
        return (await client.head(url)).status_code
    body = await seeds.fill(row.body)
    content = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
    return (
        await client.request(row.method, url, params=params, headers=await seeds.fill(row.headers), **content)
    ).status_code


@pytest.mark.parametrize("row", MATRIX, ids=lambda row: f"{row.method} {row.path}")
async def test_each_cell_has_its_status(row: Row, seeds, caller):
    """Attack rows 16, 30, 41 and 42. Callers who may not come first: what they leave must still be there for those who may.
    A deletion that succeeded for a member is 404 for the admin after them."""
    got = {}
    for who, expected in row.expected().items():
        client = await caller(who, row)
        got[who] = await ask(client, row, seeds)
        gone_already = row.method == "DELETE" or row.path.endswith("/restore")
        if gone_already and who in ("admin", "raised") and got[who] == 404 and got["member"] in (200, 204):
            got[who] = expected
    assert got == row.expected()


@pytest.mark.parametrize("row", [row for row in MATRIX if row.method == "WS"], ids=lambda row: row.path)
async def test_each_socket_refuses_a_cookie_from_elsewhere(row: Row, seeds, client):
    """Attack rows 1 to 5; and that no refusal was for another reason: the same address from the page's own origin."""
    names = (
        "evil.example",
        "localhost:8300.evil.com",
        "evil-localhost:8300",
        "localhost:9999",
        "LOCALHOST:8300",
        "localhost:8300\n.evil",
    )
    foreign = [{"origin": origin} for origin in ("null", "", *(f"http://{name}" for name in names))]
    forwarded = {"origin": "https://evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    for headers in (*foreign, forwarded):
        with pytest.raises(Refused) as refused:
            async with client.socket(row.path, headers=headers, **await seeds.fill(row.params)):
                pass
        assert (refused.value.status, refused.value.body["error"]["code"]) == (403, "foreign_origin"), headers
    assert await ask(client, row, seeds) != 403


async def test_ids_that_are_nobodys_are_not_found(client):
    """Attack rows 17 and 42: unknown, malformed and hostile ids alike."""
    for odd in (str(new_id()), "x", "..", "%2e%2e", "1", "%00", "'--"):
        for path in (f"/workspace/{odd}", f"/sessions/{odd}", f"/organizations/{odd}/members"):
            assert (await client.get(path)).status_code in (404, 400), (path, odd)
