"""Reviews through the API: differences, viewed files, comments that follow the code, suggestions, what blocks a merge."""

import pytest

from backend.core.auth import Access, Role
from tests import make
from tests.workbench.test_pulls import Desk
from tests.workbench.yard import by_hand

LINES = "".join(f"line {n}\n" for n in range(1, 21))


@pytest.fixture
async def desk(client, workspace):
    return Desk(client, workspace["id"])


@pytest.fixture
async def head(yard, fork):
    """A session that changed line 10 of a.txt, renamed old.txt and added b.txt."""
    yard.write("a.txt", LINES)
    yard.write("old.txt", "".join(f"same {n}\n" for n in range(30)))
    await yard.commit("Lines")
    made = await fork("Fix it", yard)
    made.write("a.txt", LINES.replace("line 10\n", "line ten\n"))
    (made.root / "old.txt").rename(made.root / "new.txt")
    made.write("b.txt", "new\n")
    await made.commit("Change")
    return made


@pytest.fixture
async def pull(desk, head):
    return await desk.open(head)


@pytest.fixture
async def someone(call, database, ada, workspace):
    async def make_one(role: Role = Role.MEMBER) -> tuple[Desk, str]:
        somebody = await make.person(database, ada.organization_id, role)
        return Desk(call(somebody), workspace["id"]), str(somebody.user_id)

    return make_one


async def review(desk: Desk, pull, verdict: str, status: int = 201, **more):
    at = f"/sessions/{pull['head_session_id']}/pull-requests/{pull['number']}/review"
    return await desk.ask("POST", at, {"verdict": verdict} | more, status)


async def comment(desk: Desk, pull, status: int = 201, **more):
    return await desk.post(pull, "/threads", {"body": "Hm"} | more, status)


async def thread(desk: Desk, pull, number: int = 0):
    await desk.get(pull)
    return (await desk.get(pull, "/threads"))["items"][number]


async def test_the_difference_is_told_file_by_file(desk, pull, head):
    diff = await desk.diff(pull)
    assert diff["total_files"] == 3 and diff["next_cursor"] is None
    files = {file["path"]: file for file in diff["items"]}
    assert {path: (f["status"], f["old_path"], f["additions"], f["deletions"]) for path, f in files.items()} == {
        "a.txt": ("modified", None, 1, 1),
        "b.txt": ("added", None, 1, 0),
        "new.txt": ("renamed", "old.txt", 0, 0),
    }
    [hunk] = files["a.txt"]["hunks"]
    assert (hunk["old_start"], hunk["old_lines"], hunk["new_start"], hunk["new_lines"]) == (7, 7, 7, 7)
    assert hunk["text"].split("\n")[2:6] == [" line 9", "-line 10", "+line ten", " line 11"]
    assert hunk["spans"] == [[3, 5, 7], [4, 5, 8]] and files["b.txt"]["hunks"][0]["spans"] == []
    first = await desk.diff(pull, limit=2)
    rest = await desk.diff(pull, limit=2, cursor=first["next_cursor"])
    assert [f["path"] for f in first["items"] + rest["items"]] == ["a.txt", "b.txt", "new.txt"]
    assert [f["path"] for f in (await desk.diff(pull, path="b.txt", context=0))["items"]] == ["b.txt"]


async def test_what_the_base_did_meanwhile_is_not_part_of_it(desk, pull, yard):
    yard.write("elsewhere.txt")
    await yard.commit()
    assert len((await desk.diff(pull))["items"]) == 3


async def test_odd_files_are_told_each_as_what_it_is(desk, yard, fork):
    """Attack row 35: names with line feeds, quotes and no UTF-8, links, modes, binaries, submodules."""
    yard.write("mode.sh", "x\n")
    yard.write("to-link", "text\n")
    yard.write("gone.txt", "gone\n" * 9)
    yard.write("ends.txt", "the only word")
    await yard.commit()
    head = await fork("Odd", yard)
    (head.root / "mode.sh").chmod(0o755)
    (head.root / "to-link").unlink()
    (head.root / "to-link").symlink_to("/etc/passwd")
    (head.root / "gone.txt").unlink()
    (head.root / "binary").write_bytes(b"\0\1\2" * 50)
    (head.root / "empty").write_text("")
    head.write("ends.txt", "the same word")
    head.write("x\ndiff --git a b", "-- dashes\n++ plusses\ndiff --git a/x b/x\n@@ -1 +1 @@\n")
    head.write('quo"te\t.txt', "no end")
    with open(bytes(head.root) + b"/\xff.txt", "w") as file:
        file.write("odd\n")
    await head.commit()
    diff = await desk.diff(await desk.open(head))
    files = {file["path"]: (file["status"], file["additions"], file["deletions"]) for file in diff["items"]}
    assert files == {
        "binary": ("added", 0, 0),
        "empty": ("added", 0, 0),
        "ends.txt": ("modified", 1, 1),
        "gone.txt": ("deleted", 0, 9),
        "mode.sh": ("modified", 0, 0),
        'quo"te\t.txt': ("added", 1, 0),
        "to-link": ("modified", 1, 1),
        "x\ndiff --git a b": ("added", 4, 0),
        "\\xff.txt": ("added", 1, 0),
    }
    by_path = {file["path"]: file for file in diff["items"]}
    ends = by_path["ends.txt"]["hunks"][0]  # git's remarks on the missing line feeds lie between its lines
    assert ends["text"].count("\\ No newline") == 2 and ends["spans"] == [[0, 4, 8], [2, 4, 8]]
    assert by_path["binary"]["binary"] and by_path["\\xff.txt"]["path_b64"]
    assert by_path['quo"te\t.txt']["hunks"][0]["text"] == "+no end\n\\ No newline at end of file"


async def test_a_viewed_mark_goes_when_the_file_changes(desk, pull, head, someone):
    at = f"/sessions/{pull['head_session_id']}/pull-requests/1/viewed"

    async def marks(of=desk):
        return {file["path"] for file in (await of.diff(pull))["items"] if file["viewed"]}

    other, _ = await someone()
    for path in ("a.txt", "b.txt"):
        await desk.ask("PUT", at, {"path": path, "viewed": True}, 204)
    assert (await marks(), await marks(other)) == ({"a.txt", "b.txt"}, set())
    head.write("b.txt", "newer\n")
    await head.commit()
    assert await marks() == {"a.txt"}
    seen = {file["path"]: file["content"] for file in (await desk.diff(pull))["items"]}["b.txt"]
    head.write("b.txt", "newest\n")
    await head.commit()
    await desk.ask("PUT", at, {"path": "b.txt", "viewed": True, "content": seen}, 204)  # not what came while one read
    assert await marks() == {"a.txt"}
    await desk.ask("PUT", at, {"path": "b.txt", "viewed": True, "content": "newest"}, 422)
    await desk.ask("PUT", at, {"path": "a.txt", "viewed": False}, 204)
    assert await marks() == set()
    await desk.ask("PUT", at, {"path": "none", "viewed": True}, 422)


async def test_comments_follow_their_lines_and_say_when_these_are_gone(desk, pull, head):
    await comment(desk, pull, path="a.txt", line=10)
    await comment(desk, pull, path="a.txt", start_line=14, line=16)
    await comment(desk, pull, path="a.txt", side="base", line=10)
    text = (head.root / "a.txt").read_text()
    head.write("a.txt", "first\nsecond\n" + text.replace("line 15\n", "line 15\nbetween\n"))
    await head.commit("Shift")
    (head.root / "a.txt").rename(head.root / "moved.txt")
    await head.commit("Rename")
    await desk.get(pull)
    places = [
        (t["path"], t["start_line"], t["line"], t["outdated"]) for t in (await desk.get(pull, "/threads"))["items"]
    ]
    assert places == [("moved.txt", 12, 12, False), ("moved.txt", 16, 19, False), ("a.txt", 10, 10, False)]
    head.write("moved.txt", (head.root / "moved.txt").read_text().replace("line ten\n", "line 10!\n"))
    await head.commit("Change the line itself")
    gone = await thread(desk, pull)
    assert (gone["path"], gone["line"], gone["outdated"]) == ("a.txt", 10, True)
    by_hand(head.root, "reset", "-q", "--hard", "HEAD~1")
    back = await thread(desk, pull)
    assert (back["path"], back["line"], back["outdated"]) == ("moved.txt", 12, False)


async def test_lines_that_are_not_there_take_no_comment(desk, pull):
    for where in (
        {"path": "a.txt", "line": 21},
        {"path": "none", "line": 1},
        {"path": "../a.txt", "line": 1},
        {"line": 3},
        {"path": "a.txt", "start_line": 3},
        {"path": "a.txt", "start_line": 5, "line": 3},
        {"path": "b.txt", "side": "base", "line": 1},
    ):
        assert (await comment(desk, pull, 422, **where))["error"]["code"] == "no_such_line", where
    for where in ({"line": 0}, {"line": -1}, {"line": 2**63}, {"line": 1.5}, {"path": "a\0", "line": 1}, {"side": "x"}):
        await comment(desk, pull, 422, **where)


async def test_a_thread_is_answered_resolved_edited_and_deleted(desk, pull, someone):
    other, _ = await someone(Role.COMMENTER)
    made = await comment(other, pull, body="Why <script>?")
    at = f"/pull-requests/1/threads/{made['id']}"
    answer = await desk.ask("POST", f"{at}/comments", {"body": "Because"}, 201)
    assert [c["body"] for c in (await thread(desk, pull))["comments"]] == ["Why <script>?", "Because"]
    assert (await desk.ask("PUT", at, {"resolved": True}))["resolved"] is True
    assert (await other.ask("PUT", at, {"resolved": False}))["resolved"] is False
    one = f"/pull-requests/1/comments/{answer['id']}"
    assert (await other.ask("PUT", one, {"body": "Mine now"}, 403))["error"]["code"] == "not_yours"
    assert (await other.ask("DELETE", one, None, 403))["error"]["code"] == "not_yours"
    assert (await desk.ask("PUT", one, {"body": "Since"}))["edited_at"] is not None
    await desk.ask("DELETE", one, None, 204)
    await other.ask("DELETE", f"/pull-requests/1/comments/{made['comments'][0]['id']}", None, 204)
    assert (await desk.get(pull, "/threads"))["items"] == []


async def test_suggestions_become_one_commit_and_their_threads_are_resolved(desk, pull, head):
    def body(text):
        return f"Rather:\n```suggestion\n{text}```\n"

    one = await comment(desk, pull, path="a.txt", line=10, body=body("line X\nand more\n"))
    two = await comment(desk, pull, path="a.txt", start_line=12, line=13, body=body(""))
    three = await comment(desk, pull, path="b.txt", line=1, body=body("newest\n"))
    over = await comment(desk, pull, path="a.txt", start_line=9, line=11, body=body("x\n"))
    plain = await comment(desk, pull, path="a.txt", line=1)
    ids = {name: made["comments"][0]["id"] for name, made in (("1", one), ("2", two), ("3", three), ("over", over))}

    async def apply(*comments, status=201, **more):
        return await desk.post(pull, "/apply-suggestions", {"comment_ids": comments} | more, status)

    no_block = await apply(plain["comments"][0]["id"], status=422)
    assert no_block["error"]["code"] == "no_suggestion"
    assert (await apply(ids["1"], ids["over"], status=409))["error"]["code"] == "overlapping"
    assert (await apply(ids["1"], expected_head="0" * 40, status=423))["error"]["code"] == "stale_head"
    assert (await apply(pull["id"], status=404))["error"]["code"] == "no_such_thread"
    applied = await apply(ids["1"], ids["2"], ids["3"])
    expected = LINES.replace("line 10\n", "line X\nand more\n").replace("line 12\nline 13\n", "")
    assert (head.root / "a.txt").read_text() == expected and (head.root / "b.txt").read_text() == "newest\n"
    assert applied["head_commit"] != pull["head_commit"] and await head.files() == {}
    found = await thread(desk, pull)
    assert found["resolved"] and found["comments"][0]["applied_commit"] == applied["head_commit"]
    again = (await apply(ids["1"], status=422))["error"]
    assert again["message"] == f"That was applied already, as {applied['head_commit'][:10]}."


async def test_a_review_is_a_verdict_with_its_comments_all_or_nothing(desk, pull, someone):
    other, _ = await someone()
    comments = [{"body": "a", "path": "a.txt", "line": 10}, {"body": "b"}]
    bad = [*comments, {"body": "c", "path": "a.txt", "line": 99}]
    await review(other, pull, "request_changes", 422, comments=bad)
    assert (await desk.get(pull, "/threads"))["items"] == [] == (await desk.get(pull, "/reviews"))["items"]
    made = await review(other, pull, "request_changes", comments=comments, commit_id=pull["head_commit"])
    assert [t["comments"][0]["review_id"] for t in (await desk.get(pull, "/threads"))["items"]] == [made["id"]] * 2
    assert (await review(other, pull, "approve", 423, commit_id="0" * 40))["error"]["code"] == "stale_head"
    assert (await review(other, pull, "shrug", 422))["error"]["code"] == "invalid_request"
    assert (await review(other, pull, "comment", 422, body=" \n"))["error"]["code"] == "says_nothing"


async def test_required_approvals_hold_a_merge_back(desk, pull, head, yard, someone):
    rules = f"/sessions/{yard.id}/pull-requests/rules"
    await desk.ask("PUT", rules, {"required_approvals": 1})
    assert await desk.ask("GET", rules) == {"required_approvals": 1, "dismiss_stale": True}
    await review(desk, pull, "approve")  # one's own does not count
    refused = (await desk.merge(pull, 422))["error"]
    assert (refused["code"], refused["details"]["blocked_by"]) == ("not_approved", ["approvals"])
    (other, _), (third, _), (commenter, _) = await someone(), await someone(), await someone(Role.COMMENTER)
    await review(commenter, pull, "approve", 403)
    await review(commenter, pull, "comment", body="Looks fine")
    await review(third, pull, "request_changes")
    await review(other, pull, "approve")
    assert (await desk.get(pull))["blocked_by"] == ["changes_requested"]
    await review(third, pull, "approve")
    assert len((await desk.get(pull))["approved_by"]) == 2 and (await desk.get(pull))["blocked_by"] == []
    head.write("b.txt", "sneaked in\n")
    await head.commit("After the approval")
    assert (await desk.get(pull))["blocked_by"] == ["approvals"]
    assert (await desk.merge(pull, 422))["error"]["code"] == "not_approved"
    await desk.ask("PUT", rules, {"required_approvals": 2, "dismiss_stale": False})
    assert (await desk.merge(pull))["state"] == "merged"


async def test_a_verdict_counts_while_its_giver_may_give_one(desk, pull, yard, call, database, ada, workspace, client):
    """Whoever may only read by now approves nothing and holds nothing back, be it by their role or by what was given here."""
    await desk.ask("PUT", f"/sessions/{yard.id}/pull-requests/rules", {"required_approvals": 1})
    first, second = [await make.person(database, ada.organization_id, Role.MEMBER) for _ in range(2)]
    await review(Desk(call(first), workspace["id"]), pull, "approve")
    await review(Desk(call(second), workspace["id"]), pull, "request_changes")
    members = f"/organizations/{ada.organization_id}/members"
    assert (await client.put(f"{members}/{second.user_id}", json={"role": "viewer"})).status_code == 204
    assert (await desk.get(pull))["blocked_by"] == []
    teams = f"/organizations/{ada.organization_id}/teams"
    team = (await client.post(teams, json={"name": "Readers"})).json()["id"]
    assert (await client.put(f"{teams}/{team}/members/{first.user_id}")).status_code == 204
    given = f"/workspace/{workspace['id']}/access"
    assert (await client.put(f"{given}/teams/{team}", json={"access": "viewer"})).status_code == 204
    assert (await desk.get(pull))["blocked_by"] == ["approvals"]
    assert (await desk.merge(pull, 422))["error"]["details"]["approved_by"] == []
    assert (await client.put(f"{given}/people/{first.user_id}", json={"access": "member"})).status_code == 204
    assert (await desk.get(pull))["blocked_by"] == []
    assert (await client.delete(f"{members}/{first.user_id}")).status_code == 204
    assert (await desk.get(pull))["blocked_by"] == ["approvals"]


async def test_nobody_is_asked_for_what_they_may_not_see(desk, head, database, ada, workspace):
    somebody = await make.person(database, ada.organization_id, Role.MEMBER)
    await make.grant(database, somebody, workspace["id"], Access.NONE)
    body = {"head_session_id": head.id, "title": "t", "reviewers": [str(somebody.user_id)]}
    assert (await desk.ask("POST", "/pull-requests", body, 422))["error"]["code"] == "not_member"


async def test_rules_are_the_admins_to_set(desk, pull, yard, someone, client):
    """Attack rows 43 and 45."""
    other, _ = await someone()
    rules = f"/sessions/{yard.id}/pull-requests/rules"
    await other.ask("PUT", rules, {"required_approvals": 0}, 403)
    for body in ({"required_approvals": -1}, {"required_approvals": 99}, {"session_id": yard.id}, []):
        assert (await client.put(f"{desk.at}{rules}", json=body)).status_code in (400, 422)
    elsewhere = Desk(client, (await client.post("/workspace", json={"name": "other"})).json()["id"])
    await elsewhere.ask("PUT", rules, {"required_approvals": 0}, 404)


async def test_access_to_the_workspace_counts_before_the_role(desk, pull, call, database, ada, workspace):
    """Attack row 46: what was given in this workspace alone holds for its pull requests too."""
    somebody = await make.person(database, ada.organization_id, Role.MEMBER)
    await make.grant(database, somebody, workspace["id"], Access.NONE)
    mine = Desk(call(somebody), workspace["id"])
    await mine.get(pull, status=404)
    await review(mine, pull, "comment", 404)
    assert (await mine.ask("GET", "/pull-requests", None, 404))["error"]["code"] == "no_such_workspace"


async def test_reviewers_are_asked_and_counted(desk, head, someone):
    other, user = await someone()
    pull = await desk.open(head, reviewers=[user])
    assert [one["id"] for one in pull["reviewers"]] == [user]
    assert (await other.ask("GET", "/pull-requests/counts"))["review_requested"] == 1
    assert len((await desk.ask("GET", "/pull-requests", reviewer=user))["items"]) == 1
    await review(other, pull, "comment", body="Later")
    assert [one["answered"] for one in (await desk.get(pull))["reviewers"]] == [True]
    assert (await other.ask("GET", "/pull-requests/counts"))["review_requested"] == 0
    assert (await desk.ask("PUT", "/pull-requests/1", {"reviewers": []}))["reviewers"] == []


async def test_any_member_of_a_team_that_was_asked_answers_for_it(desk, head, someone, client, ada):
    """Attack row 42: a team of another organisation cannot be asked."""
    teams = f"/organizations/{ada.organization_id}/teams"
    team = (await client.post(teams, json={"name": "Readers"})).json()["id"]
    (first, one), (second, two), (outside, _) = [await someone() for _ in range(3)]
    for user in (one, two):
        assert (await client.put(f"{teams}/{team}/members/{user}")).status_code == 204
    pull = await desk.open(head, reviewer_teams=[team])
    asked = {"id": team, "name": "Readers", "answered": False}
    assert pull["reviewer_teams"] == [asked] and pull["reviewers"] == []

    async def waiting() -> list[int]:
        counts = [await who.ask("GET", "/pull-requests/counts") for who in (first, second, outside)]
        return [count["review_requested"] for count in counts]

    assert await waiting() == [1, 1, 0]
    assert len((await first.ask("GET", "/pull-requests", reviewer=two))["items"]) == 1
    await review(outside, pull, "approve")
    assert await waiting() == [1, 1, 0]
    await review(second, pull, "request_changes")
    assert await waiting() == [0, 0, 0]
    assert (await desk.get(pull))["reviewer_teams"] == [asked | {"answered": True}]
    for body in ({"reviewer_teams": []}, {"reviewer_teams": [team]}):  # asked again
        await desk.ask("PUT", "/pull-requests/1", body)
    assert await waiting() == [1, 1, 0]
    refused = await desk.ask("PUT", "/pull-requests/1", {"reviewer_teams": [two]}, 422)
    assert refused["error"]["code"] == "no_such_team" and await waiting() == [1, 1, 0]


async def test_teams_are_asked_by_many_pull_requests_at_a_time(desk, head, fork, yard, someone, client, ada):
    """What answers one is no answer of another."""
    teams = f"/organizations/{ada.organization_id}/teams"
    team = (await client.post(teams, json={"name": "Readers"})).json()["id"]
    member, user = await someone()
    assert (await client.put(f"{teams}/{team}/members/{user}")).status_code == 204
    other = await fork("Another", yard)
    other.write("c.txt", "new\n")
    await other.commit("Another change")
    one, two = [await desk.open(side, reviewer_teams=[team]) for side in (head, other)]
    await review(member, one, "approve")
    listed = (await desk.ask("GET", "/pull-requests"))["items"]
    assert [pull["reviewer_teams"][0]["answered"] for pull in listed] == [False, True]
    assert [pull["number"] for pull in (await desk.ask("GET", "/pull-requests", reviewer=user))["items"]] == [
        two["number"]
    ]


async def test_a_key_reviews_and_its_approval_does_not_count(desk, pull, yard, call, database, ada, workspace):
    key = Desk(call(await make.key(database, ada.organization_id, "pulls:write")), workspace["id"])
    await desk.ask("PUT", f"/sessions/{yard.id}/pull-requests/rules", {"required_approvals": 1})
    await review(key, pull, "approve")
    assert (await desk.get(pull))["approved_by"] == []
    assert (await key.merge(pull, 422))["error"]["code"] == "not_approved"
    at = f"/sessions/{pull['head_session_id']}/pull-requests/1/viewed"
    assert (await key.ask("PUT", at, {"path": "a.txt", "viewed": True}, 403))["error"]["code"] == "needs_person"


async def test_the_same_request_sent_again_is_done_once(desk, pull, client):
    """Attack row 63."""
    at = f"{desk.at}/pull-requests/1/threads"
    first = await client.post(at, json={"body": "Once"}, headers={"Idempotency-Key": "k"})
    again = await client.post(at, json={"body": "Once"}, headers={"Idempotency-Key": "k"})
    assert again.json() == first.json() and again.headers["idempotent-replayed"] == "true"
    assert (await client.post(at, json={"body": "Other"}, headers={"Idempotency-Key": "k"})).status_code == 422
    assert len((await desk.get(pull, "/threads"))["items"]) == 1
