"""An organisation's people, on the page: invited, in, secured, with a key, demoted; by links in mail; deleted and back."""

import re
import time

import httpx
import pyotp
import pytest
from playwright.sync_api import expect

from tests.accounts.issuer import CLIENT, SECRET, issuing_beside
from tests.page.axe import violations
from tests.page.steps import sign_in
from tests.page.yard import picture
from tests.server import OWNER, Server

pytestmark = pytest.mark.browser
BOB = {"email": "bob@example.com", "password": "long enough", "name": "Bob"}


@pytest.fixture(scope="module")
def issuer():
    with issuing_beside() as running:
        yield running


@pytest.fixture(scope="module")
def server(issuer):
    names = {"ISSUER": issuer.url, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, "NAME": "Acme's own"}
    with Server(**{f"CODEYARD_OIDC_{name}": value for name, value in names.items()}) as running:
        yield running


@pytest.fixture
def guest(new_page):
    """Somebody else's browser."""
    return new_page()


def to(page, name):
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()


def account(page, item):
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("menuitem", name=item).click()


def fill(page, **fields):
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(value)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def invited(page, email, role):
    """The link of a new invitation."""
    to(page, "People")
    press(page, "Invite")
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("combobox", name="Role", exact=True).select_option(role)
    page.get_by_role("dialog").get_by_role("button", name="Invite").click()
    link = page.get_by_label("Link of the invitation").input_value()
    press(page, "Done")
    return link


def test_from_an_invitation_to_a_key_and_back_to_a_viewer(page, guest, server, tolerated):
    # what the guest's open page asks for at the moment of the demotion; the last owner, who stays
    tolerated += ["status of 403", "status of 409"]
    sign_in(page, server)
    link = invited(page, BOB["email"], "admin")

    guest.goto(f"{server.url}/register")
    expect(guest.get_by_text("Sign-up is closed here")).to_be_visible()
    guest.goto(link)
    expect(guest.get_by_text("You are invited to Acme as admin")).to_be_visible()
    fill(guest, Name=BOB["name"], Password=BOB["password"])
    press(guest, "Create account")
    expect(guest.get_by_role("heading", name="Workspaces")).to_be_visible()
    bob = page.get_by_role("list", name="Members").get_by_role("listitem").filter(has_text=BOB["email"])
    expect(bob).to_be_visible()  # the owner's open page follows
    expect(page.get_by_text("None is out")).to_be_visible()
    picture(page, "people-members")

    account(guest, "Profile")
    press(guest, "Set up")
    fill(guest, Your_password=BOB["password"])
    press(guest, "Continue")
    app = pyotp.TOTP(guest.get_by_label("Key", exact=True).input_value())
    expect(guest.get_by_role("img", name="QR code")).to_be_visible()
    fill(guest, Code=app.now())
    press(guest, "Turn on")
    recovery = guest.get_by_role("dialog").locator("code").first.inner_text()
    press(guest, "I have kept them")
    expect(guest.get_by_text("10 recovery codes left")).to_be_visible()

    for words, label, code in (
        ("Sign in", "Code", app.at(time.time() + 30)),
        ("Use a recovery code", "Recovery code", recovery),
    ):
        account(guest, "Sign out")
        guest.get_by_label("E-mail").fill(BOB["email"])
        fill(guest, Password=BOB["password"])
        press(guest, "Sign in")
        if words != "Sign in":
            press(guest, words)
        fill(guest, **{label.replace(" ", "_"): code})
        press(guest, "Sign in")
        expect(guest.get_by_role("heading", name="Workspaces")).to_be_visible()

    to(guest, "API keys")
    press(guest, "New key")
    fill(guest, Name="CI")
    guest.get_by_role("combobox", name="Works for").select_option("1 day")
    press(guest, "Create")
    key = guest.get_by_label("API key", exact=True).input_value()
    assert (
        guest.get_by_label("Example")
        .input_value()
        .startswith(f'curl -H "Authorization: Bearer {key}" {server.url}/api/v1/')
    )
    by_key = {"headers": {"Authorization": f"Bearer {key}"}}
    assert httpx.get(f"{server.url}/api/v1/workspace", **by_key).status_code == 200
    assert httpx.post(f"{server.url}/api/v1/workspace", json={"name": "x"}, **by_key).status_code == 403
    press(guest, "I have it")
    guest.reload()
    expect(guest.get_by_role("listitem").filter(has_text="CI")).to_contain_text("from 127.0.0.1")

    bob.get_by_label("Role of Bob").select_option("viewer")
    expect(guest.get_by_role("heading", name="There is no such page")).to_be_visible()
    expect(guest.get_by_role("link", name="API keys")).to_have_count(0)
    to(guest, "People")
    expect(guest.get_by_role("list", name="Members")).to_contain_text("Viewer")
    expect(guest.get_by_role("button", name="Invite")).to_have_count(0)
    press(guest, "Leave the organisation")
    press(guest, "Leave")
    expect(guest.get_by_role("button", name="Organisation Acme")).to_have_count(0)
    expect(guest.get_by_role("heading", name="There is no such page")).to_have_count(0)
    picture(guest, "people-left")
    expect(bob).to_have_count(0)
    press(page, "Leave the organisation")
    press(page, "Leave")
    expect(page.get_by_role("alert")).to_contain_text("needs an owner")
    press(page, "Cancel")
    to(page, "Audit log")
    expect(page.get_by_role("row").filter(has_text="member.changed")).to_contain_text("Ada")
    page.get_by_label("Who").select_option("Bob")  # who has left, too
    expect(page.get_by_role("row").nth(1)).to_contain_text("Bob")
    press(page, "Check the chain of hashes")
    expect(page.get_by_text("Whole:")).to_be_visible()


def test_links_in_mail_set_a_password_and_say_kindly_when_they_are_over(page, guest, server, tolerated):
    tolerated += ["status of 403", "status of 404"]
    sign_in(page, server)
    guest.goto(invited(page, "cy@example.com", "member"))
    fill(guest, Name="Cy", Password="long enough")
    press(guest, "Create account")
    account(guest, "Sign out")
    guest.get_by_role("link", name="Forgot your password?").click()
    guest.get_by_label("E-mail").fill("cy@example.com")
    press(guest, "Send the link")
    expect(guest.get_by_text("If there is an account for cy@example.com")).to_be_visible()

    page.goto(f"{server.url}/outbox")
    expect(page.get_by_text("A new password for Codeyard")).to_be_visible()
    mail = {
        row.locator("strong").inner_text(): re.findall(r"http\S+", row.inner_text())[0]
        for row in page.get_by_role("list", name="Messages").get_by_role("listitem").filter(has_text="to cy@").all()
    }
    own = {title: server.url + link[link.index("/", 8) :] for title, link in mail.items()}
    guest.goto(own["A new password for Codeyard"])
    fill(guest, New_password="something else")
    press(guest, "Set the password")
    expect(guest.get_by_text("Your new password is set.")).to_be_visible()
    guest.goto(own["A new password for Codeyard"])
    fill(guest, New_password="something else")
    press(guest, "Set the password")
    expect(guest.get_by_text("That link does not work any more.")).to_be_visible()
    guest.goto(own["Your e-mail address at Codeyard"])
    press(guest, "Confirm the address")
    expect(guest.get_by_text("the address is confirmed")).to_be_visible()
    guest.goto(own["Invitation to Acme"])
    expect(guest.get_by_text("Somebody has joined Acme by this invitation already.")).to_be_visible()
    picture(guest, "people-invitation-used")
    press(page, "Refresh")
    messages = page.get_by_role("list", name="Messages").get_by_role("listitem").filter(has_text="to cy@")
    expect(messages.filter(has_text="its link is over")).to_have_count(len(mail))
    picture(page, "people-outbox-over")

    guest.goto(f"{server.url}/o/acme/people")  # where one wanted to go is where one lands
    guest.get_by_label("E-mail").fill("cy@example.com")
    fill(guest, Password="something else")
    press(guest, "Sign in")
    expect(guest.get_by_role("list", name="Members")).to_contain_text("Cy (you)")
    guest.goto(own["Invitation to Acme"])
    expect(guest.get_by_text("You have joined Acme already.")).to_be_visible()
    guest.get_by_role("link", name="Open Acme").click()
    expect(guest.get_by_role("heading", name="Workspaces")).to_be_visible()
    guest.goto(f"{server.url}/sign-in?error=account_exists")
    expect(guest.get_by_role("heading", name="Workspaces")).to_be_visible()


def test_a_provider_lets_one_in_is_linked_and_unlinked_and_believed_in_nothing_else(
    page, guest, server, issuer, tolerated
):
    """Attack row 37 from the browser: what does not hold ends on the sign-in page, with words and signed in to nothing."""
    tolerated.append("status of 409")  # the only way in is not unlinked
    at = f"http://localhost:{server.port}"  # where the provider sends browsers back to
    button = "Continue with Acme's own"
    sign_in(page, server)
    link = invited(page, "grace@example.com", "member")
    guest.goto(at + link[link.index("/", 8) :])
    press(guest, button)
    expect(guest.get_by_role("heading", name="Workspaces")).to_be_visible()
    account(guest, "Profile")
    linked = guest.get_by_role("list", name="Linked providers")
    expect(linked).to_contain_text("grace@example.com")
    press(guest, "Unlink Acme's own")
    expect(guest.get_by_role("alert").filter(has_text="only way into your account")).to_be_visible()
    picture(guest, "provider-last-way")
    account(guest, "Sign out")

    for change, code, words in (
        ({"back": {"code": None}}, "provider_refused", "did not confirm who you are"),  # one said no there
        ({"back": {"state": "guessed"}}, "provider_refused", "did not confirm who you are"),
        ({"claims": {"nonce": "stolen"}}, "provider_refused", "did not confirm who you are"),
        ({"sign": issuer.by_nobody}, "provider_refused", "did not confirm who you are"),
        ({"claims": {"sub": "s-2", "email_verified": "true"}}, "address_not_proved", "has not proved your e-mail"),
        ({"claims": {"sub": "s-2", "email": "eve@example.com"}}, "registration_closed", "sign-up is closed"),
        ({"claims": {"sub": "s-2", "email": OWNER["email"].upper()}}, "account_exists", "Sign in with its password"),
    ):
        issuer.claims, issuer.back, issuer.sign = {}, {}, issuer.by_our_key
        for name, value in change.items():
            setattr(issuer, name, value)
        with guest.expect_navigation(url=f"{at}/sign-in?error={code}"):  # there anew: often it stands there already
            press(guest, button)
        expect(guest.get_by_role("alert")).to_contain_text(words)
        assert guest.request.get(f"{at}/api/v1/auth/me").status == 401
    picture(guest, "provider-refused")

    # She comes back to where she wanted to be; the way back works once, and in her browser only.
    issuer.claims, returned = {}, []
    guest.on("request", lambda request: returned.append(request.url) if "/callback?" in request.url else None)
    guest.goto(f"{at}/o/acme/people")
    press(guest, button)
    expect(guest.get_by_role("list", name="Members")).to_contain_text("Grace (you)")
    page.goto(returned[-1])
    expect(page.get_by_role("heading", name="Codeyard")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("did not confirm who you are")

    # Ada links an identity that nobody has, enters by it, and unlinks it: it opens nothing any more.
    page.get_by_label("E-mail").fill(OWNER["email"])
    fill(page, Password=OWNER["password"])
    press(page, "Sign in")
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    account(page, "Profile")
    linked = page.get_by_role("list", name="Linked providers")
    press(page, "Link Acme's own")
    page.wait_for_url(f"{at}/profile?error=linked_elsewhere")
    expect(page.get_by_role("alert")).to_contain_text("Another account here is linked")
    issuer.claims = {"sub": "s-3", "email": OWNER["email"]}
    press(page, "Link Acme's own")
    expect(linked).to_contain_text(f"{OWNER['email']} · linked")
    picture(page, "provider-linked")
    account(page, "Sign out")
    press(page, button)
    account(page, "Profile")
    press(page, "Unlink Acme's own")
    expect(page.get_by_role("button", name="Link Acme's own")).to_be_visible()
    account(page, "Sign out")
    press(page, button)
    expect(page.get_by_role("alert")).to_contain_text("Sign in with its password")
    issuer.claims = {}


def test_who_signs_out_stays_out_and_a_page_notices_that_its_sign_in_ended(page, server, tolerated):
    tolerated += ["ERR_FAILED", "HTTP Authentication failed"]
    page.add_init_script(
        "window.opened = []; const Plain = WebSocket;"
        "WebSocket = class extends Plain { constructor(at) { super(at); opened.push(this) } }"
    )
    sign_in(page, server)
    page.route("**/auth/logout", lambda route: route.abort())
    account(page, "Sign out")
    expect(page.get_by_role("alert")).to_contain_text("You are still signed in: The server cannot be reached.")
    page.unroute("**/auth/logout")

    late = []  # what the server says of her before she signs out, on its way until afterwards
    page.route("**/auth/me", lambda route: late.append((route, route.fetch())))
    server.ask("PUT", f"/organizations/{server.organization_id}", {"name": "Acme"})
    while not late:
        page.wait_for_timeout(20)
    account(page, "Sign out")
    expect(page.get_by_label("E-mail")).to_be_visible()
    sockets = page.evaluate("opened.length")
    with page.expect_request_finished(lambda request: request.url.endswith("/auth/me")):
        for route, answer in late:
            route.fulfill(response=answer)
    page.unroute("**/auth/me")
    page.wait_for_timeout(100)
    assert page.evaluate("opened.length") == sockets
    expect(page.get_by_label("E-mail")).to_be_visible()

    page.get_by_label("E-mail").fill(OWNER["email"])
    fill(page, Password=OWNER["password"])
    press(page, "Sign in")
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    while not page.evaluate("opened.at(-1).readyState === WebSocket.OPEN"):
        page.wait_for_timeout(20)
    page.context.clear_cookies()
    page.evaluate("opened.at(-1).close()")
    expect(page.get_by_label("E-mail")).to_be_visible()


def test_an_address_that_is_none_says_so_to_who_is_signed_in_and_who_is_not(page, guest, server, tolerated):
    tolerated += ["status of 404"]
    guest.goto(f"{server.url}/singin")
    expect(guest.get_by_text("There is no such page.")).to_be_visible()
    assert violations(guest) == []
    picture(guest, "people-nowhere")
    guest.get_by_role("link", name="Sign in").click()
    expect(guest.get_by_label("Password")).to_be_visible()
    sign_in(page, server)
    page.goto(f"{server.url}/tasks/7")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("link", name="All workspaces", exact=True).click()
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()


def test_an_organisation_is_made_deleted_by_its_name_and_taken_back(page, server):
    sign_in(page, server)
    page.get_by_role("button", name="Organisation Acme").click()
    page.get_by_role("menuitem", name="New organisation").click()
    fill(page, Name="Second house")
    press(page, "Create")
    expect(page.get_by_role("button", name="Organisation Second house")).to_be_visible()
    to(page, "People")
    page.get_by_role("link", name="Teams").click()
    press(page, "New team")
    fill(page, Name="Crew")
    press(page, "Create")
    press(page, "Members of Crew")
    page.get_by_role("checkbox", name="Ada").click()
    expect(page.get_by_role("checkbox", name="Ada")).to_be_checked()
    press(page, "Done")
    expect(page.get_by_role("list", name="Teams")).to_contain_text("1 member")
    to(page, "Organisation")
    press(page, "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    dialog.get_by_label("Type Second house to confirm").fill("Second house")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Organisation Acme")).to_be_visible()
    to(page, "Organisation")
    press(page, "Restore Second house")
    expect(page.get_by_role("button", name="Organisation Second house")).to_be_visible()


@pytest.mark.parametrize(("colours", "width"), [("light", 320), ("dark", 1440)])
def test_every_page_of_the_organisation_holds_wcag_on_a_phone_and_a_desk(page, guest, server, colours, width):
    sign_in(page, server)
    places = ["people", "people/teams", "people/roles", "keys", "audit", "organization"]
    inside = ["/profile", "/outbox", *(f"/o/acme/{place}" for place in places)]
    outside = ["/sign-in", "/register", "/forgot-password", "/reset-password?token=x", "/verify-email?token=x"]
    for who, paths in ((page, inside), (guest, outside)):
        who.emulate_media(color_scheme=colours)
        who.set_viewport_size({"width": width, "height": 800})
        for path in paths:
            who.goto(server.url + path)
            who.wait_for_load_state("networkidle")
            expect(who.get_by_role("heading", level=1)).to_be_visible()
            assert violations(who) == [], path
            wide = who.evaluate(
                "document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth"
            )
            assert wide <= 1, path
