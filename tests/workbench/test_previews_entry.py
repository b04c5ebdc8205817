"""Previews: who may see one, how a browser gets in, and how it is put out again. Rows are those of the attack list."""

import asyncio
import base64
import json
import time
from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import delete, select, text
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backend.accounts.orgs.models import Membership
from backend.accounts.signin.models import SignIn
from backend.core.auth import Role
from backend.core.db import now
from backend.core.live import notify
from backend.workbench.previews import jobs, signing
from backend.workbench.previews.models import PreviewEntry, PreviewKey
from tests import make
from tests.workbench.previews_house import echo, opened, serving


@pytest.fixture
async def house(resources, app, ada):
    async with opened(resources, app, ada) as made, serving(echo) as port:
        made.declare("web", port)
        made.app_port = port
        yield made


@pytest.fixture
async def stranger(database):
    return await make.person(database, await make.organization(database, "Other"), Role.OWNER)


async def token_for(house, who, host=None):
    """A fresh entry's token."""
    async with house.client() as client:
        to = quote(f"http://{host or house.host()}/", safe="")
        answer = await client.get(
            f"/api/v1/preview-entry?to={to}", headers={"host": f"localhost:{house.port}", **who.headers}
        )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].split("token=")[1]


async def try_entry(house, token, label="web"):
    async with house.client() as client:
        return await client.get(f"/.codeyard/entry?token={token}", headers={"host": house.host(label)})


async def test_a_member_is_let_in_and_the_app_sees_nothing_of_how(house, ada):
    """Attack row 12: cookies, keys and the CSRF token stay here."""
    passed = await house.enter(ada, path="/deep?x=1")
    cookie = (
        f"codeyard=stolen; codeyard-browser=x; mine=1; {passed['cookie']}; __Host-codeyard=x; =codeyard=y; other=2; "
        "__Host-codeyard-browser=x"
    )
    headers = {"cookie": cookie, "x-csrf-token": ada.headers["x-csrf-token"], "authorization": "Bearer cy_live_abc"}
    async with house.client() as client:
        answer = await client.get("/", headers=headers)
        other = await client.get(
            "/", headers={**passed, "authorization": "Bearer apps-own", "x-csrf-token": "apps-own"}
        )
    told = dict(answer.json()["headers"])
    assert told["cookie"] == "mine=1; other=2"
    assert "authorization" not in told and "x-csrf-token" not in told
    assert "codeyard" not in answer.text.replace("/.codeyard", "")
    kept = dict(other.json()["headers"])
    assert kept["authorization"] == "Bearer apps-own" and kept["x-csrf-token"] == "apps-own" and "cookie" not in kept


async def test_a_pass_is_a_cookie_of_that_host_alone(house, ada):
    token = await token_for(house, ada)
    async with house.client() as client:
        answer = await client.get(f"/.codeyard/entry?token={token}")
    assert answer.headers["cache-control"] == "no-store" and answer.headers["referrer-policy"] == "no-referrer"
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value.startswith("codeyard-preview=")
    assert attributes == ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Lax"]
    house.declare("api", house.app_port, number=9000)
    async with house.client(cookie=value) as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/", headers={"host": house.host("api")})).status_code == 401


async def test_in_the_preview_pane_the_pass_is_kept_for_that_pane(house, ada):
    token = await token_for(house, ada)
    async with house.client() as client:
        answer = await client.get(f"/.codeyard/entry?token={token}", headers={"sec-fetch-dest": "iframe"})
    assert answer.headers["set-cookie"].endswith("HttpOnly; Secure; SameSite=None; Partitioned")


async def test_the_api_lists_previews_sets_who_sees_them_and_gives_an_entry(client, call, app, ada, database):
    workspace = (await client.post("/workspace", json={"name": "one"})).json()
    session = (await client.post("/sessions", json={"workspace_id": workspace["id"], "name": "one"})).json()["id"]
    declared = {"services": {"web": {"image": "x", "ports": ["8000", "9000/udp", "9001"]}, "db": {"image": "y"}}}
    written = {"op": "write", "path": "compose.yaml", "content": json.dumps(declared)}
    assert (await client.post(f"/workspace/{session}/filesystem", json=written)).status_code == 200
    found = (await client.get(f"/workspace/{session}/previews")).json()["items"]
    prefix = session.replace("-", "")[-10:]
    assert [(one["service"], one["port"], one["url"], one["visibility"]) for one in found] == [
        ("web", 8000, f"http://web--{prefix}.localhost:8300", "organization"),
        ("web", 9001, f"http://web-9001--{prefix}.localhost:8300", "organization"),
    ]
    here = f"/workspace/{session}/previews/{found[0]['service_id']}"
    assert (await client.put(f"{here}/8000", json={"visibility": "owner"})).json()["visibility"] == "owner"
    assert [one["visibility"] for one in (await client.get(f"/workspace/{session}/previews")).json()["items"]] == [
        "owner", "organization"
    ]  # fmt: skip
    for port in (0, -1, 65536, 9000, 5432):
        assert (await client.post(f"{here}/{port}/entry")).status_code == 404
        assert (await client.put(f"{here}/{port}", json={"visibility": "public"})).status_code == 404
    assert (await client.put(f"{here}/8000", json={"visibility": "world"})).status_code in (400, 422)
    entry = (await client.post(f"{here}/8000/entry")).json()["url"]
    assert entry.startswith(f"http://web--{prefix}.localhost:8300/.codeyard/entry?token=")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as browser:
        entered = await browser.get(entry)
        page = await browser.get(entered.headers["location"], headers={"accept": "text/html"})
    assert entered.status_code == 303 and page.status_code == 503 and "web is not running" in page.text
    other = call(await make.person(database, ada.organization_id, Role.ADMIN))
    assert (await other.post(f"{here}/8000/entry")).status_code == 404
    assert (await other.post(f"{here}/9001/entry")).status_code == 200
    key = call(await make.key(database, ada.organization_id, "services:write", "sessions:read"))
    assert (await key.put(f"{here}/8000", json={"visibility": "owner"})).status_code == 403


async def test_an_entry_is_good_once(house, ada):
    """Attack row 6 and 14."""
    token = await token_for(house, ada)
    answers = await asyncio.gather(*(try_entry(house, token) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [303] + [403] * 19
    async with house.client(accept="text/html") as client:  # who goes back to it reads what to do
        page = await client.get(f"/.codeyard/entry?token={token}")
    assert page.status_code == 403 and page.headers["content-type"].startswith("text/html")
    assert "open the preview&#x27;s address again" in page.text


async def test_an_entry_ends_after_thirty_seconds(house, ada, monkeypatch):
    token = await token_for(house, ada)
    later = time.time() + 31
    monkeypatch.setattr(signing.time, "time", lambda: later)
    assert (await try_entry(house, token)).status_code == 403


async def test_an_entry_is_bound_to_its_host_and_its_purpose(house, ada):
    """Attack row 14: other port, other workspace, other host, a pass as an entry, an entry as a pass."""
    house.declare("web", house.app_port, first=False, number=9000)
    for label in ("web-9000", "api"):
        assert (await try_entry(house, await token_for(house, ada), label)).status_code == 403
    entry = await token_for(house, ada)
    async with house.client(cookie=f"codeyard-preview={entry}") as client:
        assert (await client.get("/")).status_code == 401
    passed = (await house.enter(ada))["cookie"].split("=", 1)[1]
    assert (await try_entry(house, passed)).status_code == 403


async def test_a_token_says_nothing_of_how_it_is_checked(house, ada):
    """Attack row 14: `alg: none`, a changed claim, a cut or foreign signature, garbage."""
    token = await token_for(house, ada)
    key_id, payload, mac = token.split(".")

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    claims = base64.urlsafe_b64decode(payload + "==")
    changed = encoded(claims.replace(b'"path":"/"', b'"path":"/x"'))
    none = encoded(b'{"alg":"none","typ":"JWT"}')
    forged = [
        f"{key_id}.{changed}.{mac}", f"{key_id}.{payload}.", f"{key_id}.{payload}",
        f"{none}.{payload}.", f".{payload}.{mac}",
        f"{key_id}.{payload}.{mac[:-1]}", f"0.{payload}.{mac}", "", "..", "%00", "x" * 10_000,
    ]  # fmt: skip
    for one in forged:
        assert (await try_entry(house, one)).status_code == 403, one
    assert (await try_entry(house, f"{token}&token={token}")).status_code == 403
    assert (await try_entry(house, token)).status_code == 303


async def test_a_retired_key_s_tokens_are_worth_nothing(house, ada, resources):
    """Attack row 14."""
    passed, entry = await house.enter(ada), await token_for(house, ada)
    async with resources.database.begin() as db:
        await db.execute(delete(PreviewKey))
    await put_out(house, passed)
    assert (await try_entry(house, entry)).status_code == 403
    assert (await house.enter(ada))["cookie"].startswith("codeyard-preview=")


async def test_keys_turn_and_old_ones_and_used_entries_are_forgotten(house, ada, resources):
    await house.enter(ada)
    async with resources.database.begin() as db:
        await db.execute(text("UPDATE preview_keys SET created_at = now() - interval '31 days 1 hour'"))
        await db.execute(text("UPDATE preview_entries SET expires_at = now() - interval '10 minutes'"))
        [old] = await db.scalars(select(PreviewKey.id))
    await jobs.turn_keys(resources)
    async with resources.database.begin() as db:
        [new] = await db.scalars(select(PreviewKey.id))
        assert new != old and not (await db.scalars(select(PreviewEntry))).all()


async def put_out(house, passed):
    """Until the pass is worth nothing."""
    async with house.client(**passed) as client, asyncio.timeout(30):
        while (await client.get("/")).status_code == 200:
            await asyncio.sleep(0.05)
        return (await client.get("/")).status_code


async def test_signing_out_ends_the_pass(house, ada, database):
    """Attack row 15."""
    passed = await house.enter(ada)
    async with database.begin() as db:
        await db.execute(delete(SignIn).where(SignIn.user_id == ada.user_id))
    assert await put_out(house, passed) == 401


async def test_leaving_the_organisation_ends_the_pass_and_the_open_socket_and_stream(house, ada, database):
    """Attack rows 7 and 8."""
    member = await make.person(database, ada.organization_id, Role.VIEWER)
    passed = await house.enter(member)

    async def endless(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await asyncio.sleep(0.05)

    async with serving(endless) as port:
        house.declare("stream", port, number=1)
        streaming = await house.enter(member, "stream", "/x")  # the app's own answer is not needed to get in
        origin = {"origin": f"http://{house.host()}"}
        async with (
            house.socket("/", headers={**passed, **origin}) as socket,
            house.client(**streaming, host=house.host("stream")) as client,
            client.stream("GET", "/") as stream,
        ):
            await socket.recv()
            parts = stream.aiter_raw()
            await anext(parts)
            await asyncio.sleep(0.5)
            async with database.begin() as db:
                await db.execute(delete(Membership).where(Membership.user_id == member.user_id))
                await notify(db, "access")
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 30)
            assert closed.value.rcvd.code == 4403
            with pytest.raises(Exception, match=r"incomplete|closed"):
                async with asyncio.timeout(30):
                    async for _ in parts:
                        pass
    assert await put_out(house, passed) == 404


async def test_narrowing_the_visibility_closes_what_is_open(house, ada):
    await house.show("public")
    async with house.socket("/") as socket:
        await socket.recv()
        await house.show("organization")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 30)


def without_nonce(page) -> str:
    nonce = page.headers["content-security-policy"].partition("'nonce-")[2].partition("'")[0]
    return f"{page.headers['content-security-policy']} {page.text}".replace(nonce, "")


async def test_a_stranger_and_a_preview_that_is_not_there_get_the_same(house, stranger):
    """Attack row 30: 404, not 403, and never sooner or later than one another."""

    async def ask(host, **headers):
        async with house.client(**headers) as client:
            times, answers = [], set()
            for _ in range(8):
                began = time.perf_counter()
                answer = await client.get("/", headers={"host": host})
                times.append(time.perf_counter() - began)
                location = answer.headers.get("location", "").replace(quote(host, safe=""), "HOST")
                answers.add((answer.status_code, answer.text, location))
            return answers, min(times)  # what else the machine does only adds to it

    nobodys = f"web--0123456789.localhost:{house.port}"
    for headers in ({}, {"accept": "text/html"}):
        there, slow = await ask(house.host(), **headers)
        gone, fast = await ask(nobodys, **headers)
        assert there == gone and len(there) == 1
        assert round(slow / 0.05) == round(fast / 0.05) or abs(slow - fast) < 0.03
    async with house.client(host=f"localhost:{house.port}", **stranger.headers) as client:
        to = [{"to": f"http://{host}/"} for host in (house.host(), nobodys)]
        answers = [await client.get("/api/v1/preview-entry", params=one) for one in to]
        pages = [await client.get("/api/v1/preview-entry", params=one, headers={"accept": "text/html"}) for one in to]
    assert [answer.status_code for answer in answers + pages] == [404] * 4
    assert answers[0].json()["error"]["message"] == answers[1].json()["error"]["message"]
    assert "you may not see it" in pages[0].text and "Ask whoever gave you this address" in pages[0].text
    assert [without_nonce(page) for page in pages] == [without_nonce(pages[0])] * 2


async def test_a_key_of_another_organisation_gets_404_and_of_this_one_200(house, ada, stranger, database):
    mine = await make.key(database, ada.organization_id, "services:read")
    without = await make.key(database, ada.organization_id, "files:read")
    theirs = await make.key(database, stranger.organization_id, "services:read")
    expired = await make.key(database, ada.organization_id, "services:read", expires_at=now() - timedelta(seconds=1))

    async def ask(key, name="x-codeyard-key"):
        value = key.headers["authorization"].removeprefix("Bearer ")
        async with house.client(**{name: value}) as client:
            return await client.get("/")

    found = await ask(mine)
    assert found.status_code == 200 and "cy_live" not in found.text
    assert [(await ask(key)).status_code for key in (without, theirs, expired)] == [404, 404, 401]
    async with house.client(**mine.headers) as client:  # only by its own header: `Authorization` is the app's
        assert (await client.get("/")).status_code == 401


async def test_its_owner_s_alone_is_nobody_else_s(house, ada, database):
    member = await make.person(database, ada.organization_id, Role.ADMIN)
    mine, theirs = await house.enter(ada), await house.enter(member)
    await house.show("owner", by=ada.user_id)
    async with house.client() as client:
        assert (await client.get("/", headers=mine)).status_code == 200
        assert (await client.get("/", headers=theirs)).status_code == 404
    key = await make.key(database, ada.organization_id, "services:read")
    async with house.client(x_codeyard_key=key.headers["authorization"].removeprefix("Bearer ")) as client:
        assert (await client.get("/")).status_code == 404


async def test_what_is_public_needs_nothing(house):
    await house.show("public")
    async with house.client() as client:
        assert (await client.get("/")).status_code == 200


async def test_a_planted_cookie_neither_lets_in_nor_locks_out(house, ada):
    """Attack rows 10 and 11: an attacker's cookie of the same name first."""
    passed = await house.enter(ada)
    async with house.client() as client:
        planted = await client.get("/", headers={"cookie": f"codeyard-preview=planted; {passed['cookie']}"})
        alone = await client.get("/", headers={"cookie": "codeyard-preview=planted"})
    assert planted.status_code == 200 and "cookie" not in dict(planted.json()["headers"])
    assert alone.status_code == 401


async def test_forwarded_headers_from_anybody_are_worth_nothing(house, ada):
    """Attack row 5."""
    passed = await house.enter(ada)
    lies = {"x-forwarded-host": f"localhost:{house.port}", "x-forwarded-for": "10.0.0.1", "x-forwarded-proto": "https",
            "forwarded": "for=10.0.0.1;host=x", "x-real-ip": "10.0.0.1",
            "x_forwarded_for": "10.0.0.1", "x-codeyard-user": "root"}  # fmt: skip
    async with house.client() as client:
        told = await client.get("/", headers=passed | lies)
        control = await client.get("/", headers={**lies, "accept": "text/html", "x-forwarded-host": "evil.example"})
    shown = [one for one in told.json()["headers"] if "forward" in one[0] or "real" in one[0] or "codeyard" in one[0]]
    assert shown == [
        ["x-forwarded-for", "127.0.0.1"],
        ["x-forwarded-proto", "http"],
        ["x-forwarded-host", house.host()],
    ]
    there, to = control.headers["location"].split("?to=")
    assert there == f"http://localhost:{house.port}/api/v1/preview-entry" and to.startswith("http%3A%2F%2Fweb--")
    # a person who follows it is led to the page's sign-in, a frame and a program are told
    async with house.client() as client:
        for more, status in ({}, 303), ({"sec-fetch-dest": "iframe"}, 401), ({"accept": "*/*"}, 401):
            headers = {"host": f"localhost:{house.port}", "accept": "text/html,*/*", **more}
            answer = await client.get(f"/api/v1/preview-entry?to={to}", headers=headers)
            assert (answer.status_code, answer.headers.get("location", "")) == (
                status,
                f"/sign-in?preview={to}" if status == 303 else "",
            )


@pytest.mark.parametrize(
    "origin",
    [None, "null", "https://evil.example", "http://localhost:{port}", "http://api--{prefix}.localhost:{port}",
     "http://web--{prefix}.localhost", "http://web--{prefix}.localhost:1", "http://web--{prefix}.localhost.evil:{port}"],
)  # fmt: skip
async def test_a_socket_to_a_private_preview_comes_from_its_own_page(house, ada, origin):
    """Attack rows 1 to 4."""
    headers = await house.enter(ada)
    if origin is not None:
        headers = {**headers, "origin": origin.format(port=house.port, prefix=house.prefix)}
    with pytest.raises(InvalidStatus) as refused:
        async with house.socket("/", headers=headers):
            pass
    assert refused.value.response.status_code == 403


async def test_a_socket_with_a_pass_from_its_own_page_opens(house, ada):
    headers = await house.enter(ada) | {"origin": f"http://{house.host()}"}
    async with house.socket("/", headers=headers) as socket:
        assert "codeyard" not in await socket.recv()


async def test_a_socket_without_a_pass_is_refused_as_one_that_is_not_there(house):
    for label, host in (("web", house.host()), ("none", house.host("none"))):
        with pytest.raises(InvalidStatus) as refused:
            async with house.socket("/", label=label, headers={"origin": f"http://{host}"}):
                pass
        assert refused.value.response.status_code == 401


async def test_another_site_s_page_changes_nothing_in_a_private_preview(house, ada):
    passed = await house.enter(ada)
    async with house.client(**passed) as client:
        foreign = await client.post("/", headers={"origin": "https://evil.example"})
        null = await client.post("/", headers={"origin": "null"})
        silent = await client.get("/s.js", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"})
        own = await client.post("/", headers={"origin": f"http://{house.host()}"})
        sibling = await client.post("/", headers={"origin": f"http://{house.host('page')}"})
        plain = await client.get("/s.js", headers={"origin": "http://other--0123456789.localhost"})
        link = await client.get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    assert [one.status_code for one in (foreign, null, silent, plain)] == [403] * 4
    assert [one.status_code for one in (own, sibling, link)] == [200] * 3


async def test_the_control_plane_may_frame_a_private_app_and_nobody_else_may(house, ada):
    """Attack row 28: the app's own words on framing give way to ours, the rest of its policy stays."""

    async def app(scope, receive, send):
        headers = [
            (b"x-frame-options", b"DENY"), (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; img-src *")
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with serving(app) as port:
        house.declare("web", port)
        async with house.client(**await house.enter(ada)) as client:
            answer = await client.get("/")
    assert "x-frame-options" not in answer.headers
    policies = answer.headers.get_list("content-security-policy")
    assert policies[0] == "default-src 'self'; img-src *"
    assert policies[1] == f"frame-ancestors 'self' http://localhost:{house.port} http://127.0.0.1:{house.port}"


async def test_the_control_page_may_not_be_framed_or_opened_into(house):
    """Attack row 28."""
    async with house.client(host=f"localhost:{house.port}") as client:
        page, api = await client.get("/sign-in"), await client.get("/healthz")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    for answer in (page, api):
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_an_app_cannot_set_our_cookies_nor_anybody_else_s(house):
    """Attack rows 11 and 12."""
    host = house.host().split(":")[0]
    set_ = [
        "codeyard=x", "__Host-codeyard=x; Secure; Path=/", "codeyard-preview=x", "=codeyard=x", " codeyard-preview =x",
        "__HOST-codeyard-preview=x", "codeyard-browser=x", "a=1; Domain=localhost", "b=1; domain=.localhost",
        "c=1; Domain=example.com", f"d=1; Domain={host}; Domain=localhost", f"e=1; Domain={host}", "f=1; Path=/; HttpOnly",
        "g=codeyard=1",
    ]  # fmt: skip

    async def app(scope, receive, send):
        headers = [(b"set-cookie", one.encode()) for one in set_]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async with serving(app) as port:
        house.declare("web", port)
        await house.show("public")
        async with house.client() as client:
            kept = (await client.get("/")).headers.get_list("set-cookie")
    assert kept == [f"e=1; Domain={host}", "f=1; Path=/; HttpOnly", "g=codeyard=1"]


async def test_a_socket_hands_the_app_nothing_of_ours_and_the_app_sets_nothing_of_ours(house, ada):
    """Attack rows 11 and 12, where the handshake of a WebSocket carries the headers."""
    passed = await house.enter(ada)
    headers = {
        "origin": f"http://{house.host()}",
        "cookie": f"codeyard=stolen; mine=1; {passed['cookie']}; __Host-codeyard=x",
    }
    headers |= {"authorization": "Bearer cy_live_abc", "x-csrf-token": ada.headers["x-csrf-token"]}
    async with house.socket("/live", headers=headers) as socket:
        told = dict(json.loads(await socket.recv())["headers"])
    assert told["cookie"] == "mine=1" and "authorization" not in told and "x-csrf-token" not in told

    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            set_ = [b"codeyard=x", b"__Host-codeyard=x; Secure; Path=/", b"a=1; Domain=localhost", b"f=1; Path=/"]
            await send({"type": "websocket.accept", "headers": [(b"set-cookie", one) for one in set_]})
            await send({"type": "websocket.close"})

    async with serving(app) as port:
        house.declare("api", port)
        await house.show("public", "api")
        async with house.socket("/", label="api") as socket:
            assert socket.response.headers.get_all("set-cookie") == ["f=1; Path=/"]


async def test_an_entry_leads_nowhere_else(house, ada):
    """Neither another host, scheme or port, nor a path that a browser reads as a host."""
    headers = {"host": f"localhost:{house.port}", **ada.headers}
    async with house.client() as client:

        async def go(to):
            answer = await client.get("/api/v1/preview-entry", params={"to": to}, headers=headers)
            return answer.status_code, answer.headers.get("location", "")

        for to in (
            "",
            "x",
            "https://evil.example/",
            f"http://{house.host()}.evil.example/",
            "http://localhost:1/",
            "//[",
            "javascript:1",
        ):
            assert (await go(to))[0] == 404, to
        for to in (
            f"http://web--{house.prefix}.localhost:1/",
            f"https://{house.host()}//evil.example/",
            f"http://evil@{house.host()}/",
        ):
            status, location = await go(to)
            assert (
                status == 303 and location.startswith(f"http://{house.host()}/.codeyard/entry?")
            ) or status == 404, to
        _, location = await go(f"http://{house.host()}//evil.example/\r\nset-cookie: a=b")
        entered = await client.get("/.codeyard/entry?" + location.split("?", 1)[1])
    assert entered.headers["location"].startswith(f"http://{house.host()}/evil.example/")
    assert "set-cookie: a" not in str(entered.headers)
