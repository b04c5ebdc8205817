"""Tasks, notifications, webhooks and integrations on the page: how what happens elsewhere becomes somebody's work."""

import hmac
import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import remotes
from tests.forges import NAME, forge
from tests.page.axe import violations
from tests.page.yard import git, picture
from tests.remotes import TOKEN, bare
from tests.server import Server, wait_until

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> & <script>alert(2)</script>"


@pytest.fixture(scope="module")
def server():
    with Server(CODEYARD_ALLOW_PRIVATE_WEBHOOKS="1", CODEYARD_ALLOW_PRIVATE_CLONE="1") as running:
        yield running


@pytest.fixture
def enter(server, new_page):
    """A page signed in by that cookie."""

    def go(cookie: str, path: str) -> Page:
        page = new_page()
        name, _, value = cookie.partition("=")
        page.context.add_cookies([{"name": name, "value": value, "url": server.url}])
        page.goto(f"{server.url}{path}")
        return page

    return go


@pytest.fixture
def workspace(server):
    return server.ask("POST", "/workspace", {"name": "Demo"})


@pytest.fixture
def hook(tmp_path):
    """An endpoint of one's own: its address, and (headers, body) of what came. `/gone` answers 410."""
    got: list[tuple[dict[str, str], dict[str, Any]]] = []

    def answer(method: str, path: str, headers: Any, body: bytes) -> remotes.Answered:
        got.append(({name.lower(): value for name, value in headers.items()}, json.loads(body)))
        return (410 if path == "/gone" else 200), {"x-mine": "yes"}, b"thank you"

    with remotes.over_http(tmp_path, api=answer) as base:
        yield base, got


def look(page: Page, name: str) -> None:
    """Nothing that axe knows is wrong with the page, in either theme."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert violations(page) == [], (name, theme)
        picture(page, f"inbox-{name}-{theme}")


def report(server: Server, path: str, secret: str, delivery: str, title: str) -> None:
    """What GitHub sends when an issue is opened."""
    issue = {"title": title, "html_url": "https://github.com/acme/project/issues/1", "labels": [{"name": "bug"}]}
    body = json.dumps({"action": "opened", "issue": issue}).encode()
    headers = {
        "content-type": "application/json",
        "x-github-event": "issues",
        "x-github-delivery": delivery,
        "x-hub-signature-256": f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}",
    }
    with urllib.request.urlopen(urllib.request.Request(path, body, headers)) as answer:
        assert answer.status == 202


def two_quick_choices_come_in_turn(page, server, workspace):
    """The first is still under way when the second is made: what was chosen last is shown at once, and holds."""
    status = page.get_by_label("Status")
    held = []

    def saves(word, request):
        return request.method == "PUT" and f'"{word}"' in (request.post_data or "")

    def hold(route):
        held.append(route) if saves("in_progress", route.request) else route.continue_()

    page.route(re.compile("/tasks/1$"), hold)
    with page.expect_request(lambda request: saves("in_progress", request)):
        status.select_option("in_progress")
    status.select_option("todo")
    expect(status).to_have_value("todo")
    with page.expect_response(lambda answer: saves("todo", answer.request)):
        held.pop().continue_()
    page.unroute(re.compile("/tasks/1$"))
    assert server.ask("GET", f"/workspace/{workspace['id']}/tasks/1")["status"] == "todo"
    expect(status).to_have_value("todo")


def test_an_issue_elsewhere_becomes_a_task_whose_doer_is_told_and_moves_it_by_keys(
    server, enter, joined, workspace, hook
):
    address, got = hook
    ada = enter(server.cookie, "/o/acme/webhooks")
    ada.get_by_role("button", name="New webhook").click()
    ada.get_by_label("Address").fill(f"{address}/hook")
    ada.get_by_label("task.*", exact=True).check()
    look(ada, "new-webhook")
    ada.get_by_role("button", name="Create").click()
    expect(ada.get_by_label("Secret")).to_have_value(re.compile("^whsec_"))
    ada.get_by_role("button", name="Done").click()
    ada.get_by_role("button", name="Send a ping").click()
    deliveries = ada.get_by_role("list", name="Deliveries").get_by_role("listitem")
    expect(deliveries.filter(has_text="ping")).to_contain_text("delivered")
    sent = ada.url

    ada.goto(f"{server.url}/o/acme/webhooks/in")
    ada.get_by_role("button", name="New receiver").click()
    ada.get_by_label("Workspace").select_option("Demo")
    ada.get_by_role("button", name="Create").click()
    path, secret = ada.get_by_label("Address").input_value(), ada.get_by_label("Secret").input_value()
    ada.get_by_role("button", name="Done").click()
    report(server, path, secret, "d1", HOSTILE)
    expect(ada.get_by_role("list", name="Deliveries")).to_contain_text("became a task")
    look(ada, "receiver")

    _, her = joined("Grace")
    server.ask("POST", f"/organizations/{server.organization_id}/teams", {"name": "Front end"})
    grace = enter(her, "/o/acme")
    expect(grace.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
    ada.goto(f"{server.url}/o/acme/tasks/demo")
    expect(ada.get_by_role("link", name=HOSTILE)).to_be_visible()
    look(ada, "board")
    ada.get_by_role("link", name=HOSTILE).click()
    ada.get_by_role("button", name="Edit").click()
    ada.get_by_label("Description").fill(
        "**Soon**, please\n\n<script>alert(3)</script>\n\n![x](https://evil.example/x.png)\n\n"
    )
    ada.get_by_label("Description").press_sequentially("@gra")
    expect(ada.get_by_role("listbox", name="People and teams").get_by_role("option", name="Grace")).to_be_visible()
    look(ada, "mention")
    ada.keyboard.press("Enter")
    ada.keyboard.type("@fro")
    expect(ada.get_by_role("option", name="Front end team")).to_be_visible()
    ada.keyboard.press("Enter")
    expect(ada.get_by_label("Description")).to_have_value(re.compile("@grace @front-end $"))
    ada.get_by_role("button", name="Save").click()
    expect(ada.get_by_label("Assignee")).to_have_value(joined("Grace")[0])
    two_quick_choices_come_in_turn(ada, server, workspace)

    grace.get_by_role("button", name="Notifications, 1 unread").click()
    look(grace, "bell")
    grace.get_by_role("link", name=re.compile("^Ada gave you")).click()
    expect(grace.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(grace.locator(".markdown strong")).to_have_text("Soon")
    assert grace.locator(".markdown :is(script, img), h1 img").count() == 0
    expect(grace.get_by_role("link", name="https://github.com/acme/project/issues/1").first).to_be_visible()
    expect(grace.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
    look(grace, "task")
    grace.get_by_role("link", name="All tasks").click()
    card = grace.get_by_role("link", name=HOSTILE)
    card.focus()
    for column in ("In progress", "In review"):
        grace.keyboard.press("Shift+ArrowRight")
        expect(grace.get_by_role("region", name=column).get_by_role("link", name=HOSTILE)).to_be_focused()
    expect(ada.get_by_label("Status")).to_have_value("in_review")  # her page has heard

    def moves():
        return [body for _, body in got if body["type"] == "task.updated" and body["data"]["by_name"] == "Grace"]

    wait_until(lambda: len(moves()) >= 2)  # the first of the list is then the last that there is
    ada.goto(sent)
    expect(deliveries.first).to_contain_text("task.updated")
    expect(deliveries.first).to_contain_text("delivered")
    deliveries.first.locator("summary").click()
    for words in ('"by_name": "Grace"', "webhook-signature: v1,", "x-mine: yes", "thank you"):
        expect(deliveries.first).to_contain_text(words)
    assert all({"webhook-id", "webhook-timestamp", "webhook-signature"} <= set(headers) for headers, _ in got)
    look(ada, "deliveries")


def test_many_tasks_are_found_chosen_and_changed_and_cards_are_dragged(server, enter, joined, workspace, tolerated):
    tolerated.append("status of 404")  # the last address is of no task
    at = f"/workspace/{workspace['id']}/tasks"
    for title, labels in (("First", ["ui"]), ("Second", []), ("Third", ["ui"])):
        server.ask("POST", at, {"title": title, "labels": labels})
    page = enter(server.cookie, f"/o/acme/tasks/{workspace['id']}")  # the workspace by its id, as notifications have it
    cards = page.get_by_role("region", name="To do").get_by_role("link")
    expect(cards).to_have_count(3)
    with page.expect_response("**/task-management"):  # the board is drawn anew by its answer
        cards.filter(has_text="Third").drag_to(cards.filter(has_text="First"), target_position={"x": 20, "y": 4})
    expect(cards).to_have_text([re.compile(name) for name in ("Third", "First", "Second")])
    with page.expect_response("**/task-management"):
        cards.filter(has_text="First").drag_to(page.get_by_role("region", name="Done"))
    expect(page.get_by_role("region", name="Done").get_by_role("link")).to_contain_text("First")
    page.reload()
    expect(cards).to_have_text([re.compile(name) for name in ("Third", "Second")])

    page.get_by_role("button", name="New task").click()
    page.get_by_label("Title").fill("Fourth")
    page.get_by_label("Labels").fill("ui, new")
    look(page, "new-task")
    page.get_by_role("button", name="Create").click()
    expect(cards).to_have_count(3)
    page.get_by_role("button", name="List").click()
    page.get_by_label("With label").select_option("ui")
    expect(page.get_by_role("row")).to_have_count(4)
    page.get_by_label("Choose all").check()
    look(page, "list")
    page.get_by_label("Set status").select_option("In review")
    expect(page.get_by_role("row").filter(has_text="In review")).to_have_count(3)
    page.get_by_role("button", name="Title").click()
    expect(page.get_by_role("rowheader")).to_contain_text(["First", "Fourth", "Third"])
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete 3 for good").click()
    expect(page.get_by_text("No task fits.")).to_be_visible()

    _, his = joined("Vic", "viewer")
    seen = enter(his, f"/o/acme/tasks/{workspace['id']}")
    expect(seen.get_by_role("link", name=re.compile("Second"))).to_be_visible()
    expect(seen.get_by_role("button", name="New task")).to_be_hidden()
    seen.get_by_role("link", name=re.compile("Second")).click()
    expect(seen.get_by_label("Status")).to_be_disabled()
    expect(seen.get_by_role("button", name="Edit")).to_be_hidden()
    seen.goto(f"{server.url}/o/acme/activity")
    expect(seen.get_by_text(re.compile("added task #2 Second"))).to_be_visible()
    expect(seen.get_by_text("tests made the session main").first).to_be_visible()  # by its key
    expect(seen.get_by_text(re.compile(r"tests made the workspace\s+Demo")).first).to_be_visible()
    look(seen, "activity")
    seen.goto(f"{server.url}/o/acme/tasks/{workspace['id']}/99")
    expect(seen.get_by_role("alert")).to_contain_text("There is no such task")


def test_a_repository_is_imported_by_a_connection_into_a_new_workspace(server, enter, tmp_path, tolerated):
    tolerated += ["status of 422", "status of 409"]  # refused on purpose below
    bare(tmp_path / f"{NAME}.git")
    git(tmp_path, "clone", "-q", str(tmp_path / f"{NAME}.git"), "work")
    (tmp_path / "work/package.json").write_text('{"name": "project", "scripts": {"start": "node ."}}\n')
    git(tmp_path / "work", "add", "-A")
    git(tmp_path / "work", "commit", "-qm", "First")
    git(tmp_path / "work", "push", "-q", "origin", "HEAD:main")
    with forge(tmp_path) as there:
        page = enter(server.cookie, "/integrations?connected=github")  # as GitHub sends the browser back
        expect(page.get_by_text("GitHub is connected.")).to_be_visible()
        page.goto(f"{server.url}/o/acme/integrations")
        page.get_by_role("button", name="Connect by token to GitHub").click()
        page.get_by_label("Token").fill("not-the-one")
        page.get_by_label("Address").fill(there.base)
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("refuses this token")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.get_by_role("button", name=re.compile("Import from GitHub: ada"))).to_be_visible()
        look(page, "integrations")
        assert TOKEN not in page.content()

        page.goto(server.url)
        page.get_by_role("button", name="New workspace").click()
        page.get_by_role("button", name="From a provider…").click()
        with page.expect_response(re.compile("/repositories.*organization=acme")):  # the list is another then
            page.get_by_label("Organisation", exact=True).select_option("acme")
        page.get_by_label(NAME).check()
        look(page, "import")
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.get_by_role("treeitem", name="package.json")).to_be_visible()  # the root is the repository itself

        page.goto(f"{server.url}/o/acme/integrations")
        page.get_by_role("button", name=re.compile("Import from GitHub")).click()
        page.get_by_label(NAME).check()
        page.get_by_label("Into").select_option("project")
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_text("project is there.")).to_be_visible()
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name=re.compile("Import from GitHub")).click()
        page.get_by_label(NAME).check()
        page.get_by_label("Into").select_option("project")
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("give the import another `name`")
        page.get_by_label("Name").fill("again")
        page.get_by_label("Branch").fill("nowhere")
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("no branch of that name")  # at once
        page.get_by_label("Branch").fill("")
        there.default_branch = "nowhere"  # which shows only when all has been fetched
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("button", name="Change and try again")).to_be_visible()
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name=re.compile("Disconnect GitHub")).click()
        page.get_by_role("button", name="Disconnect", exact=True).click()
        expect(page.get_by_text("Not connected.")).to_have_count(3)


def test_a_webhook_that_is_gone_is_enabled_again_and_rules_make_another_task_of_a_replay(
    server, enter, workspace, hook
):
    address, _ = hook
    page = enter(server.cookie, "/o/acme/webhooks")
    made = server.ask("POST", f"/organizations/{server.organization_id}/webhooks", {"url": f"{address}/gone"})
    page.get_by_role("link", name=f"{address}/gone").click()  # that it was made was the first that it was told
    expect(page.get_by_role("alert").first).to_contain_text("Nothing is sent.")
    look(page, "disabled")
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Address").fill(f"{address}/hook")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Enable again").click()
    expect(page.get_by_text(re.compile("^Works ·"))).to_be_visible()
    page.get_by_role("button", name="Send a ping").click()
    deliveries = page.get_by_role("list", name="Deliveries").get_by_role("listitem")
    expect(deliveries.filter(has_text="ping").filter(has_text="delivered")).to_be_visible()
    deliveries.filter(has_text="ping").locator("summary").press("Enter")  # others, which come later, move it
    attempts = deliveries.filter(has_text="ping").get_by_role("region", name="Attempt")
    expect(attempts).to_have_count(1)
    deliveries.filter(has_text="ping").get_by_role("button", name="Send again").press("Enter")
    expect(attempts).to_have_count(2)
    page.get_by_role("button", name="New secret").click()
    page.get_by_role("button", name="Make a new secret").click()
    expect(page.get_by_text("Two secrets are valid now")).to_be_visible()
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="New webhook")).to_be_visible()
    assert made["id"] not in json.dumps(server.ask("GET", f"/organizations/{server.organization_id}/webhooks"))

    body = {"workspace_id": workspace["id"], "provider": "github", "rules": []}
    receiver = server.ask("POST", "/webhook-integrations", body)
    report(server, server.url + receiver["path"], receiver["secret"], "d9", "Leaks")
    page.goto(f"{server.url}/o/acme/webhooks/in/{receiver['id']}")
    expect(page.get_by_role("list", name="Deliveries")).to_contain_text("no rule matches it")
    page.get_by_role("button", name="Add a rule").click()
    page.get_by_label("Events").fill("issues.*")
    page.get_by_label("Only where").fill("action = opened | reopened")
    page.get_by_label("Title of the task").fill("Look at: {{title}}")
    page.get_by_label("Labels").fill("theirs")
    page.get_by_role("button", name="Save rules").click()
    expect(page.get_by_role("button", name="Save rules")).to_be_disabled()
    page.get_by_role("list", name="Deliveries").locator("summary").click()
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("list", name="Deliveries")).to_contain_text("became a task")
    look(page, "rules")
    page.goto(f"{server.url}/o/acme/tasks/{workspace['slug']}")
    card = page.get_by_role("link", name=re.compile("Look at: Leaks"))
    expect(card).to_contain_text("theirsbug")


def test_who_is_invited_elsewhere_joins_by_the_bell(server, enter, joined):
    ada, grace = enter(server.cookie, "/"), enter(joined("Grace")[1], "/o/acme")

    def call(page: Page, path: str, body: dict[str, Any]) -> Any:
        token = page.request.get(f"{server.url}/api/v1/auth/me").json()["csrf_token"]
        headers = {"X-CSRF-Token": token, "Origin": server.url}
        answer = page.request.post(f"{server.url}/api/v1{path}", data=body, headers=headers)
        assert answer.ok, answer.text()
        return answer.json() if answer.body() else None

    [mail] = [
        one["text"]
        for one in ada.request.get(f"{server.url}/api/v1/mail/outbox").json()["items"]
        if one["recipient"] == "grace@example.com" and "verify-email?token=" in one["text"]
    ]
    call(grace, "/auth/verify-email", {"token": re.findall(r"token=(\S+)", mail)[0]})
    beta = call(ada, "/organizations", {"name": "Beta"})
    call(ada, f"/organizations/{beta['id']}/invitations", {"email": "grace@example.com"})
    wait_until(lambda: grace.request.get(f"{server.url}/api/v1/notifications/unread").json()["unread"])
    grace.reload()
    grace.get_by_role("button", name="Notifications, 1 unread").click()
    expect(grace.get_by_role("listitem").filter(has_text="Ada invites you to Beta")).to_be_visible()
    look(grace, "invited")
    grace.get_by_role("button", name="Join Beta").click()
    expect(grace.get_by_role("button", name="Join Beta")).to_be_hidden()
    grace.get_by_role("button", name="Organisation Acme").click()
    expect(grace.get_by_role("menuitem", name="Beta")).to_be_visible()
