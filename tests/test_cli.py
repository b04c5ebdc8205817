"""The command line, as processes: what it prints, its exit codes, and what it says where it cannot."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from websockets.sync.client import connect

from backend.core.postgres import Postgres
from tests.require import program
from tests.server import OWNER, ROOT, Server, alive, wait_until


def run(*words: str, settings: dict[str, str] | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CODEYARD_")} | (settings or {})
    command = [sys.executable, "-m", "backend.cli", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, input=stdin, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


def test_an_unknown_command_is_wrong_usage():
    assert run("frobnicate").returncode == 2
    assert run("--version").stdout.startswith("codeyard ")


def test_settings_are_shown_with_secrets_hidden():
    secret = {"CODEYARD_METRICS_TOKEN": "hush", "CODEYARD_DATABASE_URL": "postgresql://me:hush@db/x"}
    shown = run("settings", settings=secret)
    assert shown.returncode == 0
    assert "hush" not in shown.stdout
    assert "CODEYARD_PORT=8300" in shown.stdout
    assert json.loads(run("settings", "--json", settings=secret).stdout)["CODEYARD_METRICS_TOKEN"] == "…"


@pytest.mark.parametrize("command", ["up", "doctor"])
def test_a_misspelt_setting_stops_every_command_and_is_named(command: str):
    told = run(command, settings={"CODEYARD_PROT": "1"})
    assert told.returncode == 1
    assert "CODEYARD_PROT is not a setting. Did you mean CODEYARD_PORT?" in told.stderr


def test_what_codeyard_shell_reads_does_not_stop_the_others():
    assert run("settings", settings={"CODEYARD_URL": "http://x", "CODEYARD_KEY": "cy_live_x"}).returncode == 0


def test_shell_without_a_key_is_not_allowed():
    assert run("shell", "some-session").returncode == 4


def test_doctor_finds_what_the_server_needs():
    told = run("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(told.stdout)}
    assert told.returncode == 0
    assert findings["PostgreSQL"]["detail"].startswith("embedded, postgres (PostgreSQL) 18")
    assert all(finding["ok"] or finding["remedy"] for finding in findings.values())


@pytest.mark.parametrize("allowed", ["0", "1"])
def test_who_may_run_programs_without_an_engine_is_said_by_doctor_and_at_the_start(tmp_path: Path, allowed: str):
    settings = {"CODEYARD_DOCKER_SOCKET": str(tmp_path / "none"), "CODEYARD_ALLOW_UNISOLATED": allowed}
    findings = {one["name"]: one for one in json.loads(run("doctor", "--json", settings=settings).stdout)}
    assert f"none answers at {tmp_path}/none" in findings["container engine"]["detail"]
    said = findings["isolation"]["detail"]
    assert ("every account" if allowed == "1" else "owner alone") in said
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends by itself
        port = str(taken.getsockname()[1])
        told = run("up", settings=settings | {"CODEYARD_PORT": port, "CODEYARD_DATA": str(tmp_path / "data")})
    assert f"codeyard: {said}." in told.stderr


def test_doctor_fails_where_something_needed_lacks(tmp_path):
    told = run("doctor", settings={"PATH": str(tmp_path)})
    assert told.returncode == 1
    assert "MISSING git" in told.stdout


def test_a_reader_that_leaves_is_no_error_worth_a_traceback():
    command = f"{sys.executable} -m backend.cli completion fish | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr


ASKING = {  # no file of anybody's is read by them: what completion needs, its script brings
    "bash": """{script}
        COMP_WORDS=(codeyard {typed}); COMP_CWORD={last}; _codeyard; echo "${{COMPREPLY[@]}}" """,
    "zsh": """{script}
        setopt ksharrays
        COMP_WORDS=(codeyard {typed}); COMP_CWORD={last}; _codeyard; echo "${{COMPREPLY[@]}}" """,
    "fish": """{script}
        complete -C 'codeyard {typed}' | cut -f 1""",
}


@pytest.mark.parametrize("shell", ASKING)
def test_a_shell_completes_commands_and_their_words(shell: str, tmp_path: Path):
    program(shell, shell, shell)
    script = run("completion", shell).stdout
    for typed, offered in (("do", "down doctor"), ("pr rev", "review"), ("task move demo 1 in_p", "in_progress")):
        asked = ASKING[shell].format(script=script, typed=typed, last=len(typed.split()))
        done = subprocess.run(
            [shell, "-c", asked],
            env=os.environ | {"ZDOTDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), (typed, done)
        words = set(done.stdout.split())
        if shell == "zsh":  # whose line editor leaves out what does not fit
            words = {word for word in words if word.startswith(typed.split()[-1])}
        assert words == set(offered.split()), typed


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = run("up", settings={"CODEYARD_PORT": str(port), "CODEYARD_DATA": str(tmp_path / "data")})
    assert told.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("url", "why"),
    [("postgresql://nobody@127.0.0.1:1/x", "does not answer"), ("sqlite:///x", "starts with postgresql://")],
)
def test_a_database_that_does_not_answer_is_named(tmp_path, url: str, why: str):
    told = run("up", settings={"CODEYARD_DATABASE_URL": url, "CODEYARD_DATA": str(tmp_path / "data")})
    assert told.returncode == 1
    assert why in told.stderr
    assert "Traceback" not in told.stderr
    told = run("doctor", settings={"CODEYARD_DATABASE_URL": url, "CODEYARD_DATA": str(tmp_path / "data")})
    assert told.returncode == 1 and why in told.stdout + told.stderr


def test_a_data_directory_that_cannot_be_one_is_named(tmp_path):
    (tmp_path / "file").touch()
    told = run("up", settings={"CODEYARD_DATA": str(tmp_path / "file")})
    assert told.returncode == 1
    assert "CODEYARD_DATA" in told.stderr


def test_down_with_no_server_says_so(tmp_path):
    told = run("down", settings={"CODEYARD_DATA": str(tmp_path)})
    assert (told.returncode, told.stdout) == (0, "No server was running.\n")


def test_secrets_are_sealed_with_a_new_key_while_the_server_runs(server: Server):
    workspace = server.ask("POST", "/workspace", {"name": "Sealed"})["id"]
    there, login = f"/workspace/{workspace}/registries", {"username": "ada", "password": "hush-hush"}
    server.ask("PUT", f"{there}/a.io", login)
    done = run("rotate-keys", settings=server.settings)
    assert done.returncode == 0 and "4 secrets are sealed with a new key" in done.stdout, done
    server.ask("PUT", f"{there}/b.io", login)
    assert [one["username"] for one in server.ask("GET", there)["items"]] == ["ada", "ada"]
    assert "7 secrets" in run("rotate-keys", settings=server.settings).stdout


def test_a_password_is_reset_with_and_without_the_server_and_ends_sign_ins(server: Server):
    login = {"email": OWNER["email"], "password": "another fine password"}
    for password in ("another fine password", "and yet another one"):
        done = run("reset-password", OWNER["email"], settings=server.settings, stdin=password + "\n")
        assert done.returncode == 0, done.stderr
        if server.process.poll() is not None:
            server.start()
        assert server.request("POST", "/auth/login", login | {"password": password}, signed_in=False)[0] == 200
        server.stop()
    server.start()
    assert run("reset-password", "who@example.com", settings=server.settings, stdin="long enough\n").returncode == 1
    assert run("reset-password", OWNER["email"], settings=server.settings, stdin="short\n").returncode == 2


def test_the_link_is_printed_until_somebody_used_it(server: Server):
    server.stop()
    assert server.start() == ""  # the fixture's owner used the first one


@contextlib.contextmanager
def terminal(server: Server, session_id: str, terminal_id: str = ""):
    """(socket, what it said when attached) of a new terminal, or of one that is there."""
    address = f"{server.socket_url}/ws/terminal?session_id={session_id}" + (
        f"&terminal_id={terminal_id}" if terminal_id else ""
    )
    key = {"Authorization": f"Bearer {server.key}"}
    with connect(address, additional_headers=key, compression=None, open_timeout=60) as socket:
        yield socket, json.loads(socket.recv(60))


def until(socket, word: bytes) -> None:
    seen = b""
    while word not in seen:
        frame = socket.recv(60)
        seen += frame if isinstance(frame, bytes) else b""


def test_terminals_survive_sigterm_and_a_kill_but_neither_ctrl_c_nor_down(server: Server):
    session_id = server.ask("POST", "/workspace", {"name": "shells"})["default_session_id"]
    for leave in (server.stop, server.kill):
        with terminal(server, session_id) as (socket, told):
            socket.send(b"KEPT=it; echo my-$((6*7))\n")
            until(socket, b"my-42")
        leave()
        server.start()
        with terminal(server, session_id, told["terminal_id"]) as (socket, again):
            assert again["pid"] == told["pid"]
            socket.send(b"echo still-$KEPT\n")
            until(socket, b"still-it")
    for end in (lambda: server.process.send_signal(signal.SIGINT), lambda: run("down", settings=server.settings)):
        with terminal(server, session_id) as (_, told):
            pass
        assert alive(told["pid"])
        end()
        assert server.process.wait(60) == 0
        wait_until(lambda told=told: not alive(told["pid"]))
        server.stop()
        server.start()


def test_down_ends_the_terminals_that_a_killed_server_left(server: Server):
    session_id = server.ask("POST", "/workspace", {"name": "left"})["default_session_id"]
    with terminal(server, session_id) as (_, told):
        pass
    server.kill()
    assert alive(told["pid"])
    assert run("down", settings=server.settings).stdout == "No server was running. Its terminals were ended.\n"
    wait_until(lambda: not alive(told["pid"]))
    server.start()


def test_down_ends_a_server_that_hangs_and_its_terminals_without_loading_the_server(server: Server):
    session_id = server.ask("POST", "/workspace", {"name": "hung"})["default_session_id"]
    with terminal(server, session_id) as (_, told):
        pass
    server.process.send_signal(signal.SIGSTOP)
    code = (
        "import sys; from backend import cli, holding; holding.ENDS_WITHIN = 0.5; sys.argv = ['codeyard', 'down'];"
        "print(cli.main(), {'litestar', 'sqlalchemy', 'asyncpg'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | server.settings, capture_output=True, text=True)
    assert "was killed; its terminals were ended.\n0 set()" in done.stdout, done
    assert server.process.wait(60) == -signal.SIGKILL
    wait_until(lambda: not alive(told["pid"]))
    server.stop()
    server.start()


def test_a_worker_beside_a_server_with_a_database_of_its_own_runs_the_jobs():
    place = Path(tempfile.mkdtemp(prefix="cy-"))
    place.chmod(0o755)
    postgres = Postgres(place / "pg", durable=False)
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(place / "repo")], check=True)
    commit = ["git", *identity, "commit", "-q", "--allow-empty", "-m", "first"]
    subprocess.run(commit, cwd=place / "repo", check=True)
    try:
        with Server(CODEYARD_DATABASE_URL=postgres.start(), CODEYARD_WORKERS="0") as server:
            assert not (server.data / "postgres").exists()
            command = [sys.executable, "-m", "backend.cli", "worker"]
            worker = subprocess.Popen(command, cwd=ROOT, env=os.environ | server.settings, stderr=subprocess.DEVNULL)
            workspace = server.ask("POST", "/workspace", {"name": "cloned", "clone_url": f"file://{place / 'repo'}"})
            session = f"/sessions/{workspace['default_session_id']}"
            wait_until(lambda: server.ask("GET", session)["status"] == "ready")
            assert server.ask("GET", session)["branch"] == "trunk"
            worker.terminate()
            assert worker.wait(60) == 0
    finally:
        postgres.stop()
        shutil.rmtree(place)
