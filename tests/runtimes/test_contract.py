"""What every driver keeps, held against all of them: real ones, the fake, and fakes that misbehave within the law."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from runtimes.docker import Docker
from runtimes.process import Process
from runtimes.spec import CanExec, CanLog, CanMeasure, CanReach, Mount, Runtime, RuntimeFailed, Spec, Status
from tests.runtimes.fake import Fake, Slow

IMAGE = "debian:bookworm-slim"
DOCKER = pytest.param("docker", marks=pytest.mark.docker)

real = pytest.mark.parametrize("bench", [DOCKER, "process"], indirect=True)
with_an_inside = pytest.mark.parametrize("bench", [DOCKER], indirect=True)


class Bench:
    """A driver, and how a spec is written for it."""

    def __init__(self, driver: Runtime, folder: Path) -> None:
        self.driver = driver
        self.folder = folder
        self.group = uuid4().hex
        self.steps: list[str] = []

    def tell(self, step: str, *, percent: int | None = None, message: str = "") -> None:
        self.steps.append(step)

    def spec(self, script: str, *, name: str = "web", install: str | None = None, **more: object) -> Spec:
        here = Mount(kind="bind", root=str(self.folder), target="/workspace")
        image = IMAGE if isinstance(self.driver, Docker) else ""
        words = {
            "command": ["/bin/sh", "-c", script],
            "install": install,
            "mounts": [here],
            "working_dir": "/workspace",
        }
        return Spec(group=self.group, name=name, image=image, **(words | more))  # type: ignore[arg-type]

    async def until(self, state: dict[str, object], **wanted: object) -> Status:
        async with asyncio.timeout(30):
            while True:
                found = await self.driver.poll(state)
                if found is not None and all(getattr(found, name) == value for name, value in wanted.items()):
                    return found
                await asyncio.sleep(0.05)


@pytest.fixture(params=[DOCKER, "process", "fake", "slow"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    drivers: dict[str, Callable[[], Runtime]] = {
        "docker": lambda: Docker(f"test-{uuid4().hex}"),
        "process": lambda: Process(str(tmp_path / "runtimes")),
        "fake": Fake,
        "slow": Slow,
    }
    folder = tmp_path / "workspace"
    folder.mkdir()
    driver: Runtime = drivers[request.param]()
    found = Bench(driver, folder)
    yield found
    await driver.remove_group(found.group)
    driver.close()


async def test_what_is_started_runs_until_it_ends_and_then_has_its_exit_code(bench: Bench) -> None:
    state = await bench.driver.start(bench.spec("sleep 0.3; exit 7"), bench.tell)
    ended = await bench.until(state, running=False)
    assert ended.exit_code == 7
    assert "starting" in bench.steps


async def test_starting_the_same_twice_finds_what_the_first_call_started(bench: Bench) -> None:
    spec = bench.spec("sleep 60")
    first = await bench.driver.start(spec, bench.tell)
    began = await bench.until(first, running=True)
    second = await bench.driver.start(spec, bench.tell)
    assert second == first
    assert (await bench.until(second, running=True)).started_at == began.started_at


async def test_ten_starts_at_once_start_one(bench: Bench) -> None:
    spec = bench.spec("echo begun >>begun; sleep 60")
    states = await asyncio.gather(*(bench.driver.start(spec, bench.tell) for _ in range(10)))
    assert all(state == states[0] for state in states)
    await bench.until(states[0], running=True)
    if isinstance(bench.driver, Docker | Process):
        async with asyncio.timeout(30):
            while not (begun := bench.folder / "begun").exists():
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.2)  # for a second one to write, if there were one
        assert begun.read_text() == "begun\n"


async def test_what_is_stopped_is_gone_and_stopping_again_is_no_error(bench: Bench) -> None:
    state = await bench.driver.start(bench.spec("sleep 60"), bench.tell)
    await bench.driver.stop(state, grace=5)
    assert await bench.driver.poll(state) is None
    await bench.driver.stop(state, grace=5)


async def test_a_program_that_ignores_the_word_to_stop_is_killed_after_its_grace(bench: Bench) -> None:
    spec = bench.spec("trap '' TERM; while :; do sleep 0.1; done", stop_grace=1.0)
    for asked in ({}, {"grace": 0}):
        state = await bench.driver.start(spec, bench.tell)
        await bench.until(state, running=True)
        await bench.driver.stop(state, **asked)
        assert await bench.driver.poll(state) is None


async def test_a_stopped_service_starts_again(bench: Bench) -> None:
    spec = bench.spec("sleep 60")
    await bench.driver.stop(await bench.driver.start(spec, bench.tell), grace=1)
    state = await bench.driver.start(spec, bench.tell)
    await bench.until(state, running=True)


async def test_an_ended_service_starts_again(bench: Bench) -> None:
    state = await bench.driver.start(bench.spec("exit 3"), bench.tell)
    await bench.until(state, running=False)
    state = await bench.driver.start(bench.spec("sleep 60"), bench.tell)
    await bench.until(state, running=True)


async def test_a_command_that_is_not_there_is_said_so(bench: Bench) -> None:
    spec = bench.spec("", command=["/no/such/program"])
    with contextlib.suppress(RuntimeFailed):
        state = await bench.driver.start(spec, bench.tell)
        ended = await bench.until(state, running=False)
        assert ended.exit_code == 127


@real
async def test_an_install_line_runs_to_its_end_first_and_its_failure_is_told(bench: Bench) -> None:
    state = await bench.driver.start(bench.spec("cat installed; sleep 60", install="echo yes >installed"), bench.tell)
    assert (bench.folder / "installed").read_text() == "yes\n"
    assert "installing" in bench.steps
    await bench.driver.stop(state, grace=1)
    with pytest.raises(RuntimeFailed) as failed:
        await bench.driver.start(bench.spec("sleep 60", install="echo no luck >&2; exit 5"), bench.tell)
    assert failed.value.code == "install_failed"
    assert failed.value.message == "The install command failed: no luck"
    assert failed.value.remedy


@real
async def test_logs_tell_the_streams_apart_and_go_on_after_a_line_that_was_seen(bench: Bench) -> None:
    assert isinstance(bench.driver, CanLog)
    script = "for n in 1 2 3; do echo out $n; echo err $n >&2; sleep 0.05; done"
    state = await bench.driver.start(bench.spec(script), bench.tell)
    await bench.until(state, running=False)
    said = [
        (c.stream, line) async for c in bench.driver.logs(state, since={}, follow=True) for line in c.lines.splitlines()
    ]
    out = [line.split(b" ", 1) for stream, line in said if stream == "stdout"]
    assert [text for _, text in out] == [b"out 1", b"out 2", b"out 3"]
    assert [line.split(b" ", 1)[1] for stream, line in said if stream == "stderr"] == [b"err 1", b"err 2", b"err 3"]
    seen = {"stdout": out[1][0].decode()}
    later = [c.lines async for c in bench.driver.logs(state, since=seen, follow=False) if c.stream == "stdout"]
    assert b"".join(later).split(b" ", 1)[1] == b"out 3\n"


@real
async def test_a_log_has_long_lines_whole_and_the_last_one_though_it_does_not_end(bench: Bench) -> None:
    assert isinstance(bench.driver, CanLog)
    script = """printf '10%%\\r100%%\\n'; head -c 16384 /dev/zero | tr '\\0' a; echo; head -c 200000 /dev/zero | tr '\\0' b; echo
        printf the.end"""
    state = await bench.driver.start(bench.spec(script), bench.tell)
    said = b"".join([chunk.lines async for chunk in bench.driver.logs(state, since={}, follow=True)])
    assert said.endswith(b"\n")
    moments, texts = zip(*(line.split(b" ", 1) for line in said.split(b"\n")[:-1]), strict=True)
    assert {len(moment) for moment in moments} == {30}
    assert (texts[0], texts[1], texts[-1]) == (b"10%\r100%", b"a" * 16384, b"the.end")
    assert b"".join(texts[2:-1]) == b"b" * 200_000 and all(texts)  # in pieces
    again = [c.lines async for c in bench.driver.logs(state, since={"stdout": moments[0].decode()}, follow=False)]
    assert b"".join(again) == said.partition(b"\n")[2]


@real
async def test_use_is_measured_while_it_runs(bench: Bench) -> None:
    assert isinstance(bench.driver, CanMeasure)
    state = await bench.driver.start(bench.spec("while :; do :; done"), bench.tell)
    samples = []
    async for sample in bench.driver.measure(state):
        samples.append(sample)
        if len(samples) == 2:
            break
    assert samples[1].cpu_seconds > samples[0].cpu_seconds
    assert samples[1].memory > 0


@real
async def test_a_port_is_reached_while_it_runs_and_only_then(bench: Bench) -> None:
    assert isinstance(bench.driver, CanReach)
    state = await bench.driver.start(bench.spec("sleep 60"), bench.tell)
    await bench.until(state, running=True)
    assert await bench.driver.address(state, 8000)
    await bench.driver.stop(state, grace=1)
    assert await bench.driver.address(state, 8000) is None


@with_an_inside
async def test_a_command_is_run_to_its_end_inside(bench: Bench) -> None:
    assert isinstance(bench.driver, CanExec)
    state = await bench.driver.start(bench.spec("sleep 60"), bench.tell)
    code, said = await bench.driver.run(state, ["/bin/sh", "-c", "echo here; pwd; exit 4"])
    assert (code, said) == (4, b"here\n/workspace\n")


async def test_putting_a_group_away_leaves_nothing_running_and_may_be_asked_twice(bench: Bench) -> None:
    states = [await bench.driver.start(bench.spec("sleep 60", name=name), bench.tell) for name in ("a", "b")]
    await bench.driver.put_away(bench.group)
    assert [await bench.driver.poll(state) for state in states] == [None, None]
    await bench.driver.put_away(bench.group)


def test_the_supervisor_needs_nothing_but_the_standard_library() -> None:
    source = Path(__file__).parents[2] / "runtimes" / "supervise.py"
    names = {
        line.split()[1].split(".")[0]
        for line in source.read_text().splitlines()
        if line.startswith(("import ", "from "))
    }
    assert names <= sys.stdlib_module_names
