"""The keeper: shells that outlive servers, exit codes that wait, and ends that are ends."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from runtimes import keeper
from runtimes.frames import Exit
from runtimes.terminals import InUse, KeeperLost, KeeperRefused, Terminals, reach, shell_environment
from tests.runtimes.conftest import Bench, until


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"
    return False


def keeper_of(directory: Path) -> int:
    with reach(str(directory / "keeper")) as link:
        link.send(b'{"id": 1, "verb": "hello", "version": 1}')
        answer = json.loads(link.recv(keeper.PACKET))
    assert answer["version"] == keeper.VERSION
    return int(answer["pid"])


async def pids_in(bench: Bench, name: str) -> list[int]:
    path = bench.directory / name
    await until(lambda: path.exists() and path.read_text().endswith("\n"))
    return [int(line) for line in path.read_text().split()]


async def test_a_server_that_comes_back_finds_the_same_shell_and_bytes(bench: Bench) -> None:
    terminal = await bench.run("echo before; read x; echo pid $$; read x; exit 5", labels={"session": "s1"}, cols=99)
    watch = bench.watch(terminal)
    await watch.sees(b"before")
    await watch.stop()
    await bench.restart()
    again = bench.terminals.find(terminal.id)
    assert again is not None and again is not terminal
    assert (again.pid, again.labels, again.cols, again.created_at) == (
        terminal.pid,
        {"session": "s1"},
        99,
        terminal.created_at,
    )
    watch = bench.watch(again, after=0)
    await watch.type("\n")
    await watch.sees(b"pid %d\r\n" % terminal.pid)
    await watch.type("\n")
    await watch.task
    assert watch.data.startswith(b"before\r\n")
    assert watch.event(Exit) == Exit(code=5)


async def test_an_exit_while_no_server_ran_is_not_lost(bench: Bench) -> None:
    terminal = await bench.run("read x; echo last words; exit 42")
    shell = terminal.pid
    await bench.watch(terminal).type("\n")
    await bench.stop_watching()
    bench.terminals.leave()
    await until(lambda: not alive(shell))
    await bench.restart()
    await bench.restart()  # and is kept until the terminal is closed
    again = bench.terminals.find(terminal.id)
    assert again is not None and again.exit == {"code": 42}
    watch = bench.watch(again)
    await watch.task
    assert b"last words" in watch.data
    assert watch.event(Exit) == Exit(code=42)


CHATTER = """
import os, time
for i in range(20000):
    os.write(1, b"".join(b"%05d:%d\\n" % (i, k) for k in range(5)))
    time.sleep(0.0002)
os.write(1, b"END")
time.sleep(1000)
"""

SERVER = """
import asyncio, sys
from runtimes.terminals import Terminals
async def main():
    await Terminals(sys.argv[1]).open()
    print("ready", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


async def test_servers_killed_in_mid_output_lose_and_double_nothing(bench: Bench) -> None:
    script = bench.directory / "chatter.py"
    script.write_text(CHATTER)
    ids = [(await bench.run(f"stty -onlcr; exec {sys.executable} {script}")).id for _ in range(3)]
    for round_number in range(12):
        bench.terminals.leave()
        server = subprocess.Popen([sys.executable, "-c", SERVER, str(bench.directory)], stdout=subprocess.PIPE)
        assert server.stdout is not None
        assert await asyncio.to_thread(server.stdout.readline) == b"ready\n"
        await asyncio.sleep(0.03 + 0.013 * round_number)
        server.kill()
        server.wait()
        server.stdout.close()
    await bench.restart()
    expected = b"".join(b"%05d:%d\n" % (i, k) for i in range(20000) for k in range(5)) + b"END"
    for terminal in (bench.terminals.find(terminal_id) for terminal_id in ids):
        assert terminal is not None
        watch = bench.watch(terminal, after=0)
        await until(lambda watch=watch: watch.data.endswith(b"END"))
        assert watch.data == expected


async def test_a_killed_keeper_ends_its_terminals_and_the_next_spawn_has_a_fresh_one(bench: Bench) -> None:
    terminal = await bench.run("trap '' HUP; echo ready; while :; do sleep 0.05; done")
    watch = bench.watch(terminal)
    await watch.sees(b"ready")
    first = keeper_of(bench.directory)
    os.kill(first, signal.SIGKILL)
    await watch.task
    assert watch.event(Exit) == Exit(signal="SIGHUP")
    await until(lambda: not alive(terminal.pid))
    after = bench.watch(await bench.run("echo again"))
    await after.task
    assert after.data == b"again\r\n"
    assert keeper_of(bench.directory) != first
    await bench.terminals.close(terminal.id)


async def test_closing_ends_who_ignores_sighup_and_who_forked_away(bench: Bench) -> None:
    daemon = "import os,time,signal; signal.signal(1, signal.SIG_IGN); os.fork() and os._exit(0)\n"
    daemon += "os.setsid(); os.fork() and os._exit(0)\n"
    daemon += "print(os.getpid(), file=open('pids', 'a'), flush=True); time.sleep(1000)"
    (bench.directory / "daemon.py").write_text(daemon)
    terminal = await bench.run(
        f"trap '' HUP; {sys.executable} daemon.py; {sys.executable} daemon.py;"
        "(sleep 1000; :) & echo $! >> pids; echo $$ >> pids; while :; do sleep 1; done"
    )
    await until(
        lambda: (bench.directory / "pids").exists() and len((bench.directory / "pids").read_text().split()) == 4
    )
    pids = await pids_in(bench, "pids")
    neighbour = await bench.run("sleep 1000")
    assert all(map(alive, pids))
    await bench.terminals.close(terminal.id, grace=0.1)
    assert not any(map(alive, pids))
    assert alive(neighbour.pid)
    assert bench.terminals.find(terminal.id) is None
    assert os.listdir(bench.directory / "terminals") == [f"{neighbour.id}.ring"]


async def test_what_a_shell_left_running_goes_with_its_terminal(bench: Bench) -> None:
    terminal = await bench.run("trap '' HUP; setsid sleep 1000 & echo $! > pids; exit 0")
    await bench.watch(terminal).task
    [pid] = await pids_in(bench, "pids")
    assert alive(pid)
    await bench.terminals.close(terminal.id, grace=0)
    assert not alive(pid)


async def test_closing_twice_or_what_is_not_there_is_no_error(bench: Bench) -> None:
    terminal = await bench.run("exit 0")
    await asyncio.gather(bench.terminals.close(terminal.id), bench.terminals.close(terminal.id))
    await bench.terminals.close(terminal.id)
    await bench.terminals.close("nothing")


async def test_all_with_a_label_are_closed_by_a_process_that_has_not_opened_them_too(bench: Bench) -> None:
    mine = [await bench.run("sleep 100", labels={"session_id": "a"}) for _ in range(2)]
    other = await bench.run("sleep 100", labels={"session_id": "b"})
    worker = Terminals(str(bench.directory))
    await worker.close_all("session_id", "a")
    worker.leave()
    assert [alive(terminal.pid) for terminal in (*mine, other)] == [False, False, True]
    await until(lambda: all(terminal.exit for terminal in mine))
    await bench.terminals.close_all("session_id", "b")
    assert bench.terminals.find(other.id) is None


async def test_viewers_of_a_closed_terminal_are_told_how_it_ended(bench: Bench) -> None:
    for _ in range(20):  # it may die at any moment of the keeper's
        watch = bench.watch(terminal := await bench.run("echo ready; exec cat"))
        await watch.sees(b"ready")
        await bench.terminals.close(terminal.id, grace=30)
        await watch.task
        assert watch.event(Exit) == Exit(signal="SIGHUP")


async def test_end_leaves_no_process_and_no_keeper(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.terminals.open()
    code = "import os,time; os.fork() and os._exit(0); os.setsid()\n"
    code += "print(os.getpid(), file=open('pids','w'), flush=True); time.sleep(1000)"
    terminal = await bench.run(f'trap "" HUP; env -i {sys.executable} -c "{code}"; sleep 1000')
    pids = [terminal.pid, keeper_of(tmp_path), *await pids_in(bench, "pids")]
    bench.terminals.leave()  # as a server does that goes
    await bench.terminals.end()
    await until(lambda: not any(map(alive, pids)))
    assert os.listdir(tmp_path / "terminals") == []


async def test_sigterm_to_the_keeper_is_an_end_and_sigint_and_sighup_are_nothing(bench: Bench) -> None:
    terminal = await bench.run("sleep 1000")
    pid = keeper_of(bench.directory)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGHUP)
    assert keeper_of(bench.directory) == pid
    os.kill(pid, signal.SIGTERM)
    await until(lambda: not alive(pid) and not alive(terminal.pid))


async def test_there_is_one_keeper_a_directory(bench: Bench) -> None:
    pid = keeper_of(bench.directory)
    again = subprocess.run([sys.executable, "-m", "runtimes.keeper", str(bench.directory / "keeper")], timeout=60)
    assert again.returncode == 0
    assert keeper_of(bench.directory) == pid


async def test_nothing_that_cannot_be_started_is_kept(bench: Bench) -> None:
    for argv, cwd, code in (
        (["no-such-program"], "/", "not_found"),
        (["/etc/passwd"], "/", "not_found"),
        (["sh"], str(bench.directory / "nowhere"), "failed"),
        ([], "/", "bad_request"),
        (["x" * 200_000], "/", "too_long"),
        (["sh", "a\0b"], "/", "failed"),
        (["sh", "\ud800"], "/", "failed"),
        (["sh"], "/\0", "failed"),
    ):
        with pytest.raises(KeeperRefused) as refusal:
            await bench.terminals.spawn(argv, cwd=cwd, env=shell_environment())
        assert refusal.value.code in (code, "ENOENT"), refusal.value
    assert list(bench.terminals) == []
    assert os.listdir(bench.directory / "terminals") == []


async def test_a_newer_server_is_told_which_verbs_are_missing(bench: Bench) -> None:
    connection = await bench.terminals._keeper()
    with pytest.raises(KeeperRefused) as refusal:
        await connection.ask("levitate")
    assert refusal.value.code == "unknown_verb"
    [(hello, _)] = await connection.ask("hello", version=99)
    assert {"spawn", "list", "close", "end"} <= set(hello["verbs"])


@pytest.mark.parametrize(
    "packet",
    [b"x", b"[]", b"{}", b'{"id": 1}', b'{"id": 1, "verb": 3}', b"\xff", b'{"id": 1, "verb": "spawn"}', b"[" * 9000],
)
async def test_a_packet_that_is_no_request_is_answered_with_an_error(bench: Bench, packet: bytes) -> None:
    with reach(str(bench.directory / "keeper")) as link:
        link.settimeout(20)
        link.send(packet)
        assert "error" in json.loads(await asyncio.to_thread(link.recv, keeper.PACKET))
    assert keeper_of(bench.directory)


async def test_a_server_that_does_not_read_holds_up_neither_keeper_nor_others(bench: Bench) -> None:
    with reach(str(bench.directory / "keeper")) as deaf:
        deaf.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for number in range(20_000):
                deaf.send(b'{"id": %d, "verb": "hello", "version": 1}' % number)
        watch = bench.watch(await bench.run("echo alive"))
        await watch.task
        assert watch.data == b"alive\r\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
async def test_another_users_connection_is_refused() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        terminals = Terminals(name)
        await terminals.open()
        assert os.stat(f"{name}/keeper").st_mode & 0o777 == 0o700
        assert os.stat(f"{name}/keeper/keeper.sock").st_mode & 0o777 == 0o600
        os.chmod(f"{name}/keeper", 0o755)
        os.chmod(f"{name}/keeper/keeper.sock", 0o666)
        code = (
            "import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(20)\n"
            f"s.connect('{name}/keeper/keeper.sock')\n"
            'try: s.send(b\'{"id": 1, "verb": "list"}\'); print(s.recv(100))\n'
            "except OSError as error: print(b'', error)"
        )
        answer = await asyncio.to_thread(
            subprocess.run,
            ["/usr/bin/env", "python3", "-c", code],
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            cwd="/",
        )
        assert answer.stdout.startswith(b"b''"), answer
        await terminals.end()


async def test_two_servers_do_not_share_the_terminals(bench: Bench) -> None:
    with pytest.raises(InUse):
        await Terminals(str(bench.directory)).open()
    watch = bench.watch(await bench.run("echo still mine"))
    await watch.task
    assert watch.data == b"still mine\r\n"


async def test_who_deletes_the_directory_leaves_no_shell_behind_and_who_moves_it_loses_none(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    terminals = Terminals(str(tmp_path / "first"))
    await terminals.open()
    environment = shell_environment()
    script = "trap '' HUP; echo ready; while :; do sleep 1000; done"
    terminal = await terminals.spawn(["sh", "-c", script], cwd="/", env=environment)
    await until(lambda: b"ready" in terminal.ring.slice(0, terminal.ring.end))
    shell, kept_by = terminal.pid, keeper_of(tmp_path / "first")
    terminals.leave()
    (tmp_path / "first").rename(tmp_path / "second")
    await asyncio.sleep(1.5)  # it looks each second
    terminals = Terminals(str(tmp_path / "second"))
    await terminals.open()
    found = terminals.find(terminal.id)
    assert found is not None and found.pid == shell
    shutil.rmtree(tmp_path / "second")
    terminals.leave()  # as a server does that was killed
    await until(lambda: not alive(kept_by) and not alive(shell))


async def test_a_directory_with_a_long_name_is_fine(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 150)
    directory.mkdir()
    terminals = Terminals(str(directory))
    await terminals.open()
    await terminals.end()


async def test_no_descriptor_is_leaked(bench: Bench) -> None:
    def count(pid: int) -> int:
        return len(os.listdir(f"/proc/{pid}/fd"))

    async def turn() -> None:
        terminal = await bench.run("cat")
        watch = bench.watch(terminal)
        await bench.restart()
        await bench.terminals.close(terminal.id)
        await watch.stop()
        with pytest.raises(KeeperRefused):
            await bench.terminals.spawn(["no-such-program"], cwd="/", env={})

    pid = keeper_of(bench.directory)
    await turn()
    ours, theirs = count(os.getpid()), count(pid)
    for _ in range(10):
        await turn()
    await until(lambda: count(pid) <= theirs and count(os.getpid()) <= ours)


async def test_the_keeper_has_nothing_of_the_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEYARD_SECRET", "hidden")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        bench = Bench(tmp_path)
        await bench.terminals.open()
        pid = keeper_of(tmp_path)
        targets = []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                targets.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        inode = re.search(r"\d+", os.readlink(f"/proc/self/fd/{listener.fileno()}"))
        assert inode is not None
        assert f"socket:[{inode[0]}]" not in targets
        assert b"CODEYARD" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert os.getsid(pid) != os.getsid(0)
        await bench.terminals.end()


async def test_a_keeper_that_ends_as_it_is_reached_is_followed_by_another(tmp_path: Path) -> None:
    address = tmp_path / "keeper" / "keeper.sock"
    address.parent.mkdir()
    leaving = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    leaving.bind(str(address))
    leaving.listen()

    def leave() -> None:
        link, _ = leaving.accept()
        leaving.close()
        address.unlink()
        link.close()

    gone = asyncio.create_task(asyncio.to_thread(leave))
    terminals = Terminals(str(tmp_path))
    await terminals.open()
    await gone
    terminal = await terminals.spawn(["sleep", "1000"], cwd="/", env=shell_environment())
    assert terminal.pid is not None and alive(terminal.pid)
    await terminals.end()


async def test_a_keeper_that_cannot_be_started_is_an_error_that_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr("runtimes.terminals._START_WITHIN", 0.2)
    with pytest.raises(KeeperLost, match=r"keeper\.log"):
        await Terminals(str(tmp_path)).open()
