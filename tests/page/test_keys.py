"""A day's work without a mouse: nothing here points or clicks."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.page.steps import command
from tests.page.test_editor import code, completes, jump, line, quick_open, served
from tests.page.yard import Yard, picture
from tests.server import wait_until

pytestmark = pytest.mark.browser

GREETING = "import os\n\n\ndef greet(name: str) -> str:\n    return 'hello ' + name\n"
SLOW = """
addEventListener("close", event => {
  if (!event.isTrusted) return;
  event.stopImmediatePropagation();
  setTimeout(() => event.target.dispatchEvent(new Event("close")), 2000);
}, true);
const { postMessage } = MessagePort.prototype;
MessagePort.prototype.postMessage = function (...words) { setTimeout(() => postMessage.apply(this, words), 300); };
"""
"""As on a busy machine: keys come before it is told that a dialog closed, and before React draws what may wait."""
CALLER = "from greeting import greet\n\nprint(greet('x'))\n"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def at(page: Page, place: str) -> None:
    """The cursor is at that line and column of the file in front."""
    press(page, "Control+g")
    page.keyboard.type(place)
    expect(page.locator(".palette").get_by_role("option").first).to_contain_text("Line")
    press(page, "Enter")
    expect(page.locator(".status")).to_contain_text("Ln {}, Col {}".format(*place.split(":")))
    expect(code(page)).to_be_focused()


def until(page: Page, key: str, reached: Callable[[], bool]) -> None:
    """That key again and again: so many times as no list or page here needs."""
    for _ in range(100):
        if reached():
            return
        page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead there")


def tab_to(page: Page, there: Locator) -> None:
    expect(there).to_be_visible()
    until(page, "Tab", lambda: there.evaluate("one => one === document.activeElement"))


def focused(page: Page) -> str:
    """How the row reads that has the focus."""
    found: str = page.evaluate(
        "(at => at.matches('.entry, [role=menuitem]') ? at.innerText : '')(document.activeElement)"
    )
    return found


def test_a_line_is_gone_to_as_soon_as_its_file_is_chosen(page, server):
    yard = Yard(server, "in haste")
    yard.write("caller.py", CALLER)
    page.add_init_script(SLOW)
    held = []

    def hold(route):
        first = not held and "caller.py" in (route.request.post_data or "")
        held.append(route) if first else route.fallback()

    page.route("**/filesystem", hold)
    yard.open(page)
    quick_open(page, "caller", "caller.py")
    press(page, "Control+g")
    expect(page.get_by_role("combobox", name="Line")).to_be_focused()
    wait_until(lambda: page.evaluate("1") and held)
    held[0].continue_()
    expect(code(page, "caller.py")).to_be_visible()
    page.keyboard.type("3:8\n")
    expect(page.locator(".status")).to_contain_text("Ln 3, Col 8")
    expect(code(page, "caller.py")).to_be_focused()

    command(page, "go to a line", "Go to a line")
    page.keyboard.type("1\n")
    expect(page.locator(".status")).to_contain_text("Ln 1, Col 1")


def test_a_file_is_searched_as_soon_as_it_is_chosen_and_all_that_is_done_to_one_is_in_the_palette(
    page, server, tolerated
):
    tolerated += ["status of 404"]  # of a file that is looked at in the moment in which it goes
    yard = Yard(server, "everything")
    yard.write("caller.py", CALLER)
    held: list[Route] = []
    page.route("**/filesystem", lambda route: route.fallback() if held else held.append(route))
    yard.open(page)
    quick_open(page, "caller", "caller.py")
    press(page, "Control+f")  # its editor is not there yet: not the browser's own search, and no letters in the file
    wait_until(lambda: page.evaluate("1") and held)
    held[0].continue_()
    expect(page.get_by_role("textbox", name="Find")).to_be_focused()
    page.keyboard.type("greet")
    expect(line(page, "print").locator(".cm-searchMatch")).to_have_text("greet")
    press(page, "Escape")
    expect(code(page)).to_be_focused()
    command(page, "comment out", "Comment out")
    expect(line(page, "# from greeting")).to_be_visible()
    press(page, "Control+/")
    expect(line(page, "# from greeting")).to_have_count(0)
    press(page, "Control+s")
    command(page, "rename the file", "Rename the file")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    page.keyboard.type("callers.py")
    press(page, "Enter")
    expect(page.get_by_role("tab", name="callers.py")).to_be_visible()
    assert yard.read("callers.py") == CALLER
    command(page, "delete the file", "Delete the file")
    tab_to(page, page.get_by_role("button", name="Delete", exact=True))
    press(page, "Enter")
    expect(page.get_by_role("tab", name="callers.py")).to_have_count(0)
    assert not (yard.root / "callers.py").exists()


def test_code_is_written_moved_through_and_changed(page, server):
    yard = Yard(server, "by keys")
    yard.write("greeting.py", GREETING)
    yard.write("caller.py", CALLER)
    yard.commit("Base")
    yard.open(page)

    command(page, "settings", "Settings")  # that what is saved is formatted is one
    field = page.get_by_role("searchbox", name="Find a setting")
    tab_to(page, field)
    page.keyboard.type("format on save")
    switch = page.get_by_role("checkbox", name="Format on save")
    expect(switch).to_be_visible()
    press(page, "Tab")
    expect(switch).to_be_focused()
    with page.expect_response(lambda answer: "/account/settings" in answer.url and answer.request.method == "PUT"):
        press(page, " ")
    page.go_back()
    expect(page.get_by_role("treeitem", name="greeting.py")).to_be_visible()

    quick_open(page, "greeting", "greeting.py")
    served(page)
    expect(line(page, "import os").locator(".cm-lintRange").first).to_be_visible(timeout=60_000)

    press(page, "F8")
    expect(page.locator(".status")).to_contain_text("Ln 1")
    press(page, "Control+.")
    page.get_by_role("menuitem", name=re.compile("Remove unused import")).wait_for()
    until(page, "ArrowDown", lambda: "Remove unused import" in focused(page))
    press(page, "Enter")
    expect(line(page, "import os")).to_have_count(0)

    press(page, "Control+End")
    page.keyboard.type("\n\ngree", delay=30)
    completes(page, re.compile("^greet"))
    page.wait_for_timeout(150)  # a key that comes with the list is not taken for a choice of it
    press(page, "Enter")
    page.keyboard.type("( 'me'  )")
    expect(line(page, "'me'")).to_be_visible()

    def formatted() -> bool:  # asked for once more where the server was not there yet
        press(page, "Shift+Alt+F")
        page.wait_for_timeout(500)
        return line(page, 'greet("me")').is_visible()

    wait_until(formatted)

    press(page, "Control+End")
    page.keyboard.type("\nx  =  1")
    press(page, "Control+s")
    wait_until(lambda: "\nx = 1\n" in yard.read("greeting.py"))
    expect(line(page, "x = 1")).to_be_visible()

    quick_open(page, "caller", "caller.py")
    expect(code(page, "caller.py")).to_be_focused()
    served(page)
    at(page, "3:8")
    greeting = page.get_by_role("tab", name="greeting.py")
    jump(page, lambda: greeting.get_attribute("aria-selected") == "true")
    press(page, "F2")
    expect(page.get_by_role("textbox", name="New name")).to_be_focused()
    page.keyboard.type("welcome")
    press(page, "Enter")
    expect(page.get_by_text("Renamed greet to welcome: 2 files.")).to_be_visible()
    expect(code(page)).to_be_focused()
    press(page, "Shift+F12")
    expect(page.get_by_role("region", name="caller.py").get_by_role("button")).to_have_count(2)
    wait_until(lambda: page.evaluate("document.activeElement.closest('.panel-body') !== null"))
    until(page, "ArrowDown", lambda: "print(" in focused(page))
    press(page, "Enter")
    expect(page.locator(".status")).to_contain_text("Ln 3")
    expect(code(page)).to_be_focused()
    press(page, "Control+Shift+O")
    page.get_by_role("combobox", name="Symbols").wait_for()
    press(page, "Escape")

    output = page.get_by_role("log", name="Output")
    for name in ("ty", "ruff"):  # what runs, with its memory; then what it said
        command(page, "language servers of", "Language servers of this file")
        page.get_by_role("menuitem", name=re.compile(rf"^{name} [0-9.]+: ready, [0-9]+ MB$")).wait_for()
        until(page, "ArrowDown", lambda name=name: focused(page).startswith(f"{name} "))
        press(page, "Enter")
        expect(output.get_by_text(f"{name} ready")).to_be_visible()
    picture(page, "keys-output")
    press(page, "Control+1", "Control+\\")
    expect(page.get_by_role("region", name=re.compile("Editor group"))).to_have_count(2)
    press(page, "Control+1")
    expect(code(page)).to_be_focused()
    press(page, "Alt+PageUp", "Alt+w")
    picture(page, "keys-split")


def test_pull_requests_are_listed_walked_through_and_opened(page, server):
    yard = Yard(server, "pulls by keys")
    yard.write("a.txt", "a\n")
    yard.commit("Base")
    workspace = server.ask("GET", f"/sessions/{yard.session}")["workspace_id"]
    for name in ("first", "second", "third"):
        head = yard.fork(name)
        head.write(f"{name}.txt", "x\n")
        head.commit(name)
        body = {"head_session_id": head.session, "title": f"The {name}"}
        server.ask("POST", f"/workspace/{workspace}/pull-requests", body)
    yard.open(page)
    command(page, "show pull", "Show Pull requests")
    expect(page.get_by_role("searchbox", name="Find a pull request")).to_be_focused()
    rows = page.get_by_role("list", name="Pull requests").get_by_role("button")
    expect(rows).to_have_count(3)
    tab_to(page, rows.first)
    press(page, "ArrowDown", "ArrowDown")
    expect(rows.last).to_be_focused()
    press(page, "ArrowUp")
    expect(rows.nth(1)).to_be_focused()
    picture(page, "keys-pulls")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="The second #2")).to_be_visible()
    command(page, "show pull", "Show Pull requests")
    page.keyboard.type("third")
    expect(rows).to_have_count(1)
    tab_to(page, rows.first)
    press(page, " ")
    expect(page.get_by_role("heading", name="The third #3")).to_be_visible()

    page.goto(f"{server.url}/w/{workspace}/pulls")
    tab_to(page, rows.nth(1))
    press(page, "Enter")
    expect(page).to_have_url(f"{server.url}/w/{workspace}/pulls/2")
    expect(page.get_by_role("heading", name="The second #2")).to_be_visible()


def test_files_searches_commits_snapshots_and_terminals(page, server):
    yard = Yard(server, "keys too")
    yard.write("a.txt", "".join(f"line {n}\n" for n in range(30)))
    yard.write("b.txt", "old_name\n")
    yard.commit("Base")
    yard.open(page)

    press(page, "Alt+1")
    tree = page.get_by_role("tree", name="Files")
    expect(tree).to_be_focused()
    press(page, "Home", "Enter")
    expect(code(page)).to_be_focused()
    press(page, "Alt+1")
    expect(tree).to_be_focused()
    press(page, "End", "Shift+F10")
    expect(page.get_by_role("menuitem", name="Delete")).to_be_visible()
    press(page, "Escape")
    expect(tree).to_be_focused()
    press(page, "F2")
    page.get_by_role("textbox", name="Name").wait_for()
    page.keyboard.type("c.txt")
    press(page, "Enter")
    expect(page.get_by_role("treeitem", name="c.txt")).to_be_visible()
    command(page, "new file", "New file")
    expect(page.get_by_role("textbox", name="Path")).to_be_focused()
    page.keyboard.type("new/d.txt")
    press(page, "Enter")
    expect(page.get_by_role("tab", name="d.txt")).to_be_visible()
    expect(code(page)).to_be_focused()
    page.keyboard.type("made by keys")
    press(page, "Control+s")
    wait_until(lambda: yard.read("new/d.txt") == "made by keys")

    press(page, "Control+Shift+F")
    expect(page.get_by_label("Search in all files")).to_be_focused()
    page.keyboard.type("old_name")
    expect(page.get_by_text("1 line in 1 file")).to_be_visible()
    press(page, "Shift+Tab", "Enter")
    tab_to(page, page.get_by_label("Replace with"))
    page.keyboard.type("new_name")
    expect(page.locator(".match ins").first).to_have_text("new_name")
    press(page, "Enter")
    wait_until(lambda: yard.read("c.txt") == "new_name\n")

    yard.write("a.txt", yard.read("a.txt").replace("line 2\n", "two\n").replace("line 27\n", "twenty-seven\n"))
    press(page, "Control+Shift+G")
    expect(page.get_by_label("Commit message")).to_be_focused()
    page.keyboard.type("By keys")
    changed = page.get_by_role("tree", name="Changed files")
    expect(changed.get_by_role("treeitem", name="a.txt, changed")).to_be_visible()
    tab_to(page, changed)
    row = changed.get_by_role("treeitem", name="a.txt, changed")
    press(page, "Home")
    until(page, "ArrowDown", lambda: row.get_attribute("aria-selected") == "true")
    press(page, "Enter")
    view = page.get_by_role("region", name="Changes of a.txt")
    expect(view.get_by_role("checkbox", name="Commit this change")).to_have_count(2)
    expect(view).to_be_focused()
    press(page, "F7", "F7", " ")
    expect(view.get_by_role("checkbox", name="Commit this change").nth(1)).not_to_be_checked()
    command(page, "commit…", "Commit…")
    expect(page.get_by_label("Commit message")).to_be_focused()
    press(page, "Control+Enter")
    expect(page.locator(".note", has_text="Committed")).to_be_visible()
    committed = yard.git("show", "HEAD:a.txt")
    assert "two\n" in committed and "line 27\n" in committed and yard.git("show", "HEAD:c.txt") == "new_name\n"

    command(page, "take a snap", "Take a snapshot")
    page.get_by_label("Label").wait_for()
    page.keyboard.type("before the mess")
    press(page, "Enter")
    expect(page.locator(".note", has_text="Took a snapshot")).to_be_visible()
    yard.write("c.txt", "mess\n")
    command(page, "snapshots", "Snapshots")
    restore = page.get_by_role("button", name=re.compile("Restore before the mess")).first
    tab_to(page, restore)
    press(page, "Enter")
    expect(page.locator(".note", has_text="Restored before the mess.")).to_be_visible()
    wait_until(lambda: yard.read("c.txt") == "new_name\n")

    command(page, "terminal and back", "Into the terminal and back")
    expect(page.locator(".panes:not([hidden]) .xterm textarea")).to_be_focused()
    page.keyboard.type("echo by-$((1+1))-keys\n")
    expect(page.locator(".panes:not([hidden]) .xterm-rows")).to_contain_text("by-2-keys")
    command(page, "show history", "Show History")
    press(page, "Alt+1")
    expect(tree).to_be_focused()
    press(page, "?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    picture(page, "keys-map")
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
