"""What a person does on the page, as tests do it."""

from playwright.sync_api import Page, expect

from tests.server import OWNER, Server


def sign_in(page: Page, server: Server) -> None:
    page.goto(server.url)
    page.get_by_label("E-mail").fill(OWNER["email"])
    page.get_by_label("Password").fill(OWNER["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()


def create(page: Page, name: str, url: str = "") -> None:
    page.get_by_role("button", name="New workspace").click()
    if url:
        page.get_by_label("Git URL").fill(url)
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.get_by_role("tab", name="Terminal 1")).to_be_visible()


def command(page: Page, letters: str, title: str) -> None:
    """Runs what the palette offers first for these letters."""
    page.keyboard.press("Control+Shift+p")
    page.get_by_role("combobox", name="Commands").fill(f">{letters}")
    expect(page.locator(".palette").get_by_role("option").first).to_contain_text(title)
    page.keyboard.press("Enter")


def terminal_text(page: Page) -> str:
    return page.locator(".panes:not([hidden]) .xterm-rows").inner_text()


def run_in_terminal(page: Page, command: str, expected: str) -> None:
    page.locator(".panes:not([hidden]) .xterm-screen").click()
    page.keyboard.type(command + "\n")
    expect(page.locator(".panes:not([hidden]) .xterm-rows")).to_contain_text(expected)
