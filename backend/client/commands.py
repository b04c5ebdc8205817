"""Commands that talk to a server, each a few lines around one call. `register` adds them to the command line.

WORKSPACE is an id, a slug or a name; SESSION an id or WORKSPACE/NAME, or WORKSPACE alone for its default session.
"""

import argparse
import getpass
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from backend.client import account, copy, show, tasks, together
from backend.client.api import Refused, Server, raise_refusal
from backend.client.nouns import OF, Noun, add, add_alone, confirmed
from backend.client.shell import READY, Opening, attach

WORKSPACE = "id name slug default_session_id updated_at"
SESSION = "id name branch status dirty last_active_at"
SERVICE = "id name kind image state reason"
KEY = "id name prefix scopes expires_at last_used_at"
MEMBER = "email name role created_at"


def register(commands: Any) -> None:
    """Adds every command to `commands`, the subparsers of the command line."""
    _account(commands)
    _organizations(commands)
    _workspaces(commands)
    _sessions(commands)
    _services(commands)
    _files(commands)
    _keys(commands)
    together.register(commands)
    tasks.register(commands)


# --- who am I


def _account(commands: Any) -> None:
    text = "Sign in to a server; with --key, by an API key instead of a password."
    add_alone(commands, "login", sign_in, text, "URL?").add_argument("--email")
    add(commands, "logout", logout, "Sign out, on the server too.")
    add(commands, "whoami", whoami, "Say where and as whom you are signed in.")


def sign_in(words: argparse.Namespace) -> int:
    """Without a server yet: asks who you are and keeps the answer."""
    url = (words.url or os.environ.get("CODEYARD_URL") or account.DEFAULT_URL).rstrip("/")
    if words.key:
        found = account.Account(url, key=words.key)
        with Server(found) as server:
            me = server.ask("GET", "/auth/me")
        whom = f"by the API key {me['key']['name']} of {me['organizations'][0]['name']}"
    else:
        found = _by_password(url, words.email or input("E-mail: "))
        whom = f"as {found.email}"
    account.keep(found)
    print(f"Signed in to {url} {whom}.")
    return 0


def _by_password(url: str, email: str) -> account.Account:
    password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    body = {"email": email, "password": password}
    headers = {"User-Agent": f"codeyard on {socket.gethostname()}"}
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=30) as http:
        try:
            answer = http.post("/auth/login", json=body)
            if answer.status_code == 401 and answer.json()["error"]["code"] == "mfa_required":
                answer = http.post("/auth/login", json=body | {"code": input("Code: ")})
        except httpx.HTTPError as error:
            raise Refused(f"{url} does not answer ({error}).") from error
        raise_refusal(answer)
        cookie = answer.headers["set-cookie"].split(";")[0]
        return account.Account(url, cookie=cookie, csrf_token=answer.json()["csrf_token"], email=email)


def logout(_: argparse.Namespace, server: Server) -> int:
    if server.account.cookie:
        server.ask("POST", "/auth/logout")
    account.forget()
    print("Signed out.")
    return 0


def whoami(words: argparse.Namespace, server: Server) -> int:
    me = server.ask("GET", "/auth/me")
    rows = me["organizations"]
    chosen = server.account.organization or (rows[0]["slug"] if len(rows) == 1 else None)
    columns = "server email name organization" if me["user"] else f"server {KEY} organization"
    show.one((me["user"] or me["key"]) | {"server": server.account.url, "organization": chosen}, columns, words.output)
    return 0


# --- organisations and keys


def _organizations(commands: Any) -> None:
    org = Noun(commands, "org", "Organisations and who is in them.")
    org.verb("list", list_organizations, "The organisations that you are in.")
    org.verb("use", use_organization, "What commands mean when they name no organisation.", "ORG")
    org.verb("members", list_members, "Who is in an organisation.", "ORG?")
    invite = org.verb("invite", invite_member, "Invite somebody; prints the code to register with.", "EMAIL")
    invite.add_argument("--role", default="member", choices=("owner", "admin", "member", "commenter", "viewer"))
    invite.add_argument("--org", metavar="NAME", help=OF)


def list_organizations(words: argparse.Namespace, server: Server) -> int:
    show.rows(server.ask("GET", "/auth/me")["organizations"], "id slug name role", words.output)
    return 0


def use_organization(words: argparse.Namespace, server: Server) -> int:
    found = server.organization(words.org)
    kept = account.read()
    if kept is None:
        raise account.NotSignedIn
    account.keep(account.Account(kept.url, kept.key, kept.cookie, kept.csrf_token, kept.email, found["slug"]))
    print(f"Commands mean {found['name']} now.")
    return 0


def list_members(words: argparse.Namespace, server: Server) -> int:
    found = server.organization(words.org)
    show.rows(list(server.pages(f"/organizations/{found['id']}/members")), MEMBER, words.output)
    return 0


def invite_member(words: argparse.Namespace, server: Server) -> int:
    found = server.organization(words.org)
    body = {"email": words.email, "role": words.role}
    made = server.ask("POST", f"/organizations/{found['id']}/invitations", body)
    show.one(made, "email role expires_at invitation", words.output)
    return 0


def _keys(commands: Any) -> None:
    key = Noun(commands, "key", "API keys of an organisation.")
    key.verb("list", list_keys, "The keys that there are.").add_argument("--org", metavar="NAME", help=OF)
    create = key.verb("create", create_key, "Make a key; it is shown this once.", "NAME")
    create.add_argument(
        "--scope", action="append", required=True, help="such as files:write; may be given several times"
    )
    create.add_argument("--days", type=int, help="days until it expires; never without")
    create.add_argument("--org", metavar="NAME", help=OF)
    key.verb("revoke", revoke_key, "End a key at once.", "ID").add_argument("--org", metavar="NAME", help=OF)


def _keys_of(words: argparse.Namespace, server: Server) -> str:
    return f"/organizations/{server.organization(words.org)['id']}/api-keys"


def list_keys(words: argparse.Namespace, server: Server) -> int:
    show.rows(list(server.pages(_keys_of(words, server))), KEY, words.output)
    return 0


def create_key(words: argparse.Namespace, server: Server) -> int:
    body: dict[str, Any] = {"name": words.name, "scopes": words.scope}
    if words.days:
        body["expires_at"] = (datetime.now(UTC) + timedelta(days=words.days)).isoformat()
    show.one(server.ask("POST", _keys_of(words, server), body), "id name scopes expires_at key", words.output)
    return 0


def revoke_key(words: argparse.Namespace, server: Server) -> int:
    server.ask("DELETE", f"{_keys_of(words, server)}/{words.id}")
    return 0


# --- workspaces and sessions


def _workspaces(commands: Any) -> None:
    workspace = Noun(commands, "workspace", "Workspaces.")
    workspace.verb("list", list_workspaces, "The workspaces that you may see.")
    create = workspace.verb(
        "create", create_workspace, "Make a workspace: empty, of a git repository, or of a template.", "NAME"
    )
    create.add_argument("--clone", metavar="URL", help="the repository to begin with")
    create.add_argument("--template", metavar="ID", help="what to begin with, such as full-stack")
    create.add_argument("--org", metavar="NAME", help=OF)
    again = workspace.verb("duplicate", duplicate_workspace, "A copy with its repositories and sessions as they stand.")
    again.add_argument("wanted", metavar="WORKSPACE")
    again.add_argument("name", metavar="NAME")
    again.add_argument("--with-secrets", action="store_true", help="the values of its services' secrets, too")
    _one(workspace, "workspace", Server.workspace, "/workspace", f"{WORKSPACE} description organization_id created_at")


def list_workspaces(words: argparse.Namespace, server: Server) -> int:
    show.rows(list(server.pages("/workspace", limit=200)), WORKSPACE, words.output)
    return 0


def create_workspace(words: argparse.Namespace, server: Server) -> int:
    body: dict[str, Any] = {"name": words.name}
    if words.org or server.account.organization:
        body["organization_id"] = server.organization(words.org)["id"]
    if words.template:
        made = server.ask("POST", "/workspace/auto-create", body | {"template": words.template})["workspace"]
    else:
        made = server.ask("POST", "/workspace", body | ({"clone_url": words.clone} if words.clone else {}))
    show.one(made, WORKSPACE, words.output)
    if not words.clone:
        return 0
    try:
        session = server.ask("GET", f"/sessions/{made['default_session_id']}")
    except Refused:
        return 0  # a key that may not see sessions
    if session["status"] == "failed":
        raise Refused(
            f"The workspace was made, but nothing could be cloned into it. {session['status_reason']['message']}"
        )
    return 0


def duplicate_workspace(words: argparse.Namespace, server: Server) -> int:
    found = server.workspace(words.wanted)
    body = {"name": words.name, "with_secrets": words.with_secrets}
    show.one(server.ask("POST", f"/workspace/{found['id']}/duplicate", body), WORKSPACE, words.output)
    return 0


def _one(noun: Noun, name: str, find: Callable[[Server, str], dict[str, Any]], path: str, columns: str) -> None:
    """`show`, `delete` and `restore`, which workspaces and sessions have alike."""

    def show_it(words: argparse.Namespace, server: Server) -> int:
        show.one(find(server, words.wanted), columns, words.output)
        return 0

    def delete(words: argparse.Namespace, server: Server) -> int:
        found = find(server, words.wanted)
        if not confirmed(words, f"End all that runs in {found['name']} and put it into the bin"):
            return 2
        server.ask("DELETE", f"{path}/{found['id']}")
        print(f"In the bin. `codeyard {name} restore {found['id']}` takes it out again.")
        return 0

    def restore(words: argparse.Namespace, server: Server) -> int:
        show.one(server.ask("POST", f"{path}/{words.id}/restore"), columns, words.output)
        return 0

    noun.verb("show", show_it, f"One {name}.").add_argument("wanted", metavar=name.upper())
    deleting = noun.verb("delete", delete, f"Put a {name} into the bin.")
    deleting.add_argument("wanted", metavar=name.upper())
    deleting.add_argument("--yes", action="store_true", help="do not ask")
    noun.verb("restore", restore, f"Take a {name} out of the bin.", "ID")


def _sessions(commands: Any) -> None:
    session = Noun(commands, "session", "Sessions: lines of work of a workspace.")
    session.verb("list", list_sessions, "The sessions of a workspace, or all.", "WORKSPACE?")
    create = session.verb("create", create_session, "Start a session from another, as it stands.", "WORKSPACE", "NAME")
    create.add_argument("--from", dest="parent", metavar="SESSION", help="the default session without")
    _one(session, "session", Server.session, "/sessions", f"{SESSION} head workspace_id parent_session_id")


def list_sessions(words: argparse.Namespace, server: Server) -> int:
    path = f"/sessions/{server.workspace(words.workspace)['id']}/sessions" if words.workspace else "/sessions"
    show.rows(list(server.pages(path, limit=200)), SESSION, words.output)
    return 0


def create_session(words: argparse.Namespace, server: Server) -> int:
    workspace = server.workspace(words.workspace)
    body = {"workspace_id": workspace["id"], "name": words.name}
    if words.parent:
        parent = words.parent if "/" in words.parent else f"{words.workspace}/{words.parent}"
        body["parent_session_id"] = server.session(parent)["id"]
    show.one(server.ask("POST", "/sessions", body), SESSION, words.output)
    return 0


# --- services, their logs, a command inside


def _services(commands: Any) -> None:
    service = Noun(commands, "service", "Services of a session: what its compose.yaml declares.")
    service.verb("list", list_services, "Services and their state.", "SESSION")
    for name, text in (
        ("start", "Start a service, or all in order, and wait until they run."),
        ("stop", "Stop a service, or all."),
        ("restart", "Restart a service."),
    ):
        service.verb(name, turn_service, text, "SESSION", "SERVICE" if name == "restart" else "SERVICE?").set_defaults(
            turn=name
        )
    logs = add(commands, "logs", show_logs, "What a service said.", "SESSION", "SERVICE")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what it says from now on")
    logs.add_argument("--tail", type=int, default=500, help="so many lines at most")
    logs.add_argument("--since", help="a moment (2026-11-28T10:00:00Z) or an age (90s, 10m, 2h, 3d)")
    logs.add_argument("--search", default="", help="only lines that contain this")
    attach_to = add(commands, "shell", shell, "Attach this terminal to a session's. Detach with Ctrl-].", "SESSION")
    attach_to.add_argument("--service", help="inside this service's container")
    attach_to.add_argument("--terminal", help="the id of a terminal to attach to; a new one without")
    run = add(commands, "run", run_command, "Run a command in a session and end with its exit code.", "SESSION")
    run.add_argument("--service", help="inside this service's container")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="after --")


def list_services(words: argparse.Namespace, server: Server) -> int:
    found = server.ask("GET", f"/workspace/{server.session(words.session)['id']}/services")
    show.rows(found["items"], SERVICE, words.output)
    for problem in found["problems"]:
        print(f"compose.yaml:{problem.get('line') or ''} {problem['message']}", file=sys.stderr)
    return 0


def turn_service(words: argparse.Namespace, server: Server) -> int:
    """Waits for the operation's end and tells its steps."""
    session = server.session(words.session)["id"]
    runtimes = f"/workspace/{session}/runtimes"
    if words.service is None:
        path = f"{runtimes}/{'run-all' if words.turn == 'start' else 'stop-all'}"
    else:
        verb = "stop" if words.turn == "stop" else "restart"  # which starts what is stopped
        path = f"{runtimes}/{server.service(session, words.service)['id']}/{verb}"
    operation = server.ask("POST", path)
    told = ""
    while operation["status"] in ("queued", "running"):
        time.sleep(0.3)
        operation = server.ask("GET", f"/workspace/{session}/operations/{operation['id']}")
        steps = ", ".join(f"{step['service']} {step['step']}" for step in operation["steps"])
        if steps != told:
            print(steps, file=sys.stderr)
            told = steps
    show.rows(operation["steps"], "service step status message", words.output)
    return 0 if operation["status"] == "succeeded" else 1


def show_logs(words: argparse.Namespace, server: Server) -> int:
    session = server.session(words.session)["id"]
    path = f"/workspace/{session}/services/{server.service(session, words.service)['id']}/logs"
    wanted = {
        "tail": words.tail,
        "search": words.search or None,
        "since": _moment(words.since) if words.since else None,
    }
    if not words.follow:
        _say(server.ask("GET", path, **wanted)["items"], words.output)
        return 0
    for name, lines in server.events(path, follow=True, **wanted):
        if name == "lines":
            _say(lines, words.output)
    return 0


def _say(lines: list[dict[str, Any]], output: str) -> None:
    for line in lines:
        if output == "json":
            print(show.compact(line), flush=True)
        else:
            out = sys.stderr if line["stream"] == "stderr" else sys.stdout
            print(line["text"], file=out, flush=True)


def _moment(word: str) -> str:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    if word[:-1].isdigit() and word[-1] in units:
        return (datetime.now(UTC) - timedelta(seconds=int(word[:-1]) * units[word[-1]])).isoformat()
    return word


def shell(words: argparse.Namespace, server: Server) -> int:
    return attach(server.account, _opening(words, server, terminal_id=words.terminal))


def run_command(words: argparse.Namespace, server: Server) -> int:
    given = words.command[1:] if words.command[:1] == ["--"] else words.command
    if not given:
        print("codeyard: say what to run: codeyard run SESSION -- COMMAND…", file=sys.stderr)
        return 2
    command = given[0] if len(given) == 1 else shlex.join(given)
    # It runs in a terminal there; who pipes does not want back what went in, nor line ends, colours and pagers that are for
    # a screen: a pager would wait for keys that nobody can press.
    if not sys.stdout.isatty():
        command = f"stty -onlcr; export TERM=dumb; {command}"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        command = f"export PAGER=cat GIT_PAGER=cat; {command}"
    if not sys.stdin.isatty():
        command = f"stty -echo; printf '{READY}'; {command}"
    return attach(server.account, _opening(words, server, command=command))


def _opening(words: argparse.Namespace, server: Server, **more: str | None) -> Opening:
    session = server.session(words.session)["id"]
    service = server.service(session, words.service)["id"] if words.service else None
    return Opening(session, service_id=service, **more)


# --- files


def _files(commands: Any) -> None:
    cp = add(
        commands, "cp", copy_files, "Copy a file or folder into a session or out of it; SESSION:PATH names the far end."
    )
    cp.add_argument("source", metavar="SOURCE")
    cp.add_argument("target", metavar="TARGET")


def copy_files(words: argparse.Namespace, server: Server) -> int:
    return copy.copy(server, words.source, words.target)
