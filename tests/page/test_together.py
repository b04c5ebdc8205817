"""Two people, two browsers, and a provider: from an invitation to a reviewed and merged pull request whose twin is in step."""

import re

import pytest
from playwright.sync_api import expect

from tests.forges import NAME
from tests.page.axe import violations
from tests.page.steps import sign_in
from tests.page.yard import Yard, picture
from tests.remotes import TOKEN
from tests.server import Server, wait_until
from tests.workbench.test_imports import upstream

__all__ = ["upstream"]  # a fixture
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server():
    with Server(CODEYARD_ALLOW_PRIVATE_CLONE="1") as running:
        yield running


def test_from_an_invitation_to_a_merge_on_both_sides(server, page, new_page, upstream):
    # Ada connects the provider and makes a workspace of a repository there.
    sign_in(page, server)
    page.get_by_role("link", name="Integrations").click()
    page.get_by_role("region", name="GitHub").get_by_role("button", name="Connect by token").click()
    page.get_by_label("Token", exact=True).fill(TOKEN)
    page.get_by_label("Address (of an instance of your own)").fill(upstream.base)
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("button", name="Import from GitHub: ada").click()
    page.get_by_role("radio", name=NAME).check()
    page.get_by_label("Into").select_option(label="A new workspace")
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url("**/s/*")
    base = Yard(server, "", session=page.url.rpartition("/s/")[2].partition("?")[0])
    workspace = server.ask("GET", f"/sessions/{base.session}")["workspace_id"]
    base.write("count.txt", "one\ntwo\nthree\n")
    base.commit("Count")

    # She invites Grace, who opens the link in a browser of her own and registers.
    page.goto(f"{server.url}/o/acme/people")
    page.get_by_role("button", name="Invite", exact=True).click()
    page.get_by_label("E-mail").fill("grace@example.com")
    page.get_by_role("dialog").get_by_role("button", name="Invite", exact=True).click()
    link = page.get_by_label("Link of the invitation").input_value()
    hers = new_page()
    hers.goto(link)
    expect(hers.get_by_text("You are invited to Acme as member")).to_be_visible()
    hers.get_by_label("Name").fill("Grace")
    hers.get_by_label("Password").fill("long enough to be one")
    hers.get_by_role("button", name="Create account").click()
    expect(hers.get_by_role("heading", name="Workspaces")).to_be_visible()

    # Ada's session has a change; its pull request is opened here and at the provider.
    head = base.fork("count better")
    head.write("count.txt", "one\ntwo and a half\nthree\n")
    head.commit("Count by halves")
    page.goto(f"{server.url}/w/{workspace}/pulls")
    page.get_by_role("button", name="Open a pull request").click()
    dialog = page.get_by_role("dialog", name="Open a pull request")
    dialog.get_by_label("What this session has committed").select_option(head.session)
    dialog.get_by_label("Title").fill("Count better")
    dialog.get_by_label("Grace").check()
    dialog.get_by_role("checkbox", name=re.compile("keep both in step")).check()
    dialog.get_by_role("button", name="Open", exact=True).click()
    expect(page.get_by_role("heading", name="Count better #1")).to_be_visible()
    twin = page.get_by_role("list", name="Mirror")
    expect(twin).to_contain_text("GitHub #1, is in step")
    there = upstream.pulls.pulls[1]
    assert (there.title, upstream.pulls.state(there)) == ("Count better", "open")

    # Somebody pushes to its branch there while she commits here: she takes theirs in by a click.
    who = ["-c", "user.name=Forge", "-c", "user.email=forge@example.com"]
    theirs = upstream.pulls.git(*who, "commit-tree", f"{there.head}^{{tree}}", "-p", there.head, "-m", "Pushed there")
    head.write("more.txt", "more\n")
    upstream.pulls.git("update-ref", f"refs/heads/{there.head}", theirs)
    head.commit("More")
    expect(twin).to_contain_text("is not in step")
    for theme, width in (("dark", 320), ("light", 1280)):
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        page.set_viewport_size({"width": width, "height": 800})
        page.get_by_role("button", name="Take theirs into the session").scroll_into_view_if_needed()
        assert violations(page) == []
        picture(page, f"together-diverged-{width}")
    page.get_by_role("button", name="Take theirs into the session").click()
    expect(twin).to_contain_text("is in step")
    upstream.pulls.git("merge-base", "--is-ancestor", theirs, there.head)  # else it raises

    # Grace's bell rings; she comments, and the provider has it. Somebody answers there, and both read it here.
    hers.get_by_role("button", name=re.compile("Notifications")).click()
    hers.get_by_role("link", name=re.compile("Count better")).click()
    hers.get_by_label("Comment on the whole").fill("Why halves?")
    hers.get_by_role("button", name="Comment", exact=True).click()
    wait_until(lambda: any("Why halves?" in one.body for one in there.comments), 30)
    upstream.pulls.say(there, "bob", "Because of the cakes")
    expect(page.get_by_text("Why halves?")).to_be_visible()  # else it may come between the button's down and its up
    page.get_by_role("button", name="Refresh").click()
    for seen in (page, hers):
        expect(seen.get_by_text("Because of the cakes")).to_be_visible()

    # The base changes the same line; Ada settles it, Grace approves, Ada merges; the provider's twin is merged too.
    base.write("count.txt", "one\n2\nthree\n")
    base.commit("Count by figures")
    box = page.get_by_role("region", name="Merging")
    box.get_by_role("button", name="Settle the conflicts").click()
    page.get_by_role("group", name="Conflict 1").get_by_role("button", name="Take both").click()
    page.get_by_role("button", name="Commit the resolution").click()
    expect(hers.get_by_role("region", name="Merging")).to_contain_text(
        "Nothing is in its way."
    )  # reviews are of what one saw
    hers.get_by_role("button", name="Review…").click()
    hers.get_by_label("Approve").check()
    hers.get_by_role("button", name="Send the review").click()
    expect(box).to_contain_text("Approved by Grace.")
    box.get_by_role("button", name="Merge", exact=True).click()
    expect(hers.get_by_role("region", name="Merging")).to_contain_text("It was merged into main by Ada.")
    wait_until(lambda: upstream.pulls.state(there) == "merged", 30)
    expect(twin).to_contain_text("is in step")
    picture(page, "together")
    both = "one\n2\ntwo and a half\nthree\n"
    assert sorted(base.read("count.txt").split()) == sorted(both.split())
    assert upstream.pulls.git("show", "main:count.txt") == base.read("count.txt").strip()
    said = [*(one.body for one in there.comments), *(one["body"] for one in there.verdicts)]
    assert [text for text in said if "Grace" in text and "approve" in text.lower()], said
