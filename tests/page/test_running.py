"""Services that really run, as processes of a server without an engine, seen and driven from the page."""

import socket

import pytest
from playwright.sync_api import Page, expect

from tests.page.steps import create, sign_in
from tests.server import OWNER

pytestmark = pytest.mark.browser

TICKER = """\
import sys, time
for n in range(100000):
    print(f"\\x1b[32mtick\\x1b[0m {n}", flush=True)
    print(f"grumble {n}", file=sys.stderr, flush=True)
    time.sleep(0.2)
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def session(page: Page, server, port) -> str:
    """A session whose compose.yaml declares a web server and a program that chatters, its services in sight."""
    sign_in(page, server)
    create(page, "runs")
    session = page.url.rsplit("/", 1)[1]
    compose = f"""\
services:
  web:
    ports: [{port}]
    logging: {{driver: json-file}}
    x-codeyard:
      start: python3 -m http.server {port} --bind 127.0.0.1 --directory site
  ticker:
    x-codeyard:
      start: python3 ticker.py
"""
    for path, content in (
        ("compose.yaml", compose), ("ticker.py", TICKER),
        ("site/index.html", "<link rel=icon href=data:,><h1>Hello from the service</h1>")
    ):  # fmt: skip
        server.ask("POST", f"/workspace/{session}/filesystem", {"op": "write", "path": path, "content": content})
    page.get_by_role("button", name="Services").click()
    expect(page.get_by_role("button", name="web stopped")).to_be_visible()
    yield session
    server.ask("POST", f"/workspace/{session}/runtimes/stop-all")


def row(page: Page, name: str):
    return page.get_by_role("list", name="Services").get_by_role("listitem").filter(
        has=page.get_by_text(name, exact=True)
    )  # fmt: skip


def test_a_stack_runs_is_watched_previewed_and_stopped(page, session, new_page):
    expect(page.get_by_text("No Docker: only what needs no image runs.")).to_be_visible()
    page.get_by_text("Ignored in compose.yaml").click()
    expect(page.get_by_role("button", name="Open compose.yaml at line")).to_be_visible()
    page.get_by_role("button", name="Run all").click()
    expect(row(page, "web").locator(".mark")).to_have_text("running")
    expect(row(page, "ticker").locator(".mark")).to_have_text("running")

    row(page, "ticker").locator(".open").click()
    log = page.get_by_role("log")
    expect(log.locator(".a-2").first).to_have_text("tick")
    page.get_by_label("Stream").select_option("stderr")
    expect(log).not_to_contain_text("tick")
    expect(log).to_contain_text("grumble 12")  # a line that is written while one looks
    page.get_by_label("Search the log").fill("GRUMBLE 3")
    expect(log.locator("mark").first).to_have_text("grumble 3")
    expect(page.get_by_role("img", name="CPU").first).to_be_visible()

    row(page, "web").locator(".open").focus()
    page.keyboard.press("p")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Hello from the service")).to_be_visible()
    colleague = new_page()  # who follows the link signs in and is there
    colleague.goto(str(page.get_by_role("link", name="Open in a tab").get_attribute("href")))
    colleague.get_by_label("E-mail").fill(OWNER["email"])
    colleague.get_by_label("Password").fill(OWNER["password"])
    colleague.get_by_role("button", name="Sign in").click()
    expect(colleague.get_by_role("heading", name="Hello from the service")).to_be_visible()

    row(page, "web").locator(".open").focus()
    page.keyboard.press("s")
    expect(row(page, "web").locator(".mark")).to_have_text("stopped")
    expect(page.get_by_role("button", name="Run it")).to_be_visible()
    page.get_by_role("button", name="Stop all").click()
    expect(row(page, "ticker").locator(".mark")).to_have_text("stopped")


def test_a_change_is_written_to_the_file_and_undone(page, session):
    page.get_by_role("button", name="Change ticker").click()
    page.get_by_role("button", name="+ Variable").click()
    page.get_by_label("Name", exact=True).fill("TOKEN")
    page.get_by_label("secret").check()
    page.get_by_label("Value of TOKEN").fill("hush-hush")
    page.get_by_label("CPUs").fill("0.5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Changed ticker in compose.yaml.")).to_be_visible()
    page.get_by_role("button", name="compose.yaml", exact=True).click()
    text = page.locator(".cm-content")
    expect(text).to_contain_text("0.5")
    expect(text).to_contain_text("TOKEN")
    expect(text).not_to_contain_text("hush-hush")
    page.get_by_role("button", name="Undo").click()
    expect(text).not_to_contain_text("0.5")


def test_what_a_new_service_is_is_chosen_by_arrows(page, session):
    page.get_by_role("button", name="Add a service").press("Enter")
    expect(page.get_by_role("radio", name="A database")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="A folder of this session")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Empty")).to_be_focused()
    page.get_by_label("Start command").fill("python3 ticker.py")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="service stopped")).to_be_visible()


def test_a_service_is_given_more_room_by_its_edge_and_the_whole_page_by_a_button(page, session):
    row(page, "web").locator(".open").click()
    dock, editors = page.locator(".dock"), page.get_by_role("main")
    before = dock.bounding_box()["width"]
    edge = page.get_by_role("separator", name="Dock’s edge")
    box = edge.bounding_box()
    page.mouse.move(box["x"], box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] - 60, box["y"] + 100)
    page.mouse.up()
    assert dock.bounding_box()["width"] == pytest.approx(before + 60, abs=2)
    edge.press("ArrowRight")
    assert dock.bounding_box()["width"] == pytest.approx(before + 44, abs=2)
    page.get_by_role("button", name="Fill the page", exact=True).click()
    expect(editors).to_be_hidden()
    expect(edge).to_be_hidden()
    page.get_by_role("button", name="Fill the page", exact=True).click()
    expect(editors).to_be_visible()
    page.get_by_role("button", name="Fill the page with the panel").click()
    expect(page.get_by_role("separator", name="Panel’s edge")).to_be_hidden()
    assert page.locator(".low").bounding_box()["height"] == pytest.approx(editors.bounding_box()["height"], abs=2)


def test_who_may_only_look_is_offered_nothing_else(page, session, server, joined, new_page, tolerated):
    tolerated.append("/ws/terminal")  # without an engine a terminal is the owner's alone to watch
    page.get_by_role("button", name="Run web").click()
    expect(row(page, "web").locator(".mark")).to_have_text("running")
    _, cookie = joined("Vic", "viewer")
    looking = new_page()
    name, _, value = cookie.partition("=")
    looking.context.add_cookies([{"name": name, "value": value, "url": server.url}])
    looking.goto(f"{server.url}/s/{session}?view=services")
    web = row(looking, "web").locator(".open")
    web.click()
    expect(looking.get_by_role("log")).to_be_visible()
    verbs = ["Run all", "Stop all", "Add a service", "Run web", "Stop web", "Restart web", "Change web"]
    for verb in (*verbs, "Stop", "Restart", "+ Terminal", "Variables"):
        expect(looking.get_by_role("button", name=verb, exact=True)).to_have_count(0)
    for letter in "sxre":
        web.press(letter)
    expect(looking.get_by_role("dialog")).to_have_count(0)
    expect(row(looking, "web").locator(".mark")).to_have_text("running")
    expect(looking.get_by_role("alert")).to_have_count(0)


def test_where_there_is_room_for_one_thing_a_service_gives_way_to_what_is_chosen(page, session):
    row(page, "web").locator(".open").click()
    page.get_by_role("button", name="Fill the page", exact=True).click()
    page.set_viewport_size({"width": 390, "height": 800})
    dock, editors = page.locator(".dock"), page.get_by_role("main")
    expect(dock).to_be_visible()
    page.get_by_role("button", name="Services", exact=True).click()
    expect(dock).to_be_hidden()
    expect(row(page, "ticker")).to_be_visible()
    page.get_by_role("button", name="Editor", exact=True).click()
    expect(editors).to_be_visible()
    expect(dock).to_be_hidden()
