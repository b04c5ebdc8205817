"""Terminals over HTTP and WebSocket: who may what, the frames, and shells that outlive their viewers and the server."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from sqlalchemy import select

from backend.accounts.keys.models import ApiKey
from backend.core import auth
from backend.core.auth import Role
from backend.core.db import new_id, now
from backend.core.events import EventRow, emit
from backend.workbench.sessions.events import SessionDeleted
from backend.workbench.sessions.models import Session, Status
from backend.workbench.terminals import run
from backend.workbench.workspaces.models import Workspace
from runtimes.terminals import KeeperLost
from tests import make
from tests.clients import Closed, Refused
from tests.server import alive


class Shell:
    """A socket at a terminal, with what it has said so far."""

    def __init__(self, socket, session_id):
        self.socket, self.session_id = socket, session_id
        self.data, self.frames, self.offset = b"", [], 0

    async def frame(self):
        """The next frame: bytes are kept and counted, text is decoded and kept."""
        received = await self.socket.receive()
        if isinstance(received, bytes):
            self.data += received
            self.offset += len(received)
        else:
            self.frames.append(json.loads(received))
            if self.frames[-1]["type"] == "attached":
                self.offset = self.frames[-1]["offset"]
        return received

    async def sees(self, text: bytes):
        while text not in self.data:
            await self.frame()

    async def told(self, kind: str):
        while not (found := [frame for frame in self.frames if frame["type"] == kind]):
            await self.frame()
        return found[-1]

    async def closed(self):
        try:
            while True:
                await self.frame()
        except Closed as closed:
            return closed.code

    async def type(self, text: str):
        await self.socket.send(text.encode())

    async def say(self, **frame):
        await self.socket.send(json.dumps(frame))


pytestmark = pytest.mark.usefixtures("without_the_workbenchs_image")


@pytest.fixture
async def session_id(database, resources, ada):
    """A ready session of Ada's, with a working copy. Its terminals are ended afterwards."""
    async with database.begin() as db:
        workspace_id, session_id = new_id(), new_id()
        db.add(Workspace(id=workspace_id, organization_id=ada.organization_id, name="w", slug=f"w-{workspace_id.hex[-6:]}",
                         description="", default_session_id=session_id))  # fmt: skip
        await db.flush()
        db.add(Session(id=session_id, workspace_id=workspace_id, organization_id=ada.organization_id, name="main",
                       branch="main", is_default=True, status=Status.READY))  # fmt: skip
    os.makedirs(folder_of(resources, session_id))
    yield session_id
    for terminal in resources.terminals:
        await resources.terminals.close(terminal.id, grace=0)


def folder_of(resources, session_id):
    return resources.data / "sessions" / str(session_id) / "workspace"


@asynccontextmanager
async def attached(caller, session_id, **params) -> AsyncIterator[Shell]:
    async with caller.socket("/ws/terminal", session_id=session_id, **params) as socket:
        shell = Shell(socket, session_id)
        await shell.told("attached")
        yield shell


async def test_a_shell_runs_in_the_working_copy(client, session_id, resources):
    (folder_of(resources, session_id) / "here.txt").touch()
    async with attached(client, session_id, cols=100, rows=30) as shell:
        attached_frame = shell.frames[0]
        assert (attached_frame["cols"], attached_frame["rows"], attached_frame["offset"]) == (100, 30, 0)
        await shell.type("ls; stty size; env\n")
        await shell.sees(b"here.txt")
        await shell.sees(b"30 100")
        await shell.type("exit 3\n")
        assert await shell.told("exit") == {"type": "exit", "code": 3}
        assert await shell.closed() == 1000
        assert b"CODEYARD" not in shell.data


async def test_commits_in_a_shell_are_by_who_opened_it(client, session_id):
    async with attached(client, session_id) as shell:
        await shell.type('echo "[$GIT_AUTHOR_NAME|$GIT_COMMITTER_NAME]"; echo "<$GIT_COMMITTER_EMAIL>"\n')
        await shell.sees(b"[Owner|Owner]")
        await shell.sees(b"@example.com>\r\n")


async def test_a_terminal_is_listed_attached_again_and_closed(client, session_id, database):
    async with attached(client, session_id) as shell:
        terminal_id = shell.frames[0]["terminal_id"]
        await shell.type("x=remembered\n")
        [listed] = (await client.get(f"/workspace/{session_id}/terminals")).json()["items"]
        assert listed["id"] == terminal_id and listed["pid"] == shell.frames[0]["pid"]
        assert (listed["state"], listed["exit_code"], listed["viewers"], listed["service_id"]) == (
            "running",
            None,
            1,
            None,
        )
    async with attached(client, session_id, terminal_id=terminal_id) as shell:
        await shell.type("echo still $x\n")
        await shell.sees(b"still remembered")
        assert (await client.delete(f"/workspace/{session_id}/terminals/{terminal_id}")).status_code == 204
        assert "signal" in await shell.told("exit")
        assert await shell.closed() == 1000
    assert (await client.get(f"/workspace/{session_id}/terminals")).json() == {"items": [], "next_cursor": None}
    gone = await client.delete(f"/workspace/{session_id}/terminals/{terminal_id}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "no_such_terminal")
    async with database.begin() as db:
        names = list(await db.scalars(select(EventRow.name).order_by(EventRow.id)))
    assert names == ["terminal.opened", "terminal.closed"]


async def test_a_viewer_that_returns_with_its_offset_gets_exactly_what_it_missed(client, session_id):
    async with attached(client, session_id) as whole:
        terminal_id = whole.frames[0]["terminal_id"]
        async with attached(client, session_id, terminal_id=terminal_id, after=0) as shell:
            await shell.type("echo fir''st\n")
            await shell.sees(b"first")
        await whole.type("echo seco''nd\n")
        await whole.sees(b"second\r\n")
        async with attached(client, session_id, terminal_id=terminal_id, after=shell.offset) as again:
            assert again.frames[0]["offset"] == shell.offset
            await again.sees(b"second\r\n")
            together = shell.data + again.data
            assert whole.data[: len(together)] == together[: len(whole.data)]


async def test_the_same_shell_is_there_after_the_servers_restart(client, session_id, resources):
    async with attached(client, session_id) as shell:
        pid, terminal_id = shell.frames[0]["pid"], shell.frames[0]["terminal_id"]
        await shell.type("x=same; echo o''k\n")
        await shell.sees(b"ok\r\n")
        resources.terminals.leave()
        assert await shell.closed() == 1012
    await resources.terminals.open()
    async with attached(client, session_id, terminal_id=terminal_id, after=shell.offset) as again:
        assert again.frames[0]["pid"] == pid
        await again.type("echo the $x\n")
        await again.sees(b"the same")


async def test_output_waits_for_acknowledgements_unless_the_client_is_plain(client, session_id):
    flood = "stty -onlcr; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo do''ne\n"
    async with attached(client, session_id) as shell:
        terminal_id = shell.frames[0]["terminal_id"]
        async with attached(client, session_id, terminal_id=terminal_id, after=0, ack=0) as plain:
            await shell.type(flood)
            await plain.sees(b"done\n")
        assert len(plain.data) > 3_000_000
        while shell.offset < 1 << 20:
            await shell.frame()
        with pytest.raises(TimeoutError):
            await shell.socket.receive(0.2)
        assert shell.offset == 1 << 20
        await shell.say(type="ack", offset=shell.offset)
        assert await shell.socket.receive()


async def test_the_size_goes_to_and_fro_with_who_types_also_to_who_opened_it(client, session_id):
    async with attached(client, session_id, cols=90, rows=20) as opener:
        async with attached(
            client, session_id, terminal_id=opener.frames[0]["terminal_id"], cols=100, rows=30
        ) as second:
            await second.type("stty size\n")
            await second.sees(b"30 100\r\n")
            await opener.type("stty size\n")
            await opener.sees(b"20 90\r\n")


async def test_size_and_signal_frames_act(client, session_id):
    async with attached(client, session_id) as shell:
        await shell.say(type="resize", cols=120, rows=40)
        assert await shell.told("resized") == {"type": "resized", "cols": 120, "rows": 40}
        await shell.type("""sh -c 'trap "echo cau""ght; exit" INT; echo rea""dy; while :; do sleep 0.02; done'\n""")
        await shell.sees(b"ready\r\n")
        await shell.say(type="signal", name="SIGINT")
        await shell.sees(b"caught\r\n")


@pytest.mark.parametrize(
    "frame",
    ['{"type":"resize","cols":0,"rows":0}', '{"type":"resize","cols":65536,"rows":24}', '{"type":"ack","offset":99999999}',
     '{"type":"ack","offset":-1}', "", "not json", '{"type":"signal","name":"SIGSTOP"}', "x" * 100_000, b"x" * (1 << 21)],
)  # fmt: skip
async def test_attacks_47_48_49_a_frame_out_of_bounds_closes_the_socket_and_not_the_terminal(client, session_id, frame):
    async with attached(client, session_id) as shell:
        await shell.socket.send(frame)
        assert await shell.closed() == 1008
    [listed] = (await client.get(f"/workspace/{session_id}/terminals")).json()["items"]
    assert (listed["state"], listed["cols"]) == ("running", 80)


@pytest.mark.parametrize(
    ("params", "status"),
    [({"cols": 0, "rows": 0}, 422), ({"cols": 65536, "rows": 65536}, 422), ({"cols": "x", "rows": 1}, 422),
     ({"cols": 1.5, "rows": 1}, 422),
     ({"after": -1}, 422), ({"after": 2**70}, 422), ({"after": "x"}, 422), ({"session_id": "x"}, 422),
     ({"terminal_id": "../x"}, 404),
     ({"service_id": "00000000-0000-0000-0000-000000000000"}, 404)],
)  # fmt: skip
async def test_bad_parameters_are_refused_before_the_upgrade(client, session_id, params, status):
    with pytest.raises(Refused) as refused:
        async with client.socket("/ws/terminal", **({"session_id": session_id} | params)):
            pass
    assert (refused.value.status, "error" in refused.value.body) == (status, True)
    assert (await client.get(f"/workspace/{session_id}/terminals")).json()["items"] == []


async def test_another_sessions_terminal_is_not_found(client, call, session_id, database, ada):
    async with attached(client, session_id) as shell:
        terminal_id = shell.frames[0]["terminal_id"]
        with pytest.raises(Refused) as refused:
            async with client.socket("/ws/terminal", session_id=new_id(), terminal_id=terminal_id):
                pass
        assert (refused.value.status, refused.value.body["error"]["code"]) == (404, "no_such_session")
        stranger = call(await make.person(database, await make.organization(database)))
        for answer in (
            await stranger.get(f"/workspace/{session_id}/terminals"),
            await stranger.delete(f"/workspace/{session_id}/terminals/{terminal_id}"),
        ):
            assert answer.status_code == 404


async def test_without_isolation_only_the_installations_owner_and_that_ones_keys_get_a_shell(
    client, call, session_id, database, ada, resources, monkeypatch
):
    settings = msgspec.structs.replace(resources.settings, allow_unisolated=False)
    monkeypatch.setattr(resources, "settings", settings)
    member = await make.person(database, ada.organization_id, Role.ADMIN)
    theirs = await make.key(database, ada.organization_id, "terminals:write")
    hers = await make.key(database, ada.organization_id, "terminals:write", "sessions:read")
    for key, maker in ((theirs, member), (hers, ada)):
        async with database.begin() as db:
            (await db.get_one(ApiKey, key.key_id)).created_by = maker.user_id
    for somebody in (member, theirs):
        with pytest.raises(Refused) as refused:
            async with call(somebody).socket("/ws/terminal", session_id=session_id):
                pass
        assert (refused.value.status, refused.value.body["error"]["code"]) == (403, "unisolated")
    async with attached(call(hers), session_id) as shell:
        await shell.type("echo by k''ey\n")
        await shell.sees(b"by key")


async def test_who_may_only_read_watches_and_opens_nothing(client, call, session_id, database, ada):
    watcher = await make.key(database, ada.organization_id, "terminals:read")
    async with database.begin() as db:
        (await db.get_one(ApiKey, watcher.key_id)).created_by = ada.user_id
    with pytest.raises(Refused) as refused:
        async with call(watcher).socket("/ws/terminal", session_id=session_id):
            pass
    assert refused.value.status == 403
    async with attached(client, session_id) as shell:
        terminal_id = shell.frames[0]["terminal_id"]
        async with attached(call(watcher), session_id, terminal_id=terminal_id, cols=10, rows=10) as watch:
            await watch.type("exit\n")
            assert (await watch.told("error"))["code"] == "read_only"
            await shell.type("echo f''or all\n")
            await watch.sees(b"for all")
        [listed] = (await client.get(f"/workspace/{session_id}/terminals")).json()["items"]
        assert (listed["cols"], listed["state"]) == (80, "running")


async def test_attack_7_the_socket_closes_when_the_rights_change(
    client, call, session_id, database, ada, resources, monkeypatch
):
    monkeypatch.setattr(auth, "_LONGEST_LOOK", 3600.0)
    resources.live.ring("access")  # so that the look under way is no shorter: it is the change that ends it
    key = await make.key(database, ada.organization_id, "terminals:write")
    async with database.begin() as db:
        (await db.get_one(ApiKey, key.key_id)).created_by = ada.user_id
    async with attached(call(key), session_id) as shell:
        assert (await client.delete(f"/organizations/{ada.organization_id}/api-keys/{key.key_id}")).status_code == 204
        assert await shell.closed() == 4401
    [listed] = (await client.get(f"/workspace/{session_id}/terminals")).json()["items"]
    assert (listed["state"], listed["viewers"]) == ("running", 0)


async def test_a_session_that_is_not_ready_or_was_deleted_opens_none(client, session_id, database):
    async with database.begin() as db:
        (await db.get_one(Session, session_id)).status = Status.STARTING
    with pytest.raises(Refused) as refused:
        async with client.socket("/ws/terminal", session_id=session_id):
            pass
    assert (refused.value.status, refused.value.body["error"]["code"]) == (409, "not_ready")
    async with database.begin() as db:
        (await db.get_one(Session, session_id)).deleted_at = now()
    with pytest.raises(Refused) as refused:
        async with client.socket("/ws/terminal", session_id=session_id):
            pass
    assert refused.value.status == 404


async def test_terminals_end_with_their_session(client, session_id, database, ada):
    async with attached(client, session_id) as shell:
        async with database.begin() as db:
            session = await db.get_one(Session, session_id)
            ids = {
                "organization_id": ada.organization_id,
                "workspace_id": session.workspace_id,
                "session_id": session_id,
            }
            await emit(db, SessionDeleted(**ids))
        await shell.told("exit")
        assert await shell.closed() == 1000


async def test_a_session_without_its_folder_says_why_no_shell_starts(client, session_id, resources):
    folder_of(resources, session_id).rmdir()
    with pytest.raises(Refused) as refused:
        async with client.socket("/ws/terminal", session_id=session_id):
            pass
    assert (refused.value.status, refused.value.body["error"]["code"]) == (409, "cannot_start")


async def test_a_keeper_that_does_not_answer_is_unavailable(client, session_id, resources, monkeypatch):
    async def away(*_, **__):
        raise KeeperLost("gone")

    monkeypatch.setattr(resources.terminals, "spawn", away)
    with pytest.raises(Refused) as refused:
        async with client.socket("/ws/terminal", session_id=session_id):
            pass
    assert (refused.value.status, refused.value.body["error"]["code"]) == (503, "keeper_away")


async def test_a_session_has_a_bounded_number_of_terminals(client, session_id, monkeypatch):
    monkeypatch.setattr("backend.workbench.terminals.service.PER_SESSION", 1)
    async with attached(client, session_id):
        with pytest.raises(Refused) as refused:
            async with client.socket("/ws/terminal", session_id=session_id):
                pass
        assert (refused.value.status, refused.value.body["error"]["code"]) == (429, "too_many_terminals")


async def ran(caller, session_id, command, status=200, **more):
    """What POST …/run answers."""
    answer = await caller.post(f"/workspace/{session_id}/run", json={"command": command} | more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def told(caller, session_id, command, **more):
    """The events by which POST …/run tells as it comes, comments as ("", words)."""
    headers = {"accept": "text/event-stream"}
    answer = await caller.post(f"/workspace/{session_id}/run", json={"command": command} | more, headers=headers)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    events = []
    for lines in (part.splitlines() for part in answer.text.split("\r\n\r\n") if part):
        fields = dict(line.split(": ", 1) for line in lines)
        events.append((fields["event"], json.loads(fields["data"])) if "event" in fields else ("", fields[""]))
    return events


async def begun(folder):
    """The number of the program that a command has started, once it has written it down."""
    async with asyncio.timeout(60):
        while not ((note := folder / "pid").exists() and note.read_text().endswith("\n")):
            await asyncio.sleep(0.02)
    number = int(note.read_text())
    note.unlink()
    return number


async def ended(pid):
    async with asyncio.timeout(60):
        while alive(pid):
            await asyncio.sleep(0.02)


LONG = "sleep 600 & echo $! > pid; echo begun; wait"


async def test_a_command_runs_to_its_end_and_is_answered_with_what_it_said(client, session_id, resources, database):
    folder = folder_of(resources, session_id)
    (folder / "sub").mkdir()
    script = 'pwd; echo "$A" $TERM; cat; echo oops >&2; exit 3'
    assert await ran(client, session_id, script, cwd="sub", env={"A": "ä  b"}) == {
        "exit_code": 3,
        "exit_signal": None,
        "output": f"{folder}/sub\nä  b dumb\noops\n",
        "truncated": False,
        "timed_out": False,
    }
    assert (await ran(client, session_id, "kill -9 $$"))["exit_signal"] == "SIGKILL"
    nowhere = await ran(client, session_id, "touch here", cwd="no 'where")
    assert nowhere["exit_code"] and "no 'where" in nowhere["output"] and not (folder / "here").exists()
    flood = await ran(client, session_id, "head -c 6000000 /dev/zero | tr '\\0' x; echo end")
    assert (flood["exit_code"], flood["truncated"], len(flood["output"])) == (0, True, 1 << 20)
    assert flood["output"].endswith("xend\n")
    assert (await client.get(f"/workspace/{session_id}/terminals")).json()["items"] == []
    async with database.begin() as db:
        names = list(await db.scalars(select(EventRow.name).order_by(EventRow.id)))
    assert names == ["terminal.opened", "terminal.closed"] * 4


async def test_a_command_is_told_as_it_comes_and_that_it_goes_on(client, session_id, monkeypatch):
    monkeypatch.setattr(run, "KEEP_ALIVE", 0.05)
    connected, *events, ended = await told(client, session_id, r"printf '\303'; sleep 0.5; printf '\244\n'; exit 3")
    assert connected == ("", "connected") and ("", "keep-alive") in events
    assert "".join(data for name, data in events if name == "output") == "ä\n"  # no halves of a character
    assert ended == ("ended", {"exit_code": 3, "exit_signal": None, "truncated": False, "timed_out": False})
    *events, (_, ended) = await told(client, session_id, "head -c 2000000 /dev/zero | tr '\\0' x; echo end")
    words = "".join(data for name, data in events if name == "output")
    assert (words, ended["truncated"]) == ("x" * 2_000_000 + "end\n", False)
    *_, ended = await told(client, session_id, "sleep 600", timeout_seconds=0.1)
    assert (ended[0], ended[1]["timed_out"], ended[1]["exit_code"]) == ("ended", True, None)
    assert (await client.get(f"/workspace/{session_id}/terminals")).json()["items"] == []


async def test_attack_8_a_command_ends_with_its_time_its_terminal_and_the_callers_rights(
    client, call, session_id, resources, database, ada
):
    folder = folder_of(resources, session_id)
    over = await ran(client, session_id, "trap '' HUP; while :; do sleep 1; done", timeout_seconds=0.1)
    assert (over["timed_out"], over["exit_code"], over["exit_signal"]) == (True, None, None)
    assert (await client.get(f"/workspace/{session_id}/terminals")).json()["items"] == []

    key = await make.key(database, ada.organization_id, "terminals:write")
    running = asyncio.create_task(ran(call(key), session_id, LONG, 401))
    pid = await begun(folder)
    [listed] = (await client.get(f"/workspace/{session_id}/terminals")).json()["items"]
    assert (listed["title"], listed["state"]) == (LONG, "running")
    assert (await client.delete(f"/organizations/{ada.organization_id}/api-keys/{key.key_id}")).status_code == 204
    assert (await running)["error"]["code"] == "unauthorized"
    await ended(pid)

    key = await make.key(database, ada.organization_id, "terminals:write")
    running = asyncio.create_task(told(call(key), session_id, LONG))
    pid = await begun(folder)
    assert (await client.delete(f"/organizations/{ada.organization_id}/api-keys/{key.key_id}")).status_code == 204
    assert [(name, data["code"]) for name, data in (await running)[-1:]] == [("error", "unauthorized")]
    await ended(pid)

    # one program: of two, the shell may see the other's end before its own, and ends by itself
    running = asyncio.create_task(ran(client, session_id, "echo $$ > pid; exec sleep 600"))
    pid = await begun(folder)
    [listed] = (await client.get(f"/workspace/{session_id}/terminals")).json()["items"]
    await client.delete(f"/workspace/{session_id}/terminals/{listed['id']}")
    assert (await running)["exit_signal"] in ("SIGHUP", "SIGKILL")  # after a second
    await ended(pid)


async def test_a_command_goes_on_in_its_terminal_when_the_server_restarts(client, session_id, resources):
    running = asyncio.create_task(ran(client, session_id, LONG, 503))
    pid = await begun(folder_of(resources, session_id))
    resources.terminals.leave()
    error = (await running)["error"]
    await resources.terminals.open()
    assert error["code"] == "restarting" and alive(pid)
    async with attached(client, session_id, terminal_id=error["details"]["terminal_id"]) as shell:
        await shell.sees(b"begun\n")


@pytest.mark.parametrize(
    "body",
    [{}, {"command": ""}, {"command": "a\0b"}, {"command": "x" * 32_001}, {"command": 1}, {"command": ["ls"]},
     {"env": {"A=B": "x"}}, {"env": {"A": 1}}, {"env": {"A": "\0"}}, {"env": {"": "x"}}, {"env": "A=B"},
     {"timeout_seconds": 0}, {"timeout_seconds": -1}, {"timeout_seconds": 1e9}, {"cwd": "\0"}, {"cwd": None},
     {"service_id": "x"}, {"organization_id": "x"}, {"shell": "/bin/sh"}],
)  # fmt: skip
async def test_attacks_43_and_65_commands_that_cannot_be_are_refused(client, session_id, body):
    body = body if "command" in body or not body else {"command": "touch here"} | body
    answer = await client.post(f"/workspace/{session_id}/run", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")


async def test_attacks_41_42_and_65_a_command_of_nobody_or_of_too_much_is_refused_where_it_would_run(
    client, call, session_id, database, ada, monkeypatch
):
    stranger = call(await make.person(database, await make.organization(database)))
    reader = call(await make.key(database, ada.organization_id, "terminals:read"))
    assert (await ran(stranger, session_id, "true", 404))["error"]["code"] == "no_such_session"
    assert (await ran(reader, session_id, "true", 403))["error"]["code"] == "missing_scope"
    assert (await ran(client, session_id, "true", 404, service_id=str(new_id())))["error"]["code"] == "no_such_service"
    long = {f"A{n}": "x" * 8000 for n in range(20)}
    assert "bytes at most" in (await ran(client, session_id, "true", 409, env=long))["error"]["message"]
    raw = await client.post(f"/workspace/{session_id}/run", content=b'{"command": "\\ud800"}')
    assert 400 <= raw.status_code < 500
    monkeypatch.setattr("backend.workbench.terminals.service.PER_SESSION", 0)
    assert (await ran(client, session_id, "true", 429))["error"]["code"] == "too_many_terminals"
