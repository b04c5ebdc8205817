"""GitHub's client against GitHub's published descriptions: a simulator refuses requests that these do not know, and answers with
their examples. What the client makes of a whole story is tested with a forge of our own (test_imports, test_mirrors)."""

import subprocess
from collections.abc import Iterator

import pytest

from backend.workbench.connections.clients import github
from backend.workbench.connections.clients.contract import Lines, ProviderDeclined, RemoteCheck
from backend.workbench.connections.clients.github import GitHub
from tests.workbench.test_lsp_clients import CLIENTS, NODE

NAME = "octocat/Hello-World"
PULL = 1347


@pytest.fixture(scope="module")
def client() -> Iterator[GitHub]:
    with subprocess.Popen([str(NODE), str(CLIENTS / "github.mjs")], stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        yield GitHub(f"http://127.0.0.1:{simulator.stdout.readline().strip()}", "token", "x", allow_private=True)
        simulator.terminate()


async def test_accounts_repositories_and_branches_are_asked_for_and_read_as_published(client):
    assert await client.account() == "octocat"
    assert [one.name for one in await client.organizations()] == ["octocat", "github"]
    for organization, query, expected in (("", "", NAME), ("github", "", NAME), ("github", "tet", "dtrupenn/Tetris")):
        [found], more = await client.repositories(organization, query, 1)
        assert (found.name, more) == (expected, None)
        assert found.url == f"https://github.com/{expected}.git"
    assert (await client.repository(NAME)).default_branch == "master"
    await client.has_folder(NAME, "0" * 40, "docs")
    [branch], _ = await client.branches(NAME, 1)
    assert (branch.name, len(branch.head)) == ("master", 40)


async def test_pull_requests_are_opened_changed_reviewed_and_merged_as_published(client):
    opened = await client.open_pull(NAME, head="new-topic", base="master", title="New", body="Text", draft=True)
    found = await client.find_pull(NAME, head="new-topic", base="master")
    pull = await client.pull(NAME, PULL)
    assert opened == pull
    assert found is not None and (found.number, found.head_branch, found.labels) == (PULL, "new-topic", ["bug"])
    await client.change_pull(NAME, pull, title="Newer", body="Text", state="closed")
    for state in ("draft", "open"):  # by GraphQL
        await client.change_pull(NAME, pull, title=None, body=None, state=state)
    await client.set_labels(NAME, PULL, ["bug"])
    await client.merge_pull(NAME, pull, method="squash", text="All of it")
    assert [one.verdict for one in await client.reviews(NAME, PULL)] == ["approve"]
    for verdict in ("approve", "request_changes", "comment"):
        assert (await client.review(NAME, pull, verdict, "Fine")).startswith("review:")


async def test_comments_and_checks_are_written_and_read_as_published(client):
    pull = await client.pull(NAME, PULL)
    assert (await client.comment(NAME, pull, "On the whole")).thread == "issue:1"
    for first in (2, 1):
        shown = await client.comment(NAME, pull, "On lines", lines=Lines("file1.txt", "head", first, 2, ""))
        assert shown.lines is not None and shown.lines.path == "file1.txt"
    assert (await client.comment(NAME, pull, "An answer", reply_to="pull:10")).author == "octocat"
    for comment in ("issue:1", "pull:10"):
        await client.edit_comment(NAME, PULL, comment, "Better")
        await client.delete_comment(NAME, PULL, comment)
    checks = await client.checks(NAME, pull.head_commit)
    assert {one.name: one.state for one in checks} == {
        "mighty_readme": "success",
        "continuous-integration/jenkins": "success",
        "security/brakeman": "success",
    }
    for state in ("pending", "success", "failure", "cancelled"):
        await client.set_check(NAME, pull.head_commit, RemoteCheck("ci", state, "https://ci.example/1", "Told"))


async def test_questions_to_graphql_fit_its_schema(client):
    """One that fits is asked of a repository that the simulator does not have; another is refused for what is wrong in it."""
    with pytest.raises(ProviderDeclined, match="no repository found"):
        await client.comments(NAME, PULL)
    for question in (github._RESOLVE, github._UNRESOLVE):
        await client._ask_graph(question, id="a thread")
    with pytest.raises(ProviderDeclined, match=r"Unknown argument|Field .* is not defined"):
        await client._ask_graph(github._RESOLVE.replace("threadId", "thread"), id="a thread")


async def test_the_simulator_refuses_what_is_not_published(client):
    with pytest.raises(ProviderDeclined):
        await client._api.send("POST", f"/repos/{NAME}/pulls/{PULL}/reviews", {"event": "NO_SUCH"})
    with pytest.raises(ProviderDeclined):
        await client._api.send("POST", f"/repos/{NAME}/pulls", {"title": "without branches"})
