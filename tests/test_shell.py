"""`codeyard shell`: a real terminal at both ends, over a real port."""

import asyncio
import os
import pty
import sys
import termios

import pytest
import uvicorn

from backend.accounts.keys.models import ApiKey
from backend.client.shell import _reason
from tests import make
from tests.workbench import test_terminals as terminals_tests
from tests.workbench.test_terminals import folder_of

session_id = terminals_tests.session_id

ATTACH = (
    "import fcntl, sys, termios; from backend.client.account import Account; from backend.client.shell import Opening, attach;"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); url, key, *opening = sys.argv[1:];"
    "sys.exit(attach(Account(url, key=key), Opening(*opening)))"
)


class Local:
    """The command in a terminal of its own, as a person has it."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(self.master, (33, 111))
        self.before = termios.tcgetattr(self.master)
        self.data = b""
        self.slave = slave
        self.arguments = arguments

    async def __aenter__(self) -> "Local":
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            ATTACH,
            *self.arguments,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
        )
        asyncio.get_running_loop().add_reader(self.master, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def _read(self) -> None:
        self.data += os.read(self.master, 65536)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    async def sees(self, text: bytes) -> None:
        async with asyncio.timeout(60):
            while text not in self.data:
                await asyncio.sleep(0.01)

    async def asks(self, line: str, answer: bytes) -> None:
        """Types `line` again and again until the answer is right."""
        async with asyncio.timeout(60):
            while answer not in self.data:
                self.type(line)
                await asyncio.sleep(0.1)

    async def ends(self) -> int:
        return await asyncio.wait_for(self.process.wait(), 60)


pytestmark = pytest.mark.usefixtures("without_the_workbenchs_image")


@pytest.fixture
async def url(app):
    """The application on a port; `asgi` leaves the lifespan to the fixtures."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", ws="websockets-sansio", log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.fixture
async def key(database, ada):
    """An API key that Ada made."""
    made = await make.key(database, ada.organization_id, "terminals:write")
    async with database.begin() as db:
        (await db.get_one(ApiKey, made.key_id)).created_by = ada.user_id
    return made.headers["authorization"].removeprefix("Bearer ")


async def test_a_shell_is_attached_resized_and_its_status_handed_on(url, key, session_id, resources):
    async with Local(url, key, str(session_id)) as local:
        local.type("stty size\n")
        await local.sees(b"33 111")
        termios.tcsetwinsize(local.master, (44, 99))
        await local.asks("stty size\n", b"44 99")
        local.type("sh -c 'echo sle''eps; exec sleep 1000'\n")
        await local.sees(b"sleeps")  # said by the program itself: before, Ctrl-C would be the shell's
        local.type("\x03exit 7\n")  # raw: it goes to the program there
        assert await local.ends() == 7
        assert termios.tcgetattr(local.master) == local.before


async def test_a_shell_is_detached_and_attached_again(url, key, session_id, resources):
    async with Local(url, key, str(session_id)) as local:
        local.type("x=kept; echo o''k\n")
        await local.sees(b"ok\r\n")
        local.type("\x1d")
        assert await local.ends() == 0
        [terminal] = list(resources.terminals)
        await local.sees(
            f"detached; the terminal stays. Back to it: codeyard shell {session_id} --terminal {terminal.id}".encode()
        )
    async with Local(url, key, str(session_id), terminal.id) as local:
        local.type("echo $x''.\n")
        await local.sees(b"kept.")


async def test_a_shell_comes_back_when_the_terminals_were_taken_over_by_the_next_server(
    url, key, session_id, resources
):
    async with Local(url, key, str(session_id)) as local:
        local.type("x=kept; echo o''k\n")
        await local.sees(b"ok\r\n")
        resources.terminals.leave()
        await resources.terminals.open()
        local.type("\n")
        await local.asks("echo still $x\n", b"still kept")


async def test_a_refusal_says_why(url, key, session_id, resources):
    folder_of(resources, session_id).rmdir()
    async with Local(url, key, str(session_id)) as local:
        assert await local.ends() == 1
        await local.sees(b"The shell could not be started")


def test_a_refusal_that_is_no_envelope_shows_its_status():
    from websockets.datastructures import Headers
    from websockets.exceptions import InvalidStatus
    from websockets.http11 import Response

    assert (
        _reason(InvalidStatus(Response(502, "Bad Gateway", Headers(), b"<html>")))
        == "the server refused with status 502"
    )
