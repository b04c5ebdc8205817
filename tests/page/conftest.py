"""A real server and a real browser for tests of the page; whatever the browser complains of fails the test."""

import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.page.yard import git
from tests.server import Server

FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip
EXPECTED = re.compile(r"status of (401|412)")
"""What Chromium itself logs of answers that the page handles: nobody is signed in yet, somebody else saved first."""


expect.set_options(timeout=30_000)  # as every action has: a machine that is busy is no fault


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=Path(__file__).with_name("chromium.py"), args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def tolerated():
    """What the browser may complain of in this test besides."""
    return []


@pytest.fixture
def new_page(browser, tolerated):
    """Pages, each of a fresh browser; whatever one complains of – a policy violated, an error thrown – fails the test."""
    contexts, complaints = [], []

    def make() -> Page:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 800}))
        made = contexts[-1].new_page()
        made.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        made.on("pageerror", lambda error: complaints.append(str(error)))
        made.set_default_timeout(30_000)
        return made

    yield make
    for context in contexts:
        context.close()
    left = [text for text in complaints if not EXPECTED.search(text)]
    assert [text for text in left if not any(word in text for word in tolerated)] == []


@pytest.fixture
def page(new_page, server):
    """One such page."""
    return new_page()


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> str:
    """The source of a package from PyPI (httpx, which the tests have) as a repository of one commit."""
    found = find_spec("httpx")
    assert found is not None and found.origin is not None
    at = tmp_path_factory.mktemp("httpx")
    shutil.copytree(Path(found.origin).parent, at / "httpx", ignore=shutil.ignore_patterns("__pycache__"))
    git(at, "init", "-q", "-b", "main")
    git(at, "add", "-A")
    git(at, "commit", "-qm", "As published")
    at.chmod(0o755)
    return f"file://{at}"


@pytest.fixture(scope="module")
def joined(server):
    """Who joined the organisation as a member: id and cookie."""
    known: dict[str, tuple[str, str]] = {}

    def join(name: str, role: str = "member") -> tuple[str, str]:
        if name not in known:
            email = f"{name.lower()}@example.com"
            at = f"/organizations/{server.organization_id}/invitations"
            code = server.ask("POST", at, {"email": email, "role": role})["invitation"]
            body = {"email": email, "password": "long enough to be one", "name": name, "invitation": code}
            status, me, headers = server.request("POST", "/auth/register", body, signed_in=False)
            assert status == 201, me
            known[name] = (me["user"]["id"], headers["set-cookie"].split(";")[0])
        return known[name]

    return join
