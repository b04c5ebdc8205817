"""Signing in by GitHub and Bitbucket, which speak OAuth 2.0 and APIs of their own: a server that answers as their documentation
shows (docs.github.com, REST, users and emails; developer.atlassian.com, Bitbucket Cloud, users)."""

import msgspec
import pytest

from tests.accounts.issuer import CLIENT, SECRET, issuing

GITHUB_USER = {
    "login": "octocat",
    "id": 583231,
    "node_id": "MDQ6VXNlcjE=",
    "type": "User",
    "name": "Mona",
    "email": None,
}
GITHUB_EMAILS = [
    {"email": "old@example.com", "primary": False, "verified": True, "visibility": None},
    {"email": "mona@example.com", "primary": True, "verified": True, "visibility": "private"},
]
BITBUCKET_USER = {
    "type": "user",
    "uuid": "{f1e2d3c4-0000-4000-8000-000000000001}",
    "display_name": "Mona",
    "nickname": "mona",
    "account_status": "active",
}
BITBUCKET_EMAILS = {
    "pagelen": 10,
    "page": 1,
    "size": 1,
    "values": [{"type": "email", "email": "mona@example.com", "is_primary": True, "is_confirmed": True}],
}
SHAPES = {"github": (GITHUB_USER, GITHUB_EMAILS), "bitbucket": (BITBUCKET_USER, BITBUCKET_EMAILS)}


@pytest.fixture(scope="module")
async def issuer():
    async with issuing() as running:
        yield running


@pytest.fixture(params=["github", "bitbucket"])
def provider(request, issuer, resources, monkeypatch):
    name = request.param
    issuer.user, issuer.emails = SHAPES[name]
    ours = {f"{name}_url": issuer.url, f"{name}_client_id": CLIENT, f"{name}_client_secret": SECRET}
    changed = msgspec.structs.replace(resources.settings, registration=True, **ours)
    monkeypatch.setattr(resources, "settings", changed)
    return name


async def enter(call, issuer, provider):
    browser = call(None)
    started = await browser.post(f"/auth/providers/{provider}/start", json={})
    assert started.status_code == 200, started.text
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    back = issuer.visit(started.json()["url"])
    answer = await browser.get(f"/auth/providers/{provider}/callback", params=back, headers={"cookie": cookies})
    assert answer.status_code == 303
    return answer.headers["location"], browser


async def test_a_newcomer_comes_in_by_the_address_that_is_theirs_and_again_by_the_id(
    call, issuer, provider, monkeypatch
):
    where, browser = await enter(call, issuer, provider)
    assert where == "/"
    me = (await browser.get("/auth/me")).json()["user"]
    assert (me["email"], me["name"]) == ("mona@example.com", "Mona")
    changed = {key: value if key in ("id", "uuid") else "Other" for key, value in issuer.user.items()}
    monkeypatch.setattr(issuer, "user", changed)  # renamed at the provider: the same person
    _, again = await enter(call, issuer, provider)
    assert (await again.get("/auth/me")).json()["user"]["id"] == me["id"]


async def test_an_address_that_is_not_proved_opens_no_account(call, issuer, provider, monkeypatch):
    text = msgspec.json.encode(issuer.emails).decode()
    for proof in ('"verified":true', '"is_confirmed":true'):
        text = text.replace(proof, proof.replace("true", "false"))
    monkeypatch.setattr(issuer, "emails", msgspec.json.decode(text))
    where, browser = await enter(call, issuer, provider)
    assert where.startswith("/sign-in?error=")
    assert (await browser.get("/auth/me")).status_code == 401


@pytest.mark.parametrize("user", [{}, [], {"id": None, "uuid": None}, {"id": [1], "uuid": {}}])
async def test_answers_of_another_shape_let_nobody_in(call, issuer, provider, monkeypatch, user):
    monkeypatch.setattr(issuer, "user", user)
    where, _ = await enter(call, issuer, provider)
    assert where == "/sign-in?error=provider_away"
