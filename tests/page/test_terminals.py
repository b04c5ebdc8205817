"""Terminals on the page: tabs, splits, search, links, copying; and what a program may not do to the page around it."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.axe import violations
from tests.page.steps import command
from tests.page.yard import Yard, clipboard, picture
from tests.server import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def yard(page: Page, server, request) -> Yard:
    made = Yard(server, request.node.name[:60])
    made.write("notes.md", "# Notes\n")
    made.open(page)
    return made


def rows(page: Page, number: int = 0):
    """What the n-th terminal in sight shows."""
    return page.locator(".panes:not([hidden]) .xterm-rows").nth(number)


def run(page: Page, command: str, number: int = 0) -> None:
    page.locator(".panes:not([hidden]) .xterm-screen").nth(number).click()
    page.keyboard.type(command + "\n")


def row(page: Page, pattern: str):
    """The last row that begins so."""
    found = page.locator(".panes:not([hidden]) .xterm-rows > div", has_text=re.compile(f"^{pattern}")).last
    expect(found).to_be_visible()
    return found


def point(page: Page, at, letter: int) -> tuple[float, float]:
    """Puts the mouse on a letter of a row. (Rows take no clicks themselves; what lies over them does.)"""
    box = at.bounding_box()
    x, y = box["x"] + letter * 7.8 + 4, box["y"] + 6
    page.mouse.move(x - 2, y)
    page.mouse.move(x, y)
    return x, y


def tabs(page: Page):
    return page.get_by_role("tablist", name="Terminals").get_by_role("tab")


def test_terminals_stand_in_tabs_and_splits_and_are_found_there_again(page, yard):
    run(page, "first=1; echo one-$first")
    expect(rows(page)).to_contain_text("one-1")
    page.keyboard.press("Alt+Shift+T")
    expect(page.locator(".panes:not([hidden]) .pane").nth(1).locator("textarea")).to_be_focused()
    page.keyboard.type("second=2; echo two-$second\n")  # typed before it is there, and not lost
    expect(rows(page, 1)).to_contain_text("two-2")
    page.keyboard.press("Alt+t")
    expect(tabs(page)).to_have_count(2)
    run(page, "third=3; echo three-$third")
    expect(rows(page)).to_contain_text("three-3")
    page.keyboard.press("Alt+Shift+PageUp")
    expect(page.locator(".panes:not([hidden]) .pane")).to_have_count(2)
    picture(page, "terminal-splits")
    page.reload()
    expect(tabs(page)).to_have_count(2)
    expect(rows(page)).to_contain_text("one-1")
    expect(rows(page, 1)).to_contain_text("two-2")
    run(page, "echo still-$second", 1)
    expect(rows(page, 1)).to_contain_text("still-2")
    run(page, "exit 3", 1)
    expect(page.get_by_text("It ended with 3.")).to_be_visible()
    page.get_by_role("button", name="New terminal here").click()
    run(page, "echo anew-$((1+1))", 1)
    expect(rows(page, 1)).to_contain_text("anew-2")
    tabs(page).first.focus()
    page.keyboard.press("Delete")
    expect(tabs(page)).to_have_count(1)
    expect(rows(page)).to_contain_text("three-3")


def test_what_was_shown_is_searched(page, yard):
    run(page, "for n in $(seq 300); do echo row $n; done; echo Needle; clear -x; echo do''ne")
    expect(rows(page)).to_contain_text("done")
    page.keyboard.press("Control+Shift+f")
    field = page.get_by_role("textbox", name="Find in the terminal")
    expect(field).to_be_focused()
    field.fill("row 17")
    status = page.locator(".term-search").get_by_role("status")
    expect(status).to_have_text(re.compile(r"^\d+ of 11$"))
    page.keyboard.press("Enter")
    expect(rows(page)).to_contain_text("row 17")
    page.get_by_role("button", name="Whole words").click()
    expect(status).to_have_text(re.compile(r"of 1$"))
    page.get_by_role("button", name="A pattern (regular expression)").click()
    field.fill("row (")
    expect(status).to_have_text("not a pattern")
    assert violations(page) == []
    picture(page, "terminal-search")
    page.keyboard.press("Escape")
    expect(field).to_have_count(0)
    expect(page.locator(".panes:not([hidden]) .xterm textarea")).to_be_focused()
    page.get_by_role("tree", name="Files").focus()
    page.keyboard.press("Control+Shift+f")  # elsewhere it is about the files
    expect(page.get_by_label("Search in all files")).to_be_focused()
    command(page, "find in the term", "Find in the terminal")
    expect(field).to_be_focused()


def test_text_is_copied_and_pasted_by_keys(page, yard, server):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    run(page, "echo copy''me")
    place = point(page, row(page, "copyme"), 2)
    page.mouse.dblclick(*place)
    page.keyboard.press("Control+Shift+c")
    wait_until(lambda: clipboard(page).strip() == "copyme")
    page.evaluate("navigator.clipboard.writeText('echo past\\'\\'ed')")
    page.keyboard.press("Control+Shift+v")
    expect(rows(page)).to_contain_text("echo past''ed")
    page.keyboard.press("Enter")
    expect(rows(page)).to_contain_text("pasted")


def test_names_of_files_and_addresses_are_links(page, yard):
    yard.write("src/a.py", "one\ntwo\nthree\n")
    run(page, "echo src/a.py:3:2 https://example.com/page")
    line = row(page, r"src/a\.py:3:2")
    place = point(page, line, 2)
    expect(page.locator(".xterm-cursor-pointer")).to_be_visible()
    page.keyboard.down("Control")
    page.mouse.click(*place)
    page.keyboard.up("Control")
    expect(page.get_by_role("tab", name="a.py")).to_have_attribute("aria-selected", "true")
    page.context.route("https://example.com/*", lambda route: route.fulfill(body="there"))
    with page.context.expect_page() as opened:
        page.mouse.click(*point(page, line, 20))
    assert opened.value.url == "https://example.com/page"
    assert opened.value.evaluate("window.opener") is None
    opened.value.close()


def test_output_does_nothing_to_the_page_around_it(page, yard, server):
    """Attack row 50: clipboard by OSC 52, addresses that run by OSC 8, markup and control characters in a title, questions
    whose answers would be typed, pictures, and sizes beyond all reason."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=server.url)
    page.evaluate("navigator.clipboard.writeText('mine')")
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    before = page.url
    evil = (
        b"\x1b]52;c;ZXZpbA==\x07\x1b]52;p;?\x07"
        b"\x1b]8;;javascript:document.title='run'\x07click here\x1b]8;;\x07\r\n"
        b"\x1b]0;<img src=x onerror=\"document.title='run'\"> \xe2\x80\xaeturned\x07"
        b'\x1bP$q"p\x1b\\\x1bP$qecho written\n\x1b\\\x1b[21t\x1b]4;1;?\x07'
        b"\x1bPq#0;2;0;0;0!999999999~\x1b\\"
        b"\x1b[999999999C\x1b[999999999;999999999H\x1b[8;65535;999999999t\x1b[999999999@\x1b[999999999L\x1b[999999999b"
        b"\x1b[H\r\n\r\n\r\nsurvived\r\n"
    )
    (yard.root / "evil").write_bytes(evil)
    run(page, "clear; cat evil; echo the-end-$((1+1))")
    expect(rows(page)).to_contain_text("the-end-2")
    expect(rows(page)).to_contain_text("survived")
    expect(tabs(page).first).to_have_attribute("aria-label", re.compile("<img src=x onerror=[^\u202e]*$"))
    assert page.locator(".terminals img").count() == 0
    # What a terminal answers to questions is typed, as everywhere; but without a line end, and nothing of the question.
    for _ in range(3):
        page.keyboard.press("Control+c")
    expect(rows(page)).not_to_contain_text("written")
    assert page.title() != "run" and page.url == before and len(page.context.pages) == 1
    assert dialogs == []
    assert clipboard(page) == "mine"
    run(page, "echo and-goes-on")
    expect(rows(page)).to_contain_text("and-goes-on")


def test_an_address_that_runs_is_no_link(page, yard):
    """Attack row 50: of OSC 8 only web pages are opened."""
    for number, address in enumerate(
        ("javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "file:///etc/passwd")
    ):
        yard.write("link", f"\x1b]8;;{address}\x07press-{number}\x1b]8;;\x07\n")
        run(page, "clear; cat link")
        page.mouse.click(*point(page, row(page, f"press-{number}"), 3))
        assert len(page.context.pages) == 1
    page.context.route("https://example.com/*", lambda route: route.fulfill(body="there"))
    yard.write("link", "\x1b]8;;https://example.com/real\x07press-me\x1b]8;;\x07\n")
    run(page, "clear; cat link")
    place = point(page, row(page, "press-me"), 3)
    expect(page.locator(".screen[title='https://example.com/real']")).to_be_visible()  # where it really leads
    with page.context.expect_page() as opened:
        page.mouse.click(*place)
    opened.value.close()


def test_colours_of_any_kind_break_no_policy(page, yard):
    """The page fixture fails on a violation; 24-bit colours are what xterm.js paints by attributes."""
    page.emulate_media(color_scheme="dark")
    run(page, "printf '\\033[38;2;255;100;0mTRUE\\033[0m \\033[48;5;201mINDEXED\\033[0m \\033[1;4;3;9mALL\\033[0m\\n'")
    true = page.locator(".xterm-rows > div > span", has_text=re.compile("^TRUE$"))
    expect(true.first).to_have_css("color", "rgb(255, 100, 0)")


def test_screen_readers_get_the_output_as_text(page, yard):
    command(page, "for screen readers", "screen readers")
    run(page, "echo read''able")
    expect(page.locator(".xterm-accessibility").get_by_text("readable", exact=True)).to_be_visible()


def test_the_terminal_follows_the_size_of_its_place(page, yard):
    run(page, "stty size")
    wide = re.search(r"(\d+) (\d+)", shown(page, r"\d+ \d+"))
    page.set_viewport_size({"width": 320, "height": 640})
    page.get_by_role("button", name="Panel", exact=True).click()
    run(page, "until [ $(stty size | cut -d' ' -f2) -lt 50 ]; do sleep 0.1; done; clear; stty size")
    narrow = re.search(r"(\d+) (\d+)", shown(page, r"\d+ \d\d?\b"))
    assert wide is not None and narrow is not None
    assert int(narrow[2]) < 50 < int(wide[2]) and int(narrow[1]) > int(wide[1])
    assert violations(page) == []
    picture(page, "terminal-320")


def shown(page: Page, pattern: str) -> str:
    line = page.locator(".panes:not([hidden]) .xterm-rows > div", has_text=re.compile(f"^{pattern}\\s*$"))
    expect(line.last).to_be_visible()
    return line.last.inner_text()


def test_terminals_are_called_by_the_palette(page, yard):
    assert json.loads(page.evaluate("localStorage.getItem('commands.lately') || '[]'")) == []
    command(page, "split the term", "Split the terminal")
    expect(page.locator(".panes:not([hidden]) .pane")).to_have_count(2)
