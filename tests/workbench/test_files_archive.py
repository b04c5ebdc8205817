"""Archives made while they are sent, read back by other programs; download names that cannot break a header."""

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from backend.workbench.files import archive, disk
from backend.workbench.files.archive import disposition, stream
from backend.workbench.files.beneath import Root


@pytest.fixture
def work(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    (work / "sub" / "deep").mkdir(parents=True)
    (work / "empty").mkdir()
    (work / "sub" / "run.sh").write_text("#!/bin/sh\n")
    (work / "sub" / "run.sh").chmod(0o755)
    (work / "sub" / "deep" / "é.txt").write_text("text")
    (work / ".git").write_text("gitdir: ../git")
    (work / ".codeyard-tmp-x").write_text("half")
    (work / "link").symlink_to("../secret")
    (work / "folder-link").symlink_to("..")
    (tmp_path / "secret").write_text("secret")
    os.link(tmp_path / "secret", work / "hard")
    os.mkfifo(work / "fifo")
    (work / "big").write_bytes(os.urandom(3 * archive.CHUNK + 17))
    return work


EXPECTED = ["big", "empty", "folder-link", "link", "sub", "sub/deep", "sub/deep/é.txt", "sub/run.sh"]


def test_a_folder_in_it_is_an_archive_of_its_own(work: Path):
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream(work, "tar.gz", (b"sub",))))) as found:
        assert sorted(found.getnames()) == ["deep", "deep/é.txt", "run.sh"]


def test_a_zip_holds_the_folder_without_git_and_secrets(work: Path):
    chunks = list(stream(work, "zip"))
    assert len(chunks) >= 3
    with zipfile.ZipFile(io.BytesIO(b"".join(chunks))) as found:
        assert found.testzip() is None
        assert sorted(name.rstrip("/") for name in found.namelist()) == EXPECTED
        link = found.getinfo("link")
        assert stat.S_ISLNK(link.external_attr >> 16)
        assert found.read(link) == b"../secret"
        assert found.read("big") == (work / "big").read_bytes()
        assert found.getinfo("sub/run.sh").external_attr >> 16 & 0o777 == 0o755


def test_a_tarball_unpacks_to_the_same_files(work: Path, tmp_path: Path):
    data = b"".join(stream(work, "tar.gz"))
    (tmp_path / "out").mkdir()
    subprocess.run(["tar", "-xzf", "-", "-C", str(tmp_path / "out")], input=data, check=True)
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*"))
    assert found == EXPECTED
    assert os.readlink(tmp_path / "out" / "link") == "../secret"
    assert (tmp_path / "out" / "big").read_bytes() == (work / "big").read_bytes()
    assert (tmp_path / "out" / "sub" / "run.sh").stat().st_mode & 0o777 == 0o755


def test_names_that_are_not_utf8_are_kept_or_escaped(tmp_path: Path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / os.fsdecode(b"n\xff")).write_text("x")
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream(tmp_path / "work", "tar.gz")))) as found:
        assert [os.fsencode(name) for name in found.getnames()] == [b"n\xff"]
    with zipfile.ZipFile(io.BytesIO(b"".join(stream(tmp_path / "work", "zip")))) as zipped:
        assert zipped.namelist() == ["n\\xff"]


def test_a_file_that_shrinks_meanwhile_leaves_a_readable_tarball(work: Path):
    chunks = stream(work, "tar.gz")
    data = [next(chunks)]
    os.truncate(work / "big", 10)
    data.extend(chunks)
    with tarfile.open(fileobj=io.BytesIO(b"".join(data))) as found:
        assert sorted(found.getnames()) == EXPECTED


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
def test_leaving_early_lets_go_of_everything(work: Path, format: archive.Format):
    before = len(os.listdir("/proc/self/fd"))
    chunks = stream(work, format)
    next(chunks)
    chunks.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo", "attachment; filename=\"demo.zip\"; filename*=UTF-8''demo.zip"),
        ("a\r\nSet-Cookie: x", "attachment; filename=\"aSet-Cookie--x.zip\"; filename*=UTF-8''aSet-Cookie-%20x.zip"),
        ('a"; filename="b', "attachment; filename=\"a--filename--b.zip\"; filename*=UTF-8''a-%3B%20filename%3D-b.zip"),
        ("exe\u202egpj", "attachment; filename=\"exegpj.zip\"; filename*=UTF-8''exegpj.zip"),
        ("../../etc", "attachment; filename=\"..-etc.zip\"; filename*=UTF-8''-..-etc.zip"),
        ("\u65e5\u672c", "attachment; filename=\"files.zip\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.zip"),
        ("...", "attachment; filename=\"files.zip\"; filename*=UTF-8''files.zip"),
    ],
)
def test_row_21_a_download_name_cannot_break_the_header(name: str, expected: str):
    assert disposition(name, "zip") == expected


@pytest.mark.parametrize("format", ["zip", "tar.gz"])
def test_folders_deeper_than_any_path_do_not_end_a_download(work: Path, format: archive.Format):
    here = os.open(work / "empty", os.O_RDONLY)
    for _ in range(2500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    data = io.BytesIO(b"".join(stream(work, format)))
    with zipfile.ZipFile(data) if format == "zip" else tarfile.open(fileobj=data) as stored:
        names = stored.namelist() if isinstance(stored, zipfile.ZipFile) else stored.getnames()
    assert {"big", "sub/deep/é.txt"} <= {name.rstrip("/") for name in names}
    with Root(work) as root:
        disk.delete(root, (b"empty",), recursive=True, etag=None, largest=0)
