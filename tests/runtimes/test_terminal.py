"""Terminals with real programs in them: several viewers, each at its own pace, and programs that behave badly."""

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from runtimes.frames import Attached, BadFrame, Exit, Failure, Lag, Resized
from runtimes.ring import CAPACITY
from runtimes.terminal import INPUT_FRAME, TAIL, Control
from runtimes.terminal import WINDOW as UNACKNOWLEDGED
from runtimes.terminals import KeeperRefused, shell_environment
from tests.runtimes.conftest import Bench, until

FLOOD = f"{sys.executable} -c 'import os,sys\nfor i in range(%d): os.write(1, (b\"%%097d\\n\" %% i) * 1)'"


async def test_a_program_runs_and_says_its_exit_code(bench: Bench) -> None:
    watch = bench.watch(await bench.run("echo hello; exit 7"))
    await watch.task
    assert watch.data == b"hello\r\n"
    assert watch.event(Exit) == Exit(code=7)


async def test_a_signal_that_ended_it_is_named(bench: Bench) -> None:
    watch = bench.watch(await bench.run("kill -KILL $$"))
    await watch.task
    assert watch.event(Exit) == Exit(signal="SIGKILL")


async def test_what_was_printed_right_before_the_exit_is_there_though_others_hold_the_terminal(bench: Bench) -> None:
    for number in range(20):
        watch = bench.watch(await bench.run(f"sleep 100 & printf 'last words {number}'; exit 0"))
        await watch.task
        assert watch.data == b"last words %d" % number


async def test_typing_reaches_the_program(bench: Bench) -> None:
    watch = bench.watch(await bench.run('read line; echo "got <$line>"'))
    await watch.type("hej du\n")
    await watch.task
    assert b"got <hej du>" in watch.data


async def test_ctrl_c_interrupts_though_the_servers_parent_ignored_it(bench: Bench) -> None:
    watch = bench.watch(await bench.run("trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done"))
    await watch.sees(b"ready")
    await watch.type("\x03")
    await watch.task
    assert watch.event(Exit) == Exit(code=3)


async def test_a_signal_frame_goes_to_the_foreground_group(bench: Bench) -> None:
    watch = bench.watch(await bench.run("echo ready; sleep 100; echo status $?", program="bash"))
    await watch.sees(b"ready")
    await asyncio.sleep(0.05)
    await watch.viewer.receive('{"type": "signal", "name": "SIGKILL"}')
    await until(lambda: watch.event(Exit) or b"status 137" in watch.data)


async def test_several_viewers_see_the_same_and_one_that_joins_late_sees_it_all(bench: Bench) -> None:
    terminal = await bench.run("echo one; read x; echo two; read x")
    first, second = bench.watch(terminal), bench.watch(terminal)
    await first.sees(b"one")
    await second.type("\n")
    await first.sees(b"two\r\n")
    late = bench.watch(terminal)
    await late.sees(b"two\r\n")
    await second.sees(b"two\r\n")
    assert first.data == second.data == late.data
    assert len(terminal.viewers) == 3


async def test_a_viewer_that_returns_gets_exactly_what_it_missed(bench: Bench) -> None:
    terminal = await bench.run("echo before; read x; stty -echo; read x; echo missed; read x; echo after; read x")
    watch = bench.watch(terminal)
    await watch.sees(b"before\r\n")
    await watch.stop()
    offset = watch.viewer.offset
    typist = bench.watch(terminal)
    await typist.type("\n\n")
    await typist.sees(b"missed\r\n")
    again = bench.watch(terminal, after=offset)
    await typist.type("\n")
    await again.sees(b"after\r\n")
    await typist.sees(b"after\r\n")
    assert watch.data + again.data == typist.data
    assert again.event(Attached).offset == offset


@pytest.mark.parametrize("after", [-1, 1, 1 << 63, 10**30])
async def test_attack_49_an_offset_beyond_the_end_or_below_zero_is_refused(bench: Bench, after: int) -> None:
    terminal = await bench.run("sleep 100")
    with pytest.raises(ValueError, match="offset"):
        terminal.attach(after=after)
    assert not terminal.viewers


async def test_a_flood_arrives_whole_and_in_order(bench: Bench) -> None:
    watch = bench.watch(await bench.run("stty -onlcr; " + FLOOD % 60_000), after=0)
    await watch.task
    expected = b"".join(b"%097d\n" % i for i in range(60_000))
    assert hashlib.sha256(watch.data).digest() == hashlib.sha256(expected).digest()


async def test_a_flood_that_yields_to_a_neighbour_who_types_arrives_whole_too(bench: Bench) -> None:
    neighbour = bench.watch(await bench.run("cat"))
    await neighbour.type("x")
    flood = bench.watch(await bench.run("stty -onlcr; " + FLOOD % 8_000), after=0)
    while not flood.task.done():
        await neighbour.type("x")
        await asyncio.sleep(0.005)
    assert flood.data == b"".join(b"%097d\n" % i for i in range(8_000))
    assert flood.event(Exit) == Exit(code=0)


async def test_a_viewer_that_stops_acknowledging_is_sent_one_window_and_holds_up_nobody(bench: Bench) -> None:
    terminal = await bench.run("read go; stty -onlcr; " + FLOOD % 30_000)
    mute, other = bench.watch(terminal, acknowledge=False, after=0), bench.watch(terminal, after=0)
    await other.type("\n")
    await other.task
    assert other.event(Exit) == Exit(code=0)
    await until(lambda: len(mute.data) >= UNACKNOWLEDGED)
    assert len(mute.data) == UNACKNOWLEDGED < len(other.data)
    await mute.ack(UNACKNOWLEDGED)
    await until(lambda: len(mute.data) == 2 * UNACKNOWLEDGED)
    assert other.data.startswith(mute.data)


async def test_a_plain_client_acknowledges_nothing_and_gets_everything(bench: Bench) -> None:
    watch = bench.watch(await bench.run("stty -onlcr; " + FLOOD % 30_000), acknowledge=False, acks=False, after=0)
    await watch.task
    assert len(watch.data) == 98 * 30_000


async def test_a_viewer_too_far_behind_gets_lag_modes_and_the_last_part_from_a_lines_start(bench: Bench) -> None:
    lines = (CAPACITY + (1 << 20)) // 98
    terminal = await bench.run(f"printf 'start\\033[?1049h\\033[?25l'; read go; stty -onlcr; {FLOOD % lines}; read x")
    mute, other = bench.watch(terminal, acknowledge=False), bench.watch(terminal, after=0)
    await mute.sees(b"start")
    await other.type("\n")
    await other.sees(b"%097d\n" % (lines - 1))
    seen = len(mute.data)
    await mute.ack(mute.viewer.offset)
    await until(lambda: mute.viewer.offset == terminal.ring.end)
    lag = mute.event(Lag)
    assert lag.from_ == seen
    rest = mute.data[seen:]
    assert rest.startswith(b"\x1bc\x1b[?1049h\x1b[?25l")
    assert lag.to + len(rest) == terminal.ring.end  # who counts bytes knows its offset
    tail = rest.removeprefix(b"\x1bc\x1b[?1049h\x1b[?25l")
    assert re.match(rb"\d{97}\n", tail)
    assert TAIL - 98 <= len(tail) <= TAIL
    assert other.data.endswith(tail)
    await mute.ack(terminal.ring.end)


async def test_a_new_viewer_of_a_long_history_gets_the_recent_part(bench: Bench) -> None:
    terminal = await bench.run("stty -onlcr; " + FLOOD % 20_000 + "; sleep 100")
    await until(lambda: terminal.ring.end == 98 * 20_000)
    watch = bench.watch(terminal)
    await until(lambda: watch.viewer.offset == terminal.ring.end)
    assert watch.data.startswith(b"\x1bc0000")
    assert len(watch.data) <= TAIL + 2
    whole = bench.watch(terminal, after=0)
    await until(lambda: whole.viewer.offset == terminal.ring.end)
    assert len(whole.data) == 98 * 20_000


async def test_a_tail_without_lines_begins_with_a_whole_character(bench: Bench) -> None:
    terminal = await bench.run(
        f'{sys.executable} -c \'import os; os.write(1, "x".encode()+"€".encode()*200_000)\'; sleep 9'
    )
    await until(lambda: terminal.ring.end == 600_001)
    assert terminal.ring.slice(terminal.tail(), terminal.ring.end).decode() == "€" * ((600_001 - terminal.tail()) // 3)


async def test_attack_48_invalid_and_split_utf_8_pass_unchanged(bench: Bench) -> None:
    code = r'import os,time; os.write(1, b"\xff\xfe\x80\xc3"); time.sleep(0.1); os.write(1, b"\xa5 \xe2\x82"); '
    code += r'os.write(1, b"\xac\0\xff")'
    watch = bench.watch(await bench.run(f"{sys.executable} -c '{code}'"))
    await watch.task
    assert watch.data == b"\xff\xfe\x80\xc3\xa5 \xe2\x82\xac\0\xff"


async def test_typing_bytes_that_are_no_text_is_fine(bench: Bench) -> None:
    watch = bench.watch(await bench.run("stty raw -echo; echo ready; head -c 4 | od -An -tx1"))
    await watch.sees(b"ready")
    await watch.viewer.receive(b"\xff\x00")
    await watch.viewer.receive(b"\xc3\x28")
    await watch.task
    assert b"ff 00 c3 28" in watch.data


async def test_attack_50_output_is_never_answered_by_us_nor_changed(bench: Bench) -> None:
    nasty = r"\033]52;c;aGk=\007\033]8;;javascript:alert(1)\007x\033]0;<b>t</b>\007\033P$q m\033\\\033[c\033[6n\033[999999999C"
    watch = bench.watch(
        await bench.run(f"stty -echo; printf '{nasty}'; read -t 0.3 answer; echo \"<$answer>\"", program="bash")
    )
    await watch.task
    assert watch.data.endswith(b"\x1b[c\x1b[6n\x1b[999999999C<>\r\n")


async def test_a_resize_is_seen_by_the_program_and_told_to_all(bench: Bench) -> None:
    terminal = await bench.run("trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done", cols=100, rows=30)
    one, two = bench.watch(terminal), bench.watch(terminal)
    await one.sees(b"30 100")
    await one.viewer.receive('{"type": "resize", "cols": 132, "rows": 50}')
    await two.sees(b"50 132")
    assert one.event(Resized) == two.event(Resized) == Resized(132, 50)


async def test_the_size_is_the_last_typing_viewers(bench: Bench) -> None:
    terminal = await bench.run("cat >/dev/null")
    one, two = bench.watch(terminal), bench.watch(terminal)
    await one.viewer.receive('{"type": "resize", "cols": 100, "rows": 10}')
    await one.type("a")
    await two.viewer.receive('{"type": "resize", "cols": 50, "rows": 20}')
    assert (terminal.cols, terminal.rows) == (100, 10)
    await two.type("b")
    assert (terminal.cols, terminal.rows) == (50, 20)
    await two.stop()
    await one.type("c")
    assert (terminal.cols, terminal.rows) == (100, 10)


@pytest.mark.parametrize(
    "size",
    [
        "0,0",
        "0,24",
        "80,0",
        "-1,24",
        "1001,24",
        "65536,65536",
        "80.5,24",
        '"80",24',
        "null,24",
        "[80],24",
        "1e400,24",
        "true,1",
    ],
)
async def test_attack_47_a_size_out_of_range_is_refused_and_changes_nothing(bench: Bench, size: str) -> None:
    watch = bench.watch(terminal := await bench.run("sleep 100"))
    cols, rows = size.split(",")
    with pytest.raises(BadFrame):
        await watch.viewer.receive(f'{{"type": "resize", "cols": {cols}, "rows": {rows}}}')
    assert (terminal.cols, terminal.rows) == (80, 24)


@pytest.mark.parametrize("size", [(0, 24), (80, -1), (65536, 65536), (80.0, 24), ("80", 24), (True, 24), (None, 24)])
async def test_attack_47_the_keeper_refuses_such_sizes_too(bench: Bench, size: tuple[int, int]) -> None:
    with pytest.raises(KeeperRefused) as refusal:
        await bench.run("true", cols=size[0], rows=size[1])
    assert refusal.value.code == "bad_size"
    assert not os.listdir(bench.directory / "terminals")


@pytest.mark.parametrize(
    "offset", ["-1", "1", "9223372036854775808", "1e3", '"0"', "null", "99999999999999999999999999"]
)
async def test_attack_49_an_ack_of_what_was_not_sent_is_refused(bench: Bench, offset: str) -> None:
    watch = bench.watch(await bench.run("sleep 100"))
    with pytest.raises(BadFrame):
        await watch.viewer.receive(f'{{"type": "ack", "offset": {offset}}}')


async def test_attack_49_a_stale_ack_changes_nothing(bench: Bench) -> None:
    watch = bench.watch(await bench.run("echo hello; sleep 100"), acknowledge=False)
    await watch.sees(b"hello\r\n")
    for offset in (7, 3, 0):
        await watch.viewer.receive(json.dumps({"type": "ack", "offset": offset}))
    assert watch.viewer._acked == 7


@pytest.mark.parametrize(
    "frame",
    [
        "", "x", "[]", "null", "{}", '{"type": "exec"}', '{"type": "ack"}', '{"type": "resize", "cols": 80}',
        "{" * 4000, "[" * 4000,
        '{"type": "ack", "offset": 0, "more": 1}', '{"type": "signal", "name": "SIGSTOP"}', '{"type": "signal", "name": 9}',
        '{"type": "ack", "offset": 0}' + " " * 5000, "\ud800", '{"type": "\\ud800"}',
    ],
)  # fmt: skip
async def test_attack_48_text_that_is_no_frame_is_refused(bench: Bench, frame: str) -> None:
    watch = bench.watch(await bench.run("sleep 100"))
    with pytest.raises(BadFrame):
        await watch.viewer.receive(frame)


async def test_attack_48_a_frame_too_long_is_refused_and_empty_ones_cost_nothing(bench: Bench) -> None:
    watch = bench.watch(terminal := await bench.run("stty -echo; echo ready; read line; echo got $line"))
    await watch.sees(b"ready")
    with pytest.raises(BadFrame):
        await watch.viewer.receive(bytes(INPUT_FRAME + 1))
    for _ in range(10_000):
        await watch.viewer.receive(b"")
    assert terminal._typed_bytes == 0
    await watch.type("this\n")
    await watch.sees(b"got this")


async def test_a_program_that_does_not_read_blocks_nobody_and_its_typist_is_told(bench: Bench) -> None:
    watch = bench.watch(terminal := await bench.run("stty raw -echo; echo ready; sleep 100"))
    other = bench.watch(await bench.run("cat"))
    await watch.sees(b"ready")
    await watch.viewer.receive(bytes(INPUT_FRAME))
    typing = asyncio.create_task(watch.viewer.receive(bytes(INPUT_FRAME)))
    await other.type("still here\n")
    await other.sees(b"still here")
    await typing
    await until(lambda: watch.event(Failure))
    assert watch.event(Failure).code == "input_full"
    assert terminal._typed_bytes <= INPUT_FRAME
    await watch.viewer.receive('{"type": "signal", "name": "SIGKILL"}')
    await watch.task


async def test_a_long_paste_arrives_whole(bench: Bench) -> None:
    size = 3 * INPUT_FRAME
    watch = bench.watch(await bench.run(f"stty raw -echo; echo ready; head -c {size} | sha256sum"))
    await watch.sees(b"ready")
    paste = os.urandom(size)
    for begin in range(0, size, INPUT_FRAME):
        await watch.viewer.receive(paste[begin : begin + INPUT_FRAME])
    await watch.task
    assert hashlib.sha256(paste).hexdigest().encode() in watch.data


async def test_who_may_only_watch_changes_nothing(bench: Bench) -> None:
    watch = bench.watch(terminal := await bench.run("echo ready; cat"), writes=False)
    await watch.sees(b"ready")
    await watch.type("typed")
    await watch.viewer.receive('{"type": "resize", "cols": 10, "rows": 10}')
    await watch.viewer.receive('{"type": "signal", "name": "SIGKILL"}')
    await until(lambda: len([event for event in watch.events if isinstance(event, Failure)]) == 3)
    assert (terminal.cols, terminal.exit, terminal.typist) == (80, None, None)


async def test_attack_52_a_stopped_program_holds_up_no_neighbour_and_can_be_closed(bench: Bench) -> None:
    stopped, neighbour = await bench.run("cat"), bench.watch(await bench.run("cat"))
    assert stopped.pid is not None
    os.kill(stopped.pid, signal.SIGSTOP)
    await bench.watch(stopped).type("hello\n")
    await neighbour.type("alive\n")
    await neighbour.sees(b"alive\r\nalive\r\n")
    await bench.terminals.close(stopped.id)
    assert not os.path.exists(f"/proc/{stopped.pid}")


async def test_a_terminal_that_nobody_has_open_for_a_while_is_not_ended(bench: Bench) -> None:
    code = "import os,time; [os.close(n) for n in (0,1,2)]; time.sleep(0.3); os.write(os.open('/dev/tty', os.O_RDWR), b'back')"
    watch = bench.watch(await bench.run(f'exec {sys.executable} -c "{code}"'))
    await watch.task
    assert watch.data == b"back"


async def test_a_stream_that_is_no_pty_is_a_terminal_too(bench: Bench, tmp_path: Path) -> None:
    sizes, ended = [], []

    class Remote(Control):
        async def end(self) -> None:
            ended.append(self)

        async def resize(self, cols: int, rows: int) -> None:
            sizes.append((cols, rows))

    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    bench.terminals._control_for = lambda labels: Remote()
    terminal = await bench.terminals.adopt(ours.detach(), control=Remote(), labels={"exec": "abc"})
    watch = bench.watch(terminal)
    theirs.send(b"from the container")
    await watch.sees(b"container")
    await watch.viewer.receive('{"type": "resize", "cols": 90, "rows": 20}')
    await watch.type("to it")
    assert (await asyncio.get_running_loop().sock_recv(theirs, 100), sizes) == (b"to it", [(90, 20)])

    await watch.stop()
    await bench.restart()
    again = bench.terminals.find(terminal.id)
    assert again is not None and again.labels == {"exec": "abc"}
    theirs.send(b", still")
    watch = bench.watch(again, after=0)
    await watch.sees(b"from the container, still")
    other, far = socket.socketpair()
    await bench.terminals.adopt(other.detach(), control=Remote(), labels={"exec": "def"})
    theirs.close()
    again.finish({"code": 0})
    await watch.task
    assert watch.event(Exit) == Exit(code=0)
    await bench.terminals.end()
    far.close()
    assert len(ended) == 1, "what still runs in a container is ended there, what has ended is not asked again"


async def test_a_shell_starts_clean(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEYARD_SECRET", "hidden")
    with open(bench.directory / "secret", "w") as secret:
        os.set_inheritable(secret.fileno(), True)
        script = "env; ls /proc/self/fd | tr '\\n' ' '; grep -E 'Sig(Ign|Blk)' /proc/self/status; umask; pwd"
        watch = bench.watch(await bench.run(script, env=shell_environment({"EXTRA": "given"})))
        await watch.task
    text = watch.data.decode()
    assert "CODEYARD" not in text and "hidden" not in text
    assert "TERM=xterm-256color" in text and "LANG=C.UTF-8" in text and "EXTRA=given" in text
    assert "\n0 1 2 3 Sig" in text  # 3 is ls reading the folder
    own = 0b11 << 31  # 32 and 33, the C library's own: posix_spawn, as make uses it, leaves them ignored
    assert [int(mask, 16) & ~own for mask in re.findall(r"Sig(?:Blk|Ign):\t(\w+)", text)] == [0, 0]
    assert f"0022\r\n{bench.directory}\r\n" in text
