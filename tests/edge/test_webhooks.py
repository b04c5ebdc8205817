"""Webhooks out: what is sent, how it is signed, what becomes of attempts that fail, and where they may not go."""

import asyncio
import base64
import json
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, text, update
from standardwebhooks import Webhook, WebhookVerificationError

from backend.core.auth import Role
from backend.core.db import new_id, now
from backend.core.events import EventRow
from backend.edge.webhooks import sender
from backend.edge.webhooks.jobs import tidy_webhooks
from backend.edge.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests import make
from tests.receivers import endless, hang, receiver, status


@pytest.fixture
async def there():
    async with receiver() as here:
        yield here


class Hook:
    """One endpoint of Ada's organisation."""

    def __init__(self, client, organization_id, made):
        self.client, self.made = client, made
        self.path = f"/organizations/{organization_id}/webhooks/{made['id']}"

    async def get(self, path="", expected=200):
        answer = await self.client.get(self.path + path)
        assert answer.status_code == expected, answer.text
        return answer.json()

    async def post(self, path, expected=202):
        answer = await self.client.post(self.path + path)
        assert answer.status_code == expected, answer.text
        return answer.json()

    async def put(self, **fields):
        answer = await self.client.put(self.path, json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def deliveries(self, **query):
        return (await self.client.get(f"{self.path}/deliveries", params=query)).json()["items"]

    async def settled(self, delivery_id, tries=1):
        """The delivery, once `tries` attempts of it were recorded."""
        async with asyncio.timeout(60):
            while len((found := await self.get(f"/deliveries/{delivery_id}"))["attempts"]) < tries:
                await asyncio.sleep(0.02)
        return found

    async def until(self, condition):
        async with asyncio.timeout(60):
            while not condition(found := await self.get()):
                await asyncio.sleep(0.02)
        return found


@pytest.fixture
def hook(client, ada):
    async def make(url, **fields):
        answer = await client.post(f"/organizations/{ada.organization_id}/webhooks", json={"url": url} | fields)
        assert answer.status_code == 201, answer.text
        return Hook(client, ada.organization_id, answer.json())

    return make


async def act(client, name="one"):
    """Something happens: a workspace is made."""
    return (await client.post("/workspace", json={"name": name})).json()


async def test_a_fact_is_sent_signed_as_standard_webhooks_has_it(client, hook, there):
    """Attack row 61: verified by the specification's own library, over the raw body, with its window of five minutes."""
    one = await hook(there.url("/here"), events=["workspace.created"])
    workspace = await act(client)
    [got] = await there.until(1)
    said = Webhook(one.made["secret"]).verify(got.body, got.headers)
    assert said["type"] == "workspace.created" and said["workspace_id"] == workspace["id"]
    assert said["data"]["workspace_name"] == "one"
    with pytest.raises(WebhookVerificationError):
        Webhook(one.made["secret"]).verify(got.body + b" ", got.headers)
    [delivery] = await one.deliveries()
    shown = await one.settled(delivery["id"])
    assert (shown["state"], shown["tries"], shown["status"]) == ("delivered", 1, 200)
    assert shown["body"].encode() == got.body and shown["attempts"][0]["answer"] == "ok"
    assert got.headers["webhook-id"] == f"msg_{delivery['id'].replace('-', '')}"


async def test_only_what_was_asked_for_is_sent(client, hook, there):
    groups = await hook(there.url("/groups"), events=["session.*"])
    elsewhere = await act(client, "elsewhere")
    scoped = await hook(there.url("/scoped"), workspace_id=elsewhere["id"], events=["session.created", "session.ready"])
    mine = await act(client, "mine")
    await client.post("/sessions", json={"workspace_id": elsewhere["id"], "name": "two"})
    await there.until(2, "/scoped")
    sent = [json.loads(one.body) for one in await there.until(6, "/groups")]
    assert {one["type"] for one in sent} == {"session.created", "session.ready"}
    assert {json.loads(one.body)["workspace_id"] for one in there.got if one.path == "/scoped"} == {elsewhere["id"]}
    assert mine["id"] in {one["workspace_id"] for one in sent}
    assert len(await groups.deliveries()) == 6 and len(await scoped.deliveries()) == 2


async def test_what_happened_before_is_not_sent_and_nothing_is_sent_twice(client, hook, there, resources):
    await act(client, "before")
    one = await hook(there.url(), events=["workspace.created"])
    await act(client, "after")
    await there.until(1)
    senders = [asyncio.create_task(sender.Sender(resources).run()) for _ in range(3)]  # as several servers would
    for number in range(20):
        await act(client, f"more {number}")
    await there.until(21)
    for task in senders:
        task.cancel()
    await asyncio.gather(*senders, return_exceptions=True)
    names = [json.loads(got.body)["data"]["workspace_name"] for got in there.got]
    assert sorted(names) == sorted(["after", *(f"more {n}" for n in range(20))])
    assert len(await one.deliveries()) == 21


async def test_a_failure_is_told_and_tried_again_for_a_day(client, hook, there, database):
    there.answers["/"] = status(500)
    one = await hook(there.url(), events=["workspace.created"])
    await act(client)
    await there.until(1)
    [delivery] = await one.deliveries()
    await one.settled(delivery["id"])
    waits = []
    for attempt in range(2, 9):
        async with database.begin() as db:
            row = await db.scalar(select(WebhookDelivery))
            waits.append((row.due_at - now()).total_seconds())
            row.due_at = now()
            await db.execute(update(WebhookEndpoint).values(paused_until=None))
        shown = await one.settled(delivery["id"], attempt)
    assert shown["state"] == "failed" and shown["next_attempt_at"] is None and shown["finished_at"]
    assert [a["error"] for a in shown["attempts"]] == ["500 Because"] * 8
    assert len({got.headers["webhook-id"] for got in there.got}) == 1
    assert 20 < sum(waits) / 3600 <= 26 and waits[:5] == sorted(waits[:5])
    there.answers["/"] = status(204)
    again = await one.post(f"/deliveries/{delivery['id']}/redeliver")
    assert again["state"] == "pending"
    assert (await one.settled(delivery["id"], 9))["state"] in ("pending", "delivered")
    await one.until(lambda hook: hook["status"] == "ok")


async def test_an_endpoint_that_fails_rests_is_told_of_and_recovers(client, hook, there, database):
    there.answers["/bad"] = status(503, "retry-after: 30")
    one = await hook(there.url("/bad"), events=["workspace.created"])
    told = await hook(there.url("/told"), events=["webhook.*"])
    for number in range(12):
        await act(client, str(number))
    shown = await one.until(lambda hook: hook["paused_until"] is not None)
    assert (shown["status"], shown["last_error"]) == ("failing", "503 Because")
    kinds = [json.loads(got.body)["type"] for got in await there.until(2, "/told")]
    assert "webhook.failing" in kinds
    tried = len([got for got in there.got if got.path == "/bad"])
    assert tried < 12, "the others wait while it rests"
    async with asyncio.timeout(60):  # until none is under way
        while sum([len((await one.get(f"/deliveries/{d['id']}"))["attempts"]) for d in await one.deliveries()]) < tried:
            await asyncio.sleep(0.02)
    there.answers["/bad"] = status(200)
    await one.put(enabled=True)
    async with database.begin() as db:
        await db.execute(update(WebhookDelivery).where(WebhookDelivery.state == "pending").values(due_at=now()))
    await there.until(tried + 12, "/bad")
    await one.until(lambda hook: hook["status"] == "ok")
    assert {one["state"] for one in await one.deliveries()} <= {"pending", "delivered"}
    assert await told.deliveries()


async def test_after_days_without_success_an_endpoint_is_disabled(client, hook, there, database):
    there.answers["/"] = status(500)
    one = await hook(there.url(), events=["workspace.created"])
    async with database.begin() as db:
        await db.execute(update(WebhookEndpoint).values(failures=20, failing_since=now() - timedelta(days=4)))
    await act(client)
    shown = await one.until(lambda hook: not hook["enabled"])
    assert shown["status"] == "disabled"
    assert (await one.post("/ping", 409))["error"]["code"] == "webhook_is_disabled"
    async with database.begin() as db:
        [event] = await db.scalars(select(EventRow).where(EventRow.name == "webhook.disabled"))
    assert event.data["error"] == "500 Because"
    await act(client, "meanwhile")
    there.answers["/"] = status(200)
    assert (await one.put(enabled=True))["status"] == "ok"
    await act(client, "again")
    names = {json.loads(got.body)["data"]["workspace_name"] for got in await there.until(2)}
    assert "meanwhile" not in names


async def test_an_endpoint_that_is_gone_is_disabled_at_once(client, hook, there):
    there.answers["/"] = status(410)
    one = await hook(there.url(), events=["workspace.deleted"])
    delivery = await one.post("/ping")
    shown = await one.settled(delivery["id"])
    assert shown["state"] == "failed", shown
    assert (await one.until(lambda hook: not hook["enabled"]))["last_error"] == "410 Because"


async def test_while_one_hangs_the_others_go_on(client, hook, there, monkeypatch):
    monkeypatch.setattr(sender, "SECONDS", 2)
    there.answers["/hangs"] = hang
    slow = await hook(there.url("/hangs"), events=["workspace.created"])
    await hook(there.url("/quick"), events=["workspace.created"])
    for number in range(8):
        await act(client, str(number))
    await there.until(8, "/quick")
    shown = await slow.until(lambda hook: hook["failing_since"] is not None)
    assert "2 seconds" in shown["last_error"]


async def test_a_secret_is_rotated_with_both_valid_for_a_day(client, hook, there, database):
    one = await hook(there.url(), events=["workspace.deleted"])
    rotated = (await client.post(f"{one.path}/rotate-secret")).json()
    assert rotated["secret"].startswith("whsec_") and len(base64.b64decode(rotated["secret"][6:])) == 32
    await one.post("/ping")
    got = (await there.until(1))[-1]
    for secret in (one.made["secret"], rotated["secret"]):
        Webhook(secret).verify(got.body, got.headers)
    async with database.begin() as db:
        await db.execute(update(WebhookEndpoint).values(previous_until=now()))
    there.got.clear()
    await one.post("/ping")
    got = next(g for g in await there.until(1) if b'"ping"' in g.body)
    Webhook(rotated["secret"]).verify(got.body, got.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(one.made["secret"]).verify(got.body, got.headers)


async def test_secrets_are_nowhere_but_in_the_first_answer(client, hook, there, database):
    """Attack row 13."""
    one = await hook(there.url(), events=["workspace.deleted"])
    secret = one.made["secret"]
    assert secret not in json.dumps(await one.get())
    delivery = await one.post("/ping")
    assert secret not in json.dumps(await one.settled(delivery["id"]))
    async with database.begin() as db:
        for table in ("webhook_endpoints", "webhook_deliveries", "webhook_attempts", "events", "secrets", "receipts"):
            rows = (await db.execute(text(f"SELECT t::text FROM {table} t"))).scalars()
            assert not any(secret[6:] in row for row in rows)
    key = {"idempotency-key": "once"}
    path = one.path.rpartition("/")[0]
    first = await client.post(path, json={"url": there.url("/twice")}, headers=key)
    again = await client.post(path, json={"url": there.url("/twice")}, headers=key)
    assert (first.status_code, again.status_code) == (201, 409)
    assert again.json()["error"]["details"]["id"] == first.json()["id"]


async def test_redirects_are_not_followed_and_endless_answers_not_read(client, hook, there):
    """Attack row 61."""
    there.answers["/moved"] = status(302, f"location: {there.url('/inside')}")
    there.answers["/endless"] = endless
    moved = await hook(there.url("/moved"), events=["workspace.deleted"])
    long = await hook(there.url("/endless"), events=["workspace.deleted"])
    shown = await moved.settled((await moved.post("/ping"))["id"])
    assert shown["status"] == 302 and "redirects are not followed" in shown["error"], shown
    shown = await long.settled((await long.post("/ping"))["id"])
    assert shown["state"] == "delivered" and len(shown["attempts"][0]["answer"]) == 4096, shown
    assert not [got for got in there.got if got.path == "/inside"]


async def test_private_addresses_are_refused_when_named_and_when_sent_to(
    client, hook, ada, there, resources, monkeypatch
):
    """Attack row 61: also a name that was public when the webhook was made."""
    one = await hook(there.url(), events=["workspace.deleted"])
    monkeypatch.setattr(
        resources, "settings", msgspec.structs.replace(resources.settings, allow_private_webhooks=False)
    )
    path = f"/organizations/{ada.organization_id}/webhooks"
    for url in ("http://example.com/", "https://127.0.0.1/", "https://localhost./", "https://169.254.169.254/latest",
                "https://[::1]/", "https://0x7f000001/", "https://2130706433/", "https://a:b@example.com/", "https:///x",
                "ftp://example.com/", "https://[::ffff:10.0.0.1]/", "https://127.0.0.1\\@example.com/"):  # fmt: skip
        for answer in (await client.post(path, json={"url": url}), await client.put(one.path, json={"url": url})):
            assert answer.status_code == 422, url
            assert answer.json()["error"]["code"] == "bad_webhook_url"
    due = sender.Claimed(new_id(), UUID(one.made["id"]), "{}", 1, ada.organization_id, there.url(), None, 0)
    outcome = await sender.Sender(resources)._send(due, [one.made["secret"]])
    assert "private network" in outcome.error and there.got == []


@pytest.mark.parametrize(
    "body",
    [{"url": 1}, {}, {"url": "https://example.com", "events": ["nothing.here"]}, {"url": "https://e", "events": "x"},
     {"url": "https://e", "organization_id": "x"}, {"url": "https://e", "failures": -1}, {"url": "x" * 3000},
     {"url": "http://127.0.0.1/", "events": ["a.b"] * 101}, {"url": "https://nowhere.invalid/"}],
)  # fmt: skip
async def test_what_cannot_be_is_refused(client, ada, body):
    """Attack rows 43 and 65."""
    answer = await client.post(f"/organizations/{ada.organization_id}/webhooks", json=body)
    assert answer.status_code == 422, answer.text


async def test_workspaces_of_others_and_too_many_are_refused(client, call, ada, database, there):
    """Attack rows 42 and 45."""
    stranger = call(await make.person(database, await make.organization(database, "Other"), Role.OWNER))
    foreign = (await stranger.post("/workspace", json={"name": "theirs"})).json()
    path = f"/organizations/{ada.organization_id}/webhooks"
    answer = await client.post(path, json={"url": there.url(), "workspace_id": foreign["id"]})
    assert answer.status_code == 404
    async with database.begin() as db:
        db.add_all(WebhookEndpoint(organization_id=ada.organization_id, url="https://e", events=[]) for _ in range(50))
    assert (await client.post(path, json={"url": there.url()})).json()["error"]["code"] == "too_many_webhooks"


async def test_what_waits_for_a_day_ends_and_old_deliveries_go(client, hook, there, database, resources):
    one = await hook(there.url(), events=["workspace.deleted"])
    old = await one.post("/ping")
    await one.settled(old["id"])
    async with database.begin() as db:
        await db.execute(update(WebhookDelivery).values(created_at=now() - timedelta(days=31)))
        await db.execute(update(WebhookEndpoint).values(paused_until=now() + timedelta(hours=1), failures=9))
        waiting = WebhookDelivery(
            endpoint_id=(await db.scalar(select(WebhookEndpoint.id))),
            event="x.y",
            body="{}",
            due_at=now() - timedelta(hours=1),
            give_up_at=now() - timedelta(seconds=1),
        )
        db.add(waiting)
    await tidy_webhooks(resources)
    [left] = await one.deliveries(state="failed")
    assert left["error"] == "the endpoint did not answer for a day"
    await one.get(f"/deliveries/{old['id']}", 404)


async def test_deliveries_are_listed_in_pages(client, hook, there):
    """Attack row 66."""
    one = await hook(there.url(), events=["workspace.deleted"])
    made = [(await one.post("/ping"))["id"] for _ in range(5)]
    first = (await client.get(f"{one.path}/deliveries", params={"limit": 3})).json()
    rest = (await client.get(f"{one.path}/deliveries", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [d["id"] for d in first["items"] + rest["items"]] == made[::-1] and rest["next_cursor"] is None
    for bad in ({"limit": 0}, {"limit": "1e9"}, {"cursor": "%00"}, {"state": "odd"}):
        assert (await client.get(f"{one.path}/deliveries", params=bad)).status_code in (400, 422)


async def test_the_kinds_of_events_are_listed(client, ada):
    listed = (await client.get(f"/organizations/{ada.organization_id}/webhook-events")).json()["items"]
    assert {"session.created", "webhook.failing"} <= {one["name"] for one in listed}
