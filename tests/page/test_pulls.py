"""Pull requests on the page: two people with a browser each go from a session's commits to a reviewed and merged change."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.axe import violations
from tests.page.yard import Yard, picture

pytestmark = pytest.mark.browser

LINES = [f"line {n}" for n in range(1, 41)]
WORK = [*LINES[:9], "ten", "ten and a half", "eleven", *LINES[11:29], "thirty", *LINES[30:39], "line forty"]


class Someone:
    """A person with a browser, signed in."""

    def __init__(self, server, page: Page, cookie: str) -> None:
        self.server, self.page = server, page
        name, _, value = cookie.partition("=")
        page.context.add_cookies([{"name": name, "value": value, "url": server.url}])

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.server.url}{path}")
        return self.page

    def part(self, name: str) -> None:
        self.page.get_by_role("navigation", name="Parts of the pull request").get_by_role(
            "button", name=re.compile(name)
        ).click()


@pytest.fixture
def ada(server, new_page):
    return Someone(server, new_page(), server.cookie)


@pytest.fixture
def grace(server, new_page, joined):
    return Someone(server, new_page(), joined("Grace")[1])


@pytest.fixture
def viewer(server, new_page, joined):
    return Someone(server, new_page(), joined("Vera", "viewer")[1])


def text_of(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def workspace_of(yard: Yard) -> str:
    found: str = yard.server.ask("GET", f"/sessions/{yard.session}")["workspace_id"]
    return found


def open_pull(head: Yard, **more: Any) -> str:
    """Opens one by the API; where it lies on the page."""
    workspace = workspace_of(head)
    body = {"head_session_id": head.session, "title": "Count better"} | more
    made = head.server.ask("POST", f"/workspace/{workspace}/pull-requests", body)
    return f"/w/{workspace}/pulls/{made['number']}"


def line(page: Page, text: str) -> Locator:
    return page.locator(".diff-view .diff-line").filter(has_text=text)


def is_accessible(page: Page, name: str) -> None:
    """In both themes; and a picture of each, of a narrow and of a wide one."""
    for theme in ("light", "dark"):
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        assert violations(page) == [], (name, theme)
        picture(page, f"pulls-{name}-{theme}")
    for width in (320, 1900):
        page.set_viewport_size({"width": width, "height": 800})
        picture(page, f"pulls-{name}-{width}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
    page.set_viewport_size({"width": 1280, "height": 800})


def test_two_people_review_settle_a_conflict_and_merge(server, ada, grace, joined):
    base = Yard(server, "reviewed")
    base.write("count.txt", text_of(LINES))
    base.write("old name.txt", text_of(LINES))
    base.commit("Lines")
    head = base.fork("count better")
    head.write("count.txt", text_of(WORK))
    (head.root / "old name.txt").rename(head.root / "new name.txt")
    head.commit("Count by words")
    workspace = workspace_of(base)
    team = server.ask("POST", f"/organizations/{server.organization_id}/teams", {"name": "Readers"})["id"]
    server.ask("PUT", f"/organizations/{server.organization_id}/teams/{team}/members/{joined('Grace')[0]}")

    # Ada opens it from her session's workbench and asks a team.
    hers = ada.go(f"/s/{head.session}")
    hers.get_by_role("button", name="Pull requests", exact=True).click()
    hers.get_by_role("button", name="Open a pull request").click()
    dialog = hers.get_by_role("dialog", name="Open a pull request")
    expect(dialog.get_by_label("What this session has committed")).to_have_value(head.session)
    dialog.get_by_label("Title").fill("Count better")
    dialog.get_by_label("Description", exact=True).fill("By **words**, see <img src=x onerror=alert(1)>")
    dialog.get_by_label("Team Readers").check()
    dialog.get_by_label("Labels").fill("numbers")
    is_accessible(hers, "open")
    dialog.get_by_role("button", name="Open", exact=True).click()
    expect(hers.get_by_role("heading", name="Count better #1")).to_be_visible()
    expect(hers.locator(".event strong", has_text="words")).to_be_visible()
    is_accessible(hers, "tab")

    # Grace finds that it waits for her, and comments on three lines.
    page = grace.go(f"/w/{workspace}/pulls")
    page.get_by_role("button", name="For you 1").click()
    is_accessible(page, "list")
    page.get_by_role("button", name="Count better").click()
    grace.part("Files")
    expect(page.get_by_role("heading", name="new name.txt")).to_be_visible()
    expect(page.get_by_text("Renamed from old name.txt").first).to_be_visible()
    expect(line(page, "line forty").locator("mark").last).to_have_text("forty")
    for number, act in ((10, "down"), (12, "up")):
        button = page.get_by_role("button", name=f"Comment on line {number}", exact=True).first
        button.scroll_into_view_if_needed()
        button.hover()
        getattr(page.mouse, act)()
    expect(page.get_by_label("From line")).to_have_value("10")
    expect(page.get_by_label("to line")).to_have_value("12")
    page.get_by_label("Comment", exact=True).fill("Why by words?")
    page.get_by_role("button", name="Comment now").click()
    expect(page.get_by_role("article", name="Comments on count.txt, lines 10 to 12")).to_be_visible()
    thread = hers.get_by_role("article", name="Comments on count.txt, lines 10 to 12")
    expect(thread).to_contain_text("Why by words?")

    # By keys she suggests another word, in a review that is sent as a whole.
    view = page.get_by_role("region", name="Changes of pull request 1")
    view.focus()
    page.keyboard.press("n")
    page.keyboard.press("n")
    page.keyboard.press("c")
    expect(page.get_by_label("From line")).to_have_value("31")
    page.get_by_role("button", name="Suggest a change").click()
    box = page.get_by_label("Comment", exact=True)
    expect(box).to_have_value("```suggestion\nthirty\n```\n")
    box.fill("Rather so:\n```suggestion\nthree tens\n```\n")
    page.get_by_role("button", name="Start a review").click()
    expect(page.get_by_text("1 comment not sent yet")).to_be_visible()
    page.reload()
    page.get_by_label("Viewed", exact=True).first.check()
    expect(page.get_by_text("1 of 2 files viewed")).to_be_visible()
    is_accessible(page, "files")
    page.get_by_role("button", name="Review…").click()
    page.get_by_label("Summary", exact=True).fill("One word only.")
    is_accessible(page, "review")
    page.get_by_role("button", name="Send the review").click()

    # Ada answers, looks elsewhere in between, and applies what was suggested.
    thread.get_by_role("button", name="Reply…").click()
    thread.get_by_label("Reply").fill("They read better.")
    hers.get_by_label("Comment on the whole").fill("On second thoughts")
    ada.part("Commits")
    ada.part("Conversation")
    expect(hers.get_by_label("Comment on the whole")).to_have_value("On second thoughts")
    hers.get_by_label("Comment on the whole").fill("")
    thread.get_by_role("button", name="Reply…").click()
    expect(thread.get_by_label("Reply")).to_have_value("They read better.")
    hers.keyboard.press("Control+Enter")
    suggestion = hers.get_by_role("article", name="Comments on count.txt, line 31")
    expect(suggestion.locator(".minus")).to_contain_text("thirty")
    expect(suggestion.locator(".plus")).to_contain_text("three tens")
    picture(hers, "pulls-suggestion")
    suggestion.get_by_role("button", name="Apply").click()
    expect(hers.locator(".thread.resolved")).to_have_count(1)
    assert head.read("count.txt") == text_of(WORK).replace("thirty\n", "three tens\n")
    grace.part("Conversation")
    expect(page.get_by_text("They read better.")).to_be_visible()

    # An approval is wanted; meanwhile the base changes the same lines.
    hers.get_by_role("button", name="Rules…").click()
    hers.get_by_label("Approvals").fill("1")
    hers.get_by_role("button", name="Save").click()
    box = hers.get_by_role("region", name="Merging")
    expect(box).to_contain_text("It has 0 of the 1 approval that")
    expect(box.get_by_role("button", name="Merge", exact=True)).to_be_disabled()
    base.write("count.txt", text_of(LINES).replace("line 10\n", "10!\n").replace("line 31\n", "31!\n"))
    base.commit("Count by figures")
    expect(box).to_contain_text("Both sides changed the same lines of 1 file: count.txt.")
    picture(hers, "pulls-blocked")
    theirs = page.get_by_role("region", name="Merging")
    expect(theirs).to_contain_text("Both sides")
    box.get_by_role("button", name="Settle the conflicts").click()
    first, second = (hers.get_by_role("group", name=f"Conflict {n}") for n in (1, 2))
    first.get_by_role("button", name="Take both").click()
    second.get_by_role("button", name="Take theirs").click()
    is_accessible(hers, "conflicts")
    hers.get_by_role("button", name="Edit", exact=True).click()
    result = hers.get_by_label("The result of count.txt")
    expect(result).to_have_value(re.compile("ten\nten and a half\neleven\n10!\n"))
    result.fill(result.input_value().replace("10!\n", ""))
    hers.get_by_role("button", name="Commit the resolution").click()
    expect(box).not_to_contain_text("Both sides")

    # Grace approves, Ada merges, and both see it; the base's session has it.
    expect(theirs).not_to_contain_text("Both sides")  # reviews are of what one saw
    page.get_by_role("button", name="Review…").click()
    page.get_by_label("Approve").check()
    page.get_by_role("button", name="Send the review").click()
    expect(box).to_contain_text("Approved by Grace.")
    box.get_by_label("How").select_option("squash")
    box.get_by_role("button", name="Squash and merge").click()
    expect(page.get_by_role("region", name="Merging")).to_contain_text("It was squashed into main by Ada.")
    is_accessible(page, "merged")
    assert "ten\nten and a half\neleven\n" in base.read("count.txt") and "10!" not in base.read("count.txt")
    assert (base.root / "new name.txt").exists() and not (base.root / "old name.txt").exists()


def test_of_a_picture_that_both_sides_changed_one_is_taken(server, ada):
    base = Yard(server, "pictured")
    (base.root / "logo.png").write_bytes(b"\0was")
    base.commit("A logo")
    head = base.fork("redrawn")
    for side, word in ((head, b"\0ours"), (base, b"\0theirs")):
        (side.root / "logo.png").write_bytes(word)
        side.commit("Another logo")
    page = ada.go(f"{open_pull(head)}/conflicts")
    file = page.get_by_role("region", name="logo.png")
    expect(file).to_contain_text("To settle")
    file.get_by_role("button", name="Take all of theirs").click()
    expect(file).to_contain_text("Settled")
    picture(page, "pulls-picture")
    page.get_by_role("button", name="Commit the resolution").click()
    expect(page.get_by_role("region", name="Merging")).to_contain_text("Nothing is in its way.")
    assert (head.root / "logo.png").read_bytes() == b"\0theirs"


def test_comments_follow_their_lines_and_outdated_ones_show_what_they_were_on(server, ada, grace):
    base = Yard(server, "followed")
    base.write("a.txt", text_of(LINES))
    base.commit("Lines")
    head = base.fork("follow")
    head.write("a.txt", text_of(WORK))
    head.commit("Change")
    at = open_pull(head, draft=True)
    for number in (11, 31):
        body = {"body": f"Of {number}", "path": "a.txt", "line": number}
        server.ask("POST", f"/workspace/{at.split('/')[2]}/pull-requests/1/threads", body)
    page = ada.go(f"{at}/files")
    expect(page.get_by_role("article", name="Comments on a.txt, line 11")).to_be_visible()
    page.get_by_label("Viewed", exact=True).check()
    expect(line(page, "ten and a half")).to_have_count(0)
    head.write("a.txt", text_of(["new first", *WORK]).replace("ten and a half\n", "10.5\n"))
    head.commit("Change again")
    expect(page.get_by_label("Viewed", exact=True)).not_to_be_checked()
    outdated = page.get_by_role("article", name="Comments on a.txt, line 11")
    expect(outdated).to_contain_text("Outdated")
    expect(page.locator(".lines-then")).to_contain_text("ten and a half")
    expect(page.get_by_role("article", name="Comments on a.txt, line 32")).to_be_visible()
    is_accessible(page, "outdated")
    outdated.get_by_role("button", name="Resolve").click()
    expect(outdated).to_contain_text("Resolved")
    page.get_by_role("button", name="Show all of a.txt").click()
    expect(line(page, "line 20").first).to_be_visible()

    # Two suggestions become one commit.
    for number, text in ((2, "first"), (4, "third")):
        body = {"body": f"```suggestion\n{text}\n```", "path": "a.txt", "line": number}
        server.ask("POST", f"/workspace/{at.split('/')[2]}/pull-requests/1/threads", body)
        thread = page.get_by_role("article", name=f"Comments on a.txt, line {number}", exact=True)
        thread.get_by_role("button", name="Add to batch").click()
    page.get_by_role("button", name="Apply 2 suggestions").click()
    expect(page.get_by_role("button", name="Apply 2 suggestions")).to_have_count(0)
    assert head.read("a.txt").startswith("new first\nfirst\nline 2\nthird\n")
    check = {"name": "build", "state": "failure", "url": "https://ci.example/1"}
    server.ask("PUT", f"/workspace/{at.split('/')[2]}/pull-requests/1/checks", check)

    # What is not ready is not merged; it is closed, opened again, and pulled into another session.
    ada.part("Conversation")
    box = page.get_by_role("region", name="Merging")
    expect(box).to_contain_text("It is a draft.")
    expect(box.get_by_role("list", name="Checks")).to_contain_text("build failed")
    box.get_by_role("button", name="Close without merging").click()
    expect(box).to_contain_text("It was closed without being merged.")
    box.get_by_role("button", name="Open again").click()
    box.get_by_role("button", name="Pull into a session…").click()
    page.get_by_role("button", name="Pull", exact=True).click()
    expect(box).to_contain_text("the base has all of its commits by another way")
    assert base.read("a.txt") == head.read("a.txt")


def test_what_strangers_write_does_nothing_and_viewers_are_offered_nothing(server, ada, viewer):
    """Attack rows 17, 30, 42, 65 on the page: Markdown, names and texts are shown as they are; foreign numbers are not there."""
    bad = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    base = Yard(server, "hostile")
    base.write("a.txt", "a\n")
    base.commit("Base")
    head = base.fork("hostile head")
    name = '"><img src=x onerror=alert(1)>.txt'
    head.write(name, f"{bad}\n")
    head.write("=======.md", "<<<<<<< ours\n")
    head.commit(f"{bad} commit")
    body = f"{bad}\n\n[link](javascript:alert(1)) <a href='data:text/html,x'>x</a> ![p](https://evil.example/p.png)\n\n<style>*{{display:none}}</style>"
    at = open_pull(head, title=f"{bad} title", body=body, labels=["<b>bold</b>"])
    threads = f"/workspace/{at.split('/')[2]}/pull-requests/1/threads"
    suggestion = f"{bad}\n```suggestion\n{bad}\n```\n"
    server.ask("POST", threads, {"body": suggestion, "path": name, "line": 1})
    asked = []
    page = ada.page
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    ada.go(at)
    expect(page.get_by_role("heading", name=f"{bad} title")).to_be_visible()
    expect(page.get_by_text("[p: https://evil.example/p.png]")).to_be_visible()
    expect(page.get_by_role("link", name="link", exact=True)).to_have_count(0)
    for part in ("Files", "Commits", "Conversation"):
        ada.part(part)
        assert page.locator(".pull script, .pull img, .pull style, .pull [onerror]").count() == 0
    ada.part("Files")
    expect(line(page, "onerror").first).to_be_visible()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    picture(page, "pulls-hostile")
    assert [url for url in asked if "evil.example" in url or url.endswith("/x")] == []

    seen = viewer.go(f"{at}/files")
    expect(seen.get_by_role("heading", name=name)).to_be_visible()
    for button in ("Review…", "Edit title, description, reviewers", "Comment on line 1", "Reply…", "Apply"):
        expect(seen.get_by_role("button", name=button)).to_have_count(0)
    viewer.part("Conversation")
    expect(seen.get_by_role("region", name="Merging")).to_contain_text("Nothing is in its way.")
    for button in ("Merge", "Close without merging", "Rules…", "Pull into a session…", "Comment"):
        expect(seen.get_by_role("button", name=button, exact=True)).to_have_count(0)
    seen.goto(f"{server.url}/w/{at.split('/')[2]}/pulls")
    expect(seen.get_by_role("button", name="Open a pull request")).to_have_count(0)


def test_what_is_not_there_is_told(server, ada, tolerated):
    tolerated += ["status of 404"]
    yard = Yard(server, "empty")
    page = ada.go(f"/w/{server.ask('GET', f'/workspace/{workspace_of(yard)}')['slug']}/pulls")
    expect(page.get_by_text("None is open. A pull request asks")).to_be_visible()
    page.get_by_role("button", name="Open a pull request").click()
    expect(page.get_by_text("start a second session first")).to_be_visible()
    ada.go(f"/w/{workspace_of(yard)}/pulls/99")
    expect(page.get_by_role("alert")).to_have_text("There is no such pull request in this workspace.")
    ada.go("/w/00000000-0000-0000-0000-000000000000/pulls")
    expect(page.get_by_role("alert").first).to_contain_text("There is no such workspace")
    ada.go("/w/nowhere/pulls")
    expect(page.get_by_role("heading", name="There is no such workspace")).to_be_visible()
