"""Hunks and lines of them, committed and discarded: what was looked at and nothing else, or a refusal."""

import subprocess
from pathlib import Path

import pytest

from tests.workbench.yard import Yard, by_hand

TEN = "".join(f"line {n}\n" for n in range(1, 31))


async def hunks_of(yard: Yard, path: str, **params) -> list[dict]:
    [file] = (await yard.get("/diff/working-copy", path=path, **params))["files"]
    return [{"path": path, "id": hunk["id"]} for hunk in file["hunks"]]


def in_head(yard: Yard, path: str) -> str:
    return by_hand(yard.root, "show", f"HEAD:{path}")


@pytest.fixture
async def changed(yard: Yard) -> Yard:
    """A file of thirty lines of which three places have changed."""
    yard.write("a.txt", TEN)
    await yard.commit()
    yard.write(
        "a.txt", TEN.replace("line 2\n", "two\n").replace("line 15\n", "").replace("line 29\n", "line 29\nmore\n")
    )
    return yard


async def test_one_hunk_is_committed_and_the_others_stay(changed):
    first, second, third = await hunks_of(changed, "a.txt")
    await changed.commit("Second", hunks=[second])
    assert in_head(changed, "a.txt") == TEN.replace("line 15\n", "")
    assert await changed.files() == {"a.txt": "modified"}
    assert by_hand(changed.root, "status", "--porcelain") == " M a.txt\n"
    assert len(await hunks_of(changed, "a.txt")) == 2
    again = await hunks_of(changed, "a.txt")
    assert again[0] == first  # nothing before it moved, so it is the same hunk still
    assert again[1] != third
    await changed.commit("The rest", hunks=again)
    assert await changed.files() == {}


async def test_hunks_and_paths_go_into_one_commit(changed):
    changed.write("whole.txt", "whole\n")
    changed.write("left.txt", "left\n")
    hunks = await hunks_of(changed, "a.txt")
    await changed.commit("Both", paths=["whole.txt"], hunks=hunks[:1])
    assert in_head(changed, "a.txt") == TEN.replace("line 2\n", "two\n")
    assert await changed.files() == {"a.txt": "modified", "left.txt": "untracked"}
    changed.write("whole.txt", "other\n")
    [hunk] = await hunks_of(changed, "whole.txt")
    await changed.commit("Named twice", paths=["whole.txt"], hunks=[hunk])
    assert in_head(changed, "whole.txt") == "other\n"


async def test_what_a_shell_staged_is_not_committed_by_hunk(changed):
    changed.write("staged.txt")
    by_hand(changed.root, "add", "staged.txt")
    await changed.commit(hunks=(await hunks_of(changed, "a.txt"))[:1])
    assert await changed.files() == {"a.txt": "modified", "staged.txt": "added"}


async def test_a_hunk_that_changed_since_is_refused_and_nothing_is_touched(changed):
    """Attack row 64: what is committed is what was looked at."""
    head = (await changed.get("/status"))["head"]
    hunks = await hunks_of(changed, "a.txt")
    text = (changed.root / "a.txt").read_text()
    changed.write("a.txt", text.replace("two\n", "TWO\n"))
    for call, body in (("/commit", {"message": "x", "hunks": hunks}), ("/discard", {"hunks": hunks})):
        error = (await changed.post(call, body, 409))["error"]
        assert (error["code"], error["details"]["files"]) == ("stale_hunks", ["a.txt"])
    assert (await changed.get("/status"))["head"] == head
    assert (changed.root / "a.txt").read_text() == text.replace("two\n", "TWO\n")
    assert (await changed.get("/snapshots"))["items"] == []
    await changed.commit("Another place changed", hunks=hunks[1:])  # these are still what was seen


async def test_single_lines_of_a_hunk_keep_their_places(yard):
    yard.write("a.txt", "a\nb\nc\nd\n")
    await yard.commit()
    yard.write("a.txt", "A\nB\nC\nd\nnew\n")
    [hunk] = await hunks_of(yard, "a.txt")
    [file] = (await yard.get("/diff/working-copy"))["files"]
    lines = {(line["kind"], line["text"]): n for n, line in enumerate(file["hunks"][0]["lines"])}
    wanted = [lines["-", "b"], lines["+", "B"], lines["+", "new"], lines[" ", "d"]]
    await yard.commit(hunks=[hunk | {"lines": wanted}])
    assert in_head(yard, "a.txt") == "a\nB\nc\nd\nnew\n"
    [hunk] = await hunks_of(yard, "a.txt")
    await yard.post("/discard", {"hunks": [hunk | {"lines": [0, 1]}]})
    assert (yard.root / "a.txt").read_text() == "a\nB\nC\nd\nnew\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"one\ntwo", b"one\ntwo\nthree"),
        (b"one\ntwo\n", b"one\n2"),
        (b"", b"first\n"),
        (b"gone\n", b""),
        (b"a\r\nb\r\n", b"a\r\nB\r\n"),
        (b"\xff\xfe latin\n", b"\xff\xfe Latin\n"),
        (b"a\x0bb\x0cc\x85d\n", b"a\x0bb\x0cc\x85D\n"),
    ],
)
async def test_every_byte_survives(yard, before, after):
    (yard.root / "a.txt").write_bytes(before)
    await yard.commit()
    (yard.root / "a.txt").write_bytes(after)
    hunks = await hunks_of(yard, "a.txt")
    await yard.post("/discard", {"hunks": hunks})
    assert (yard.root / "a.txt").read_bytes() == before
    (yard.root / "a.txt").write_bytes(after)
    await yard.commit(hunks=hunks)
    assert await yard.files() == {}
    done = subprocess.run(["git", "-C", yard.root, "show", "HEAD:a.txt"], check=True, capture_output=True)
    assert done.stdout == after


async def test_new_removed_and_renamed_files_have_hunks_too(yard):
    yard.write("gone.txt", "one\ntwo\n")
    yard.write("old.txt", TEN)
    await yard.commit()
    (yard.root / "gone.txt").unlink()
    (yard.root / "old.txt").rename(yard.root / "renamed.txt")
    yard.write("renamed.txt", TEN.replace("line 3\n", "three\n").replace("line 27\n", "27\n"))
    yard.write("new.sh", "echo one\necho two\n")
    (yard.root / "new.sh").chmod(0o755)
    [new] = await hunks_of(yard, "new.sh")
    [gone] = await hunks_of(yard, "gone.txt")
    renamed = await hunks_of(yard, "renamed.txt")
    await yard.commit("Parts", hunks=[new | {"lines": [0]}, gone | {"lines": [1]}, renamed[0]])
    assert (in_head(yard, "new.sh"), in_head(yard, "gone.txt")) == ("echo one\n", "one\n")
    assert in_head(yard, "renamed.txt") == TEN.replace("line 3\n", "three\n")
    assert by_hand(yard.root, "ls-tree", "HEAD", "new.sh").startswith("100755")
    assert by_hand(yard.root, "ls-tree", "HEAD", "old.txt") == ""
    assert await yard.files() == {"gone.txt": "deleted", "new.sh": "modified", "renamed.txt": "modified"}
    [gone] = await hunks_of(yard, "gone.txt")
    await yard.commit("The last line of it", hunks=[gone])
    assert by_hand(yard.root, "ls-tree", "HEAD", "gone.txt") == ""


async def test_a_discarded_hunk_comes_back_by_its_snapshot(changed):
    text = (changed.root / "a.txt").read_text()
    changed.write("new/file.txt", "new\n")
    first, *_ = await hunks_of(changed, "a.txt")
    [new] = await hunks_of(changed, "new/file.txt")
    undo = (await changed.post("/discard", {"hunks": [first, new]}))["snapshot_id"]
    assert (changed.root / "a.txt").read_text() == text.replace("two\n", "line 2\n")
    assert not (changed.root / "new").exists()
    await changed.post(f"/snapshots/{undo}/restore")
    assert (changed.root / "a.txt").read_text() == text and (changed.root / "new/file.txt").exists()


async def test_a_discarded_hunk_keeps_the_line_ends_that_a_filter_changed(yard):
    yard.write(".gitattributes", "*.bat text eol=crlf\n")
    (yard.root / "a.bat").write_bytes(b"one\r\ntwo\r\n")
    await yard.commit()
    (yard.root / "a.bat").write_bytes(b"ONE\r\ntwo\r\n")
    await yard.post("/discard", {"hunks": await hunks_of(yard, "a.bat")})
    assert (yard.root / "a.bat").read_bytes() == b"one\r\ntwo\r\n"


async def test_what_is_no_text_or_no_hunk_is_refused(yard):
    (yard.root / "logo.png").write_bytes(b"\x89PNG\0\0")
    (yard.root / "link").symlink_to("/etc/passwd")
    yard.write("a.txt")
    for path, status, code in (
        ("logo.png", 422, "not_by_hunk"),
        ("link", 422, "not_by_hunk"),
        ("a.txt", 409, "stale_hunks"),
        ("../../etc/passwd", 409, "stale_hunks"),
        ("none.txt", 409, "stale_hunks"),
    ):
        body = {"message": "x", "hunks": [{"path": path, "id": "0" * 24}]}
        assert (await yard.post("/commit", body, status))["error"]["code"] == code
    for hunk in ({"path": "a.txt", "id": "x"}, {"path": "a.txt", "id": "0" * 24, "lines": [-1]}, {"path": "a.txt"}):
        await yard.post("/commit", {"message": "x", "hunks": [hunk]}, 422)
    assert (await yard.post("/commit", {"message": "x", "hunks": []}, 409))["error"]["code"] == "nothing_to_commit"


async def test_a_symlink_put_in_a_files_place_is_not_written_through(yard, tmp_path: Path):
    """Attack row 19."""
    yard.write("sub/a.txt", TEN)
    await yard.commit()
    yard.write("sub/a.txt", TEN.replace("line 3\n", "3\n"))
    hunks = await hunks_of(yard, "sub/a.txt")
    (tmp_path / "a.txt").write_text((yard.root / "sub/a.txt").read_text())
    (yard.root / "sub").rename(yard.root / "elsewhere")
    (yard.root / "sub").symlink_to(tmp_path)
    await yard.post("/discard", {"hunks": hunks}, 409)
    assert "\n3\n" in (tmp_path / "a.txt").read_text()


async def test_the_hunks_of_another_context_are_found_by_it(changed):
    [one] = await hunks_of(changed, "a.txt", context=30)
    assert (await changed.post("/commit", {"message": "x", "hunks": [one]}, 409))["error"]["code"] == "stale_hunks"
    await changed.commit(hunks=[one], context=30)
    assert await changed.files() == {}
