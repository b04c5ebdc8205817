"""The feed: what one sees of the facts, in order, resumable, by SSE and by socket."""

import asyncio
import json
from datetime import timedelta

import pytest
from litestar import Request
from sqlalchemy import text

from backend.accounts.orgs.events import MemberLeft
from backend.core import auth
from backend.core.auth import Role
from backend.core.db import new_id, now
from backend.core.errors import Unauthorized
from backend.core.events import emit
from backend.edge.feed import service, tail
from tests import make
from tests.clients import Closed, Refused


async def say(database, organization_id, workspace_id=None):
    async with database.begin() as db:
        event = MemberLeft(organization_id=organization_id, workspace_id=workspace_id, user_id=new_id())
        await emit(db, event)
    return str(event.user_id)


async def hear(socket, count):
    return [(await socket.receive_json())["data"]["user_id"] for _ in range(count)]


async def test_facts_arrive_in_order_and_only_ones_own(call, database, ada):
    other = await make.organization(database)
    async with call(ada).socket("/ws/events") as socket:
        said = []
        for _ in range(5):
            await say(database, other)
            said.append(await say(database, ada.organization_id))
        assert await hear(socket, 5) == said


async def test_a_reader_resumes_after_the_last_one_it_saw(call, database, ada):
    async with call(ada).socket("/ws/events") as socket:
        first = await say(database, ada.organization_id)
        fact = await socket.receive_json()
        assert fact["data"]["user_id"] == first
    missed = [await say(database, ada.organization_id) for _ in range(3)]
    async with call(ada).socket("/ws/events", after=fact["id"]) as socket:
        assert await hear(socket, 3) == missed


async def test_a_stream_resumes_after_the_last_event_id_and_says_nothing_but_facts(app, call, database, ada):
    """As a browser's EventSource reads it: what has no `data` line but an empty one would be a message to it."""
    async with call(ada).socket("/ws/events") as socket:
        await say(database, ada.organization_id)
        seen = (await socket.receive_json())["id"]
    missed = [await say(database, ada.organization_id) for _ in range(2)]
    headers = {"host": "localhost:8300", "last-event-id": seen} | ada.headers
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/api/v1/events", "raw_path": b"/api/v1/events", "query_string": b"", "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 1), "server": ("localhost", 8300), "state": {},
    }  # fmt: skip
    said, heard_both = b"", asyncio.Event()

    async def receive():
        await heard_both.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        nonlocal said
        said += message.get("body", b"")
        if said.count(b"event: member.left") == 2 and said.endswith(b"\r\n\r\n"):
            heard_both.set()

    await app(scope, receive, send)
    connected, *facts = said.decode().strip().split("\r\n\r\n")
    assert connected == ": connected"
    told = [dict(line.split(": ", 1) for line in fact.split("\r\n")) for fact in facts]
    assert [json.loads(fact["data"])["data"]["user_id"] for fact in told] == missed
    assert all(set(fact) == {"id", "event", "data"} and json.loads(fact["data"])["id"] == fact["id"] for fact in told)


async def test_who_begins_where_the_feed_stood_when_it_asked_who_it_is_misses_nothing(call, client, database, ada):
    """As the page does: what happens between its answers and its open socket is told."""
    await say(database, ada.organization_id)
    feed = (await client.get("/auth/me")).json()["feed"]
    said = [await say(database, ada.organization_id) for _ in range(2)]
    async with call(ada).socket("/ws/events", after=feed) as socket:
        assert await hear(socket, 2) == said


async def test_one_that_commits_late_is_not_skipped(call, database, ada):
    """Ids are given in one order and committed in another."""
    async with call(ada).socket("/ws/events") as socket:
        async with database.begin() as slow:
            late = MemberLeft(organization_id=ada.organization_id, user_id=new_id())
            await emit(slow, late)
            await slow.flush()
            early = await say(database, ada.organization_id)
            await asyncio.sleep(0.1)
        assert set(await hear(socket, 2)) == {str(late.user_id), early}


async def test_who_fell_behind_what_is_kept_for_all_reads_on_by_itself(call, database, ada, monkeypatch):
    monkeypatch.setattr(tail, "_KEPT", 2)
    other = await make.organization(database)
    async with call(ada).socket("/ws/events") as early:
        first = await say(database, ada.organization_id)
        fact = await early.receive_json()
        missed = [await say(database, ada.organization_id) for _ in range(5)]
        await say(database, other)
        assert await hear(early, 5) == missed
        async with call(ada).socket("/ws/events", after=fact["id"]) as late:
            assert await hear(late, 5) == missed
            last = await say(database, ada.organization_id)
            assert await hear(late, 1) == await hear(early, 1) == [last]
    assert fact["data"]["user_id"] == first


async def test_facts_out_of_a_dump_of_another_database_are_old_and_hold_nothing_back(call, database, ada, resources):
    await say(database, ada.organization_id)
    async with database.begin() as db:
        await db.execute(text("UPDATE events SET xid = ((xid::text)::bigint + 1000000)::text::xid8"))
    await service.take_in_restored(resources)
    async with call(ada).socket("/ws/events") as socket:
        said = await say(database, ada.organization_id)
        assert await hear(socket, 1) == [said]
    async with asyncio.timeout(60):
        while (await database.rows(tail._SOME_HELD_BACK))[0][
            "some"
        ]:  # a transaction of something else may be open just now
            await asyncio.sleep(0.05)


async def test_only_one_workspace_when_asked(call, database, ada):
    mine = new_id()
    async with call(ada).socket("/ws/events", workspace_id=str(mine)) as socket:
        await say(database, ada.organization_id, new_id())
        said = await say(database, ada.organization_id, mine)
        assert await hear(socket, 1) == [said]


async def test_a_cursor_that_is_none_is_refused(call, ada):
    """Attack row 66."""
    for cursor in ("x", "1", "1.x", "-1.2", f"{1 << 70}.1", "1.2.3", "٣.١"):
        answer = await call(ada).get("/events", headers={"last-event-id": cursor.encode()})
        assert answer.status_code == 400, cursor


async def test_a_cursor_older_than_what_is_kept_gets_reset(call, database, ada):
    await say(database, ada.organization_id)
    async with call(ada).socket("/ws/events", after="1.1") as socket:
        assert (await socket.receive_json())["name"] == "reset"


async def test_a_cursor_of_a_database_that_went_further_gets_reset(call, database, ada):
    """As a tab has it that was open when a backup was put back."""
    async with call(ada).socket("/ws/events", after=f"{1 << 40}.{1 << 40}") as socket:
        assert (await socket.receive_json())["name"] == "reset"
        await say(database, ada.organization_id)
        assert (await socket.receive_json())["name"] != "reset"


async def test_sockets_close_when_access_goes(call, client, database, ada, resources, monkeypatch):
    """Attack rows 7, 8 and 15: by demotion, revocation and logout themselves, not by the next look."""
    monkeypatch.setattr(auth, "_LONGEST_LOOK", 3600.0)
    resources.live.ring("access")  # so that the look under way is no shorter
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    key = await make.key(database, ada.organization_id, "organization:read")
    async with call(bob).socket("/ws/events") as by_bob, call(key).socket("/ws/events") as by_key:
        await client.put(f"/organizations/{ada.organization_id}/members/{bob.user_id}", json={"role": "viewer"})
        assert await closing(by_bob) == 4403
        await client.delete(f"/organizations/{ada.organization_id}/api-keys/{key.key_id}")
        assert await closing(by_key) == 4401
    async with call(ada).socket("/ws/events") as by_ada:
        await client.post("/auth/logout")
        assert await closing(by_ada) == 4401


async def test_the_next_look_at_open_sockets_is_when_the_first_credential_expires(call, database, ada, resources):
    def ending_in(seconds):
        expires_at = now() + timedelta(seconds=seconds)
        return make.key(database, ada.organization_id, "organization:read", expires_at=expires_at)

    async with call(await ending_in(500)).socket("/ws/events"):
        assert resources.admissions._patience() == 15
        async with call(await ending_in(4)).socket("/ws/events") as socket:
            assert resources.admissions._patience() <= 4.5
            with pytest.raises(Closed) as closed:
                await socket.receive(12)  # less than the longest look
            assert closed.value.code == 4401


async def test_whose_access_goes_while_a_socket_opens_is_let_go_and_a_refused_one_is_forgotten(
    call, client, database, ada, resources, monkeypatch
):
    """Attack row 7: the look that the change brings about comes before the socket is there to be seen."""
    monkeypatch.setattr(auth, "_LONGEST_LOOK", 3600.0)
    key = await make.key(database, ada.organization_id, "organization:read")
    known = resources.authenticate

    async def slowly(credential, *address):
        actor = await known(credential, *address)
        if credential.is_key and address:
            looks = resources.admissions.looks
            await client.delete(f"/organizations/{ada.organization_id}/api-keys/{key.key_id}")
            async with asyncio.timeout(60):
                while resources.admissions.looks == looks:
                    await asyncio.sleep(0.01)
        return actor

    monkeypatch.setattr(resources, "authenticate", slowly)
    with pytest.raises((Closed, Refused)) as let_go:  # before it is accepted, or after
        async with call(key).socket("/ws/events") as socket:
            await socket.receive()
    assert (getattr(let_go.value, "code", None) or let_go.value.status) in (4401, 401)
    with pytest.raises(Refused):
        async with call(ada).socket("/ws/lsp-fs-watch", session_id=new_id()):
            pass
    assert len(resources.admissions) == 0


async def test_a_stream_ends_when_its_key_is_revoked_and_tells_what_was_before(client, database, ada, resources):
    """Attack row 8, for server-sent events: it is no socket that could be closed."""
    key = await make.key(database, ada.organization_id, "organization:read")
    headers = [(name.encode(), value.encode()) for name, value in key.headers.items()]
    start = await service.begin(resources, "")
    facts = service.follow(resources, Request({"type": "http", "headers": headers}), start, None, keep_alive=3600)
    waiting = asyncio.ensure_future(anext(facts))
    said = await say(database, ada.organization_id)
    assert json.loads((await waiting).text)["data"]["user_id"] == said
    waiting = asyncio.ensure_future(anext(facts))
    await client.delete(f"/organizations/{ada.organization_id}/api-keys/{key.key_id}")
    with pytest.raises(Unauthorized):
        await asyncio.wait_for(waiting, 60)


async def closing(socket) -> int:
    with pytest.raises(Closed) as closed:
        while True:
            await socket.receive()
    return closed.value.code


async def test_an_unchanged_socket_stays_when_others_change(call, client, database, ada):
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    async with call(ada).socket("/ws/events") as socket:
        await client.put(f"/organizations/{ada.organization_id}/members/{bob.user_id}", json={"role": "viewer"})
        assert (await socket.receive_json())["name"] == "member.changed"


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://localhost:8300.evil.com", "http://localhost:9999", "http://LOCALHOST:8300",
     "https://localhost:8300", "http://localhost", ""],
)  # fmt: skip
async def test_a_socket_of_another_origin_is_refused_before_the_upgrade(call, ada, origin):
    """Attack rows 1, 2 and 4."""
    with pytest.raises(Refused) as refused:
        async with call(ada).socket("/ws/events", headers={"origin": origin}):
            pass
    assert (refused.value.status, refused.value.body["error"]["code"]) == (403, "foreign_origin")


@pytest.mark.parametrize("origin", ["", "https://evil.example"])
async def test_a_socket_of_nobody_is_told_to_sign_in_whatever_its_origin(call, origin):
    with pytest.raises(Refused) as refused:
        async with call(None).socket("/ws/events", headers={"origin": origin}):
            pass
    assert (refused.value.status, refused.value.body["error"]["code"]) == (401, "unauthorized")


async def test_a_cookie_needs_an_origin_and_a_key_does_not(call, database, ada):
    """Attack rows 3 and 5."""
    with pytest.raises(Refused) as refused:
        async with call(ada).socket(
            "/ws/events", headers={"origin": "https://evil.example", "x-forwarded-host": "evil.example"}
        ):
            pass
    assert refused.value.status == 403
    key = await make.key(database, ada.organization_id, "organization:read")
    async with call(key).socket("/ws/events", headers={"origin": ""}):
        pass


async def test_nobody_is_refused_with_the_envelope(call):
    with pytest.raises(Refused) as refused:
        async with call(None).socket("/ws/events"):
            pass
    assert (refused.value.status, refused.value.body["error"]["code"]) == (401, "unauthorized")
    json.dumps(refused.value.body)
