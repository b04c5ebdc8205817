"""The watcher on real folders: what it tells, what it leaves out, that it follows nothing and owns up to gaps."""

import asyncio
import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.workbench.files import disk, watch
from backend.workbench.files.beneath import Root, parse
from backend.workbench.files.schemas import Changes
from backend.workbench.files.watch import Viewer, watching


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


class Seen:
    """Collects what a viewer is told, by path."""

    def __init__(self, messages: AsyncIterator[Changes]) -> None:
        self._messages = messages
        self.types: dict[str, list[str]] = {}
        self.seqs: list[int] = []
        self.resync = False

    async def next(self) -> Changes:
        return await asyncio.wait_for(anext(self._messages), 60)

    async def until(self, path: str, type: str) -> None:
        while type not in self.types.get(path, []):
            changes = await self.next()
            self.resync = self.resync or changes.resync
            self.seqs.append(changes.seq)
            for event in changes.events:
                self.types.setdefault(event.path, []).append(event.type)


@asynccontextmanager
async def looking(work: Path) -> AsyncIterator[Seen]:
    async with watching(work) as viewer:
        seen = Seen(viewer.messages())
        assert (await seen.next()).events == []
        yield seen


async def test_created_modified_and_deleted_are_told(work: Path):
    (work / "there").write_text("1")
    async with looking(work) as seen:
        (work / "there").write_text("2")
        await seen.until("there", "modified")
        (work / "new").write_text("1")
        await seen.until("new", "created")
        (work / "there").unlink()
        await seen.until("there", "deleted")
        (work / "new").rename(work / "renamed")
        await seen.until("renamed", "created")
        assert "deleted" in seen.types["new"]
        assert seen.seqs == list(range(1, len(seen.seqs) + 1))


async def test_an_atomic_write_is_one_change_and_its_temporary_name_never_shows(work: Path):
    (work / ".git").mkdir()
    async with looking(work) as seen:
        with Root(work) as root:
            disk.write(root, parse("a"), b"1", largest=100)
            await seen.until("a", "created")
            disk.write(root, parse("a"), b"2", largest=100)
            await seen.until("a", "modified")
        (work / ".git" / "index").write_text("")
        (work / "end").write_text("")
        await seen.until("end", "created")
        assert set(seen.types) == {"a", "end"}
        assert seen.types["a"] == ["created", "modified"]


async def test_what_lies_in_a_new_or_moved_folder_is_told(work: Path):
    (work.parent / "full" / "deep").mkdir(parents=True)
    (work.parent / "full" / "deep" / "x").write_text("")
    async with looking(work) as seen:
        os.makedirs(work / "a/b/c")
        (work / "a/b/c/file").write_text("")
        await seen.until("a/b/c/file", "created")
        (work.parent / "full").rename(work / "in")
        await seen.until("in/deep/x", "created")
        (work / "in/deep/x").write_text("2")
        await seen.until("in/deep/x", "modified")


async def test_a_folder_that_moved_is_followed_to_its_new_name_and_not_out(work: Path):
    (work / "a").mkdir()
    async with looking(work) as seen:
        (work / "a").rename(work / "b")
        (work / "b" / "x").write_text("")
        await seen.until("b/x", "created")
        (work / "b").rename(work.parent / "outside")
        await seen.until("b", "deleted")
        (work.parent / "outside" / "secret").write_text("")
        shutil.rmtree(work.parent / "outside")
        (work / "end").write_text("")
        await seen.until("end", "created")
        assert not any("secret" in path for path in seen.types)


async def test_row_19_what_lies_behind_a_link_is_not_watched(work: Path):
    (work.parent / "outside").mkdir()
    (work / "link").symlink_to("../outside")
    (work / "loop").symlink_to(".")
    async with looking(work) as seen:
        (work / "later").symlink_to("../outside")
        await seen.until("later", "created")
        (work.parent / "outside" / "secret").write_text("")
        (work / "end").write_text("")
        await seen.until("end", "created")
        assert set(seen.types) == {"later", "end"}


async def test_viewers_share_one_watcher_which_ends_with_the_last(work: Path):
    async def threads(expected: int) -> None:
        async with asyncio.timeout(60):
            while sum(thread.name == "watch" for thread in threading.enumerate()) != expected:
                await asyncio.sleep(0.01)

    await threads(0)
    async with looking(work) as one:
        async with looking(work) as two:
            await threads(1)
            (work / "a").write_text("")
            await one.until("a", "created")
            await two.until("a", "created")
        await threads(1)
    await threads(0)


async def test_the_end_of_the_folder_ends_the_messages(work: Path):
    async with looking(work) as seen:
        shutil.rmtree(work)
        with pytest.raises(StopAsyncIteration):
            await seen.until("never", "created")


async def test_lost_events_are_owned_up_to(work: Path, monkeypatch: pytest.MonkeyPatch):
    """As when the kernel's queue overflows; what happens afterwards is told again, in new folders too."""
    monkeypatch.setattr(watch, "MOST", 3)
    async with looking(work) as seen:
        for number in range(50):
            (work / f"folder{number}").mkdir()
        while not (await seen.next()).resync:
            pass
        monkeypatch.setattr(watch, "MOST", 5000)
        while True:
            (work / "folder7" / "x").write_text("")
            changes = await seen.next()
            if any(event.path == "folder7/x" for event in changes.events):
                break


async def test_the_kernels_overflow_is_understood(work: Path):
    with Root(work) as root:
        inotify = watch.Inotify(root, work.name)
        limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        for number in range(limit // 2 + 10):  # created and deleted: two events each, none merged
            name = work / str(number)
            name.mkdir()
            name.rmdir()
        batch = watch._Batch()
        whole = True
        for _ in range(1000):
            whole = inotify.read(batch)
            if not whole:
                break
        assert not whole
        inotify.restart()
        (work / "after").write_text("")
        batch = watch._Batch()
        assert inotify.read(batch)
        assert batch.types == {(b"after",): "created"}
        inotify.close()


async def test_a_slow_viewer_is_told_to_read_again(work: Path):
    async with watching(work) as viewer:
        assert isinstance(viewer, Viewer)
        for number in range(watch.BEHIND + 10):
            viewer.tell(Changes([], number))
        seen = Seen(viewer.messages())
        await seen.next()
        assert (await seen.next()).resync


async def test_no_more_watches_is_owned_up_to(work: Path, monkeypatch: pytest.MonkeyPatch):
    (work / "a").mkdir()
    real = watch._libc.inotify_add_watch
    calls = []

    class Libc:
        inotify_init1 = watch._libc.inotify_init1
        inotify_rm_watch = watch._libc.inotify_rm_watch

        @staticmethod
        def inotify_add_watch(*words) -> int:
            calls.append(words)
            if len(calls) <= 2:  # the root and the folder it lies in
                return real(*words)
            watch.ctypes.set_errno(28)
            return -1

    monkeypatch.setattr(watch, "_libc", Libc)
    async with watching(work) as viewer:
        changes = await anext(viewer.messages())
        assert changes.partial
