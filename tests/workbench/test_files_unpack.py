"""Archives as attackers and as honest people make them."""

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.core.errors import AppError, DiskFull
from backend.workbench.files import archive, disk, unpack
from backend.workbench.files.beneath import Root, parse
from backend.workbench.files.unpack import BadArchive, Format

Made = Callable[[Path, list[tuple[str, bytes]]], Path]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "work"


@pytest.fixture
def root(work: Path) -> Iterator[Root]:
    with Root(work) as opened:
        yield opened


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def zipped(path: Path, entries: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            made.writestr(info, data)
    return path


def tarred(path: Path, entries: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return path


def special(path: Path, *infos: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as made:
        for info in infos:
            made.addfile(info, io.BytesIO(b"\0" * info.size) if info.size else None)
    return path


def link(name: str, target: str, type: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = type, target
    return info


BOTH = pytest.mark.parametrize(("make", "format"), [(zipped, "zip"), (tarred, "tar.gz")])


@BOTH
def test_an_archive_is_unpacked_into_a_new_or_an_existing_folder(
    root: Root, work: Path, tmp_path: Path, make: Made, format: Format
):
    made = make(tmp_path / "x", [("a/b.txt", b"text"), ("c", b"")])
    assert unpack.unpack(root, parse("new/folder"), made, format) == 2
    assert names(work) == {"new", "new/folder", "new/folder/a", "new/folder/a/b.txt", "new/folder/c"}
    (work / "a").mkdir()
    (work / "a" / "other").write_text("kept")
    unpack.unpack(root, (), made, format)
    assert {"a/b.txt", "a/other", "c"} < names(work)


@pytest.mark.parametrize(
    ("packed", "found"),
    [
        ({"p-1/a": b"a", "p-1/b/c": b"c"}, {"a", "b/c"}),
        ({"p-1/a": b"a", "q": b"q"}, {"p-1/a", "q"}),
        ({"p-1/b/c": b"c"}, {"b/c"}),
        ({"a": b"a"}, {"a"}),
    ],
)
@BOTH
def test_a_project_that_is_all_in_one_folder_is_what_is_in_it(
    root: Root, work: Path, tmp_path: Path, make: Made, format: Format, packed: dict[str, bytes], found: set[str]
):
    made = make(tmp_path / "x", list(packed.items()))
    assert unpack.unpack(root, (), made, format, project=True) == len(packed)
    assert {str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()} == found


@BOTH
def test_what_is_there_is_not_replaced_and_nothing_is_half_unpacked(
    root: Root, work: Path, tmp_path: Path, make: Made, format: Format
):
    (work / "sub").mkdir()
    (work / "sub" / "z").write_text("mine")
    made = make(tmp_path / "x", [("a", b"1"), ("sub/b", b"2"), ("sub/z", b"3")])
    with pytest.raises(disk.Exists) as refused:
        unpack.unpack(root, (), made, format)
    assert refused.value.details == {"path": "sub/z"}
    assert names(work) == {"sub", "sub/z"}


@BOTH
@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/../../evil", ".git/hooks/post-checkout", "a/.GIT/config", "git~1", "x" * 300]
)
def test_row_20_names_that_leave_or_enter_git_are_refused(
    root: Root, work: Path, tmp_path: Path, make: Made, format: Format, name: str
):
    made = make(tmp_path / "x", [("fine", b""), (name, b"evil")])
    with pytest.raises(BadArchive):
        unpack.unpack(root, (), made, format)
    assert names(work) == set()
    assert not (tmp_path / "evil").exists()


@BOTH
@pytest.mark.parametrize("pair", [("File", "file"), ("A/x", "a/y"), ("e\u0301", "\u00e9"), ("twice", "twice")])
def test_row_20_names_that_collide_are_refused(
    root: Root, work: Path, tmp_path: Path, make: Made, format: Format, pair: tuple[str, str]
):
    if pair[0] == pair[1] and format == "zip":
        with pytest.warns(UserWarning, match="Duplicate"):
            zipped(tmp_path / "x", [(name, b"") for name in pair])
        made = tmp_path / "x"
    else:
        made = make(tmp_path / "x", [(name, b"") for name in pair])
    with pytest.raises(BadArchive):
        unpack.unpack(root, (), made, format)
    assert names(work) == set()


@pytest.mark.parametrize(
    "infos",
    [
        [link("out", "/etc"), tarfile.TarInfo("out/passwd")],
        [link("out", ".."), tarfile.TarInfo("out/evil")],
        [link("in", "sub"), tarfile.TarInfo("in/evil")],
        [link("a", "../secret")],
        [link("hard", "../secret", tarfile.LNKTYPE)],
        [link("hard", "fine", tarfile.LNKTYPE)],
        [link("fifo", "", tarfile.FIFOTYPE)],
        [link("zero", "", tarfile.CHRTYPE)],
        [link("disk", "", tarfile.BLKTYPE)],
    ],
    ids=[
        "absolute link",
        "link up",
        "below a link inside",
        "link out",
        "hard link out",
        "hard link",
        "fifo",
        "chr",
        "blk",
    ],
)
def test_row_20_links_that_lead_out_and_special_files_are_refused(root: Root, work: Path, tmp_path: Path, infos):
    with pytest.raises(BadArchive):
        unpack.unpack(root, (), special(tmp_path / "x", tarfile.TarInfo("fine"), *infos), "tar.gz")
    assert names(work) == set()
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret"])
def test_row_20_a_link_in_a_zip_that_leads_out_is_refused(root: Root, work: Path, tmp_path: Path, target: str):
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x", "w") as made:
        made.writestr(info, target)
    with pytest.raises(BadArchive):
        unpack.unpack(root, (), tmp_path / "x", "zip")
    assert names(work) == set()


@BOTH
def test_row_20_a_bomb_is_refused_by_what_comes_out_of_it(
    root: Root, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Made, format: Format
):
    monkeypatch.setattr(unpack, "FREE_BYTES", 1 << 20)
    made = make(tmp_path / "x", [("fine", b"1"), ("bomb", bytes(20 << 20))])
    with pytest.raises(BadArchive, match="bomb"):
        unpack.unpack(root, (), made, format)
    assert names(work) == set()


def test_row_20_a_tar_header_that_claims_gigabytes_fills_no_memory(
    root: Root, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(unpack, "FREE_BYTES", 1 << 20)
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    with gzip.open(tmp_path / "x", "wb") as made:
        made.write(info.tobuf(tarfile.GNU_FORMAT))
        made.write(bytes(8 << 20))
    with pytest.raises(BadArchive):
        unpack.unpack(root, (), tmp_path / "x", "tar.gz")


def test_row_20_a_million_entries_are_refused(root: Root, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unpack, "MAX_ENTRIES", 10)
    many = [(f"{number}", b"") for number in range(11)]
    for made, format in ((zipped(tmp_path / "z", many), "zip"), (tarred(tmp_path / "t", many), "tar.gz")):
        with pytest.raises(BadArchive, match="at most"):
            unpack.unpack(root, (), made, format)
    assert names(work) == set()


def test_row_20_a_directory_too_large_for_memory_is_refused_before_it_is_read(root: Root, tmp_path: Path):
    made = zipped(tmp_path / "x", [("a", b"")])
    data = bytearray(made.read_bytes())
    struct.pack_into("<I", data, data.rfind(b"PK\x05\x06") + 12, 1 << 31)
    made.write_bytes(data)
    with pytest.raises(BadArchive, match="at most"):
        unpack.unpack(root, (), made, "zip")


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
@pytest.mark.parametrize("damage", ["empty", "noise", "cut", "flipped"])
def test_a_damaged_archive_is_refused_and_leaves_nothing(
    root: Root, work: Path, tmp_path: Path, format: Format, damage: str
):
    entries = [("a", os.urandom(100_000)), ("b", b"x")]
    good = (zipped if format == "zip" else tarred)(tmp_path / "x", entries).read_bytes()
    flipped = bytearray(good)
    flipped[5000] ^= 0xFF
    data = {"empty": b"", "noise": os.urandom(5000), "cut": good[: len(good) // 2], "flipped": bytes(flipped)}[damage]
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(BadArchive):
        unpack.unpack(root, (), tmp_path / "x", format)
    assert names(work) == set()


def test_a_full_disk_leaves_nothing(root: Root, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = zipped(tmp_path / "x", [("a", b"1"), ("b", b"2")])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "write_all", full)
    with pytest.raises(DiskFull):
        unpack.unpack(root, parse("to"), made, "zip")
    assert names(work) == set()


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
def test_what_was_downloaded_can_be_uploaded_again(root: Root, work: Path, tmp_path: Path, format: Format):
    (work / "sub").mkdir()
    (work / "sub" / "run.sh").write_text("#!/bin/sh")
    (work / "sub" / "run.sh").chmod(0o755)
    (work / "sub" / "link").symlink_to("run.sh")
    (tmp_path / "x").write_bytes(b"".join(archive.stream(work, format)))
    unpack.unpack(root, parse("again"), tmp_path / "x", format)
    assert names(work / "again") == {"sub", "sub/run.sh", "sub/link"}
    assert os.readlink(work / "again" / "sub" / "link") == "run.sh"
    assert os.access(work / "again" / "sub" / "run.sh", os.X_OK)


def test_nothing_is_unpacked_through_a_link_in_the_folder(root: Root, work: Path, tmp_path: Path):
    (work / "out").symlink_to("..")
    made = zipped(tmp_path / "x", [("out/evil", b"")])
    with pytest.raises(AppError):
        unpack.unpack(root, (), made, "zip")
    with pytest.raises(AppError):
        unpack.unpack(root, parse("out"), zipped(tmp_path / "y", [("evil", b"")]), "zip")
    assert names(work) == {"out"}
    assert not (tmp_path / "evil").exists()
