"""A session's page in Chromium with an empty cache: bytes over the wire until one can type into a file, and how long that takes.

Against code-server 4.139.1: 3.8 s until its workbench stood on the machine of these figures, and what its npm package holds
of the page's own files (workbench.js, workbench.css, nls.messages.js): 22.1 MB, 5.4 MB by gzip -9, without extensions and
workers."""

import time
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.bench.harness import finish, median, say
from tests.page import chromium
from tests.page.conftest import FLAGS
from tests.page.yard import Yard
from tests.server import Server

ROUNDS = 5
THEIR_BYTES, THEIR_SECONDS = 5_398_781, 3.8


def visit(browser: Browser, server: Server, yard: Yard) -> tuple[float, float, int]:
    """Seconds until the files are shown, until the text of one can be edited, and bytes received by then."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    name, _, value = server.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": server.url}])
    page = context.new_page()
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    received = [0]

    def count(event: dict[str, Any]) -> None:
        received[0] += int(event["encodedDataLength"])

    wire.on("Network.loadingFinished", count)
    began = time.perf_counter()
    page.goto(f"{server.url}/s/{yard.session}", wait_until="commit")
    page.get_by_role("treeitem", name="app.py").wait_for()
    stands = time.perf_counter() - began
    page.get_by_role("treeitem", name="app.py").click()
    page.locator(".cm-line", has_text="greet").first.wait_for()
    page.locator(".xterm-rows").wait_for()
    typing = time.perf_counter() - began
    page.wait_for_load_state("networkidle")
    context.close()
    return stands, typing, received[0]


def main() -> None:
    with Server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.found(), args=FLAGS)
        yard = Yard(server, "weight")
        yard.write("app.py", "def greet() -> str:\n    return 'hello'\n")
        visit(browser, server, yard)  # the server packs its files once
        visits = []
        for number in range(ROUNDS):
            visits.append(visit(browser, server, yard))
            say(f"visit {number + 1}: {visits[-1][0]:.2f} s, {visits[-1][1]:.2f} s, {visits[-1][2]:,} bytes")
        browser.close()
    stands, typing, size = (median([one[n] for one in visits]) for n in range(3))
    finish(
        "page-weight",
        {"bytes": int(size), "stands_s": round(stands, 2), "typing_s": round(typing, 2)},
        {"what": "code-server 4.139.1: its page's own files by gzip, its workbench as measured once", "bytes": THEIR_BYTES,
         "stands_s": THEIR_SECONDS},
        {"bytes": size / THEIR_BYTES, "time": stands / THEIR_SECONDS},
        {"bytes": ("<=", 0.25), "time": ("<=", 0.5)},
    )  # fmt: skip


if __name__ == "__main__":
    main()
