"""Signing in: the first account, sign-up, login, sign-ins, and the ways in which each is refused."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from backend.accounts.signin import service
from backend.accounts.signin.models import FailedLogin, SignIn
from backend.core import crypto
from backend.core.auth import Role
from backend.core.db import now
from backend.core.settings import Settings
from tests import make
from tests.clients import Closed

ADA = {"email": "Ada@Example.com", "password": make.PASSWORD, "name": "Ada", "organization": "Engines"}


async def test_the_printed_token_makes_the_first_account_and_signs_in(call, database):
    async with database.begin() as db:
        token = await service.offer_setup(db)
    browser = call(None)
    assert (await browser.post("/auth/setup/check", json={"token": token})).status_code == 204
    answer = await browser.post("/auth/setup", json=ADA | {"token": token})
    assert answer.status_code == 201
    over = await browser.post("/auth/setup/check", json={"token": token})
    assert (over.status_code, over.json()["error"]["code"]) == (404, "already_set_up")
    assert answer.json()["user"]["email"] == "ada@example.com"
    assert answer.json()["organizations"][0]["role"] == "owner"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert (await browser.get("/auth/me")).json()["csrf_token"] == answer.json()["csrf_token"]


async def test_the_token_works_once_even_when_two_use_it_together(call, database):
    """Attack row 40."""
    async with database.begin() as db:
        token = await service.offer_setup(db)
    bodies = [ADA | {"token": token, "email": f"{n}@example.com"} for n in range(4)]
    answers = await asyncio.gather(*(call(None).post("/auth/setup", json=body) for body in bodies))
    assert sorted(a.status_code for a in answers) == [201, 404, 404, 404]
    async with database.begin() as db:
        assert await service.offer_setup(db) is None


async def test_a_wrong_token_is_not_found(call, database):
    async with database.begin() as db:
        await service.offer_setup(db)
    assert (await call(None).post("/auth/setup", json=ADA | {"token": "guess"})).status_code == 404


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:8300.evil.example", "http://localhost:9999"]
)
async def test_a_page_of_another_origin_signs_nobody_in(call, client, resources, monkeypatch, origin):
    """Login CSRF: a form of another site, sent as text/plain, would leave its visitor signed in as whom that site chose."""
    monkeypatch.setattr(resources, "settings", Settings(data=resources.data, registration=True))
    foreign = call(None)
    for path, body in (
        ("setup", ADA | {"token": "x"}),
        ("register", ADA),
        ("login", {"email": "a@b.c", "password": "x" * 9}),
    ):
        answer = await foreign.post(
            f"/auth/{path}", json=body, headers={"origin": origin, "content-type": "text/plain"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin"), path
        assert "set-cookie" not in answer.headers
    ours = await foreign.post("/auth/register", json=ADA, headers={"origin": "http://localhost:8300"})
    assert ours.status_code == 201


async def test_registration_is_closed_until_opened(call):
    answer = await call(None).post("/auth/register", json=ADA)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "registration_closed")


async def test_an_open_registration_makes_an_organisation_of_ones_own(call, resources, monkeypatch):
    monkeypatch.setattr(resources, "settings", Settings(data=resources.data, registration=True))
    answer = await call(None).post("/auth/register", json=ADA)
    assert answer.status_code == 201
    assert [o["name"] for o in answer.json()["organizations"]] == ["Engines"]
    again = await call(None).post("/auth/register", json=ADA | {"email": "ADA@example.com "})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "email_taken")


async def test_an_invitation_lets_its_address_in_once(call, client, ada):
    body = {"email": "bob@example.com", "role": "viewer"}
    sent = await client.post(f"/organizations/{ada.organization_id}/invitations", json=body)
    code = sent.json()["invitation"]
    bob = {"email": "bob@example.com", "password": make.PASSWORD, "name": "Bob", "invitation": code}
    other = await call(None).post("/auth/register", json=bob | {"email": "eve@example.com"})
    assert (other.status_code, other.json()["error"]["code"]) == (403, "invalid_invitation")
    joined = await call(None).post("/auth/register", json=bob)
    assert joined.status_code == 201
    assert [o["role"] for o in joined.json()["organizations"]] == ["viewer"]
    again = await call(None).post("/auth/register", json=bob | {"email": "bob2@example.com"})
    assert (again.status_code, again.json()["error"]["code"]) == (403, "invitation_used")


async def test_login_with_the_password_and_without(call, ada, monkeypatch):
    """Attack row 39: an address of nobody costs one comparison, as one of somebody does, and is answered alike."""
    compared, real = [], crypto.verify_password
    monkeypatch.setattr(crypto, "verify_password", lambda stored, given: compared.append(stored) or real(stored, given))
    browser = call(None)
    good = await browser.post("/auth/login", json={"email": ada.email.upper(), "password": make.PASSWORD})
    assert good.status_code == 200
    bad = await call(None).post("/auth/login", json={"email": ada.email, "password": "wrong password"})
    unknown = await call(None).post("/auth/login", json={"email": "no@body.org", "password": "wrong password"})
    assert bad.status_code == unknown.status_code == 401
    strip = lambda answer: answer.json()["error"] | {"request_id": ""}  # noqa: E731
    assert strip(bad) == strip(unknown)
    assert len(compared) == 3
    assert len({stored.rsplit("$", 2)[0] for stored in compared}) == 1  # of one cost


async def test_guessing_is_slowed_down_and_locks_nobody_out(call, app, ada):
    """Attack row 39: wrong passwords from one address do not keep the owner out from another."""
    for _ in range(service.WRONG_PER_ACCOUNT):
        await call(None).post("/auth/login", json={"email": ada.email, "password": "wrong password"})
    slowed = await call(None).post("/auth/login", json={"email": ada.email, "password": make.PASSWORD})
    assert slowed.status_code == 429
    assert int(slowed.headers["retry-after"]) > 0
    spoofed = await call(None).post(
        "/auth/login", json={"email": ada.email, "password": make.PASSWORD}, headers={"x-forwarded-for": "9.9.9.9"}
    )
    assert spoofed.status_code == 429
    elsewhere = call(None)
    elsewhere._transport.client = ("10.1.1.1", 1)
    good = await elsewhere.post("/auth/login", json={"email": ada.email, "password": make.PASSWORD})
    assert good.status_code == 200


async def test_a_browser_that_signed_in_before_is_not_slowed_down_by_others_at_its_address(
    call, database, ada, monkeypatch
):
    """Attack row 39, from behind the owner's own address: the browser's cookie gives it a count of its own, for its account."""
    monkeypatch.setattr(service, "WRONG_PER_ACCOUNT", 2)
    bob = await make.person(database, ada.organization_id, Role.MEMBER)

    async def login(browser, person=ada, password="wrong password", **sent) -> int:
        body = {"email": person.email, "password": password}
        return (await browser.post("/auth/login", json=body, **sent)).status_code

    hers, his = call(None), call(None)
    assert [await login(hers, ada, make.PASSWORD), await login(his, bob, make.PASSWORD)] == [200, 200]
    assert [await login(call(None)) for _ in range(3)] == [401, 401, 429]
    assert await login(his, ada, make.PASSWORD) == 429  # known, but not to this account
    mine = hers.cookies["codeyard-browser"]
    for odd in ("", ".", "x", mine[:-2], mine + "00", mine.partition(".")[0] + ".", "0." + "00" * 40, "caf\xe9"):
        sent = {"cookie": f"codeyard-browser={odd}".encode("latin-1")}
        assert await login(call(None), ada, make.PASSWORD, headers=sent) == 429, odd
    assert await login(hers, ada, make.PASSWORD) == 200
    assert [await login(hers) for _ in range(3)] == [401, 401, 429]
    assert await login(hers, ada, make.PASSWORD) == 429


async def test_wrong_passwords_of_a_clock_that_was_ahead_lock_nobody_out(call, database, ada):
    async with database.begin() as db:
        for _ in range(service.WRONG_PER_ACCOUNT):
            later = now() + timedelta(days=365)
            db.add(FailedLogin(account=crypto.digest(ada.email), place="127.0.0.1", at=later))
    answer = await call(None).post("/auth/login", json={"email": ada.email, "password": make.PASSWORD})
    assert answer.status_code == 200


async def test_odd_names_are_refused_and_never_break_anything(call):
    """Attack row 39: a megabyte, NUL, CR and LF."""
    for email in ("a" * 1_000_000, "a\x00@b.c", "a\r\nInjected: x@b.c", "", "@"):
        answer = await call(None).post("/auth/login", json={"email": email, "password": "x"})
        assert answer.status_code in (401, 422)


async def test_logout_ends_the_sign_in(client, database):
    assert (await client.post("/auth/logout")).status_code == 204
    assert (await client.get("/auth/me")).status_code == 401
    async with database.begin() as db:
        assert await db.scalar(select(func.count()).select_from(SignIn)) == 0


async def test_an_unsafe_request_by_cookie_needs_the_csrf_token(client, ada):
    client.headers.pop("x-csrf-token")
    answer = await client.post("/organizations", json={"name": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "csrf_mismatch")
    wrong = await client.post("/organizations", json={"name": "x"}, headers={"x-csrf-token": "é".encode()})
    assert wrong.status_code == 403


async def test_a_cookie_given_twice_is_nobodys(call, ada):
    """Attack row 10: a planted cookie of the same name beside the real one."""
    real = ada.headers["cookie"]
    for planted in (f"codeyard=evil; {real}", f"{real}; codeyard=evil"):
        answer = await call(None).get("/auth/me", headers={"cookie": planted})
        assert answer.status_code == 401


async def test_over_tls_only_the_host_bound_cookie_counts(call, ada, resources, monkeypatch):
    """Attack rows 10 and 11."""
    monkeypatch.setattr(resources, "settings", Settings(data=resources.data, public_url="https://code.example.com"))
    assert (await call(ada).get("/auth/me")).status_code == 401
    secret = ada.headers["cookie"].partition("=")[2]
    good = await call(None).get("/auth/me", headers={"cookie": f"codeyard=evil; __Host-codeyard={secret}"})
    assert good.status_code == 200
    login = await call(None).post("/auth/login", json={"email": ada.email, "password": make.PASSWORD})
    sent = login.headers["set-cookie"]
    assert sent.startswith("__Host-codeyard=")
    assert "Secure" in sent and "Path=/" in sent and "Domain" not in sent


async def test_sign_ins_are_listed_and_ended(call, ada, client):
    other = call(None)
    await other.post("/auth/login", json={"email": ada.email, "password": make.PASSWORD})
    rows = (await client.get("/auth/sign-ins")).json()["items"]
    assert sorted(row["current"] for row in rows) == [False, True]
    [theirs] = [row["id"] for row in rows if not row["current"]]
    assert (await client.delete(f"/auth/sign-ins/{theirs}")).status_code == 204
    assert (await other.get("/auth/me")).status_code == 401
    assert (await client.delete(f"/auth/sign-ins/{theirs}")).status_code == 404


async def test_a_cookie_that_was_taken_does_not_guess_the_password(call, ada, client):
    """Attack row 39: and another browser of the owner's need not wait."""
    guess = {"current": "nonsense", "new": "another good one"}
    answers = [await client.post("/auth/password", json=guess) for _ in range(service.WRONG_PER_ACCOUNT + 1)]
    assert [a.status_code for a in answers] == [*[401] * service.WRONG_PER_ACCOUNT, 429]
    for path, body in (("/account/second-factor", {}), ("/account/email", {"email": "x@example.com"})):
        assert (await client.post(path, json=body | {"password": make.PASSWORD})).status_code == 429
    browser = call(None)
    me = await browser.post("/auth/login", json={"email": ada.email, "password": make.PASSWORD})
    browser.headers["x-csrf-token"] = me.json()["csrf_token"]
    right = {"current": make.PASSWORD, "new": "another good one"}
    assert (await browser.post("/auth/password", json=right)).status_code == 204


async def test_a_new_password_signs_every_other_browser_out(call, ada, client):
    """Attack row 15."""
    other = call(None)
    await other.post("/auth/login", json={"email": ada.email, "password": make.PASSWORD})
    wrong = await client.post("/auth/password", json={"current": "nonsense", "new": "another good one"})
    assert wrong.status_code == 401
    body = {"current": make.PASSWORD, "new": "another good one"}
    theirs = {"cookie": "; ".join(f"{name}={value}" for name, value in other.cookies.items())}
    async with client.socket("/ws/events") as mine, other.socket("/ws/events", headers=theirs) as socket:
        assert (await client.post("/auth/password", json=body)).status_code == 204
        with pytest.raises(Closed) as closed:
            await socket.receive_json()
        assert closed.value.code == 4401
        await client.post("/workspace", json={"name": "one"})
        assert (await mine.receive_json())["name"]
    assert (await client.get("/auth/me")).status_code == 200
    assert (await other.get("/auth/me")).status_code == 401


async def test_a_key_is_nobody_who_could_sign_out(call, database, ada):
    key = await make.key(database, ada.organization_id, "admin")
    assert (await call(key).post("/auth/logout")).json()["error"]["code"] == "needs_person"


async def test_a_key_learns_what_it_is_of_and_what_it_may_whatever_that_is(call, database, ada):
    """As a CI job asks before it begins."""
    ends = now() + timedelta(days=1)
    key = await make.key(database, ada.organization_id, "files:write", expires_at=ends, requests_per_minute=60)
    me = (await call(key).get("/auth/me")).json()
    assert (me["user"], me["csrf_token"]) == (None, "")
    assert [(one["id"], one["role"]) for one in me["organizations"]] == [(str(ada.organization_id), None)]
    shown = me["key"]
    assert (shown["id"], shown["scopes"], shown["requests_per_minute"]) == (str(key.key_id), ["files:write"], 60)
    assert datetime.fromisoformat(shown["expires_at"]) == ends and "key" not in shown
    assert (await call(ada).get("/auth/me")).json()["key"] is None


async def test_mass_assignment_is_refused(call, database):
    """Attack row 43."""
    async with database.begin() as db:
        token = await service.offer_setup(db)
    answer = await call(None).post("/auth/setup", json=ADA | {"token": token, "owns_installation": True})
    assert answer.status_code == 422
