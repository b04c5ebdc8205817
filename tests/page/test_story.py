"""The first page, driven in a real browser against a real server: the story that a newcomer goes through."""

import re
import shutil
import subprocess

import pytest
from playwright.sync_api import expect

from tests.page.steps import create, run_in_terminal, sign_in, terminal_text
from tests.page.yard import picture
from tests.server import OWNER, Server, wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def upstream(tmp_path):
    def run(*words):
        subprocess.run(
            ["git", "-C", str(tmp_path), "-c", "user.name=U", "-c", "user.email=u@example.com", *words], check=True
        )

    run("init", "-q", "-b", "main")
    (tmp_path / "hello.py").write_text("print('hello')\n")
    run("add", "-A")
    run("commit", "-qm", "Say hello")
    return f"file://{tmp_path}"


def test_the_one_time_link_creates_the_first_account_and_says_afterwards_that_it_did(browser):
    fresh = Server(new=True)
    token = fresh.start()
    try:
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{fresh.url}/setup?token={token}")
        for label, value in (
            ("Name", "Ada"),
            ("E-mail", "a@example.com"),
            ("Password", "long enough"),
            ("Organisation", "Acme"),
        ):
            page.get_by_label(label).fill(value)
        page.get_by_role("button", name="Create account").click()
        expect(page.get_by_text("Nothing here yet")).to_be_visible()
        context.close()
        page = browser.new_page()
        page.goto(f"{fresh.url}/setup?token={token}")
        expect(page.get_by_text("That link is used up")).to_be_visible()
        expect(page.get_by_label("Password")).to_have_count(0)
        page.get_by_role("link", name="Sign in").click()
        expect(page.get_by_label("Password")).to_be_visible()
        page.close()
    finally:
        fresh.down()
        shutil.rmtree(fresh.data, ignore_errors=True)


def test_a_wrong_password_is_told(page, server):
    page.goto(server.url)
    page.get_by_label("E-mail").fill(OWNER["email"])
    page.get_by_label("Password").fill("not the one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("E-mail address or password is wrong.")


def test_from_a_git_url_to_a_commit_and_back_to_the_same_shell(page, server, upstream, tolerated):
    sign_in(page, server)
    create(page, "story", upstream)
    page.get_by_role("treeitem", name="hello.py").click()
    page.locator(".cm-line", has_text="hello").click()
    page.keyboard.press("End")
    page.keyboard.type("  # edited")
    expect(page.get_by_title("not saved")).to_be_visible()
    page.keyboard.press("Control+s")
    expect(page.get_by_title("not saved")).to_be_hidden()
    run_in_terminal(page, "python3 hello.py; marker=here; echo $$", "hello")
    run_in_terminal(page, "git diff --stat", "hello.py | 2 +-")
    page.get_by_role("button", name="Changes", exact=True).click()
    page.get_by_role("treeitem", name="hello.py, changed").click()
    expect(page.locator(".diff-line .plus mark").first).to_contain_text("# edited")
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_label("Commit message")).to_have_value(re.compile("hello.py"))
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_text("Nothing has changed since the last commit.")).to_be_visible()
    page.get_by_role("button", name="History", exact=True).click()
    expect(page.get_by_role("listbox", name="Commits").get_by_role("option")).to_have_count(2)

    page.reload()
    expect(page.get_by_role("tab", name="Terminal 1")).to_be_visible()
    expect(page.locator(".panes:not([hidden]) .xterm-rows")).to_contain_text("git diff --stat")
    run_in_terminal(page, "echo still $marker", "still here")

    tolerated += [
        "WebSocket connection to",
        "ERR_CONNECTION_REFUSED",
        "ERR_CONNECTION_RESET",
        "ERR_SOCKET_NOT_CONNECTED",
    ]
    server.kill()  # the server dies and comes back; the shell is the same, and the page finds it by itself
    server.start()

    def answers() -> bool:  # what is typed before it is there again is not meant for later, and dropped
        page.locator(".panes:not([hidden]) .xterm-screen").click()
        page.keyboard.type("echo again $marker\n")
        page.wait_for_timeout(500)
        return "again here" in terminal_text(page)

    wait_until(answers)


def test_somebody_elses_save_is_not_overwritten_unseen(page, server):
    sign_in(page, server)
    create(page, "conflict")
    session = page.url.rsplit("/", 1)[1]
    server.ask("POST", f"/workspace/{session}/filesystem", {"op": "write", "path": "a.txt", "content": "base\n"})
    page.get_by_role("treeitem", name="a.txt").click()
    page.locator(".cm-line", has_text="base").click()
    page.keyboard.type("mine ")
    server.ask("POST", f"/workspace/{session}/filesystem", {"op": "write", "path": "a.txt", "content": "theirs\n"})
    page.keyboard.press("Control+s")
    expect(page.get_by_role("alert")).to_contain_text("Somebody changed this file")
    page.get_by_role("button", name="Load theirs").click()
    expect(page.locator(".cm-line", has_text="theirs")).to_be_visible()


def test_files_are_made_renamed_and_deleted_with_a_way_back(page, server):
    sign_in(page, server)
    create(page, "files")
    page.get_by_role("button", name="New file").click()
    page.get_by_role("textbox", name="Name").fill("one.txt")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("treeitem", name="one.txt").hover()
    page.get_by_role("button", name="Rename one.txt").click()
    page.get_by_role("textbox", name="Name").fill("two.txt")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("treeitem", name="two.txt")).to_be_visible()
    page.get_by_role("treeitem", name="two.txt").hover()
    page.get_by_role("button", name="Delete two.txt").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("treeitem", name="two.txt")).to_have_count(0)
    page.get_by_role("button", name="History", exact=True).click()
    page.get_by_role("button", name="Snapshots", exact=True).click()
    page.get_by_role("button", name="Restore Before a deletion").first.click()
    page.get_by_role("button", name="Files").click()
    expect(page.get_by_role("treeitem", name="two.txt")).to_be_visible()


def test_a_session_starts_from_another_as_it_stands(page, server):
    sign_in(page, server)
    create(page, "forks")
    session = page.url.rsplit("/", 1)[1]
    server.ask("POST", f"/workspace/{session}/filesystem", {"op": "write", "path": "draft.txt", "content": "x\n"})
    page.get_by_role("button", name="New session from this").click()
    page.get_by_role("textbox", name="Name").fill("try it")
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_title(re.compile("try it"))
    expect(page.get_by_role("treeitem", name="draft.txt")).to_be_visible()
    expect(page.locator(".status").get_by_text("try-it")).to_be_visible()


def test_a_workspace_is_duplicated_as_it_stands(page, server):
    sign_in(page, server)
    create(page, "original")
    session = page.url.rsplit("/", 1)[1]
    server.ask("POST", f"/workspace/{session}/filesystem", {"op": "write", "path": "draft.txt", "content": "x\n"})
    page.get_by_role("link", name="Codeyard").click()
    page.get_by_role("button", name="Duplicate original").click()
    picture(page, "duplicate")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("original copy")
    page.get_by_role("checkbox", name="With secrets").check()
    with page.expect_request(lambda request: request.url.endswith("/duplicate")) as asked:
        page.get_by_role("textbox", name="Name").press("Enter")
    assert asked.value.post_data_json == {"name": "original copy", "with_secrets": True}
    page.get_by_role("link", name="original copy", exact=True).click()
    expect(page.get_by_role("treeitem", name="draft.txt")).to_be_visible()


def test_secrets_are_offered_for_a_copy_to_whom_the_server_gives_them(server, page, joined):
    made = server.ask("POST", "/workspace", {"name": "guarded"})
    person, cookie = joined("Grace")
    server.ask("PUT", f"/workspace/{made['id']}/access/people/{person}", {"access": "viewer"})
    name, _, value = cookie.partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": server.url}])
    with page.expect_response(lambda answer: answer.url.endswith(f"/{made['id']}/access/mine")):
        page.goto(server.url)
        page.get_by_role("button", name="Duplicate guarded").click()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("guarded copy")
    expect(page.get_by_role("checkbox", name="With secrets")).to_have_count(0)


def test_a_workspace_is_deleted_by_its_name_and_restored(page, server):
    sign_in(page, server)
    create(page, "doomed")
    page.get_by_role("link", name="Codeyard").click()
    page.get_by_role("button", name="Delete doomed").click()
    button = page.get_by_role("button", name="Delete", exact=True).last
    expect(button).to_be_disabled()
    page.get_by_label("Type doomed to confirm").fill("doomed")
    button.click()
    expect(page.get_by_role("link", name="doomed", exact=True)).to_have_count(0)
    page.get_by_text("Bin (").click()
    page.get_by_role("button", name="Restore").first.click()
    expect(page.get_by_role("link", name="doomed", exact=True)).to_be_visible()


def test_the_api_can_be_browsed_without_anything_from_outside(page, server):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/api/docs")
    page.get_by_role("button", name="Expand operation").first.wait_for()
    page.get_by_role("link", name="files", exact=True).click()
    expect(page.get_by_text("/api/v1/workspace/{session_id}/filesystem")).to_be_visible()
    assert [url for url in asked if not url.startswith((server.url, "data:"))] == []
