"""The commands that talk to a server, as processes against a real one."""

import http.client
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from backend.client import show
from backend.client.api import _lines
from tests.server import OWNER, ROOT, Server, alive, wait_until

COMPOSE = """services:
  talker:
    command: sh -c "echo first; echo oops >&2; echo second; sleep 600"
"""


@pytest.fixture(scope="module")
def server():
    with Server(CODEYARD_ALLOW_PRIVATE_WEBHOOKS="1") as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def codeyard(server: Server, home: Path):
    """Runs `codeyard …` by key, or as whoever is signed in."""

    def run(*words: str, by_key: bool = True, stdin: str | TextIO = "") -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CODEYARD_")}
        environment |= {"XDG_CONFIG_HOME": str(home)}
        environment |= {"CODEYARD_URL": server.url, "CODEYARD_KEY": server.key} if by_key else {}
        command = [sys.executable, "-m", "backend.cli", *words]
        given = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
        return subprocess.run(command, cwd=ROOT, env=environment, **given, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture(scope="module")
def demo(server: Server, codeyard) -> str:
    made = codeyard("workspace", "create", "Demo", "-o", "json")
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["default_session_id"])


def test_without_a_sign_in_the_remedy_is_told(codeyard):
    told = codeyard("workspace", "list", by_key=False)
    assert (told.returncode, told.stdout) == (4, "")
    assert "codeyard login" in told.stderr


def test_a_clone_that_fails_is_told(codeyard, tmp_path):
    told = codeyard("workspace", "create", "Nothing", "--clone", f"file://{tmp_path}/nowhere.git")
    assert told.returncode == 1 and "Nothing" in told.stdout
    assert "There is no such repository" in told.stderr


def test_a_person_signs_in_with_a_password_and_out_again(codeyard, server: Server, home: Path, demo):
    entered = codeyard("login", server.url, "--email", OWNER["email"], by_key=False, stdin=OWNER["password"] + "\n")
    assert entered.returncode == 0, entered.stderr
    kept = home / "codeyard" / "account.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert OWNER["password"] not in kept.read_text()
    assert OWNER["email"] in codeyard("whoami", by_key=False).stdout
    assert "demo" in codeyard("workspace", "list", by_key=False).stdout
    assert codeyard("org", "use", "acme", by_key=False).returncode == 0
    assert codeyard("run", "demo", "--", "true", by_key=False).returncode == 0  # sockets by cookie, too
    assert codeyard("logout", by_key=False).returncode == 0
    assert codeyard("whoami", by_key=False).returncode == 4


def test_a_key_of_few_rights_signs_in_and_says_what_it_is(codeyard, server: Server, demo: str):
    """And makes tasks, whose people it may not see."""
    scopes = ("--scope", "files:read", "--scope", "workspaces:read", "--scope", "tasks:write")
    made = codeyard("key", "create", "narrow", *scopes, "--days", "1", "-o", "json")
    key = json.loads(made.stdout)["key"]
    entered = codeyard("login", server.url, "--key", key, by_key=False)
    assert (entered.returncode, entered.stdout) == (0, f"Signed in to {server.url} by the API key narrow of Acme.\n")
    told = codeyard("whoami", by_key=False).stdout
    assert "files:read" in told and "acme" in told and key not in told
    assert "acme" in codeyard("org", "list", by_key=False).stdout
    task = json.loads(codeyard("task", "create", "demo", "Of a key", "-o", "json", by_key=False).stdout)
    assert "Of a key" in codeyard("task", "list", "demo", by_key=False).stdout
    assert codeyard("task", "edit", "demo", str(task["number"]), "--assignee", "x", by_key=False).returncode == 4
    assert codeyard("task", "delete", "demo", str(task["number"]), "--yes", by_key=False).returncode == 0
    session = server.ask("POST", "/workspace", {"name": "theirs"})["default_session_id"]
    refused = codeyard("run", session, "--", "true", by_key=False)
    assert refused.returncode == 4 and "This needs the scope" in refused.stdout + refused.stderr
    assert codeyard("logout", by_key=False).returncode == 0


def test_a_wrong_password_and_a_wrong_key_are_refused(codeyard, server: Server):
    told = codeyard("login", server.url, "--email", OWNER["email"], by_key=False, stdin="wrong password\n")
    assert told.returncode == 4
    assert codeyard("login", server.url, "--key", "cy_live_x", by_key=False).returncode == 4


def test_a_server_that_does_not_answer_is_named(codeyard):
    told = codeyard("workspace", "list", "--url", "http://127.0.0.1:1")
    assert told.returncode == 1
    assert "http://127.0.0.1:1 does not answer" in told.stderr
    assert "Traceback" not in told.stderr


def test_names_mean_workspaces_and_sessions_and_those_that_are_not_there_are_told(codeyard, demo: str):
    assert json.loads(codeyard("session", "show", "demo", "-o", "json").stdout)["id"] == demo
    assert codeyard("session", "create", "demo", "try").returncode == 0
    assert json.loads(codeyard("session", "show", "Demo/try", "-o", "json").stdout)["name"] == "try"
    told = codeyard("session", "show", "demo/nowhere")
    assert told.returncode == 1
    assert "There is no session of demo 'nowhere'. There are: " in told.stderr
    assert codeyard("session", "delete", "demo/try").returncode == 2  # nobody there to ask
    binned = codeyard("session", "delete", "demo/try", "--yes")
    assert codeyard("session", "restore", binned.stdout.split("restore ")[1].split("`")[0]).returncode == 0


def test_a_table_is_for_people_and_prints_nothing_that_a_terminal_obeys(capsys):
    show.rows([{"id": "1", "name": "a\x1b]52;c;x\x07"}, {"id": "22", "name": None}], "id name", "table")
    assert capsys.readouterr().out == "ID  NAME\n1   a·]52;c;x·\n22  -\n"


def test_a_command_runs_in_a_session_with_what_is_piped_to_it_and_ends_with_its_exit_code(codeyard, demo, tmp_path):
    done = codeyard("run", "demo", "--", "sh", "-c", "echo it is $((6*7)); exit 7")
    assert (done.returncode, done.stdout.strip()) == (7, "it is 42")
    assert codeyard("run", "demo").returncode == 2
    listed = codeyard(
        "run", "demo", "--", "git", "help", "-a"
    ).stdout  # more than a screen: a pager would wait for ever
    assert "Main Porcelain Commands" in listed and "\x1b" not in listed
    assert codeyard("run", "demo", "--", "cat", stdin="no line feed").stdout == "no line feed"
    text = "".join(f"line {n} {'x' * 70}\n" for n in range(3000))
    assert codeyard("run", "demo", "--", "cat", stdin=text).stdout == text  # as it went in, and once
    (tmp_path / "given").write_text(text)
    for name, wanted in ((tmp_path / "given", "3000"), (os.devnull, "0")):
        with open(name) as given:
            done = codeyard("run", "demo", "--", "wc -l", stdin=given)
        assert (done.returncode, done.stdout.strip()) == (0, wanted), done


def test_a_command_by_one_request_is_answered_with_its_exit_code_and_ends_when_who_asked_hangs_up(server: Server, demo):
    at, folder = f"/workspace/{demo}/run", server.data / "sessions" / demo / "workspace"

    def terminals():
        return server.ask("GET", f"/workspace/{demo}/terminals")["items"]

    before = {one["id"] for one in terminals()}
    done = server.ask("POST", at, {"command": "git help -a | tail -n 1; exit 7"})
    assert done["exit_code"] == 7 and "\x1b" not in done["output"]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    headers = {"authorization": f"Bearer {server.key}"}
    body = json.dumps({"command": "sleep 600 & echo $! > started; mv started pid; wait"})
    connection.request("POST", f"/api/v1{at}", body, headers)
    pid = int(wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text()))
    connection.close()
    wait_until(lambda: not alive(pid))
    wait_until(lambda: {one["id"] for one in terminals()} <= before)
    (folder / "pid").unlink()


def test_a_command_that_is_told_as_it_comes_ends_with_its_caller_and_outlives_its_server(server: Server, demo):
    at, folder = f"/workspace/{demo}/run", server.data / "sessions" / demo / "workspace"
    body = json.dumps({"command": "sleep 600 & echo $! > started; mv started pid; echo begun; wait"})

    def ask(accept: str) -> tuple[http.client.HTTPConnection, int]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        headers = {"authorization": f"Bearer {server.key}", "accept": accept}
        connection.request("POST", f"/api/v1{at}", body, headers)
        pid = int(wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text()))
        (folder / "pid").unlink()
        return connection, pid

    leaving, pid = ask("text/event-stream")
    answer = leaving.getresponse()
    while (line := answer.readline()) != b'data: "begun\\n"\r\n':  # while it runs
        assert line
    answer.close()
    leaving.close()
    wait_until(lambda: not alive(pid))

    (streaming, first), (waiting, second) = ask("text/event-stream"), ask("application/json")
    words = streaming.getresponse()
    assert words.status == 200
    server.stop()
    error = json.loads(words.read().decode().split("event: error\r\ndata: ")[1])
    answer = waiting.getresponse()
    told = [error, json.loads(answer.read())["error"]]
    for connection in (streaming, waiting):
        connection.close()
    server.start()
    assert answer.status == 503 and [one["code"] for one in told] == ["restarting", "restarting"]
    assert alive(first) and alive(second)
    for one in told:
        server.ask("DELETE", f"/workspace/{demo}/terminals/{one['details']['terminal_id']}")
    assert not alive(first) and not alive(second)


def test_files_and_folders_are_copied_there_and_back(codeyard, tmp_path, demo):
    source = tmp_path / "site"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "page.html").write_text("<p>")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    (tmp_path / "empty").touch()
    (tmp_path / "big").write_bytes(os.urandom(9 << 20))
    for words in (
        [str(source), "demo:site"],
        [str(tmp_path / "empty"), "demo:"],
        [str(tmp_path / "big"), "demo:b/big"],
        [str(tmp_path / "empty"), "demo:made for it/"],
    ):
        done = codeyard("cp", *words)
        assert done.returncode == 0, done.stderr
    back = tmp_path / "back"
    assert codeyard("cp", "demo:site", str(back)).returncode == 0
    assert (back / "deep" / "page.html").read_text() == "<p>"
    assert (back / "run.sh").stat().st_mode & 0o111
    assert codeyard("cp", "demo:b/big", str(back)).returncode == 0
    assert codeyard("cp", "demo:made for it/empty", f"{tmp_path}/made here/").returncode == 0
    assert (tmp_path / "made here" / "empty").exists()
    assert (back / "big").read_bytes() == (tmp_path / "big").read_bytes()
    for words in (["demo:nowhere", str(back)], ["demo:../x", str(back)], [str(back), str(back)], ["a:b", "c:d"]):
        refused = codeyard("cp", *words)
        assert refused.returncode == 1
        assert "Traceback" not in refused.stderr


def test_services_are_started_and_their_logs_read(codeyard, server: Server, demo: str):
    write = {"op": "write", "path": "compose.yaml", "content": COMPOSE}
    server.ask("POST", f"/workspace/{demo}/filesystem", write)
    started = codeyard("service", "start", "demo")
    assert started.returncode == 0, started.stderr
    assert "running" in codeyard("service", "list", "demo").stdout

    def said() -> tuple[str, str]:
        told = codeyard("logs", "demo", "talker", "--since", "10m")
        return told.stdout, told.stderr

    wait_until(lambda: said() == ("first\nsecond\n", "oops\n"))  # they come by two pipes
    assert codeyard("logs", "demo", "talker", "--search", "SEC").stdout == "second\n"
    assert codeyard("service", "stop", "demo", "talker").returncode == 0
    assert codeyard("logs", "demo", "nobody").returncode == 1


def test_a_stream_is_cut_where_its_lines_end_and_at_nothing_else_that_separates():
    said = 'event: lines\r\ndata: "a\u2028b\u0085c"\n\n'
    assert list(_lines(httpx.Response(200, content=said.encode()))) == ["event: lines", 'data: "a\u2028b\u0085c"', ""]


def test_keys_are_made_listed_and_revoked(codeyard):
    made = json.loads(codeyard("key", "create", "ci", "--scope", "files:read", "--days", "1", "-o", "json").stdout)
    assert made["key"].startswith("cy_live_")
    assert made["id"] in codeyard("key", "list").stdout
    assert codeyard("key", "revoke", made["id"]).returncode == 0
    assert made["id"] not in codeyard("key", "list").stdout


def test_a_pull_request_is_opened_shown_as_a_patch_reviewed_and_merged(codeyard, server: Server, demo, tmp_path):
    assert codeyard("session", "create", "demo", "greet").returncode == 0
    names = ("hello there.txt", 'say "hi"\t.txt')
    for name in names:
        (tmp_path / name).write_text("hello\nworld\n")
        assert codeyard("cp", str(tmp_path / name), "demo/greet:").returncode == 0
    session = json.loads(codeyard("session", "show", "demo/greet", "-o", "json").stdout)["id"]
    server.ask("POST", f"/workspace/{session}/version-controls/commit", {"message": "Greet", "paths": [*names]})
    made = codeyard("pr", "create", "demo/greet", "--title", "Greet", "--draft", "--label", "kind")
    assert made.returncode == 0, made.stderr
    assert "mark it as ready" in codeyard("pr", "merge", "demo", "1").stderr
    said = (
        "--ready",
        "--title",
        "Greet the world",
        "--reviewer",
        OWNER["email"],
        "--label",
        "new",
        "--unlabel",
        "kind",
    )
    edited = json.loads(codeyard("pr", "edit", "demo", "1", *said, "-o", "json").stdout)
    assert (edited["state"], edited["labels"], [one["name"] for one in edited["reviewers"]]) == (
        "open",
        ["new"],
        ["Ada"],
    )
    assert "There is no member or team 'x'" in codeyard("pr", "edit", "demo", "1", "--reviewer", "x").stderr
    assert json.loads(codeyard("pr", "close", "demo", "1", "-o", "json").stdout)["state"] == "closed"
    assert json.loads(codeyard("pr", "reopen", "demo", "1", "-o", "json").stdout)["state"] == "open"
    assert "Greet the world" in codeyard("pr", "list", "demo").stdout
    patch = codeyard("pr", "diff", "demo", "1").stdout
    (tmp_path / "applied").mkdir()
    subprocess.run(["git", "apply"], input=patch, text=True, cwd=tmp_path / "applied", check=True)
    for name in names:
        assert (tmp_path / "applied" / name).read_text() == "hello\nworld\n"
    said = codeyard("pr", "review", "demo", "1", "--comment", "--body", "Nice.")
    assert said.returncode == 0, said.stderr
    merged = codeyard("pr", "merge", "demo", "1", "--method", "squash", "-o", "json")
    assert json.loads(merged.stdout)["state"] == "merged", merged.stderr
    assert codeyard("pr", "merge", "demo", "1").returncode == 1  # it is over


def test_tasks_are_made_assigned_moved_and_closed(codeyard, demo):
    made = codeyard("task", "create", "demo", "Paint it", "--label", "ui", "--assignee", OWNER["email"], "-o", "json")
    assert made.returncode == 0, made.stderr
    assert (json.loads(made.stdout)["assignee"], json.loads(made.stdout)["number"]) == (OWNER["email"], 1)
    assert codeyard("task", "create", "demo", "Second", "--body", f"@{OWNER['email']} please").returncode == 0
    edited = codeyard("task", "edit", "demo", "1", "--title", "Paint all", "--label", "big", "--unlabel", "ui")
    assert "Paint all" in edited.stdout and "big" in edited.stdout and "ui" not in edited.stdout
    assert codeyard("task", "edit", "demo", "1", "--assignee", "none", "-o", "json").returncode == 0
    moved = [
        codeyard("task", "move", "demo", "2", "in_progress"),
        codeyard("task", "move", "demo", "1", "in_progress", "--after", "2"),
    ]
    assert [one.returncode for one in moved] == [0, 0], moved[1].stderr
    listed = json.loads(codeyard("task", "list", "demo", "-o", "json").stdout)
    assert [(row["number"], row["assignee"]) for row in listed] == [(2, OWNER["email"]), (1, None)]
    assert (
        json.loads(codeyard("task", "list", "demo", "--assignee", OWNER["email"], "-o", "json").stdout)[0]["number"]
        == 2
    )
    assert codeyard("task", "close", "demo", "2").returncode == 0
    assert "Second" not in codeyard("task", "list", "demo").stdout
    told = codeyard("task", "edit", "demo", "1", "--assignee", "nobody@example.com")
    assert (told.returncode, OWNER["email"] in told.stderr) == (1, True)
    assert codeyard("task", "delete", "demo", "1").returncode == 2  # nobody there to ask
    assert codeyard("task", "delete", "demo", "1", "--yes").returncode == 0
    assert codeyard("task", "show", "demo", "1").returncode == 1
    assert codeyard("task", "move", "demo", "2", "nowhere").returncode == 2


def test_webhooks_are_made_pinged_and_looked_into(codeyard):
    made = codeyard("webhook", "create", "http://127.0.0.1:9/hook", "--event", "session.*", "-o", "json")
    assert made.returncode == 0, made.stderr
    one = json.loads(made.stdout)
    assert one["secret"].startswith("whsec_")
    assert "session.*" in codeyard("webhook", "list").stdout
    ping = json.loads(codeyard("webhook", "ping", one["id"], "-o", "json").stdout)
    assert ping["id"] in codeyard("webhook", "deliveries", one["id"]).stdout
    assert codeyard("webhook", "rotate-secret", one["id"]).returncode == 0
    assert codeyard("webhook", "delete", one["id"]).returncode == 0


def test_a_workspace_is_duplicated_with_what_is_in_it(codeyard, server: Server, demo):
    server.ask("POST", f"/workspace/{demo}/filesystem", {"op": "write", "path": "draft.txt", "content": "mine"})
    made = codeyard("workspace", "duplicate", "demo", "Demo again", "-o", "json")
    assert made.returncode == 0, made.stderr
    copied = json.loads(made.stdout)["default_session_id"]
    assert codeyard("run", copied, "--", "cat", "draft.txt").stdout == "mine"
    assert codeyard("workspace", "delete", "demo-again", "--yes").returncode == 0


def test_attack_46_a_key_that_may_only_read_may_only_read_by_every_way_in(codeyard, server: Server, demo, tmp_path):
    keys = f"/organizations/{server.organization_id}/api-keys"
    scopes = ["workspaces:read", "sessions:read", "files:read", "services:read", "vcs:read", "pulls:read"]
    reads = server.ask("POST", keys, {"name": "reads", "scopes": scopes})["key"]
    before = server.ask("GET", f"/workspace/{demo}/version-controls/status")
    (tmp_path / "new.txt").write_text("new")
    writes = (
        ("run", demo, "--", "touch", "by-run"),
        ("cp", str(tmp_path / "new.txt"), f"{demo}:by-cp"),
        ("workspace", "create", "Another"),
        ("key", "create", "more", "--scope", "admin"),
        ("task", "create", "demo", "By a reader"),
    )
    by_cookie_or_full_key, server.key = server.key, reads
    try:
        for words in writes:
            told = codeyard(*words)
            assert told.returncode not in (0, 2) and "403" not in told.stdout, (words, told)
            assert "may" in told.stderr or "scope" in told.stderr, (words, told.stderr)
        write = {"op": "write", "path": "by-rest", "content": "x"}
        assert server.request("POST", f"/workspace/{demo}/filesystem", write)[0] == 403
        assert server.request("POST", f"/workspace/{demo}/run", {"command": "touch by-curl"})[0] == 403
        with pytest.raises(InvalidStatus) as refused:
            connect(
                f"{server.socket_url}/ws/terminal?session_id={demo}&cols=80&rows=24",
                additional_headers={"Authorization": f"Bearer {reads}"},
            )
        assert refused.value.response.status_code == 403
        assert codeyard("workspace", "list").returncode == 0
    finally:
        server.key = by_cookie_or_full_key
    assert server.ask("GET", f"/workspace/{demo}/version-controls/status") == before
