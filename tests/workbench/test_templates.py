"""Templates: from a click to a stack that runs, unchanged, on a real engine."""

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


async def test_a_workspace_starts_from_an_archive(client):
    first = (await client.post("/workspace", json={"name": "one"})).json()["default_session_id"]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        text = b"services:\n  web: {image: x}\n"
        entry = tarfile.TarInfo("compose.yaml")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    import base64

    body = {
        "op": "write",
        "path": "shop.tar.gz",
        "content": base64.b64encode(packed.getvalue()).decode(),
        "encoding": "base64",
    }
    assert (await client.post(f"/workspace/{first}/filesystem", json=body)).status_code == 200
    archive = {"session_id": first, "path": "shop.tar.gz"}
    made = (await client.post("/workspace/auto-create", json={"archive": archive, "run": False})).json()
    assert made["services"] == ["web"] and made["workspace"]["name"] == "shop"


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
