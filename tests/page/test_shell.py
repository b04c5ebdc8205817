"""The frame around everything: palette, keys, themes, settings that travel, every width from a phone to 4K, and accessibility."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.axe import violations
from tests.page.mock import Mock
from tests.page.steps import command, sign_in
from tests.page.yard import Yard, picture

pytestmark = pytest.mark.browser

CODE = "# a comment\nimport os\n\n\ndef greet(name: str) -> str:\n    return f'hello {name}' * 2\n"


@pytest.fixture(scope="module")
def yard(server) -> Yard:
    made = Yard(server, "shell")
    made.write("src/app.py", CODE)
    made.write("src/other.py", CODE)
    made.write("README.md", "# Hello\n")
    return made


@pytest.fixture
def opened(page: Page, yard: Yard) -> Page:
    yard.open(page)
    page.get_by_role("treeitem", name="src").click()
    page.get_by_role("treeitem", name="app.py").dblclick()
    expect(page.locator(".cm-line", has_text="def greet")).to_be_visible()
    return page


def theme(page: Page) -> str:
    found: str = page.evaluate("document.documentElement.dataset.theme")
    return found


def test_everything_is_found_by_a_few_letters_and_by_keys(opened):
    page = opened
    command(page, "split ed", "Split the editor")
    expect(page.get_by_role("region", name=re.compile("Editor group"))).to_have_count(2)
    held: list[Route] = []
    known: list[bool] = []
    page.route("**/file-tree", lambda route: route.continue_() if known else held.append(route))
    page.keyboard.press("Control+p")
    page.get_by_role("combobox", name="Files").fill("oth:5")
    page.keyboard.press("Enter")  # before the files are known: then what fits best
    known.append(True)
    for route in held:
        route.continue_()
    expect(page.locator(".status")).to_contain_text("Ln 5")
    page.keyboard.press("Alt+2")
    expect(page.get_by_label("Search in all files")).to_be_focused()
    page.keyboard.press("Control+b")
    expect(page.locator(".side")).to_have_count(0)
    page.keyboard.press("Control+j")
    expect(page.locator(".low")).to_have_count(0)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    for group in ("General", "Code", "Tabs", "View"):
        expect(page.get_by_role("heading", name=group, exact=True)).to_be_visible()
    assert violations(page) == []
    picture(page, "shell-keys")
    page.keyboard.press("Escape")
    page.reload()  # where everything stands is kept
    expect(page.get_by_role("region", name=re.compile("Editor group"))).to_have_count(2)
    expect(page.locator(".low")).to_have_count(0)


def test_the_open_file_stays_among_the_tabs_in_sight_when_its_group_becomes_narrow(opened, yard):
    page = opened
    for number in range(4):
        yard.write(f"a long name {number}.txt", "text\n")
        page.get_by_role("treeitem", name=f"a long name {number}.txt").dblclick()
    for _ in range(2):
        command(page, "split ed", "Split the editor")
    expect(page.get_by_role("region", name=re.compile("Editor group"))).to_have_count(3)
    expect(page.get_by_role("tab", name="a long name 3.txt").first).to_be_in_viewport(ratio=0.9)
    yard.write(f"{'very ' * 40}long.txt", "text\n")
    page.get_by_role("treeitem", name="very very").dblclick()
    expect(page.get_by_role("tab", name="very very")).to_be_in_viewport(ratio=0.9)
    picture(page, "shell-tabs")


def test_settings_travel_with_the_account(opened, browser, server):
    page = opened
    page.emulate_media(color_scheme="light")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    with page.expect_response(lambda answer: "/account/settings" in answer.url and answer.request.method == "PUT"):
        page.get_by_role("button", name="Settings", exact=True).click()
        page.get_by_label("Theme").select_option("dark")
    assert theme(page) == "dark"
    with page.expect_response(lambda answer: "/account/settings" in answer.url and answer.request.method == "PUT"):
        page.get_by_label("Size of the text").fill("18")
    picture(page, "shell-settings")
    context = browser.new_context(color_scheme="light")
    elsewhere = context.new_page()
    sign_in(elsewhere, server)
    elsewhere.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    elsewhere.goto(f"{server.url}/settings")
    expect(elsewhere.get_by_label("Size of the text")).to_have_value("18")
    with elsewhere.expect_response(lambda answer: "/account/settings" in answer.url and answer.request.method == "PUT"):
        elsewhere.get_by_label("Theme").select_option("system")
    context.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_view_holds_wcag_in_both_themes(opened, colours):
    page = opened
    page.emulate_media(color_scheme=colours)
    assert violations(page) == []
    for view in ("Search", "Outline", "Files"):
        page.get_by_role("button", name=view, exact=True).click()
        page.locator(".side").get_by_role("heading", name=view, exact=True).wait_for()
        assert violations(page) == [], view
    for panel in ("Problems", "References", "Output"):
        page.locator(".panel-tabs").get_by_role("button", name=panel).click()
        expect(page.get_by_role("region", name=panel).or_(page.get_by_role("log", name=panel)).first).to_be_visible()
        assert violations(page) == [], panel
    page.get_by_role("treeitem", name="src").click(button="right")
    page.get_by_role("menu").wait_for()
    assert violations(page) == [], "menu"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Go to anything").click()
    page.locator(".palette").get_by_role("option").first.wait_for()
    assert violations(page) == [], "palette"
    picture(page, f"shell-{colours}")


def test_pages_of_lists_hold_wcag(page, server):
    sign_in(page, server)
    assert violations(page) == []
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("menuitem", name="Settings").click()
    page.get_by_label("Find a setting").fill("wrap")
    expect(page.get_by_label("Wrap long lines")).to_be_visible()
    assert violations(page) == []


def test_a_long_name_keeps_to_its_place(page, server):
    """Of a workspace, as its address has it: without a space to break at."""
    name = "https://example.com/" + "x" * 180
    server.ask("POST", "/workspace", {"name": name})
    sign_in(page, server)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        words, beside = page.get_by_text(name, exact=True), page.get_by_role("link", name=f"Pull requests of {name}")
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
        assert words.evaluate("(words) => words.scrollWidth <= words.clientWidth"), width
        ours, theirs = words.bounding_box(), beside.bounding_box()
        assert ours and theirs
        assert ours["x"] + ours["width"] <= theirs["x"] or ours["y"] + ours["height"] <= theirs["y"], width


@pytest.mark.parametrize(("width", "height"), [(320, 640), (3840, 2160)])
def test_it_works_on_a_phone_and_on_a_wall(opened, width, height):
    page = opened
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)
    if width == 320:
        for name, seen in (("Files", ".tree"), ("Editor", ".cm-editor"), ("Panel", ".low"), ("Search", ".searching")):
            page.locator(".rail").get_by_role("button", name=name, exact=True).click()
            expect(page.locator(seen).first).to_be_visible()
            box = page.locator(seen).first.bounding_box()
            assert box and box["x"] >= 0 and box["x"] + min(box["width"], width) <= width + 1, name
            picture(page, f"shell-320-{name}")
        assert violations(page) == []
    else:
        expect(page.locator(".cm-content")).to_be_visible()
        expect(page.locator(".tree")).to_be_visible()
        picture(page, "shell-4k")


def test_a_folder_of_many_files_draws_only_what_is_in_sight(page, server):
    yard = Yard(server, "many")
    (yard.root / "many").mkdir()
    for number in range(3000):
        (yard.root / "many" / f"f{number}.txt").touch()
    yard.open(page)
    page.get_by_role("treeitem", name="many").click()
    expect(page.get_by_role("treeitem", name="f0.txt")).to_be_visible()
    assert page.get_by_role("treeitem").count() < 120
    page.get_by_role("tree", name="Files").press("End")
    expect(page.get_by_role("treeitem", name="f2999.txt")).to_be_visible()


def test_a_large_clone_tells_how_far_it_is_where_its_session_will_be(page, server):
    yard = Yard(server, "large")
    session = server.ask("GET", f"/sessions/{yard.session}")
    mock = Mock(page)
    mock.answers["POST /workspace"] = server.ask("GET", f"/workspace/{session['workspace_id']}")
    mock.answers[f"GET /sessions/{yard.session}"] = session | {"status": "starting"}
    sign_in(page, server)
    page.get_by_role("button", name="New workspace").click()
    page.get_by_label("Git URL").fill("https://example.com/large.git")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_text("The session is starting; this page follows.").first).to_be_visible()
    mock.session = yard.session
    mock.tell("session.progress", step="Receiving objects", percent=40)
    expect(page.get_by_text("Receiving objects, 40 %; this page follows.").first).to_be_visible()
    picture(page, "shell-cloning")
    mock.answers.clear()
    mock.tell("session.ready")
    expect(page.get_by_role("tab", name="Terminal 1")).to_be_visible()
