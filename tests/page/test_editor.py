"""The editor with real language servers on a package from PyPI; drafts, conflicts, search, files as what they are."""

import base64
import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.lsp_bridge.editor import FAKE
from tests.page.axe import violations
from tests.page.steps import command, sign_in
from tests.page.yard import Yard, picture
from tests.server import OWNER, wait_until

pytestmark = pytest.mark.browser

PICTURE = Path(__file__).resolve().parents[2] / "frontend/screenshot.png"
HOSTILE = """\
# Hello

- [ ] to do
- [x] done

<script>document.title = "owned"</script><img src="x" onerror="document.title = 'owned'">
<a href="javascript:document.title='owned'">click</a> <form action="https://example.com"><input></form>
![logo](logo.png) ![spy](https://example.com/spy.png) [code](app.py)
"""


def code(page: Page, path: str = ""):
    """The text of the editor in front."""
    named = f'.cm-content[aria-label="{path}"]' if path else ".cm-content"
    return page.locator(f".tab-body:not([hidden]) {named}").first


def line(page: Page, text: str):
    return page.locator(".tab-body:not([hidden]) .cm-line", has_text=text).first


def quick_open(page: Page, letters: str, name: str) -> None:
    page.keyboard.press("Control+p")
    page.get_by_role("combobox", name="Files").fill(letters)
    expect(page.locator(".palette").get_by_role("option").first).to_contain_text(name)
    page.keyboard.press("Enter")


def test_among_a_hundred_thousand_files_enter_opens_the_first_hit_when_the_answer_comes(page, server, tolerated):
    yard = Yard(server, "huge")
    for folder in range(100):
        (yard.root / f"d{folder}").mkdir()
        for number in range(1000):
            (yard.root / f"d{folder}" / f"f{number}.txt").touch()
    yard.open(page)
    options = page.locator(".palette").get_by_role("option")
    quick_open(page, "f55", "f55.txt")  # of those that one answer holds, the nearest
    expect(page.get_by_role("tab", name="f55.txt")).to_be_visible()
    page.keyboard.press("Control+p")
    page.get_by_role("combobox", name="Files").fill("f9")
    page.get_by_role("listbox", name="Files").press("ArrowUp")
    expect(options.last).to_contain_text("More files than the 5,000 nearest to the top fit: type on")

    held: list[Route] = []
    with page.expect_request(lambda request: "d99f999" in (request.post_data or "")):
        page.route("**/file-tree", lambda route: held.append(route))
        page.get_by_role("combobox", name="Files").fill("d99 f999")
        page.keyboard.press("Enter")
    expect(page.locator(".palette").get_by_role("progressbar", name="Looking")).to_be_attached()
    picture(page, "editor-huge")
    wait_until(lambda: page.evaluate("1") and held)
    held[0].continue_()
    expect(page.get_by_role("tab", name="f999.txt")).to_have_attribute("title", re.compile("d99/f999.txt"))
    expect(code(page, "d99/f999.txt")).to_be_focused()

    page.unroute("**/file-tree")
    tolerated += ["status of 503"]
    refusal = {"error": {"code": "busy", "message": "It is busy: try again."}}
    page.route("**/file-tree", lambda route: route.fulfill(status=503, json=refusal))
    page.keyboard.press("Control+p")
    page.get_by_role("combobox", name="Files").fill("d98 f998")
    expect(page.locator(".palette").get_by_role("alert")).to_have_text("It is busy: try again.")
    expect(page.get_by_text("Nothing fits.")).to_have_count(0)
    page.unroute("**/file-tree")
    page.get_by_role("combobox", name="Files").fill("d98 f997")
    expect(options.first).to_contain_text("f997.txt")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="f997.txt")).to_be_visible()


def served(page: Page) -> None:
    """The servers of the open file are up."""
    expect(page.locator(".status").get_by_role("button", name="python", exact=True)).to_be_visible(timeout=60_000)


def completes(page: Page, name: str | re.Pattern[str]) -> None:
    """What was typed is completed to that; asked for once more where a server that has just begun proposes nothing."""
    option = page.get_by_role("option", name=name).first

    def proposed() -> bool:
        if not option.is_visible():
            page.keyboard.press("Control+Space")
            page.wait_for_timeout(500)
        return option.is_visible()

    wait_until(proposed, 90)


def jump(page: Page, there: Callable[[], bool]) -> None:
    """Goes to the definition; once more where a server that still reads leads nowhere. Never twice at once: the later answer
    would come in the midst of what is done next."""
    nowhere = page.locator(".note", has_text=re.compile("Nothing was found|The language server|Go to"))

    def jumped() -> bool:
        page.keyboard.press("F12")
        wait_until(lambda: there() or nowhere.count())
        if not there():
            nowhere.first.get_by_role("button", name="Dismiss").click()
        return there()

    wait_until(jumped, 90)


def test_one_completes_jumps_renames_fixes_commits_and_restores_while_another_edits_beside(
    page, browser, server, package
):
    """The story of the workbench on httpx, from a completion to a restored snapshot: the second browser shares the servers that
    the first one warmed."""
    yard = Yard(server, "story", package)
    yard.write("httpx/greeting.py", "import os\n\n\ndef greet(name: str) -> str:\n    return 'hello ' + name\n")
    yard.write("httpx/caller.py", "from .greeting import greet\n\nprint(greet('x'))\n")
    yard.open(page)
    page.locator(".tree").wait_for()

    page.locator(".xterm-screen").click()
    quick_open(page, "greeting", "greeting.py")
    expect(code(page)).to_be_focused()  # not the terminal any more
    served(page)
    expect(page.locator(".status").get_by_role("button", name=re.compile("[1-9] warnings"))).to_be_visible(
        timeout=60_000
    )

    line(page, "return 'hello '").click()
    page.keyboard.press("End")
    page.keyboard.type(" + name.upp", delay=30)
    completes(page, "upper")
    picture(page, "editor-completes")
    page.wait_for_timeout(150)  # a key that comes with the list (75 ms) is not taken for a choice of it
    page.keyboard.press("Enter")
    page.keyboard.type("()")
    expect(line(page, "name.upper()")).to_be_visible()
    page.keyboard.press("Control+s")
    wait_until(lambda: "name.upper()" in yard.read("httpx/greeting.py"))
    expect(page.get_by_title("not saved")).to_have_count(0)

    expect(line(page, "import os").locator(".cm-lintRange").first).to_be_visible()
    line(page, "import os").click()
    page.keyboard.press("Control+.")
    page.get_by_role("menuitem", name=re.compile("Remove unused import")).click()
    expect(line(page, "import os")).to_have_count(0)
    wait_until(lambda: "import os" not in yard.read("httpx/greeting.py"))
    expect(page.get_by_title("not saved")).to_have_count(0)
    picture(page, "editor-fixes")

    quick_open(page, "caller", "caller.py")
    served(page)
    greeting = page.get_by_role("tab", name="greeting.py")

    line(page, "print(greet").click(position={"x": 60, "y": 8})
    jump(page, lambda: greeting.get_attribute("aria-selected") == "true")
    expect(page.locator(".status")).to_contain_text("5 selected")

    second = browser.new_context(viewport={"width": 1280, "height": 800})
    other = second.new_page()
    yard.open(other)
    quick_open(other, "httpx/_models.py", "_models.py")
    served(other)
    line(other, "import").click()
    other.keyboard.press("End")
    other.keyboard.type("  # seen by another")
    other.keyboard.press("Control+s")
    wait_until(lambda: "seen by another" in yard.read("httpx/_models.py"))
    listed = server.ask("GET", f"/workspace/{yard.session}/language-servers")["items"]
    python = next(one for one in listed if one["language"] == "python")
    assert {one["viewers"] for one in python["servers"]} == {2}

    page.keyboard.press("F2")
    page.get_by_role("textbox", name="New name").fill("welcome")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_text("Renamed greet to welcome: 2 files.")).to_be_visible()
    picture(page, "editor-renames")
    assert "def welcome(" in yard.read("httpx/greeting.py")
    assert yard.read("httpx/caller.py") == "from .greeting import welcome\n\nprint(welcome('x'))\n"

    page.keyboard.press("Shift+F12")
    expect(page.get_by_text("references to welcome")).to_be_visible()
    expect(page.get_by_role("region", name="httpx/caller.py").get_by_role("button")).to_have_count(2)
    page.get_by_role("button", name="Outline").click()
    expect(page.locator(".side").get_by_text("welcome")).to_be_visible()
    page.get_by_role("button", name="Undo").click()  # what touched several files comes back as a whole
    expect(line(page, "def greet(")).to_be_visible()
    wait_until(lambda: "import greet" in yard.read("httpx/caller.py"))
    second.close()

    models = yard.read("httpx/_models.py")
    yard.write("httpx/_models.py", models + "\n\nLEFT_OUT = 1\n")
    page.keyboard.press("Control+Shift+G")
    page.get_by_role("tree", name="Changed files").get_by_role("treeitem", name="httpx/_models.py, changed").click()
    boxes = page.get_by_role("checkbox", name="Commit this change")
    expect(boxes).to_have_count(2)
    boxes.last.uncheck()
    page.get_by_label("Commit message").fill("Greet, and say who was here")
    picture(page, "editor-commits")
    page.get_by_role("button", name="Commit what is chosen").click()
    expect(page.locator(".note", has_text="Committed")).to_be_visible()
    assert yard.git("show", "HEAD:httpx/_models.py") == models
    assert yard.git("show", "HEAD:httpx/caller.py") == yard.read("httpx/caller.py")

    page.get_by_role("button", name="History", exact=True).click()
    page.get_by_role("button", name="Snapshots", exact=True).click()
    page.get_by_role("button", name="Take a snapshot…").click()
    page.get_by_label("Label").fill("before the mess")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator(".note", has_text="Took a snapshot")).to_be_visible()
    yard.write("httpx/caller.py", "mess\n")
    page.get_by_role("list", name="Snapshots").get_by_role("button", name="before the mess").first.click()
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator(".note", has_text="Restored before the mess.")).to_be_visible()
    picture(page, "editor-restores")
    assert "import greet" in yard.read("httpx/caller.py") and "LEFT_OUT" in yard.read("httpx/_models.py")


def test_a_librarys_file_is_where_one_was_after_a_reload(page, server):
    yard = Yard(server, "library")
    yard.write("a.py", "len('x')\n")
    yard.write("long.txt", "".join(f"line {n}\n" for n in range(1000)))
    yard.open(page)
    quick_open(page, "a.py", "a.py")
    served(page)
    line(page, "len(").click(position={"x": 10, "y": 8})
    tab = page.get_by_role("tab", name="builtins.pyi")
    jump(page, tab.is_visible)
    expect(line(page, "def len(")).to_be_visible()
    expect(code(page)).to_be_focused()
    page.keyboard.press("Control+End")
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    place = page.locator(".status").get_by_text(re.compile("Ln [0-9]+, Col"))
    wait_until(lambda: int(re.findall("[0-9]+", place.inner_text())[0]) > 1000)
    before = place.inner_text()
    page.reload()
    expect(place).to_have_text(before)
    expect(page.locator(".tab-body:not([hidden]) .cm-activeLine").first).to_be_in_viewport()

    # And where one looked, without the cursor; in a tab that is not in front, too.
    quick_open(page, "long.txt", "long.txt")
    expect(line(page, "line 0")).to_be_visible()

    def scrolled() -> int:
        found: int = page.evaluate("document.querySelector('.tab-body:not([hidden]) .cm-scroller')?.scrollTop ?? -1")
        return found

    for name, by in (("long.txt", 4000), ("builtins.pyi", -4000)):
        page.get_by_role("tab", name=name).click()
        page.locator(".tab-body:not([hidden]) .cm-scroller").hover()
        before = scrolled()
        page.mouse.wheel(0, by)
        wait_until(lambda before=before: abs(scrolled() - before) > 3900)
    seen = scrolled()
    for _ in range(2):
        page.reload()
        expect(line(page, "class")).to_be_visible()
        wait_until(lambda: abs(scrolled() - seen) < 40)
    page.get_by_role("tab", name="long.txt").click()
    wait_until(lambda: abs(scrolled() - 4000) < 40)
    expect(page.locator(".status")).to_contain_text("Ln 1, Col 1")


def test_a_language_server_that_is_killed_or_hangs_is_named_and_the_editor_goes_on(page, server):
    yard = Yard(server, "sick")
    yard.write("a.py", "import os\n\n\ndef greet(name: str) -> str:\n    return name\n")
    yard.open(page)
    quick_open(page, "a.py", "a.py")
    served(page)
    warnings = page.locator(".status").get_by_role("button", name=re.compile("[1-9] warnings"))
    expect(warnings).to_be_visible(timeout=60_000)

    def pids() -> set[int]:
        """Of the session's servers for Python."""
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().split(b"\0")
                if b"server" in words[1:] and (process / "cwd").readlink() == yard.root.resolve():
                    found.add(int(process.name))
        return found

    before = wait_until(lambda: len(now := pids()) == 2 and now)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    line(page, "return name").click()
    page.keyboard.press("End")
    page.keyboard.type(".upp", delay=30)  # typed on while they come back
    wait_until(lambda: len(new := pids()) == len(before) and not new & before)
    served(page)
    completes(page, "upper")
    picture(page, "editor-again")
    page.keyboard.press("Escape")

    for pid in (stopped := pids()):
        os.kill(pid, signal.SIGSTOP)
    try:
        page.keyboard.type("er()  # still typing", delay=10)
        expect(line(page, "still typing")).to_be_visible()
        page.keyboard.press("Control+s")
        wait_until(lambda: "still typing" in yard.read("a.py"))  # waits for no formatter that hangs
        expect(page.locator(".status").get_by_role("button", name=re.compile("not answering"))).to_be_visible(
            timeout=60_000
        )
        picture(page, "editor-sick")
    finally:
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


FLOODS = f"""#!{sys.executable}
import itertools, json, sys, threading
def send(**message):
    body = json.dumps({{"jsonrpc": "2.0", **message}}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
    sys.stdout.buffer.flush()
def flood(uri):
    at = {{"start": {{"line": 0, "character": 0}}, "end": {{"line": 0, "character": 7}}}}
    for number in itertools.count():
        problem = {{"range": at, "message": f"problem {{number}}", "source": "flood"}}
        send(method="textDocument/publishDiagnostics", params={{"uri": uri, "diagnostics": [problem] * 20}})
        send(method="window/showMessage", params={{"type": 3, "message": f"message {{number}} " + "x" * 1000}})
        send(method="window/logMessage", params={{"type": 3, "message": "y" * 1000}})
        send(method="$/progress", params={{"token": 1, "value": {{"kind": "report", "message": str(number)}}}})
while True:
    length = 0
    while (line := sys.stdin.buffer.readline()) != b"\\r\\n":
        if not line:
            sys.exit()
        if line.lower().startswith(b"content-length"):
            length = int(line.split(b":")[1])
    message = json.loads(sys.stdin.buffer.read(length))
    if message.get("method") == "initialize":
        send(id=message["id"], result={{"capabilities": {{"textDocumentSync": 1}}}})
    elif message.get("method") == "textDocument/didOpen":
        uri = message["params"]["textDocument"]["uri"]
        threading.Thread(target=flood, args=(uri,), daemon=True).start()
"""


def test_a_language_server_that_floods_leaves_the_editor_usable(page, server):
    yard = Yard(server, "flooded")
    program = server.data / ".local/bin/gopls"  # where people install for themselves
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(FLOODS)
    program.chmod(0o755)
    yard.write("main.go", "package main\n")
    yard.open(page)
    quick_open(page, "main.go", "main.go")
    problems = page.locator(".status").get_by_role("button", name=re.compile("[1-9][0-9]* errors"))
    expect(problems).to_be_visible(timeout=60_000)
    line(page, "package main").click()
    page.keyboard.press("End")
    page.keyboard.type("  // typed under a flood", delay=10)
    page.keyboard.press("Control+s")
    wait_until(lambda: "typed under a flood" in yard.read("main.go"))

    def told() -> bool:
        listed = server.ask("GET", f"/workspace/{yard.session}/language-servers")["items"]
        [one] = next(row for row in listed if row["language"] == "go")["servers"]
        return one["dropped"] > 1000 and one["viewers"] == 1

    wait_until(told)
    page.keyboard.press("Control+Shift+M")
    expect(page.get_by_role("region", name="main.go").get_by_text(re.compile("problem [0-9]+")).first).to_be_visible()
    picture(page, "editor-flooded")
    server.ask("POST", f"/workspace/{yard.session}/language-servers/go/restart")  # it ends with all that it says
    program.unlink()


def test_a_language_server_that_is_missing_is_installed_in_a_terminal_and_started_by_a_click(page, server):
    yard = Yard(server, "missing")
    yard.write("a.sql", "select 1;\n")
    yard.open(page)
    quick_open(page, "a.sql", "a.sql")
    page.locator(".status").get_by_role("button", name="sql: none").click()
    page.get_by_role("menuitem", name="Install postgres in a terminal").click()
    expect(page.locator(".xterm-rows").first).to_contain_text("npm install --global")
    program = server.data / ".local/bin/postgres-language-server"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {FAKE} fake\n")
    program.chmod(0o755)
    picture(page, "editor-install")
    page.get_by_role("button", name="Start it").click()
    expect(page.locator(".status").get_by_role("button", name="sql", exact=True)).to_be_visible()
    server.ask("POST", f"/workspace/{yard.session}/language-servers/sql/restart")
    program.unlink()


def kept_as_draft(page: Page, text: str) -> None:
    # Playwright's own waiting takes a promise for a yes.
    look = """async (text) => { const open = indexedDB.open("codeyard"); await new Promise((go) => { open.onsuccess = go; });
        const all = open.result.transaction("drafts").objectStore("drafts").getAll();
        await new Promise((go) => { all.onsuccess = go; }); open.result.close();
        return all.result.some((draft) => draft.content.startsWith(text)); }"""
    wait_until(lambda: page.evaluate(look, text))


def test_what_was_typed_survives_the_page_and_the_server(page, server, tolerated):
    yard = Yard(server, "drafts")
    yard.write("a.py", "base = 1\n")
    yard.open(page)
    page.get_by_role("treeitem", name="a.py").dblclick()
    line(page, "base").click()
    page.keyboard.press("End")
    page.keyboard.type("  # typed")
    expect(page.get_by_title("not saved")).to_be_visible()
    kept_as_draft(page, "base = 1  # typed")
    tolerated += [
        "WebSocket connection to",
        "ERR_CONNECTION_REFUSED",
        "ERR_CONNECTION_RESET",
        "ERR_SOCKET_NOT_CONNECTED",
    ]
    server.kill()
    expect(page.locator(".status .bad")).to_contain_text("away")
    page.keyboard.type(" on")
    expect(line(page, "typed on")).to_be_visible()
    server.start()
    page.reload()
    expect(page.get_by_text("These changes were not saved when the page was left")).to_be_visible()
    expect(line(page, "base = 1  # typed")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).click()
    wait_until(lambda: yard.read("a.py").startswith("base = 1  # typed"))
    expect(page.get_by_title("not saved")).to_have_count(0)


def test_what_was_typed_goes_where_its_file_is_moved_and_not_on_when_it_is_deleted(page, server, tolerated):
    tolerated += ["status of 404"]  # of a file that is looked at in the moment in which it goes
    yard = Yard(server, "moves")
    yard.write("dir/a.txt", "base\n")
    yard.open(page)
    quick_open(page, "a.txt", "a.txt")
    line(page, "base").click()
    page.keyboard.press("End")
    page.keyboard.type(" typed")
    kept_as_draft(page, "base typed")
    page.get_by_role("treeitem", name="dir").click(button="right")
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("moved")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="a.txt")).to_have_attribute("title", "moved/a.txt")
    expect(line(page, "base typed")).to_be_visible()
    expect(page.get_by_title("not saved")).to_have_count(1)
    page.reload()
    expect(line(page, "base typed")).to_be_visible()
    expect(page.get_by_role("tab", name="a.txt")).to_have_count(1)
    code(page).click()
    page.keyboard.press("Control+s")
    wait_until(lambda: yard.read("moved/a.txt") == "base typed\n")
    assert not (yard.root / "dir").exists()

    page.keyboard.press("Control+End")
    page.keyboard.type("for nothing")
    kept_as_draft(page, "base typed\nfor nothing")
    command(page, "delete the file", "Delete the file")
    expect(page.get_by_role("dialog")).to_contain_text("What was typed there and not saved is lost.")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("tab", name="a.txt")).to_have_count(0)
    page.reload()
    expect(page.get_by_role("treeitem", name="moved")).to_be_visible()
    expect(page.get_by_role("tab", name="a.txt")).to_have_count(0)


def test_who_is_signed_out_elsewhere_is_told_and_finds_what_was_typed_and_where_and_so_is_whose_session_goes(
    page, server, tolerated
):
    tolerated += ["WebSocket connection to", "status of 404"]
    yard = Yard(server, "left")
    yard.write("a.txt", "base\n" + "line\n" * 300)
    sign_in(page, server)
    page.goto(f"{server.url}/s/{yard.session}")
    page.get_by_role("treeitem", name="a.txt").dblclick()
    line(page, "base").click()
    page.keyboard.press("End")
    page.keyboard.type(" typed")
    kept_as_draft(page, "base typed")
    page.keyboard.press("Control+End")
    expect(page.locator(".status")).to_contain_text("Ln 302")
    token = page.request.get(f"{server.url}/api/v1/auth/me").json()["csrf_token"]
    page.request.post(f"{server.url}/api/v1/auth/logout", headers={"X-CSRF-Token": token})
    page.get_by_label("E-mail").fill(OWNER["email"])
    page.get_by_label("Password").fill(OWNER["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".status")).to_contain_text("Ln 302")
    code(page).press("Control+Home")
    expect(line(page, "base typed")).to_be_visible()
    page.reload()
    expect(line(page, "base typed")).to_be_visible()

    fork = yard.fork("doomed")
    page.goto(f"{server.url}/s/{fork.session}")
    expect(page.get_by_role("treeitem", name="a.txt")).to_be_visible()
    server.ask("DELETE", f"/sessions/{fork.session}")
    expect(page.get_by_text("There is no such session: it was deleted, or you may not see it.")).to_be_visible()


def test_a_part_that_cannot_be_loaded_reloads_the_page_once_and_loses_nothing(page, server, tolerated):
    """As after an upgrade, when the server has no longer what this page would load."""
    yard = Yard(server, "upgraded")
    yard.write("a.txt", "base\n")
    yard.open(page)
    page.get_by_role("treeitem", name="a.txt").dblclick()
    line(page, "base").click()
    tolerated += ["ERR_FAILED", "Failed to fetch dynamically imported module"]
    missing = "**/assets/OutlineView-*.js"
    page.route(missing, lambda route: route.abort())
    page.keyboard.press("End")
    page.keyboard.type(" and more")
    with page.expect_navigation():
        page.get_by_role("button", name="Outline").click()
    expect(page.get_by_text("These changes were not saved when the page was left")).to_be_visible()
    expect(line(page, "base and more")).to_be_visible()
    side = page.locator(".side")
    expect(side.get_by_role("alert")).to_contain_text("cannot be shown")  # missing still: not again, and the rest stays
    line(page, "base and more").click()
    page.keyboard.press("End")
    page.keyboard.type(" still")
    picture(page, "editor-part-missing")
    page.unroute(missing)
    page.once("dialog", lambda dialog: dialog.accept())  # for what was typed this very moment
    side.get_by_role("button", name="Load the page again").click()
    expect(side.get_by_text("Open a file to see its names").or_(side.get_by_text("No server knows"))).to_be_visible()


def test_a_conflict_shows_both_sides_and_loses_neither(page, server):
    yard = Yard(server, "conflict")
    yard.write("a.txt", "one\ntwo\n")
    yard.open(page)
    page.get_by_role("treeitem", name="a.txt").dblclick()
    line(page, "two").click()
    page.keyboard.type("mine ")
    yard.write("a.txt", "one\ntwo\ntheirs\n")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert")).to_contain_text("Theirs is at the left, yours at the right.")
    expect(page.get_by_label("a.txt, theirs")).to_contain_text("theirs")
    expect(page.get_by_label("a.txt, yours")).to_contain_text("mine")
    picture(page, "editor-conflict")
    page.get_by_role("button", name="Take theirs here").last.click()
    page.get_by_role("button", name="Save mine").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    wait_until(lambda: yard.read("a.txt") == "one\ntwo\ntheirs\n")


@contextlib.contextmanager
def written_to(yard: Yard):
    """Its files are written without end, as by a program that is being developed and logs."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(0.02):
            yard.write("log", "x")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def test_search_shows_what_it_will_replace_and_takes_it_back(page, server):
    yard = Yard(server, "search")
    for name in ("a.py", "b.py", "c.md"):
        yard.write(name, "old_name = 1\nprint(old_name)\n")
    (yard.root / "latin.py").write_bytes(latin := "old_name = 'é'\n".encode("latin-1"))
    yard.open(page)
    page.get_by_role("button", name="Search", exact=True).click()
    with written_to(yard):
        page.get_by_label("Search in all files").fill("old_name")
        page.get_by_role("button", name="Replace", exact=True).click()
        page.get_by_label("Replace with").fill("new_name")
        page.get_by_label("Files to include").fill("*.py")
        expect(page.get_by_text("5 lines in 3 files")).to_be_visible()
    expect(page.locator(".match ins").first).to_have_text("new_name")
    page.get_by_role("region", name="b.py").hover()
    page.get_by_role("button", name="Leave b.py as it is").click()
    picture(page, "editor-replaces")
    page.get_by_role("button", name="Replace all").click()
    expect(page.get_by_text("Replaced 2 times in 1 file.")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("latin.py: it is not UTF-8 and stays as it is.")
    assert (yard.root / "latin.py").read_bytes() == latin
    assert yard.read("a.py") == "new_name = 1\nprint(new_name)\n"
    assert "new_name" not in yard.read("b.py") + yard.read("c.md")
    page.get_by_role("button", name="Undo").click()
    wait_until(lambda: "old_name" in yard.read("a.py"))
    expect(page.get_by_role("region", name="a.py").locator("del").first).to_have_text("old_name")


def test_files_are_shown_as_what_they_are_and_nothing_of_them_runs(page, server):
    """Attack rows of rendered content: Markdown from a repository holds scripts, handlers, forms and addresses that run."""
    yard = Yard(server, "kinds")
    (yard.root / "logo.png").write_bytes(PICTURE.read_bytes())
    yard.write("page.md", HOSTILE)
    yard.write("app.py", "print(1)\n")
    yard.write("rows.csv", "name,note\n" + "".join(f'n{n},"a, b"\n' for n in range(3000)))
    yard.write(
        "evil.svg", '<svg xmlns="http://www.w3.org/2000/svg" onload="parent.document.title=1"><script>1</script></svg>'
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yard.open(page)
    page.get_by_role("treeitem", name="logo.png").click()
    expect(page.get_by_role("img", name="logo.png")).to_be_visible()
    page.get_by_role("treeitem", name="evil.svg").click()
    expect(page.get_by_role("img", name="evil.svg")).to_be_attached()
    page.get_by_role("treeitem", name="rows.csv").click()
    expect(page.get_by_text("3,000 rows, 2 columns")).to_be_visible()
    assert page.locator(".sheet tbody tr").count() < 200  # only what is in sight
    quick_open(page, "logo.png", "logo.png")
    expect(page.get_by_role("tabpanel", name="logo.png")).to_be_focused()
    quick_open(page, "rows.csv", "rows.csv")
    expect(page.get_by_role("region", name="rows.csv")).to_be_focused()  # it is scrolled by keys
    quick_open(page, "rows.csv:7", "rows.csv")  # a line of it is one of its text
    expect(page.locator(".status")).to_contain_text("Ln 7")
    page.get_by_role("treeitem", name="page.md").click()
    expect(code(page, "page.md")).to_be_visible()
    page.keyboard.press("Control+Shift+v")
    article = page.locator(".markdown")
    expect(article.get_by_role("img", name="logo")).to_have_attribute("src", re.compile("^blob:"))
    expect(article).to_be_focused()
    expect(article.get_by_role("listitem")).to_have_text(["☐ to do", "☑ done"])
    assert violations(page) == []
    assert article.locator("script, form, input, [onerror], a[href^=javascript]").count() == 0
    picture(page, "editor-markdown")
    article.get_by_role("link", name="code").click()
    expect(page.get_by_role("tab", name="app.py")).to_be_visible()
    assert "owned" not in page.title()
    assert [url for url in asked if "example.com" in url] == []


def test_two_editors_of_one_file_are_in_step_and_tabs_go_where_they_are_put(page, server):
    yard = Yard(server, "splits")
    yard.write("a.txt", "text\n")
    yard.write("b.txt", "other\n")
    yard.open(page)
    page.get_by_role("treeitem", name="a.txt").dblclick()
    line(page, "text").click()
    page.keyboard.press("Control+\\")
    editors = page.locator('.cm-content[aria-label="a.txt"]')
    expect(editors).to_have_count(2)
    expect(editors.nth(1)).to_be_focused()
    page.keyboard.press("Control+End")
    page.keyboard.type("typed once")
    expect(editors.nth(0)).to_contain_text("typed once")
    expect(editors.nth(1)).to_contain_text("typed once")
    page.keyboard.press("Control+1")
    page.get_by_role("treeitem", name="b.txt").dblclick()
    page.keyboard.press("Alt+w")
    page.keyboard.press("Alt+w")  # the other group still shows it: nothing is asked
    expect(editors).to_have_count(1)
    page.keyboard.press("Alt+w")
    page.get_by_role("button", name="Don’t save").click()
    expect(editors).to_have_count(0)
    assert yard.read("a.txt") == "text\n"


def test_bytes_that_are_no_text_are_left_alone(page, server):
    yard = Yard(server, "bytes")
    (yard.root / "data.bin").write_bytes(base64.b64decode("AAECAwQF/w=="))
    yard.write("windows.txt", "one\r\ntwo\r\n")
    for name in ("model.bin", "large.png"):
        yard.write(name, "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345678\n")
    yard.open(page)
    page.get_by_role("treeitem", name="data.bin").click()
    expect(page.get_by_text("This file is not text")).to_be_visible()
    for name in ("large.png", "model.bin"):
        page.get_by_role("treeitem", name=name).click()
        expect(page.get_by_text("A pointer to a file of 12 MB in Git LFS")).to_be_visible()
    picture(page, "editor-pointer")
    page.get_by_role("treeitem", name="windows.txt").dblclick()
    expect(page.locator(".status")).to_contain_text("CRLF")
    line(page, "two").click()
    page.keyboard.press("Home")
    page.keyboard.type("2 ")
    page.keyboard.press("Control+s")
    wait_until(lambda: (yard.root / "windows.txt").read_bytes() == b"one\r\n2 two\r\n")


def test_who_may_only_look_is_told_so_and_types_into_nothing(page, joined, server, tolerated):
    tolerated.append("/ws/lsp")  # without an engine its servers are for whoever installed this one
    yard = Yard(server, "Looked at")
    yard.write("app.py", "one = 1\n")
    _, cookie = joined("Vic", "viewer")
    name, _, value = cookie.partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": server.url}])
    page.goto(f"{server.url}/s/{yard.session}")
    page.get_by_role("treeitem", name="app.py").dblclick()
    expect(code(page)).to_contain_text("one = 1")
    expect(page.get_by_role("banner")).to_contain_text("Read only")
    expect(code(page)).to_have_attribute("aria-readonly", "true")
    code(page).click()
    page.keyboard.type("two = 2")
    expect(code(page)).to_have_text("one = 1")
    for name in ("New file", "New session from this", "New terminal"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.keyboard.press("Control+`")
    expect(page.get_by_text("Your role here opens no terminals.")).to_be_visible()
    assert violations(page) == []
    picture(page, "editor-looking")
