"""Connecting by OAuth, against a server that speaks it: PKCE, state, tokens that expire, and what is taken back."""

import asyncio
import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from sqlalchemy import text

from backend.core.auth import Role
from backend.core.db import now
from tests import make
from tests.forges import CLIENT, NAME, SECRET
from tests.workbench.test_imports import PROVIDERS, imported, session, upstream  # noqa: F401 - fixtures


@pytest.fixture(params=PROVIDERS)
def provider(request, resources, upstream, monkeypatch):  # noqa: F811
    name = request.param
    ours = {f"{name}_url": upstream.base, f"{name}_client_id": CLIENT, f"{name}_client_secret": SECRET}
    monkeypatch.setattr(resources, "settings", msgspec.structs.replace(resources.settings, **ours))
    return name


async def went(client, upstream, provider):  # noqa: F811
    """(what the provider sends the browser back with, the browser's cookie)."""
    answer = await client.post(f"/{provider}/start")
    assert answer.status_code == 200, answer.text
    cookie = answer.headers["set-cookie"].partition(";")[0]
    return upstream.oauth.visit(answer.json()["url"]), cookie, answer.json()["url"]


async def back(call, provider, answer, cookie):
    """Where the browser ends, by way of the one redirect that is registered."""
    browser = call(None)
    first = await browser.get(f"/auth/providers/{provider}/callback", params=answer, headers={"cookie": cookie})
    assert first.status_code == 303
    where = first.headers["location"]
    assert where.startswith(f"/api/v1/{provider}/callback?"), where
    then = await browser.get(where.removeprefix("/api/v1"), headers={"cookie": cookie})
    assert then.status_code == 303, then.text
    return then.headers["location"]


async def connected(client, call, upstream, provider):  # noqa: F811
    answer, cookie, _ = await went(client, upstream, provider)
    assert await back(call, provider, answer, cookie) == f"/integrations?connected={provider}"
    [row] = (await client.get(f"/{provider}")).json()["items"]
    return row


async def test_a_click_connects_imports_and_is_taken_back(client, call, upstream, provider, session, database):  # noqa: F811
    answer, cookie, url = await went(client, upstream, provider)
    asked = {key: value[0] for key, value in parse_qs(urlsplit(url).query).items()}
    assert asked["redirect_uri"].endswith(f"/api/v1/auth/providers/{provider}/callback")
    assert {"github": "repo", "gitlab": "api", "bitbucket": "repository:write"}[provider] in asked["scope"].split()
    assert await back(call, provider, answer, cookie) == f"/integrations?connected={provider}"
    [row] = (await client.get(f"/{provider}")).json()["items"]
    assert (row["account"], row["oauth"], row["base_url"]) == ("ada", True, upstream.base)
    done = await imported(client, session, provider)
    assert done["status"] == "succeeded", done
    tokens = [token for token in upstream.accounts if token.startswith("access-")]
    async with database.begin() as db:
        for table in ("connections", "events", "provider_attempts", "pgqueuer", "job_tries"):
            for found in (await db.execute(text(f"SELECT t::text FROM {table} t"))).scalars():
                assert not any(token in found or token.encode().hex() in found for token in tokens), table
    assert (await client.delete(f"/{provider}/{row['id']}")).status_code == 204
    assert upstream.oauth.revoked == ([] if provider == "bitbucket" else tokens)


async def test_tokens_are_renewed_once_for_many_at_once(client, call, upstream, provider, database):  # noqa: F811
    await connected(client, call, upstream, provider)
    upstream.accounts = {token: who for token, who in upstream.accounts.items() if not token.startswith("access-")}
    async with database.begin() as db:
        await db.execute(text("UPDATE connections SET expires_at = :past"), {"past": now() - timedelta(minutes=1)})
    query = {"repository": NAME}
    answers = await asyncio.gather(*(client.get(f"/{provider}/branches", params=query) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5, answers[0].text
    assert upstream.oauth.renewed == 1
    upstream.oauth.renewals.clear()
    async with database.begin() as db:
        await db.execute(text("UPDATE connections SET expires_at = :past"), {"past": now() - timedelta(minutes=1)})
    answer = await client.get(f"/{provider}/branches", params=query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "provider_refused")
    await connected(client, call, upstream, provider)
    assert (await client.get(f"/{provider}/branches", params=query)).status_code == 200


@pytest.mark.parametrize("provider", ["github"], indirect=True)
async def test_what_comes_back_wrong_connects_nobody(client, call, ada, upstream, provider, database):  # noqa: F811
    """Attack row 37: state missing, invented, of a sign-in, used again, of another provider, in another browser; no code."""

    async def refused(answer, cookie, at=provider):
        browser = call(None)
        said = await browser.get(f"/{at}/callback", params=answer, headers={"cookie": cookie})
        assert said.status_code == 303 and said.headers["location"].startswith("/integrations?error="), said.headers
        return said.headers["location"].partition("=")[2]

    answer, cookie, _ = await went(client, upstream, provider)
    for wrong in ({}, {"code": answer["code"]}, {"code": "x", "state": "connect.x"}, {"code": "x", "state": "y\x00"}):
        assert await refused(wrong, cookie) == "provider_refused"
    assert await refused(answer, cookie.partition("=")[0] + "=another") == "provider_refused"
    assert await refused(answer, cookie) == "provider_refused"  # used up by the browser that was not it
    answer, cookie, _ = await went(client, upstream, provider)
    assert await refused(answer | {"code": "code-of-another"}, cookie) == "provider_refused"
    answer, cookie, _ = await went(client, upstream, provider)
    assert await refused(answer, cookie, "gitlab") == "no_such_provider"
    started = await client.post(f"/account/identities/{provider}/start")
    linking = started.headers["set-cookie"].partition(";")[0]
    assert await refused(upstream.oauth.visit(started.json()["url"]), linking) == "provider_refused"
    answer, cookie, _ = await went(client, upstream, provider)
    assert await back(call, provider, answer, cookie) == "/integrations?connected=github"
    assert await refused(answer, cookie) == "provider_refused"
    key = call(await make.key(database, ada.organization_id, "services:write"))
    assert (await key.post(f"/{provider}/start")).status_code == 403
    member = call(await make.person(database, ada.organization_id, Role.MEMBER))
    assert (await member.get(f"/{provider}")).json()["items"] == []
    assert (await client.post("/gitlab/start")).json()["error"]["code"] == "no_such_provider"
    [row] = (await client.get("/github")).json()["items"]
    assert "access-" not in json.dumps(row)
