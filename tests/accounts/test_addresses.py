"""E-mail: addresses proved, passwords reset, invitations sent and accepted, and the outbox."""

import asyncio
import re
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import update

from backend.accounts.mail.models import Mail
from backend.accounts.orgs.models import Invitation
from backend.accounts.signin import service
from backend.accounts.signin.models import EmailToken
from backend.core.auth import Role
from backend.core.db import now
from tests import make
from tests.conftest import idle


@pytest.fixture
def link(client):
    """The token of the newest message to an address, as the installation's owner reads it in the outbox."""

    async def newest(recipient: str) -> str:
        mails = (await client.get("/mail/outbox")).json()["items"]
        text = next(mail["text"] for mail in mails if mail["recipient"] == recipient)
        return re.search(r"(?:token|invitation)=(\S+)", text)[1]

    return newest


async def test_an_address_is_proved_by_its_link_once(client, ada, link, call):
    assert (await client.post("/auth/verify-email/send")).status_code == 204
    first = await link(ada.email)
    await client.post("/auth/verify-email/send")
    assert (await call(None).post("/auth/verify-email", json={"token": first})).status_code == 403
    token = {"token": await link(ada.email)}
    assert (await client.get("/auth/me")).json()["user"]["email_verified"] is False
    assert (await call(None).post("/auth/verify-email", json=token)).status_code == 204
    assert (await client.get("/auth/me")).json()["user"]["email_verified"] is True
    assert (await call(None).post("/auth/verify-email", json=token)).status_code == 403


async def test_a_new_address_counts_once_it_is_proved(client, ada, link, call, database):
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    body = {"email": "New@Example.com", "password": make.PASSWORD}
    assert (await client.post("/account/email", json=body | {"password": "wrong"})).status_code == 401
    assert (await client.post("/account/email", json=body)).status_code == 204
    assert (await client.get("/auth/me")).json()["user"]["email"] == ada.email
    assert (
        await call(None).post("/auth/verify-email", json={"token": await link("new@example.com")})
    ).status_code == 204
    assert (await client.get("/auth/me")).json()["user"]["email"] == "new@example.com"
    told = next(m for m in (await client.get("/mail/outbox")).json()["items"] if m["recipient"] == ada.email)
    assert "the address new@example.com from now on" in told["text"]
    await client.post("/account/email", json=body | {"email": bob.email})
    taken = await call(None).post("/auth/verify-email", json={"token": await link(bob.email)})
    assert taken.json()["error"]["code"] == "email_taken"


async def test_a_reset_sets_the_password_and_ends_every_sign_in(client, ada, link, call, monkeypatch):
    """Attack rows 15 and 39: somebody else's wrong passwords keep nobody from it, or from signing in by what it sets."""
    monkeypatch.setattr(service, "WRONG_PER_ACCOUNT", 2)
    guess = {"email": ada.email, "password": "wrong password"}
    assert [(await call(None).post("/auth/login", json=guess)).status_code for _ in range(3)] == [401, 401, 429]
    asked = await call(None).post("/auth/reset-password/send", json={"email": ada.email.upper()})
    unknown = await call(None).post("/auth/reset-password/send", json={"email": "nobody@example.com"})
    assert (asked.status_code, asked.content) == (unknown.status_code, unknown.content) == (204, b"")
    body = {"token": await link(ada.email), "password": "another good one"}
    assert (await call(None).post("/auth/reset-password", json=body)).status_code == 204
    assert (await client.get("/auth/me")).status_code == 401
    assert (await call(None).post("/auth/reset-password", json=body)).status_code == 403
    login = {"email": ada.email, "password": "another good one"}
    assert (await call(None).post("/auth/login", json=login)).status_code == 200


async def test_a_new_password_ends_the_links_that_somebody_with_the_old_one_asked_for(client, ada, link, call):
    """Attack row 15: an address that is not the owner's would be the account's, once such a link is opened."""
    taken = {"email": "mallory@example.com", "password": make.PASSWORD}
    assert (await client.post("/account/email", json=taken)).status_code == 204
    change = {"token": await link("mallory@example.com")}
    await call(None).post("/auth/reset-password/send", json={"email": ada.email})
    body = {"token": await link(ada.email), "password": "another good one"}
    assert (await call(None).post("/auth/reset-password", json=body)).status_code == 204
    late = await call(None).post("/auth/verify-email", json=change)
    assert late.json()["error"]["code"] == "invalid_link"


async def test_a_hundred_wrong_passwords_from_ones_own_address_are_no_lock(ada, link, call, monkeypatch):
    """Attack row 39: the link is sent and opened in a new browser behind the guesser's address, which then need not wait."""
    monkeypatch.setattr(service, "WRONG_PER_PLACE", 3)
    guesses = [{"email": f"{n}@example.com", "password": "wrong password"} for n in range(3)]
    assert [(await call(None).post("/auth/login", json=guess)).status_code for guess in guesses] == [401] * 3
    browser = call(None)
    login = {"email": ada.email, "password": make.PASSWORD}
    assert (await browser.post("/auth/login", json=login)).status_code == 429
    assert (await browser.post("/auth/reset-password/send", json={"email": ada.email})).status_code == 204
    body = {"token": await link(ada.email), "password": "another good one"}
    assert (await browser.post("/auth/reset-password", json=body)).status_code == 204
    login["password"] = "another good one"
    assert (await browser.post("/auth/login", json=login)).status_code == 200
    assert (await call(None).post("/auth/login", json=login)).status_code == 429


async def test_links_end_and_one_kind_is_not_another(client, ada, link, call, database):
    await client.post("/auth/verify-email/send")
    verify = await link(ada.email)
    reset = {"token": verify, "password": "another good one"}
    assert (await call(None).post("/auth/reset-password", json=reset)).status_code == 403
    async with database.begin() as db:
        await db.execute(update(EmailToken).values(expires_at=now() - timedelta(seconds=1)))
    assert (await call(None).post("/auth/verify-email", json={"token": verify})).status_code == 403


async def test_nobodys_box_is_flooded(ada, client, call):
    other = {"email": "somebody@example.com", "password": make.PASSWORD}
    for by, path, body in (
        (call(None), "/auth/reset-password/send", {"email": ada.email}),
        (client, "/account/email", other),  # of whoever it is
    ):
        answers = [await by.post(path, json=body) for _ in range(12)]
        assert [a.status_code for a in answers].count(204) == 10
        assert answers[-1].json()["error"]["code"] == "too_many_links" and int(answers[-1].headers["retry-after"]) > 0
    assert (await client.post("/auth/verify-email/send")).status_code == 429  # the same person's


@pytest.mark.parametrize("email", ["a\x00@b.c", "a\r\nBcc: x@b.c", "é@b.c", "@"])
async def test_odd_addresses_are_nobodys(call, email, client):
    """Attack row 39."""
    answer = await call(None).post("/auth/reset-password/send", json={"email": email})
    assert answer.status_code == 204
    refused = await client.post("/account/email", json={"email": "a\r\nBcc: x@b.c", "password": make.PASSWORD})
    assert refused.status_code == 422


async def test_an_invitation_is_accepted_by_an_account_that_is_there(client, ada, link, call, database):
    other = await make.person(database, await make.organization(database, "Other"), Role.OWNER)
    at = f"/organizations/{ada.organization_id}/invitations"
    sent = (await client.post(at, json={"email": other.email.upper(), "role": "commenter", "days": 30})).json()
    assert await link(other.email) == sent["invitation"]
    again = (await client.post(f"{at}/{sent['id']}/resend")).json()
    assert again["id"] == sent["id"] and again["expires_at"] > sent["expires_at"]
    old = await call(other).post("/auth/accept-invitation", json={"invitation": sent["invitation"]})
    assert old.json()["error"]["code"] == "invalid_invitation"
    thief = await make.person(database, await make.organization(database, "Third"), Role.OWNER)
    code = {"invitation": again["invitation"]}
    assert (await call(thief).post("/auth/accept-invitation", json=code)).status_code == 403
    answers = await asyncio.gather(*(call(other).post("/auth/accept-invitation", json=code) for _ in range(2)))
    assert [a.status_code for a in answers] == [204, 204]
    mine = (await call(other).get("/auth/me")).json()["organizations"]
    assert {o["id"]: o["role"] for o in mine}[str(ada.organization_id)] == "commenter"
    refused = (await call(thief).post("/auth/accept-invitation", json=code)).json()["error"]
    assert refused["code"] == "invitation_used"
    assert refused["details"] == {"organization_id": str(ada.organization_id), "organization": "Acme"}
    assert (await call(None).post("/auth/invitation", json=code)).json()["error"]["code"] == "invitation_used"
    await client.delete(f"/organizations/{ada.organization_id}/members/{other.user_id}")
    assert (await call(other).post("/auth/accept-invitation", json=code)).status_code == 403


async def test_an_address_has_one_invitation_at_a_time_and_a_member_none(client, ada, call, database):
    """A second one would let them back in once they are removed."""
    at = f"/organizations/{ada.organization_id}/invitations"
    bob = await make.person(database, await make.organization(database, "Other"), Role.OWNER)
    member = await make.person(database, ada.organization_id, Role.VIEWER)
    told = await client.post(at, json={"email": member.email.upper(), "role": "admin"})
    assert (told.status_code, told.json()["error"]["code"]) == (409, "member_already")
    tries = [client.post(at, json={"email": bob.email, "role": role}) for role in ("viewer", "member")]
    answers = sorted(await asyncio.gather(*tries), key=lambda a: a.status_code)
    assert [a.status_code for a in answers] == [201, 409]
    made, error = answers[0].json(), answers[1].json()["error"]
    assert (error["code"], error["details"]) == ("invited_already", {"invitation_id": made["id"]})
    async with database.begin() as db:
        await db.execute(update(Invitation).values(expires_at=now() - timedelta(seconds=1)))
    newer = (await client.post(at, json={"email": bob.email})).json()
    assert [row["id"] for row in (await client.get(at)).json()["items"]] == [newer["id"]]
    assert (
        await call(bob).post("/auth/accept-invitation", json={"invitation": newer["invitation"]})
    ).status_code == 204
    assert (await client.get(at)).json()["items"] == []


async def test_the_default_organisation_is_one_of_ones_own(client, ada, database):
    other = str(await make.organization(database, "Other"))
    at = "/account/profile"
    assert (await client.put(at, json={"default_organization_id": other})).status_code == 404
    mine = str(ada.organization_id)
    assert (await client.put(at, json={"default_organization_id": mine, "name": " Ada L. "})).status_code == 204
    me = (await client.get("/auth/me")).json()["user"]
    assert (me["default_organization_id"], me["name"]) == (mine, "Ada L.")
    assert (await client.get(at)).json() == me
    assert (await client.put(at, json={"owns_installation": True})).status_code == 422


async def test_only_the_installations_owner_reads_the_outbox_which_says_whose_links_are_over(
    client, call, database, ada
):
    admin = await make.person(database, ada.organization_id, Role.OWNER)
    answer = await call(admin).get("/mail/outbox")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "only_the_installations_owner")
    at = f"/organizations/{ada.organization_id}/invitations"
    sent, withdrawn = [(await client.post(at, json={"email": f"{n}@example.com"})).json() for n in range(2)]
    await client.delete(f"{at}/{withdrawn['id']}")
    await client.post(f"{at}/{sent['id']}/resend")
    for _ in range(2):
        await call(None).post("/auth/reset-password/send", json={"email": ada.email})
    async with database.begin() as db:
        await db.execute(update(EmailToken).values(expires_at=now()))
    await client.post("/auth/verify-email/send")
    rows = (await client.get("/mail/outbox")).json()["items"]
    assert [(row["recipient"], row["link_over"]) for row in rows] == [
        (ada.email, False),  # to verify
        *[(ada.email, True)] * 2,  # to reset: the first has a newer one, whose time is over
        ("0@example.com", False),
        ("1@example.com", True),
        ("0@example.com", True),
    ]


async def test_a_mail_server_is_handed_the_message_and_the_link_is_wiped(client, ada, resources, monkeypatch):
    """A small SMTP server (RFC 5321) of the test's own."""
    got: list[str] = []

    async def speak(reader, writer):
        writer.write(b"220 test\r\n")
        in_data = False
        while line := await reader.readline():
            got.append(line.decode())
            if in_data:
                in_data = line != b".\r\n"
                writer.write(b"" if in_data else b"250 ok\r\n")
                continue
            verb = line[:4].upper()
            in_data = verb == b"DATA"
            writer.write({b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"250 ok\r\n"))
            if verb == b"QUIT":
                break
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = msgspec.structs.replace(
        resources.settings, smtp_url=f"smtp://127.0.0.1:{port}", mail_from="c@example.com"
    )
    monkeypatch.setattr(resources, "settings", settings)
    await client.post("/auth/verify-email/send")
    await idle(resources.database)
    server.close()
    text = "".join(got)
    assert f"rcpt TO:<{ada.email}>" in text and "From: c@example.com" in text and "/verify-email?token" in text
    async with resources.database.begin() as db:
        [mail] = (await db.scalars(Mail.__table__.select().with_only_columns(Mail.id))).all()
        row = await db.get_one(Mail, mail)
    assert row.text == "" and row.sent_at is not None
