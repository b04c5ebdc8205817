"""Mirrored pull requests: in step with their twins at servers that speak the providers' APIs and git, both ways, once each."""

import asyncio
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from backend.core.auth import Access, Role
from backend.core.db import new_id
from backend.workbench.mirrors import talk
from backend.workbench.mirrors.jobs import look_after_all
from tests import make
from tests.conftest import idle
from tests.forges import NAME
from tests.remotes import TOKEN
from tests.workbench.test_imports import PROVIDERS, connected, imported, upstream  # noqa: F401 - a fixture
from tests.workbench.test_pulls import Desk
from tests.workbench.yard import Yard, by_hand


class Twins:
    """A mirrored pull request: as the API has it, and as the provider has it."""

    def __init__(self, desk, number, forge, head, base, database):
        self.desk, self.number, self.forge, self.head, self.base = desk, number, forge, head, base
        self.database = database

    @property
    def at(self):
        return f"/pull-requests/{self.number}"

    @property
    def there(self):
        return self.forge.pulls.pulls[1]

    @property
    def writes(self):
        return self.forge.pulls.writes

    async def here(self):
        """Once every job has run."""
        await idle(self.database)
        return await self.desk.ask("GET", self.at)

    async def refresh(self):
        return await self.desk.ask("POST", f"{self.at}/refresh", {})

    async def put(self, **fields):
        return await self.desk.ask("PUT", self.at, fields)

    async def threads(self):
        return (await self.desk.ask("GET", f"{self.at}/threads"))["items"]

    async def reviews(self):
        return (await self.desk.ask("GET", f"{self.at}/reviews"))["items"]

    async def comment(self, body, **where):
        return await self.desk.ask("POST", f"{self.at}/threads", {"body": body} | where, 201)

    async def review(self, desk=None, **said):
        call = f"/sessions/{self.head.id}{self.at}/review"
        return await (desk or self.desk).ask("POST", call, said, 201)


@pytest.fixture
def twins(client, upstream, resources, database):  # noqa: F811
    async def open_(provider="github", **fields) -> Twins:
        await connected(client, provider, upstream)
        workspace = (await client.post("/workspace", json={"name": "one"})).json()
        session = (await client.get(f"/sessions/{workspace['default_session_id']}")).json()
        assert (await imported(client, session, provider))["status"] == "succeeded"
        base = Yard(client, session, resources.data)
        made = await client.post("/sessions", json={"workspace_id": workspace["id"], "name": "Fix it"})
        head = Yard(client, made.json(), resources.data)
        head.write("project/fix.txt", "one\ntwo\nthree\n")
        await head.commit("Fix", repository="project")
        desk = Desk(client, workspace["id"])
        sent = {"repository": "project", "title": "Mend it", "body": "Because.", "mirror": True} | fields
        pull = await desk.open(head, **sent)
        found = Twins(desk, pull["number"], upstream, head, base, database)
        found.workspace = workspace
        await idle(database)
        return found

    return open_


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_both_sides_are_kept_in_step(twins, provider):
    """Opened, talked about, edited, checked and merged: each thing once on each side, whoever began it."""
    pair = await twins(provider, labels=["ours"])
    here, there = await pair.here(), pair.there
    mirror = here["mirror"]
    assert (mirror["provider"], mirror["number"], mirror["state"], mirror["error"]) == (provider, 1, "in_step", None)
    assert mirror["url"].startswith("https://forge.example/") and mirror["last_synced_at"]
    assert (there.title, there.body, there.head) == ("Mend it", "Because.", pair.head.session["branch"])
    assert pair.forge.pulls.tip(there.head) == here["head_commit"]

    await pair.put(title="Mend it well")
    thread = await pair.comment("On **these** lines", path="fix.txt", line=2)
    await pair.comment("On the whole")
    await pair.review(verdict="comment", body="Looked at it")
    pair.head.write("project/more.txt")
    await pair.head.commit("More", repository="project")
    await idle(pair.database)
    await pair.desk.ask("PUT", f"{pair.at}/checks", {"name": "ours", "state": "success", "url": "https://ci.example/1"})
    here = await pair.here()
    assert there.title == "Mend it well" and pair.forge.pulls.tip(there.head) == here["head_commit"]
    said = {one.body.split("\n")[0]: one for one in there.comments}
    assert said["On **these** lines"].lines and not said["On the whole"].lines
    texts = [*said, *(one["body"].split("\n")[0] for one in there.verdicts)]
    assert sum("Looked at it" in text for text in [*texts, *(one.body for one in there.comments)]) >= 1

    root = said["On **these** lines"]
    pair.forge.pulls.say(there, "bob", "Why?", root.id, root.lines)
    lone = pair.forge.pulls.say(there, "bob", "By the way")
    words = {"github": "CHANGES_REQUESTED", "gitlab": "requested_changes", "bitbucket": "changes_requested"}
    verdict = pair.forge.pulls.judge(there, "bob", words[provider])
    ci = {"context": "theirs", "name": "theirs", "key": "k", "state": "failure", "status": "failed"}
    ci |= {"state": "FAILED"} if provider == "bitbucket" else {}
    pair.forge.pulls.statuses.setdefault(here["head_commit"], []).insert(0, ci)
    there.body, root.body = "Because of this.", root.body.replace("these", "those")
    here = await pair.refresh()
    assert here["body"] == "Because of this." and here["mirror"]["state"] == "in_step", here["mirror"]
    threads = {one["comments"][0]["body"]: one for one in await pair.threads()}
    mine = threads["On **those** lines"]
    assert [c["body"] for c in mine["comments"]] == ["On **those** lines", "Why?"] and mine["id"] == thread["id"]
    assert mine["comments"][1]["author"] == {"id": None, "name": "bob"}
    assert set(threads) == {"On **those** lines", "On the whole", "By the way"}
    assert [(r["verdict"], r["author"]["name"]) for r in await pair.reviews()] == [
        ("comment", "Owner"),
        ("request_changes", "bob"),
    ]
    checks = (await pair.desk.ask("GET", f"{pair.at}/checks"))["items"]
    assert [(c["name"], c["state"], c["from_provider"]) for c in checks] == [
        ("ours", "success", False), ("theirs", "failure", True)]  # fmt: skip

    has_labels = provider != "bitbucket"
    assert there.labels == (["ours"] if has_labels else []) and not root.resolved
    await pair.desk.ask("PUT", f"{pair.at}/threads/{thread['id']}", {"resolved": True})
    await pair.put(labels=["ours", "more"])
    await pair.here()
    assert root.resolved and there.labels == (["ours", "more"] if has_labels else [])
    root.resolved, there.labels = False, ["more", "theirs"]
    here = await pair.refresh()
    assert here["labels"] == (["more", "theirs"] if has_labels else ["ours", "more"])
    assert not any(one["resolved"] for one in await pair.threads())

    lone.body = "By the way, changed"
    there.verdicts.remove(verdict)
    comment_id = threads["On the whole"]["comments"][0]["id"]
    await pair.desk.ask("PUT", f"{pair.at}/comments/{comment_id}", {"body": "On all of it"})
    await pair.here()
    assert [one.body.split("\n")[0] for one in there.comments].count("On all of it") == 1
    assert "By the way, changed" in {one["comments"][0]["body"] for one in await pair.threads()}
    assert [r["verdict"] for r in await pair.reviews()] == ["comment"]
    await pair.desk.ask("DELETE", f"{pair.at}/comments/{comment_id}", None, 204)
    there.comments.remove(lone)
    await pair.refresh()
    assert not any("On all of it" in one.body for one in there.comments)
    assert len(await pair.threads()) == 1

    before = len(pair.writes)
    for _ in range(3):
        await pair.refresh()
    assert len(pair.writes) == before, pair.writes[before:]  # nothing is said twice
    await pair.desk.ask("POST", f"{pair.at}/merge", {})
    here = await pair.here()
    assert here["mirror"]["state"] == "in_step", here["mirror"]
    assert pair.forge.pulls.state(there) == "merged"
    assert pair.forge.pulls.tip("main") == here["merge_commit"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_merge_and_a_close_at_the_provider_are_taken(twins, provider):
    pair = await twins(provider, draft=provider != "gitlab")
    pair.there.draft = False
    assert (await pair.refresh())["state"] == "open"
    pair.there.closed = True
    assert (await pair.refresh())["state"] == "closed"
    if provider != "bitbucket":  # which cannot open one again
        await pair.put(state="open")
        assert (await pair.here())["state"] == "open" and not pair.there.closed
    else:
        pair.there.closed = False
        assert (await pair.refresh())["state"] == "open"
    pair.base.write("project/package.json", '{"mine": "not committed"}\n')
    merged = pair.forge.pulls.merge(pair.there)
    here = await pair.refresh()
    assert (here["state"], here["merge_method"], here["mirror"]["error"]) == ("merged", "elsewhere", None)
    assert by_hand(pair.base.root / "project", "rev-parse", "HEAD").strip() == merged
    assert (pair.base.root / "project/fix.txt").exists()
    assert (pair.base.root / "project/package.json").read_text() == '{"mine": "not committed"}\n'


async def test_merges_on_both_sides_meet(twins, tmp_path):
    """Something else was merged at the provider while this was merged here; then what conflicts is told, and what to do."""
    pair = await twins()
    work = tmp_path / "work"
    (work / "theirs.txt").write_text("theirs\n")
    by_hand(work, "add", "-A")
    by_hand(work, "commit", "-qm", "Theirs")
    by_hand(work, "push", "-q", "origin", "HEAD:main")
    await pair.desk.ask("POST", f"{pair.at}/merge", {"method": "squash"})
    here = await pair.here()
    assert here["mirror"]["state"] == "in_step", here["mirror"]
    assert pair.there.closed  # a squash is no merge that a provider notices by its commits
    assert (pair.base.root / "project/theirs.txt").exists()
    assert by_hand(pair.base.root / "project", "rev-parse", "HEAD").strip() == pair.forge.pulls.tip("main")


async def test_a_conflict_of_both_mains_is_told_and_mended(twins):
    pair = await twins()
    pair.base.write("project/fix.txt", "another\n")
    await pair.base.commit("Other", repository="project")
    pair.forge.pulls.merge(pair.there)
    here = await pair.refresh()
    assert here["state"] == "merged"
    assert (here["mirror"]["state"], here["mirror"]["error"]["code"]) == ("failed", "conflicts")
    assert "Pull the base branch" in here["mirror"]["error"]["remedy"]
    assert (pair.base.root / "project/fix.txt").read_text() == "another\n"
    project = pair.base.root / "project"
    pair.base.write("project/fix.txt", "one\ntwo\nthree\n")
    await pair.base.commit("Settle", repository="project")
    await pair.base.post("/pull", {"repository": "project"})
    here = await pair.refresh()
    assert here["mirror"]["state"] == "in_step" and by_hand(project, "status", "--porcelain") == ""


async def test_a_protected_base_is_merged_by_the_provider(twins):
    pair = await twins()
    hook = pair.forge.pulls.bare / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\n[ "$1" != refs/heads/main ]\n')
    hook.chmod(0o755)
    await pair.desk.ask("POST", f"{pair.at}/merge", {})
    here = await pair.here()
    assert pair.forge.pulls.state(pair.there) == "merged" and here["mirror"]["state"] == "in_step", here["mirror"]
    log = by_hand(pair.base.root / "project", "log", "--format=%H")
    assert pair.forge.pulls.tip("main") in log


async def test_a_provider_that_is_slow_to_notice_a_merge_is_waited_for(twins, database):
    pair = await twins()
    pair.forge.pulls.notices = False
    await pair.desk.ask("POST", f"{pair.at}/merge", {})
    here = await pair.here()
    assert (here["mirror"]["state"], here["mirror"]["error"]["code"]) == ("waiting", "not_merged_yet")
    assert pair.forge.pulls.tip("main") == here["merge_commit"] and not pair.there.closed
    async with database.begin() as db:
        await db.execute(text("UPDATE pull_requests SET ended_at = ended_at - interval '1 hour'"))
    assert (await pair.refresh())["mirror"]["state"] == "in_step" and pair.there.closed


async def test_what_no_webhook_told_is_found_out(twins, resources, database):
    pair = await twins()
    pair.there.title = "Changed there"
    await look_after_all(resources)
    assert (await pair.here())["title"] == "Mend it"  # it was looked after a moment ago
    async with database.begin() as db:
        await db.execute(text("UPDATE pull_mirrors SET last_synced_at = last_synced_at - interval '1 hour'"))
    await look_after_all(resources)
    assert (await pair.here())["title"] == "Changed there"


async def test_a_reviewer_speaks_by_their_own_connection_and_counts_as_themselves(twins, call, ada, database):
    pair = await twins()
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    client = call(bob)
    desk = Desk(client, pair.workspace["id"])
    await pair.review(desk, verdict="request_changes", body="Not so")
    await pair.here()
    spoken = [one for one in pair.there.comments if "asks for changes in Codeyard" in one.body]
    assert len(spoken) == 1 and spoken[0].author == "ada" and not pair.there.verdicts
    pair.forge.accounts["token-of-bob"] = "bob"
    await connected(client, "github", pair.forge, token="token-of-bob")
    await pair.review(desk, verdict="approve", body="Good now")
    await pair.here()
    assert [(v["author"], v["verdict"]) for v in pair.there.verdicts] == [("bob", "APPROVED")]
    assert len(await pair.reviews()) == 2
    pair.forge.pulls.judge(pair.there, "bob", "CHANGES_REQUESTED", "Wait")
    here = await pair.refresh()
    assert [one["id"] for one in here["changes_requested_by"]] == [str(bob.user_id)]
    viewer = await make.person(database, ada.organization_id, Role.VIEWER)
    pair.forge.accounts["token-of-eve"] = "eve"
    async with database.begin() as db:  # a viewer's proved account has no say here
        query = "UPDATE connections SET owner_id = :id, account = 'eve' WHERE account = 'bob'"
        await db.execute(text(query), {"id": viewer.user_id})
    pair.forge.pulls.judge(pair.there, "eve", "APPROVED")
    here = await pair.refresh()
    assert here["approved_by"] == [] and (await pair.reviews())[-1]["author"] == {"id": None, "name": "eve"}


async def test_a_token_revoked_midway_says_what_to_do(twins, client):
    pair = await twins()
    del pair.forge.accounts[TOKEN]
    await pair.comment("While it is revoked")
    here = await pair.here()
    error = here["mirror"]["error"]
    assert (here["mirror"]["state"], error["code"]) == ("failed", "provider_refused")
    assert "Connect to the provider again" in error["remedy"] and TOKEN not in json.dumps(here)
    pair.forge.accounts["new-token"] = "ada"
    await connected(client, "github", pair.forge, token="new-token")
    here = await pair.refresh()
    assert here["mirror"]["state"] == "in_step" and len(pair.there.comments) == 1
    [row] = (await client.get("/github")).json()["items"]
    assert (await client.delete(f"/github/{row['id']}")).status_code == 204
    error = (await pair.refresh())["mirror"]["error"]
    assert error["code"] == "not_connected" and error["remedy"].startswith("Connect")


async def test_nobodys_token_is_used_once_they_have_left(twins, client, call, ada, database):
    pair = await twins()
    bob = await make.person(database, ada.organization_id, Role.MEMBER)
    pair.forge.accounts["token-of-bob"] = "bob"
    await connected(call(bob), "github", pair.forge, token="token-of-bob")
    await Desk(call(bob), pair.workspace["id"]).ask("POST", f"{pair.at}/mirror", {})
    assert (await pair.refresh())["mirror"]["state"] == "in_step"
    await make.grant(database, bob, pair.workspace["id"], Access.COMMENTER)
    assert (await pair.refresh())["mirror"]["error"]["code"] == "owner_gone"
    async with database.begin() as db:
        await db.execute(text("DELETE FROM workspace_grants"))
    assert (await pair.refresh())["mirror"]["state"] == "in_step"
    assert (await client.delete(f"/organizations/{ada.organization_id}/members/{bob.user_id}")).status_code == 204
    await pair.comment("After he left")
    here = await pair.here()
    assert here["mirror"]["error"]["code"] == "owner_gone" and not pair.there.comments
    await pair.desk.ask("POST", f"{pair.at}/mirror", {})
    assert (await pair.refresh())["mirror"]["state"] == "in_step" and len(pair.there.comments) == 1


@pytest.mark.parametrize(
    ("answer", "code", "state"),
    [
        ((429, {"retry-after": "99"}, b""), "provider_busy", "waiting"),
        ((403, {"x-ratelimit-remaining": "0"}, b""), "provider_busy", "waiting"),
        ((404, {}, b""), "not_at_provider", "failed"),
        ((200, {}, b'{"number": "1"}'), "provider_unreachable", "waiting"),
        ((200, {}, b'{"number": 1, "labels": {"name": "1"}}'), "provider_unreachable", "waiting"),
        ((200, {}, b"[" * 99_999), "provider_unreachable", "waiting"),
        ((200, {}, b"x" * 10_000_001), "provider_unreachable", "waiting"),
        ((302, {"location": "http://127.0.0.1/"}, b""), "provider_unreachable", "waiting"),
    ],
)
async def test_a_provider_that_fails_or_is_hostile_changes_nothing(twins, database, answer, code, state):
    """Attack rows 62 and 65."""
    pair = await twins()
    before = await pair.here()
    pair.forge.answers[f"/repos/{NAME}/pulls/1"] = answer
    await pair.comment("Wait for me")
    here = await pair.here()
    assert (here["mirror"]["state"], here["mirror"]["error"]["code"]) == (state, code)
    assert [here[key] for key in ("title", "state", "body")] == [before[key] for key in ("title", "state", "body")]
    async with database.begin() as db:
        waiting = "FROM pgqueuer WHERE execute_after > now() AND convert_from(payload, 'utf8') LIKE :of"
        waits = await db.scalar(text(f"SELECT max(execute_after - now()) {waiting}"), {"of": f"%{here['id']}%"})
    assert (waits is not None) == (state == "waiting")
    if code == "provider_busy" and "retry-after" in answer[1]:
        assert waits > timedelta(seconds=80)
    pair.forge.answers.clear()
    assert (await pair.refresh())["mirror"]["state"] == "in_step" and len(pair.there.comments) == 1


async def test_a_crash_between_saying_and_knowing_says_nothing_twice(twins, monkeypatch):
    """Attack row 63: killed after the provider has it and before the link is written."""
    pair = await twins()

    async def die(*_):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(talk, "_keep", die)
        await pair.comment("Once only")
        await asyncio.sleep(0)
        await idle(pair.database)
    await pair.refresh()
    assert [one.body.count("Once only") for one in pair.there.comments] == [1]
    [thread] = await pair.threads()
    assert [one["body"] for one in thread["comments"]] == ["Once only"]


async def test_what_strangers_write_there_is_bounded_and_believed_in_nothing(twins):
    """Attack rows 42 and 65: marks of others' comments, texts that cannot be kept, lines and files that are not there."""
    pair = await twins()
    mine = await pair.comment("Mine")
    await pair.here()
    forged = f"No echo\n\n[//]: # (codeyard:{mine['comments'][0]['id']})"
    pair.forge.pulls.say(pair.there, "mallory", forged)
    pair.forge.pulls.say(pair.there, "mallory", "x" * 100_000)
    pair.forge.pulls.say(pair.there, "m" * 500 + "\x00", "null \x00 and half \ud800")
    lines = {"path": "../../etc/passwd\x00", "side": "RIGHT", "line": 10**9, "commit_id": "0" * 40}
    pair.forge.pulls.say(pair.there, "mallory", "Nowhere", lines=lines)
    pair.there.title = "A\x00 title\nin two lines " + "x" * 400
    here = await pair.refresh()
    assert here["mirror"]["state"] == "in_step", here["mirror"]
    assert here["title"].startswith("A title in two lines") and len(here["title"]) == 300
    bodies = sorted((one["comments"][0]["body"] for one in await pair.threads()), key=len)
    assert [len(body) for body in bodies][-1] == 65_000 and len(bodies) == 5
    [nowhere] = [one for one in await pair.threads() if one["comments"][0]["body"] == "Nowhere"]
    assert nowhere["outdated"]


async def test_webhooks_are_but_a_reason_to_look(twins, client, call):
    """Attack row 61: replayed, late, forged and foreign deliveries change nothing."""
    pair = await twins()
    body = {"workspace_id": pair.workspace["id"], "provider": "github", "secret": "shared-between-us"}
    hook = (await client.post("/webhook-integrations", json=body)).json()
    anyone = call(None)

    async def send(payload, event="pull_request", secret="shared-between-us", raw=None):
        sent = raw if raw is not None else json.dumps(payload).encode()
        signature = "sha256=" + hmac.digest(secret.encode(), sent, hashlib.sha256).hex()
        headers = {"x-github-event": event, "x-github-delivery": new_id().hex, "x-hub-signature-256": signature}
        answer = await anyone.post(hook["path"].removeprefix("/api/v1"), content=sent, headers=headers)
        await asyncio.sleep(0)
        return answer.status_code

    async def settled():
        async with asyncio.timeout(60):
            while True:
                rows = (await client.get(f"/webhook-integrations/{hook['id']}/deliveries")).json()["items"]
                if all(row["state"] != "received" for row in rows):
                    return rows
                await asyncio.sleep(0.02)

    about = {
        "action": "edited",
        "repository": {"full_name": NAME},
        "pull_request": {"number": 1, "title": "Forged", "state": "closed"},
    }
    pair.there.title = "By the provider"
    assert await send(about) == 202
    assert (await settled())[0]["note"] == "a mirrored pull request looks again"
    here = await pair.here()
    assert (here["title"], here["state"]) == ("By the provider", "open")
    late = about | {"pull_request": {"number": 1, "title": "Mend it", "state": "open"}}
    assert await send(late) == 202 and await send(about | {"n": 1}) == 202
    await settled()
    assert (await pair.here())["title"] == "By the provider"

    pair.there.title = "Unseen"
    assert await send(about | {"n": 2}, secret="guessed-by-somebody") == 401
    for payload in ({"repository": {"full_name": "evil/project"}, "pull_request": {"number": 1}},
                    {"repository": {"full_name": [NAME]}, "pull_request": {"number": "1"}},
                    {"repository": NAME, "pull_request": 1},
                    {"repository": {"full_name": NAME}, "pull_request": {"number": 7}}):  # fmt: skip
        assert await send(payload) == 202
    assert await send(None, raw=b"[1]") == 202 and await send(None, raw=b"x" * 30_000_000) == 413
    rows = await settled()
    assert not any("looks again" in row["note"] for row in rows[:5])
    assert (await pair.here())["title"] in ("By the provider", "Unseen")
    pair.there.title = "By its commit"
    assert await send({"repository": {"full_name": NAME}, "sha": "0" * 40}, "status") == 202
    await settled()
    assert (await pair.here())["title"] == "By its commit"


async def test_a_mirror_is_begun_later_moved_and_stopped(twins, client, upstream):  # noqa: F811
    pair = await twins(mirror=False)
    here = await pair.here()
    assert here["mirror"] is None and not upstream.pulls.pulls
    here = await pair.desk.ask("POST", f"{pair.at}/mirror", {})
    assert here["mirror"]["state"] == "in_step" and pair.there.title == "Mend it"
    await pair.desk.ask("DELETE", f"{pair.at}/mirror", None, 204)
    assert (await pair.desk.ask("DELETE", f"{pair.at}/mirror", None, 409))["error"]["code"] == "not_mirrored"
    await pair.put(title="Alone")
    assert (await pair.here())["mirror"] is None and pair.there.title == "Mend it"
    pair.forge.pulls.say(pair.there, "ada", "Meanwhile")
    here = await pair.desk.ask("POST", f"{pair.at}/mirror", {})  # the one that is open there is found again
    assert here["mirror"]["number"] == 1 and pair.there.title == "Alone" and len(pair.forge.pulls.pulls) == 1
    assert len(await pair.threads()) == 1


@pytest.fixture
def push_there(tmp_path):
    """Commits a file to the head's branch at the provider; the commit."""

    def push(pair, path, text="there\n"):
        work, branch = tmp_path / "work", pair.there.head
        by_hand(work, "fetch", "-q", "origin", branch)
        by_hand(work, "checkout", "-q", "--detach", "FETCH_HEAD")
        (work / path).write_text(text)
        by_hand(work, "add", "-A", "-f")
        by_hand(work, "commit", "-qm", f"Write {path}")
        by_hand(work, "push", "-q", "origin", f"HEAD:{branch}")
        return pair.forge.pulls.tip(branch)

    return push


async def test_what_was_pushed_to_the_head_there_comes_into_its_session(twins, push_there):
    """As far as that only adds to it: nothing that lies in the working copy is lost, and each reason to look finds the same."""
    pair = await twins()
    project = pair.head.root / "project"
    pair.head.write("project/typed.txt", "not committed")
    theirs = push_there(pair, "there.txt")
    await pair.comment("A reason to look")
    here = await pair.here()
    assert (here["mirror"]["state"], here["head_commit"]) == ("in_step", theirs), here["mirror"]
    assert (project / "there.txt").read_text() == "there\n" and (project / "typed.txt").read_text() == "not committed"
    assert by_hand(project, "status", "--porcelain").split() == ["??", "typed.txt"]
    assert [one["reason"] for one in (await pair.head.get("/snapshots"))["items"]] == ["merge"]
    writes = len(pair.writes)
    assert (await pair.refresh())["head_commit"] == theirs and len(pair.writes) == writes

    (project / ".gitignore").write_text("secret.txt\n")
    await pair.head.commit("Ignore", repository="project", paths=[".gitignore"])
    await pair.refresh()
    for path in ("typed.txt", "secret.txt"):
        pair.head.write(f"project/{path}", "mine alone")
        theirs = push_there(pair, path)
        here = await pair.refresh()
        assert here["mirror"]["error"]["code"] == "uncommitted_in_head" and path in here["mirror"]["error"]["cause"]
        assert (project / path).read_text() == "mine alone" and here["head_commit"] != theirs
        (project / path).unlink()
        assert (await pair.refresh())["head_commit"] == theirs and (project / path).read_text() == "there\n"
    assert len((await pair.head.get("/snapshots"))["items"]) == 3  # none for what was refused


async def test_who_may_only_read_makes_nobody_write(twins, push_there, call, ada, database):
    pair = await twins()
    theirs = push_there(pair, "there.txt")
    pair.there.title = "Changed there"
    viewer = await make.person(database, ada.organization_id, Role.VIEWER)
    seen = await Desk(call(viewer), pair.workspace["id"]).ask("POST", f"{pair.at}/refresh", {})
    assert seen["head_commit"] != theirs and seen["title"] == "Mend it"
    assert not (pair.head.root / "project/there.txt").exists()
    here = await pair.refresh()
    assert (here["head_commit"], here["title"]) == (theirs, "Changed there")


async def test_a_head_that_both_sides_went_on_with_is_not_overwritten(twins, push_there):
    pair = await twins()
    theirs = push_there(pair, "there.txt")
    pair.head.write("project/here.txt")
    await pair.head.commit("Here", repository="project")
    await pair.comment("Still said")
    here = await pair.here()
    assert here["mirror"]["error"]["code"] == "diverged" and pair.forge.pulls.tip(pair.there.head) == theirs
    assert len(pair.there.comments) == 1
    by_hand(pair.head.root / "project", "switch", "-qc", "elsewhere", theirs + "~")
    assert (await pair.refresh())["mirror"]["error"]["code"] == "head_elsewhere"
    by_hand(pair.head.root / "project", "switch", "-q", pair.head.session["branch"])
    await pair.head.post("/pull", {"repository": "project"})
    here = await pair.refresh()
    assert here["mirror"]["state"] == "in_step" and pair.forge.pulls.tip(pair.there.head) == here["head_commit"]


async def test_one_that_is_opened_again_there_while_another_is_open_here_says_so(twins):
    pair = await twins()
    pair.there.closed = True
    assert (await pair.refresh())["state"] == "closed"
    other = await pair.desk.open(pair.head, repository="project")
    pair.there.closed = False
    here = await pair.refresh()
    assert (here["state"], here["mirror"]["error"]["code"]) == ("closed", "already_open")
    await pair.desk.ask("PUT", f"/pull-requests/{other['number']}", {"state": "closed"})
    assert (await pair.refresh())["state"] == "open"


async def test_a_root_without_a_remote_cannot_be_mirrored_and_says_so(client, yard, fork, workspace):
    yard.write("a.txt")
    await yard.commit()
    head = await fork("one", yard)
    head.write("b.txt")
    await head.commit()
    desk = Desk(client, workspace["id"])
    pull = await desk.open(head)
    here = await desk.post(pull, "/mirror")
    assert (here["mirror"]["state"], here["mirror"]["error"]["code"]) == ("failed", "no_remote")
