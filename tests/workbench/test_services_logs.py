"""Logs on disk, and who follows a service from run to run."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

from backend.workbench.services.logs import KEPT, SEGMENT, Log, log_of, matching, parse
from backend.workbench.services.models import Runtime
from backend.workbench.services.routes import _log_events
from backend.workbench.services.service import Watched
from backend.workbench.services.watchers import Watchers
from runtimes.spec import LogChunk

MOMENT = "2026-01-01T00:00:00.00000000{}Z"


def said(number: int, text: str) -> LogChunk:
    return LogChunk(stream="stdout", lines=f"{MOMENT.format(number)} {text}\n".encode())


def texts(log: Log) -> list[str]:
    return [line.text for line in log.tail(10)[0].items]


class Talking:
    """A driver whose streams of a run end when they are told to."""

    def __init__(self) -> None:
        self.ends = [asyncio.Event(), asyncio.Event()]
        self.followed = 0

    async def logs(self, state, *, since, follow):
        number = self.followed
        self.followed += 1
        await self.ends[number].wait()
        yield said(number, f"run {number}")


async def test_a_run_that_begins_while_the_last_ones_log_is_read_is_followed_after_it(tmp_path):
    driver = Talking()
    watchers = Watchers(SimpleNamespace(runtime=driver, data=tmp_path))
    row = Runtime(id=uuid4(), session_id=uuid4(), name="web", handle={})
    for number in (0, 1):
        watchers.follow(row)
        while driver.followed == 0:
            await asyncio.sleep(0.005)
        assert driver.followed == 1, number
    for end in driver.ends:
        end.set()
    while watchers._tasks:
        await asyncio.sleep(0.005)
    assert texts(log_of(tmp_path, row.session_id, "web")) == ["run 0", "run 1"]


def test_a_tail_ends_where_what_follows_it_begins(tmp_path):
    log = Log(tmp_path / "web")
    log.append(said(1, "one"))
    end = log.end()
    log.append(said(2, "two"))
    assert [parse(line).text for line in log._backwards(end)] == ["one"]
    with log.path(1).open("ab") as file:
        file.write(f"o{MOMENT.format(3)} thr".encode())  # in the middle of a write
    _, end = log.tail(10)
    assert texts(log) == ["one", "two"] and log.read(end) == (b"", end)
    with log.path(1).open("ab") as file:
        file.write(b"ee\n")
    assert parse(log.read(end)[0].rstrip()).text == "three"


def test_who_follows_sees_the_lines_that_the_history_has(tmp_path):
    log = Log(tmp_path / "web")
    log.append(said(1, "10 %\r100 %\x0c\u2028\x85 done"))
    log.append(said(2, ""))
    assert matching(log.read((1, 0))[0], search="", stream="") == log.tail(10)[0].items


def test_a_log_keeps_the_newest_segments_and_no_fewer_than_it_may(tmp_path):
    log = Log(tmp_path / "web")
    counts = []
    for number in range(2 * KEPT):
        log.append(said(1, f"{number} " + "x" * (SEGMENT // 2)))
        counts.append(len(log.segments()))
    assert counts == [min(number + 1, KEPT) for number in range(2 * KEPT)]
    assert texts(log)[-1].startswith(f"{2 * KEPT - 1} ")


async def test_who_comes_back_to_a_log_that_was_begun_anew_gets_what_it_has(tmp_path):
    log = Log(tmp_path / "web")
    log.append(said(1, "one"))
    watchers = Watchers(SimpleNamespace(runtime=None, data=tmp_path))
    resources = SimpleNamespace(in_thread=asyncio.to_thread, kept=SimpleNamespace(get=lambda _: watchers))
    for told in ("7:0", "1:9999", "-", ""):
        events = _log_events(resources, Watched(uuid4(), log), told, 10, "", {"search": "", "stream": ""})
        async with asyncio.timeout(10):
            _, found = await anext(events), await anext(events)
        assert "one" in found.data, told
        await events.aclose()
