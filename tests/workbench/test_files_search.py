"""Search with the real engine: what it finds, what it leaves out, its limits, and that it cannot be led outside."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.workbench.files import search as module
from backend.workbench.files.beneath import Root
from backend.workbench.files.search import BadPattern, search


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def root(folder: Path) -> Iterator[Root]:
    with Root(folder) as opened:
        yield opened


def fill(folder: Path, files: dict[str, str | bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())


def found(root: Root, query: str, **options) -> list[str]:
    return [match.path for match in search(root, query, **options).matches]


def test_a_match_says_where_it_is_in_characters(root: Root, folder: Path):
    fill(folder, {"a.txt": "first\nhéllo foo und foo\r\n"})
    answer = search(root, "FOO")
    [match] = answer.matches
    assert (match.path, match.line, match.column, match.preview) == ("a.txt", 2, 7, "héllo foo und foo")
    assert match.ranges == [(6, 9), (14, 17)]
    assert (answer.files, answer.reason) == (1, None)


def test_a_query_is_text_unless_it_is_said_to_be_an_expression(root: Root, folder: Path):
    fill(folder, {"a": "f.o", "b": "fxo", "c": "-e x", "d": "--files"})
    assert found(root, "f.o") == ["a"]
    assert found(root, "f.o", regex=True) == ["a", "b"]
    assert found(root, "-e") == ["c"]
    assert found(root, "--files") == ["d"]


def test_case_counts_where_asked(root: Root, folder: Path):
    fill(folder, {"a": "Word", "b": "word"})
    assert found(root, "word") == ["a", "b"]
    assert found(root, "word", case_sensitive=True) == ["b"]


def test_globs_choose_files_and_excluded_ones_win(root: Root, folder: Path):
    fill(folder, {"a.py": "x", "sub/b.py": "x", "sub/c.js": "x"})
    assert found(root, "x", include=["*.py"]) == ["a.py", "sub/b.py"]
    assert found(root, "x", exclude=["sub/"]) == ["a.py"]
    assert found(root, "x", include=["*.py"], exclude=["b.*"]) == ["a.py"]
    assert found(root, "x", exclude=["!a.py"]) == ["sub/b.py", "sub/c.js"]
    with pytest.raises(BadPattern):
        search(root, "x", include=["!*.py"])


def test_ignored_binary_git_and_half_written_files_are_left_out(root: Root, folder: Path):
    fill(folder, {".gitignore": "*.log\n", "a.log": "x", "b": b"\0x", ".git/config": "x", "sub/.git": "x", ".hidden": "x",
                  ".codeyard-tmp-1": "x", "c": "x"})  # fmt: skip
    assert found(root, "x") == [".hidden", "c"]
    assert found(root, "x", include=["config", ".git", ".codeyard-tmp-1"]) == []


def test_rules_from_above_the_root_do_not_hold(root: Root, folder: Path):
    (folder.parent / ".gitignore").write_text("*\n")
    fill(folder, {"a": "x"})
    assert found(root, "x") == ["a"]


def test_what_the_engine_says_of_a_bad_expression_or_glob_is_told(root: Root, folder: Path):
    with pytest.raises(BadPattern, match=r"The expression cannot be read: unclosed group\.$"):
        search(root, "(foo", regex=True)
    with pytest.raises(BadPattern, match="glob"):
        search(root, "x", include=["[z-a]{"])
    for regex, query in ((False, "a\nb"), (True, r"a\nb")):
        with pytest.raises(BadPattern, match="looks within lines"):
            search(root, query, regex=regex)
    with pytest.raises(BadPattern):
        search(root, "a\0b")


def test_limits_end_it_and_are_named(root: Root, folder: Path, monkeypatch: pytest.MonkeyPatch):
    fill(folder, {"a": "x\n" * 100})
    answer = search(root, "x", limit=10)
    assert (len(answer.matches), answer.reason) == (10, "limit")
    answer = search(root, "x", limit=100)
    assert (len(answer.matches), answer.reason) == (100, None)
    assert search(root, "x", seconds=0).reason == "time"
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    assert search(root, "x").reason == "bytes"


def test_an_endless_gitignore_ends_by_time(root: Root, folder: Path):
    fill(folder, {"a": "x"})
    os.mkfifo(folder / ".gitignore")
    assert search(root, "x", seconds=0.2).reason in ("time", None)


def test_a_long_line_is_shown_around_its_first_match(root: Root, folder: Path):
    fill(folder, {"a": "ä" * 5000 + "needle" + "b" * 5000})
    [match] = search(root, "needle").matches
    [(start, end)] = match.ranges
    assert (match.preview[start:end], match.column, len(match.preview)) == ("needle", 5001, module.PREVIEW)


def test_lines_and_names_that_are_not_utf8_are_found(root: Root, folder: Path):
    fill(folder, {os.fsdecode(b"n\xff"): b"\xff needle"})
    [match] = search(root, "needle").matches
    assert (match.path, match.path_b64, match.preview, match.ranges) == ("n\\xff", "bv8=", "\ufffd needle", [(2, 8)])


def test_row_19_links_and_hard_links_to_what_lies_outside_show_nothing(root: Root, folder: Path):
    secret = folder.parent / "secret"
    secret.mkdir()
    fill(secret, {"key": "needle"})
    (folder / "folder").symlink_to("../secret")
    (folder / "file").symlink_to("../secret/key")
    os.link(secret / "key", folder / "hard")
    assert found(root, "needle") == []


def test_row_19_a_link_swapped_in_while_it_runs_shows_nothing_from_outside(root: Root, folder: Path):
    secret = folder.parent / "secret"
    fill(secret, {f"{n}": "needle and the secret" for n in range(50)})
    fill(folder, {f"turn/{n}": "needle" for n in range(50)})
    (folder / "other").symlink_to("../secret")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            os.rename(folder / "turn", folder / "old")
            os.rename(folder / "other", folder / "turn")
            os.rename(folder / "old", folder / "other")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(20):
            assert not any("secret" in match.preview for match in search(root, "needle").matches)
    finally:
        done.set()
        thread.join()


def test_a_server_without_the_engine_says_so(root: Root, monkeypatch: pytest.MonkeyPatch):
    module.engine.cache_clear()
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(module.NoSearchEngine):
        search(root, "x")
