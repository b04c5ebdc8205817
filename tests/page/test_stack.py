"""The three-service template on a real engine, from the click to a fork that runs beside it with its own data."""

import re

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.bench.stacks import Stacks
from tests.page.steps import sign_in
from tests.page.test_running import row
from tests.page.yard import picture

pytestmark = [pytest.mark.browser, pytest.mark.docker]


@pytest.fixture(scope="module")
def server():
    with Stacks("node", "python", "postgres") as running:
        yield running


def previewed(page: Page) -> FrameLocator:
    """The service `page`, once it and what it depends on are up, in the pane at the right."""
    for name in ("db", "api", "page"):
        expect(row(page, name).locator(".mark")).to_have_text(re.compile("^(healthy|running)$"), timeout=300_000)
    row(page, "page").locator(".open").focus()
    page.keyboard.press("p")
    return page.frame_locator("iframe")


def note(frame: FrameLocator, text: str) -> None:
    frame.get_by_placeholder("Something to remember").fill(text)
    frame.get_by_role("button", name="Add").click()
    expect(frame.get_by_text(text)).to_be_visible()


def test_from_a_click_to_a_fork_with_its_own_data(page, server):
    sign_in(page, server)
    page.get_by_role("region", name="Templates").get_by_role("button", name="Full stack").click()
    page.get_by_role("button", name="Create and run").click()
    page.wait_for_url("**/s/*")
    main = page.url.rpartition("/s/")[2].partition("?")[0]
    frame = previewed(page)
    note(frame, "Kept in the database")

    # edited live: the page follows the file without anybody reloading it
    there = f"/workspace/{main}/filesystem"
    html = server.ask("POST", there, {"op": "read", "path": "page/index.html"})["content"]
    server.write(main, "page/index.html", html.replace("<h1>Notes</h1>", "<h1>Notes of main</h1>"))
    expect(frame.get_by_role("heading", name="Notes of main")).to_be_visible()
    expect(frame.get_by_text("Kept in the database")).to_be_visible()

    page.get_by_role("banner").get_by_role("button", name="New session").click()
    page.get_by_label("Name", exact=True).fill("idea")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_url(lambda url: main not in url)
    fork = page.url.rpartition("/s/")[2].partition("?")[0]
    page.get_by_role("button", name="Services", exact=True).click()
    page.get_by_role("button", name="Copy data…").click()
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_text("Copied: ")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name="Run all").click()
    frame = previewed(page)
    expect(frame.get_by_role("heading", name="Notes of main")).to_be_visible()
    expect(frame.get_by_text("Kept in the database")).to_be_visible()
    note(frame, "Only in the fork")
    server.write(fork, "page/index.html", html.replace("<h1>Notes</h1>", "<h1>Notes of the fork</h1>"))
    expect(frame.get_by_role("heading", name="Notes of the fork")).to_be_visible()
    expect(frame.get_by_text("Only in the fork")).to_be_visible()
    picture(page, "stack")

    page.goto(f"{server.url}/s/{main}?view=services")
    frame = previewed(page)
    expect(frame.get_by_role("heading", name="Notes of main")).to_be_visible()
    expect(frame.get_by_text("Kept in the database")).to_be_visible()
    expect(frame.get_by_text("Only in the fork")).to_have_count(0)
