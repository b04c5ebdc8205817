"""Templates: from a click to a stack that runs, unchanged, on a real engine."""

import base64
import io
import tarfile

import pytest

from backend.workbench.templates.catalogue import FOLDER, catalogue
from runtimes.compose.read import load


def test_each_template_is_read_without_a_word_of_complaint():
    assert len(catalogue()) >= 10
    for name, template in catalogue().items():
        assert template.description and template.techstacks and template.icon, name
        project = load(FOLDER / name, variables={})
        assert project.problems == [], name
        assert project.generated == [variable.name for variable in template.variables if variable.generated], name
        assert set(project.variables) <= {variable.name for variable in template.variables}, name
        assert (FOLDER / name / "README.md").exists(), name


def test_no_template_has_credentials_of_its_own():
    for name in catalogue():
        for line in (FOLDER / name / "compose.yaml").read_text().splitlines():
            named, _, value = line.strip().partition(": ")
            if named.endswith(("PASSWORD", "KEY", "TOKEN")):
                assert value.startswith("${"), (name, line)


async def test_the_catalogue_is_listed(client):
    found = {one["id"]: one for one in (await client.get("/templates")).json()["items"]}
    assert found["full-stack"]["services"] == ["page", "api", "db"]
    assert found["full-stack"]["variables"][0]["generated"]


async def test_a_workspace_starts_from_a_template_with_its_files_committed(client):
    asked = {"template": "django-postgres", "name": "Notes", "run": False, "variables": {"POSTGRES_PASSWORD": "mine"}}
    answer = await client.post("/workspace/auto-create", json=asked)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["workspace"]["name"] == "Notes" and made["services"] == ["web", "db"] and made["problem"] is None
    here = f"/workspace/{made['session_id']}"
    assert (await client.get(f"{here}/version-controls/status")).json()["files"] == []
    names = (await client.get(f"/workspace/{made['workspace']['id']}/variables")).json()["items"]
    assert names == [{"name": "POSTGRES_PASSWORD"}]


async def packed(client, files):
    """A tar.gz of these in a session, as `archive` names it."""
    session = (await client.post("/workspace", json={"name": "one"})).json()["default_session_id"]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    content = base64.b64encode(made.getvalue()).decode()
    body = {"op": "write", "path": "shop.tar.gz", "content": content, "encoding": "base64"}
    assert (await client.post(f"/workspace/{session}/filesystem", json=body)).status_code == 200
    return {"session_id": session, "path": "shop.tar.gz"}


@pytest.mark.parametrize(
    "within", ["", "shop-main/"], ids=["as it is", "in a folder, as hosts of repositories pack it"]
)
async def test_a_workspace_starts_from_an_archive(client, within):
    compose = b"services:\n  web: {image: x}\n"
    archive = await packed(client, {f"{within}compose.yaml": compose, f"{within}src/a.txt": b"a"})
    made = (await client.post("/workspace/auto-create", json={"archive": archive, "run": False})).json()
    assert made["services"] == ["web"] and made["workspace"]["name"] == "shop" and made["problem"] is None


@pytest.mark.parametrize("files", [{"notes.txt": b"hello"}, {}], ids=["one file", "nothing"])
async def test_an_archive_that_says_nothing_of_what_runs_is_a_workspace_with_a_word_about_it(client, files):
    made = (await client.post("/workspace/auto-create", json={"archive": await packed(client, files)})).json()
    assert made["services"] == [] and made["operation"] is None and made["problem"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"template": "nope"}, 404),
        ({"template": "../../.."}, 404),
        ({"template": "go", "clone_url": "https://example.com/x"}, 422),
        ({"template": "go", "variables": {"a b": "x"}}, 400),
        ({"archive": {"session_id": "00000000-0000-0000-0000-000000000000", "path": "x.zip"}}, 404),
    ],
)
async def test_odd_requests_make_nothing(client, body, status):
    answer = await client.post("/workspace/auto-create", json=body)
    assert answer.status_code in (status, 422 if status == 400 else status), answer.text
    assert (await client.get("/workspace")).json()["items"] == []
