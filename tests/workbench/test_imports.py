"""Connections to providers, and repositories of theirs imported as services, against servers that speak their API and git."""

import asyncio
import json
import subprocess
import threading
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from backend.core.auth import Role
from backend.core.db import new_id
from backend.workbench.services.models import Operation
from tests import make
from tests.forges import NAME, forge
from tests.remotes import TOKEN, bare
from tests.workbench.test_vcs import Yard, by_hand

PROVIDERS = ("github", "gitlab", "bitbucket")


@pytest.fixture
def upstream(tmp_path):
    """A forge with one repository: a Node service at the top, a Python one in `api`, a branch `next`."""
    bare(tmp_path / f"{NAME}.git")
    work = tmp_path / "work"
    by_hand(tmp_path, "clone", "-q", str(tmp_path / f"{NAME}.git"), "work")
    (work / "package.json").write_text('{"name": "project", "scripts": {"start": "node ."}}\n')
    (work / "api").mkdir()
    (work / "api/Dockerfile").write_text("FROM python\n")
    by_hand(work, "add", "-A")
    by_hand(work, "commit", "-qm", "First")
    by_hand(work, "push", "-q", "origin", "HEAD:main", "HEAD:next")
    with forge(tmp_path) as here:
        yield here


@pytest.fixture
async def session(client):
    workspace = (await client.post("/workspace", json={"name": "one"})).json()
    return (await client.get(f"/sessions/{workspace['default_session_id']}")).json()


async def connected(client, provider, upstream, **fields):
    body = {"token": TOKEN, "base_url": upstream.base} | fields
    answer = await client.post(f"/{provider}", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def imported(client, session, provider="github", *, status=202, **fields):
    """The operation, once it is over."""
    at = f"/workspace/{session['id']}"
    answer = await client.post(f"{at}/services/import-{provider}", json={"repository": NAME} | fields)
    assert answer.status_code == status, answer.text
    operation = answer.json()
    while status == 202 and operation["status"] in ("queued", "running"):
        await asyncio.sleep(0.02)
        operation = (await client.get(f"{at}/operations/{operation['id']}")).json()
    return operation


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_lies_at_a_provider_is_listed(client, upstream, provider):
    made = await connected(client, provider, upstream)
    assert (made["account"], made["base_url"]) == ("ada", upstream.base)
    again = await connected(client, provider, upstream)
    [row] = (await client.get(f"/{provider}")).json()["items"]
    assert row["id"] == made["id"] == again["id"] and TOKEN not in json.dumps(row)
    names = [one["name"] for one in (await client.get(f"/{provider}/organizations")).json()["items"]]
    assert "acme" in names
    for query in ({}, {"organization": "acme"}, {"query": "proj"}):
        found = (await client.get(f"/{provider}/repositories", params=query)).json()
        assert [one["name"] for one in found["items"]] == [NAME], query
        assert found["items"][0]["url"] == f"{upstream.base}/{NAME}.git" and found["items"][0]["private"]
    assert (await client.get(f"/{provider}/repositories", params={"query": "none"})).json()["items"] == []
    first = (await client.get(f"/{provider}/branches", params={"repository": NAME})).json()
    assert first["items"] == [{"name": "main", "head": "0" * 40}] and first["next_cursor"]
    query = {"repository": NAME, "cursor": first["next_cursor"]}
    assert (await client.get(f"/{provider}/branches", params=query)).json()["next_cursor"] is None
    assert (await client.delete(f"/{provider}/{made['id']}")).status_code == 204
    answer = await client.get(f"/{provider}/repositories")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_connected")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_repository_becomes_a_service_with_its_own_history_and_remote(
    client, session, resources, upstream, provider, tmp_path
):
    await connected(client, provider, upstream)
    done = await imported(client, session, provider)
    assert (done["status"], done["error"]) == ("succeeded", None), done
    [service] = (await client.get(f"/workspace/{session['id']}/services")).json()["items"]
    assert service["name"] == "project"
    yard = Yard(client, session, resources.data)
    assert (yard.root / "project/package.json").exists()
    found = {row["name"]: row for row in (await yard.get("/repositories"))["items"]}
    assert found["project"]["remote_url"] == f"{upstream.base}/{NAME}.git" and found["project"]["path"] == "project"
    assert (found["project"]["branch"], found["project"]["dirty"], found["project"]["ahead"]) == ("main", False, 0)
    assert [file["path"] for file in (await yard.get("/status"))["files"]] == ["compose.yaml"]
    yard.write("project/mine.txt")
    head = (await yard.post("/commit", {"message": "Mine", "repository": "project"}, 201))["id"]
    await yard.post("/push", {"repository": "project"})
    assert by_hand(tmp_path / f"{NAME}.git", "rev-parse", "main").strip() == head
    log = await yard.post("/log", {"repository": "project"})
    assert [one["message"].strip() for one in log["items"]] == ["Mine", "First"]
    fork = (await client.post("/sessions", json={"workspace_id": session["workspace_id"], "name": "fork"})).json()
    theirs = Yard(client, fork, resources.data)
    assert (theirs.root / "project/mine.txt").exists()
    theirs.write("project/mine.txt", "changed\n")
    await theirs.post("/commit", {"message": "Theirs", "repository": "project"}, 201)
    await theirs.post("/push", {"repository": "project"})
    assert "fork" in by_hand(tmp_path / f"{NAME}.git", "branch", "--list")
    await yard.post("/merge", {"from_session": fork["id"], "repository": "project"})
    assert (yard.root / "project/mine.txt").read_text() == "changed\n"


async def test_branch_subdirectory_and_name_are_chosen(client, session, resources, upstream):
    await connected(client, "github", upstream)
    done = await imported(client, session, branch="next", subdirectory="api", name="the api")
    assert done["status"] == "succeeded", done
    [service] = (await client.get(f"/workspace/{session['id']}/services")).json()["items"]
    assert (service["name"], service["build"]) == ("the-api", True)
    compose = (resources.data / "sessions" / session["id"] / "workspace/compose.yaml").read_text()
    assert "the-api/api" in compose
    yard = Yard(client, session, resources.data)
    [_, row] = (await yard.get("/repositories"))["items"]
    assert (row["name"], row["branch"]) == ("the-api", "next")


async def test_progress_is_told(client, session, upstream, database):
    await connected(client, "github", upstream)
    done = await imported(client, session)
    async with database.begin() as db:
        query = text("SELECT data->'operation' FROM events WHERE name = 'operation.progress' ORDER BY id")
        told = list((await db.execute(query)).scalars())
    assert told[-1]["id"] == done["id"] and told[-1]["status"] == "succeeded"
    assert {"checking out", "declaring"} <= {one["steps"][0]["step"] for one in told}


@pytest.fixture
def held(upstream, monkeypatch):
    """The provider gives no objects until the second is set; the first says that it was asked for them."""
    asked, gate = threading.Event(), threading.Event()
    answer = upstream._answer

    def slowly(method, path, headers, body):
        if method == "POST" and path.endswith("/git-upload-pack"):
            asked.set()
            gate.wait(60)
        return answer(method, path, headers, body)

    monkeypatch.setattr(upstream, "_answer", slowly)
    yield asked, gate
    gate.set()


@pytest.mark.parametrize("how", ["cancelled", "session_gone"])
async def test_an_import_that_is_wanted_no_more_ends_and_leaves_nothing(
    client, session, resources, upstream, database, held, how
):
    await connected(client, "github", upstream)
    asked, gate = held
    fork = (await client.post("/sessions", json={"workspace_id": session["workspace_id"], "name": "fork"})).json()
    at = f"/workspace/{fork['id']}"
    operation = (await client.post(f"{at}/services/import-github", json={"repository": NAME})).json()
    cancel = f"{at}/operations/{operation['id']}/cancel"
    assert await asyncio.to_thread(asked.wait, 30)
    if how == "cancelled":
        assert (await client.post(cancel)).status_code == 202
    else:
        assert (await client.delete(f"/sessions/{fork['id']}")).status_code == 204
    while True:
        async with database.begin() as db:
            done = await db.get_one(Operation, UUID(operation["id"]))
        if done.finished_at is not None:
            break
        await asyncio.sleep(0.02)
    assert (done.status, done.error["code"]) == ("failed", how) and not gate.is_set()
    if how == "cancelled":
        again = (await client.post(cancel)).json()["error"]
        assert again["code"] == "not_under_way"
        assert (await client.post(f"{at}/operations/{new_id()}/cancel")).status_code == 404
    assert not (resources.data / "repos" / session["workspace_id"] / "project.git").exists()
    assert not (resources.data / "sessions" / operation["id"]).exists()
    gate.set()
    assert (await imported(client, session))["status"] == "succeeded"


async def test_what_fails_leaves_nothing(client, session, resources, upstream):
    await connected(client, "github", upstream)
    upstream.default_branch = "nowhere"  # which is fetched before it shows
    done = await imported(client, session)
    assert (done["status"], done["error"]["code"]) == ("failed", "no_such_branch")
    yard = Yard(client, session, resources.data)
    assert [row["name"] for row in (await yard.get("/repositories"))["items"]] == ["root"]
    assert not (yard.root / "project").exists() and not (yard.root.parent / "git/project.git").exists()
    assert not (resources.data / "repos" / session["workspace_id"] / "project.git").exists()
    assert not (resources.data / "sessions" / done["id"]).exists()
    upstream.default_branch = "main"
    assert (await imported(client, session))["status"] == "succeeded"


@pytest.fixture
def fetched(upstream, monkeypatch):
    """How often git asked the provider for objects, as so many elements."""
    seen, answer = [], upstream._answer

    def watch(method, path, headers, body):
        if path.endswith("/git-upload-pack") and b"want " in body:
            seen.append(path)
        return answer(method, path, headers, body)

    monkeypatch.setattr(upstream, "_answer", watch)
    return seen


async def test_a_branch_or_folder_that_is_not_there_is_told_before_anything_is_fetched(
    client, session, upstream, fetched
):
    await connected(client, "github", upstream)
    for branch in ("nowhere", "nex", "next/more", "ma*n"):
        refused = (await imported(client, session, branch=branch, status=422))["error"]
        assert refused["code"] in ("no_such_branch", "invalid_request")
    body = {"name": "one", "clone_url": f"{upstream.base}/{NAME}.git", "branch": "nowhere"}
    made = (await client.post("/workspace", json=body)).json()
    reason = (await client.get(f"/sessions/{made['default_session_id']}")).json()["status_reason"]
    assert reason["code"] == "no_such_branch"
    for subdirectory in ("nowhere", "package.json"):
        refused = (await imported(client, session, subdirectory=subdirectory, status=422))["error"]
        assert refused["code"] == "no_such_folder"
    assert fetched == []
    assert (await imported(client, session, branch="next"))["status"] == "succeeded"
    assert fetched


async def test_names_that_are_taken_are_said_at_once(client, session, resources, upstream):
    await connected(client, "github", upstream)
    yard = Yard(client, session, resources.data)
    (yard.root / "project").symlink_to("/etc")
    assert (await imported(client, session, status=409))["error"]["code"] == "folder_taken"
    (yard.root / "project").unlink()
    await imported(client, session)
    (yard.root / "project").rename(yard.root / "moved")
    assert (await imported(client, session, status=409))["error"]["code"] == "repository_taken"
    (yard.root / "moved").rename(yard.root / "project")


@pytest.mark.parametrize(
    "fields",
    [{"repository": "x"}, {"repository": "../.."}, {"repository": "a/b?c"}, {"repository": "a/b/../../user"},
     {"repository": "-x/y"},
     {"branch": "--upload-pack=x"}, {"branch": "a..b"}, {"branch": "x\x00"}, {"subdirectory": "../x"}, {"subdirectory": "/etc"},
     {"subdirectory": "a/.git"}, {"subdirectory": ".."}, {"name": ".git"}, {"name": "../x"}, {"name": ""}],
)  # fmt: skip
async def test_hostile_names_reach_nothing(client, session, resources, upstream, fields):
    """Attack rows 17 and 35."""
    await connected(client, "github", upstream)
    answer = await client.post(f"/workspace/{session['id']}/services/import-github", json={"repository": NAME} | fields)
    if answer.status_code == 202:
        done = answer.json()
        while done["status"] in ("queued", "running"):
            await asyncio.sleep(0.02)
            done = (await client.get(f"/workspace/{session['id']}/operations/{done['id']}")).json()
        assert done["status"] == "failed", (fields, done)
    else:
        assert answer.status_code in (404, 409, 422), answer.text
        if ".." in fields.get("repository", ""):
            assert answer.json()["error"]["code"] == "not_at_provider" and upstream.exchanges[-1].path.endswith("/user")
    inside = {path.name for path in (resources.data / "sessions" / session["id"] / "git").iterdir()}
    assert inside == {"root.git"}


async def test_a_clone_url_that_leads_elsewhere_gets_no_token(client, session, upstream, tmp_path):
    """Attack row 36: a provider's answer cannot name the host that a token goes to."""
    await connected(client, "github", upstream)
    with forge(tmp_path) as lure:
        upstream.clone_url = f"{lure.base}/{NAME}.git"
        done = await imported(client, session)
        assert (done["status"], done["error"]["code"]) == ("failed", "remote_refused")
    for url in ("ext::sh -c id", "file:///etc", "-oProxyCommand=x", "https://a@b@c/x", "ssh://git@example.com/x"):
        upstream.clone_url = url
        answer = await client.post(f"/workspace/{session['id']}/services/import-github", json={"repository": NAME})
        assert answer.status_code in (202, 422), url
        if answer.status_code == 202:
            assert (await imported(client, session, status=409))["error"]["code"] == "repository_taken"


async def test_the_token_lies_nowhere_in_the_clear(client, session, resources, upstream, database):
    """Attack rows 13 and 36: not in files, rows, events, answers or git's configuration."""
    await connected(client, "github", upstream)
    await imported(client, session)
    found = subprocess.run(
        ["grep", "-r", "-l", TOKEN, str(resources.data)], capture_output=True, text=True, check=False
    )
    assert found.stdout == ""
    async with database.begin() as db:
        for table in ("connections", "events", "operations", "repositories", "secrets", "pgqueuer", "job_tries"):
            rows = (await db.execute(text(f"SELECT t::text FROM {table} t"))).scalars()
            assert not any(TOKEN in row or TOKEN.encode().hex() in row for row in rows), table


async def test_a_connection_is_its_owners_alone(client, call, ada, database, session, upstream):
    """Attack rows 36 and 42: another member of the same organisation, and a key, have none of it."""
    made = await connected(client, "github", upstream)
    member = call(await make.person(database, ada.organization_id, Role.MEMBER))
    key = call(await make.key(database, ada.organization_id, "services:write", "vcs:write"))
    for other in (member, key):
        assert (await other.get("/github")).json()["items"] == []
        assert (await other.delete(f"/github/{made['id']}")).status_code == 404
        for query in ({}, {"connection_id": made["id"]}):
            answer = await other.get("/github/repositories", params=query)
            assert answer.json()["error"]["code"] in ("not_connected", "no_such_connection")
        assert (await imported(other, session, status=409))["error"]["code"] == "not_connected"
    await imported(client, session)
    answer = await member.post(f"/workspace/{session['id']}/version-controls/push", json={"repository": "project"})
    assert answer.json()["error"]["code"] == "remote_refused"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_wrong_token_and_a_provider_that_misbehaves_are_told(client, upstream, provider):
    answer = await client.post(f"/{provider}", json={"token": "wrong", "base_url": upstream.base})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "provider_refused")
    await connected(client, provider, upstream)
    at = {"github": "/user/repos", "gitlab": "/projects", "bitbucket": "/repositories"}[provider]
    bad = [
        ((200, {}, b"nope"), "provider_unreachable"),
        ((200, {}, b"[" * 100_000), "provider_unreachable"),
        ((200, {}, b'[1, {"a": 1}]'), "provider_unreachable"),
        ((200, {}, b'{"values": [{"links": {"clone": 1}}]}'), "provider_unreachable"),
        ((200, {}, b"x" * 10_000_001), "provider_unreachable"),
        ((302, {"location": "http://127.0.0.1/"}, b""), "provider_unreachable"),
        ((500, {}, b""), "provider_unreachable"),
        ((404, {}, b""), "not_at_provider"),
        ((403, {"x-ratelimit-remaining": "0"}, b""), "provider_busy"),
        ((429, {"retry-after": "7"}, b""), "provider_busy"),
    ]
    for answered, code in bad:
        upstream.answers[at] = answered
        answer = await client.get(f"/{provider}/repositories")
        assert answer.json()["error"]["code"] == code, (answered[:2], answer.text)
    assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "ftp://x", "http://u:p@127.0.0.1", "http://127.0.0.1/path", "x", "", "http://a b"]
)
async def test_base_urls_that_cannot_be_are_refused(client, url):
    """Attack row 62."""
    answer = await client.post("/gitlab", json={"token": "t", "base_url": url})
    assert answer.status_code == 422, answer.text


async def test_private_providers_are_refused_unless_allowed(client, resources, monkeypatch, upstream):
    """Attack row 62."""
    strict = msgspec.structs.replace(resources.settings, allow_private_clone=False)
    monkeypatch.setattr(resources, "settings", strict)
    urls = dict.fromkeys(("https://127.0.0.1", "https://169.254.169.254", "https://localhost"), "provider_private")
    for url, code in {upstream.base: "bad_base_url", **urls}.items():
        answer = await client.post("/github", json={"token": TOKEN, "base_url": url})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (422, code)
        assert "CODEYARD_ALLOW_PRIVATE_CLONE" in error["message"]


async def test_unknown_connections_are_not_there(client, upstream):
    for provider in PROVIDERS:
        assert (await client.delete(f"/{provider}/{new_id()}")).json()["error"]["code"] == "no_such_connection"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_workspace_is_made_of_a_private_repository(
    client, resources, upstream, provider, tmp_path, call, ada, database
):
    """Its root is the repository at the branch that was asked for; the token is of the caller's connection to that host."""
    url = f"{upstream.base}/{NAME}.git"

    async def made(by=client, **fields):
        answer = await by.post("/workspace", json={"name": "one", "clone_url": url} | fields)
        if answer.status_code != 201:
            return answer.status_code, answer.json()["error"]["code"]
        session = (await by.get(f"/sessions/{answer.json()['default_session_id']}")).json()
        return session, (session["status_reason"] or {}).get("code")

    assert (await made())[1] == "remote_refused"
    connection = (await connected(client, provider, upstream))["id"]
    session, _ = await made()  # a URL alone is enough
    assert (session["status"], session["branch"]) == ("ready", "main")
    session, _ = await made(connection_id=connection, branch="next")
    assert (session["status"], session["branch"]) == ("ready", "next")
    yard = Yard(client, session, resources.data)
    assert (yard.root / "package.json").exists()
    yard.write("mine.txt")
    head = (await yard.post("/commit", {"message": "Mine"}, 201))["id"]
    await yard.post("/push")
    assert by_hand(tmp_path / f"{NAME}.git", "rev-parse", "next").strip() == head
    assert (await made(branch="nowhere"))[1] == "no_such_branch"

    assert await made(connection_id=str(new_id())) == (404, "no_such_connection")
    assert await made(connection_id=connection, clone_url="https://example.com/a/b") == (404, "no_such_connection")
    assert await made(connection_id=connection, clone_url=None) == (422, "nothing_to_clone")
    assert (await made(branch="--upload-pack=x"))[0] == 422
    bob = call(await make.person(database, ada.organization_id, Role.MEMBER))
    assert await made(bob, connection_id=connection) == (404, "no_such_connection")
    assert (await made(bob))[1] == "remote_refused"  # nobody else's connection is used
