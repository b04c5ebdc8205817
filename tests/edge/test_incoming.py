"""Webhooks in: what each provider sends is verified over its raw body, kept once, and turned into tasks by rules."""

import asyncio
import hashlib
import hmac
import json
import time
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from backend.core.auth import Role
from backend.core.db import new_id, now
from backend.core.events import EventRow
from backend.edge.incoming import service
from backend.edge.incoming.batches import Batches
from backend.edge.incoming.jobs import forget_old_deliveries
from backend.edge.incoming.models import ReceivedDelivery
from backend.edge.incoming.providers import PROVIDERS, event_of, subject_of
from backend.edge.incoming.repository import forget_old
from tests import make
from tests.conftest import idle

SECRET = "shared-between-us"


def hexed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


GITHUB = {"action": "opened", "issue": {"title": "It breaks", "html_url": "https://github.com/a/b/issues/1", "number": 1,
          "labels": [{"name": "bug"}], "user": {"login": "ada"}}, "repository": {"full_name": "a/b"}}  # fmt: skip
SAMPLES = {
    "github": (GITHUB, lambda body: {"x-github-event": "issues", "x-github-delivery": new_id().hex,
               "x-hub-signature-256": "sha256=" + hexed(body)}, "issues.opened", "https://github.com/a/b/issues/1"),
    "gitlab": ({"object_kind": "issue", "object_attributes": {"title": "It breaks", "action": "open", "url": "https://gitlab.com/a/b/-/issues/1"},
                "labels": [{"title": "bug"}]},
               lambda _: {"x-gitlab-event": "Issue Hook", "x-gitlab-event-uuid": new_id().hex, "x-gitlab-token": SECRET},
               "issue.open", "https://gitlab.com/a/b/-/issues/1"),
    "bitbucket": ({"issue": {"title": "It breaks", "links": {"html": {"href": "https://bitbucket.org/a/b/issues/1"}}}},
                  lambda body: {"x-event-key": "issue:created", "x-request-uuid": new_id().hex,
                                "x-hub-signature": "sha256=" + hexed(body)},
                  "issue:created", "https://bitbucket.org/a/b/issues/1"),
    "linear": ({"action": "create", "type": "Issue", "data": {"title": "It breaks", "labels": [{"name": "bug"}]},
                "url": "https://linear.app/a/issue/A-1"},
               lambda body: {"linear-event": "Issue", "linear-delivery": new_id().hex, "linear-signature": hexed(body)},
               "Issue.create", "https://linear.app/a/issue/A-1"),
    "sentry": ({"action": "created", "data": {"issue": {"title": "It breaks", "web_url": "https://sentry.io/issues/1"}}},
               lambda body: {"sentry-hook-resource": "issue", "request-id": new_id().hex, "sentry-hook-signature": hexed(body)},
               "issue.created", "https://sentry.io/issues/1"),
}  # fmt: skip


class Integration:
    """One integration of a workspace of Ada's."""

    def __init__(self, client, anyone, made):
        self.client, self.anyone, self.made = client, anyone, made
        self.path = f"/webhook-integrations/{made['id']}"

    async def send(self, payload, headers=None, *, body=None, provider=None):
        provider = provider or self.made["provider"]
        if provider == "linear" and body is None:
            payload = {"webhookTimestamp": int(time.time() * 1000)} | payload
        body = body if body is not None else json.dumps(payload).encode()
        sent = SAMPLES[provider][1](body) | (headers or {})
        return await self.anyone.post(self.made["path"].removeprefix("/api/v1"), content=body, headers=sent)

    async def deliveries(self):
        return (await self.client.get(f"{self.path}/deliveries")).json()["items"]

    async def processed(self, count=1):
        """The newest deliveries, once rules were applied to `count` of them."""
        async with asyncio.timeout(60):
            while len(found := [one for one in await self.deliveries() if one["state"] != "received"]) < count:
                await asyncio.sleep(0.02)
        return found


@pytest.fixture
async def workspace(client):
    return (await client.post("/workspace", json={"name": "one"})).json()


@pytest.fixture
def integration(client, call, workspace):
    async def make_one(provider="github", **fields):
        body = {"workspace_id": workspace["id"], "provider": provider, "secret": SECRET} | fields
        answer = await client.post("/webhook-integrations", json=body)
        assert answer.status_code == 201, answer.text
        return Integration(client, call(None), answer.json())

    return make_one


async def told(database):
    async with database.begin() as db:
        rows = await db.scalars(select(EventRow).where(EventRow.name == "webhook.received").order_by(EventRow.id))
        return [row.data for row in rows]


@pytest.mark.parametrize("provider", SAMPLES)
async def test_a_new_issue_becomes_what_a_task_needs(integration, database, provider):
    """By the rules that an integration has unless it was given others."""
    payload, _, event, url = SAMPLES[provider]
    one = await integration(provider)
    answer = await one.send(payload)
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    [delivery] = await one.processed()
    assert (delivery["state"], delivery["event"]) == ("done", event)
    [fact] = await told(database)
    assert (fact["title"], fact["url"], fact["body"], fact["provider"]) == ("It breaks", url, url, provider)
    assert fact["delivery_id"] == delivery["id"]


@pytest.mark.parametrize("provider", SAMPLES)
async def test_what_is_not_signed_by_the_secret_is_refused(integration, provider):
    """Attack row 61: over the raw body, none, another's, another algorithm's, in another case."""
    payload, sign, _, _ = SAMPLES[provider]
    header = PROVIDERS[provider].signature
    one = await integration(provider)
    body = json.dumps(payload).encode()
    good = sign(body)[header]
    for bad in (
        "",
        "x",
        good + "0",
        good[:-1],
        "sha1=" + good,
        good.upper() if provider != "gitlab" else good + " ",
        "ä",
        "sha256=",
    ):
        answer = await one.send(payload, {header: bad.encode("latin-1")}, body=body)
        assert answer.status_code == 401, bad
        assert answer.json()["error"]["code"] == "bad_signature"
    if provider != "gitlab":
        answer = await one.send(payload, {header: good}, body=body + b" ")
        assert answer.status_code == 401
    assert await one.deliveries() == []


async def test_a_delivery_comes_once_by_its_id_and_by_its_body(integration, database):
    """Attack row 61, replay: GitHub does not sign the id, so what was sent before under another is known by its body."""
    one = await integration()
    same = {"x-github-delivery": "one"}
    answers = await asyncio.gather(*(one.send(GITHUB, same) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
    assert (await one.send(GITHUB, {"x-github-delivery": "two"})).json() == {"status": "duplicate"}
    assert (await one.send(GITHUB | {"number": 2}, same)).json() == {"status": "duplicate"}
    await one.processed()
    assert len(await one.deliveries()) == 1 and len(await told(database)) == 1


async def test_what_linear_signed_long_ago_is_refused(integration):
    """Attack row 61, timestamp window."""
    one = await integration("linear")
    for sent in (int(time.time() * 1000) - 600_000, int(time.time() * 1000) + 600_000, None, "now", []):
        answer = await one.send(SAMPLES["linear"][0] | {"webhookTimestamp": sent})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "too_old")


async def test_rules_choose_and_fill(integration, database, ada):
    rules = [
        {"events": ["issues.*"], "where": {"repository.full_name": ["a/b", "a/c"], "issue.user.login": "ada"},
         "title": "{{issue.user.login}}: {{ title }} #{{issue.number}} {{nothing}}", "body": "{{issue.labels.0.name}} {{event}}",
         "labels": ["triage"], "assignee": ada.email},
        {"events": ["issues.closed"]},
        {"events": ["*"], "where": {"issue.user.login": "grace"}},
        {"events": ["*"], "title": "all"},
    ]  # fmt: skip
    one = await integration(rules=rules)
    await one.send(GITHUB)
    await one.processed()
    first, second = await told(database)
    assert (first["title"], first["body"], first["labels"], first["assignee"]) == (
        "ada: It breaks #1", "bug issues.opened", ["triage", "bug"], ada.email)  # fmt: skip
    assert second["title"] == "all"


@pytest.mark.parametrize("nobody", ["grace", "@", "two words", "nobody@example.com", "`ada`", "x" * 200])
async def test_a_rule_for_nobody_is_refused(integration, client, workspace, nobody):
    rules = [{"events": ["*"]}, {"events": ["*"], "assignee": nobody}]
    body = {"workspace_id": workspace["id"], "provider": "github", "rules": rules}
    one = await integration()
    for answer in (
        await client.post("/webhook-integrations", json=body),
        await client.put(one.path, json={"rules": rules}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "no_such_assignee"), answer.text
        assert answer.json()["error"]["details"] == {"assignee": nobody}


async def test_a_rule_for_who_has_left_makes_its_task_for_nobody_and_says_so(integration, client, ada, database):
    grace = await make.person(database, ada.organization_id, Role.MEMBER)
    team = (await client.post(f"/organizations/{ada.organization_id}/teams", json={"name": "Front end"})).json()["id"]
    one = await integration(
        rules=[{"events": ["*"], "title": "a", "assignee": "front-end"}, {"events": ["*"], "assignee": grace.email}]
    )
    await client.delete(f"/organizations/{ada.organization_id}/members/{grace.user_id}")
    await one.send(GITHUB)
    [delivery] = await one.processed()
    assert delivery["state"] == "done" and delivery["note"].startswith(f"{grace.email} is nobody")
    await idle(database)
    tasks = (await client.get(f"/workspace/{one.made['workspace_id']}/tasks")).json()["items"]
    assert {(task["assignee_id"], task["team_id"]) for task in tasks} == {(None, None), (None, team)}


async def test_a_payload_is_never_read_as_a_template(integration, database):
    hostile = "{{secret}} {{title}} {0} %s ${x} \x00 \ud800 </script>"
    one = await integration(rules=[{"events": ["*"], "body": "{{issue.body}}"}])
    body = json.dumps(
        {"action": "x", "issue": {"title": hostile * 50, "body": hostile, "html_url": "javascript:alert(1)"}}
    )
    assert (await one.send(None, body=body.encode())).status_code == 202
    [delivery] = await one.processed()
    [fact] = await told(database)
    assert fact["body"] == "{{secret}} {{title}} {0} %s ${x}  ? </script>" and fact["url"] == ""
    assert len(fact["title"]) <= 300 and delivery["state"] == "done"


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"nope", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b'{"action": {"a": 1}, "issue": []}', b"1e999",
     b'{"issue": {"labels": {"a": 1}}}', b'{"issue": {"labels": [1, null, {"name": 1}]}, "action": null}'],
)  # fmt: skip
async def test_bodies_that_nobody_expects_are_kept_and_told(integration, body):
    """Attack row 65: signed well, and odd."""
    one = await integration(rules=[{"events": ["*"]}])
    assert (await one.send(None, body=body)).status_code == 202
    [delivery] = await one.processed()
    assert delivery["state"] in ("failed", "done")
    shown = (await one.client.get(f"{one.path}/deliveries/{delivery['id']}")).json()
    assert shown["body"] == body.decode(errors="replace")


@pytest.mark.parametrize("provider", SAMPLES)
@pytest.mark.parametrize(
    "payload", [{}, {"data": None}, {"action": ["x"], "data": {"issue": "x"}}, {"labels": "x", "object_attributes": 1}]
)
def test_no_payload_is_too_odd_for_a_provider(provider, payload):
    assert isinstance(event_of(PROVIDERS[provider], {}, payload), str)
    assert subject_of(PROVIDERS[provider], payload)[0] == ""


async def test_addresses_of_nobody_and_what_is_too_long_are_refused(call, integration):
    """Attack rows 42 and 65."""
    anyone = call(None)
    for token in ("x", "x" * 43, "%00" * 43, "a" * 5000, "..", "'--"):
        assert (await anyone.post(f"/webhooks/incoming/{token}", content=b"{}")).status_code in (400, 404), token
    one = await integration()
    assert (await one.send(None, body=b"x" * 5_000_001)).status_code == 413
    await one.client.put(one.path, json={"enabled": False})
    assert (await one.send(GITHUB)).json()["error"]["code"] == "no_such_address"


async def test_a_new_secret_is_the_only_one(integration):
    one = await integration()
    answer = await one.client.put(one.path, json={"secret": "another-one"})
    assert "another-one" not in answer.text and SECRET not in (await one.client.get(one.path)).text
    assert (await one.send(GITHUB)).status_code == 401
    body = json.dumps(GITHUB).encode()
    signed = {"x-hub-signature-256": "sha256=" + hexed(body, "another-one")}
    assert (await one.send(GITHUB, signed)).status_code == 202


async def test_the_secret_lies_nowhere_in_the_clear(integration, database, resources):
    """Attack row 13."""
    await integration()
    async with database.begin() as db:
        for table in ("webhook_integrations", "received_deliveries", "events", "receipts"):
            rows = (await db.execute(text(f"SELECT t::text FROM {table} t"))).scalars()
            assert not any(SECRET in row or SECRET.encode().hex() in row for row in rows)


async def test_a_replay_applies_the_rules_of_now(integration, database):
    one = await integration(rules=[{"events": ["nothing"]}])
    await one.send(GITHUB)
    [delivery] = await one.processed()
    assert (delivery["state"], delivery["note"]) == ("ignored", "no rule matches it")
    await one.client.put(one.path, json={"rules": [{"events": ["issues.opened"]}]})
    answer = await one.client.post(f"{one.path}/deliveries/{delivery['id']}/replay")
    assert answer.status_code == 202
    [again] = await one.processed()
    assert again["state"] == "done" and len(await told(database)) == 1
    missing = await one.client.post(f"{one.path}/deliveries/{new_id()}/replay")
    assert missing.json()["error"]["code"] == "no_such_received"


async def test_several_processors_tell_of_each_delivery_once(integration, database, resources):
    one = await integration(rules=[{"events": ["*"]}])
    await asyncio.gather(*(one.send(GITHUB | {"number": number}) for number in range(60)))
    await asyncio.gather(*(service.process(resources) for _ in range(4)))
    async with asyncio.timeout(60):  # what the server's own processor has begun on is skipped by the others
        while await database.rows("SELECT 1 FROM received_deliveries WHERE state = 'received' LIMIT 1"):
            await asyncio.sleep(0.02)
    assert len(await told(database)) == 60


async def test_old_deliveries_go_and_so_do_more_than_are_kept(integration, database, resources):
    one = await integration()
    for number in range(5):
        await one.send(GITHUB | {"number": number})
    await one.processed(5)
    async with database.begin() as db:
        oldest = select(ReceivedDelivery.id).order_by(ReceivedDelivery.received_at).limit(1)
        await db.execute(
            update(ReceivedDelivery)
            .where(ReceivedDelivery.id.in_(oldest))
            .values(received_at=now() - timedelta(days=31))
        )
    await forget_old_deliveries(resources)
    assert len(await one.deliveries()) == 4
    async with database.begin() as db:
        await forget_old(db, most=2)
    assert len(await one.deliveries()) == 2


@pytest.mark.parametrize(
    "fields",
    [{"provider": "svn"}, {"secret": "short"}, {"rules": [{"events": []}]}, {"rules": [{"events": ["x"], "where": {"a": 1}}]},
     {"rules": "x"}, {"rules": [{"events": ["x"], "code": "1"}]}, {"token": "mine"}, {"organization_id": "x"},
     {"rules": [{"events": ["x"]}] * 51}],
)  # fmt: skip
async def test_integrations_that_cannot_be_are_refused(client, workspace, fields):
    """Attack rows 43 and 65."""
    answer = await client.post(
        "/webhook-integrations", json={"workspace_id": workspace["id"], "provider": "github"} | fields
    )
    assert answer.status_code == 422, answer.text


async def test_integrations_of_others_are_not_there(client, call, database, integration):
    """Attack rows 42 and 45."""
    one = await integration()
    stranger = call(await make.person(database, await make.organization(database, "Other"), Role.OWNER))
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/deliveries")):
        answer = await stranger.request(method, one.path + path, json={} if method == "PUT" else None)
        assert answer.json()["error"]["code"] == "no_such_integration"
    assert (await stranger.get("/webhook-integrations")).json()["items"] == []
    mine = (await client.get("/webhook-integrations", params={"workspace_id": one.made["workspace_id"]})).json()[
        "items"
    ]
    assert [row["id"] for row in mine] == [one.made["id"]] and "secret" not in mine[0]
    body = {"workspace_id": one.made["workspace_id"], "provider": "github"}
    assert (await stranger.post("/webhook-integrations", json=body)).status_code == 404
    assert (await client.delete(one.path)).status_code == 204
    assert (await one.send(GITHUB)).status_code == 404


async def test_what_comes_together_is_done_together_and_one_spoils_no_other():
    done = []

    async def act(numbers):
        done.append(list(numbers))
        await asyncio.sleep(0)
        return [10 // number for number in numbers]

    together = Batches(act)
    results = await asyncio.gather(*(together(number) for number in (1, 2, 0, 5)), return_exceptions=True)
    assert results[:2] + results[3:] == [10, 5, 2] and isinstance(results[2], ZeroDivisionError)
    assert done == [[1, 2, 0, 5], [1], [2], [0], [5]]
