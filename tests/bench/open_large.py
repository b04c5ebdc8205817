"""A file of 10 MB opened, scrolled through and typed into, and a tree of 100,000 files in 100 folders scrolled through, in
Chromium: the longest frame of each, in milliseconds. What the page is to hold is its own bound, so there is no peer."""

from playwright.sync_api import Page, sync_playwright

from tests.bench.harness import finish, say
from tests.page import chromium
from tests.page.conftest import FLAGS
from tests.page.yard import Yard
from tests.server import Server

BOUND = 100.0
WATCH = """() => { window.longest = 0; let last = performance.now(); const step = (now) => {
  window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(step); };
  requestAnimationFrame((now) => { last = now; requestAnimationFrame(step); }); }"""


def longest(page: Page, what: str, act: object) -> float:
    page.wait_for_timeout(400)
    page.evaluate("window.longest = 0")
    act()  # type: ignore[operator]
    page.wait_for_timeout(300)
    found = float(page.evaluate("window.longest"))
    say(f"{what}: {found:.0f} ms")
    return found


def wheel(page: Page, selector: str, times: int) -> None:
    page.locator(selector).first.hover()
    for _ in range(times):
        page.mouse.wheel(0, 1600)
        page.wait_for_timeout(16)


def main() -> None:
    with Server() as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.found(), args=FLAGS)
        yard = Yard(server, "large")
        yard.write("big.txt", "".join(f"line {n} of a long file, as a log might have it\n" for n in range(200_000)))
        for folder in range(100):
            (yard.root / f"d{folder}").mkdir()
            for number in range(1000):
                (yard.root / f"d{folder}" / f"f{number}").touch()
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(60_000)
        yard.open(page)
        page.evaluate(WATCH)
        text = ".cm-scroller"

        def open_file() -> None:
            page.get_by_role("tree", name="Files").press("End")  # below all folders; only what is in sight is drawn
            page.get_by_role("treeitem", name="big.txt").click()
            page.locator(".cm-line", has_text="line 0 of").wait_for()

        def type_there() -> None:
            page.locator(".cm-content").press("Control+End")
            page.keyboard.type("typed at the end of it all", delay=20)

        def unfold() -> None:
            tree = page.get_by_role("tree", name="Files")
            tree.press("Home")
            for _ in range(12):
                tree.press("ArrowRight")
                page.wait_for_timeout(60)
                tree.press("ArrowDown")

        frames = {
            "open_ms": longest(page, "open 10 MB", open_file),
            "scroll_ms": longest(page, "scroll it", lambda: wheel(page, text, 100)),
            "type_ms": longest(page, "type into it", type_there),
            "unfold_ms": longest(page, "unfold folders of 1,000", unfold),
            "tree_ms": longest(page, "scroll the tree", lambda: wheel(page, ".tree", 60)),
        }
        browser.close()
    rounded = {key: round(value) for key, value in frames.items()}
    share = {key.removesuffix("_ms"): value / BOUND for key, value in frames.items()}
    finish("open-large", rounded, {"what": "a frame of 100 ms"}, share, dict.fromkeys(share, ("<=", 1.0)))


if __name__ == "__main__":
    main()
