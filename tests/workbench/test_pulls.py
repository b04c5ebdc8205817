"""Pull requests through the API: opened between sessions, looked at, merged three ways, refused where they must be."""

import asyncio

import pytest

from backend.core.paging import encode
from tests.workbench.yard import Yard, by_hand


class Desk:
    """A workspace's pull requests as one caller sees them."""

    def __init__(self, client, workspace: str):
        self.client, self.at = client, f"/workspace/{workspace}"

    async def ask(self, method: str, at: str, body=None, status: int = 200, **params):
        answer = await self.client.request(method, f"{self.at}{at}", json=body, params=params)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def open(self, head: Yard, *, status: int = 201, **more):
        body = {"head_session_id": head.id, "title": f"Work of {head.session['name']}"} | more
        return await self.ask("POST", "/pull-requests", body, status)

    async def get(self, pull, call: str = "", status: int = 200, **params):
        return await self.ask("GET", f"/pull-requests/{pull['number']}{call}", None, status, **params)

    async def post(self, pull, call: str, body=None, status: int = 200):
        return await self.ask("POST", f"/pull-requests/{pull['number']}{call}", body or {}, status)

    async def merge(self, pull, status: int = 200, **body):
        return await self.post(pull, "/merge", body, status)

    async def diff(self, pull, status: int = 200, **params):
        at = f"/sessions/{pull['head_session_id']}/pull-requests/{pull['number']}/diff"
        return await self.ask("GET", at, None, status, **params)


@pytest.fixture
async def desk(client, workspace):
    return Desk(client, workspace["id"])


@pytest.fixture
async def head(yard, fork):
    """A session with one commit that the default session lacks."""
    yard.write("a.txt", "".join(f"line {n}\n" for n in range(1, 21)))
    await yard.commit("Lines")
    made = await fork("Fix it", yard)
    made.write("b.txt", "new\n")
    await made.commit("Add b")
    return made


async def test_one_is_opened_listed_counted_and_read_by_number_and_id(desk, head, yard):
    pull = await desk.open(head, body="Why **so**", labels=["bug", "bug"])
    assert (pull["number"], pull["state"], pull["labels"], pull["blocked_by"]) == (1, "open", ["bug"], [])
    assert pull["base_session_id"] == yard.id and pull["author"]["name"] == "Owner"
    assert [p["id"] for p in (await desk.ask("GET", "/pull-requests"))["items"]] == [pull["id"]]
    assert (await desk.ask("GET", f"/pull-requests/{pull['id']}"))["number"] == 1
    assert [c["message"] for c in (await desk.get(pull, "/commits"))["items"]] == ["Add b\n"]
    counts = await desk.ask("GET", "/pull-requests/counts")
    assert counts == {"open": 1, "draft": 0, "merged": 0, "closed": 0, "review_requested": 0, "mine": 1}
    for params, found in (({"label": "bug"}, 1), ({"label": "x"}, 0), ({"query": "FIX"}, 1), ({"state": "merged"}, 0)):
        assert len((await desk.ask("GET", "/pull-requests", **params))["items"]) == found
    assert (await desk.open(head, status=409))["error"]["code"] == "already_open"
    assert (await desk.open(yard, status=422))["error"]["code"] == "same_session"


async def test_a_head_without_work_has_nothing_to_merge(desk, yard, fork):
    idle = await fork("Idle", yard)
    assert (await desk.open(idle, status=409))["error"]["code"] == "nothing_to_merge"


async def test_numbers_are_given_once_each_to_many_at_once(desk, yard, fork):
    heads = []
    for name in ("one", "two", "three", "four"):
        heads.append(await fork(name, yard))
        heads[-1].write(f"{name}.txt")
        await heads[-1].commit()
    pulls = await asyncio.gather(*(desk.open(one) for one in heads))
    assert sorted(p["number"] for p in pulls) == [1, 2, 3, 4]


async def test_it_is_edited_drafted_closed_and_opened_again(desk, head):
    pull = await desk.open(head, draft=True)
    assert pull["state"] == "draft" and (await desk.merge(pull, 409))["error"]["code"] == "is_draft"

    async def put(status=200, **body):
        return await desk.ask("PUT", f"/pull-requests/{pull['number']}", body, status)

    assert (await put(draft=False, title="New"))["state"] == "open"
    closed = await put(state="closed")
    assert closed["state"] == "closed" and closed["ended_at"] and closed["blocked_by"] == ["ended"]
    assert (await desk.merge(pull, 409))["error"]["code"] == "already_ended"
    assert (await put(409, draft=True))["error"]["code"] == "already_ended"
    assert (await put(state="open"))["state"] == "open"
    assert (await put(422, number=7))["error"]["code"] == "invalid_request"  # row 43


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_a_merge_moves_the_base_and_its_working_copy(method, desk, head, yard):
    head.write("a.txt", "short\n")
    await head.commit("Shorten a")
    yard.write("c.txt")
    base = await yard.commit("Meanwhile")
    yard.write("mine.txt", "not committed\n")
    pull = await desk.open(head)
    merged = await desk.merge(pull, method=method, expected_head=pull["head_commit"])
    assert (merged["state"], merged["merge_method"], merged["blocked_by"]) == ("merged", method, ["ended"])
    assert (yard.root / "b.txt").read_text() == "new\n" and (yard.root / "a.txt").read_text() == "short\n"
    assert await yard.files() == {"mine.txt": "untracked"}
    log = by_hand(yard.root, "log", "--format=%H|%an|%s", f"{base}..HEAD").splitlines()
    assert log[0].startswith(merged["merge_commit"])
    subjects = [line.split("|")[2] for line in log]
    assert (
        subjects
        == {
            "merge": ["Merge pull request #1: Work of Fix it", "Shorten a", "Add b"],
            "squash": ["Work of Fix it (#1)"],
            "rebase": ["Shorten a", "Add b"],
        }[method]
    )
    [published] = [b for b in (await yard.get("/branches"))["items"] if b["name"] == "main"]
    assert published["head"] == merged["merge_commit"]
    assert (await desk.merge(pull, 409))["error"]["code"] == "already_merged"
    by_hand(yard.root, "fsck", "--strict")


async def test_what_is_not_committed_in_the_base_is_never_written_over(desk, head, yard):
    head.write("a.txt", "theirs\n")
    await head.commit("Change a")
    yard.write("a.txt", "mine, not committed\n")
    pull = await desk.open(head)
    refused = (await desk.merge(pull, 409))["error"]
    assert (refused["code"], refused["details"]["files"]) == ("uncommitted_changes", ["a.txt"])
    assert (yard.root / "a.txt").read_text() == "mine, not committed\n"
    assert (await desk.get(pull))["state"] == "open"
    await yard.post("/discard", {"paths": ["a.txt"]})
    assert (await desk.merge(pull))["state"] == "merged"


async def test_a_base_whose_session_is_on_another_branch_moves_without_its_working_copy(desk, head, yard):
    pull = await desk.open(head)
    by_hand(yard.root, "switch", "-q", "-c", "aside")
    assert (await desk.merge(pull))["state"] == "merged"
    assert not (yard.root / "b.txt").exists()
    by_hand(yard.root, "switch", "-q", "main")
    assert (yard.root / "b.txt").exists()


async def test_a_head_that_moved_since_it_was_read_is_stale(desk, head, yard):
    pull = await desk.open(head)
    head.write("c.txt")
    by_hand(head.root, "add", "-A")
    by_hand(head.root, "commit", "-qm", "In a terminal")
    refused = (await desk.merge(pull, 423, expected_head=pull["head_commit"]))["error"]
    assert refused["code"] == "stale_head"
    fresh = await desk.post(pull, "/refresh")
    assert refused["details"]["head"] == fresh["head_commit"] != pull["head_commit"]
    assert (await desk.merge(pull, expected_head=fresh["head_commit"]))["state"] == "merged"
    assert (yard.root / "c.txt").exists()


async def test_another_session_cannot_move_the_published_base(desk, head, yard):
    """Attack row 35: a shell that commits on a branch named as the base's publishes it, and a merge puts that right."""
    pull = await desk.open(head)
    rogue = head
    by_hand(rogue.root, "switch", "-q", "-C", "main")
    rogue.write("rogue.txt")
    await rogue.commit("Rogue")
    merged = await desk.merge(pull, expected_head=pull["head_commit"])
    assert merged["state"] == "merged" and not (yard.root / "rogue.txt").exists()
    assert by_hand(yard.root, "log", "--topo-order", "--format=%s").splitlines()[1:] == ["Add b", "Lines", "Start"]


async def test_it_closes_when_its_commits_come_in_another_way(desk, head, yard, resources):
    pull = await desk.open(head)
    await yard.post("/merge", {"from_session": head.id})
    found = await desk.get(pull)
    assert (found["state"], found["merge_method"]) == ("merged", "elsewhere")
    names = await events(resources)
    assert names.count("pull.merged") == 1


async def test_a_merge_cut_off_before_its_row_is_found_out(desk, head, yard, resources, monkeypatch):
    """Attack row 64: the base moved, and the server died before it said so."""
    from backend.workbench.pulls import service

    async def die(*_):
        raise RuntimeError("killed")

    pull = await desk.open(head)
    with monkeypatch.context() as patch:
        patch.setattr(service, "_merged", die)
        await desk.merge(pull, 500, method="squash")
    found = await desk.post(pull, "/refresh")
    assert found["state"] == "merged" and (yard.root / "b.txt").exists()
    assert by_hand(yard.root, "log", "--format=%s").count("Work of Fix it") == 1


async def test_one_pull_request_merged_by_many_at_once_is_merged_once(desk, head, yard, resources):
    """Attack row 63."""
    pull = await desk.open(head)

    async def once(key):
        at = f"{desk.at}/pull-requests/1/merge"
        body = {"method": "squash", "expected_head": pull["head_commit"]}
        return (await desk.client.post(at, json=body, headers={"Idempotency-Key": key})).status_code

    answers = await asyncio.gather(*(once(f"key-{n}") for n in range(6)))
    assert answers.count(200) == 1 and set(answers) <= {200, 409}
    assert by_hand(yard.root, "log", "--format=%s").count("Work of Fix it") == 1
    assert (await events(resources)).count("pull.merged") == 1


async def test_merges_into_one_branch_at_once_lose_nothing(desk, yard, fork):
    heads = []
    for number in range(6):
        heads.append(await fork(f"head {number}", yard))
        heads[-1].write(f"{number}.txt")
        await heads[-1].commit()
    pulls = [await desk.open(one) for one in heads]
    methods = ["merge", "squash", "rebase"] * 2
    await asyncio.gather(*(desk.merge(pull, method=method) for pull, method in zip(pulls, methods, strict=True)))
    assert sorted(path.name for path in yard.root.glob("*.txt")) == [f"{n}.txt" for n in range(6)]
    assert await yard.files() == {}


async def test_conflicts_are_shown_and_settled_on_the_head(desk, yard, fork):
    yard.write("a.txt", "one\ntwo\nthree\n")
    await yard.commit()
    head = await fork("Conflicting", yard)
    head.write("a.txt", "one\nours\nthree\n")
    await head.commit()
    yard.write("a.txt", "one\ntheirs\nthree\n")
    await yard.commit()
    pull = await desk.open(head)
    assert pull["conflicts"] == ["a.txt"] and pull["blocked_by"] == ["conflicts"]
    for method in ("merge", "squash", "rebase"):
        refused = (await desk.merge(pull, 409, method=method))["error"]
        assert (refused["code"], refused["details"]["files"]) == ("conflicts", ["a.txt"])
    content = await desk.post(pull, "/conflict-content")
    [file] = content["files"]
    assert [file[side] for side in ("base", "ours", "theirs")] == [
        f"one\n{word}\nthree\n" for word in ("two", "ours", "theirs")
    ]
    marks = [line for line in file["markers"].splitlines() if line[:7] in ("<<<<<<<", "=======", ">>>>>>>")]
    assert marks == ["<<<<<<< conflicting (head)", "=======", ">>>>>>> main (base)"]

    async def settle(status=201, head_commit=content["head_commit"], **file):
        body = {"expected_head": head_commit, "files": [file]}
        return await desk.post(pull, "/conflict-resolution", body, status)

    assert (await settle(422, path="b.txt", content=""))["error"]["code"] == "not_settled"
    assert (await settle(422, path="a.txt"))["error"]["code"] == "not_settled"
    assert (await settle(423, "0" * 40, path="a.txt", content=""))["error"]["code"] == "stale_head"
    settled = await settle(path="a.txt", content="one\nboth\nthree\n")
    assert settled["conflicts"] == [] and (head.root / "a.txt").read_text() == "one\nboth\nthree\n"
    assert (await desk.post(pull, "/conflict-content", status=409))["error"]["code"] == "no_conflicts"
    assert (await desk.merge(pull))["state"] == "merged"
    assert (yard.root / "a.txt").read_text() == "one\nboth\nthree\n"


async def test_of_a_conflicting_file_that_is_no_text_one_side_is_taken_as_a_whole(desk, yard, fork):
    """With its mode; a side that has deleted it takes it away."""
    for name in ("ours.bin", "theirs.bin", "gone.bin", "mixed.txt"):
        (yard.root / name).write_bytes(b"\0was")
    await yard.commit()
    head = await fork("Conflicting", yard)
    for side, word in ((head, b"\0ours"), (yard, b"\0theirs")):
        for name in ("ours.bin", "theirs.bin", "gone.bin", "mixed.txt"):
            (side.root / name).write_bytes(word)
    (yard.root / "theirs.bin").chmod(0o755)
    (head.root / "gone.bin").unlink()
    await head.commit()
    await yard.commit()
    pull = await desk.open(head)
    content = await desk.post(pull, "/conflict-content")
    assert all(file["binary"] for file in content["files"]) and len(content["files"]) == 4
    body = {"expected_head": content["head_commit"], "files": [
        {"path": "ours.bin", "take": "ours"}, {"path": "theirs.bin", "take": "theirs"},
        {"path": "gone.bin", "take": "ours"}, {"path": "mixed.txt", "take": "ours", "content": "both"}]}  # fmt: skip
    refused = await desk.post(pull, "/conflict-resolution", body, 422)
    assert refused["error"]["details"]["unsaid"] == ["mixed.txt"]
    body["files"][3] = {"path": "mixed.txt", "content": "text"}
    assert (await desk.post(pull, "/conflict-resolution", body, 201))["conflicts"] == []
    assert (head.root / "ours.bin").read_bytes() == b"\0ours" and not (head.root / "gone.bin").exists()
    assert (head.root / "theirs.bin").read_bytes() == b"\0theirs" and (head.root / "mixed.txt").read_text() == "text"
    assert (head.root / "theirs.bin").stat().st_mode & 0o111


async def test_deleted_sessions_keep_their_pull_requests_and_refuse_merges(desk, head, client):
    pull = await desk.open(head)
    await client.delete(f"/sessions/{head.id}")
    shown = await desk.get(pull)
    assert (shown["state"], shown["blocked_by"]) == ("open", ["session_gone"])
    assert (await desk.merge(pull, 409))["error"]["code"] == "session_gone"
    assert [f["path"] for f in (await desk.diff(pull))["items"]] == ["b.txt"]
    await client.post(f"/sessions/{head.id}/restore")
    assert (await desk.get(pull))["blocked_by"] == []


async def test_somebodys_work_is_pulled_into_my_session(desk, head, yard, fork):
    mine = await fork("Mine", yard)
    pull = await desk.open(head)
    merged = await desk.ask("POST", f"/sessions/{mine.id}/pull-requests/{pull['number']}/pull-into-session", {})
    assert merged["id"] == pull["head_commit"] and (mine.root / "b.txt").read_text() == "new\n"


async def test_everything_that_happens_is_told(desk, head, resources):
    pull = await desk.open(head)
    await desk.ask("PUT", "/pull-requests/1", {"title": "Other"})
    await desk.post(pull, "/threads", {"body": "Hm"}, 201)
    at = f"/sessions/{head.id}/pull-requests/1/review"
    await desk.ask("POST", at, {"verdict": "comment", "body": "Well"}, 201)
    await desk.merge(pull)
    told = [name for name in await events(resources) if name.startswith("pull.")]
    assert told == ["pull.opened", "pull.updated", "pull.commented", "pull.reviewed", "pull.merged"]


async def events(resources) -> list[str]:
    return [row["name"] for row in await resources.database.rows("SELECT name FROM events ORDER BY id")]


async def test_foreign_ids_open_nothing(desk, head, client, workspace, call, database, resources):
    """Attack rows 42 and 45: ids of another workspace, of another organisation, of nobody."""
    from backend.core.auth import Role
    from tests import make

    pull = await desk.open(head)
    other = (await client.post("/workspace", json={"name": "other"})).json()
    elsewhere = Desk(client, other["id"])
    for ref in (pull["id"], "1", "0", "x", "99999999999999999999", "%00", "-1"):
        assert (await client.get(f"/workspace/{other['id']}/pull-requests/{ref}")).status_code in (404, 400), ref
    assert (await elsewhere.open(head, status=404))["error"]["code"] == "no_such_session"
    stranger = call(await make.person(database, await make.organization(database, "Other"), Role.OWNER))
    for method, path, body in (
        ("GET", f"/pull-requests/{pull['id']}", None),
        ("POST", f"/pull-requests/{pull['id']}/merge", {}),
        ("PUT", f"/pull-requests/{pull['id']}", {"title": "x"}),
        ("POST", "/pull-requests", {"head_session_id": head.id, "title": "x"}),
        ("GET", "/pull-requests", None),
    ):
        answer = await stranger.request(method, f"/workspace/{workspace['id']}{path}", json=body)
        assert answer.status_code == 404, (method, path)
    body = {"head_session_id": head.id, "title": "x", "reviewers": [str(workspace["id"])]}
    assert (await desk.ask("PUT", "/pull-requests/1", {"reviewers": body["reviewers"]}, 422))["error"]["code"] == (
        "not_member"
    )


async def test_hostile_bodies_and_cursors_get_an_answer(desk, head, client):
    """Attack rows 65 and 66."""
    await desk.open(head)
    at = f"{desk.at}/pull-requests"
    for raw in (b"", b"[]", b"{", b'{"title": "\xff"}', b'{"title": NaN}', b"[" * 5000, b'{"head_session_id": 1}'):
        answer = await client.post(at, content=raw, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, raw
    for params in (
        {"cursor": "x"},
        {"limit": 0},
        {"limit": 10**9},
        {"limit": -1},
        {"cursor": encode(10**12)},
        {"cursor": "WyJ4Il0"},
        {"query": "\0"},
        {"label": "\0"},
    ):
        assert (await client.get(at, params=params)).status_code in (400, 422), params
    for title in ("", " ", "a\nb", "a\0b", "x" * 301):
        answer = await client.post(at, json={"head_session_id": head.id, "title": title})
        assert answer.status_code == 422
    assert (await client.put(f"{at}/1", json={"body": "a\0b"})).status_code == 422
    odd = {"head_session_id": head.id, "title": "x", "repository": "a\0b"}
    assert (await client.post(at, json=odd)).status_code == 422
    assert (await client.post("/workspace", json={"name": "a\0b"})).status_code == 422
