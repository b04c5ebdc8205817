"""GitHub, GitLab and Bitbucket for tests: servers that speak their published API shapes for one account with one private
repository, and git over HTTP beside it, to who shows the token."""

import base64
import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email import message_from_bytes
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from tests import remotes
from tests.forge_pulls import Pulls
from tests.remotes import TOKEN, Answered

NAME = "acme/project"


CLIENT, SECRET = "codeyard-client", "the client's secret"


class OAuth:
    """The forge as an authorization server (RFC 6749, 7636, 7009; docs.github.com "Authorizing OAuth apps", docs.gitlab.com
    "OAuth 2.0 identity provider API"). A refresh token is taken once; `lasts` is how long tokens hold, None without an end."""

    def __init__(self, forge: "Forge") -> None:
        self._forge = forge
        self.codes: dict[str, dict[str, str]] = {}
        self.renewals: set[str] = set()
        self.lasts: int | None = 7200
        self.renewed, self.revoked = 0, list[str]()

    def visit(self, url: str) -> dict[str, str]:
        """What a browser does there: the person says yes, and is sent back with a code and the state."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["code_challenge_method"] == "S256" and asked["client_id"] == CLIENT
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        def said(found: Any, status: int = 200) -> Answered:
            return status, {"content-type": "application/json"}, json.dumps(found).encode()

        base = self._forge.base
        if path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "oauth/authorize", "token_endpoint": "oauth/token", "jwks_uri": "keys"}
            return said({"issuer": base} | {name: f"{base}/{at}" for name, at in places.items()})
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        by_us = headers.get("authorization") == basic or form.get("client_secret") == SECRET
        if method == "DELETE" and path == f"/api/v3/applications/{CLIENT}/token" and by_us:
            return self._revoke(json.loads(body)["access_token"])
        if method != "POST" or not by_us:
            return None
        if path == "/oauth/revoke":
            return self._revoke(form["token"])
        if path not in ("/login/oauth/access_token", "/oauth/token", "/site/oauth2/access_token"):
            return None
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.renewals:
                return said({"error": "invalid_grant"}, 400)
            self.renewals.remove(form["refresh_token"])
            self.renewed += 1
        else:
            asked = self.codes.pop(form["code"], None)
            if (
                asked is None
                or create_s256_code_challenge(form["code_verifier"]) != asked["code_challenge"]
                or form["redirect_uri"] != asked["redirect_uri"]
            ):
                return said({"error": "invalid_grant"}, 400)
        access, renewal = (f"{kind}-{secrets.token_hex(8)}" for kind in ("access", "renewal"))
        self._forge.accounts[access] = "ada"
        found: dict[str, Any] = {"access_token": access, "token_type": "bearer"}
        if self.lasts is not None:
            self.renewals.add(renewal)
            found |= {"refresh_token": renewal, "expires_in": self.lasts}
        return said(found)

    def _revoke(self, token: str) -> Answered:
        self._forge.accounts.pop(token, None)
        self.revoked.append(token)
        return 204, {}, b""


class Exchange(NamedTuple):
    """What was asked (`path` with its query), and answered."""

    method: str
    path: str
    headers: Mapping[str, str]
    sent: bytes
    status: int
    said: bytes


def read(headers: Mapping[str, str], body: bytes) -> Any:
    """JSON, or a form of several parts, whose names nest: `position[new_line]`."""
    if not headers.get("content-type", "").startswith("multipart/form-data"):
        return json.loads(body) if body else None
    form = message_from_bytes(f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + body)
    found: dict[str, Any] = {}
    for part in form.get_payload():
        outer, _, inner = str(part.get_param("name", header="content-disposition")).partition("[")
        (found.setdefault(outer, {}) if inner else found)[inner.rstrip("]") or outer] = part.get_payload()
    return found


class Forge:
    """`base` is where it lives; `answers` can put another answer (status, headers, body) in place of a path's; `accounts` are
    those that its tokens are of; `exchanges` is all that was asked of its API."""

    def __init__(self, folder: Path) -> None:
        self.base = ""
        self.accounts = {TOKEN: "ada"}
        self.pulls = Pulls(folder / f"{NAME}.git")
        self.oauth = OAuth(self)
        self.answers: dict[str, Answered] = {}
        self.exchanges: list[Exchange] = []
        self.clone_url = ""
        self.default_branch = "main"

    def __call__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        answered = self._answer(method, path, headers, body)
        if answered is not None:
            self.exchanges.append(Exchange(method, path, headers, body, answered[0], answered[2]))
        return answered

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answered | None:
        parts = urlsplit(path)
        if (said := self.oauth.answer(method, parts.path, headers, body)) is not None:
            return said
        prefix = next((one for one in ("/api/v3", "/api/v4", "/2.0", "/api") if parts.path.startswith(one + "/")), None)
        if prefix is None:
            return None
        asked = parts.path.removeprefix(prefix)
        if unquote(asked) in self.answers:
            return self.answers[unquote(asked)]
        kind, _, given = headers.get("authorization", "").partition(" ")
        token = base64.b64decode(given).decode().partition(":")[2] if kind == "Basic" else given
        if token not in self.accounts:
            return 401, {}, b'{"message": "Bad credentials"}'
        self.me = self.accounts[token]
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        api = {"/api/v3": "github", "/api": "github", "/api/v4": "gitlab", "/2.0": "bitbucket"}[prefix]
        about = self.pulls.answer(api, method, asked, query, read(headers, body), self.me)
        if about is not None:
            status, said = about
            return status, {"content-type": "application/json"}, b"" if said is None else json.dumps(said).encode()
        speak = {"/api/v3": self.github, "/api": self.github, "/api/v4": self.gitlab, "/2.0": self.bitbucket}[prefix]
        found = speak(asked, query)
        if found is None:
            return 404, {}, b'{"message": "Not Found"}'
        more = (
            {"link": f'<{self.base}{prefix}{asked}?page=2>; rel="next"'}
            if "branches" in asked and query.get("page") == "1"
            else {}
        )
        return 200, more | {"content-type": "application/json"}, json.dumps(found).encode()

    def kind(self, at: str) -> str | None:
        """What lies at `commit:path`: a tree, a blob, or nothing."""
        try:
            return self.pulls.git("cat-file", "-t", at)
        except subprocess.CalledProcessError:
            return None

    @property
    def url(self) -> str:
        return self.clone_url or f"{self.base}/{NAME}.git"

    def github(self, path: str, query: dict[str, str]) -> Any:
        repository = {
            "full_name": NAME,
            "clone_url": self.url,
            "default_branch": self.default_branch,
            "private": True,
            "description": None,
        }
        if (inside := path.removeprefix(f"/repos/{NAME}/contents/")) != path:
            kind = self.kind(f"{query['ref']}:{unquote(inside)}")
            return {"tree": [], "blob": {"type": "file"}, None: None}[kind]
        return {
            "/user": {"login": self.me, "id": 1},
            "/user/orgs": [{"login": "acme", "id": 2}],
            "/user/repos": [repository],
            "/orgs/acme/repos": [repository],
            "/search/repositories": {
                "total_count": 1,
                "items": [repository] if query.get("q", "").startswith("proj") else [],
            },
            f"/repos/{NAME}": repository,
            f"/repos/{NAME}/branches": [{"name": "main", "commit": {"sha": "0" * 40}}],
        }.get(path)

    def gitlab(self, path: str, query: dict[str, str]) -> Any:
        project = {"path_with_namespace": NAME, "http_url_to_repo": self.url, "default_branch": self.default_branch,
                   "visibility": "private", "description": None}  # fmt: skip
        if path == "/projects/acme%2Fproject/repository/tree":
            inside = {"id": "0" * 40, "name": "x", "type": "blob", "path": f"{query['path']}/x", "mode": "100644"}
            return [inside] if self.kind(f"{query['ref']}:{query['path']}") == "tree" else []
        listed = [project] if query.get("search", "proj").startswith("proj") else []
        return {
            "/user": {"username": self.me, "id": 1},
            "/groups": [{"full_path": "acme", "full_name": "Acme"}],
            "/projects": listed,
            "/groups/acme/projects": listed,
            f"/users/{self.me}/projects": listed,
            "/projects/acme%2Fproject": project,
            "/projects/acme%2Fproject/repository/branches": [{"name": "main", "commit": {"id": "0" * 40}}],
        }.get(path)

    def bitbucket(self, path: str, query: dict[str, str]) -> Any:
        repository = {"full_name": NAME, "is_private": True, "description": "", "mainbranch": {"name": self.default_branch},
                      "links": {"clone": [{"name": "ssh", "href": "git@x:y"},
                                          {"name": "https", "href": self.url.replace("://", "://ada@", 1)}]}}  # fmt: skip
        if (inside := path.removeprefix(f"/repositories/{NAME}/src/")) != path:
            commit, _, name = unquote(inside).partition("/")
            kind = self.kind(f"{commit}:{name}")
            return kind and {"path": name, "type": {"tree": "commit_directory", "blob": "commit_file"}[kind]}
        listed = {"values": [repository] if "proj" in query.get("q", "proj") else []}
        return {
            "/user": {"nickname": self.me},
            "/workspaces": {"values": [{"slug": "acme", "name": "Acme"}]},
            "/repositories": listed,
            "/repositories/acme": listed,
            f"/repositories/{NAME}": repository,
            f"/repositories/{NAME}/refs/branches": {
                "values": [{"name": "main", "target": {"hash": "0" * 40}}],
                **({"next": "more"} if query.get("page") == "1" else {}),
            },
        }.get(path)


@contextmanager
def forge(folder: Path) -> Iterator[Forge]:
    """One that serves `folder`/acme/project.git."""
    here = Forge(folder)
    with remotes.over_http(folder, api=here, tokens=here.accounts) as base:
        here.base = base
        yield here
