"""Source control on the page: changes by hunk and line, history, snapshots, branches, and what is told when it cannot be."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.axe import violations
from tests.page.steps import command
from tests.page.yard import Yard, git, picture
from tests.server import wait_until

pytestmark = pytest.mark.browser

THIRTY = "".join(f"line {n}\n" for n in range(1, 31))
CHANGED = THIRTY.replace("line 3\n", "three\n").replace("line 15\n", "15\nand a half\n").replace("line 28\n", "")


def changed(page: Page, name: str):
    return page.get_by_role("tree", name="Changed files").get_by_role("treeitem", name=name)


def hunk_boxes(page: Page):
    return page.get_by_role("checkbox", name="Commit this change")


def said(page: Page):
    """The message about what was just done."""
    return page.locator(".note")


def test_a_hunk_and_a_line_are_left_out_of_a_commit(page, server, package):
    yard = Yard(server, "hunks", package)
    path = "httpx/_config.py"
    before = yard.read(path)
    first = before.replace("import os\n", "import os\nimport sys\n", 1)
    yard.write(path, first + "\n\nLEFT_OUT = 1\nTAKEN = 2\n")
    yard.write("httpx/new.py", "NEW = True\n")
    yard.open(page, "Changes")
    changed(page, "httpx/_config.py, changed").click()
    expect(hunk_boxes(page)).to_have_count(2)
    hunk_boxes(page).first.uncheck()
    expect(changed(page, "httpx/_config.py, changed")).to_have_attribute("aria-checked", "mixed")
    left_out = page.locator(".diff-line", has_text="LEFT_OUT = 1")
    left_out.hover()
    left_out.get_by_role("button", name=re.compile("Commit line")).click()
    picture(page, "source-hunks")
    page.get_by_label("Commit message").fill("Take two")
    assert page.locator(".commit").evaluate("""box => {
        const end = box.getBoundingClientRect().right - parseFloat(getComputedStyle(box).paddingRight);
        return [...box.querySelectorAll("*")].every(one => one.getBoundingClientRect().right <= end);
    }""")
    page.get_by_role("button", name="Commit what is chosen").click()
    expect(said(page)).to_contain_text("Committed")
    committed = yard.git("show", f"HEAD:{path}")
    assert committed == before + "\n\nTAKEN = 2\n"
    assert yard.git("show", "HEAD:httpx/new.py") == "NEW = True\n"
    expect(changed(page, "httpx/_config.py, changed")).to_have_attribute("aria-checked", "true")
    assert yard.read(path) == first + "\n\nLEFT_OUT = 1\nTAKEN = 2\n"


def test_changes_are_walked_chosen_and_discarded_by_keys(page, server):
    yard = Yard(server, "keys")
    yard.write("a.txt", THIRTY)
    yard.write("dir/b.txt", "b\n")
    yard.commit("Base")
    yard.write("a.txt", CHANGED)
    yard.write("dir/b.txt", "B\n")
    yard.open(page)
    page.keyboard.press("Control+Shift+G")
    tree = page.get_by_role("tree", name="Changed files")
    expect(changed(page, "dir, folder")).to_be_visible()
    tree.focus()
    page.keyboard.press("ArrowLeft")
    expect(changed(page, "dir/b.txt")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    expect(changed(page, "dir, folder")).to_have_attribute("aria-checked", "false")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    view = page.get_by_role("region", name="Changes of a.txt")
    expect(hunk_boxes(page)).to_have_count(3)
    view.focus()
    for _ in range(2):
        page.keyboard.press("F7")
    expect(view.get_by_role("status")).to_contain_text("Change 2 of 3, a.txt")
    page.keyboard.press(" ")
    expect(hunk_boxes(page).nth(1)).not_to_be_checked()
    page.keyboard.press("Delete")
    expect(said(page)).to_contain_text("Discarded a change of a.txt.")
    expect(hunk_boxes(page)).to_have_count(2)
    assert yard.read("a.txt") == THIRTY.replace("line 3\n", "three\n").replace("line 28\n", "")
    said(page).get_by_role("button", name="Undo").click()
    expect(hunk_boxes(page)).to_have_count(3)
    assert yard.read("a.txt") == CHANGED


def test_the_keys_stay_at_the_row_that_one_was_at_when_others_come_before_it(page, server):
    yard = Yard(server, "rows")
    yard.write("m.txt", "m\n")
    yard.commit("First")
    yard.write("m.txt", "M\n")
    yard.open(page, "Changes")
    expect(changed(page, "m.txt, changed")).to_have_attribute("aria-selected", "true")
    yard.write("a.txt", "a\n")
    expect(changed(page, "a.txt, new")).to_be_visible()
    expect(changed(page, "m.txt, changed")).to_have_attribute("aria-selected", "true")
    page.get_by_role("tree", name="Changed files").press("Delete")
    expect(said(page)).to_contain_text("Discarded m.txt.")
    expect(changed(page, "a.txt, new")).to_have_attribute("aria-selected", "true")

    page.get_by_role("button", name="History", exact=True).click()
    row = page.get_by_role("option", name="First")
    row.click()
    yard.commit("Second")
    expect(page.get_by_role("option", name="Second")).to_be_visible()
    expect(row).to_have_attribute("aria-selected", "true")
    command(page, "history as", "History as a tab")
    expect(page.locator(".tab-body:not([hidden])").get_by_role("searchbox", name="Search messages")).to_be_focused()


def test_a_hunk_that_changed_meanwhile_is_not_committed(page, server, tolerated):
    tolerated += ["status of 409"]
    yard = Yard(server, "stale")
    yard.write("a.txt", THIRTY)
    yard.commit("Base")
    yard.write("a.txt", CHANGED)
    yard.open(page, "Changes")
    changed(page, "a.txt, changed").click()
    hunk_boxes(page).first.uncheck()
    page.route("**/diff/working-copy*", lambda route: route.abort())  # the page does not get to see the next change
    tolerated += ["ERR_FAILED"]
    yard.write("a.txt", CHANGED.replace("and a half", "and three quarters"))
    page.get_by_label("Commit message").fill("Not this")
    page.get_by_role("button", name="Commit what is chosen").click()
    expect(page.get_by_role("alert").filter(has_text="have changed since you looked")).to_contain_text("a.txt")
    assert len(yard.vcs("POST", "/log", {})["items"]) == 2


def test_a_snapshot_shows_what_it_changes_is_restored_and_that_undone(page, server, package):
    yard = Yard(server, "snapshots", package)
    path = "httpx/__version__.py"
    good = yard.read(path)
    yard.write(path, good + "DRAFT = 1\n")
    yard.open(page, "History")
    page.get_by_role("button", name="Snapshots", exact=True).click()
    page.get_by_role("button", name="Take a snapshot…").click()
    page.get_by_label("Label").fill("before the mess")
    page.get_by_role("button", name="Take it").click()
    expect(said(page)).to_contain_text("Took a snapshot")
    yard.write(path, "mess\n")
    yard.write("mess.txt", "mess\n")
    page.get_by_role("list", name="Snapshots").get_by_role("button", name="before the mess").first.click()
    expect(page.get_by_role("heading", name="mess.txt")).to_be_visible()
    expect(page.locator(".diff-line", has_text="DRAFT = 1")).to_be_visible()
    picture(page, "source-snapshot")
    page.get_by_role("button", name="What it held").click()
    expect(page.get_by_role("heading", name="mess.txt")).to_have_count(0)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(said(page)).to_contain_text("Restored before the mess.")
    assert yard.read(path) == good + "DRAFT = 1\n" and not (yard.root / "mess.txt").exists()
    page.get_by_role("button", name="What restoring changes").click()
    expect(page.get_by_text("The files are as this snapshot has them.")).to_be_visible()
    said(page).get_by_role("button", name="Undo").click()
    expect(said(page)).to_contain_text("As it was before.")
    assert yard.read(path) == "mess\n" and yard.read("mess.txt") == "mess\n"


def test_history_has_lanes_is_searched_and_rolled_back_to(page, server):
    yard = Yard(server, "history")
    yard.write("a.txt", "one\n")
    base = yard.commit("One", author={"name": "Grace", "email": "grace@example.com"})
    other = yard.fork("side")
    other.write("b.txt", "b\n")
    other.commit("On the side")
    yard.write("a.txt", "two\n")
    yard.commit("Two\n\nWith a reason.")
    tip = yard.vcs("POST", "/merge", {"from_session": other.session})["id"]
    yard.open(page, "History")
    rows = page.get_by_role("listbox", name="Commits").get_by_role("option")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("Merge session side")
    assert rows.first.locator("path.lane").count() == 2 and rows.nth(3).locator("path.lane").count() == 3
    page.get_by_role("button", name="By author and path").click()
    page.get_by_role("searchbox", name="Author").fill("grace")
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox", name="Author").fill("")
    page.get_by_role("searchbox", name="Path").fill("b.txt")
    expect(rows.first).to_contain_text("On the side")
    page.get_by_role("searchbox", name="Path").fill("")
    page.get_by_label("Search messages").fill("reason")
    expect(rows.first).to_contain_text("Two")
    rows.first.click()
    expect(page.get_by_role("heading", name="Two", exact=True)).to_be_visible()
    expect(page.get_by_text("With a reason.", exact=True)).to_be_visible()
    expect(page.locator(".diff-line", has_text="two")).to_be_visible()
    page.locator(".facts").get_by_role("button", name=base[:8]).click()
    page.get_by_role("button", name="Roll back to this…").click()
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(said(page)).to_contain_text(f"Rolled back to {base[:8]}")
    assert yard.read("a.txt") == "one\n" and not (yard.root / "b.txt").exists()
    said(page).get_by_role("button", name="Undo").click()
    expect(said(page)).to_contain_text("As it was before.")
    assert yard.read("a.txt") == "two\n"
    assert yard.vcs("GET", "/status")["head"] == tip and yard.vcs("GET", "/status")["files"] == []
    said(page).get_by_role("button", name="Undo").click()  # and the other way
    wait_until(lambda: yard.vcs("GET", "/status")["head"] != tip and yard.read("a.txt") == "one\n")
    assert yard.vcs("GET", "/status")["files"] == []
    page.get_by_role("button", name="Roll back to this…").click()
    page.get_by_role("radio", name="By moving the branch back").check()
    page.get_by_role("button", name="Roll back", exact=True).click()
    expect(said(page)).to_contain_text(f"Rolled back to {base[:8]}")
    assert yard.vcs("GET", "/status")["head"] == base
    said(page).get_by_role("button", name="Undo").click()
    expect(said(page)).to_contain_text("As it was before.")
    assert len(yard.vcs("POST", "/log", {})["items"]) == 6


def test_a_session_to_merge_is_found_by_a_part_of_its_name(page, server):
    yard = Yard(server, "merges")
    yard.write("a.txt", "a\n")
    yard.commit("Base")
    for number in range(4):
        yard.fork(f"Try it {number}")
    other = yard.fork("Mend the fence")
    other.write("b.txt", "b\n")
    other.commit("Mended")
    yard.open(page)
    command(page, "merge another", "Merge another session")
    dialog = page.get_by_role("dialog", name="Merge another session into this")
    expect(dialog.get_by_role("radio")).to_have_count(5)
    dialog.get_by_role("radio", name="Try it 2").check()
    expect(dialog.get_by_role("button", name="Merge")).to_be_enabled()
    page.keyboard.press("Shift+Tab")
    expect(dialog.get_by_label("Find a session")).to_be_focused()
    page.keyboard.type("the fen")
    expect(dialog.get_by_role("radio")).to_have_count(1)
    expect(dialog.get_by_role("button", name="Merge")).to_be_disabled()  # what was chosen is no longer in sight
    assert violations(page) == []
    picture(page, "source-merges")
    page.keyboard.press("Tab")
    page.keyboard.press(" ")
    page.keyboard.press("Enter")
    expect(said(page)).to_contain_text("Moved forward to what mend-the-fence has.")
    assert yard.read("b.txt") == "b\n"


def test_what_keeps_a_merge_from_happening_is_told_and_can_be_settled(page, server, tolerated):
    tolerated += ["status of 409"]
    yard = Yard(server, "conflict")
    yard.write("a.txt", "base\n")
    yard.commit("Base")
    other = yard.fork("theirs")
    other.write("a.txt", "theirs\n")
    theirs = other.commit("Theirs")
    yard.write("a.txt", "mine\n")
    yard.commit("Mine")
    yard.open(page, "History")
    page.get_by_role("button", name="Branches", exact=True).click()
    page.get_by_role("button", name="Merge theirs into main").click()
    alert = page.get_by_role("alert").filter(has_text="Both sides changed the same lines of a.txt")
    picture(page, "source-conflict")
    alert.get_by_role("button", name="Compare").click()
    expect(page.locator(".diff-line", has_text="theirs")).to_be_visible()
    page.get_by_role("button", name="Merge theirs into main").click()
    alert.get_by_role("button", name="Settle it in a terminal").click()
    expect(page.locator(".xterm-rows")).to_contain_text(f"git merge {theirs[:12]}")
    page.keyboard.press("Enter")
    expect(page.locator(".xterm-rows")).to_contain_text("CONFLICT")
    page.get_by_role("button", name="Changes", exact=True).click()
    expect(changed(page, "a.txt, in conflict")).to_be_visible()


def test_the_branch_is_pushed_and_pulled(page, server, tmp_path, tolerated):
    tolerated += ["status of 409"]
    tmp_path.chmod(0o755)
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    yard = Yard(server, "remote")
    yard.write("a.txt", "a\n")
    yard.commit("Mine")
    yard.open(page, "Changes")
    page.get_by_role("complementary").get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name="Push to…").click()
    page.get_by_label("Address").fill(f"file://{tmp_path}/remote.git")
    page.get_by_role("button", name="Push", exact=True).click()
    expect(said(page)).to_contain_text("to main.")
    expect(page.get_by_text("↑0 ↓0", exact=True)).to_be_visible()
    git(tmp_path, "clone", "-q", "remote.git", "theirs")
    (tmp_path / "theirs/b.txt").write_text("b\n")
    git(tmp_path / "theirs", "add", "-A")
    git(tmp_path / "theirs", "commit", "-qm", "Theirs")
    git(tmp_path / "theirs", "push", "-q")
    yard.write("c.txt", "c\n")
    yard.commit("Mine too")
    page.get_by_role("button", name="Push", exact=True).click()
    expect(page.get_by_role("alert").filter(has_text="pull first")).to_be_visible()
    page.get_by_role("button", name="Pull", exact=True).click()
    expect(said(page)).to_contain_text("Merged the remote")
    assert yard.read("b.txt") == "b\n"
    expect(page.get_by_text("↑2 ↓0", exact=True)).to_be_visible()


def test_a_very_long_difference_is_drawn_where_one_looks(page, server):
    yard = Yard(server, "long")
    for number in range(300):
        yard.write(f"d{number % 10}/f{number}.py", "".join(f"value_{n} = {n}\n" for n in range(64)))
    yard.open(page, "Changes")
    page.get_by_role("button", name="Look at all changes").click()
    expect(page.locator(".diff-bar")).to_contain_text("300 files")
    expect(page.locator(".diff-line").first).to_be_visible()
    view = page.get_by_role("region", name="All changes")
    view.focus()
    page.keyboard.press("p")  # round the beginning: to the last change
    expect(view.get_by_role("status")).to_contain_text("Change 300 of 300, d9/f99.py")
    expect(view.get_by_role("heading", name="d9/f99.py")).to_be_visible()
    assert page.locator(".diff-row").count() < 200
    assert page.locator(".changed-row").count() < 150


def test_of_very_many_changes_the_first_are_listed_and_all_are_counted(page, server):
    yard = Yard(server, "flood")
    yard.write("z.txt", "z\n")
    yard.commit("Base")
    yard.write("z.txt", "Z\n")
    (yard.root / "many").mkdir()
    for number in range(5200):
        (yard.root / f"many/{number}").touch()
    yard.open(page, "Changes")
    note = page.get_by_text("The first 5,000 of 5,201 changed files are listed.")
    expect(note).to_contain_text("A commit takes them all")
    page.get_by_role("tree", name="Changed files").press("End")
    changed(page, "z.txt, changed").click(button="right")  # what git knows is not left out for what it does not
    page.get_by_role("menuitem", name="Take only this into the commit").click()
    expect(note).to_contain_text("A commit takes of these alone")
    picture(page, "source-flood")
    page.get_by_label("Commit message").fill("One of many")
    page.get_by_role("button", name="Commit 1 of 5,201").click()
    expect(said(page)).to_contain_text("Committed")
    expect(page.get_by_text("The first 5,000 of 5,200 changed files are listed.")).to_contain_text("takes them all")
    assert yard.git("show", "HEAD:z.txt") == "Z\n"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_view_is_accessible_and_fits_a_phone(page, server, theme):
    yard = Yard(server, f"axe {theme}")
    yard.write("src/deep/a.py", "import os\n\n\ndef one():\n    return 1\n")
    yard.commit("Base")
    yard.write("src/deep/a.py", "import os\n\n\ndef one() -> int:\n    return 1\n")
    yard.vcs("POST", "/snapshots", {"label": "one"})
    page.emulate_media(color_scheme=theme)
    yard.open(page, "Changes")

    def look(name: str) -> None:
        assert violations(page) == []
        picture(page, f"source-{name}-{theme}")
        page.set_viewport_size({"width": 320, "height": 640})
        page.wait_for_function("document.documentElement.scrollWidth === 320")
        picture(page, f"source-{name}-{theme}-320")
        page.set_viewport_size({"width": 1280, "height": 800})

    changed(page, "src/deep/a.py, changed").click()
    expect(page.locator(".diff-line mark").first).to_be_visible()
    look("changes")
    page.get_by_role("button", name="Show side by side").or_(page.get_by_role("button", name="Show inline")).click()
    look("changes-other")
    page.get_by_role("button", name="History", exact=True).click()
    page.get_by_role("option", name="Base").click()
    expect(page.get_by_role("heading", name="Base")).to_be_visible()
    look("commit")
    page.get_by_role("button", name="Snapshots", exact=True).click()
    page.get_by_role("list", name="Snapshots").get_by_role("button", name="one").first.click()
    expect(page.get_by_text("The files are as this snapshot has them.")).to_be_visible()
    look("snapshot")
    page.get_by_role("button", name="Branches", exact=True).click()
    expect(page.get_by_text("this session · ")).to_be_visible()
    page.get_by_role("searchbox", name="Search branches").fill("no such")
    expect(page.get_by_text("No branch fits.")).to_be_visible()
    page.get_by_role("searchbox", name="Search branches").fill("")
    expect(page.get_by_text("this session · ")).to_be_visible()
    look("branches")


def test_who_wrote_each_line_stands_beside_it_and_moves_with_it(page, server):
    yard = Yard(server, "blame")
    yard.write("a.txt", "one\ntwo\nthree\n")
    yard.commit("First", author={"name": "Grace", "email": "grace@example.com"})
    yard.write("a.txt", "one\nTWO\nthree\n")
    second = yard.commit("Second", author={"name": "Linus", "email": "linus@example.com"})
    yard.write("a.txt", "new\none\nTWO\nthree\n")
    yard.open(page)
    page.get_by_role("treeitem", name="a.txt").click()
    page.locator(".cm-line", has_text="TWO").click()
    command(page, "who wrote", "Who wrote each line")
    gutter = page.locator(".cm-blame .cm-gutterElement span")
    expect(gutter).to_have_text([re.compile("Grace, "), re.compile("Linus, "), re.compile("Grace, ")])
    expect(gutter.nth(1)).to_have_attribute("title", re.compile("^Second\nLinus"))
    beside = page.locator(".cm-blame .cm-gutterElement", has_text="Linus")

    def place() -> float:
        box = beside.bounding_box()
        return box["y"] if box else -1  # while it is drawn anew it is nowhere

    top = wait_until(lambda: (now := place()) > 0 and now)
    page.locator(".cm-line", has_text="one").click()
    page.keyboard.press("Home")
    page.keyboard.type("typed\n")
    wait_until(lambda: place() > top)
    picture(page, "source-blame")
    page.keyboard.press("Control+z")
    wait_until(lambda: place() == top)
    beside.click()
    expect(page.get_by_role("tab", name=second[:8])).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name="Second")).to_be_visible()
