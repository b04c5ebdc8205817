"""Paths from strangers against real folders, links, FIFOs and devices, resolved by the kernel and by hand."""

import base64
import contextlib
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.core.errors import AppError, NotFound
from backend.workbench.files.beneath import (
    DIRECTORY,
    HAS_OPENAT2,
    BadPath,
    IsDirectory,
    LinkedFromOutside,
    NotDirectory,
    NotRegularFile,
    PathEscapes,
    Root,
    decode_b64,
    is_git,
    parse,
    show,
)

SECRET = b"outside and secret"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root with a secret beside it, and a sibling whose name begins alike."""
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "work-secret").mkdir()
    (tmp_path / "work-secret" / "file").write_bytes(SECRET)
    inside = tmp_path / "work"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "file").write_bytes(b"inside")
    return inside


@pytest.fixture(params=[pytest.param(True, id="kernel"), pytest.param(False, id="by hand")])
def root(request: pytest.FixtureRequest, folder: Path) -> Iterator[Root]:
    if request.param and not HAS_OPENAT2:
        pytest.skip("this kernel has no openat2")
    with Root(folder, kernel=request.param) as opened:
        yield opened


def read(root: Root, path: str | bytes) -> bytes:
    found, _ = root.open_file(parse(path))
    with os.fdopen(found, "rb") as file:
        return file.read()


@pytest.mark.parametrize(
    "path",
    ["..", "../secret", "sub/../../secret", "sub/..", "/etc/passwd", "//etc/passwd", "a\0b", "/", "a/" * 2048 + "a", "n" * 256]
)  # fmt: skip
def test_row_17_a_path_that_could_leave_is_refused_before_it_is_opened(path: str):
    with pytest.raises(BadPath):
        parse(path)


def test_row_17_what_only_other_systems_or_decoders_take_for_a_path_is_an_ordinary_name(root: Root, folder: Path):
    for name in (
        "%2e%2e",
        "..%2fsecret",
        "%252e",
        "..\\secret",
        "..;",
        "trailing.",
        "trailing ",
        "ﬁ",
        "e\u0301",
        "\u00e9",
    ):
        (folder / name).write_bytes(name.encode())
        assert read(root, name) == name.encode()
    with pytest.raises(NotFound):
        read(root, "%2e%2e%5c/secret")


def test_row_17_overlong_utf8_is_bytes_and_nothing_else(root: Root, folder: Path):
    with pytest.raises(NotFound):
        read(root, b"\xc0\xae\xc0\xae/secret")
    with pytest.raises(BadPath):
        parse("lone \ud800 surrogate")


def test_row_18_a_sibling_whose_name_begins_alike_is_out_of_reach(root: Root, folder: Path):
    (folder / "link").symlink_to("../work-secret")
    with pytest.raises(PathEscapes):
        read(root, "link/file")


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../secret", "sub/../../secret", "/proc/self/environ", "loop/../../secret"]
)
def test_row_19_a_link_that_leads_out_is_refused(root: Root, folder: Path, target: str):
    (folder / "loop").symlink_to("sub")
    (folder / "link").symlink_to(target)
    with pytest.raises(PathEscapes):
        read(root, "link")
    with pytest.raises(PathEscapes):
        with root.at(parse("link"), follow=True):
            pass


def test_a_link_to_a_folder_outside_is_refused_on_the_way(root: Root, folder: Path):
    (folder / "out").symlink_to("..")
    for path in ("out/secret", "sub/../out/secret".replace("sub/../", "./"), "out"):
        with pytest.raises(PathEscapes):
            read(root, path)


def test_links_that_stay_inside_are_followed(root: Root, folder: Path):
    (folder / "a").symlink_to("sub/../sub/file")
    (folder / "sub" / "up").symlink_to("../a")
    (folder / "d").symlink_to("./sub")
    assert read(root, "a") == read(root, "sub/up") == read(root, "d/file") == read(root, "d/up") == b"inside"
    with root.at(parse("d/up"), follow=True) as place:
        assert place.name == b"file"
    with root.at(parse("d/up")) as place:
        assert place.name == b"up"


def test_a_link_to_what_is_not_there_yet_names_the_place(root: Root, folder: Path):
    (folder / "later").symlink_to("sub/new")
    with root.at(parse("later"), follow=True) as place:
        assert place.name == b"new"
        assert os.fstat(place.folder).st_ino == (folder / "sub").stat().st_ino


def test_links_in_a_circle_are_refused(root: Root, folder: Path):
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    with pytest.raises(BadPath):
        read(root, "a")
    with pytest.raises(BadPath):
        read(root, "a/x")


def test_a_link_back_to_the_root_is_the_root(root: Root, folder: Path):
    (folder / "sub" / "top").symlink_to("..")
    assert read(root, "sub/top/sub/top/sub/file") == b"inside"


@pytest.mark.parametrize(
    "name",
    [".git", ".GIT", ".Git", ".git.", ".git ", ".git . ", "git~1", "GIT~1", ".git::$INDEX_ALLOCATION", ".git:x", ".g\u200cit",
     "\ufeff.git", "a\\.git", ".codeyard-tmp-1"],
)  # fmt: skip
def test_git_internals_have_no_path(name: str):
    for path in (name, f"{name}/config", f"sub/{name}/hooks/x"):
        with pytest.raises(BadPath):
            parse(path)


def test_names_that_only_resemble_git_are_fine():
    for name in (".gitignore", ".github", "git", ".gitmodules", "x.git", "git~", ".git\u00e9"):
        assert parse(name) == (name.encode(),)
        assert not is_git(name.encode())


def test_a_link_into_git_is_refused(root: Root, folder: Path):
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_bytes(SECRET)
    (folder / "link").symlink_to(".git")
    (folder / "direct").symlink_to("sub/../.GIT/../.git/config")
    for path in ("link/config", "direct"):
        with pytest.raises(BadPath):
            read(root, path)


def test_row_19_a_fifo_a_socket_and_a_device_are_refused_without_waiting(root: Root, folder: Path):
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        for name in ("fifo", "socket"):
            with pytest.raises(NotRegularFile):
                read(root, name)
    try:
        os.mknod(folder / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        return  # only root makes devices; the open of one is the same as of a FIFO
    with pytest.raises(AppError) as refused:
        read(root, "zero")
    assert refused.value.code in ("not_a_regular_file", "permission_denied")


def test_row_19_a_hard_link_to_a_file_outside_is_not_read(root: Root, folder: Path):
    os.link(folder.parent / "secret", folder / "mine")
    with pytest.raises(LinkedFromOutside) as refused:
        read(root, "mine")
    assert refused.value.code == "not_a_regular_file"


def test_hard_links_within_the_root_are_read(root: Root, folder: Path):
    os.link(folder / "sub" / "file", folder / "twin")
    assert read(root, "twin") == b"inside"


def test_a_folder_is_no_file_and_a_file_no_folder(root: Root, folder: Path):
    with pytest.raises(IsDirectory):
        read(root, "sub")
    with pytest.raises(IsDirectory):
        read(root, "")
    with pytest.raises(NotDirectory):
        read(root, "sub/file/x")


def swap_until(done: threading.Event, swap: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        while not done.is_set():
            swap()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_row_19_a_link_swapped_in_while_we_read_never_shows_what_is_outside(root: Root, folder: Path):
    (folder.parent / "out").mkdir()
    (folder.parent / "out" / "file").write_bytes(SECRET)
    (folder / "turn").mkdir()
    (folder / "turn" / "file").write_bytes(b"inside")
    (folder / "other").symlink_to("../out")

    def swap() -> None:
        """`turn` is now a folder, now a link that leads out."""
        os.rename(folder / "turn", folder / "old")
        os.rename(folder / "other", folder / "turn")
        os.rename(folder / "old", folder / "other")

    done = threading.Event()
    thread = swap_until(done, swap)
    read_, refused = 0, 0
    try:
        while (read_ < 200 or refused < 200) and read_ + refused < 20_000:
            try:
                assert read(root, "turn/file") == b"inside"
                read_ += 1
            except (PathEscapes, NotFound, NotDirectory):
                refused += 1
    finally:
        done.set()
        thread.join()
    assert read_ and refused


def test_a_folder_moved_out_while_we_go_through_it_leads_nowhere_new(root: Root, folder: Path):
    """`..` of a link is the folder we came through, not wherever somebody moved it."""
    (folder / "sub" / "up").symlink_to("../../secret")
    (folder.parent / "elsewhere").mkdir()
    done = threading.Event()

    def swap() -> None:
        os.rename(folder / "sub", folder.parent / "elsewhere" / "sub")
        os.rename(folder.parent / "elsewhere" / "sub", folder / "sub")

    thread = swap_until(done, swap)
    try:
        for _ in range(2000):
            with pytest.raises((PathEscapes, NotFound)):
                read(root, "sub/up")
    finally:
        done.set()
        thread.join()


def test_names_of_other_encodings_go_both_ways(root: Root, folder: Path):
    name = b"caf\xe9"
    (folder / os.fsdecode(name)).write_bytes(b"latin")
    assert show(name) == ("caf\\xe9", base64.b64encode(name).decode())
    assert show("café".encode()) == ("café", None)
    assert read(root, decode_b64(base64.b64encode(name).decode())) == b"latin"
    with pytest.raises(BadPath):
        decode_b64("no base64 at all!")


def test_no_descriptor_is_left_open(root: Root, folder: Path):
    (folder / "a").symlink_to("sub/file")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("a", "sub/file", "sub", "missing", "a/x"):
        with contextlib.suppress(AppError):
            read(root, path)
    os.close(root.open(parse("sub"), DIRECTORY))
    assert len(os.listdir("/proc/self/fd")) == before
