"""Sessions that nobody uses: told of, stopped, kept – in containers of a real engine, with the clocks of use put back."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.attendance import Attendance, session_in
from backend.core.db import new_id, now
from backend.workbench.idle.service import Idlers
from backend.workbench.services.watchers import Watchers
from tests.workbench.test_services import stack  # noqa: F401 - a fixture

SLEEPER = "services:\n  web:\n    image: debian:bookworm-slim\n    command: sleep 600\n"


@pytest.mark.parametrize("path", ["/api/v1/workspace/{}/services", "/api/v1/sessions/{}", "/api/v1/workspace/{}"])
def test_a_request_names_its_session_by_path(path: str):
    one = str(new_id())
    assert session_in(path.format(one), b"") == one


def test_a_socket_names_its_session_by_query_and_asking_for_idleness_is_no_use():
    one = str(new_id())
    assert session_in("/api/v1/ws/terminal", f"cols=80&session_id={one}&rows=2".encode()) == one
    assert session_in("/api/v1/ws/terminal", b"session_id=..%2f") is None
    assert session_in(f"/api/v1/workspace/{one}/idle", b"") is None
    assert session_in("/api/v1/workspace", b"limit=1") is None


def test_somebody_is_there_as_long_as_anybody_is():
    one, attendance = new_id(), Attendance()
    assert attendance.away(one) is None
    with attendance.present(str(one)):
        with attendance.present(str(one)):
            pass
        assert attendance.away(one) == 0
    assert 0 < attendance.away(one) < 5
    attendance.forget(older=0)
    assert attendance.away(one) is None


@pytest.fixture
async def idlers(resources) -> Idlers:
    found = resources.kept.get(Idlers)
    assert found is not None
    return found


@pytest.fixture
def long_ago(resources, idlers, stack):  # noqa: F811
    """Puts every trace of use back by so many minutes."""

    async def put_back(minutes: float) -> None:
        idlers.started = now() - timedelta(hours=2)
        idlers.busy.pop(UUID(stack.session["id"]), None)
        resources.attendance.forget(older=0)
        watchers = resources.kept.get(Watchers)
        for samples in watchers.samples.values():
            samples.clear()
        async with resources.database.begin() as db:
            await db.execute(text(f"UPDATE runtimes SET started_at = now() - interval '{minutes * 60} seconds'"))

    return put_back


async def told(resources, name: str) -> list[dict]:
    async with resources.database.begin() as db:
        return list(await db.scalars(text("SELECT data FROM events WHERE name = :name ORDER BY id"), {"name": name}))


@pytest.mark.docker
async def test_a_session_that_nobody_uses_is_told_of_and_then_stopped(client, resources, idlers, stack, long_ago):  # noqa: F811
    await stack.declare(SLEEPER)
    await stack.well("run-all")
    idle = f"{stack.path}/idle"
    assert (await client.get(idle)).json()["minutes"] == 0  # never, unless somebody chose otherwise
    await client.put(f"/workspace/{stack.session['workspace_id']}", json={"idle_minutes": 10})

    await idlers.look()
    shown = (await client.get(idle)).json()
    assert (shown["in_use"], shown["stops_at"]) == (["somebody used it a moment ago"], None)

    await long_ago(6)
    await idlers.look()
    await idlers.look()
    [announced] = await told(resources, "session.idle")  # once
    assert "stops services after 10 min" in announced["reason"]
    shown = (await client.get(idle)).json()
    assert shown["in_use"] == []
    assert announced["stops_at"][:16] == shown["stops_at"][:16]

    kept = (await client.put(f"{idle}/keep", json={"hours": 1})).json()
    assert kept["kept_until"] is not None
    await long_ago(30)
    await idlers.look()
    assert (await told(resources, "session.rested")) == []
    assert (await stack.services())["web"]["state"] == "running"

    await client.put(f"{idle}/keep", json={"hours": 0})
    await long_ago(30)
    await idlers.look()
    [rested] = await told(resources, "session.rested")
    assert "Nobody had it open" in rested["reason"]
    web = await stack.until("web", state="stopped")
    assert web["reason"] == {"code": "idle", "message": rested["reason"], "remedy": "Start it when it is needed again."}
    await stack.until("web", state="stopped", desired="stopped")


@pytest.mark.docker
async def test_what_computes_or_is_looked_at_is_in_use(client, resources, idlers, stack, long_ago):  # noqa: F811
    await stack.declare(SLEEPER.replace("sleep 600", "sh -c 'while :; do :; done'") + "    cpus: 0.3\n")
    await stack.well("run-all")
    await client.put(f"/workspace/{stack.session['workspace_id']}", json={"idle_minutes": 1})
    async with client.socket("/ws/lsp-fs-watch", session_id=stack.session["id"]):
        await long_ago(30)
        assert "somebody has it open" in (await client.get(f"{stack.path}/idle")).json()["in_use"]
    use: list[str] = []
    async with asyncio.timeout(60):
        while not use or "its services compute" not in use[-1]:
            await asyncio.sleep(0.1)
            resources.attendance.forget(older=0)
            use = (await client.get(f"{stack.path}/idle")).json()["in_use"]


async def test_a_session_is_kept_for_a_month_at_most(client, session_of):
    """Hours are a whole number of at most a month."""
    for hours in (-1, 721, 1.5, "x", None):
        answer = await client.put(f"/workspace/{session_of}/idle/keep", json={"hours": hours})
        assert answer.status_code in (400, 422), (hours, answer.text)


@pytest.fixture
async def session_of(client) -> str:
    return str((await client.post("/workspace", json={"name": "idle"})).json()["default_session_id"])
