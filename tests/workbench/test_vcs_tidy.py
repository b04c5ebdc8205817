"""Repositories are packed now and then, and nothing is lost by that."""

import os
from pathlib import Path
from uuid import UUID

import pytest

from backend.core import git, tidying
from backend.core.git import Place
from backend.workbench.vcs import jobs
from tests.workbench.yard import by_hand


def loose(git_dir: Path) -> set[str]:
    return {folder.name + file.name for folder in (git_dir / "objects").glob("??") for file in folder.iterdir()}


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(tidying, "is_due", lambda _: True)


async def test_what_years_leave_lying_about_is_packed_and_all_of_it_is_still_there(yard, fork, resources, always):
    taken, commits = [], []
    for number in range(5):
        yard.write("a.txt", f"committed {number}\n")
        commits.append(await yard.commit())
        yard.write("a.txt", f"saved {number}\n")
        taken.append((await yard.post("/snapshots", {}, 201))["id"])
    other = await fork("other", yard)
    place = Place(resources.data, UUID(yard.session["workspace_id"]), UUID(yard.id))
    await yard.get("/snapshots/" + taken[-1])  # repositories are kept open: they see what they know move
    unnamed = (await yard.get("/snapshots"))["items"][-1]["commit_id"]
    git.open_bare(place).references.delete(f"refs/codeyard/snapshots/{yard.id}/{taken[0]}")
    before = loose(place.bare)
    assert before and loose(place.git_dir)
    for _ in range(2):  # done already is no error
        await jobs.tidy(resources)
    assert not loose(place.bare)
    assert not loose(place.git_dir) & before
    assert unnamed in git.open_bare(place).odb, "no reference leads there any more, a session still might"
    for number in (1, 4, 2):
        await yard.post(f"/snapshots/{taken[number]}/restore")
        assert (yard.root / "a.txt").read_text() == f"saved {number}\n"
    assert [one["id"] for one in (await yard.post("/log"))["items"]][:5] == commits[::-1]
    for root in (yard.root, other.root):
        by_hand(root, "fsck", "--strict")
    yard.write("a.txt", "afterwards\n")
    await yard.commit()


async def test_a_link_in_place_of_a_folder_of_objects_leads_nowhere(yard, resources, always):
    """Attack row 19."""
    yard.write("a.txt")
    await yard.commit()
    place = Place(resources.data, UUID(yard.session["workspace_id"]), UUID(yard.id))
    name = next(iter(loose(place.bare) & loose(place.git_dir)))
    mine, theirs = (each / "objects" / name[:2] for each in (place.git_dir, place.bare))
    mine.rename(mine.with_name("aside"))
    os.symlink(theirs, mine)
    tidying.slim(place)
    assert (theirs / name[2:]).exists()
