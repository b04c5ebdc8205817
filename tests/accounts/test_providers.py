"""Signing in by others, against a real OpenID Connect issuer: attack row 37 whole, and row 62 where it touches discovery."""

import time
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from sqlalchemy import func, select

from backend.accounts.providers.models import Attempt, Identity
from backend.accounts.users.models import User
from backend.core.auth import Role
from tests import make
from tests.accounts.issuer import CLIENT, SECRET, issuing

AT = "/auth/providers/oidc"


@pytest.fixture(scope="module")
async def _issuer():
    async with issuing() as running:
        yield running


@pytest.fixture
def issuer(_issuer, resources, monkeypatch):
    """The issuer on its best behaviour, and the settings that name it, with registration open."""
    _issuer.claims, _issuer.header, _issuer.discovery, _issuer.userinfo = {}, {}, {}, {}
    _issuer.sign, _issuer.exchanged = _issuer.by_our_key, 0
    changes = {"oidc_issuer": _issuer.url, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, "registration": True}
    monkeypatch.setattr(resources, "settings", msgspec.structs.replace(resources.settings, **changes))
    return _issuer


@pytest.fixture
def enter(call, issuer):
    """Goes there and back in one browser: where that ends, and the browser."""

    async def there_and_back(browser=None, *, start=f"{AT}/start", change=None, body=None):
        browser = browser or call(None)
        started = await browser.post(start, json=body or {})
        assert started.status_code == 200, started.text
        back = issuer.visit(started.json()["url"]) | (change or {})
        signed_in = [browser.headers["cookie"]] if "cookie" in browser.headers else []
        cookies = "; ".join(signed_in + [f"{name}={value}" for name, value in browser.cookies.items()])
        params = {k: v for k, v in back.items() if v is not None}
        answer = await browser.get(f"{AT}/callback", params=params, headers={"cookie": cookies})
        assert answer.status_code == 303
        return answer.headers["location"], browser

    return there_and_back


REFUSED = "/sign-in?error=provider_refused"


async def test_the_installations_owner_reads_how_each_is_set_up(call, database, ada):
    other = await make.person(database, ada.organization_id)  # owns the organisation only
    rows = (await call(ada).get("/auth/providers/settings")).json()["items"]
    assert [row["name"] for row in rows] == ["github", "google", "gitlab", "bitbucket", "oidc"]
    assert rows[4]["redirect"].endswith("/api/v1/auth/providers/oidc/callback")
    assert rows[4]["variables"] == ["CODEYARD_OIDC_ISSUER", "CODEYARD_OIDC_CLIENT_ID", "CODEYARD_OIDC_CLIENT_SECRET"]
    assert (await call(other).get("/auth/providers/settings")).status_code == 403


async def test_a_newcomer_gets_an_account_and_comes_back_to_the_same(enter, call, database):
    where, browser = await enter()
    assert where == "/"
    me = (await browser.get("/auth/me")).json()
    assert (me["user"]["email"], me["user"]["name"], me["user"]["email_verified"]) == (
        "grace@example.com",
        "Grace",
        True,
    )
    where, again = await enter()
    assert (await again.get("/auth/me")).json()["user"]["id"] == me["user"]["id"]
    assert (
        await call(None).post("/auth/login", json={"email": "grace@example.com", "password": ""})
    ).status_code == 401
    async with database.begin() as db:
        assert await db.scalar(select(func.count()).select_from(Attempt)) == 0


async def test_the_buttons_are_those_that_the_settings_name(call, issuer):
    found = (await call(None).get("/auth/providers")).json()
    assert found["items"] == [{"name": "oidc", "label": "Single sign-on"}] and found["registration"]
    assert (await call(None).post("/auth/providers/github/start", json={})).status_code == 404


async def test_registration_and_invitations_hold_for_newcomers_too(enter, call, client, ada, resources, monkeypatch):
    monkeypatch.setattr(resources, "settings", msgspec.structs.replace(resources.settings, registration=False))
    assert (await enter())[0] == "/sign-in?error=registration_closed"
    at = f"/organizations/{ada.organization_id}/invitations"
    other = (await client.post(at, json={"email": "eve@example.com"})).json()["invitation"]
    assert (await enter(body={"invitation": other}))[0] == f"/sign-in?error=invalid_invitation&invitation={other}"
    code = (await client.post(at, json={"email": "grace@example.com", "role": "viewer"})).json()["invitation"]
    where, browser = await enter(body={"invitation": code})
    assert where == "/"
    assert [o["role"] for o in (await browser.get("/auth/me")).json()["organizations"]] == ["viewer"]


async def test_who_has_an_account_comes_back_with_the_invitation_in_hand(enter, call, ada, issuer, database):
    """Signed in the page asks; where a password is needed first, it asks after that."""
    await enter()
    at = f"/organizations/{ada.organization_id}/invitations"
    code = (await call(ada).post(at, json={"email": "grace@example.com"})).json()["invitation"]
    where, browser = await enter(body={"invitation": code})
    assert where == f"/register?invitation={code}"
    csrf = {"x-csrf-token": (await browser.get("/auth/me")).json()["csrf_token"]}
    accepted = await browser.post("/auth/accept-invitation", json={"invitation": code}, headers=csrf)
    assert accepted.status_code == 204
    assert (await enter(body={"invitation": code}))[0] == "/"
    bob = await make.person(database, await make.organization(database, "Other"), Role.MEMBER)
    code = (await call(ada).post(at, json={"email": bob.email})).json()["invitation"]
    issuer.claims = {"sub": "s-2", "email": bob.email}
    assert (await enter(body={"invitation": code}))[0] == f"/sign-in?error=account_exists&invitation={code}"


@pytest.mark.parametrize("proof", [None, "false", "true", 0, 1, [], {"a": 1}, False])
async def test_an_address_counts_only_when_it_is_proved_to_the_letter(enter, issuer, proof):
    """Attack row 37: `email_verified` missing, a text, a number."""
    issuer.claims = {"email_verified": proof}
    assert (await enter())[0] == "/sign-in?error=address_not_proved"


@pytest.mark.parametrize(
    "email", ["grace@example.com", "GRACE@Example.COM", " grace@example.com "], ids=["same", "upper case", "spaces"]
)
async def test_an_account_is_not_opened_by_its_address(enter, issuer, call, email):
    """Attack row 37: the same address from another subject, in capitals too."""
    assert (await enter())[0] == "/"
    issuer.claims = {"sub": "s-2", "email": email}
    where, browser = await enter()
    assert where == "/sign-in?error=account_exists"
    assert (await browser.get("/auth/me")).status_code == 401


@pytest.mark.parametrize("email", ["grаce@example.com", "grace@example.com.evil", "grace@exаmple.com"])
async def test_an_address_that_looks_alike_is_another(enter, issuer, database, email):
    """Attack row 37: homoglyphs, and a domain that only begins like ours."""
    await enter()
    issuer.claims = {"sub": "s-2", "email": email}
    assert (await enter())[0] == "/"
    async with database.begin() as db:
        assert sorted(await db.scalars(select(User.email))) == sorted(["grace@example.com", email])


def from_now(claims):
    """Times are written as seconds from now: a row's name must not change from run to run."""
    return {k: int(time.time()) + v if k in {"exp", "iat", "nbf"} and type(v) is int else v for k, v in claims.items()}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"iss": ["x"]},
        {"aud": "another"},
        {"aud": None},
        {"aud": []},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"aud": CLIENT, "azp": "another"},
        {"nonce": "stolen"},
        {"nonce": None},
        {"nonce": 1},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"exp": None},
        {"exp": -300},
        {"exp": "soon"},
        {"iat": 3600},
        {"iat": None},
        {"nbf": 3600},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_us_lets_nobody_in(enter, issuer, database, claims):
    """Attack row 37: other `iss`, lists of `aud`, `nonce`, clocks that are off by more than a minute."""
    issuer.claims = from_now(claims)
    where, browser = await enter()
    assert where == REFUSED
    assert (await browser.get("/auth/me")).status_code == 401
    async with database.begin() as db:
        assert await db.scalar(select(func.count()).select_from(Identity)) == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [CLIENT]},
        {"aud": [CLIENT, "another"], "azp": CLIENT},
        {"exp": -5},
        {"iat": 30},
    ],
    ids=["list of one", "authorised party", "just over", "clock ahead"],
)
async def test_a_token_within_the_rules_does(enter, issuer, claims):
    issuer.claims = from_now(claims)
    assert (await enter())[0] == "/"


@pytest.mark.parametrize("sign", ["by_nobody", "by_public_key_as_secret", "by_a_key_of_the_header"])
async def test_a_token_that_the_issuers_key_did_not_sign_lets_nobody_in(enter, issuer, sign):
    """Attack row 37: `alg` none, HS256 with the public key, a key that came along."""
    issuer.sign = getattr(issuer, sign)
    assert (await enter())[0] == REFUSED


@pytest.mark.parametrize("kid", ["../../etc/passwd", "http://127.0.0.1:1/keys", "two", "' OR 1=1 --"])
async def test_a_key_id_is_only_looked_up_in_the_issuers_set(enter, issuer, kid):
    """Attack row 37: `kid` as a path, an address, an unknown one; and headers that name other keys."""
    issuer.header = {"kid": kid}
    assert (await enter())[0] == REFUSED
    issuer.header = {"jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/x"}
    assert (await enter())[0] == "/"  # the issuer's own key signed it, and nobody went there


@pytest.mark.parametrize(
    "change", [{"state": None}, {"state": "guess"}, {"code": None}, {"iss": "https://other.example"}]
)
async def test_what_comes_back_must_be_what_was_sent(enter, issuer, change):
    """Attack row 37: `state` missing or made up; RFC 9207: another issuer's answer."""
    assert (await enter(change=change))[0] == REFUSED
    assert issuer.exchanged == 0


async def test_a_state_works_once_and_only_in_its_browser(call, issuer):
    """Attack row 37: `state` replayed, and put into somebody else's browser."""
    mine, other = call(None), call(None)
    back = issuer.visit((await mine.post(f"{AT}/start", json={})).json()["url"])
    assert (await other.get(f"{AT}/callback", params=back)).headers["location"] == REFUSED
    assert (await mine.get(f"{AT}/callback", params=back)).headers["location"] == REFUSED
    back = issuer.visit((await mine.post(f"{AT}/start", json={})).json()["url"])
    assert (await mine.get(f"{AT}/callback", params=back)).headers["location"] == "/"
    assert (await mine.get(f"{AT}/callback", params=back)).headers["location"] == REFUSED
    assert issuer.exchanged == 1


async def test_what_the_browser_is_sent_with(call, issuer):
    """PKCE by S256, a nonce and a state of their own each time; the cookie is for this browser alone."""
    answers = [await call(None).post(f"{AT}/start", json={}) for _ in range(2)]
    asked = [{k: v[0] for k, v in parse_qs(urlsplit(a.json()["url"]).query).items()} for a in answers]
    assert {a["code_challenge_method"] for a in asked} == {"S256"}
    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name] and len(asked[0][name]) >= 43
    sent = answers[0].headers["set-cookie"]
    assert "HttpOnly" in sent and "SameSite=lax" in sent


@pytest.mark.parametrize(
    ("discovery", "error"),
    [
        ({"issuer": "https://other.example"}, "provider_refused"),
        ({"token_endpoint": "file:///etc/passwd"}, "provider_away"),
        ({"jwks_uri": "gopher://x"}, "provider_away"),
        ({"authorization_endpoint": None}, "provider_away"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "provider_away"),
    ],
    ids=str,
)
async def test_a_discovery_that_lies_is_refused(call, issuer, discovery, error):
    """Attack rows 37 and 62."""
    issuer.discovery = discovery
    answer = await call(None).post(f"{AT}/start", json={})
    assert answer.json()["error"]["code"] == error


@pytest.mark.parametrize("place", ["http://169.254.169.254/token", "http://localhost:9/token", "http://[::1]:9/t"])
async def test_a_discovery_cannot_send_us_into_the_private_network(enter, issuer, place):
    """Attack row 62: only the host that the settings name may be private."""
    issuer.discovery = {"token_endpoint": place}
    assert (await enter())[0] == "/sign-in?error=provider_away"


async def test_no_redirect_is_followed(enter, issuer):
    """Attack row 62."""
    issuer.discovery = {"jwks_uri": f"{issuer.url}/redirected?to={issuer.url}/keys"}
    assert (await enter())[0] == "/sign-in?error=provider_away"


async def test_userinfo_is_asked_where_the_token_has_no_address_and_must_be_of_the_same_person(enter, issuer):
    issuer.claims = {"email": None, "email_verified": None}
    issuer.userinfo = {"sub": "somebody else", "email": "grace@example.com", "email_verified": True}
    assert (await enter())[0] == REFUSED
    issuer.userinfo = {"sub": "s-1", "email": "grace@example.com", "email_verified": True}
    assert (await enter())[0] == "/"


async def test_linking_and_unlinking(enter, call, client, ada, database, issuer):
    where, _ = await enter(client, start="/account/identities/oidc/start")
    assert where == "/profile"
    [row] = (await client.get("/account/identities")).json()["items"]
    assert row["provider"] == "oidc"
    _, browser = await enter()
    assert (await browser.get("/auth/me")).json()["user"]["email"] == ada.email
    bob = call(await make.person(database, ada.organization_id, Role.MEMBER))
    where, _ = await enter(bob, start="/account/identities/oidc/start")
    assert where == "/profile?error=linked_elsewhere"
    assert (await bob.delete(f"/account/identities/{row['id']}")).status_code == 404
    assert (await client.delete(f"/account/identities/{row['id']}")).status_code == 204
    assert (await client.get("/account/identities")).json()["items"] == []


async def test_the_last_way_in_stays(enter):
    _, browser = await enter()
    csrf = {"x-csrf-token": (await browser.get("/auth/me")).json()["csrf_token"]}
    [row] = (await browser.get("/account/identities")).json()["items"]
    answer = await browser.delete(f"/account/identities/{row['id']}", headers=csrf)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "last_way_in")
    assert len((await browser.get("/account/identities")).json()["items"]) == 1
