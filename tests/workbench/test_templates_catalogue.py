"""The projects of the catalogue: each is whole, and does on a real engine what its README says."""

import asyncio

import pytest

from backend.workbench.templates.catalogue import FOLDER, catalogue
from runtimes.compose.read import load
from tests import require
from tests.workbench.test_services import put_away

NAMES = sorted(catalogue())


def project(name):
    return load(FOLDER / name, variables={})


def folder_of_image():
    """Every name under which a stand-in is built, and its folder."""
    return {tag: path.parent.name for path in require.IMAGES.parent.glob("*/tags") for tag in path.read_text().split()}


@pytest.mark.parametrize("name", NAMES)
def test_each_template_is_a_whole_project(name):
    for file in ("README.md", ".gitignore"):
        assert (FOLDER / name / file).read_text().strip(), file
    for service in project(name).services.values():
        assert service.healthcheck is not None, service.name
        assert service.image in folder_of_image(), service.image
        assert service.ports or service.expose, service.name
        if service.kind in ("database", "cache"):
            assert [volume.kind for volume in service.volumes] == ["volume"], service.name
        else:
            assert "bind" in [volume.kind for volume in service.volumes], service.name
        assert all(one.condition == "service_healthy" for one in service.depends_on), service.name


@pytest.mark.parametrize("name", NAMES)
def test_what_a_template_installs_stays_out_of_its_history(name):
    ignored = "".join(path.read_text() for path in (FOLDER / name).rglob(".gitignore"))
    for service in project(name).services.values():
        if "npm" in (service.install or ""):
            assert "node_modules/" in ignored
        if "venv" in (service.install or ""):
            assert ".venv/" in ignored


@pytest.mark.parametrize("name", NAMES)
def test_each_variable_of_a_template_is_used_and_described(name):
    for variable in catalogue()[name].variables:
        assert variable.description and variable.name in project(name).variables


@pytest.fixture
async def run(client, resources):
    """A workspace of a template, everything started, its passwords such as people think of; the path of its session."""

    async def run(template):
        require.images(*{folder_of_image()[one.image] for one in project(template).services.values()})
        given = {variable.name: "p@ss:w/ö #r%d$'" for variable in catalogue()[template].variables}
        made = (await client.post("/workspace/auto-create", json={"template": template, "variables": given})).json()
        here = f"/workspace/{made['session_id']}"
        async with asyncio.timeout(600):
            while True:
                operation = (await client.get(f"{here}/operations/{made['operation']['id']}")).json()
                if operation["status"] in ("succeeded", "failed"):
                    break
                await asyncio.sleep(0.1)
        assert operation["status"] == "succeeded", operation
        return made["session_id"]

    yield run
    await put_away(resources)


async def ask(resources, session, service, port, sent, *, until_closed):
    host, _ = await resources.runtime.address(resources.runtime.handle(session, service), port)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(sent)
    try:
        return (await (reader.read() if until_closed else reader.read(100))).decode()
    finally:
        writer.close()


@pytest.mark.docker
@pytest.mark.parametrize(
    ("template", "service", "port", "path", "said"),
    [
        ("django-postgres", "web", 8000, "/", "<h1>It works</h1>"),
        ("express-typescript", "api", 3000, "/", '{"hello":"world"}'),
        ("fastapi-postgres", "api", 8000, "/", '{"visits":1}'),
        ("go", "web", 8080, "/ada", "Hello from Go, /ada"),
        ("react-vite", "page", 5173, "/src/App.tsx", "Clicked"),
        ("rust", "web", 8080, "/", "Hello from Rust"),
        ("static-site", "web", 80, "/", "<h1>Hello</h1>"),
    ],
)
async def test_each_template_runs_answers_and_leaves_nothing_to_commit(
    client, resources, run, template, service, port, path, said
):
    session = await run(template)
    asked = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
    assert said in await ask(resources, session, service, port, asked, until_closed=True)
    assert (await client.get(f"/workspace/{session}/version-controls/status")).json()["files"] == []


@pytest.mark.docker
@pytest.mark.parametrize(
    ("template", "service", "port", "sent", "said"),
    [
        # SSLRequest of PostgreSQL's protocol 3.0, answered N where there is no TLS
        pytest.param("postgres", "db", 5432, b"\0\0\0\x08\x04\xd2\x16\x2f", "N", id="postgres"),
        pytest.param("redis", "cache", 6379, b"PING\r\n", "-NOAUTH", id="redis"),
    ],
)
async def test_each_database_template_runs_and_asks_for_its_password(
    resources, run, template, service, port, sent, said
):
    session = await run(template)
    assert (await ask(resources, session, service, port, sent, until_closed=False)).startswith(said)
