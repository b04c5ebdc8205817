"""Files on a real disk: contents, ETags, mode bits, atomic replacement, and what stays when something fails."""

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from backend.core.errors import AppError, DiskFull, NotFound, TooLarge
from backend.workbench.files import disk
from backend.workbench.files.beneath import (
    MAX_DEPTH,
    BadPath,
    IsDirectory,
    LinkedFromOutside,
    NotDirectory,
    NotRegularFile,
    PathEscapes,
    Root,
    parse,
)

LARGEST = 1 << 20
write = partial(disk.write, largest=LARGEST)
read = partial(disk.read, largest=LARGEST)
delete = partial(disk.delete, recursive=False, etag=None, largest=LARGEST)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path / "work"


@pytest.fixture
def root(folder: Path) -> Iterator[Root]:
    with Root(folder) as opened:
        yield opened


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_what_was_written_is_read(root: Root, folder: Path):
    written = write(root, parse("a/b/c.txt"), b"hello")
    found = read(root, parse("a/b/c.txt"))
    assert (found.data, found.etag) == (b"hello", written.etag)
    assert names(folder) == {"a", "a/b", "a/b/c.txt"}


def test_without_parents_the_folder_must_be_there(root: Root):
    with pytest.raises(NotFound):
        write(root, parse("a/b"), b"", parents=False)


def test_an_etag_depends_on_the_content_alone(root: Root, folder: Path):
    first = write(root, parse("a"), b"same").etag
    os.utime(folder / "a", (1, 1))
    assert read(root, parse("a")).etag == first == write(root, parse("b"), b"same").etag
    assert write(root, parse("b"), b"other").etag != first


def test_what_is_in_memory_is_read_without_a_thread_and_as_with_one(root: Root, folder: Path):
    for data in (b"", b"hello", b"x" * disk.SMALL):
        write(root, parse("a/b"), data)
        found, slow = disk.read_cached(folder, parse("a/b")), read(root, parse("a/b"))
        assert found is not None
        assert (found.data, found.etag, found.size) == (slow.data, slow.etag, slow.size)


def test_what_needs_a_look_at_the_disk_or_at_what_it_is_goes_to_a_thread(root: Root, folder: Path):
    (folder / "plain").write_bytes(b"x")
    (folder / "large").write_bytes(b"x" * (disk.SMALL + 1))
    (folder / "link").symlink_to("plain")
    (folder / "inside").symlink_to(".")
    (folder / "out").symlink_to("../secret")
    (folder / "other").hardlink_to(folder.parent / "secret")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    for name in ("large", "link", "inside/plain", "out", "other", "folder", "pipe", "gone", "plain/x"):
        assert disk.read_cached(folder, parse(name)) is None, name


def test_a_part_of_a_file_is_read_with_the_etag_of_all(root: Root):
    etag = write(root, parse("a"), b"0123456789").etag
    part = read(root, parse("a"), offset=2, limit=3)
    assert (part.data, part.etag, part.status.st_size) == (b"234", etag, 10)
    assert read(root, parse("a"), offset=20).data == b""


def test_a_file_larger_than_a_call_is_read_in_parts(root: Root, folder: Path):
    (folder / "big").write_bytes(b"x" * (LARGEST + 10))
    with pytest.raises(TooLarge):
        read(root, parse("big"))
    part = read(root, parse("big"), offset=LARGEST, limit=100)
    assert (len(part.data), part.etag) == (10, None)
    with pytest.raises(TooLarge):
        write(root, parse("big"), b"y" * (LARGEST + 1))


def test_only_the_first_of_many_writers_with_the_same_etag_succeeds(root: Root, folder: Path):
    etag = write(root, parse("a"), b"0").etag
    together = threading.Barrier(8)

    def attempt(number: int) -> bool:
        together.wait()
        try:
            write(root, parse("a"), str(number + 1).encode(), etag=etag)
        except disk.EtagMismatch:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    assert (folder / "a").read_bytes() == str(won.index(True) + 1).encode()


def test_a_star_makes_a_file_once(root: Root, folder: Path):
    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(write, root, parse("new"), b"x", etag="*") for _ in range(8)]
    assert sum(one.exception() is None for one in tries) == 1
    assert all(isinstance(one.exception(), disk.EtagMismatch) for one in tries if one.exception())
    assert names(folder) == {"new"}


def test_a_stale_etag_of_a_file_that_is_gone_is_told(root: Root):
    with pytest.raises(disk.EtagMismatch) as mismatch:
        write(root, parse("a"), b"", etag="0" * 32)
    assert mismatch.value.details == {"etag": None}


def test_writing_keeps_mode_bits_and_sets_the_executable_one_where_asked(root: Root, folder: Path):
    write(root, parse("a"), b"1")
    (folder / "a").chmod(0o640)
    write(root, parse("a"), b"2")
    assert (folder / "a").stat().st_mode & 0o777 == 0o640
    write(root, parse("a"), b"3", executable=True)
    assert (folder / "a").stat().st_mode & 0o777 == 0o750
    write(root, parse("a"), b"4", executable=False)
    assert (folder / "a").stat().st_mode & 0o777 == 0o640


def test_a_file_is_written_through_a_link_that_stays_inside(root: Root, folder: Path):
    (folder / "sub").mkdir()
    (folder / "link").symlink_to("sub/real")
    write(root, parse("link"), b"through")
    assert (folder / "link").is_symlink()
    assert (folder / "sub" / "real").read_bytes() == b"through"


def test_row_19_nothing_is_written_through_a_link_that_leads_out(root: Root, folder: Path):
    (folder / "link").symlink_to("../secret")
    (folder / "out").symlink_to("..")
    for path in ("link", "out/secret", "out/new"):
        with pytest.raises(PathEscapes):
            write(root, parse(path), b"overwritten")
    assert (folder.parent / "secret").read_bytes() == b"secret"
    assert not (folder.parent / "new").exists()


def test_row_19_writing_a_hard_link_leaves_its_other_names_alone(root: Root, folder: Path):
    os.link(folder.parent / "secret", folder / "mine")
    write(root, parse("mine"), b"new")
    assert (folder.parent / "secret").read_bytes() == b"secret"
    os.link(folder.parent / "secret", folder / "again")
    with pytest.raises(LinkedFromOutside):
        write(root, parse("again"), b"", etag="0")
    with pytest.raises(LinkedFromOutside):
        disk.copy(root, parse("again"), parse("stolen"), overwrite=False)


def test_what_is_no_regular_file_is_not_written(root: Root, folder: Path):
    (folder / "sub").mkdir()
    os.mkfifo(folder / "fifo")
    for path, error in (("sub", IsDirectory), ("fifo", NotRegularFile), ("fifo/x", NotDirectory), ("", BadPath)):
        with pytest.raises(error):
            write(root, parse(path), b"")


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_full_disk_leaves_the_old_content_and_nothing_else(
    root: Root, folder: Path, monkeypatch: pytest.MonkeyPatch, call: str
):
    write(root, parse("a"), b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(DiskFull):
        write(root, parse("a"), b"new")
    assert (folder / "a").read_bytes() == b"old"
    assert names(folder) == {"a"}


def test_a_reader_sees_the_old_or_the_new_content_and_nothing_between(root: Root):
    contents = [bytes([letter]) * 300_000 for letter in b"ab"]
    write(root, parse("a"), contents[0])
    done = threading.Event()

    def write_on() -> None:
        while not done.is_set():
            for content in contents:
                write(root, parse("a"), content)

    thread = threading.Thread(target=write_on)
    thread.start()
    try:
        for _ in range(100):
            assert read(root, parse("a")).data in contents
    finally:
        done.set()
        thread.join()


def test_deleting_removes_the_link_and_not_what_it_leads_to(root: Root, folder: Path):
    (folder / "link").symlink_to("../secret")
    delete(root, parse("link"))
    assert (folder.parent / "secret").exists()
    assert names(folder) == set()


def test_a_folder_is_deleted_when_empty_or_recursively(root: Root, folder: Path):
    write(root, parse("a/b/c"), b"")
    (folder / "a" / "out").symlink_to("../..")
    with pytest.raises(disk.NotEmpty):
        delete(root, parse("a"))
    delete(root, parse("a"), recursive=True)
    assert names(folder) == set()
    assert (folder.parent / "secret").exists()
    disk.make_folder(root, parse("empty"))
    delete(root, parse("empty"))
    with pytest.raises(NotFound):
        delete(root, parse("empty"))
    with pytest.raises(BadPath):
        delete(root, (), recursive=True)


def test_a_delete_with_a_stale_etag_deletes_nothing(root: Root, folder: Path):
    etag = write(root, parse("a"), b"1").etag
    write(root, parse("a"), b"2")
    with pytest.raises(disk.EtagMismatch):
        delete(root, parse("a"), etag=etag)
    assert names(folder) == {"a"}


def test_moving_does_not_replace_unless_told_to(root: Root, folder: Path):
    write(root, parse("a"), b"a")
    write(root, parse("b"), b"b")
    with pytest.raises(disk.Exists):
        disk.move(root, parse("a"), parse("b"), overwrite=False)
    assert (folder / "b").read_bytes() == b"b"
    disk.move(root, parse("a"), parse("b"), overwrite=True)
    assert (folder / "b").read_bytes() == b"a"
    disk.move(root, parse("b"), parse("new/folder/b"), overwrite=False)
    assert names(folder) == {"new", "new/folder", "new/folder/b"}


def test_a_folder_replaces_another_only_when_told_to(root: Root, folder: Path):
    write(root, parse("a/x"), b"")
    write(root, parse("b/y"), b"")
    with pytest.raises(disk.Exists):
        disk.move(root, parse("a"), parse("b"), overwrite=False)
    disk.move(root, parse("a"), parse("b"), overwrite=True)
    assert names(folder) == {"b", "b/x"}


@pytest.mark.parametrize("act", [disk.move, disk.copy])
def test_neither_end_may_lie_outside(root: Root, folder: Path, act):
    write(root, parse("a"), b"a")
    (folder / "out").symlink_to("..")
    for source, to in (("a", "out/a"), ("out/secret", "b")):
        with pytest.raises(PathEscapes):
            act(root, parse(source), parse(to), overwrite=True)
    with pytest.raises(disk.IntoItself):
        act(root, parse("a"), parse("a/b"), overwrite=True)
    with pytest.raises(NotFound):
        act(root, parse("missing"), parse("b"), overwrite=False)


def test_a_folder_is_copied_with_modes_and_links_but_without_git(root: Root, folder: Path):
    write(root, parse("a/tool"), b"#!", executable=True)
    (folder / "a" / "link").symlink_to("../../secret")
    (folder / "a" / ".git").write_text("gitdir: x")
    disk.copy(root, parse("a"), parse("b/c"), overwrite=False)
    assert names(folder / "b") == {"c", "c/tool", "c/link"}
    assert os.readlink(folder / "b" / "c" / "link") == "../../secret"
    assert os.access(folder / "b" / "c" / "tool", os.X_OK)
    assert (folder / "b" / "c" / "tool").stat().st_ino != (folder / "a" / "tool").stat().st_ino


def test_a_copy_that_fails_leaves_nothing_and_what_it_would_have_replaced(root: Root, folder: Path):
    write(root, parse("a/one"), b"")
    os.mkfifo(folder / "a" / "fifo")
    write(root, parse("b"), b"kept")
    with pytest.raises(NotRegularFile):
        disk.copy(root, parse("a"), parse("b"), overwrite=True)
    assert (folder / "b").read_bytes() == b"kept"
    with pytest.raises(NotRegularFile):
        disk.copy(root, parse("a"), parse("c"), overwrite=False)
    assert names(folder) == {"a", "a/one", "a/fifo", "b"}


def test_a_link_is_described_as_itself(root: Root, folder: Path):
    (folder / "link").symlink_to("/etc/passwd")
    found, target = disk.status(root, parse("link"))
    assert (disk.kind(found.st_mode), target) == ("symlink", b"/etc/passwd")
    assert disk.kind(disk.status(root, ())[0].st_mode) == "directory"


def test_the_real_path_has_no_links_on_the_way(root: Root, folder: Path):
    write(root, parse("a/b/c"), b"")
    (folder / "link").symlink_to("a/b")
    assert disk.real_path(root, parse("link/c")) == b"a/b/c"
    assert disk.real_path(root, parse("link")) == b"link"
    assert disk.real_path(root, parse("a/b")) == b"a/b"


def test_row_19_a_link_swapped_in_while_we_write_never_leads_a_write_or_delete_outside(root: Root, folder: Path):
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")
    (folder / "turn").mkdir()
    (folder / "other").symlink_to("../outside")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            os.rename(folder / "turn", folder / "old")
            os.rename(folder / "other", folder / "turn")
            os.rename(folder / "old", folder / "other")

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = {"done": 0, "refused": 0}
    try:
        for _ in range(1500):
            for attempt in (
                partial(write, root, parse("turn/file"), b"mine", parents=False),
                partial(delete, root, parse("turn/file")),
            ):
                try:
                    attempt()
                    outcomes["done"] += 1
                except AppError:
                    outcomes["refused"] += 1
    finally:
        done.set()
        thread.join()
    assert outcomes["done"] and outcomes["refused"]
    assert [(path.name, path.read_bytes()) for path in outside.iterdir()] == [("file", b"secret")]


def nest(folder: Path, levels: int) -> None:
    """Makes folders in folders, deeper than any path can say, with a file at the end."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_folders_deeper_than_any_path_are_deleted_and_not_copied(root: Root, folder: Path):
    (folder / "deep").mkdir()
    nest(folder / "deep", 3000)
    write(root, parse("deep/file"), b"")
    with pytest.raises(disk.TooDeep):
        disk.copy(root, parse("deep"), parse("copy"), overwrite=False)
    assert os.listdir(folder) == ["deep"]
    delete(root, parse("deep"), recursive=True)
    assert os.listdir(folder) == []


def test_a_hard_link_is_read_beside_folders_deeper_than_any_path(root: Root, folder: Path):
    nest(folder, 3000)
    write(root, parse("one"), b"1")
    (folder / "two").hardlink_to(folder / "one")
    assert read(root, parse("two")).data == b"1"
    os.link(folder.parent / "secret", folder / "hard")
    with pytest.raises(LinkedFromOutside):
        read(root, parse("hard"))
    delete(root, parse("d"), recursive=True)


@pytest.mark.parametrize("act", [disk.copy, disk.move])
def test_no_link_leads_a_folder_into_itself(root: Root, folder: Path, act):
    write(root, parse("a/b/file"), b"")
    (folder / "link").symlink_to("a/b")
    with pytest.raises(disk.IntoItself):
        act(root, parse("a"), parse("link/a"), overwrite=False)
    assert names(folder) == {"a", "a/b", "a/b/file", "link"}


def test_as_many_folders_are_made_as_a_path_names(root: Root, folder: Path):
    deepest = "/".join("d" * MAX_DEPTH)
    write(root, parse(deepest), b"x")
    assert read(root, parse(deepest)).data == b"x"
    with pytest.raises(BadPath):
        parse(f"{deepest}/d")


def test_a_folder_that_is_filled_while_it_is_deleted_goes_or_is_told(root: Root, folder: Path):
    write(root, parse("a/b/file"), b"")
    stop = threading.Event()

    def fill() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with contextlib.suppress(OSError):
                (folder / "a" / "b" / str(number % 50)).touch()

    with ThreadPoolExecutor(1) as filling:
        filling.submit(fill)
        try:
            delete(root, parse("a"), recursive=True)
        except disk.NotEmpty:
            assert (folder / "a").is_dir()
        else:
            assert not (folder / "a").exists()
        finally:
            stop.set()
