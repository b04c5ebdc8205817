"""Every language that the session's image has a server for, in the editor: what each finds, proposes or leads to."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.bench.stacks import Stacks
from tests.page.test_editor import code, completes, jump, line, quick_open
from tests.page.yard import Yard, picture

pytestmark = [pytest.mark.browser, pytest.mark.docker]

PATIENCE = 90_000  # servers start with the container

# language of the server → a file, its text, and what its server finds in it
FINDS = {
    "typescript": (
        "a.ts",
        'const total: number = "x";\n"word".trim();\n',
        "Type 'string' is not assignable to type 'number'",
    ),
    "json": ("b.json", '{"a": 1,}\n', "Trailing comma"),
    "yaml": ("c.yaml", "a: [1\nb: 2\n", "Flow sequence in block collection"),
    "css": ("e.css", "a {\n  colr: red;\n}\n", "Unknown property: 'colr'"),
    "dockerfile": ("Dockerfile", "FORM debian\n", "Unknown instruction: FORM"),
}
COMPOSE = "services:\n  web:\n    image: nginx:1\n    privileged: true\n"


@pytest.fixture(scope="module")
def server():
    with Stacks() as running:
        yield running


def served(page: Page, language: str) -> None:
    expect(page.locator(".status").get_by_role("button", name=language, exact=True)).to_be_visible(timeout=PATIENCE)


def leads_to(page: Page, name: str, text: str) -> None:
    """Go to definition opens that file of a library at that line, to be read and not changed."""
    tab = page.get_by_role("tab", name=name)
    jump(page, tab.is_visible)
    expect(page.get_by_text("A library’s file, only read here.")).to_be_visible()
    expect(line(page, text)).to_be_visible()
    expect(code(page)).to_be_focused()
    page.keyboard.type("nothing")
    expect(line(page, text)).to_be_visible()
    expect(tab.get_by_title("not saved")).to_have_count(0)


def test_each_server_of_the_image_serves_the_page(page, server):
    yard = Yard(server, "languages")
    for name, text, _ in FINDS.values():
        yard.write(name, text)
    yard.write("compose.yaml", COMPOSE)
    yard.write("d.html", "<!doctype html>\n<main>\n\n</main>\n")
    yard.write("f.sh", "greeting=hello\necho $greeting\n")
    yard.write("g.py", "len('x')\n")
    yard.open(page)
    page.keyboard.press("Control+Shift+M")
    problems = page.get_by_role("region", name="Problems")
    for language, (name, _, found) in FINDS.items():
        quick_open(page, name, name)
        served(page, language)
        expect(problems.get_by_text(found).first).to_be_visible(timeout=PATIENCE)
    quick_open(page, "compose.yaml", "compose.yaml")
    expect(problems.get_by_text("`privileged` is not allowed").first).to_be_visible(timeout=PATIENCE)
    picture(page, "languages-problems")
    line(page, "privileged").click()
    page.keyboard.press("Control+.")
    page.get_by_role("menuitem", name="Remove privileged").click()
    expect(problems.get_by_text("`privileged` is not allowed")).to_have_count(0)

    for name, language, at, typed, proposed in (
        ("d.html", "html", "<main>", "\n<sect", "section"),
        ("f.sh", "shell", "echo", "\necho $gree", "greeting"),
    ):
        quick_open(page, name, name)
        served(page, language)
        line(page, at).click()
        page.keyboard.press("End")
        page.keyboard.type(typed, delay=30)
        completes(page, re.compile(proposed))
        page.keyboard.press("Escape")

    for name, language, at, library, text in (
        ("g.py", "python", "len(", "builtins.pyi", "def len("),
        ("a.ts", "typescript", ".trim(", "lib.es5.d.ts", "trim(): string;"),
    ):
        quick_open(page, name, name)
        served(page, language)
        row = line(page, at)
        row.click()
        page.keyboard.press("Home")
        for _ in range(row.inner_text().index(at) + 1):
            page.keyboard.press("ArrowRight")
        leads_to(page, library, text)
        if language == "python":  # its servers know the library's file, too: from `len` on to the type of its parameter
            expect(page.locator(".status")).to_contain_text("read only · Python")
            for _ in range(len(" (obj: S")):
                page.keyboard.press("ArrowRight")
            leads_to(page, "typing.py", "Sized = ")
    picture(page, "languages-library")
